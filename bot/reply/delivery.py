"""Delivers a reply to Discord: keeps its messages equal to its pages, and sends once what follows them.

The pages are state, not a queue of edits. When the pacer says that it is time, the first page that differs from what
Discord has confirmed is sent or edited, and so on until nothing differs. One write is in flight at any time, so an
older text can never overwrite a newer one. Each answer says what Discord has stored; where that is not what was meant
it still differs, and is written again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import discord
import structlog

from bot.rest.api import Archived, ContentRefused, DiscordApi, Gone, PermanentError, Stored, TryLater
from bot.rest.backoff import ATTEMPTS, Backoff
from bot.rest.pacer import ApiCall, Bucket, Pacer, Urgency
from bot.rest.pings import NOBODY, Mentions
from bot.rest.rate_limits import EDIT_GAP
from bot.text.markdown import LIMIT, escape
from pool.journal.journal import Journal, JournalUnwritable
from pool.journal.trailers import Trailer

from .page_state import PageState
from .refused_content import ENCLOSED, enclosed, in_place_of

__all__ = ["Delivery"]

OLD_EDIT_SECONDS = 6.0
"""Between two edits of messages older than an hour, which Discord takes more rarely."""

UNWRITABLE_SECONDS = 1.0
"""Before the next try to write down what is about to be sent, where the disk is full."""

LOOK_AGAIN = 1000
"""Characters after which a page that is as good as full is looked at again."""

LATER = 0x100
"""Generations that a run of the bot has for one reply, before the next run's."""

log = structlog.stdlib.get_logger("bot")

T = TypeVar("T")


class Delivery:
    """The messages of one reply. `look` says that its pages may have changed; `end`, that they will no more."""

    def __init__(  # noqa: PLR0913, PLR0915 - what it is made of
        self,
        key: int,
        *,
        pacer: Pacer,
        rest: DiscordApi,
        journal: Journal,
        generation: int,
        pages: Callable[[int], list[str]],
        begun: Callable[[], bool],
        said: Callable[[], int],
        stop: Callable[[], discord.ui.View] | None,
        on_settled: Callable[[bool], None],
    ) -> None:
        """`pages` returns what is to be shown now, as `Transcript.pages`, and `begun` whether it is no placeholder.

        `said` returns how many characters have come: calling `pages` costs something.
        `key`, `generation` and `stop` are as for `Reply`. `on_settled` is called whenever all is confirmed after the
        end (True), or given up (False).
        """
        self._key = key
        self._pacer = pacer
        self._rest = rest
        self._journal = journal
        self._generation = generation
        self._pages = pages
        self._begun = begun
        self._said = said
        self._read = 0
        """What `said` was when the pages were last looked at."""
        self._room = 0
        """Characters that the last page had room for then."""
        self._written = 0
        """What `said` was at the last write."""
        self._stop = stop
        self._on_settled = on_settled
        self._channel_id: int | None = None
        self.reply_to: int | None = None
        """The message that the first page names as the one it answers."""
        self._posted: list[PageState] = []
        self._intended: dict[tuple[int, int], float] = {}
        """When each message was sent first, by its number and generation."""
        self._postscripts: dict[int, Trailer] = {}
        """What is still to be sent behind the pages, by its number."""
        self._job = ApiCall(None, lambda: self._isolated(self._next_write), Urgency.FIRST)
        self._patience = Backoff()
        self._replaced: set[int] = set()
        """The numbers of words that stand for files: with them something would be missing."""
        self._slow = self._taken = 0
        """How often Discord did not get the next files while it took other messages, and how many it had then taken."""
        self.given_up = ""
        """Why the reply was given up, for people; empty where it was not."""
        self._written_at = 0.0
        self._since = 0.0
        """Since when the page behind the one that is written has waited, if it has."""
        self._due = 0.0
        """When the write behind this one is due."""
        self._paused = False  # Writing failed for good; the end is a reason to try once more.
        self._started = False  # Until the first text is shown, which is as urgent as the placeholder before it.
        self._ended = False

    @property
    def posted(self) -> int:
        """How many pages have been begun."""
        return len(self._posted)

    @property
    def has_place(self) -> bool:
        """Whether it is known where to post."""
        return self._channel_id is not None

    def open(self, channel_id: int) -> None:
        """Begin to post into a channel, from the next `look` on."""
        self._channel_id = self._job.channel_id = channel_id

    def look(self) -> None:
        """See whether there is something to write."""
        if self._channel_id is not None and not self._paused:
            self._isolated(self._ask)

    def end(self, postscripts: Mapping[int, Trailer]) -> None:
        """Send these, by their numbers, once the pages stand; then settle. Call `look` when it may begin."""
        self._ended = True
        self._postscripts = dict(postscripts)
        self._paused = False
        self._patience.renew()
        # Not at once: whoever says that it has ended first writes that down.
        asyncio.get_running_loop().call_soon(self._isolated, self._settle_if_equal)

    def restore(self, posted: Sequence[PageState]) -> None:
        """Take up the messages of an earlier run. What they say is not known, so each is edited, once."""
        self._posted = [*posted]
        if any(one.before for one in posted):
            self._generation += LATER  # Of which generation the messages that were left are, nobody knows.

    # ---- when something is written

    def _ask(self, delay: float = 0.0, since: float | None = None, bucket: Bucket | None = None) -> None:
        now = asyncio.get_running_loop().time()
        if self._posted and self._posted[-1].is_old(now):
            delay = max(delay, self._written_at + OLD_EDIT_SECONDS - now)
        self._job.urgency = self._urgency()
        waits = self._job.waiting
        if bucket is not None:
            self._job.bucket = bucket
        elif not waits or self._said() - self._read > self._room:
            # Where a page has become full another one is sent, and need not wait as long as an edit.
            self._job.bucket = self._bucket(self._first_difference(self._look_at()))
            self._room = max(self._room, LOOK_AGAIN if waits else 0)
        self._pacer.put(self._job, delay=delay, since=since)

    def _bucket(self, number: int | None) -> Bucket:
        """Return what writing a page, or with None a postscript, counts as."""
        is_edit = number is not None and number < len(self._posted) and self._posted[number].message_id is not None
        return Bucket.EDIT if is_edit else Bucket.MESSAGE

    def _urgency(self) -> Urgency:
        if self._ended:
            return Urgency.FINAL
        if self._started:
            return Urgency.EDIT
        if self._begun():
            return Urgency.FIRST
        # One placeholder after another can wait; the first text behind them cannot, and would pay for them.
        return Urgency.EDIT if self._posted else Urgency.PLACEHOLDER

    @property
    def _differs(self) -> bool:
        return bool(self._postscripts) or self._first_difference(self._look_at()) is not None

    def _look_at(self, coming: int = 0) -> list[str]:
        self._read = self._said()
        return self._pages(coming)

    def _first_difference(self, pages: list[str]) -> int | None:
        self._room = LIMIT - len(pages[-1]) if pages else LIMIT
        # A button too many harms nobody for a while; words that are not there do.
        if (unwritten := self._unwritten(pages)) is not None:
            return unwritten
        for number, one in enumerate(self._posted[: len(pages)]):
            if one.stop and one.message_id is not None and (self._ended or number < len(pages) - 1):
                return number
        # A page that was begun before it was sure is not always needed in the end.
        surplus = range(len(pages), len(self._posted) if self._ended else 0)
        return next((number for number in surplus if self._posted[number].stands), None)

    def _unwritten(self, pages: list[str]) -> int | None:
        """Return the first page of which words are missing."""
        posted = [*self._posted, *(PageState() for _ in pages[len(self._posted) :])]
        pairs = zip(pages, posted, strict=False)
        return next((number for number, (page, one) in enumerate(pairs) if one.differs(page)), None)

    def _isolated(self, step: Callable[[], T]) -> T | None:
        """Do what leads to a write. Where it fails the reply is given up: one that never settles holds its thread."""
        try:
            return step()
        except Exception:  # the isolation boundary outside of a write
            log.exception("a reply failed", message_id=self._key)
            if self._ended:
                self._channel_id = None
                self._on_settled(False)  # noqa: FBT003 - a callback's only argument
            else:
                self._paused = True
            return None

    def _next_write(self) -> Awaitable[None] | None:
        """Read the text that is to be written now; return the writing of it."""
        channel_id = self._channel_id
        if channel_id is None or self._paused:
            return None
        pages = self._look_at()
        count, scarce = len(pages), self._pacer.busy and self._started and not self._ended
        if scarce:
            # As much as came since the last write will come until the next, or a little more.
            pages = self._look_at((self._said() - self._written) * 5 // 4)
        number = self._first_difference(pages)
        if number is None and not self._postscripts:
            self._settle_if_ended()
            return None
        if self._job.bucket is not self._bucket(number):
            self._ask()  # It was asked for as something else.
            return None
        if number is None:
            return self._write(channel_id, partial(self._put_postscript, channel_id))
        if number >= len(pages) or (number < len(self._posted) and self._posted[number].becomes_spare(pages[number])):
            return self._write(channel_id, partial(self._remove, channel_id, number), number)
        # What is new behind the page, because it was ended early or is the last, waits as long as for an edit.
        self._due = asyncio.get_running_loop().time() + EDIT_GAP if scarce and number >= count - 1 else 0.0
        self._since, self._written = self._job.since, self._said()
        live = self._stop is not None and not self._ended and number == len(pages) - 1
        provisional = not self._begun()
        put = partial(self._put_page, channel_id, number, pages[number], live=live, provisional=provisional)
        return self._write(channel_id, put, number)

    # ---- one write

    async def _write(self, channel_id: int, put: Callable[[], Awaitable[None]], number: int | None = None) -> None:
        """Make one write; then ask for the next. What fails here for whatever reason ends in words."""
        try:
            await put()
        except Gone:
            if number is not None:
                self._leave(number)
            self._go_on()
        except Archived as error:
            await self._reopen(channel_id, error)
        except TryLater as error:
            if number is not None:
                self._posted[number].doubt()
            self._ask(self._patience.wait(error))
        except JournalUnwritable:
            self._ask(UNWRITABLE_SECONDS)  # Nothing was sent: that comes only after it is written down.
        except PermanentError as error:
            self._give_up(str(error))
        except Exception as error:  # a reply that never settles would hold its thread
            log.exception("a reply failed", message_id=self._key)
            self._give_up(str(error))
        else:
            self._patience.renew()
            self._go_on()

    async def _put_page(self, channel_id: int, number: int, page: str, *, live: bool, provisional: bool) -> None:
        """Send or edit the message of one page, and note what Discord has stored."""
        if number == len(self._posted):
            self._posted.append(PageState())
        posted = self._posted[number]
        now = self._written_at = asyncio.get_running_loop().time()
        if posted.outgrown(page, now):
            if posted.stop:  # One edit too many is better than a button that can do nothing.
                await self._rest.edit(channel_id, posted.message_id or 0, posted.content, drop_view=True)
            self._leave(number)
        content = posted.text(page)
        try:
            if posted.message_id is not None:
                drop = posted.stop and not live
                stored = await self._rest.edit(channel_id, posted.message_id, content, drop_view=drop)
            else:
                view = self._stop() if live and self._stop is not None else None
                content, page, provisional = posted.attempt(page, provisional=provisional)
                stored = await self._send(channel_id, number, content, view=view)
                posted.message_id, posted.since, posted.tried = stored.message_id, now, None
            # What a nonce finds is an earlier try's message, with the button of that time.
            posted.stop = stored.has_buttons
        except ContentRefused as error:
            if not self._ended or posted.enclosed:
                raise
            self._enclose(number, page, str(error))
            return
        if not posted.confirm(page, content, stored.content, provisional=provisional):
            log.info("Discord has another text than was meant", channel_id=channel_id, message_id=self._key)
        self._started = self._started or not provisional

    def _enclose(self, number: int, page: str, reason: str) -> None:
        """Let a line stand where Discord does not take a page, and a file bring what it says."""
        log.warning("a part of a reply was refused", channel_id=self._channel_id, message_id=self._key, reason=reason)
        line, postscript = enclosed(number, page, reason)
        self._posted[number].enclose(line)
        self._generation += 1
        # An earlier run may have sent the file already.
        posts = {post.number: post for post in self._journal.sent_pages.of(self._key)}
        sent = posts.get(ENCLOSED + number)
        if sent is None or sent.message_id is None:
            self._postscripts[ENCLOSED + number] = postscript
        if sent is not None and sent.message_id is None:
            self._intended[ENCLOSED + number, self._generation] = float("-inf")

    async def _remove(self, channel_id: int, number: int) -> None:
        """Delete the message of a page that does not exist any more."""
        posted = self._posted[number]
        if posted.message_id is None and posted.tried is not None:
            posted.message_id = (await self._send(channel_id, number, posted.tried.content)).message_id
        if posted.message_id is not None:
            try:
                await self._rest.delete(channel_id, posted.message_id)
            except PermanentError as error:  # It stays; what is still to be shown does not wait for it.
                log.warning("a message too many could not be deleted", channel_id=channel_id, reason=str(error))
            posted.drop()
            self._note_left(number)

    async def _put_postscript(self, channel_id: int) -> None:
        """Send the next message behind the pages. One that Discord refuses is replaced by a word about it."""
        number, postscript = next(iter(self._postscripts.items()))
        try:
            contents = [(file.name, file.read()) for file in postscript.files]
            await self._send(channel_id, number, postscript.content, files=contents, mention=postscript.mention)
        except (PermanentError, OSError, TryLater) as error:
            instead = in_place_of(postscript, escape(str(error)))
            if instead is None or (isinstance(error, TryLater) and not self._is_too_slow(postscript)):
                raise
            log.warning("a message behind a reply was refused", channel_id=channel_id, reason=str(error))
            self._postscripts[number] = instead
            self._replaced |= {number} if postscript.files else set()
            self._generation += 1
        else:
            del self._postscripts[number]
        self._slow = 0

    def _is_too_slow(self, postscript: Trailer) -> bool:
        """Whether the way to Discord is too slow for these files. While it takes no messages at all that says nothing.

        Of what an outage has put off nothing is lost.
        """
        if postscript.files and self._pacer.taken > self._taken:
            self._slow += 1
        self._taken = self._pacer.taken
        return self._slow >= ATTEMPTS

    async def _send(
        self,
        channel_id: int,
        number: int,
        content: str,
        *,
        view: discord.ui.View | None = None,
        files: Sequence[tuple[str, bytes]] = (),
        mention: int | None = None,
    ) -> Stored:
        """Send a message that no try has sent before. It makes no sound but where it calls for somebody."""
        # Discord answers a nonce that it knows with the message that exists, as it is: no try makes a second one.
        nonce = f"{self._key:x}.{number}.{self._generation:x}"
        now = asyncio.get_running_loop().time()
        first = self._intended.get((number, self._generation))
        if first is None:
            # What the first try said: Discord may have taken it although its answer was lost.
            before = self._posted[number].before if number < len(self._posted) else ""
            self._journal.sent_pages.intend(self._key, number, content, before)
            first = self._intended[number, self._generation] = now
        known = {posted.message_id for posted in self._posted}
        stored = await self._rest.send_once(
            channel_id,
            content,
            tried=now - first,
            known=known,
            after=self._key,
            nonce=nonce,
            silent=mention is None,
            mention=NOBODY if mention is None else Mentions((mention,)),
            reply_to=None if number else self.reply_to,
            view=view,
            files=files,
        )
        self._journal.sent_pages.posted(self._key, number, stored.message_id)
        return stored

    def _leave(self, number: int) -> None:
        self._posted[number].leave()
        self._note_left(number)

    def _note_left(self, number: int) -> None:
        self._journal.sent_pages.left(self._key, number, self._posted[number].before)
        self._generation += 1

    # ---- what comes after a write

    def _go_on(self) -> None:
        """Look again: something may have changed meanwhile, or the end has to be confirmed."""
        number = self._first_difference(self._look_at())
        if number is not None:
            self._job.due = self._due
            # A page that goes on where one was full has waited as long as that one.
            waited = number == len(self._posted) and not self._due
            self._ask(since=self._since if waited else None, bucket=self._bucket(number))
        elif self._postscripts:
            self._ask(bucket=self._bucket(None))
        else:
            self._settle_if_ended()

    def _settle_if_equal(self) -> None:
        if not self._job.in_flight and not self._differs:
            self._settle_if_ended()

    def _settle_if_ended(self) -> None:
        if self._ended:
            self._on_settled(True)  # noqa: FBT003 - a callback's only argument

    async def _reopen(self, channel_id: int, error: Archived) -> None:
        """Open the thread, and try again. One that is locked stays as it is, and so does the reply."""
        await self._pacer.admit(channel_id, self._job.urgency, Bucket.CHANNEL)
        try:
            await self._rest.reopen(channel_id)
        except TryLater as later:
            self._ask(self._patience.wait(later))
        except (PermanentError, Gone, Archived) as refused:
            self._give_up(f"{error}; {refused}")
        else:
            self._ask(self._patience.wait(error))

    def _give_up(self, reason: str) -> None:
        log.warning("a reply could not be posted", channel_id=self._channel_id, reason=reason, message_id=self._key)
        if self._ended:
            self._channel_id, self.given_up = None, reason
            self._on_settled(self._says_all)
        else:
            self._paused = True

    @property
    def _says_all(self) -> bool:
        """Whether at most a word about the end is missing: all that the agent said stands, and its files do."""
        files = any(each.files or number in self._replaced for number, each in self._postscripts.items())
        return self._unwritten(self._look_at()) is None and not files
