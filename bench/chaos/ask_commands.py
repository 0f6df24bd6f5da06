"""Requests by a command: `/ask`, "Ask about this message", and Retry after the answer."""

import asyncio
import time
from contextlib import suppress
from typing import Final

from bench.chaos.plan import Line, Way
from loopback import Channel, DiscordError, Message

from .harness import ChaosLab, is_request
from .invariants import OPEN, Request
from .observations import read_rows

PATIENCE_SECONDS: Final = 30.0
"""Seconds for which a person retries a command, and waits for the end of a message before Retry."""

AGAIN_SECONDS: Final = 0.3
"""Seconds after a failed command until the next try."""

PROMISE_SECONDS: Final = 10.0
"""Seconds for which a person waits for a request that the bot has announced."""

LATE_SECONDS: Final = 1.0
"""Seconds after its restart in which the bot may complete an interrupted command."""


async def ask(lab: ChaosLab, line: Line, round_number: int, place: Channel) -> int | None:
    """Repeat a command until its request is in the channel or thread. Returns its id, or None after the bound."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if lab.discord.is_connected(lab.bot):
            with suppress(AssertionError, DiscordError):
                posted = await _once(lab, line, place)
                if posted is not None and is_request(posted):
                    thread_id = posted.id if place.id == lab.channel.id else place.id
                    lab.note(thread_id, Request(line, round_number, posted.id))
                    return posted.id
            # The bot may have accepted the command although its answer was lost.
            lab.actions.repeated[line.token] += 1
        await asyncio.sleep(AGAIN_SECONDS)
    return None


async def _once(lab: ChaosLab, line: Line, place: Channel) -> Message | None:
    """Use the command once. Returns its answer in Discord, which is the request."""
    person = lab.people[line.by]
    about = next((each for each in reversed(lab.discord.messages(place)) if each.author_id == person.id), None)
    if line.way is Way.ABOUT and about is not None:
        form = await person.menu(about, "Ask about this message")
        return (await person.fill(form, {"What do you want to know?": line.script})).interaction.original
    return (await person.slash(place, "ask", request=line.script)).interaction.original


async def ask_again(lab: ChaosLab, line: Line, round_number: int, message_id: int, thread_id: int) -> None:
    """Use Retry on a message until a new request is in the thread."""
    until = time.monotonic() + PATIENCE_SECONDS
    before = {each.id for each in lab.discord.messages(thread_id)}
    while (posted := _new_request(lab, thread_id, before)) is None and time.monotonic() < until:
        message = lab.discord.world.archive.find(message_id)
        ended = read_rows(lab.journal).get(message_id, ("received", None))[0] not in OPEN
        if message is not None and ended and lab.discord.is_connected(lab.bot):
            with suppress(AssertionError, DiscordError):
                done = await lab.people[line.by].menu(message, "Retry request")
                if done.acknowledged:
                    await _posted(lab, thread_id, before)
                    # In an outage the bot may post it after the person's wait.
                    lab.actions.repeated[line.token] += _new_request(lab, thread_id, before) is None
        await asyncio.sleep(AGAIN_SECONDS)
    if posted is not None:
        retried = lab.actions.retried
        retried[message_id] = retried.get(message_id, 0) + 1
        retried.setdefault(posted.id, 0)
        lab.note(thread_id, Request(line, round_number, posted.id))


async def _posted(lab: ChaosLab, thread_id: int, before: set[int]) -> None:
    """Wait for the announced request, or after a kill until the restarted bot had time for it."""
    starts = lab.process.starts

    def over() -> bool:
        return _new_request(lab, thread_id, before) is not None or lab.process.starts > starts

    with suppress(TimeoutError):
        await lab.discord.until(over, timeout=PROMISE_SECONDS)
        await asyncio.sleep(LATE_SECONDS)


def _new_request(lab: ChaosLab, thread_id: int, before: set[int]) -> Message | None:
    """Return the thread's new request. During a Retry there is no other."""
    there = lab.discord.messages(thread_id)
    return next((each for each in there if each.id not in before and is_request(each)), None)
