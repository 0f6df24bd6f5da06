"""One reply: keeps the posted messages equal to the pages.

The pages are state, not a queue of edits. When the pacer says that it is time, the first page that differs from what
Discord has confirmed is sent or edited, and so on until nothing differs. One write is in flight at any time, so an
older text can never overwrite a newer one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from acp import Event
from acp.schema import ToolCallUpdate
from pool.journal import Journal

from .pacer import Job, Pacer, Urgency
from .rest import Gone, Refused, Rest, TryLater
from .transcript import Transcript

__all__ = ["Reply"]

ATTEMPTS = 12
"""Tries for one write before it is given up; with the waits between them about five minutes."""

LONGEST_WAIT = 60.0

log = structlog.stdlib.get_logger("bot")


@dataclass(slots=True)
class _Posted:
    """A message of ours as Discord confirmed it. Without an id it is not there: not yet, or no longer."""

    message_id: int | None = None
    content: str = ""
    first: str | None = None
    """What the first try at posting it said. Discord may have taken that try although its answer was lost, and then
    answers the next try's nonce with the message that exists: so every try says the same, and an edit follows."""


class Reply:
    """The messages that answer one exchange. `key` makes its nonces: the id of the message that is answered."""

    def __init__(
        self,
        key: int,
        *,
        pacer: Pacer,
        rest: Rest,
        journal: Journal,
        after: "Reply | None",
        generation: int = 0,
        on_settled: Callable[[bool], None],
    ) -> None:
        """`after` is the reply before it in its thread, whose end the first post waits for.

        `generation` tells the nonces of another try at the same message apart, for which new messages are wanted.
        `on_settled` is called once: True when Discord has confirmed all pages, False when they were given up.
        """
        self._key = key
        self._pacer = pacer
        self._rest = rest
        self._journal = journal
        self._after = after
        self._on_settled = on_settled
        self._transcript = Transcript()
        self._posted: list[_Posted] = []
        self._job = Job(None, self._write, Urgency.FIRST)
        self._attempts = 0
        self._generation = generation
        self._followers: list[Reply] = []
        self._channel_id: int | None = None
        self._final: list[str] | None = None
        self._placeholder = ""
        self._paused = False  # Writing failed for good; the end is a reason to try once more.
        self._started = False  # Until the first text is shown, which is as urgent as the placeholder before it.
        self.ended = False
        self.settled = asyncio.Event()
        if after is not None and not after.settled.is_set():
            after._followers.append(self)  # noqa: SLF001 - the same class
        else:
            self._after = None

    def __repr__(self) -> str:
        """Read like a status line."""
        state = "settled" if self.settled.is_set() else "ended" if self.ended else "live"
        return f"<Reply {self._key} {state}, {len(self._posted)} posted>"

    # ---- what it shows

    def start(self, channel_id: int) -> None:
        """Begin to post into a channel."""
        self._channel_id = channel_id
        self._job.channel_id = channel_id
        self._changed()

    def placeholder(self, text: str) -> None:
        """Show `text` as long as there is nothing else."""
        self._placeholder = text
        self._changed()

    def apply(self, event: Event) -> None:
        """Take an event of the turn; also one that came late, after the end."""
        if self._transcript.apply(event):
            self._changed()

    def tool_call(self, update: ToolCallUpdate) -> ToolCallUpdate:
        """Return all that is known of a tool call."""
        return self._transcript.tool_call(update)

    def line(self, text: str) -> None:
        """Add lines of the bot's own."""
        self._transcript.line(text)
        self._changed()

    def end(self) -> list[str]:
        """Say that nothing more will come; return the final pages."""
        self.ended = True
        self._placeholder = ""
        self._paused = False
        self._attempts = 0
        pages = self.pages()
        if self._first_difference(pages) is not None or self._job.in_flight:
            self._changed()
        else:
            # Not at once: whoever says that it has ended first writes that down.
            asyncio.get_running_loop().call_soon(self._again)
        return pages

    def restore(self, channel_id: int, pages: list[str], message_ids: list[int | None]) -> None:
        """Bring to the end what an earlier run of the bot had to post: `pages`, of which these messages stand already.

        What the messages say is not known, so each is edited; that is the same however often it is done.
        """
        self._final = pages
        self._posted = [_Posted(message_id) for message_id in message_ids]
        self.ended = True
        self.start(channel_id)

    @property
    def has_text(self) -> bool:
        """Whether anything of the agent's is shown."""
        return self._transcript.has_text and bool(self._transcript.pages())

    def pages(self) -> list[str]:
        """Return what the thread is to show now."""
        if self._final is not None:
            return self._final
        pages = self._transcript.pages()
        if not pages and self._placeholder:
            return [self._placeholder]
        return pages

    # ---- how it is written

    def _changed(self) -> None:
        if self._channel_id is None or self._after is not None or self._paused or self._job.in_flight:
            return
        if self.ended:
            self._job.urgency = Urgency.FINAL
        elif self._started:
            self._job.urgency = Urgency.EDIT
        self._pacer.put(self._job)

    async def _write(self) -> None:
        """Make one write, if one is due; then ask for the next. What fails here for whatever reason ends in words."""
        try:
            await self._write_next()
        except Exception as error:  # a reply that never settles would hold its thread
            log.exception("a reply failed", message_id=self._key)
            self._give_up(str(error))

    async def _write_next(self) -> None:
        channel_id = self._channel_id
        pages = self.pages()
        number = self._first_difference(pages)
        if channel_id is None:
            return
        if number is None:
            self._again()
            return
        try:
            await self._put_page(channel_id, number, pages[number])
        except Gone:
            self._posted[number] = _Posted()
            self._generation += 1
        except TryLater as error:
            self._attempts += 1
            if self._attempts >= ATTEMPTS:
                self._give_up(str(error))
            else:
                wait = max(error.seconds, min(2.0**self._attempts / 4, LONGEST_WAIT))
                self._again(delay=wait)
            return
        except Refused as error:
            self._give_up(str(error))
            return
        self._attempts = 0
        self._again()

    async def _put_page(self, channel_id: int, number: int, content: str) -> None:
        if number == len(self._posted):
            self._posted.append(_Posted())
        posted = self._posted[number]
        if posted.message_id is not None:
            await self._rest.edit(channel_id, posted.message_id, content)
        else:
            # A continuation or a placeholder is no news of its own: only what ends a turn may make a sound.
            silent = not self.ended or number > 0
            nonce = f"{self._key:x}.{number}.{self._generation:x}"
            if posted.first is None:
                posted.first = content
                self._journal.intend(self._key, number, content)
            content = posted.first
            posted.message_id = await self._rest.send(channel_id, content, nonce=nonce, silent=silent)
            self._journal.posted(self._key, number, posted.message_id)
        posted.content = content
        if content != self._placeholder:
            self._started = True

    def _first_difference(self, pages: list[str]) -> int | None:
        for number, content in enumerate(pages):
            if number >= len(self._posted) or self._posted[number].content != content:
                return number
        return None

    def _again(self, delay: float = 0.0) -> None:
        """Look again after this write: something may have changed meanwhile, or the end has to be confirmed."""
        if self._first_difference(self.pages()) is None:
            if self.ended:
                self._settle(confirmed=True)
        else:
            self._job.urgency = Urgency.FINAL if self.ended else Urgency.EDIT if self._started else Urgency.FIRST
            self._pacer.put(self._job, delay=delay)

    def _give_up(self, reason: str) -> None:
        log.warning("a reply could not be posted", channel_id=self._channel_id, reason=reason, message_id=self._key)
        if self.ended:
            self._channel_id = None
            self._settle(confirmed=False)
        else:
            self._paused = True

    def _settle(self, *, confirmed: bool) -> None:
        if not self.settled.is_set():
            self.settled.set()
            self._on_settled(confirmed)
            for follower in self._followers:
                follower._after = None  # noqa: SLF001 - the same class
                follower._changed()  # noqa: SLF001
