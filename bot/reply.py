"""One reply: keeps the posted messages equal to the pages.

The pages are state, not a queue of edits. When the pacer says that it is time, the first page that differs from what
Discord has confirmed is sent or edited, and so on until nothing differs. One write is in flight at any time, so an
older text can never overwrite a newer one. Each answer says what Discord has stored; where that is not what was meant
it still differs, and is written again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import discord
import structlog

from acp import Event
from acp.schema import ToolCallUpdate
from pool.journal import Journal

from .files import File, batches
from .pacer import Bucket, Job, Pacer, Urgency
from .patience import Patience
from .posted import Posted
from .receipt import Receipt
from .rest import Archived, Gone, Refused, Rest, Stored, TryLater
from .style import Style
from .transcript import Transcript

__all__ = ["Reply"]

OLD_EDIT_SECONDS = 6.0
"""Between two edits of messages older than an hour, which Discord takes more rarely."""

log = structlog.stdlib.get_logger("bot")


class Reply:
    """The messages that answer one exchange. `key` makes its nonces: the id of the message that is answered."""

    def __init__(
        self,
        key: int,
        *,
        pacer: Pacer,
        rest: Rest,
        journal: Journal,
        generation: int = 0,
        on_settled: Callable[[bool], None],
        stop: Callable[[], discord.ui.View] | None = None,
        style: Style = Style(),  # noqa: B008 - frozen
    ) -> None:
        """`generation` tells the nonces of another try at the same message apart, for which new messages are wanted.

        `on_settled` is called once: True when Discord has confirmed all pages, False when they were given up. `stop`
        makes the button below the page that grows; the button goes when the reply ends.
        """
        self._key = key
        self._pacer = pacer
        self._rest = rest
        self._journal = journal
        self._after: Reply | None = None
        self._on_settled = on_settled
        self._stop = stop
        self._transcript = Transcript(style)
        self._files: list[list[File]] | None = None
        """What is still to be attached; None until the end."""
        self._posted: list[Posted] = []
        self._job = Job(None, self._next_write, Urgency.FIRST)
        self._patience = Patience()
        self._generation = generation
        self._intended: set[tuple[int, int]] = set()
        self._followers: list[Reply] = []
        self._channel_id: int | None = None
        self._final: list[str] | None = None
        self._written_at = 0.0
        self._since = 0.0
        self._placeholder = ""
        self._paused = False  # Writing failed for good; the end is a reason to try once more.
        self._started = False  # Until the first text is shown, which is as urgent as the placeholder before it.
        self.ended = False
        self.settled = asyncio.Event()

    def __repr__(self) -> str:
        """Read like a status line."""
        state = "settled" if self.settled.is_set() else "ended" if self.ended else "live"
        return f"<Reply {self._key} {state}, {len(self._posted)} posted>"

    # ---- what it shows

    def follow(self, before: "Reply") -> None:
        """Post nothing until the reply before it in its thread has settled. To be called before `start`."""
        if not before.settled.is_set():
            self._after = before
            before._followers.append(self)  # noqa: SLF001 - the same class

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
        self._transcript.end()
        self._files = batches(self._transcript.files())
        self._placeholder = ""
        self._paused = False
        self._patience.renew()
        pages = self.pages()
        if self._files or self._first_difference(pages) is not None or self._job.in_flight:
            self._changed()
        else:
            # Not at once: whoever says that it has ended first writes that down.
            asyncio.get_running_loop().call_soon(self._end_if_equal)
        return pages

    def restore(self, channel_id: int, pages: list[str], message_ids: list[int | None]) -> None:
        """Bring to the end what an earlier run of the bot had to post: `pages`, of which these messages stand already.

        What the messages say is not known, so each is edited; that is the same however often it is done.
        """
        self._final = pages
        self._posted = [Posted(message_id) for message_id in message_ids]
        self.ended = True
        self.start(channel_id)

    @property
    def too_long(self) -> bool:
        """Whether the agent has written more than is taken."""
        return self._transcript.too_long

    def fetch(self, read: Callable[[str], bytes | str]) -> None:
        """Read the files that the agent has linked; at once, for the end may come with the next event."""
        for link in self._transcript.wanted():
            self._transcript.supply(link, read(link.uri))

    def receipt(self, seconds: float) -> Receipt:
        """Return what the turn came to."""
        return self._transcript.receipt(seconds)

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

    # ---- when it is written

    def _changed(self) -> None:
        if self._channel_id is None or self._after is not None or self._paused:
            return
        self._ask()

    def _ask(self, delay: float = 0.0, since: float | None = None) -> None:
        now = asyncio.get_running_loop().time()
        if self._posted and self._posted[-1].is_old(now):
            delay = max(delay, self._written_at + OLD_EDIT_SECONDS - now)
        self._job.urgency = self._urgency()
        if since is not None or not self._job.waiting:
            self._job.paced = since is None
        self._pacer.put(self._job, delay=delay, since=since)

    def _urgency(self) -> Urgency:
        if self.ended:
            return Urgency.FINAL
        # One placeholder after another can wait; the first text behind them cannot, and would pay for them.
        patient = self._started or (self._posted and not self._transcript.has_text)
        return Urgency.EDIT if patient else Urgency.FIRST

    def _next_write(self) -> Awaitable[None] | None:
        """Read the text that is to be written now; return the writing of it."""
        channel_id = self._channel_id
        if channel_id is None or self._paused:
            return None
        pages = self.pages()
        number = self._first_difference(pages)
        if number is None and self._files:
            return self._write(channel_id, None, "", last=True)
        if number is None:
            self._settle_if_ended()
            return None
        self._since = self._job.since
        return self._write(channel_id, number, pages[number], last=number == len(pages) - 1)

    async def _write(self, channel_id: int, number: int | None, page: str, *, last: bool) -> None:
        """Make one write; then ask for the next. What fails here for whatever reason ends in words."""
        try:
            if number is None:
                await self._attach(channel_id)
            else:
                await self._put_page(channel_id, number, page, last=last)
        except Gone:
            if number is not None:
                self._leave(number)
            self._go_on()
        except Archived as error:
            await self._reopen(channel_id, error)
        except TryLater as error:
            if number is not None:
                self._posted[number].doubt()
            self._try_again(error)
        except Refused as error:
            self._give_up(str(error))
        except Exception as error:  # a reply that never settles would hold its thread
            log.exception("a reply failed", message_id=self._key)
            self._give_up(str(error))
        else:
            self._patience.renew()
            self._go_on()

    async def _put_page(self, channel_id: int, number: int, page: str, *, last: bool) -> None:
        """Send or edit the message of one page, and note what Discord has stored."""
        if number == len(self._posted):
            self._posted.append(Posted())
        posted = self._posted[number]
        now = self._written_at = asyncio.get_running_loop().time()
        if posted.outgrown(page, now):
            self._leave(number)
        content = posted.text(page)
        live = last and self._stop is not None and not self.ended
        if posted.message_id is not None:
            stored = await self._rest.edit(channel_id, posted.message_id, content, drop_view=posted.stop and not live)
            posted.stop = posted.stop and live
        else:
            posted.stop = posted.stop or live  # Also if only an earlier try, whose answer was lost, has posted it so.
            stored = await self._send(channel_id, number, content, with_stop=live)
            posted.message_id, posted.since = stored.message_id, now
        if not posted.confirm(page, content, stored.content):
            self._rest.repaired += 1
            log.info("Discord has another text than was meant", channel_id=channel_id, message_id=self._key)
        if page != self._placeholder:
            self._started = True

    async def _send(self, channel_id: int, number: int, content: str, *, with_stop: bool) -> Stored:
        # A continuation or a placeholder is no news of its own: only what ends a turn may make a sound.
        silent = not self.ended or number > 0
        # Discord answers a nonce that it knows with the message that exists, as it is: no try makes a second one.
        nonce = f"{self._key:x}.{number}.{self._generation:x}"
        view = self._stop() if with_stop and self._stop is not None else None
        if (number, self._generation) not in self._intended:
            # What the first try said: Discord may have taken it although its answer was lost.
            self._intended.add((number, self._generation))
            self._journal.intend(self._key, number, content)
        stored = await self._rest.send(channel_id, content, nonce=nonce, silent=silent, view=view)
        self._journal.posted(self._key, number, stored.message_id)
        return stored

    async def _attach(self, channel_id: int) -> None:
        """Send the next batch of files below the pages that announce them."""
        if not self._files:
            return
        batch = self._files[0]
        nonce = f"{self._key:x}.f{len(self._files)}.{self._generation:x}"
        contents = [(file.name, file.read()) for file in batch]
        await self._rest.send(channel_id, "", nonce=nonce, silent=True, files=contents)
        del self._files[0]

    def _leave(self, number: int) -> None:
        self._posted[number].leave(placeholder=self._placeholder)
        self._generation += 1

    def _first_difference(self, pages: list[str]) -> int | None:
        for number, page in enumerate(pages):
            live = self._stop is not None and not self.ended and number == len(pages) - 1
            posted = self._posted[number] if number < len(self._posted) else Posted()
            if posted.differs(page, stop=live):
                return number
        return None

    # ---- what comes after a write

    def _go_on(self) -> None:
        """Look again: something may have changed meanwhile, or the end has to be confirmed."""
        number = self._first_difference(self.pages())
        if number is None and self._files:
            self._ask()
        elif number is None:
            self._settle_if_ended()
        else:
            # A page that goes on where one was full has waited as long as that one.
            self._ask(since=self._since if number == len(self._posted) else None)

    def _end_if_equal(self) -> None:
        if not self._job.in_flight and not self._files and self._first_difference(self.pages()) is None:
            self._settle_if_ended()

    def _settle_if_ended(self) -> None:
        if self.ended:
            self._settle(confirmed=True)

    async def _reopen(self, channel_id: int, error: Archived) -> None:
        """Open the thread, and try again. One that is locked stays as it is, and so does the reply."""
        await self._pacer.admit(channel_id, self._job.urgency, Bucket.CHANNEL)
        try:
            await self._rest.reopen(channel_id)
        except TryLater as later:
            self._try_again(later)
        except (Refused, Gone, Archived) as refused:
            self._give_up(f"{error}; {refused}")
        else:
            self._try_again(error)

    def _try_again(self, error: TryLater | Archived) -> None:
        wait = self._patience.wait(error)
        if wait is None:
            self._give_up(str(error))
        else:
            self._ask(wait)

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
            self._transcript.close()
            self._on_settled(confirmed)
            for follower in self._followers:
                follower._after = None  # noqa: SLF001 - the same class
                follower._changed()  # noqa: SLF001
