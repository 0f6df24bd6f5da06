"""The invariants: each message of a round is answered once or openly declared, and no page is wrong. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final

from bench.chaos.plan import Line

__all__ = [
    "CONTROL",
    "OPEN",
    "Finding",
    "Page",
    "Request",
    "Rows",
    "Thread",
    "UserActions",
    "Violation",
    "find_violations",
]

LIMIT: Final = 2000
"""Characters of a Discord message."""

PLACEHOLDER: Final = re.compile(r"^-# ⏳ (starting|working|all agents are busy)", re.MULTILINE)

DECLARED: Final = re.compile(
    r"cancelled by <@"
    r"|^❌"
    r"|ended its turn"
    r"|^-# ⏹",
    re.MULTILINE,
)
"""Words of a reply that say openly how it ended other than with an answer."""

SILENCED: Final = 1
"""The person whose rights are taken away."""

OPEN: Final = ("received", "held", "prompted", "finished")
"""States of a journal row that has not ended."""


CONTROL: Final = re.compile(
    r"threadline:(?P<action>stop|keep|continue|drop|retry|skip|now|unqueue):(?P<about>[0-9]+)(?::(?P<message>[0-9]+))?$"
)
"""Buttons that steer a turn or what waits, by their custom ids."""

USE: Final = {
    "stop": ("received", "prompted"),
    "keep": ("prompted",),
    "continue": ("held", "received"),
    "drop": ("held", "received"),
    "now": ("held", "received"),
    "unqueue": ("held", "received"),
    "retry": ("prompted",),
    "skip": ("prompted",),
}
"""What a row must be for such a button to do anything: that of the message which it names, or any of its thread."""

Rows = Mapping[int, tuple[str, str | None]]
"""The journal's rows as (state, reason), by message."""


class Violation(StrEnum):
    """What can be wrong."""

    LOST = "lost"
    DOUBLED = "doubled"
    ORDER = "out of order"
    PAGE = "wrong page"
    ROW = "row not ended"
    CONTROL = "dead control"
    RIGHT = "done without right"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. Found again after a later round, it is the same."""

    fault: Violation
    round: int = field(compare=False)
    thread_id: int
    what: str


@dataclass(frozen=True, slots=True)
class Request:
    """A message that a person sent, and the line of the plan that it was."""

    line: Line
    round: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Page:
    """A message of the bot. `answers` is the message that it belongs to the reply of; `asks` whether it has a card.

    `attached` is what its files hold: long code is there. `controls` are the ids of its buttons that steer something.
    """

    message_id: int
    content: str
    answers: int | None = None
    asks: bool = False
    attached: str = ""
    controls: tuple[str, ...] = ()


@dataclass(slots=True)
class UserActions:
    """What people pressed: messages that were to be retried (how often) or skipped, threads where all was dropped.

    `harsh` are the rounds in which something happened that may leave a message without an answer, if that is said.
    `silenced` are the rounds in which the second person lost the right to talk for a while, and what that person may
    say then need not be answered; `barred` are messages that waited when the right was gone. `repeated` are the tokens
    of commands that failed before a person saw them taken, and how often each was given once more.
    """

    retried: dict[int, int] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    harsh: set[int] = field(default_factory=set)
    silenced: set[int] = field(default_factory=set)
    barred: set[int] = field(default_factory=set)
    repeated: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread: what was asked in it, what the bot wrote, and the journal's rows as (state, reason) by message.

    `together` has for a message that was taken together with later ones the last of them: theirs is one reply.
    """

    thread_id: int
    asked: Sequence[Request]
    pages: Sequence[Page]
    rows: Rows
    together: Mapping[int, int] = field(default_factory=dict)

    def exchange(self, asked: Request) -> int:
        """Return the message by which the reply to a message goes."""
        return self.together.get(asked.message_id, asked.message_id)


def find_violations(thread: Thread, prompts: Mapping[str, int], deeds: UserActions) -> list[Finding]:
    """Return all that is wrong in a thread. `prompts` is how often agents were asked for each token."""
    found: list[Finding] = []
    for asked in thread.asked:
        token = asked.line.token
        retries = deeds.retried.get(thread.exchange(asked), 0)
        prompted, most = prompts.get(token, 0), 1 + retries + deeds.repeated[token]
        entries = [
            *((Violation.LOST, what) for what in _lost(thread, asked, deeds)),
            *((Violation.ROW, what) for what in _unended(thread, asked)),
            *((Violation.RIGHT, what) for what in _unlawful(asked, prompted - most + 1, deeds)),
            *((Violation.DOUBLED, what) for what in _doubled(thread, token, prompted, most)),
        ]
        if not retries:
            entries += ((Violation.PAGE, what) for what in _incomplete(thread, asked))
        found += (Finding(fault, asked.round, thread.thread_id, what) for fault, what in entries)
    last = max((asked.round for asked in thread.asked), default=0)
    found += (Finding(Violation.ORDER, last, thread.thread_id, what) for what in _disorder(thread, deeds))
    for page in thread.pages:
        found += (Finding(Violation.PAGE, last, thread.thread_id, what) for what in _malformed(page))
        found += (Finding(Violation.CONTROL, last, thread.thread_id, what) for what in _dead(thread, page))
    return found


def _reply(thread: Thread, asked: Request) -> str:
    pages = [page for page in thread.pages if page.answers == thread.exchange(asked)]
    return "\n".join([*(page.content for page in pages), *(page.attached for page in pages)])


def _notices(thread: Thread, asked: Request) -> str:
    """What the bot said of a message elsewhere, by a link to it."""
    # At its end: a thread's id, which each link into it holds, is that of its first message.
    link = re.compile(rf"/(?:{asked.message_id}|{thread.exchange(asked)})(?![/\d])")
    return "\n".join(page.content for page in thread.pages if page.answers is None and link.search(page.content))


def _shown(thread: Thread, token: str) -> int:
    return sum(page.content.count(token) for page in thread.pages)


def _lost(thread: Thread, asked: Request, deeds: UserActions) -> Iterable[str]:
    """Find a message that has neither an answer nor a word about why not."""
    name = asked.line.token
    row = thread.rows.get(asked.message_id)
    if asked.line.by == SILENCED and asked.round in deeds.silenced and (row is None or row[0] == "closed"):
        return
    if row is None:
        yield f"{name} was never accepted"
        return
    state, reason = row
    if state in OPEN:
        return
    if thread.exchange(asked) in deeds.skipped and reason == "skipped":
        return
    if thread.thread_id in deeds.dropped and reason == "dropped":
        return
    declared = DECLARED.search(_reply(thread, asked)) or DECLARED.search(_notices(thread, asked))
    if state == "closed" and not declared:
        yield f"{name} was closed ({reason}) without a word"
    elif state == "answered" and not declared and not _shown(thread, name) and name not in _reply(thread, asked):
        yield f"{name} counts as answered and is not"
    elif declared and not (asked.round in deeds.harsh or any(each.line.lethal for each in thread.asked)):
        yield f"{name} has no answer for no reason: {declared[0]}"


def _unended(thread: Thread, asked: Request) -> Iterable[str]:
    """Find a message whose row is still open."""
    state, _ = thread.rows.get(asked.message_id, ("", None))
    if state in OPEN:
        yield f"{asked.line.token} is left {state}"


def _unlawful(asked: Request, prompts: int, deeds: UserActions) -> Iterable[str]:
    """Find a message that an agent got although its author had lost the right to talk while it waited.

    `prompts` leaves out those that the author asked for again: the right may be back by then.
    """
    if prompts > 0 and asked.message_id in deeds.barred:
        yield f"{asked.line.token} was prompted for somebody who may not talk any more"


def _dead(thread: Thread, page: Page) -> Iterable[str]:
    """Find buttons that can do nothing any more."""
    for control in page.controls:
        found = CONTROL.match(control)
        if found is None:
            continue
        action = found["action"]
        named = found["message"] or (found["about"] if action in ("retry", "skip") else None)
        rows = [thread.rows.get(each.message_id, ("", None)) for each in thread.asked]
        if named is not None:
            rows = [thread.rows.get(int(named), ("", None))]
        if not any(state in USE[action] for state, _ in rows):
            yield f"{action} can do nothing on {page.content[:40]!r}"


def _doubled(thread: Thread, token: str, prompts: int, most: int) -> Iterable[str]:
    """Find a message that an agent, or its person, got more often than it was asked for."""
    if prompts > most:
        yield f"{token} was prompted {prompts} times, asked for {most} times"
    shown = _shown(thread, token)
    if shown > most:
        yield f"{token} is shown {shown} times, prompted {prompts} times"


def _incomplete(thread: Thread, asked: Request) -> Iterable[str]:
    """Find an answer whose text is there in part or in another order; of several together, by the last one.

    Where there are several blocks, one of them may be in a file, and stands behind those that are not.
    """
    same = [each for each in thread.asked if thread.exchange(each) == thread.exchange(asked)]
    shown = all(_shown(thread, each.line.token) for each in same)
    blocks = [each.line.code_lines for each in same if each.line.code_lines]
    if not blocks or asked is not same[-1] or not shown:
        return
    lines = [int(one) for one in re.findall(r"^line_(\d+) = \d+$", _reply(thread, asked), re.MULTILINE)]
    whole = Counter(number for block in blocks for number in range(1, block + 1)) == Counter(lines)
    breaks = sum(after != before + 1 for before, after in pairwise(lines))
    files = sum(bool(page.attached) for page in thread.pages if page.answers == thread.exchange(asked))
    if not whole or breaks >= len(blocks) + (files if len(blocks) > 1 else 0):
        yield f"{asked.line.token} shows {len(lines)} lines of {sum(blocks)}, or in another order"


def _disorder(thread: Thread, deeds: UserActions) -> Iterable[str]:
    """Find answers in another order than their questions, retried ones aside."""
    whole = "\n".join(page.content for page in sorted(thread.pages, key=lambda page: page.message_id))
    places = [
        (whole.index(asked.line.token), asked.line.token)
        for asked in sorted(thread.asked, key=lambda asked: asked.message_id)
        if asked.line.token in whole and thread.exchange(asked) not in deeds.retried
    ]
    for (one, before), (other, after) in pairwise(places):
        if other < one:
            yield f"{after} is answered before {before}"


def _malformed(page: Page) -> Iterable[str]:
    """Find what no message may look like once all is over."""
    excerpt = page.content[:40]
    if len(page.content) > LIMIT:
        yield f"a page of {len(page.content)} characters: {excerpt!r}"
    if PLACEHOLDER.search(page.content):
        yield f"a placeholder is left: {excerpt!r}"
    if sum(line.lstrip().startswith("```") for line in page.content.splitlines()) % 2:
        yield f"an open fence: {excerpt!r}"
    if page.asks:
        yield f"a question is left open: {excerpt!r}"
