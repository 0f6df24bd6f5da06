"""Delivers a reply to Discord: keeps its messages equal to its pages, and sends once what follows them.

The pages are state, not a queue of edits. When the pacer says that it is time, the first page that differs from what
Discord has confirmed is sent or edited, and so on until no page differs. One write is in flight at any time, so an
older text can never overwrite a newer one. Each answer says what Discord has stored; where that is not what was meant
it still differs, and is written again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

import discord
import structlog

from bot.rest.api import DiscordApi
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.errors import Archived, ContentRefused, Gone, PermanentError, TryLater
from pool.journal.errors import JournalUnwritable
from pool.journal.journal import Journal
from pool.journal.trailers import Trailer

from .card_queue import CardQueue
from .edit_cadence import PLACEHOLDER_SECONDS, EditCadence
from .message_sender import NEXT_RUN, MessageSender
from .page_state import PageState, first_difference, first_unwritten
from .pending_trailers import PendingTrailers
from .refused_content import ENCLOSED, enclosed

UNWRITABLE_SECONDS = 1.0
"""Before the next try to write down what is about to be sent, where the disk is full."""

log = structlog.stdlib.get_logger("bot")

T = TypeVar("T")


class Content(Protocol):
    """What is delivered."""

    @property
    def said(self) -> int:
        """How many characters have come: whether it is worth the cost to ask for the pages."""

    @property
    def has_words(self) -> bool:
        """Whether the pages are more than a placeholder."""

    def pages(self, coming: int = 0) -> list[str]:
        """Return what is to be shown now; `coming` is as for `Transcript.pages`."""

    def delivered(self, *, confirmed: bool) -> None:
        """Called when all is confirmed after the end, and again after each later change; or when it is given up."""


class Delivery:
    """The messages of one reply. `look` says that its pages may have changed; `end`, that they will no more."""

    def __init__(
        self,
        key: int,
        content: Content,
        *,
        api: DiscordApi,
        journal: Journal,
        generation: int,
        stop: Callable[[], discord.ui.View] | None,
    ) -> None:
        """`key`, `generation` and `stop` are as for `Reply`."""
        self._key = key
        self._content = content
        self._api = api
        self._journal = journal
        self._sender = MessageSender(key, generation, api=api, journal=journal)
        self._cadence = EditCadence()
        self._stop = stop
        self._channel_id: int | None = None
        self._posted: list[PageState] = []
        self._lasting = 0
        """How many of the first pages are as they will always be: they stand above a question."""
        self._cards = CardQueue(self.look)
        self._trailers = PendingTrailers()
        self._job = ApiCall(None, lambda: self._isolated(self._next_write), Urgency.FIRST)
        self._paused = False  # Writing failed for good; the end is a reason to try once more.
        self._ended = False
        self.given_up = ""
        """Why the reply was given up, for people; empty where it was not."""

    @property
    def posted(self) -> int:
        """How many pages have been begun."""
        return len(self._posted)

    @property
    def has_place(self) -> bool:
        """Whether it is known where to post."""
        return self._channel_id is not None

    def name_request(self, message_id: int) -> None:
        """Let the first page name the message that it answers."""
        self._sender.reply_to = message_id

    def open(self, channel_id: int) -> None:
        """Begin to post into a channel, from the next `look` on."""
        self._channel_id = self._job.channel_id = channel_id

    def look(self) -> None:
        """See whether there is something to write."""
        if self._channel_id is not None and not self._paused and not self._cards.is_posting:
            self._isolated(self._ask)

    def hold(self, above: int, post: Callable[[], None]) -> Callable[[], None]:
        """Call `post`, which posts a question, when the first `above` pages are as they are to be.

        Further pages wait until the question stands, or never will: until what is returned is called.
        """
        stands = self._cards.add(above, partial(self._post_question, above, post))
        if self._paused:
            self._cards.release_all()
        return stands

    def _post_question(self, above: int, post: Callable[[], None]) -> None:
        # What the next run adds to this reply stands below the question too.
        self._journal.sent_pages.break_before(self._key, above)
        post()

    def release_questions(self) -> None:
        """Post the questions that wait: nothing more is written above them."""
        self._cards.release_all()

    def end(self, trailers: Mapping[int, Trailer]) -> None:
        """Send these, by their numbers, once the pages are confirmed; then settle. Call `look` when it may begin."""
        self._ended = True
        self._trailers = PendingTrailers(trailers)
        self._paused = False
        self._job.backoff.reset()
        # In the next round of the loop: the caller first writes down that the reply has ended.
        asyncio.get_running_loop().call_soon(self._isolated, self._settle_if_equal)

    def restore(self, posted: Sequence[PageState], generation: int = 0) -> None:
        """Continue with the messages of an earlier run. It is not known what they show, so each is edited, once."""
        self._posted = [*posted]
        self._sender.renew(generation)
        if any(one.before for one in posted):  # The generation of their messages is unknown.
            self._sender.renew(NEXT_RUN)

    # ---- when something is written

    def _ask(self, delay: float = 0.0, since: float | None = None, bucket: Bucket | None = None) -> None:
        now, waiting = asyncio.get_running_loop().time(), self._job.waiting
        is_old = bool(self._posted) and self._posted[-1].is_old(now)
        # A question that waits for the pages above it is as urgent as the end.
        self._job.urgency = self._cadence.urgency(
            ended=self._ended or bool(self._cards), has_words=self._content.has_words, is_posted=bool(self._posted)
        )
        if self._job.urgency >= Urgency.PLACEHOLDER and not self._cadence.started and not waiting:
            self._job.due = now + PLACEHOLDER_SECONDS
        if bucket is not None:
            self._job.bucket = bucket
        elif self._cadence.is_look_due(self._content.said, waiting=waiting):
            # Where a page has become full another one is sent, and need not wait as long as an edit.
            self._job.bucket = self._bucket(self._first_difference(self._look_at(waiting=waiting)))
        self._api.pacer.put(self._job, delay=self._cadence.delay(now, delay, is_old=is_old), since=since)

    def _bucket(self, number: int | None) -> Bucket:
        """Return what writing a page, or with None a trailer, counts as."""
        is_edit = number is not None and number < len(self._posted) and self._posted[number].message_id is not None
        return Bucket.EDIT if is_edit else Bucket.MESSAGE

    def _look_at(self, coming: int = 0, *, waiting: bool = False) -> list[str]:
        said, pages = self._content.said, self._content.pages(coming)
        self._cadence.looked(said, pages, waiting=waiting)
        return pages

    def _first_difference(self, pages: list[str]) -> int | None:
        """Return the number of the first page to write, of those that may be written now."""
        above = min(self._cards.passed, len(self._posted), len(pages))
        while self._lasting < above and self._posted[self._lasting].lasts(pages[self._lasting]):
            self._lasting += 1
        open_, due = self._posted[self._lasting :], pages[self._lasting : self._cards.above]
        number = first_difference(open_, due, ended=self._ended, complete=self._ended or bool(self._cards))
        return None if number is None else self._lasting + number

    def _isolated(self, step: Callable[[], T]) -> T | None:
        """Do what leads to a write. Where it fails the reply is given up: one that never settles holds its thread."""
        try:
            return step()
        except Exception:  # the isolation boundary outside of a write
            log.exception("a reply failed", message_id=self._key)
            if self._ended:
                self._channel_id = None
                self._content.delivered(confirmed=False)
            else:
                self._pause()
            return None

    def _next_write(self) -> Awaitable[None] | None:
        """Read the text that is to be written now; return the writing of it."""
        channel_id = self._channel_id
        if channel_id is None or self._paused:
            return None
        pages = self._look_at()
        count, scarce = len(pages), self._api.pacer.busy and self._cadence.started and not self._ended
        if scarce:
            pages = self._look_at(self._cadence.expected(self._content.said))
        number = self._first_difference(pages)
        pages = pages[: self._cards.above]
        if number is None and self._cards:
            self._cards.release_first()
            return None
        if number is None and not self._trailers:
            self._settle_if_ended()
            return None
        if self._job.bucket is not self._bucket(number):
            self._ask()  # It was asked for as something else.
            return None
        if number is None:
            return self._write(channel_id, partial(self._put_trailer, channel_id))
        if number >= len(pages):
            return self._write(channel_id, partial(self._remove_surplus, channel_id, number), number)
        if number < len(self._posted) and self._posted[number].becomes_spare(pages[number]):
            return self._write(channel_id, partial(self._remove_spare, channel_id, number), number)
        # What is new behind the page, because it was ended early or is the last, waits as long as for an edit.
        next_waits, now = scarce and number >= count - 1, asyncio.get_running_loop().time()
        self._cadence.write(now, self._content.said, waited_since=self._job.since, next_waits=next_waits)
        live = self._stop is not None and not self._ended and number == len(pages) - 1
        provisional = not self._content.has_words
        put = partial(self._put_page, channel_id, number, pages[number], live=live, provisional=provisional)
        return self._write(channel_id, put, number)

    # ---- one write

    async def _write(self, channel_id: int, put: Callable[[], Awaitable[None]], number: int | None = None) -> None:
        """Make one write; then ask for the next. Every failure ends in another try, or in giving up."""
        try:
            await put()
        except Gone:
            if number is not None:
                self._leave(number)
            self._continue()
        except Archived as error:
            await self._reopen(channel_id, error)
        except TryLater as error:
            if number is not None:
                self._posted[number].doubt()
            self._ask(self._job.backoff.wait(error))
        except JournalUnwritable:
            self._ask(UNWRITABLE_SECONDS)  # It was not sent: that comes only after it is written down.
        except PermanentError as error:
            self._give_up(str(error))
        except Exception as error:  # a reply that never settles would hold its thread
            log.exception("a reply failed", message_id=self._key)
            self._give_up(str(error))
        else:
            self._job.backoff.reset()
            self._continue()

    async def _put_page(self, channel_id: int, number: int, page: str, *, live: bool, provisional: bool) -> None:
        """Send or edit the message of one page, and note what Discord has stored."""
        if number == len(self._posted):
            self._posted.append(PageState())
        posted = self._posted[number]
        now = asyncio.get_running_loop().time()
        if posted.outgrown(page, now):
            if posted.stop:  # One edit too many is better than a button that can do nothing.
                await self._api.edit(channel_id, posted.message_id or 0, posted.content, drop_view=True)
            self._leave(number)
        content = posted.text(page)
        try:
            if posted.message_id is not None:
                drop = posted.stop and not live
                stored = await self._api.edit(channel_id, posted.message_id, content, drop_view=drop)
            else:
                view = self._stop() if live and self._stop is not None else None
                content, page, provisional = posted.attempt(page, provisional=provisional)
                known = self._message_ids
                stored = await self._sender.send(
                    channel_id, number, content, before=posted.before, known=known, view=view
                )
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
        self._cadence.started = self._cadence.started or not provisional

    @property
    def _message_ids(self) -> set[int | None]:
        return {posted.message_id for posted in self._posted}

    def _enclose(self, number: int, page: str, reason: str) -> None:
        """Replace a page that Discord refuses by a line, and bring the page as a file."""
        log.warning("a part of a reply was refused", channel_id=self._channel_id, message_id=self._key, reason=reason)
        line, trailer = enclosed(number, page, reason)
        self._posted[number].enclose(line)
        self._sender.renew()
        # An earlier run may have sent the file already.
        posts = {post.number: post for post in self._journal.sent_pages.of(self._key)}
        sent = posts.get(ENCLOSED + number)
        if sent is None or sent.message_id is None:
            self._trailers.put(ENCLOSED + number, trailer)
        if sent is not None and sent.message_id is None:
            self._sender.may_be_sent(ENCLOSED + number)

    async def _remove_surplus(self, channel_id: int, number: int) -> None:
        """Delete the message of a page that does not exist any more; one that comes in its place begins afresh."""
        with contextlib.suppress(Gone):
            await self._remove(channel_id, number)
        self._posted[number] = PageState()
        self._note_left(number)

    async def _remove_spare(self, channel_id: int, number: int) -> None:
        """Delete the message that shows no part of its page any more; what it has shown stands elsewhere."""
        await self._remove(channel_id, number)
        self._posted[number].drop()
        self._note_left(number)

    async def _remove(self, channel_id: int, number: int) -> None:
        posted = self._posted[number]
        if posted.message_id is None and posted.tried is not None:
            stored = await self._sender.send(
                channel_id, number, posted.tried.content, before=posted.before, known=self._message_ids
            )
            posted.message_id = stored.message_id
        if posted.message_id is not None:
            try:
                await self._api.delete(channel_id, posted.message_id)
            except PermanentError as error:  # It stays; what is still to be shown does not wait for it.
                log.warning("a message too many could not be deleted", channel_id=channel_id, reason=str(error))

    async def _put_trailer(self, channel_id: int) -> None:
        """Send the next message behind the pages; one that Discord refuses is replaced by a line about it."""
        number, trailer = self._trailers.first()
        try:
            files = [(file.name, file.source()) for file in trailer.files]
            known, mention = self._message_ids, trailer.mention
            await self._sender.send(channel_id, number, trailer.content, known=known, files=files, mention=mention)
        except (PermanentError, OSError, TryLater) as error:
            if not self._trailers.replace_first(error, self._api.pacer.messages_sent):
                raise
            log.warning("a message behind a reply was refused", channel_id=channel_id, reason=str(error))
            self._sender.renew()
        else:
            self._trailers.sent(number)

    def _leave(self, number: int) -> None:
        self._posted[number].leave()
        self._note_left(number)

    def _note_left(self, number: int) -> None:
        self._journal.sent_pages.left(self._key, number, self._posted[number].before)
        self._sender.renew()

    # ---- what comes after a write

    def _continue(self) -> None:
        """Look again: the pages may have changed during the write, or the end has to be confirmed."""
        number = self._first_difference(self._look_at())
        if number is None and self._cards:
            self._cards.release_first()
        elif number is not None:
            self._job.due = self._cadence.due
            self._ask(since=self._cadence.since(is_new_page=number == len(self._posted)), bucket=self._bucket(number))
        elif self._trailers:
            self._ask(bucket=self._bucket(None))
        else:
            self._settle_if_ended()

    def _settle_if_equal(self) -> None:
        if not self._job.in_flight and not self._trailers and self._first_difference(self._look_at()) is None:
            self._settle_if_ended()

    def _settle_if_ended(self) -> None:
        if self._ended and not self._cards:
            self._content.delivered(confirmed=True)

    async def _reopen(self, channel_id: int, error: Archived) -> None:
        """Open the thread, and try again. One that is locked stays as it is, and so does the reply."""
        try:
            await self._api.reopen(channel_id, urgency=self._job.urgency)
        except TryLater as later:
            self._ask(self._job.backoff.wait(later))
        except (PermanentError, Gone, Archived) as refused:
            self._give_up(f"{error}; {refused}")
        else:
            self._ask(self._job.backoff.wait(error))

    def _give_up(self, reason: str) -> None:
        log.warning("a reply could not be posted", channel_id=self._channel_id, reason=reason, message_id=self._key)
        if self._ended:
            self._channel_id, self.given_up = None, reason
            self._content.delivered(confirmed=self._says_all)
        else:
            self._pause()

    def _pause(self) -> None:
        """Write nothing until the end; the questions do not wait for that."""
        self._paused = True
        self._cards.release_all()

    @property
    def _says_all(self) -> bool:
        """Whether all that the agent said is posted, and its files are: at most a line about the end is missing."""
        return first_unwritten(self._posted, self._look_at()) is None and not self._trailers.bring_files
