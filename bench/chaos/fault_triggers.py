"""Triggers faults at the n-th event of a kind on Discord, or a moment later."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from bench.chaos.plan import Event, Fault
from loopback.state import world_events

from .harness import ChaosLab, is_request

LATEST_SECONDS = 0.8
"""Seconds after the round's beginning at which a fault strikes without its event."""

LATEST_REQUEST_SECONDS = 8.0
"""The same for a fault that waits for a request of the bot, as Retry comes after an answer."""


@contextmanager
def armed_faults(lab: ChaosLab, faults: Iterable[Fault], strike: Callable[[Fault], None]) -> Iterator[asyncio.Event]:
    """Call `strike` once for each fault, at its time. The yielded event is set after the last one.

    A fault without a delay strikes before the cause of its event has an answer.
    """
    loop = asyncio.get_running_loop()
    waiting, left = list(faults), set(faults)
    counted: Counter[Event] = Counter()
    struck = asyncio.Event()

    def trigger(fault: Fault) -> None:
        if fault in left:
            left.discard(fault)
            strike(fault)
        if not left:
            struck.set()

    def hear(happened: world_events.Event) -> None:
        kind = _kind(lab, happened)
        if kind is None:
            return
        counted[kind] += 1
        for fault in [each for each in waiting if each.trigger.event is kind and each.trigger.count == counted[kind]]:
            waiting.remove(fault)
            if fault.trigger.delay:
                timers.append(loop.call_later(fault.trigger.delay, trigger, fault))
            else:
                trigger(fault)

    timers = [loop.call_later(_latest(fault) + fault.trigger.delay, trigger, fault) for fault in waiting]
    if not waiting:
        struck.set()
    lab.discord.world.listeners.append(hear)
    try:
        yield struck
    finally:
        lab.discord.world.listeners.remove(hear)
        for timer in timers:
            timer.cancel()


def _latest(fault: Fault) -> float:
    return LATEST_REQUEST_SECONDS if fault.trigger.event is Event.REQUESTED else LATEST_SECONDS


def _kind(lab: ChaosLab, happened: world_events.Event) -> Event | None:
    own = lab.bot.id
    match happened:
        case world_events.MessageCreated(message) if message.author_id == own:
            return Event.REQUESTED if is_request(message) else Event.POSTED
        case world_events.MessageCreated():
            return Event.SAID
        case world_events.MessageEdited(message) if message.author_id == own:
            return Event.EDITED
        case world_events.ReactionAdded(user_id=user_id) if user_id == own:
            return Event.SEEN
        case world_events.ThreadCreated():
            return Event.OPENED
        case _:
            return None
