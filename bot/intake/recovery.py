"""Recovers after a restart: runs received messages, asks about interrupted turns, posts finished replies.

The journal's open rows are read before the client connects, so that no new one is among them, and recovered at the
first READY.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import discord
import structlog

from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.prompt.request import read_request
from bot.reply.reply import Reply
from bot.rest.calls import Urgency
from bot.rest.components_v2 import CARD
from bot.rest.errors import RestError
from bot.user_messages import layout, questions
from pool.journal.message_states import MessageRow, MessageState, in_exchange
from pool.journal.notices import NoticeRow
from pool.journal.posted_requests import PostedRequest
from pool.journal.questions import OpenQuestion
from pool.pool import Pool

from .interrupted_turns import Interruption, Interruptions
from .queue_notice import QueueNotices
from .unfinished_replies import UnfinishedReplies

SLICE = 10
"""Rows to recover in one step, or a few more: a thousand threads may have been waiting."""

LOST_SECONDS = 60.0
"""A lost notice is searched from so long before it was recorded: clocks differ."""

T = TypeVar("T")

log = structlog.stdlib.get_logger("bot")


class Recovery:
    """Recovers what an earlier run left open. `begin` and `finish` belong to each READY; the first does the work.

    New messages wait until `begun` is set, so that they come after the recovered ones.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        context: ExchangeContext,
        queue_notices: QueueNotices,
        begun: asyncio.Event,
    ) -> None:
        """Read what is open now. `begin` sets `begun` when every exchange is in its inbox."""
        self._journal = journal = context.journal
        self._pool = pool
        self._context = context
        self._queue_notices = queue_notices
        self.drafts = UnfinishedReplies(journal=journal, api=context.api)
        self.interruptions = Interruptions(
            pool=pool, context=context, drafts=self.drafts, retry_exchange=self._retry_exchange
        )
        """The interrupted turns without a decision."""
        self._rows: dict[int, dict[int, list[MessageRow]]] = {}
        """The open rows by thread and exchange."""
        self.begun = begun
        self._unopened: list[Exchange] = []
        self._finished: list[tuple[MessageRow, Exchange]] = []
        self._interrupted: list[Interruption] = []
        self._cut: list[tuple[MessageRow, Reply]] = []
        self._questions = journal.questions.all()
        self._asks = journal.posted_requests.all()
        rows = journal.messages.open_rows()
        self._stale_reactions = set(journal.reactions.all()) - {row.message_id for row in rows}
        """Messages that have ended, with outdated reactions of an earlier run."""
        for row in rows:
            self._rows.setdefault(row.thread_id, {}).setdefault(row.exchange_id, []).append(row)
        for exchanged in self._rows.values():
            for exchange_id, together in exchanged.items():
                exchanged[exchange_id] = in_exchange(together)

    async def begin(self) -> list[Exchange]:
        """Put all open exchanges into their inboxes, some threads at a time; return those that need a thread.

        `finish` does what takes time. After a cancellation the next READY continues.
        """
        while self._stale_reactions:
            self._context.end_reactions(
                [self._stale_reactions.pop() for _ in range(min(SLICE, len(self._stale_reactions)))]
            )
            await asyncio.sleep(0)
        self._context.notices.begin()
        while self._rows:
            self._restore_some()
            await asyncio.sleep(0)
        self.interruptions.end_old_notices()
        await self._queue_notices.update_all(self._pool)
        self.begun.set()
        unopened, self._unopened = self._unopened, []
        return unopened

    def _restore_some(self) -> None:
        """Restore the next threads."""
        count = 0
        while self._rows and count < SLICE:
            thread_id = next(iter(self._rows))
            exchanged = self._rows.pop(thread_id)
            count += sum(len(together) for together in exchanged.values())
            try:
                self._unopened += self._restore_thread(thread_id, exchanged.values())
            except Exception:  # one thread must not block the others; its rows stay for the next start
                log.exception("a thread could not be recovered", thread_id=thread_id)

    def _restore_thread(self, thread_id: int, exchanged: Iterable[list[MessageRow]]) -> list[Exchange]:
        by_state: dict[MessageState, list[list[MessageRow]]] = defaultdict(list)
        for together in exchanged:
            by_state[together[-1].state].append(together)
        # These come first, as a reply waits for the earlier ones in its thread.
        ended = self._ended_exchanges([*by_state[MessageState.FINISHED], *by_state[MessageState.CLOSED]])
        self._finished += ended
        self._interrupted += [self.interruptions.recover(together) for together in by_state[MessageState.PROMPTED]]
        waiting = [*by_state[MessageState.HELD], *by_state[MessageState.RECEIVED]]
        exchanges = [exchange for together in waiting if (exchange := self._waiting_exchange(together)) is not None]
        left = self.interruptions.seconds_left(thread_id)
        if exchanges:
            seconds = None if by_state[MessageState.HELD] else left
            self._pool.restore(thread_id, exchanges, held=seconds is None or left > 0, seconds=seconds)
        return [exchange for exchange in (*(each for _, each in ended), *exchanges) if not exchange.is_open]

    def thread_deleted(self, thread_id: int) -> None:
        """Forget the questions and notices of a thread that is gone."""
        self.interruptions.thread_deleted(thread_id)
        self._context.notices.forget(thread_id)

    async def finish(self) -> None:
        """Post finished replies, ask about interrupted turns, and close the questions of an earlier run."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_run_all(self._context.notices.lost, self._find_notice), name="lost notices")
            tasks.create_task(_run_all(self._questions, self._close_question), name="old questions")
            tasks.create_task(_run_all(self._interrupted, self.interruptions.ask), name="interrupted")
            tasks.create_task(_run_all(self._cut, self._cut_off), name="drafts")
            tasks.create_task(_run_all(self._finished, self._post), name="finished")

    async def accept_posted_requests(self, accept: Callable[[PostedRequest], Awaitable[None]]) -> None:
        """Call `accept` with each request that an earlier run was to post: one by one, as two may be equal.

        After a cancellation the next READY continues.
        """
        while self._asks:
            ask = self._asks.pop(0)
            try:
                await accept(ask)
            except asyncio.CancelledError:
                self._asks.insert(0, ask)
                raise
            except Exception:  # one of them must not block the others
                log.exception("a request could not be accepted", channel_id=ask.channel_id)

    def _waiting_exchange(self, together: Sequence[MessageRow]) -> Exchange | None:
        """Return the exchange of waiting rows; its reply continues the message that already says so."""
        row = together[-1]
        if row.prompt is not None:  # A retry has messages of its own.
            draft = self.interruptions.recover_draft(together)
            self._cut += [] if draft is None else [(row, draft)]
        exchange = self._exchange(together, again=row.prompt)
        if exchange is not None and row.prompt is None:
            for post in self._journal.sent_pages.of(row.message_id)[:1]:
                exchange.reply.adopt(post.message_id)
        return exchange

    def _ended_exchanges(self, rows: Iterable[list[MessageRow]]) -> list[tuple[MessageRow, Exchange]]:
        """Return the exchanges of rows that only need posting, oldest first, and queue their replies."""
        ended: list[tuple[MessageRow, Exchange]] = []
        for together in sorted(rows, key=lambda together: together[-1].message_id):
            exchange = self._exchange(together)
            if exchange is not None:
                self._context.replies.append(exchange.request.thread_id, exchange.reply)
                ended.append((together[-1], exchange))
        return ended

    def _retry_exchange(self, together: Sequence[MessageRow]) -> Exchange | None:
        return self._exchange(together, again=together[-1].prompt)

    def _exchange(self, together: Sequence[MessageRow], *, again: str | None = None) -> Exchange | None:
        """Return the exchange of rows. Unreadable rows are closed and logged."""
        row = together[-1]
        message_ids = tuple(each.message_id for each in together)
        try:
            *before, request = (read_request(each.request) for each in together)
            exchange = Exchange(request, self._context, before=before, again=again)
        except ValueError as error:
            log.warning("a request in the journal cannot be read", message_id=row.message_id, reason=str(error))
            if row.state is MessageState.CLOSED:
                self._journal.messages.clear_owed(message_ids)
            else:
                self._journal.messages.close(message_ids, "unreadable")
            return None
        except Exception:  # one row must not block the others; it stays for the next start
            log.exception("a row could not be recovered", message_id=row.message_id)
            return None
        # A prompt is only sent when its thread is open.
        if request.thread_id == request.channel_id or row.state in {MessageState.PROMPTED, MessageState.FINISHED}:
            exchange.opened(request.thread_id)
        return exchange

    # ---- what `finish` does

    async def _post(self, finished: tuple[MessageRow, Exchange]) -> None:
        """Post a finished reply."""
        row, exchange = finished
        channel_id = await exchange.ended_before_restart(row.reason)
        await self.drafts.finish(row, exchange.reply, channel_id)

    async def _cut_off(self, cut: tuple[MessageRow, Reply]) -> None:
        """Finish the reply of a first try, for which a retry waits."""
        row, draft = cut
        await self.drafts.cut_off(row, draft)

    async def _find_notice(self, lost: NoticeRow) -> None:
        """Find the message of a notice whose sending was not confirmed."""
        after = discord.utils.time_snowflake(datetime.fromtimestamp(lost.since - LOST_SECONDS, UTC))
        known = self._context.notices.messages
        try:
            message_id = await self.drafts.find_message(lost.thread_id, after, lost.content, known=known)
        except RestError as error:
            log.info("an old notice could not be looked for", thread_id=lost.thread_id, reason=str(error))
            message_id = None
        self._context.notices.find(lost, message_id)

    async def _close_question(self, question: OpenQuestion) -> None:
        """Remove the buttons of an earlier run's question, and say why. One that was answered stays as it is."""
        thread_id, message_id = question.thread_id, question.message_id
        reason = questions.became(self._journal.messages.state(question.exchange_id))
        text = (
            questions.closed(reason, question.subject)
            if question.subject
            else layout.with_line(question.content, questions.no_longer_open(reason))
        )
        try:
            message_id = await self._find_open(question)
            if message_id is not None:
                api = self._context.api
                accent = CARD if question.components_v2 else None
                edit = partial(api.edit, thread_id, message_id, text, drop_view=True, drop_files=True, accent=accent)
                await api.retrying(partial(edit, urgency=Urgency.NOTICE))
        except RestError as error:
            log.info("an old question could not be closed", message_id=message_id, reason=str(error))
        self._journal.questions.settled(question.token)

    async def _find_open(self, question: OpenQuestion) -> int | None:
        """Return the message of a question that has its buttons still, as far as that is known. Raises `RestError`."""
        known, thread_id = question.message_id, question.thread_id
        try:
            own = await self.drafts.own_messages(thread_id, after=question.exchange_id if known is None else known - 1)
        except RestError:
            if known is None:
                raise
            return known  # An edit needs no right to read.
        open_ = (each for each in own if each.has_buttons)
        if known is None:
            return next((each.message_id for each in open_ if each.content == question.content.strip()), None)
        return next((known for each in open_ if each.message_id == known), None)


async def _run_all(items: list[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Run `work` for all items in parallel, started `SLICE` at a time. After a cancellation unfinished items remain."""
    left = dict(enumerate(items))
    items.clear()

    async def do(number: int) -> None:
        try:
            await work(left[number])
        except Exception:  # one of them must not block the others
            log.exception("what an earlier run left could not be brought to its end")
        del left[number]

    try:
        async with asyncio.TaskGroup() as tasks:
            for number in [*left]:
                tasks.create_task(do(number), name="recovery")
                if number % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
    finally:
        items.extend(left.values())
