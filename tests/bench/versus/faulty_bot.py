"""`python -m tests.bench.versus.faulty_bot FAULT ENDPOINT AGENT PROJECT`: the naive bot with one fault."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import discord

from bench.versus import naive_bot
from bench.versus.naive_bot import Conversation, NaiveBot, Reply

FAULTS: dict[str, Callable[[], None]] = {}


def fault(install: Callable[[], None]) -> Callable[[], None]:
    """Register a fault by its function's name."""
    FAULTS[install.__name__] = install
    return install


def around(owner: Any, name: str, replacement: Callable[..., Any]) -> None:
    """Replace a method by a function that gets the original one first."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args: replacement(original, *args))


@fault
def shows_only_at_the_end() -> None:
    """Write nothing while the agent works."""
    around(Reply, "keep_showing", lambda *_: asyncio.Event().wait())


@fault
def forgets_what_is_said_while_busy() -> None:
    """Drop messages that come during a turn."""

    async def answer(original: Any, talk: Conversation, text: str) -> None:
        if not talk._one_at_a_time.locked():
            await original(talk, text)

    around(Conversation, "answer", answer)


@fault
def answers_twice() -> None:
    """Give each message to the agent twice."""

    async def answer(original: Any, talk: Conversation, text: str) -> None:
        await original(talk, text)
        await original(talk, text)

    around(Conversation, "answer", answer)


@fault
def answers_the_newest_first() -> None:
    """Take waiting messages from the wrong end."""
    waiting: dict[Conversation, list[str]] = {}
    turns: dict[Conversation, asyncio.Lock] = {}

    async def answer(original: Any, talk: Conversation, text: str) -> None:
        waiting.setdefault(talk, []).append(text)
        async with turns.setdefault(talk, asyncio.Lock()):
            await original(talk, waiting[talk].pop())

    around(Conversation, "answer", answer)


@fault
def pings() -> None:
    """Let the agent's text ping."""

    def begin(original: Any, bot: NaiveBot, *args: Any) -> None:
        original(bot, *args)
        bot._connection.allowed_mentions = discord.AllowedMentions.all()

    around(NaiveBot, "__init__", begin)


if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    naive_bot.main()
