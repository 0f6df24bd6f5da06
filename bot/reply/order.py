"""The order of the replies in each thread, and of what is posted between them."""

import asyncio
from collections.abc import Callable

from .reply import Reply


class ReplyOrder:
    """The last reply of each thread, and the replies that have begun and not settled."""

    def __init__(self) -> None:
        """Start without a reply."""
        self._last: dict[int, Reply] = {}
        self._begun: dict[int, Reply] = {}
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
        """Remember the reply to a message, for the questions of its agent."""
        self._begun[message_id] = reply

    def forget(self, message_id: int) -> None:
        """Forget what `begin_turn` remembered: the reply has settled, or goes to another place."""
        self._begun.pop(message_id, None)

    def ask(self, message_id: int, post: Callable[[], None]) -> Callable[[], None]:
        """Call `post`, which posts a question, in its place in the reply to a message, see `Reply.ask`.

        Without such a reply it is posted immediately.
        """
        reply = self._begun.get(message_id)
        if reply is not None:
            return reply.ask(post)
        post()
        return lambda: None

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
