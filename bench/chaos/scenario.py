"""One round: people talk, faults strike, people answer open questions, and the invariants are checked."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bench.chaos.ask_commands import ask, ask_again
from bench.chaos.plan import Line, Place, Round, Trouble, Way
from bench.chaos.process import describe
from loopback import Channel, Thread

from .fault_triggers import armed_faults
from .faults import FaultInjector
from .harness import ChaosLab, NoBot
from .invariants import OPEN, Finding, Request, Violation, find_violations
from .observations import read_rows
from .users import press_buttons

SETTLE_SECONDS: Final = 180.0
"""Seconds after the last trouble until all invariants must hold. Only violations take so long on a busy machine."""

OPEN_SECONDS: Final = 45.0
"""Seconds to wait for a thread, which a person without the right to talk never gets."""

LOOK_SECONDS: Final = 0.1

REST_ROUNDS: Final = 2
"""Rounds before a thread is used again, because Discord allows five writes in five seconds. They count for each
of those that are played at the same time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a round. `strays` are processes that outlived their bot."""

    number: int
    messages: int
    seconds: float
    struck: Counter[Trouble]
    wrong: list[Finding]
    strays: list[str]


async def run_round(lab: ChaosLab, planned: Round) -> Outcome:
    """Run a round that has begun to its end, and return its outcome with all violations. Raises `NoBot`."""
    await lab.connected()
    began = time.monotonic()
    thread_ids: set[int] = set()
    async with asyncio.TaskGroup() as tasks:
        attending = tasks.create_task(press_buttons(lab, thread_ids, planned.luck), name="press_buttons")
        strikes = FaultInjector(lab, planned.number, thread_ids, tasks)
        strikes.struck.update(planned.said)
        with armed_faults(lab, planned.faults, strikes.strike) as struck:
            async with asyncio.TaskGroup() as talking:
                for place, thread in zip(planned.places, _choose(lab, planned), strict=True):
                    talking.create_task(_talk(lab, planned, place, thread, thread_ids), name="talk")
            await struck.wait()
        await strikes.over()
        wrong = await _settle(lab, thread_ids)
        attending.cancel()
    await lab.connected()
    strays = [describe(pid) for pid in await lab.ended(strikes.left)]
    messages = sum(len(place.lines) for place in planned.places)
    return Outcome(planned.number, messages, time.monotonic() - began, strikes.struck, wrong, strays)


def _choose(lab: ChaosLab, planned: Round) -> list[Thread | None]:
    """Choose an earlier thread for each place that wants one. None is a new thread."""
    rounds = lab.rounds
    lately = {*rounds.ended[-REST_ROUNDS * len(rounds.playing) :], *rounds.playing}
    there = lab.discord.world.channels
    rested = [each for each in sorted(lab.used) if each in there and lab.used[each] not in lately]
    chosen: list[Thread | None] = []
    for place in planned.places:
        if place.old is None or not rested:
            chosen.append(None)
            continue
        thread = there[rested.pop(int(place.old * len(rested)))]
        lab.used[thread.id] = planned.number
        chosen.append(thread if isinstance(thread, Thread) else None)
    return chosen


async def _talk(lab: ChaosLab, planned: Round, place: Place, thread: Thread | None, thread_ids: set[int]) -> None:
    """Post a place's lines in a thread, or in the channel, where the first one opens a thread."""
    lines, said = list(place.lines), dict[int, Line]()
    if thread is None:
        thread = await _open(lab, planned, line := lines.pop(0), thread_ids)
        if thread is None:
            return
        said[thread.id] = line
    thread_ids.add(thread.id)
    for line in lines:
        message_id = await _say(lab, planned, line, thread, line.script, thread.id)
        if message_id is not None:
            said[message_id] = line
    for message_id, line in said.items():
        if line.way is Way.AGAIN:
            await ask_again(lab, line, planned.number, message_id, thread.id)


async def _open(lab: ChaosLab, planned: Round, line: Line, thread_ids: set[int]) -> Thread | None:
    message_id = await _say(lab, planned, line, lab.channel, f"{lab.bot.mention} {line.script}", None)
    if message_id is None:
        return None
    thread_ids.add(message_id)

    def opened() -> Thread | None:
        found = lab.discord.world.channels.get(message_id)
        return found if isinstance(found, Thread) else None

    try:
        return await lab.discord.until(opened, timeout=OPEN_SECONDS)
    except TimeoutError:
        return None  # The invariants show whether a thread is missing.


async def _say(
    lab: ChaosLab, planned: Round, line: Line, place: Channel, text: str, thread_id: int | None
) -> int | None:
    """Post a line, or use it as a command. Returns the id of its message."""
    if line.way in (Way.ASK, Way.ABOUT):
        return await ask(lab, line, planned.number, place)
    message = await lab.people[line.by].say(place, text)
    lab.note(thread_id or message.id, Request(line, planned.number, message.id))
    await asyncio.sleep(line.pause)
    return message.id


async def _settle(lab: ChaosLab, thread_ids: Iterable[int]) -> list[Finding]:
    """Wait for a connected bot, and then until there are no violations or the time is up. Returns the violations."""
    with suppress(NoBot):
        await lab.connected()
    began = time.monotonic()
    wrong = new_findings(lab, thread_ids)
    while wrong and time.monotonic() < max(began, lab.rounds.struck_at) + SETTLE_SECONDS:
        await asyncio.sleep(LOOK_SECONDS * max(1, len(lab.rounds.playing)))  # All of them together look so often.
        wrong = new_findings(lab, thread_ids)
    return wrong


async def settle_all(lab: ChaosLab, luck: str) -> None:
    """Press buttons in all threads until there are no violations, or the time is up.

    A message of somebody who could not talk for a while may be accepted when its round is over.
    """
    async with asyncio.TaskGroup() as tasks:
        attending = tasks.create_task(press_buttons(lab, set(lab.asked), luck), name="press_buttons")
        await _settle(lab, lab.asked)
        attending.cancel()


def new_findings(lab: ChaosLab, thread_ids: Iterable[int]) -> list[Finding]:
    """Return the new violations in these threads."""
    prompts = lab.notes.prompts()
    found = (entry for thread in lab.threads(thread_ids) for entry in find_violations(thread, prompts, lab.actions))
    return [entry for entry in found if entry not in lab.wrong]


def unended_rows(lab: ChaosLab) -> list[Finding]:
    """Find open journal rows of messages outside the plans."""
    planned = {each.message_id for asked in lab.asked.values() for each in asked}
    rows = read_rows(lab.journal).items()
    left = [(message_id, state) for message_id, (state, _) in rows if state in OPEN and message_id not in planned]
    return [Finding(Violation.ROW, 0, message_id, f"a row is left {state}") for message_id, state in left]
