"""The order of the replies in each thread, and of what is posted between them."""

import asyncio
from collections.abc import Callable

from .reply import Reply


class ReplyOrder:
    """The last reply of each thread, and the replies whose turns run."""

    def __init__(self) -> None:
        """Start without a reply."""
        self._last: dict[int, Reply] = {}
        self._working: dict[int, Reply] = {}
        """By the ids of the messages that they answer."""

    def append(self, thread_id: int, reply: Reply) -> None:
        """Post a reply after those that its thread has already."""
        before = self._last.get(thread_id)
        if before is not None:
            reply.follow(before)
        self._last[thread_id] = reply

    def remove(self, thread_id: int, reply: Reply) -> None:
        """Forget a reply that has settled, or goes to another place."""
        if self._last.get(thread_id) is reply:
            del self._last[thread_id]

    def begin_turn(self, message_id: int, reply: Reply) -> None:
        """Remember the reply to a message as one whose turn runs, for `in_turn`."""
        self._working[message_id] = reply

    def end_turn(self, message_id: int) -> None:
        """Forget what `begin_turn` remembered."""
        self._working.pop(message_id, None)

    def in_turn(self, message_id: int, post: Callable[[], None]) -> None:
        """Call `post` when the replies before that of a running turn have settled; immediately without such a turn."""
        reply = self._working.get(message_id)
        if reply is None:
            post()
        else:
            reply.in_turn(post)

    async def settled(self, seconds: float, thread_id: int | None = None) -> None:
        """Wait until every reply that has ended, or those of one thread, is confirmed or given up, for `seconds`.

        A reply whose thread is not open yet does not count: the next run of the bot opens it.
        """
        replies = [reply for key, reply in self._last.items() if thread_id in (None, key) and reply.has_place]
        waits = [asyncio.ensure_future(reply.settled.wait()) for reply in replies if reply.ended or thread_id]
        if waits:
            _, late = await asyncio.wait(waits, timeout=seconds)
            for wait in late:
                wait.cancel()
