"""A Discord in memory for what is above `DiscordApi`: channels with messages, and faults where the test wants them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import discord

from bot.rest.api import DiscordApi
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.errors import Archived, ContentRefused, Gone, PermanentError, TryLater
from bot.rest.mentions import NO_MENTIONS, Mentions
from bot.rest.message_files import Files
from bot.rest.pacer import Pacer
from bot.rest.stored_message import StoredMessage
from loopback.state.filenames import cleansed
from pool.journal.journal import Journal
from tests.support.virtual_time import elapse


class AnswerLost(TryLater):
    """A fault for `FakeDiscord.faults`: the call takes effect, but its caller never learns of it."""


@dataclass
class Message:
    """A stored message."""

    content: str
    silent: bool = False
    mention: Mentions = NO_MENTIONS
    buttons: list[discord.ui.Button[discord.ui.View]] = field(default_factory=list)
    files: Sequence[tuple[str, bytes]] = ()
    accent: int | None = None
    """The colour of a message of components."""


@dataclass(frozen=True)
class Call:
    """A call and its time."""

    at: float
    what: str
    content: str


class FakeDiscord(DiscordApi):
    """Fulfils `DiscordApi`. A call takes `latency` seconds; the next of `faults` that is no None befalls it.

    With `held` given, a call waits for that event before it takes effect. `mangle` is what is stored of a text; an
    `archived` thread takes no edits, and a `locked` one stays so. A nonce holds for `nonce_seconds`. A text with the
    first of `refused` in it is not taken, for the second as a reason; with `slow_files`, no file arrives in time.
    A read returns all messages; its `content` is the id above which they were wanted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[int, Message] = {}
        self.reactions: set[tuple[int, str]] = set()
        self.calls: list[Call] = []
        self.faults: deque[Exception | None] = deque()
        self.held: asyncio.Event | None = None
        self.latency = 0.1
        self.archived = False
        self.locked = False
        self.mangle: Callable[[str], str] = str
        self.nonce_seconds = float("inf")
        self.refused: tuple[str, str] | None = None
        self.slow_files = False
        self.in_flight = 0
        self.overlaps = 0
        self._ids = count(1)
        self._nonces: dict[str, int] = {}
        self._nonces_since: dict[str, float] = {}

    @property
    def shown(self) -> list[str]:
        """Return the visible texts, top to bottom."""
        return [message.content for _, message in sorted(self.messages.items())]

    @property
    def whats(self) -> list[str]:
        """Return the kinds of the calls, in order."""
        return [call.what for call in self.calls]

    async def send(
        self,
        channel_id: int,
        content: str,
        *,
        urgency: Urgency | None = None,
        nonce: str | None = None,
        mention: Mentions = NO_MENTIONS,
        reply_to: int | None = None,
        silent: bool = False,
        view: discord.ui.View | None = None,
        files: Files = (),
        accent: int | None = None,
    ) -> StoredMessage:
        assert 0 < len(content) <= 2000 or (files and not content)
        assert nonce is None or len(nonce) <= 25
        new_id = next(self._ids)  # In the order of the calls, of which several may end at one time.
        fault = await self._call("send", content, urgency, channel_id)
        self._judge(content)
        if files and self.slow_files:
            raise TryLater("Discord did not answer in time")
        now = asyncio.get_running_loop().time()
        if nonce is not None and now - self._nonces_since.get(nonce, now) > self.nonce_seconds:
            self._nonces.pop(nonce, None)
        message_id = self._nonces.get(nonce or "", 0)  # The nonce of a message that was deleted makes no new one.
        if not message_id:
            message_id = new_id
            opened = (source if isinstance(source, bytes) else source.read_bytes() for _, source in files)
            sent = tuple(zip((name for name, _ in files), opened, strict=True))
            self.messages[message_id] = Message(self.mangle(content), silent, mention, _buttons(view), sent, accent)
            if nonce is not None:
                self._nonces[nonce], self._nonces_since[nonce] = message_id, now
        if fault is not None:
            raise fault
        return self._stored(message_id)

    async def edit(
        self,
        channel_id: int,
        message_id: int,
        content: str,
        *,
        urgency: Urgency | None = None,
        drop_view: bool = False,
        drop_files: bool = False,
        view: discord.ui.View | None = None,
        files: Files = (),
        accent: int | None = None,
    ) -> StoredMessage:
        assert 0 < len(content) <= 2000
        fault = await self._call("edit", content, urgency, channel_id, Bucket.EDIT)
        if message_id not in self.messages:
            raise Gone("Unknown Message")
        if self.archived:
            raise Archived("Thread is archived")
        self._judge(content)
        assert (self.messages[message_id].accent is None) == (accent is None), "a message cannot change its form"
        self.messages[message_id].content = self.mangle(content)
        if drop_view or accent is not None or view is not None:
            self.messages[message_id].buttons = _buttons(view)
        if drop_files:
            self.messages[message_id].files = ()
        if fault is not None:
            raise fault
        return self._stored(message_id)

    def _stored(self, message_id: int) -> StoredMessage:
        message = self.messages[message_id]
        files = tuple(cleansed(name, str(message_id)) for name, _ in message.files)  # Discord renames some files.
        return StoredMessage(message_id, message.content, files, bool(message.buttons))

    async def delete(self, channel_id: int, message_id: int) -> None:
        fault = await self._call("delete", "")
        if self.messages.pop(message_id, None) is None:
            raise Gone("Unknown Message")
        if fault is not None:
            raise fault

    async def reopen(self, thread_id: int, *, urgency: Urgency) -> None:
        await self._call("reopen", str(thread_id), urgency, thread_id, Bucket.CHANNEL)
        if self.locked:
            raise PermanentError("Thread is locked")
        self.archived = False

    async def typing(self, channel_id: int) -> None:
        await self._call("typing", str(channel_id))

    async def react(self, channel_id: int, message_id: int, emoji: str, *, urgency: Urgency | None = None) -> None:
        fault = await self._call("react", emoji, urgency, channel_id, Bucket.REACTION)
        self.reactions.add((message_id, emoji))
        if fault is not None:
            raise fault

    async def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        fault = await self._call("unreact", emoji)
        self.reactions.discard((message_id, emoji))
        if fault is not None:
            raise fault

    async def own_messages(self, channel_id: int, *, after: int, urgency: Urgency | None) -> list[StoredMessage]:
        await self._call("read", str(after), urgency)
        stored = map(self._stored, sorted(self.messages))
        return [replace(each, content=each.content.strip()) for each in stored]  # As Discord stores it.

    def _judge(self, content: str) -> None:
        if self.refused is not None and self.refused[0] in content:
            raise ContentRefused(self.refused[1])

    async def _call(
        self,
        what: str,
        content: str,
        urgency: Urgency | None = None,
        channel_id: int | None = None,
        bucket: Bucket = Bucket.MESSAGE,
    ) -> AnswerLost | None:
        async with self._turn(urgency, channel_id, bucket):
            return await self._made(what, content)

    async def _made(self, what: str, content: str) -> AnswerLost | None:
        self.calls.append(Call(asyncio.get_running_loop().time(), what, content))
        fault = self.faults.popleft() if self.faults else None
        self.in_flight += 1
        self.overlaps += self.in_flight > 1
        try:
            await elapse(self.latency)
            if self.held is not None:
                await self.held.wait()
        finally:
            self.in_flight -= 1
        if isinstance(fault, AnswerLost):
            return fault
        if fault is not None:
            raise fault
        return None


def _buttons(view: discord.ui.View | None) -> list[discord.ui.Button[discord.ui.View]]:
    items = [getattr(child, "item", child) for child in view.children] if view is not None else []
    return [item for item in items if isinstance(item, discord.ui.Button)]


@asynccontextmanager
async def pacing(board: FakeDiscord) -> AsyncIterator[None]:
    """Perform the calls of one run of the bot for the block; another run has its own schedule."""
    board.pacer = Pacer()
    async with performing(board.pacer):
        yield


@asynccontextmanager
async def performing(pacer: Pacer) -> AsyncIterator[Pacer]:
    """Perform a schedule for the block; fails the test if it ends before."""
    task = asyncio.create_task(pacer.run(), name="pacer")
    try:
        yield pacer
    finally:
        ended = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert not ended, "the pacer ended by itself"


@asynccontextmanager
async def rush(board: FakeDiscord) -> AsyncIterator[None]:
    """Let a hundred texts that never end use every call of the block."""

    async def write(text: ApiCall) -> None:
        await elapse(0.04)
        board.pacer.put(text)

    texts = [ApiCall(None, lambda: None, Urgency.EDIT) for _ in range(100)]
    for text in texts:
        text.perform = partial(write, text)
        board.pacer.put(text)
    await elapse(2)
    yield
    for text in texts:
        text.perform = lambda: None


async def settle() -> None:
    """Let half a minute of virtual time pass, in which the bot finishes its own work."""
    await elapse(30)


@contextmanager
def scratch_journal() -> Iterator[Journal]:
    """Open a journal that is deleted at the end."""
    with TemporaryDirectory() as folder, Journal.open(Path(folder, "journal.db")) as journal:
        yield journal


def accepted(journal: Journal, message_id: int, *, thread_id: int = 7, author_id: int = 42) -> None:
    """Put a message into the journal, unless it is there."""
    journal.messages.receive(message_id, thread_id=thread_id, channel_id=1, guild_id=1, author_id=author_id)
