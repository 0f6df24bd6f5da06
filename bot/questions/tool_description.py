"""Describes a tool call in full, for the question about it. Pure."""

import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from acp.schema import (
    AudioBlock,
    ContentBlock,
    Diff,
    EmbeddedResource,
    ImageBlock,
    OtherBlock,
    OtherToolContent,
    ResourceLink,
    TextBlock,
    ToolCallUpdate,
    ToolContent,
    ToolTerminal,
)
from bot.render.diffs import change_of
from bot.render.line_diff import DiffBudget
from bot.text.markdown import code_block, escape
from bot.text.printable import is_visible, visible
from bot.text.sizes import MAX_FILE_BYTES, format_size

TITLE = 150
"""Characters of the title in the headline; a longer one is repeated in full above the request."""

DETAIL = 900
"""Characters of the request in the message itself; a longer request is attached in full.

With a title full of markup, every note and five mentions the message stays below 2,000.
"""

NODE = 50
LINE = 10
"""Characters that each value of a structure, and each line, counts in addition to its text: many of them take long."""

CODED = 20
"""Characters that each character counts in a text with invisible ones, which takes so much longer to escape."""


class TooLong(Exception):
    """The description of a request is too large for Discord, or takes too long."""


def exceeds(parts: Iterable[Any], most: int, *, coded: int = 1) -> bool:
    """Whether a description of `parts` takes more than about `most` characters.

    It is quick for any size, while describing ten megabytes may take seconds. `coded` is the count of each character
    in a text with invisible ones.
    """
    waiting = [*parts]
    while waiting and most >= 0:
        match waiting.pop():
            case str() as text:
                most -= len(text) * (1 if coded == 1 or is_visible(text) else coded) + LINE * text.count("\n")
            case dict() as named:
                waiting += [*named, *named.values()]
            case list() | tuple() as several:
                waiting += several
            case None | int() | float():
                pass
            case BaseModel() as model:  # Last, as this check is the slowest.
                waiting += [*vars(model).values(), model.model_extra]
        most -= NODE
    return most < 0


def headline(call: ToolCallUpdate) -> str:
    """Return the title on one line, cut to `TITLE`."""
    words = re.split(r"[\n\t ]+", call.title or "", maxsplit=TITLE)  # More words cannot fit.
    return visible(" ".join(words).strip() or "Use a tool", TITLE)


def describe(call: ToolCallUpdate, more: Iterable[str] = ()) -> tuple[str, str]:
    """Return a headline in Discord's Markdown, and the whole request as plain text, with the lines `more`.

    Raises `TooLong`.
    """
    title = call.title or ""
    kind = f" ({escape(visible(call.kind, 40))})" if call.kind else ""
    parts = [title] if headline(call) != (visible(title, TITLE + 1) or "Use a tool") else []
    for location in call.locations or ():
        line = f":{location.line}" if location.line else ""
        parts.append(f"{_on_one_line(location.path)}{line}")
    budget = DiffBudget()
    parts += [_content(content, budget) for content in call.content or ()]
    if call.raw_input not in (None, {}, "", []):
        parts.append(_readable(call.raw_input))
    detail = "\n".join([*parts, *more])
    if len(detail) * (1 if is_visible(detail[: MAX_FILE_BYTES + 1]) else CODED) > MAX_FILE_BYTES:
        raise TooLong
    return f"{escape(headline(call))}{kind}", visible(detail)


def _content(content: ToolContent | Diff | ToolTerminal | OtherToolContent, budget: DiffBudget) -> str:
    """Return a part of a call: text in full, other content as a note."""
    match content:
        case Diff():
            return _change(content, budget)
        case ToolTerminal(terminal_id=terminal_id):
            return f"[terminal {_on_one_line(terminal_id)}]"
        case ToolContent(content=block):
            return _block(block)
        case _:
            return _as_json(content)


def _block(block: ContentBlock) -> str:
    match block:
        case TextBlock(text=text):
            return text
        case ImageBlock(data=data, mime_type=kind) | AudioBlock(data=data, mime_type=kind):
            return f"[{_on_one_line(kind)}, {format_size(len(data) * 3 // 4)}]"
        case ResourceLink(name=name, uri=uri):
            return f"[link {_on_one_line(name)}: {_on_one_line(uri)}]"
        case EmbeddedResource(resource={"text": str(text), **rest}):
            return f"[{_on_one_line(str(rest.get('uri', 'resource')))}]\n{text}"
        case EmbeddedResource(resource=resource):
            size = format_size(len(str(resource.get("blob", ""))) * 3 // 4)
            return f"[{_on_one_line(str(resource.get('uri', 'resource')))}, {size}]"
        case _:
            return _as_json(block)


def _as_json(part: OtherBlock | OtherToolContent) -> str:
    """Return an unknown part as JSON."""
    return json.dumps(part.model_dump(by_alias=True), ensure_ascii=False, default=str)


def excerpt(detail: str) -> str:
    """Return the beginning that fits the message; a long run of backticks needs a longer fence."""
    shown = detail[:DETAIL]
    while len(code_block(shown)) > DETAIL + 100:
        shown = shown[: len(shown) // 2]
    return shown


def _change(diff: Diff, budget: DiffBudget) -> str:
    """Return a change as a patch, below the path as the agent wrote it."""
    path, change = _on_one_line(diff.path), change_of(diff, budget=budget)
    if change is None:
        return f"{path}: unchanged"
    if not (change.added or change.removed):
        return f"{path}: new and empty"
    _, _, rest = change.patch.rstrip("\n").split("\n", maxsplit=2)
    return f"--- {path}\n+++ {path}\n{rest}"


def _on_one_line(path: str) -> str:
    return path.replace("\n", r"\u{a}")


def _readable(raw: Any) -> str:
    """Return a command as it is typed, and any other input as JSON."""
    if isinstance(raw, dict) and len(raw) == 1 and isinstance(raw.get("command"), str):
        return f"$ {raw['command']}"
    return raw if isinstance(raw, str) else json.dumps(raw, indent=2, ensure_ascii=False, default=str)
