"""Renders the entries of a run, tool calls and subagents, as lines: the latest, and a count of the others. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from bot.config.appearance import Style
from bot.user_messages import reply_lines
from bot.user_messages import subagents as texts

from .diffs import Change

MOST = 6
"""Lines of one run; in a longer run the earlier entries are counted."""

MOST_SUBAGENTS = 10
"""Subagents of one run that have a line while they work; further ones are counted."""

MOST_PLACES = 1000
"""Locations of one call that are counted as changed files, at most."""


class Entry(Protocol):
    """What has a line in a run: a tool call, or a subagent with its own calls."""

    listed: bool
    over: bool
    waits: bool
    shows_all: bool

    @property
    def ended(self) -> bool:
        """Whether the agent has said how it ended."""

    @property
    def is_subagent(self) -> bool:
        """Whether it is a subagent."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What its line counts, and its details show."""

    @property
    def is_whole(self) -> bool:
        """Whether its details are all that it changes."""

    def line(self, style: Style, *, frozen: bool = False) -> str:
        """Return it as one line of subtext; on a page that is `frozen` it does not say that it runs."""

    def details(self, *, output: bool) -> Iterator[str]:
        """Return what follows the line."""

    def add_to(self, folded: "Folded") -> None:
        """Count it."""


E = TypeVar("E", bound=Entry)


@dataclass(slots=True)
class Folded:
    """The entries of a run that are only counted, with the calls of its subagents."""

    entries: int = 0
    calls: int = 0
    subagents: int = 0
    failed: int = 0
    unfinished: int = 0
    added: int = 0
    removed: int = 0
    paths: frozenset[str] = frozenset()
    """The files that were changed, up to `MOST_PLACES`."""

    def add(self, entry: Entry) -> None:
        """Count an entry."""
        self.entries += 1
        entry.add_to(self)

    def add_paths(self, paths: frozenset[str]) -> None:
        """Count changed files."""
        if len(self.paths) < MOST_PLACES:
            self.paths |= paths

    def merge(self, other: "Folded") -> None:
        """Count what another one has counted, but for its entries."""
        self.calls += other.calls
        self.failed += other.failed
        self.unfinished += other.unfinished
        self.added += other.added
        self.removed += other.removed
        self.add_paths(other.paths)

    def line(self) -> str:
        """Return the line with the count, above the latest entries."""
        return f"-# ⋯ {self.entries} earlier" + (f", {self.failed} failed" if self.failed else "")

    def summary(self) -> str:
        """Return the line that replaces a whole run."""
        return reply_lines.tools(
            self.calls,
            len(self.paths),
            subagents=self.subagents,
            added=self.added,
            removed=self.removed,
            failed=self.failed,
            unfinished=self.unfinished,
        )


def fold(run: list[E], folded: Folded) -> None:
    """Remove from a run the entries that its lines do not show any more, and count them."""
    for entry in [entry for entry in run[:-MOST] if entry.ended or entry.over]:
        folded.add(entry)
        entry.listed = entry.shows_all = False
    run[:] = [entry for entry in run if entry.listed]


def summary_of(run: Sequence[Entry], style: Style, before: Folded, *, frozen: bool = False) -> str:
    """Return a finished run as one line, and what still runs below it; a single entry as it is."""
    done = [entry for entry in run if entry.ended or entry.over]
    if style.tools == "full" or len(done) + before.entries < 2:
        return lines_of(run, style, before, frozen=frozen)
    count = replace(before)
    for entry in done:
        count.add(entry)
        entry.shows_all = False
    running, more = _uncrowded([entry for entry in run if not (entry.ended or entry.over)])
    return "\n".join([count.summary(), *(entry.line(style, frozen=frozen) for entry in running), *more])


def _uncrowded(run: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Return a run without the subagents that are too many while they work, and the line that counts those."""
    working = [entry for entry in run if entry.is_subagent and not (entry.ended or entry.over)]
    left_out = set(map(id, working[MOST_SUBAGENTS:]))
    more = [f"-# ↳ 🤖 {texts.more(len(left_out))}"] if left_out else []
    return [entry for entry in run if id(entry) not in left_out], more


def lines_of(
    run: Sequence[Entry],
    style: Style,
    before: Folded = Folded(),  # noqa: B008 - read only
    *,
    frozen: bool = False,
) -> str:
    """Return the lines of a run: of each entry where `tools` is full, else of the latest and the running ones.

    `before` are the entries that were removed from the run.
    """
    latest = next((entry for entry in reversed(run) if entry.changes), None)
    for entry in run:
        entry.shows_all = entry.is_whole and (style.tools == "full" or entry is latest)
    shown, more = _uncrowded(run)
    if style.tools == "full":
        whole = ("\n".join([entry.line(style, frozen=frozen), *entry.details(output=True)]) for entry in shown)
        return "\n".join([*whole, *more])
    folded = [entry for entry in shown[:-MOST] if entry.ended or entry.over] if len(shown) > MOST else []
    hidden, count = set(map(id, folded)), replace(before)
    for entry in folded:
        count.add(entry)
    lines = [count.line()] if count.entries else []
    for entry in shown:
        if id(entry) not in hidden:
            lines.append(entry.line(style, frozen=frozen))
            if entry is latest:
                lines += entry.details(output=False)
    return "\n".join(lines + more)
