"""The state of a reply's pages on Discord: the messages that show them, and what is still to be shown. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.text.markdown import FENCE

OLD_SECONDS = 3300.0
"""Seconds. Discord limits some edits of a message older than an hour to three in six seconds (error 30046)."""

_RUN = re.compile(r"`{3}|~{3}")

REPAIRS = 2
"""Tries at making Discord store a text as it was meant; then what Discord made of it is accepted."""


class Try(NamedTuple):
    """What is sent as a new message, the page that it is of, and whether that page is provisional."""

    content: str
    page: str
    provisional: bool


@dataclass(slots=True)
class PageState:
    """A page. Without `message_id` no message shows it: not yet, or no longer.

    `since` is when the message was posted; `stop` is whether it has the Stop button.
    """

    message_id: int | None = None
    since: float = 0.0
    stop: bool = False
    content: str = ""
    """What the message was last confirmed to show."""
    before: str = ""
    """The part of the page that other messages have shown."""
    tried: Try | None = None
    """What was sent without an answer, and may have become a message. Until an answer comes no other text is sent."""
    enclosed: str = ""
    """The line that replaces a page that Discord refuses; a file brings the page then."""
    _page: str = ""
    _earlier: list[tuple[int, float, str]] = field(default_factory=list)
    """The messages that show `before`, except those known to be deleted: since when, and what was shown before each."""
    _returned: bool = False
    """Whether the message was left once, and is used again."""
    _repairs: int = 0

    @classmethod
    def of_earlier_run(cls, message_id: int | None, before: str, page: str) -> "PageState":
        """Return the state of a page whose message shows an unknown text; if it is deleted, it had shown `page`."""
        return cls(message_id, stop=message_id is not None, before=before, _page=page)

    def text(self, page: str) -> str:
        """Return what the message is to show for the page to be complete; empty if that needs no message."""
        return self.enclosed or rest_of(self.before, page)

    def enclose(self, line: str) -> None:
        """Replace the page, which Discord has refused, by a line."""
        self.enclosed, self.tried = line, None

    def attempt(self, page: str, *, provisional: bool) -> Try:
        """Return what to send as the page's message: the same until an answer comes.

        By that text the journal knows a message whose answer was lost.
        """
        if self.tried is None:
            self.tried = Try(self.text(page), page, provisional)
        return self.tried

    def differs(self, page: str) -> bool:
        """Whether text is missing on Discord, or too much is there."""
        text = self.text(page)
        if self.message_id is not None:
            return not text.strip() or text != self.content
        return bool(text.strip()) or self.tried is not None or (bool(self._earlier) and self._overshot(page))

    def lasts(self, page: str) -> bool:
        """Whether a message shows the page as it is, and nothing else is to be done for a page that never changes."""
        return not self.differs(page) and not (self.stop and self.message_id is not None)

    @property
    def stands(self) -> bool:
        """Whether there is a message, or may be one."""
        return self.message_id is not None or self.tried is not None

    def becomes_spare(self, page: str) -> bool:
        """Whether the message has become empty: what it showed has moved to the next page.

        Where no message shows the rest of the page, and the one before shows more than the page, it is used again.
        """
        if not self.stands and self._earlier and self._overshot(page):
            self._page, self._returned = self.before, True
            self.message_id, self.since, self.before = self._earlier.pop()
        return self.stands and not self.text(page).strip()

    def confirm(self, page: str, meant: str, stored: str, *, provisional: bool = False) -> bool:
        """Note what Discord has stored; return whether it is what was meant.

        Discord strips white space at both ends. A `provisional` page is no part of what is to be shown in the end.
        """
        same = stored.strip() == meant.strip()
        self._repairs = 0 if same else self._repairs + 1
        believed = same or self._repairs > REPAIRS
        self.content = meant if believed else stored
        if believed and not provisional:
            self._page = page
        return same

    def doubt(self) -> None:
        """Note that an edit may or may not have been made: what the message shows is unknown."""
        if self.message_id is not None:
            self.content = ""

    def is_old(self, now: float) -> bool:
        """Whether Discord limits edits of the message more than usual."""
        return self.message_id is not None and now - self.since >= OLD_SECONDS

    def outgrown(self, page: str, now: float) -> bool:
        """Whether the message is too old to be edited, and the page has only grown since: a new message can continue.

        False where it is unknown what the message shows.
        """
        known = bool(self._page and self.content and not self.enclosed)
        grown = known and page.startswith(_without_closing_fence(self._page))
        return self.is_old(now) and grown and bool(rest_of(self._page, page))

    def leave(self) -> None:
        """Leave the message as it is, also if it is deleted: another one shows only what it has not shown."""
        if self.message_id is not None and not self._returned:
            self._earlier.append((self.message_id, self.since, self.before))
        self._forget()

    def drop(self) -> None:
        """Note that the message was deleted because it was spare."""
        self._forget()

    def _forget(self) -> None:
        self.message_id, self.content, self.tried, self.stop = None, "", None, False
        self.before, self._repairs, self._returned = self._page or self.before, 0, False

    def _overshot(self, page: str) -> bool:
        shown, page = _without_closing_fence(self.before), _without_closing_fence(page)
        return shown.startswith(page) and shown.rstrip() != page.rstrip()


def first_difference(posted: Sequence[PageState], pages: Sequence[str], *, ended: bool, complete: bool) -> int | None:
    """Return the number of the first page whose message is to change; None where all messages are as they must be.

    `ended` is whether no page needs the Stop button any more, and `complete` whether no page more will come.
    """
    # A surplus button is harmless for a while; missing text is not.
    if (unwritten := first_unwritten(posted, pages)) is not None:
        return unwritten
    for number, one in enumerate(posted[: len(pages)]):
        if one.stop and one.message_id is not None and (ended or number < len(pages) - 1):
            return number
    # A page that was begun before it was sure is not always needed in the end.
    surplus = range(len(pages), len(posted) if complete else 0)
    return next((number for number in surplus if posted[number].stands), None)


def first_unwritten(posted: Sequence[PageState], pages: Sequence[str]) -> int | None:
    """Return the number of the first page that differs in its text."""
    states = [*posted, *(PageState() for _ in pages[len(posted) :])]
    pairs = zip(pages, states, strict=False)
    return next((number for number, (page, one) in enumerate(pairs) if one.differs(page)), None)


def rest_of(shown: str, page: str) -> str:
    """Return the part of a page that is left to show after `shown` was, as a page of its own.

    Where the shown part has changed, it begins with the first line that differs.
    """
    if not shown:
        return page
    if _without_closing_fence(shown).startswith(_without_closing_fence(page)):
        return ""  # What is missing at its end has moved to the next page.
    body = shown if page.startswith(shown) else _without_closing_fence(shown)
    cut = len(body)
    if not page.startswith(body):
        cut = _line_start(page, _common(body, page))
    elif not page.startswith("\n", cut) and _RUN.search(page[_line_start(page, cut) :].partition("\n")[0]):
        cut = _line_start(page, cut)  # In the middle of this line what follows could be taken for a fence.
    opening = _open_block(page[:cut])
    rest = page[cut:]
    if opening is None:
        return rest if rest.strip() else ""
    rest = rest.removeprefix("\n")
    return f"{opening}\n{rest}" if rest.strip("`~\n ") else ""


def _open_block(text: str) -> str | None:
    """Return the line that opened the code block in which `text` ends. On a page a fence always begins a line."""
    opening: str | None = None
    for line in text.split("\n"):
        if line.startswith(FENCE):
            opening = line if opening is None else None
    return opening


def _line_start(text: str, place: int) -> int:
    return text.rfind("\n", 0, place) + 1


def _common(one: str, other: str) -> int:
    """Return how many characters the beginnings of both have in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _without_closing_fence(text: str) -> str:
    """Remove the last line if it closes a fence: where a page grows, that line was only added to end the page."""
    body, _, last = text.rpartition("\n")
    closes = last.strip() == FENCE and _open_block(body) is not None
    return body if closes else text
