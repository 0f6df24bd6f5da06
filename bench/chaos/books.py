"""The books: each message of a round is answered once or openly declared, and no page is wrong. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final

from bench.chaos.plan import Line

__all__ = ["Asked", "Deeds", "Entry", "Fault", "Page", "Thread", "judge"]

LIMIT: Final = 2000
"""Characters of a Discord message."""

PLACEHOLDER: Final = re.compile(r"^-# ⏳ (starting|working|all agents are busy)", re.MULTILINE)

DECLARED: Final = re.compile(
    r"cancelled by <@"
    r"|was stopped while"
    r"|^❌"
    r"|ended its turn"
    r"|^-# ⏹",
    re.MULTILINE,
)
"""Words of a reply that say openly how it ended other than with an answer."""

OPEN: Final = ("received", "held", "prompted", "finished")
"""States of a journal row that has not ended."""


class Fault(StrEnum):
    """What can be wrong."""

    LOST = "lost"
    DOUBLED = "doubled"
    ORDER = "out of order"
    PAGE = "wrong page"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is wrong. Found again after a later round, it is the same."""

    fault: Fault
    round: int = field(compare=False)
    thread_id: int
    what: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that a person sent, and the line of the plan that it was."""

    line: Line
    round: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Page:
    """A message of the bot. `answers` is the message that it belongs to the reply of; `asks` whether it has a card.

    `attached` is what its files hold: long code is there.
    """

    message_id: int
    content: str
    answers: int | None = None
    asks: bool = False
    attached: str = ""


@dataclass(slots=True)
class Deeds:
    """What people pressed: messages that were to be retried (how often) or skipped, threads where all was dropped.

    `harsh` are the rounds in which something happened that may leave a message without an answer, if that is said.
    """

    retried: dict[int, int] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    harsh: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread: what was asked in it, what the bot wrote, and the journal's rows as (state, reason) by message.

    `together` has for a message that was taken together with later ones the last of them: theirs is one reply.
    """

    thread_id: int
    asked: Sequence[Asked]
    pages: Sequence[Page]
    rows: Mapping[int, tuple[str, str | None]]
    together: Mapping[int, int] = field(default_factory=dict)

    def exchange(self, asked: Asked) -> int:
        """Return the message by which the reply to a message goes."""
        return self.together.get(asked.message_id, asked.message_id)


def judge(thread: Thread, prompts: Mapping[str, int], deeds: Deeds) -> list[Entry]:
    """Return all that is wrong in a thread. `prompts` is how often agents were asked for each token."""
    found: list[Entry] = []
    for asked in thread.asked:
        retries = deeds.retried.get(thread.exchange(asked), 0)
        entries = [
            *((Fault.LOST, what) for what in _lost(thread, asked, deeds)),
            *((Fault.DOUBLED, what) for what in _doubled(thread, asked, prompts.get(asked.line.token, 0), retries)),
        ]
        if not retries:
            entries += ((Fault.PAGE, what) for what in _incomplete(thread, asked))
        found += (Entry(fault, asked.round, thread.thread_id, what) for fault, what in entries)
    last = max((asked.round for asked in thread.asked), default=0)
    found += (Entry(Fault.ORDER, last, thread.thread_id, what) for what in _disorder(thread, deeds))
    found += (Entry(Fault.PAGE, last, thread.thread_id, what) for page in thread.pages for what in _malformed(page))
    return found


def _reply(thread: Thread, asked: Asked) -> str:
    pages = [page for page in thread.pages if page.answers == thread.exchange(asked)]
    return "\n".join([*(page.content for page in pages), *(page.attached for page in pages)])


def _shown(thread: Thread, token: str) -> int:
    return sum(page.content.count(token) for page in thread.pages)


def _lost(thread: Thread, asked: Asked, deeds: Deeds) -> Iterable[str]:
    """Find a message that has neither an answer nor a word about why not."""
    name = asked.line.token
    row = thread.rows.get(asked.message_id)
    if row is None:
        yield f"{name} was never accepted"
        return
    state, reason = row
    if state in OPEN:
        yield f"{name} is left {state}"
        return
    if thread.exchange(asked) in deeds.skipped and reason == "skipped":
        return
    if thread.thread_id in deeds.dropped and reason == "dropped":
        return
    declared = DECLARED.search(_reply(thread, asked))
    if state == "closed" and not declared:
        yield f"{name} was closed ({reason}) without a word"
    elif state == "answered" and not declared and not _shown(thread, name):
        yield f"{name} counts as answered and is not"
    elif declared and not (asked.round in deeds.harsh or any(each.line.lethal for each in thread.asked)):
        yield f"{name} has no answer for no reason: {declared[0]}"


def _doubled(thread: Thread, asked: Asked, prompts: int, retries: int) -> Iterable[str]:
    """Find a message that an agent, or its person, got more than once."""
    if prompts > 1 + retries:
        yield f"{asked.line.token} was prompted {prompts} times, retried {retries} times"
    shown = _shown(thread, asked.line.token)
    if shown > 1 + retries:
        yield f"{asked.line.token} is shown {shown} times, prompted {prompts} times"


def _incomplete(thread: Thread, asked: Asked) -> Iterable[str]:
    """Find an answer whose text is there in part or in another order; of several together, by the last one."""
    same = [each for each in thread.asked if thread.exchange(each) == thread.exchange(asked)]
    shown = all(_shown(thread, each.line.token) for each in same)
    numbers = [str(number) for each in same for number in range(1, each.line.code_lines + 1)]
    if not numbers or asked is not same[-1] or not shown:
        return
    lines = re.findall(r"^line_(\d+) = (\d+)$", _reply(thread, asked), re.MULTILINE)
    if [one for one, _ in lines] != numbers:
        yield f"{asked.line.token} shows {len(lines)} lines of {len(numbers)}, or in another order"


def _disorder(thread: Thread, deeds: Deeds) -> Iterable[str]:
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
