"""What waits in a thread, made visible: a sign on each message, and one notice that says how many there are."""

import secrets

from pool.pool import Pool
from pool.threads import Threads

from . import words
from .exchange import Exchange
from .pacer import Pacer
from .post import Post
from .queue import queue_view
from .rest import Rest

__all__ = ["Waiting"]


class Waiting:
    """The notices of all threads, at most one each; it is edited in place, and goes when nothing waits any more."""

    def __init__(self, pool: Pool, *, threads: Threads, pacer: Pacer, rest: Rest) -> None:
        """Give `show` to the pool as `on_queue`. `threads` remembers the notices; those that it has are taken up."""
        self._pool = pool
        self._pacer = pacer
        self._rest = rest
        self._threads = threads
        self._notices = {
            thread_id: self._notice(thread_id, message_id) for thread_id, message_id in threads.notices().items()
        }

    def show(self, thread_id: int) -> None:
        """Bring a thread up to date. What is held has a notice of its own."""
        conversation = self._pool.conversation(thread_id)
        if conversation is None or not (conversation.held or conversation.current):
            return  # What is there now is taken up at once.
        # What is new stands at an end, and behind it all are marked: in a long line not each is looked at each time.
        for line in (conversation.queue, reversed(conversation.queue)):
            for exchange in line:
                if not isinstance(exchange, Exchange) or exchange.behind:
                    break
                exchange.waits()
        notice = self._notices.get(thread_id)
        if conversation.queue and not conversation.held:
            if notice is None:
                notice = self._notices[thread_id] = self._notice(thread_id)
            first = conversation.queue[0].message_ids[-1]
            notice.show(words.queued(len(conversation.queue)), lambda: queue_view(thread_id, first), about=first)
        elif notice is not None:
            del self._notices[thread_id]
            self._threads.set_notice(thread_id, None)
            notice.remove()

    def _notice(self, thread_id: int, message_id: int | None = None) -> Post:
        return Post(
            thread_id,
            pacer=self._pacer,
            rest=self._rest,
            nonce=secrets.token_hex(8),
            silent=True,
            message_id=message_id,
            on_posted=lambda posted_id: self._posted(thread_id, posted_id),
        )

    def _posted(self, thread_id: int, message_id: int) -> None:
        if thread_id in self._notices:  # Else it is removed at once.
            self._threads.set_notice(thread_id, message_id)
