"""The websocket yields to the event loop between messages and keeps their order."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from bot.gateway.connection import MESSAGES_PER_STEP, close_client, configure_library, describe_error, intents
from loopback import Loopback
from loopback.harness import Lab
from tests.support.virtual_time import step

TOKEN = "token-of-the-test"
MANY = 50


class Rounds:
    """Counts the turns of another task on the event loop."""

    def __init__(self) -> None:
        self.count = 0

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        """Count while the block lasts."""
        counting = asyncio.create_task(self._count())
        try:
            yield
        finally:
            counting.cancel()

    async def _count(self) -> None:
        while True:
            await step()
            self.count += 1


class Listener(discord.Client):
    """Records each message with the rounds in which the library read it and in which it was handled."""

    def __init__(self, rounds: Rounds) -> None:
        super().__init__(intents=intents())
        self.rounds = rounds
        self.read: list[int] = []
        self.handled: list[tuple[str, int]] = []
        self.everything = asyncio.Event()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Record that the library has read an event."""
        if event == "message":
            self.read.append(self.rounds.count)
        super().dispatch(event, *args, **kwargs)

    async def on_message(self, message: discord.Message) -> None:
        """Record the message."""
        self.handled.append((message.content, self.rounds.count))
        if len(self.handled) == MANY:
            self.everything.set()


async def test_others_get_the_event_loop_between_any_few_of_many_messages_that_arrive_at_once() -> None:
    """That is true of reading and of handling them; the messages keep their order."""
    async with Loopback(limits=False) as place:
        lab = Lab.furnish(place, "ann", token=TOKEN)
        configure_library(place.endpoint)
        rounds = Rounds()
        client = Listener(rounds)
        running = asyncio.create_task(client.start(TOKEN, reconnect=False))
        await place.connected(lab.bot)
        async with rounds.counted():
            for number in range(MANY):
                await lab.ann.say(lab.channel, f"{number}")
            await client.everything.wait()
        await close_client(client)
        await asyncio.gather(running, return_exceptions=True)
    assert [text for text, _ in client.handled] == [f"{number}" for number in range(MANY)]
    assert max(Counter(client.read).values()) <= MESSAGES_PER_STEP
    assert max(Counter(round_ for _, round_ in client.handled).values()) <= MESSAGES_PER_STEP


# ---- errors in words


async def refused(address: str) -> Exception:
    """Return the error of a connection to that address."""
    async with aiohttp.ClientSession() as session:
        try:
            await session.ws_connect(address)
        except aiohttp.ClientError as error:
            return error
    raise AssertionError(address)


async def test_a_connections_error_is_told_in_the_systems_words() -> None:
    """A closed port, a name without an address, and an answer that is no websocket."""
    assert describe_error(await refused("ws://127.0.0.1:9/")) == "Connection refused"
    unknown = describe_error(await refused("ws://no-such-host.invalid/"))
    assert unknown
    assert "(" not in unknown
    async with Loopback() as place:
        answer = describe_error(await refused(f"{place.endpoint}/no-such-page"))
    assert answer == "the server answered 404"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] Connect call"
                " failed ('127.0.0.1', 1)"
            ),
            "Connection refused",
        ),
        (OSError("no number"), "no number"),
        (TypeError("no index"), "Discord's answer could not be read: TypeError('no index')"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_an_error_is_told_without_pythons_own_forms(error: Exception, words: str) -> None:
    """No tuples of addresses, and each reason once."""
    assert describe_error(error) == words
