"""Ways to ask other than by a message: `/ask`, "Ask about this", and Retry once there is an answer."""

import asyncio
import time
from contextlib import suppress
from typing import Final

from bench.chaos.plan import Line, Way
from loopback import Channel, DiscordError, Message

from .harness import ChaosLab, is_request
from .invariants import OPEN, Request
from .observations import read_rows

__all__ = ["ask", "ask_again"]

PATIENCE_SECONDS: Final = 30.0
"""For so long a person tries to get a command through, and waits for an answer that is to be had again."""

AGAIN_SECONDS: Final = 0.3
"""How long after a command that failed a person tries it once more."""

PROMISE_SECONDS: Final = 10.0
"""For so long a person waits for what the bot has said it does."""

LATE_SECONDS: Final = 1.0
"""How long after its return the bot may do what it was killed over."""


async def ask(lab: ChaosLab, line: Line, round_number: int, place: Channel) -> int | None:
    """Ask by a command until the request stands in the channel or thread; return its id, None if it never does."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if lab.discord.is_connected(lab.bot):
            with suppress(AssertionError, DiscordError):
                posted = await _once(lab, line, place)
                if posted is not None and is_request(posted):
                    thread_id = posted.id if place.id == lab.channel.id else place.id
                    lab.note(thread_id, Request(line, round_number, posted.id))
                    return posted.id
            # Its answer was cut off, perhaps after the bot had taken it.
            lab.deeds.repeated[line.token] += 1
        await asyncio.sleep(AGAIN_SECONDS)
    return None


async def _once(lab: ChaosLab, line: Line, place: Channel) -> Message | None:
    """Give the command; the answer that stands in Discord is the request, also where nobody learns of it."""
    person = lab.people[line.by]
    about = next((each for each in reversed(lab.discord.messages(place)) if each.author_id == person.id), None)
    if line.way is Way.ABOUT and about is not None:
        form = await person.menu(about, "Ask about this")
        return (await person.fill(form, {"What do you want to know?": line.script})).interaction.original
    return (await person.slash(place, "ask", request=line.script)).interaction.original


async def ask_again(lab: ChaosLab, line: Line, round_number: int, message_id: int, thread_id: int) -> None:
    """Have a message that has ended answered once more, by Retry on it."""
    until = time.monotonic() + PATIENCE_SECONDS
    before = {each.id for each in lab.discord.messages(thread_id)}
    while time.monotonic() < until:
        await asyncio.sleep(AGAIN_SECONDS)
        if (posted := _new_request(lab, thread_id, before)) is not None:
            lab.deeds.retried[message_id] = lab.deeds.retried.get(message_id, 0) + 1
            lab.deeds.retried[posted.id] = lab.deeds.retried[message_id]
            lab.note(thread_id, Request(line, round_number, posted.id))
            return
        message = lab.discord.world.archive.find(message_id)
        ended = read_rows(lab.journal).get(message_id, ("received", None))[0] not in OPEN
        if message is not None and ended and lab.discord.is_connected(lab.bot):
            with suppress(AssertionError, DiscordError):
                done = await lab.people[line.by].menu(message, "Retry")
                if done.acknowledged:
                    await _posted(lab, thread_id, before)
                    # In an outage the bot posts it later, perhaps when this person no longer waits for it.
                    lab.deeds.repeated[line.token] += _new_request(lab, thread_id, before) is None


async def _posted(lab: ChaosLab, thread_id: int, before: set[int]) -> None:
    """Wait for the request that the bot has promised; one that it was killed over comes soon after, or never."""
    starts = lab.process.starts

    def over() -> bool:
        return _new_request(lab, thread_id, before) is not None or lab.process.starts > starts

    with suppress(TimeoutError):
        await lab.discord.until(over, timeout=PROMISE_SECONDS)
        await asyncio.sleep(LATE_SECONDS)


def _new_request(lab: ChaosLab, thread_id: int, before: set[int]) -> Message | None:
    """Return the request that Retry has brought, in this thread; no other is made in it meanwhile."""
    there = lab.discord.messages(thread_id)
    return next((each for each in there if each.id not in before and is_request(each)), None)
