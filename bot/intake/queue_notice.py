"""Shows the waiting messages of a thread: a reaction on each, and one notice with their number."""

import asyncio
from collections.abc import Callable

from bot.conversation.exchange import Exchange
from bot.interactions.queue_buttons import queue_view
from bot.interactions.thread_buttons import held_view
from bot.reply.notices import CONFIRMING, HELD, UNREACHABLE, WAITING, Notices
from bot.user_messages import places
from bot.user_messages import queue as texts
from pool.conversation import Conversation
from pool.pool import Pool

SLICE = 20
"""Threads to update in one step after a restart."""


class QueueNotices:
    """The notices that messages wait for the running turn, or are held for a person; a thread has one of them.

    A thread with a question about an interrupted turn has none: the question says what waits behind it. Nor has one
    with a question about a machine that cannot be reached.
    """

    def __init__(self, notices: Notices) -> None:
        """`update` is the pool's `on_queue`."""
        self._notices = notices
        self.asks: Callable[[Conversation], bool] = lambda _conversation: False
        """Brings a thread's questions about interrupted turns up to date; returns whether there are any."""

    async def update_all(self, pool: Pool) -> None:
        """Update the threads that have a notice of an earlier run, after the waiting messages are recovered."""
        for number, (thread_id, _) in enumerate(self._notices.of(WAITING, HELD, UNREACHABLE), start=1):
            self._show(thread_id, pool.conversation(thread_id))
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def update(self, conversation: Conversation) -> None:
        """Update the thread of a conversation."""
        self._show(conversation.thread_id, conversation)

    def _show(self, thread_id: int, conversation: Conversation | None) -> None:
        queue = () if conversation is None else conversation.queue
        asks = conversation is not None and self.asks(conversation)
        held = conversation is not None and conversation.held
        self._show_confirming(thread_id, conversation if queue and not held else None)
        if not held or not queue:
            self._notices.end(thread_id, UNREACHABLE)
        asks = asks or self._notices.stands(thread_id, UNREACHABLE)
        if queue and not held and (conversation is None or conversation.current is None):
            return  # The first one starts immediately.
        # New ones are at either end, so a long queue is not looked through each time.
        for line in (queue, reversed(queue)):
            for exchange in line:
                if not isinstance(exchange, Exchange) or exchange.behind:
                    break
                exchange.show_waiting()
        if held or not queue:
            self._notices.end(thread_id, WAITING)
        if not held or not queue or asks:
            self._notices.end(thread_id, HELD)
        if not queue or (held and asks):
            return
        if held:
            self._notices.show(thread_id, HELD, texts.held(len(queue)), lambda: held_view(thread_id))
        else:
            first = queue[0].message_ids[-1]
            into_turn = conversation is not None and conversation.can_steer
            text, view = texts.queued(len(queue)), lambda: queue_view(thread_id, first, into_turn=into_turn)
            self._notices.show(thread_id, WAITING, text, view, first=(first, into_turn), silent=True)

    def _show_confirming(self, thread_id: int, conversation: Conversation | None) -> None:
        """Say what the messages of a conversation wait for, if that is the end of its earlier agent."""
        if conversation is not None and conversation.lease.unconfirmed:
            text = places.unconfirmed(conversation.lease.place)
            self._notices.show(thread_id, CONFIRMING, text, None, silent=True)
        else:
            self._notices.end(thread_id, CONFIRMING)
