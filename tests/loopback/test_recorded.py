"""Loopback's answers have the form of those that a live check recorded.

`recorded/` holds what `threadline check --live CHANNEL --record FILE` wrote. A file that was recorded on Discord shows
where loopback differs from it; `loopback.ndjson` was recorded on loopback, by `tests.loopback.record`.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .record import recorded

FILES = sorted((Path(__file__).parent / "recorded").glob("*.ndjson"))

ABSENT: frozenset[str] = frozenset()
"""Fields that Discord gives and loopback leaves out, as paths of `fields`."""

LIMIT_HEADERS = re.compile("x-ratelimit-|retry-after|via|content-type")
"""Headers that the bot reads."""

LOAD = 9
"""The step that repeats calls of others in many threads."""

Forms = Mapping[tuple[str, ...], Mapping[str, set[str]]]
"""For each call, or event, the kinds of values at each path."""


def forms(text: str) -> Forms:
    """Return the forms in a recording. A step's calls with the same status are one kind of call."""
    found: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    key: tuple[str, ...]
    for line in map(json.loads, text.splitlines()):
        if line["step"] == LOAD:
            continue
        if "op" in line:
            key, parts = (str(line["step"]), str(line["t"])), [("", line["d"])]
        else:
            path = re.sub(r"\?.*|/reactions/.*", "", line["path"])
            key = (str(line["step"]), line["method"], path, str(line["status"]))
            headers = {name: 0 for name in line["headers"] if LIMIT_HEADERS.match(name)}
            parts = [("body", line["body"]), ("headers", headers)]
        for name, part in parts:
            for place, kind in fields(part, name):
                found[key][place].add(kind)
    return found


def fields(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield each path in JSON with the kind of its value; the items of a list share a path."""
    match node:
        case dict():
            yield place, "object"
            for name, inner in node.items():
                yield from fields(inner, f"{place}.{name}")
        case list():
            yield place, "list"
            for inner in node:
                yield from fields(inner, f"{place}[]")
        case str():
            placeholder = "<id>" if node == "<digits>" else node  # Permissions are numbers of any length.
            yield place, placeholder if re.fullmatch("<[a-z]+>", node) else "text"
        case _:
            yield place, type(node).__name__


def differences(real: Forms, ours: Forms) -> list[str]:
    """Say what loopback answers otherwise than what was recorded; a recording need not have every step."""
    found = [f"{' '.join(key)}: not answered" for key in real.keys() - ours.keys()]
    for key in real.keys() & ours.keys():
        missing = real[key].keys() - ours[key].keys() - ABSENT
        found += [f"{' '.join(key)}: {place} is missing" for place in missing]
        for place, kinds in ours[key].items():
            if place not in real[key]:
                found.append(f"{' '.join(key)}: {place} is invented")
            elif not kinds <= real[key][place]:
                found.append(f"{' '.join(key)}: {place} is {kinds}, not {real[key][place]}")
    return sorted(found)


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def real(request: pytest.FixtureRequest) -> str:
    """Read each recording."""
    path: Path = request.param
    return path.read_text("utf-8")


async def test_loopback_answers_as_recorded(real: str, tmp_path: Path) -> None:
    """Each call has the same statuses, headers about limits, fields and kinds of values."""
    ours = await recorded(tmp_path)
    assert differences(forms(real), forms(ours)) == []


def test_another_form_is_told() -> None:
    """A field too many, one too few, another kind of value, another status."""
    line = {"step": 1, "method": "GET", "path": "/channels/<id>", "sent": None, "headers": {"via": "1.1"}}
    real = forms(json.dumps({**line, "status": 200, "body": {"id": "<id>", "flags": 0, "topic": None}}))
    ours = forms(json.dumps({**line, "status": 200, "body": {"id": "<id>", "flags": "0", "nsfw": False}}))
    other = forms(json.dumps({**line, "status": 404, "body": {}}))
    assert differences(real, real) == []
    assert differences(real, ours) == [
        "1 GET /channels/<id> 200: body.flags is {'text'}, not {'int'}",
        "1 GET /channels/<id> 200: body.nsfw is invented",
        "1 GET /channels/<id> 200: body.topic is missing",
    ]
    assert differences(real, other) == ["1 GET /channels/<id> 200: not answered"]
