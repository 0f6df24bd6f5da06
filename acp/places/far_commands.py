"""The near half of short commands at another place: each is one client process, which ends with its answer.

See `runner` for the far half and for what goes over the wire.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

import structlog

from acp.errors import (
    AgentClosed,
    FileProblem,
    FileRefused,
    PlaceUnreachable,
    RequestTimeout,
    SpawnFailed,
    StartProblem,
)
from acp.excerpt import excerpt
from acp.process.agent_process import AgentProcess, Launch
from acp.process.environment import BASE_NAMES

from . import runner
from .messages import BrokenMessage, MessageFinder
from .place import MAX_OUTPUT, RUN_SECONDS, Ran

REACH_SECONDS: Final = 60.0
"""How long the way to a place may take, besides the bound of what is done there: a connection, a container's start, a
file of 25 MB."""

REAP_SECONDS: Final = 10.0
"""Bound of the search for processes and of the kernel's time after SIGKILL."""

MAX_BANNER: Final = 1024 * 1024
"""Bytes that may come before the runner's first message: a host's greeting. What brings more will never get to it."""

MAX_TOLD: Final = 500
"""Characters of the far side's own words that an error has."""

NOT_READABLE: Final = "what its runner says is not readable"

_STATUSES: Final = range(256)
_SIGNALS: Final = range(1, 65)

log = structlog.stdlib.get_logger("acp")


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a place: the client process that starts the runner there.

    `argv` is the client's whole command line, which ends in the runner's. `env` and `cwd` are the client's own, on this
    machine. `journal` is the id that begins the markers of all our processes.
    """

    place: str
    argv: tuple[str, ...]
    journal: str
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")

    async def open(self, marker: str, *, log_stderr: bool = True) -> AgentProcess:
        """Start the client. Raises `PlaceUnreachable` where that fails here, as when it is not installed."""
        try:
            client = Launch(self.argv[0], self.argv[1:], self.cwd, self.env, log_stderr)
            return await AgentProcess.spawn(client, marker)
        except SpawnFailed as error:
            raise PlaceUnreachable(self.place, str(error)) from None


@dataclass(frozen=True, slots=True)
class Hello:
    """Who runs there: the runner's version, which must be `runner.VERSION`, and its Python's."""

    version: int
    python: str


def far_marker(place: str, marker: str) -> str:
    """Return the marker at `place` of what has `marker` (`<journal id>/<n>`, or a prefix of it) here.

    It differs, so that what ends the processes at a place never ends the clients that lead there, which may run on the
    same machine, nor what another place has started on that machine.
    """
    journal, _, number = marker.partition("/")
    return f"{journal}@{place}/{number}"


async def hello(route: Route, *, seconds: float = REACH_SECONDS) -> Hello:
    """Ask who runs there. Raises `PlaceUnreachable`, also for a runner of another version."""
    content, _ = await _ask(route, {"do": "hello"}, seconds=seconds)
    match content:
        case {"version": runner.VERSION as version, "python": str(python)}:
            return Hello(version, _told(python))
    raise PlaceUnreachable(route.place, NOT_READABLE)


async def run(
    route: Route,
    argv: Sequence[str],
    *,
    cwd: PurePath,
    stdin: bytes = b"",
    max_output: int = MAX_OUTPUT,
    seconds: float = RUN_SECONDS,
) -> Ran:
    """See `Place.run`. The command has `seconds` there, and the way to the place `REACH_SECONDS` besides."""
    # Its marker is of no journal: a `reap` of earlier agents must not end it. Its runner does.
    told = {"env": {}, "inherit": BASE_NAMES, "marker": f"command-{secrets.token_hex(16)}/1"}
    asked = {"do": "run", "argv": [*argv], "cwd": str(cwd), "max_output": max_output, **told}
    content, output = await _ask(route, asked, stdin, seconds=seconds, largest=max_output)
    if content.get("problem") == runner.TIME_IS_OVER:
        raise RequestTimeout(argv[0], seconds)
    if (status := exit_status(content)) is None:
        raise start_failure(route.place, content)
    return Ran(status, output, cut=content.get("cut") is True)


async def put(route: Route, data: bytes, path: PurePath) -> None:
    """See `Place.put`."""
    content, _ = await _ask(route, {"do": "put", "path": str(path)}, data)
    _require_done(content, route.place, path)


async def get(route: Route, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
    """See `Place.get`."""
    asked = {"do": "get", "path": str(path), "roots": [str(root) for root in roots], "max_size": max_size}
    content, data = await _ask(route, asked, largest=max_size)
    _require_done(content, route.place, path)
    return data


async def reap(route: Route, markers: Sequence[str], spared: str = "") -> int:
    """See `Place.reap`: end the processes with one of these markers, each a journal's whole one or `<journal id>/`.

    Without those whose marker begins with `spared`, if that is not empty. Returns only when none of these processes is
    left; else raises `PlaceUnreachable`.
    """
    far = [far_marker(route.place, each) for each in markers]
    asked = {"do": "reap", "markers": far, "spared": spared and far_marker(route.place, spared)}
    content, _ = await _ask(route, asked, seconds=REAP_SECONDS)
    match content:
        case {"found": int(found), "left": 0}:
            return found
        case {"left": int(left)}:
            raise PlaceUnreachable(route.place, f"processes that survive SIGKILL: {_told(left)}")
    raise PlaceUnreachable(route.place, NOT_READABLE)


def header(nonce: str, asked: Mapping[str, Any]) -> bytes:
    """Build the line that tells the runner what to do."""
    return json.dumps({"version": runner.VERSION, "nonce": nonce, **asked}).encode() + b"\n"


def last_words(client: AgentProcess, banner: bytes) -> str:
    """Return why a client failed, in one line: its last line on stderr, else on stdout, else its exit status."""
    lines = [*banner.decode(errors="replace").splitlines(), *client.stderr]
    told = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if not told and client.exit_status is None:
        return "no answer in time"
    return _told(told) or f"its client ended with {client.exit_status}"


def exit_status(content: Mapping[str, Any]) -> int | None:
    """Return how a process ended, by the runner's message: the exit status, or the negative number of the signal."""
    match content:
        case {"exit": int(status)} if status in _STATUSES:
            return int(status)
        case {"signal": int(number)} if number in _SIGNALS:
            return -number
    return None


def start_failure(place: str, content: Mapping[str, Any]) -> SpawnFailed | PlaceUnreachable:
    """Build the error for a runner's message that something was not started."""
    match content:
        case {"problem": str(problem), "path": str(path)} if problem in {*StartProblem}:
            return SpawnFailed(StartProblem(problem), _told(path), _told(content.get("detail") or ""))
        case {"problem": "version"}:
            detail = f"its runner has version {_told(content.get('version'))}, not {runner.VERSION}"
            return PlaceUnreachable(place, detail)
    return PlaceUnreachable(place, NOT_READABLE)


def _told(value: object) -> str:
    """Return what the far side tells, for people: a bounded line without control characters or halves of characters."""
    told = excerpt(value, MAX_TOLD).encode(errors="replace").decode()
    return "".join(character if character.isprintable() else "\ufffd" for character in told)


def _require_done(content: Mapping[str, Any], place: str, path: PurePath) -> None:
    match content:
        case {"problem": str(problem)} if problem in {*FileProblem}:
            raise FileRefused(FileProblem(problem), str(path), _told(content.get("detail") or ""))
        case {"problem": _}:
            raise PlaceUnreachable(place, NOT_READABLE)


async def _ask(
    route: Route, asked: Mapping[str, Any], data: bytes = b"", *, seconds: float = 0.0, largest: int = 0
) -> tuple[Mapping[str, Any], bytes]:
    """Have the runner do one thing. Returns its message, and the bytes that belong to it, `largest` at most."""
    nonce = secrets.token_hex(16)
    client = await route.open(f"{route.journal}/{nonce}")
    try:
        answer = _Answer(nonce, largest)
        client.attach(answer)
        client.write(header(nonce, {**asked, "size": len(data), "seconds": seconds}))
        client.write(data)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds + REACH_SECONDS):
                await answer.over.wait()
        if answer.content is None or answer.defect or not answer.whole:
            client.kill()
            raise PlaceUnreachable(route.place, answer.defect or last_words(client, answer.banner))
    finally:
        await client.stop()
    if answer.content.get("problem") == "version":
        raise start_failure(route.place, answer.content)
    return answer.content, bytes(answer.body)


class _Answer:
    """What comes back from a runner that does one thing; fed by the client's process."""

    def __init__(self, nonce: str, largest: int) -> None:
        self._finder = MessageFinder(nonce)
        self._largest = largest
        self.over = asyncio.Event()
        """The answer is there, or will never be."""
        self.content: Mapping[str, Any] | None = None
        self.body = bytearray()
        self.banner = b""
        """The end of what came before, which is a host's greeting or an engine's complaint."""
        self._banner_size = 0
        self.defect = ""

    @property
    def whole(self) -> bool:
        """Whether all of it has come."""
        return self.content is not None and len(self.body) == self.content.get("size")

    def feed(self, data: bytes) -> None:
        """Take bytes that the client wrote."""
        if self.over.is_set():
            return
        if self.content is None:
            data = self._find(data)
        self.body += data
        if self.content is not None and not self._may_be_whole(self.content.get("size")):
            self.defect = NOT_READABLE
        if self.whole or self.defect or self._banner_size > MAX_BANNER:
            self.over.set()

    def _may_be_whole(self, size: object) -> bool:
        return isinstance(size, int) and len(self.body) <= size <= self._largest

    def _find(self, data: bytes) -> bytes:
        """Look for the message. Returns what came behind it."""
        try:
            found = self._finder.feed(data)
        except BrokenMessage:
            self.defect = NOT_READABLE
            return b""
        behind = b""
        for each in found:
            match each:
                case bytes() if self.content is None:
                    self.banner = (self.banner + each)[-MAX_TOLD:]
                    self._banner_size += len(each)
                case bytes():
                    behind += each
                case content:
                    self.content = content
        return b"" if self.content is None else behind + self._finder.release()

    def closed(self, _error: AgentClosed) -> None:
        """Note the end of the client."""
        self.over.set()

    def pause_writing(self) -> None:
        """Let the data wait; the whole has a bound."""

    def resume_writing(self) -> None:
        """Do nothing either."""
