"""Where the reply of one exchange goes: a channel that may not be known yet, or may never be."""

import asyncio
from collections.abc import Callable

from bot.interactions.cards import QuestionOrigin
from bot.prompt.request import Request
from bot.reply.reply import Reply
from pool.exchange import ExchangeFailed
from pool.journal.threads import ThreadRows


class ReplyDestination:
    """The channel of a reply. The reply begins when its channel is known and its turn has come, whichever is later."""

    def __init__(self, request: Request, reply: Reply, threads: ThreadRows) -> None:
        """Start without a channel. `threads` knows which threads are channels of their own."""
        self.request = request
        """The request that is answered."""
        self.channel_id: int | None = None
        self.turn_came = False
        self._reply = reply
        self._threads = threads
        self._decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_decided(self) -> bool:
        """Whether the channel is known, or it is known that there is none."""
        return self._decided.done()

    @property
    def where(self) -> QuestionOrigin:
        """The channel, the message that is answered and its author."""
        return QuestionOrigin(
            self.channel_id or self.request.thread_id, self.request.message_id, self.request.author_id
        )

    @property
    def has_begun(self) -> bool:
        """Whether the reply has begun."""
        return self.turn_came and self.channel_id is not None

    def open(self, channel_id: int) -> None:
        """Send the reply into a channel."""
        self.channel_id = channel_id
        self._decided.set_result(None)
        self._begin()

    def fail(self, reason: str) -> None:
        """Send the reply, which can only say `reason`, into the channel of the request: there is no thread."""
        self.channel_id = self.request.channel_id
        self._decide_without(reason)
        self._begin()

    def discard(self, reason: str) -> None:
        """Give the reply up: there is no place for it."""
        if not self.is_decided:
            self._decide_without(reason)
        self._reply.give_up()

    def move(self, request: Request) -> None:
        """Send the reply into the channel of `request`, as soon as its turn comes there."""
        self.turn_came = False
        self.request = request
        self.open(request.channel_id)

    def start(self) -> None:
        """Begin the reply as soon as its channel is known: its turn has come."""
        self.turn_came = True
        self._begin()

    def name_request(self) -> None:
        """Let the reply name its request in a channel, where others talk too."""
        request, channel_id = self.request, self.where.channel_id
        place = self._threads.place(channel_id)
        is_channel = channel_id != request.thread_id or (place is not None and place[1] == channel_id)
        if request.guild_id is not None and is_channel:
            self._reply.name_request()

    async def opened(self) -> None:
        """Wait until the channel is known. Raises `ExchangeFailed` where there is no thread."""
        await asyncio.shield(self._decided)

    async def decided(self) -> int:
        """Wait until the channel is known, or it is known that there is none; return where the reply goes."""
        await asyncio.wait((self._decided,))
        return self.where.channel_id

    def when_decided(self, call: Callable[[], None]) -> None:
        """Call it as soon as `is_decided`."""
        self._decided.add_done_callback(lambda _: call())

    def _decide_without(self, reason: str) -> None:
        self._decided.set_exception(ExchangeFailed(reason))
        self._decided.exception()  # An exchange that was cancelled before never asks for it.

    def _begin(self) -> None:
        if self.turn_came and self.channel_id is not None:
            self.name_request()
            self._reply.start(self.channel_id)
