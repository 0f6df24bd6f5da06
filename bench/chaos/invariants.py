"""The invariants: each message of a round is answered once or openly declared, and no page is wrong. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final

from bench.chaos.plan import Line

LIMIT: Final = 2000
"""Characters of a Discord message."""

PLACEHOLDER: Final = re.compile(
    r"^-# ⏳ (Starting|Working|All agents are busy|Queued on|Waiting until|On hold|\S+ cannot be reached)", re.MULTILINE
)

DECLARED: Final = re.compile(
    r"Stopped by <@"
    r"|^❌"
    r"|ended its turn"
    r"|^-# ⏹",
    re.MULTILINE,
)
"""Texts of a reply that declare another end than an answer."""

SILENCED: Final = 1
"""The person who loses the right to talk."""

OPEN: Final = ("received", "held", "prompted", "finished")
"""The states of a journal row that has not ended."""


CONTROL: Final = re.compile(
    r"threadline:(?P<action>stop|keep|continue|drop|retry|skip|now|unqueue|reach|elsewhere):(?P<about>[0-9]+)"
    r"(?::(?P<message>[0-9]+)|:[a-z][a-z0-9-]*)?$"
)
"""The custom ids of buttons that control a turn or the queue."""

USE: Final = {
    "stop": ("received", "prompted"),
    "keep": ("prompted",),
    "continue": ("held", "received"),
    "drop": ("held", "received"),
    "now": ("held", "received"),
    "unqueue": ("held", "received"),
    "reach": ("held", "received"),
    "elsewhere": ("held", "received"),
    "retry": ("prompted",),
    "skip": ("prompted",),
}
"""The row states in which such a button works: of its message, or of any message in its thread."""

Rows = Mapping[int, tuple[str, str | None]]
"""The journal's rows as (state, reason), by message."""


class Violation(StrEnum):
    """The kinds of violations."""

    LOST = "lost"
    DOUBLED = "doubled"
    ORDER = "out of order"
    PAGE = "wrong page"
    ROW = "row not ended"
    CONTROL = "dead control"
    RIGHT = "done without right"


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation. The same one found after a later round is equal."""

    fault: Violation
    round: int = field(compare=False)
    thread_id: int
    what: str


@dataclass(frozen=True, slots=True)
class Request:
    """A person's message, and its line of the plan."""

    line: Line
    round: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Page:
    """A message of the bot. `answers` is the message that its reply answers, `asks` is whether it asks a question.

    `attached` is the content of its files, like long code. `controls` are the custom ids of its control buttons.
    """

    message_id: int
    content: str
    answers: int | None = None
    asks: bool = False
    attached: str = ""
    controls: tuple[str, ...] = ()


@dataclass(slots=True)
class UserActions:
    """What people and faults did: messages retried (with counts) or skipped, threads with a dropped queue.

    A request that Retry has posted counts as retried too, 0 times at first: its answer may precede earlier ones.
    After `harsh` rounds a message may be declared unanswered. In `silenced` rounds the second person lost the right to
    talk, so their messages need no answer. `barred` messages were queued at that time. `repeated` counts by token the
    repetitions of commands that seemed to fail.
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
    """A thread: its requests, the bot's pages, and the journal's rows.

    `together` maps messages that share one reply to the last of them.
    """

    thread_id: int
    asked: Sequence[Request]
    pages: Sequence[Page]
    rows: Rows
    together: Mapping[int, int] = field(default_factory=dict)

    def exchange(self, asked: Request) -> int:
        """Return the message whose reply answers a request."""
        return self.together.get(asked.message_id, asked.message_id)


def find_violations(thread: Thread, prompts: Mapping[str, int], actions: UserActions) -> list[Finding]:
    """Return all violations in a thread. `prompts` counts the prompts for each token."""
    found: list[Finding] = []
    retried: Counter[str] = Counter()  # Retry posts the same words as a request of its own, which may be retried again.
    for exchange, token in {(thread.exchange(asked), asked.line.token) for asked in thread.asked}:
        retried[token] += actions.retried.get(exchange, 0)
    for asked in thread.asked:
        token = asked.line.token
        retries = retried[token]
        prompted, most = prompts.get(token, 0), 1 + retries + actions.repeated[token]
        entries = [
            *((Violation.LOST, what) for what in _lost(thread, asked, actions)),
            *((Violation.ROW, what) for what in _unended(thread, asked)),
            *((Violation.RIGHT, what) for what in _unlawful(asked, prompted - most + 1, actions)),
            *((Violation.DOUBLED, what) for what in _doubled(thread, token, prompted, most)),
        ]
        if not retries:
            entries += ((Violation.PAGE, what) for what in _incomplete(thread, asked))
        found += (Finding(fault, asked.round, thread.thread_id, what) for fault, what in entries)
    last = max((asked.round for asked in thread.asked), default=0)
    found += (Finding(Violation.ORDER, last, thread.thread_id, what) for what in _disorder(thread, actions))
    for page in thread.pages:
        found += (Finding(Violation.PAGE, last, thread.thread_id, what) for what in _malformed(page))
        found += (Finding(Violation.CONTROL, last, thread.thread_id, what) for what in _dead(thread, page))
    return found


def _reply(thread: Thread, asked: Request) -> str:
    pages = [page for page in thread.pages if page.answers == thread.exchange(asked)]
    return "\n".join([*(page.content for page in pages), *(page.attached for page in pages)])


def _notices(thread: Thread, asked: Request) -> str:
    """Return the bot's messages, outside replies, with a link to a request."""
    # At a link's end, because a thread's id, which every link into it contains, is that of its first message.
    link = re.compile(rf"/(?:{asked.message_id}|{thread.exchange(asked)})(?![/\d])")
    return "\n".join(page.content for page in thread.pages if page.answers is None and link.search(page.content))


def _shown(thread: Thread, token: str) -> int:
    return sum(page.content.count(token) for page in thread.pages)


def _lost(thread: Thread, asked: Request, actions: UserActions) -> Iterable[str]:
    """Find a request with neither an answer nor a declaration."""
    name = asked.line.token
    row = thread.rows.get(asked.message_id)
    if asked.line.by == SILENCED and asked.round in actions.silenced and (row is None or row[0] == "closed"):
        return
    if row is None:
        yield f"{name} was never accepted"
        return
    state, reason = row
    if state in OPEN:
        return
    if thread.exchange(asked) in actions.skipped and reason == "skipped":
        return
    if thread.thread_id in actions.dropped and reason == "dropped":
        return
    declared = DECLARED.search(_reply(thread, asked)) or DECLARED.search(_notices(thread, asked))
    if state == "closed" and not declared:
        yield f"{name} was closed ({reason}) without a word"
    elif state == "answered" and not declared and not _shown(thread, name) and name not in _reply(thread, asked):
        yield f"{name} counts as answered and is not"
    elif declared and not (asked.round in actions.harsh or any(each.line.lethal for each in thread.asked)):
        yield f"{name} has no answer for no reason: {declared[0]}"


def _unended(thread: Thread, asked: Request) -> Iterable[str]:
    """Find a request whose row is still open."""
    state, _ = thread.rows.get(asked.message_id, ("", None))
    if state in OPEN:
        yield f"{asked.line.token} is left {state}"


def _unlawful(asked: Request, prompts: int, actions: UserActions) -> Iterable[str]:
    """Find a request that was prompted after its author had lost the right to talk.

    `prompts` excludes the author's repetitions, because the right may be back by then.
    """
    if prompts > 0 and asked.message_id in actions.barred:
        yield f"{asked.line.token} was prompted for somebody who may not talk any more"


def _dead(thread: Thread, page: Page) -> Iterable[str]:
    """Find control buttons without an effect."""
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
    """Find a request that was prompted or answered more often than requested."""
    if prompts > most:
        yield f"{token} was prompted {prompts} times, asked for {most} times"
    shown = _shown(thread, token)
    if shown > most:
        yield f"{token} is shown {shown} times, prompted {prompts} times"


def _incomplete(thread: Thread, asked: Request) -> Iterable[str]:
    """Find an answer that is incomplete or out of order; messages with one reply are judged at the last one.

    One of several code blocks may be in a file, which comes after the others.
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


def _disorder(thread: Thread, actions: UserActions) -> Iterable[str]:
    """Find answers in another order than their requests, except retried ones."""
    whole = "\n".join(page.content for page in sorted(thread.pages, key=lambda page: page.message_id))
    places = [
        (whole.index(asked.line.token), asked.line.token)
        for asked in sorted(thread.asked, key=lambda asked: asked.message_id)
        if asked.line.token in whole and thread.exchange(asked) not in actions.retried
    ]
    for (one, before), (other, after) in pairwise(places):
        if other < one:
            yield f"{after} is answered before {before}"


def _malformed(page: Page) -> Iterable[str]:
    """Find malformed pages: too long, with a placeholder, an open fence, or an open question."""
    excerpt = page.content[:40]
    if len(page.content) > LIMIT:
        yield f"a page of {len(page.content)} characters: {excerpt!r}"
    if PLACEHOLDER.search(page.content):
        yield f"a placeholder is left: {excerpt!r}"
    if sum(line.lstrip().startswith("```") for line in page.content.splitlines()) % 2:
        yield f"an open fence: {excerpt!r}"
    if page.asks:
        yield f"a question is left open: {excerpt!r}"
