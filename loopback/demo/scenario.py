"""The conversation of the demo: two people in two threads at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loopback.agent import canned_replies
from loopback.demo.checks import Conversation, is_stopped
from loopback.harness import Lab
from loopback.state import components
from loopback.state.entities import Channel, Message, Thread
from loopback.user import User

READING: Final = 1.2
"""Seconds before a person's next action, so that a watcher can follow."""

PATIENCE: Final = 60.0
"""Seconds until a missing answer of the scripted agent is an error."""

REAL_PATIENCE: Final = 300.0
"""The same for a real agent, which may think."""

SETTLED: Final = 8.0
"""Seconds without a change after which a real agent's answer counts as complete."""


@dataclass(kw_only=True)
class DemoLab(Lab):
    """The demo's lab, with ann and ben, who work on two projects. `workdir` is the demo's own directory."""

    workdir: Path
    billing: Channel = field(init=False)

    def __post_init__(self) -> None:
        self.billing = self.discord.add_channel(self.guild, "billing")


async def run_scripted(lab: DemoLab) -> Conversation:
    """Converse with the scripted agent, by its canned replies. Raises AssertionError for a missing answer."""
    streaming = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as people:
            first = people.create_task(_ann_asks(lab, streaming), name="ann")
            second = people.create_task(_ben_asks(lab, streaming), name="ben")
    except* AssertionError as missing:
        raise missing.exceptions[0] from None
    ann_thread, (ben_thread, card) = first.result(), second.result()
    await asyncio.sleep(READING)
    cancelled = await _ann_cancels(lab, ann_thread)
    await asyncio.sleep(READING)
    await lab.ann.say(ann_thread, "Then only the worst one, in one line.")
    last = await _sees(lab, lab.ann, ann_thread, lambda message: canned_replies.WORST in message.content)
    return Conversation(lab.said_by_bot(ann_thread), lab.said_by_bot(ben_thread), card, cancelled, last)


async def _ann_asks(lab: DemoLab, streaming: asyncio.Event) -> Thread:
    thread = await lab.thread("how does our retry logic work?")
    begin, end = canned_replies.RETRY.splitlines()[0], canned_replies.RETRY.splitlines()[-1]
    await _sees(lab, lab.ann, thread, lambda message: begin in message.content)
    streaming.set()
    await _sees(lab, lab.ann, thread, lambda message: end in message.content)
    return thread


async def _ben_asks(lab: DemoLab, streaming: asyncio.Event) -> tuple[Thread, Message]:
    await streaming.wait()
    thread = await lab.thread("the due date test fails on leap days, please fix it", lab.ben, lab.billing)
    card = await _sees(lab, lab.ben, thread, offers("Allow once"))
    await asyncio.sleep(READING)
    if not (await lab.ben.click(card, "Allow once")).acknowledged:
        raise AssertionError("the press was not answered in time")
    await _sees(lab, lab.ben, thread, lambda message: canned_replies.FIXED in message.content)
    return thread, card


async def _ann_cancels(lab: DemoLab, thread: Thread) -> Message:
    await lab.ann.say(thread, "Great. Now review every module, please.")
    third = f"**{canned_replies.MODULES[2]}**"
    await _sees(lab, lab.ann, thread, lambda message: third in message.content)
    if not (await lab.ann.slash(thread, "cancel")).acknowledged:
        raise AssertionError("/cancel was not answered in time")
    return await _sees(lab, lab.ann, thread, lambda message: third in message.content and is_stopped(message))


async def run_plain(lab: DemoLab) -> Conversation:
    """Converse with a real agent: two plain requests. Raises AssertionError for a missing answer."""
    requests = (
        (lab.ann, lab.channel, "in two or three sentences, what is a race condition?"),
        (lab.ben, lab.billing, "in one sentence, what makes a request idempotent?"),
    )
    try:
        async with asyncio.TaskGroup() as people:
            asked = [people.create_task(_settled(lab, *request), name=request[0].name) for request in requests]
    except* AssertionError as missing:
        raise missing.exceptions[0] from None
    ann, ben = (lab.said_by_bot(task.result()) for task in asked)
    return Conversation(ann, ben)


async def _settled(lab: DemoLab, person: User, channel: Channel, request: str) -> Thread:
    """Ask, and wait for an answer that no longer changes."""
    thread = await lab.thread(request, person, channel)
    await _sees(lab, person, thread, lambda message: len(message.history) > 1, REAL_PATIENCE)
    while await _changes(lab, thread, [message.content for message in lab.said_by_bot(thread)]):
        pass
    return thread


async def _changes(lab: DemoLab, thread: Thread, before: list[str]) -> bool:
    """Return whether the bot's messages change from `before` within `SETTLED` seconds."""
    try:
        await lab.discord.until(
            lambda: [message.content for message in lab.said_by_bot(thread)] != before, timeout=SETTLED
        )
    except TimeoutError:
        return False
    return True


async def _sees(
    lab: DemoLab, person: User, thread: Thread, wanted: Callable[[Message], bool], patience: float = PATIENCE
) -> Message:
    return await person.sees(thread, wanted, by=lab.bot, timeout=patience)


def offers(label: str) -> Callable[[Message], bool]:
    """Return a predicate for messages with an enabled button of this label."""

    def has_button(message: Message) -> bool:
        found = (one for _, one in components.walk(message.components))
        return any(one.get("label") == label and not one.get("disabled") for one in found)

    return has_button
