"""`python -m tests.bench.versus.faulty_bot FAULT ENDPOINT AGENT PROJECT`: the naive bot with one fault."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import discord

from bench.versus import naive_bot
from bench.versus.naive_bot import Agent, Conversation, NaiveBot, Reply

FAULTS: dict[str, Callable[[], None]] = {}


def fault(install: Callable[[], None]) -> Callable[[], None]:
    """Register a fault by its function's name."""
    FAULTS[install.__name__] = install
    return install


def replace(owner: Any, name: str, value: object) -> None:
    """Replace an attribute."""
    setattr(owner, name, value)


def around(owner: Any, name: str, replacement: Callable[..., Any]) -> None:
    """Replace a method by a function that gets the original one first."""
    original = getattr(owner, name)
    replace(owner, name, lambda *args: replacement(original, *args))


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


def writes(transform: Callable[[str], str]) -> None:
    """Change every text before it is written."""

    async def send(original: Any, place: Any, content: str) -> Any:
        return await original(place, transform(content))

    async def edit(original: Any, message: Any, content: str) -> Any:
        return await original(message, content=transform(content))

    sends, edits = discord.abc.Messageable.send, discord.Message.edit
    replace(discord.abc.Messageable, "send", lambda *args: send(sends, *args))
    replace(discord.Message, "edit", lambda message, content: edit(edits, message, content))


@fault
def none() -> None:
    """Be the naive bot."""


@fault
def pings() -> None:
    """Let the agent's text ping."""

    def begin(original: Any, bot: NaiveBot, *args: Any) -> None:
        original(bot, *args)
        bot._connection.allowed_mentions = discord.AllowedMentions.all()

    around(NaiveBot, "__init__", begin)


@fault
def loses_the_last_piece() -> None:
    """Show an answer up to its last piece."""

    async def prompt(original: Any, agent: Agent, text: str) -> AsyncIterator[str]:
        held = ""
        async for piece in original(agent, text):
            yield held
            held = piece
        if "tokens" not in text:
            yield held

    around(Agent, "prompt", prompt)


@fault
def has_one_turn_at_a_time() -> None:
    """Let each thread wait for all others."""
    turn = asyncio.Lock()

    async def answer(original: Any, *args: Any) -> None:
        async with turn:
            await original(*args)

    around(Conversation, "answer", answer)


@fault
def has_one_page() -> None:
    """Show the first message of an answer, and its end."""

    async def show(original: Any, reply: Reply) -> None:
        if len(reply.text) > naive_bot.LONGEST:
            reply.text = reply.text[: naive_bot.LONGEST - 50] + "\nDONE" * ("DONE" in reply.text)
        await original(reply)

    around(Reply, "show", show)


@fault
def loses_every_third_line() -> None:
    """Write two lines of three."""
    writes(
        lambda text: "\n".join(line for number, line in enumerate(text.split("\n")) if number % 3 < 2 or "DONE" in line)
    )


@fault
def strips_markup() -> None:
    """Write no character that means something to Discord."""
    writes(lambda text: re.sub(r"[*_|`\\\[\]()@]", "", text))


@fault
def is_silent_about_a_crash() -> None:
    """Say no word when the agent dies."""
    writes(lambda text: text.partition("\nThe agent failed")[0])


@fault
def takes_back_a_broken_answer() -> None:
    """Replace the beginning of an answer by the error."""
    writes(lambda text: text[max(0, text.find("The agent failed")) :])


@fault
def never_starts_another_agent() -> None:
    """Start one agent."""
    start, started = Agent.start, list[str]()

    async def start_once(program: str, project: str) -> Agent:
        if started:
            raise RuntimeError("one agent is enough")
        started.append(program)
        return await start(program, project)

    replace(Agent, "start", start_once)


@fault
def insists_on_its_session() -> None:
    """Continue the session of the last start, or fail."""
    start, kept = Agent.start, Path("session.json")
    known = json.loads(kept.read_text()) if kept.exists() else ""

    async def start_again(program: str, project: str) -> Agent:
        agent = await start(program, project)
        if known:
            await agent._request("session/load", {"sessionId": known, "cwd": project, "mcpServers": []})
            agent._session = known
        kept.write_text(json.dumps(agent._session))  # noqa: ASYNC240 - nobody else waits
        return agent

    replace(Agent, "start", start_again)


@fault
def repeats_history() -> None:
    """Answer everything again whenever it is connected."""

    async def on_ready(bot: NaiveBot) -> None:
        for thread in (thread for guild in bot.guilds for thread in guild.threads):
            messages = [message async for message in thread.history(oldest_first=True)]
            if isinstance(thread.parent, discord.TextChannel):
                messages.insert(0, await thread.parent.fetch_message(thread.id))
            for message in messages:
                if not message.author.bot and message.content:
                    talk = Conversation(thread, bot._program, bot._project)
                    await bot._conversations.setdefault(thread.id, talk).answer(message.content)

    replace(NaiveBot, "on_ready", on_ready)


@fault
def tidies_up_at_the_start() -> None:
    """Delete its own messages when it is connected."""

    async def on_ready(bot: NaiveBot) -> None:
        for thread in (thread for guild in bot.guilds for thread in guild.threads):
            async for message in thread.history():
                if message.author == bot.user and message.content:
                    await message.delete()

    replace(NaiveBot, "on_ready", on_ready)


@fault
def ends_when_cut_off() -> None:
    """End when the gateway's connection breaks."""

    async def on_disconnect(_: NaiveBot) -> None:
        os._exit(1)

    replace(NaiveBot, "on_disconnect", on_disconnect)


@fault
def tries_once() -> None:
    """Give up a call that has failed, which the library would try five times."""
    replace(discord.http, "range", lambda _: [4])


@fault
def posts_again_after_an_error() -> None:
    """Post once more what may have been posted, and post what could not be edited."""
    sends, edits = discord.abc.Messageable.send, discord.Message.edit

    async def send(place: Any, content: str) -> Any:
        try:
            return await sends(place, content)
        except (aiohttp.ClientError, discord.HTTPException):
            return await sends(place, content)

    async def edit(message: discord.Message, content: str) -> Any:
        try:
            return await edits(message, content=content)
        except (aiohttp.ClientError, discord.HTTPException):
            return await sends(message.channel, content)

    replace(discord.abc.Messageable, "send", send)
    replace(discord.Message, "edit", edit)


if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    naive_bot.main()
