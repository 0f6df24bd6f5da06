"""Asks about turns that were interrupted, by the bot's end or a lost connection: a person chooses Retry or Skip.

The question stays in the thread until a person decides, or the thread continues without a decision. It is asked once,
however often the bot restarts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.interactions.thread_buttons import interrupted_view
from bot.reply.notices import INTERRUPTED, UNCONFIRMED
from bot.reply.reply import Reply
from bot.user_messages import layout, restarts
from pool.conversation import Conversation
from pool.journal.message_states import LOST, MessageRow, MessageState
from pool.journal.messages import KEPT_SECONDS
from pool.pool import Pool

from .unfinished_replies import UnfinishedReplies

CHOICE_SECONDS = 600.0
"""How long the messages behind an interrupted turn wait for a decision, over all runs of the bot."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """An interrupted turn: the rows of its messages, and its unfinished reply, if it had a message.

    `by_agent`: the agent began it by itself, and was told to stop; no restart interrupted it.
    """

    rows: Sequence[MessageRow]
    draft: Reply | None
    by_agent: bool = False

    @property
    def row(self) -> MessageRow:
        """The row of the message that names the exchange."""
        return self.rows[-1]

    @property
    def message_ids(self) -> list[int]:
        """The messages."""
        return [row.message_id for row in self.rows]


class Interruptions:
    """The interrupted turns without a decision."""

    def __init__(
        self,
        *,
        pool: Pool,
        context: ExchangeContext,
        drafts: UnfinishedReplies,
        retry_exchange: Callable[[Sequence[MessageRow]], Exchange | None],
    ) -> None:
        """`retry_exchange` makes the exchange of another try. None: its rows cannot be read, and are closed."""
        self._journal = context.journal
        self._pool = pool
        self._context = context
        self._drafts = drafts
        self._retry_exchange = retry_exchange
        self._open: dict[int, dict[int, Interruption]] = {}
        """By thread, and by the last message of each."""

    def recover(self, rows: Sequence[MessageRow]) -> Interruption:
        """Add an exchange that was prompted when the bot ended; close it if it was asked about too long ago."""
        row = rows[-1]
        interruption = Interruption(rows, self.recover_draft(rows))
        self._open.setdefault(row.thread_id, {})[row.message_id] = interruption
        asked = self._asked(row)
        if asked is not None and time.time() - asked > KEPT_SECONDS:
            self._close(interruption, "interrupted", restarts.undecided(self._link(row), lost=row.lost))
        return interruption

    def ask_about(self, message_ids: Sequence[int], prompt: str, lost: str) -> float:
        """Ask about the turn of these messages, in which the connection to the place `lost` was lost.

        Without a place, the agent began it with them, instead of taking them into the running one. The question about a
        lost connection follows the reply, see `settled`. Return for how many seconds the thread waits for the decision.
        """
        rows = [row for message_id in message_ids if (row := self._journal.messages.row(message_id)) is not None]
        # Not as the journal has them: it may still have to write down that they are an exchange of their own.
        now = partial(replace, state=MessageState.PROMPTED, exchange_id=message_ids[-1], prompt=prompt)
        own = [now(row, reason=f"{LOST}{lost}" if lost else None) for row in rows]
        interruption = Interruption(own, None, by_agent=not lost)
        thread_id = interruption.row.thread_id
        self._open.setdefault(thread_id, {})[interruption.row.message_id] = interruption
        if not lost:
            self._question(interruption.row)
        return self.seconds_left(thread_id)

    def settled(self, thread_id: int, message_id: int) -> None:
        """Ask about an interrupted turn, now that its reply stands."""
        interruption = self._open.get(thread_id, {}).get(message_id)
        if interruption is not None and interruption.draft is None:
            self._question(interruption.row)

    def end_old_notices(self) -> None:
        """End the questions that an earlier run left, after all undecided ones are recovered."""
        for thread_id, message_id in self._context.notices.of(UNCONFIRMED):
            row = self._journal.messages.row(message_id)
            if row is None or self._is_open(thread_id, row.exchange_id):
                self._context.notices.end(thread_id, UNCONFIRMED, message_id)
        for thread_id, message_id in self._context.notices.of(INTERRUPTED):
            if message_id not in self._open.get(thread_id, {}):
                self._context.notices.end(
                    thread_id, INTERRUPTED, message_id, content=self._outcome(thread_id, message_id)
                )

    def _outcome(self, thread_id: int, message_id: int) -> str:
        """Return the text for a question that is over."""
        row = self._journal.messages.row(message_id)
        left = row is not None and row.thread_id == thread_id and row.reason == "interrupted"
        return restarts.undecided(self._link(row)) if row is not None and left else restarts.ALREADY_DECIDED

    def recover_draft(self, rows: Sequence[MessageRow]) -> Reply | None:
        """Return the unfinished reply of an interrupted try, first in its thread; None if it has no message."""
        row, journal, context = rows[-1], self._journal, self._context
        if not journal.sent_pages.of(row.message_id) and not journal.messages.pages(row.message_id):
            return None

        def settled(confirmed: bool) -> None:  # noqa: FBT001 - a callback
            context.replies.remove(row.thread_id, reply)
            if self.is_undecided(row) or journal.messages.state(row.message_id) is MessageState.CLOSED:
                journal.messages.settle([each.message_id for each in rows], confirmed=confirmed)
                self._question(row)
            else:
                journal.sent_pages.drop(row.message_id)  # The retry has messages of its own.

        reply = Reply(row.message_id, api=context.api, journal=journal, on_settled=settled)
        guild_id, channel_id = journal.threads.place(row.thread_id) or (None, row.thread_id)
        if guild_id is not None and channel_id == row.thread_id:
            reply.name_request()  # In a channel others talk too.
        context.replies.append(row.thread_id, reply)
        return reply

    async def ask(self, interruption: Interruption) -> None:
        """Finish the unfinished reply, then ask for a decision; a question that is there is brought up to date."""
        row, draft = interruption.row, interruption.draft
        if draft is None:
            self._question(row)
        elif self._journal.messages.pages(row.message_id):
            await self._drafts.finish(row, draft, row.thread_id)
        else:
            await self._drafts.cut_off(row, draft)

    def queue_changed(self, conversation: Conversation) -> bool:
        """Show on a thread's questions what waits behind them; return whether a decision is open there.

        The question then stands for a notice that the messages are on hold.
        """
        undecided = self._undecided_in(conversation.thread_id)
        for interruption in undecided:
            if self._asked(interruption.row) is not None:  # Otherwise it is asked when the unfinished reply stands.
                self._question(interruption.row)
        return bool(undecided)

    def _question(self, row: MessageRow) -> None:
        """Ask, or show what waits behind the question now."""
        if self.is_undecided(row):
            conversation = self._pool.conversation(row.thread_id)
            waiting, until = (0, None) if conversation is None else (conversation.waiting, conversation.held_until)
            by_agent = self._open[row.thread_id][row.message_id].by_agent
            link = self._link(row)
            text = restarts.interrupted(
                row.author_id, link, waiting=waiting, until=until, by_agent=by_agent, lost=row.lost
            )
            view = partial(interrupted_view, row.message_id)
            self._context.notices.show(row.thread_id, INTERRUPTED, text, view, about=row.message_id)

    def _asked(self, row: MessageRow) -> float | None:
        return self._context.notices.since(row.thread_id, INTERRUPTED, row.message_id)

    def _link(self, row: MessageRow) -> str:
        """Return the address of a row's message; the one that a thread was opened on is in the channel above."""
        guild_id, channel_id = self._journal.threads.place(row.thread_id) or (None, row.thread_id)
        place = channel_id if row.message_id == row.thread_id else row.thread_id
        return layout.link(guild_id, place, row.message_id)

    def is_undecided(self, row: MessageRow) -> bool:
        """Whether the turn of a row was interrupted and is still without a decision."""
        is_prompted = self._journal.messages.state(row.message_id) is MessageState.PROMPTED
        return is_prompted and self._is_open(row.thread_id, row.message_id)

    def _is_open(self, thread_id: int, message_id: int) -> bool:
        return message_id in self._open.get(thread_id, {})

    def seconds_left(self, thread_id: int) -> float:
        """Return the seconds for which a thread's messages still wait for a decision; 0.0 if they do not."""
        now = time.time()
        # A clock that was set back since then must not extend the wait.
        asked = [min(now, self._asked(each.row) or now) for each in self._undecided_in(thread_id)]
        return max((CHOICE_SECONDS - (now - since) for since in asked), default=0.0)

    def asked_before(self, thread_id: int, message_id: int) -> bool:
        """Whether a message was written below the questions about a thread's interrupted turns."""
        kind, undecided = INTERRUPTED, self._undecided_in(thread_id)
        asked = [self._context.notices.message(thread_id, kind, each.row.message_id) for each in undecided]
        return all(each is not None and each < message_id for each in asked)

    # ---- decisions

    def decide(self, thread_id: int, message_id: int, *, retry: bool, by: int) -> str:
        """Carry out a person's decision; return the text that replaces the question. Raises `JournalUnwritable`."""
        interruption = self._open.get(thread_id, {}).get(message_id)
        if interruption is None or not self.is_undecided(interruption.row):
            return self._outcome(thread_id, message_id)
        if not retry:
            outcome = restarts.skipped(by)
            self._close(interruption, "skipped", outcome)
            conversation = self._pool.conversation(thread_id)
            if conversation is not None:
                conversation.resume()
            return outcome
        exchange = self._retry_exchange(interruption.rows)
        if exchange is None:
            outcome = restarts.UNREADABLE
        else:
            self._journal.messages.requeue(interruption.message_ids)
            outcome = restarts.sent_again(by)
        self._forget(interruption)
        self._context.notices.end(thread_id, INTERRUPTED, message_id, content=outcome)
        if exchange is not None:
            if interruption.draft is None or interruption.draft.settled.is_set():
                self._journal.sent_pages.drop(message_id)  # The retry has messages of its own.
            self._pool.go_first(thread_id, exchange)
        return outcome

    def thread_continued(self, thread_id: int) -> None:
        """Close the interrupted turns of a thread in which another turn begins."""
        for interruption in self._undecided_in(thread_id):
            row = interruption.row
            outcome = restarts.undecided(self._link(row), by_agent=interruption.by_agent, lost=row.lost)
            if self._asked(row) is None:  # The thread was continued before the question was posted.
                self._question(row)
            self._close(interruption, "interrupted", outcome)

    def thread_deleted(self, thread_id: int) -> None:
        """Close the interrupted turns of a thread that is gone."""
        for interruption in self._undecided_in(thread_id):
            self._close(interruption, "gone", "")

    def _undecided_in(self, thread_id: int) -> list[Interruption]:
        return [each for each in self._open.get(thread_id, {}).values() if self.is_undecided(each.row)]

    def _close(self, interruption: Interruption, reason: str, outcome: str) -> None:
        message_id = interruption.row.message_id
        self._journal.messages.close(interruption.message_ids, reason, self._journal.messages.pages(message_id))
        self._forget(interruption)
        self._context.end_reactions(interruption.message_ids)
        self._context.notices.end(interruption.row.thread_id, INTERRUPTED, message_id, content=outcome)

    def _forget(self, interruption: Interruption) -> None:
        here = self._open[interruption.row.thread_id]
        del here[interruption.row.message_id]
        if not here:
            del self._open[interruption.row.thread_id]
