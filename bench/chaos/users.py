"""The users' reactions to the bot's questions and notices: presses that depend on the round's seed."""

import asyncio
import random
from contextlib import suppress
from typing import Final

from loopback import DiscordError, Message

from .harness import ChaosLab, buttons

LOOK_SECONDS: Final = 0.1
"""Seconds between two looks for buttons."""

AGAIN_SECONDS: Final = 1.0
"""Seconds between two presses on one message."""

CHOICES: Final = {
    "Retry": 3,
    "Skip": 2,
    "Continue": 4,
    "Drop all": 1,
    "Allow once": 3,
    "Reject": 1,
    "Try again": 2,
    "Go on elsewhere": 1,
}
"""The labels of buttons that people press, with their weights."""


LEFT: Final = 0.2
"""The probability that people do not decide about an interrupted turn in time."""

LEFT_SECONDS: Final = 10.0
"""Seconds without a decision. The bot lets queued messages wait for less; without a queue its question stays."""


async def press_buttons(lab: ChaosLab, thread_ids: set[int], luck: str) -> None:
    """Press buttons in these threads until cancelled. The set may grow."""
    pressed: dict[int, float] = {}
    seen: dict[int, float] = {}
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        while True:
            for message in _open(lab, thread_ids):
                if _is_left(message, luck) and loop.time() - seen.setdefault(message.id, loop.time()) < LEFT_SECONDS:
                    continue
                if loop.time() - pressed.get(message.id, -AGAIN_SECONDS) >= AGAIN_SECONDS:
                    pressed[message.id] = loop.time()
                    tasks.create_task(_press(lab, message, luck), name=f"press-{message.id}")
            await asyncio.sleep(LOOK_SECONDS)


def _open(lab: ChaosLab, thread_ids: set[int]) -> list[Message]:
    if not lab.discord.is_connected(lab.bot):
        return []
    return [each for thread_id in thread_ids for each in lab.said(thread_id) if CHOICES.keys() & buttons(each).keys()]


def _is_left(message: Message, luck: str) -> bool:
    """Return whether people leave this interrupted turn, which is the same after each restart."""
    return "Retry" in buttons(message) and random.Random(f"{luck}/{message.content}/left").random() < LEFT


async def _press(lab: ChaosLab, message: Message, luck: str) -> None:
    """Press a button of a message, the same one each time. A killed bot does not answer."""
    there = buttons(message)
    if not CHOICES.keys() & there.keys():
        return
    labels = [label for label in CHOICES if label in there]
    chance = random.Random(f"{luck}/{message.content}")
    label = chance.choices(labels, [CHOICES[label] for label in labels])[0]
    await asyncio.sleep(chance.uniform(0, 2 * LOOK_SECONDS))
    if buttons(message).get(label) != there[label]:
        return
    _, action, about, *_ = there[label].split(":")
    match action:
        case "retry":
            lab.actions.retried[int(about)] = lab.actions.retried.get(int(about), 0) + 1
        case "skip":
            lab.actions.skipped.add(int(about))
        case "drop":
            lab.actions.dropped.add(message.channel_id)
    with suppress(AssertionError, DiscordError):
        await lab.people[0].click(message, label)
