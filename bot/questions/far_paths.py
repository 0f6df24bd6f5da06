"""Looks up where the paths of tool calls lead on another machine, before a question about them is decided."""

import asyncio
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from acp import AcpError, Place, Question, Subagent
from acp.jsonrpc import RequestId
from acp.schema import ToolCallUpdate
from bot.render.tool_calls import merged

from .session_paths import RealPath

LOOKUP_SECONDS = 15.0
"""How long a question waits for its paths before a person is asked."""

_REALPATH = ("realpath", "--canonicalize-missing", "--zero", "--")
"""Resolves as `os.path.realpath` does. A system without GNU's fails, and a person decides."""

log = structlog.stdlib.get_logger("bot")


async def resolve(place: Place, paths: Sequence[str]) -> dict[str, str]:
    """Return the paths without links, by the paths, in one command at the place; empty where that fails."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            ran = await place.run([*_REALPATH, *paths], cwd=Path("/"), seconds=LOOKUP_SECONDS)
    except (AcpError, TimeoutError, ValueError) as error:  # ValueError: a text that is no path.
        log.info("paths cannot be looked up", place=place.name, reason=str(error) or "no answer")
        return {}
    found = [os.fsdecode(each) for each in ran.output.split(b"\0")[:-1]]
    if ran.exit_status != 0 or ran.cut or len(found) != len(paths) or not all(map(os.path.isabs, found)):
        log.info("paths cannot be looked up", place=place.name, reason=f"exit status {ran.exit_status}")
        return {}
    return dict(zip(paths, found, strict=True))


def known(found: Mapping[str, str]) -> RealPath:
    """Return what resolves these paths, and raises `FileNotFoundError` for others."""

    def real(path: Path) -> str:
        if (told := found.get(str(path))) is None:
            raise FileNotFoundError(errno.ENOENT, "not looked up", str(path))
        return told

    return real


@dataclass(slots=True)
class _Waiting:
    """A question whose paths are looked up, and the latest that is known of its tool call."""

    question: Question
    call: ToolCallUpdate
    task: asyncio.Task[None] | None = field(default=None)


class FarPaths:
    """The questions of one turn that wait until the place has told where their paths lead."""

    def __init__(self, place: Place) -> None:
        """Look up at `place`."""
        self._place = place
        self._waiting: dict[RequestId, _Waiting] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def look_up(
        self,
        question: Question,
        call: ToolCallUpdate,
        paths: Sequence[str],
        done: Callable[[Question, ToolCallUpdate, Mapping[str, str]], None],
    ) -> None:
        """Call `done` with the paths without links, by the paths, unless the question has ended by then."""
        waiting = self._waiting[question.request_id] = _Waiting(question, call)

        async def look() -> None:
            found = await resolve(self._place, paths)
            del self._waiting[question.request_id]
            done(question, waiting.call, found)

        waiting.task = asyncio.create_task(look(), name=f"paths of question {question.request_id}")

    def changed(self, update: ToolCallUpdate, subagent: Subagent | None) -> None:
        """Note what an update changes in the tool calls of those that wait."""
        asker = None if subagent is None else subagent.session_id
        for each in self._waiting.values():
            own = None if each.question.subagent is None else each.question.subagent.session_id
            if own == asker and each.call.tool_call_id == update.tool_call_id:
                each.call = merged(each.call, update)

    def drop(self, request_ids: Sequence[RequestId]) -> None:
        """Forget these questions, which have ended; without ids all."""
        for request_id in request_ids or [*self._waiting]:
            waiting = self._waiting.pop(request_id, None)
            if waiting is not None and waiting.task is not None:
                waiting.task.cancel()
