"""The pages of one reply as they fill: frozen pages, the open one with the draft, and the rest without a page. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bot.text.markdown import FENCE, LIMIT, break_fences
from bot.user_messages import reply_lines as texts

from .converter import Draft
from .page_breaks import Page, end_page, is_decided, pages_of, take_page
from .spool import Spool

MOST_MOVED = 200
"""Characters that may move to the next page where a page is ended before it is full."""

MOST_CHARACTERS = 200_000
"""Characters on pages, whatever the style says; the rest is spooled."""

LEAST_COUNTED = 200
"""Characters that a page counts as at least: a few words between many questions make a thousand pages at most."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text that may still change, from `start` up to, not including, `end`."""

    start: int
    end: int


class Pager:
    """Cuts one growing text. `over`: the pages are full, and the text continues in `rest`."""

    def __init__(self, most: int) -> None:
        """Allow `most` pages that end because they are full; 0 is no limit."""
        self._most = most
        self._frozen: list[str] = []
        self._full = 0
        """How many of the frozen pages ended because they were full, and not at a question."""
        self._characters = 0
        self._opening = ""
        self._notices: list[str] = []
        self.rest = Spool()
        self.over = False
        self._late = False
        self.last_page = 0
        """The index of the page that names the rest."""

    def has_room(self, text: str) -> bool:
        """Whether `text` fits on the open page."""
        return not self.over and len(text) <= LIMIT - len(self._opening)

    def freeze(self, text: str, *, complete: bool, words_end: int, live: Sequence[Span] = ()) -> int:
        """Freeze the full pages that `text` begins with; return how many of its characters were taken.

        Returns early at the last page that is allowed. `complete` is whether the last line is. Behind `words_end`,
        where the agent's words end, are lines that always get a page. `live` parts may change, and are better kept
        whole on the open page.
        """
        if self.over:
            return self._drop_full(text)
        at = 0
        while len(text) - at > LIMIT - len(self._opening):
            if not complete and not is_decided(text, at):
                break
            if self._is_full() and words_end > take_page(text, at, self._opening).end:
                return self._overflow(text, at)
            page = self._whole(text, at, live)
            self._freeze(page)
            at = page.end
        return at

    def _drop_full(self, text: str) -> int:
        """Move all into the rest but about a page, which may still change; cut at the end of a line if there is one."""
        most = len(text) - LIMIT
        if most <= 0:
            return 0
        end = text.rfind("\n", 0, most) + 1 or most
        self._write_rest(text[:end])
        return end

    def is_short(self, text: str, draft: Draft, more: int) -> bool:
        """Whether the open page is well filled, and has room for `text` and the draft, but not for `more` characters.

        Only pages in the first half are: room that is lost on all of them would move more text into the file.
        """
        shown, room = len(text) + len(draft.text), LIMIT - len(self._opening)
        late = 0 < self._most < 2 * (self._full + 1)
        return not (late or self.over or draft.fence) and LIMIT // 2 < shown <= room < shown + more

    def end_page(self, text: str, draft: Draft, live: Sequence[Span]) -> int:
        """Freeze the open page although it has room; return how many characters of `text` were taken.

        The page stays open, and 0 is returned, where too much would move to the next page, where no text would, and
        where a part that changes would be frozen.
        """
        page = end_page(text + draft.text, len(text), self._opening)
        if page is None or not page.content or any(not text[span.end : page.end].strip() for span in live):
            return 0
        moved = text[page.end :] + draft.text
        if not moved.strip() or len(moved) > MOST_MOVED:
            return 0
        self._freeze(page)
        return page.end

    @property
    def count(self) -> int:
        """The number of frozen pages."""
        return len(self._frozen)

    @property
    def takes_breaks(self) -> bool:
        """Whether the open page may end although it is not full: the next one need not be the last."""
        return self._characters + 2 * LIMIT <= MOST_CHARACTERS

    def break_at_question(self, text: str) -> int:
        """Freeze the open page, which holds `text` and no open code block; return the number of pages so far.

        Where the pages are `over`, `text` has none, and only the notices are frozen. Call it only while `takes_breaks`.
        """
        shown, opening = ("\n".join(self._notices), "") if self.over else (text, self._opening)
        self._notices.clear()
        self._opening = ""
        for content in pages_of(shown, opening):
            self._keep(content)
        return len(self._frozen)

    def _freeze(self, page: Page) -> None:
        if page.content:
            self._keep(page.content)
            self._full += 1
        self._opening = page.opening

    def _keep(self, content: str) -> None:
        self._frozen.append(content)
        self._characters += max(len(content), LEAST_COUNTED)

    def _is_full(self) -> bool:
        """Whether the open page is the last one."""
        return (0 < self._most <= self._full + 1) or self._characters + 2 * LIMIT > MOST_CHARACTERS

    def fill(self, text: str) -> int:
        """Make the open page the last one, although there is room; return how many characters were taken."""
        return self._overflow(text, 0)

    def _overflow(self, text: str, at: int) -> int:
        note = texts.REST_TOO_LATE if self._late else texts.REST_ATTACHED
        page = take_page(text, at, self._opening, LIMIT - len(note))
        self._keep((page.content + note).lstrip("\n"))
        self._full += 1
        self.last_page = len(self._frozen) - 1
        self._opening = page.opening if page.opening.startswith(FENCE) else ""
        self._write_rest(self._opening)
        self.over = True
        return page.end

    def _whole(self, text: str, at: int, live: Sequence[Span]) -> Page:
        """Take a page that ends before a part that changes, if a quarter of the page is filled before it."""
        page = take_page(text, at, self._opening)
        for span in live:
            if at + LIMIT // 4 < span.start < page.end < span.end:
                shorter = take_page(text[at : span.start], 0, self._opening)
                return Page(shorter.content, at + shorter.end, shorter.opening)
        return page

    def finish(self, text: str) -> None:
        """Write what has no page into the rest."""
        self._write_rest(text)

    def turn_late(self) -> None:
        """Stop writing the rest, which is being attached. Late text gets the pages that are left, at least one."""
        self._late = True
        if self.over:
            self._frozen += pages_of("\n".join(self._notices))
            self._notices.clear()
            self._most, self._opening, self.over = self._full + 1, "", False

    def _write_rest(self, text: str) -> None:
        if not self._late:
            self.rest.write(text.encode())

    def notice(self, text: str) -> None:
        """Add lines that are shown although the pages are full."""
        self._notices.append(text)

    def pages(self, text: str, draft: Draft) -> list[str]:
        """Return all pages: the frozen ones, and behind them `text` and the draft.

        Words that fill more than a page before they settle begin the next one; where that is may still change. Of a
        code block as much is shown as fits.
        """
        if self.over:
            return self._frozen + pages_of("\n".join(self._notices))
        if draft.fence is None and not self._is_full():
            return self._frozen + pages_of(text + draft.text, self._opening)
        last = self._last(text, draft)
        return [*self._frozen, last] if last else list(self._frozen)

    def _last(self, text: str, draft: Draft) -> str:
        if draft.fence is None:
            return take_page(text + draft.text, 0, self._opening).content
        if len(draft.code) <= LIMIT:
            shown = text + draft.fence.shown(draft.code)
            whole = take_page(shown, 0, self._opening)
            if whole.end == len(shown):
                return whole.content
        head = take_page(text, 0, self._opening)
        return self._rolled(head.content, draft)

    def _rolled(self, head: str, draft: Draft) -> str:
        """Return the open page with the last lines of a code block that does not fit, as far as there is room."""
        fence = draft.fence
        note = texts.lines_so_far(draft.lines)
        if fence is None or len(head) + 1 + len(note) > LIMIT:
            return head
        room = LIMIT - len(head) - len(note) - 2 - len(f"\n{fence.opening}{FENCE}")
        lines = deque[str]()
        for line in reversed(draft.code.rstrip("\n")[-LIMIT:].split("\n")):
            room -= len(break_fences(line)) + 1
            if room < 0:
                break
            lines.appendleft(line)
        shown = fence.shown("\n".join(lines)) if lines else ""
        return "\n".join(part for part in (head, shown, note) if part)
