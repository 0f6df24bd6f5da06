"""A subagent of the agent's as one line of a reply: its state, its name, and what it does. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from acp import Subagent, SubagentState
from bot.config.appearance import Style
from bot.user_messages import subagents as texts

from .diffs import Change
from .tool_calls import Call
from .tool_runs import MOST as MOST_LINES
from .tool_runs import Folded, fold

MOST: Final = 256
"""Subagents of a reply that are remembered; one that works again after so many others gets a line of its own."""

DEEPEST: Final = 3
"""Levels that are indented; a subagent further below stands on the last one."""

_SYMBOLS: Final = {
    SubagentState.UNKNOWN: "▸",
    SubagentState.RUNNING: "▸",
    SubagentState.WAITING: "❓",
    SubagentState.COMPLETED: "✔",
    SubagentState.FAILED: "✘",
    SubagentState.CANCELLED: "■",
}
_WORKING: Final = frozenset({SubagentState.RUNNING, SubagentState.WAITING})
_ENDED: Final = frozenset({SubagentState.COMPLETED, SubagentState.FAILED, SubagentState.CANCELLED})


@dataclass(slots=True)
class SubagentLine:
    """A subagent in a run of tool calls, and the calls that it has made there."""

    subagent: Subagent
    calls: list[Call] = field(default_factory=list)
    folded: Folded = field(default_factory=Folded)
    listed: bool = False
    """Whether it is in a run."""
    over: bool = False
    """Whether the turn has ended, whatever the subagent's state is."""
    waits: bool = False
    """Whether a question stands below the line that it had."""
    changes: tuple[Change, ...] = ()
    """Always empty: the line shows no changes. They are in the patch."""
    is_whole: bool = False
    shows_all: bool = False
    _fold_at: int = 4 * MOST_LINES

    @property
    def is_subagent(self) -> bool:
        """It is one."""
        return True

    @property
    def ended(self) -> bool:
        """Whether it does nothing at the moment, as far as the agent has said."""
        return self.subagent.state in _ENDED

    def add(self, call: Call) -> None:
        """Add a call of its own. Calls that are only counted are dropped now and then."""
        self.calls.append(call)
        call.listed = True
        if len(self.calls) >= self._fold_at:
            fold(self.calls, self.folded)
            self._fold_at = 2 * len(self.calls) + 2 * MOST_LINES  # Running calls stay.

    def add_to(self, folded: Folded) -> None:
        """Count it, and its calls."""
        folded.subagents += 1
        folded.failed += self.subagent.state is SubagentState.FAILED
        folded.unfinished += not self.ended
        self._count(folded)

    def _count(self, folded: Folded) -> None:
        folded.merge(self.folded)
        for call in self.calls:
            call.add_to(folded)

    def line(self, _style: Style, *, frozen: bool = False) -> str:
        """Return it as one line of subtext; on a page that is `frozen` it does not say that it works."""
        subagent = self.subagent
        symbol = _SYMBOLS[subagent.state]
        if not self.ended and (self.over or frozen):
            symbol = "■" if self.over else "·"
        parts = [texts.name(subagent.title), texts.brief(subagent.description, texts.TASK), self._now()]
        indent = "↳" * min(subagent.depth, DEEPEST)
        return f"-# {indent} {symbol} 🤖 {' · '.join(part for part in parts if part)}"

    def _now(self) -> str:
        """Return what it does, or what it came to."""
        if self.subagent.state is SubagentState.WAITING and not self.over:
            return texts.WAITING
        if self.calls and not (self.ended or self.over):
            return next((call for call in reversed(self.calls) if not call.ended), self.calls[-1]).short(texts.TASK)
        done = Folded()
        self._count(done)
        counted = texts.tools(done.calls, done.failed)
        return " · ".join(filter(None, (texts.brief(self.subagent.reason, texts.TASK), counted)))

    def details(self, *, output: bool) -> Iterator[str]:  # noqa: ARG002 - as of a call
        """Return what follows the line: nothing."""
        yield from ()


class Subagents:
    """The lines of a reply's subagents, by the ids of their sessions."""

    def __init__(self) -> None:
        """Start with none."""
        self._lines: dict[str, SubagentLine] = {}

    def change(self, subagent: Subagent) -> SubagentLine | None:
        """Return the line that is to show this; None where it shows already, and for one that has not worked here."""
        line = self._line(subagent)
        if line is None and subagent.state in _WORKING:
            return self._new(subagent)
        if line is None or line.subagent == subagent:
            return None
        had_ended, line.subagent = line.ended, subagent
        return None if had_ended and line.ended else line

    def call(self, subagent: Subagent, call: Call) -> SubagentLine:
        """Add a tool call to the line of its subagent, and return the line."""
        line = self._line(subagent) or self._new(subagent)
        line.subagent = subagent
        if not call.listed:
            line.add(call)
        return line

    def end(self) -> None:
        """End the turn."""
        for line in self._lines.values():
            line.over = True

    def _line(self, subagent: Subagent) -> SubagentLine | None:
        """Return a subagent's line, unless it is counted with others."""
        line = self._lines.get(subagent.session_id)
        return None if line is None or (line.ended and not line.listed) else line

    def _new(self, subagent: Subagent) -> SubagentLine:
        self._lines.pop(subagent.session_id, None)
        if len(self._lines) == MOST:
            ended = (each for each, line in self._lines.items() if line.ended)
            del self._lines[next(ended, next(iter(self._lines)))]
        line = self._lines[subagent.session_id] = SubagentLine(subagent)
        return line
