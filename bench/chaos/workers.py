"""The workers of a run: each takes rounds with a bot of its own, and keeps the evidence of what is wrong."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.chaos.plan import Trouble, plan

from .harness import NoBot, Stage, buttons, staged
from .invariants import Entry, Fault
from .scenario import Outcome, balance, play, unended

__all__ = ["Result", "Run", "run"]

LOG_LINES: Final = 40
"""Lines of the bot's log that are shown for a round with something wrong."""

SHOWN: Final = 20
"""Messages of a thread that are shown for it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is asked for: rounds `first` and so many more, on so many lanes, with these troubles."""

    seed: int
    first: int
    rounds: int
    lanes: int
    troubles: tuple[Trouble, ...]


@dataclass(slots=True)
class Result:
    """What came of it. `evidence` is text for people: transcripts, and ends of logs."""

    outcomes: list[Outcome] = field(default_factory=list)
    wrong: list[Entry] = field(default_factory=list)
    orphans: int = 0
    eyes: int = 0
    """Messages that still carry the reaction of being worked on."""
    ends: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    @property
    def struck(self) -> Counter[Trouble]:
        """How often each trouble was made."""
        return sum((outcome.struck for outcome in self.outcomes), Counter[Trouble]())

    def count(self, fault: Fault) -> int:
        """How many entries of a kind there are."""
        return sum(entry.fault is fault for entry in self.wrong)

    @property
    def is_wrong(self) -> bool:
        """Whether anything is."""
        return bool(self.wrong or self.orphans or self.ends)


async def run(asked: Run, folder: Path, on_round: Callable[[Outcome], None]) -> Result:
    """Play all rounds; `on_round` learns of each as it ends."""
    result = Result()
    async with asyncio.TaskGroup() as tasks:
        for lane in range(min(asked.lanes, asked.rounds)):
            tasks.create_task(_lane(asked, lane, folder / str(lane), result, on_round), name=f"lane-{lane}")
    result.outcomes.sort(key=lambda outcome: outcome.number)
    return result


async def _lane(asked: Run, lane: int, folder: Path, result: Result, on_round: Callable[[Outcome], None]) -> None:
    """Play every round of a lane on one stage, and judge them all once more when its bot has ended."""
    async with staged(folder, warm=lane % 2) as stage:
        try:
            await stage.begun()
            for number in range(asked.first + lane, asked.first + asked.rounds, asked.lanes):
                outcome = await play(stage, plan(asked.seed, number, asked.troubles))
                _note(stage, outcome.wrong, result)
                result.outcomes.append(outcome)
                result.orphans += len(outcome.strays)
                result.evidence += [f"round {number}: outlived a killed bot: {stray}" for stray in outcome.strays]
                on_round(outcome)
            await stage.signs_settled()
        except NoBot as error:
            stage.process.ends.append(str(error))
    _note(stage, [*balance(stage, stage.asked), *unended(stage)], result)
    result.ends += stage.process.ends
    orphans = stage.agents()
    if orphans or stage.process.ends:
        result.evidence.append("\n".join([f"lane {lane}", *stage.process.ends, *_tail(stage)]))
    result.orphans += len(orphans)
    result.eyes += stage.eyes()


def _note(stage: Stage, wrong: Sequence[Entry], result: Result) -> None:
    """Keep what is wrong, with the thread and the log as they are now."""
    stage.wrong.update(wrong)
    result.wrong += wrong
    for thread_id in dict.fromkeys(entry.thread_id for entry in wrong):
        entries = [f"round {each.round}: {each.fault}: {each.what}" for each in wrong if each.thread_id == thread_id]
        result.evidence.append("\n".join([*entries, *_transcript(stage, thread_id), *_tail(stage)]))


def _transcript(stage: Stage, thread_id: int) -> list[str]:
    """Show a thread: who wrote what, and each message's row."""
    rows = stage.threads([thread_id])[0].rows
    opening = [stage.discord.world.channels[stage.channel.id].messages.get(thread_id)]
    inside = stage.discord.messages(thread_id) if thread_id in stage.discord.world.channels else []
    lines = [f"thread {thread_id}:"]
    for message in [each for each in (*opening, *inside) if each is not None][-SHOWN:]:
        state = f" {rows[message.id]}" if message.id in rows else ""
        there = f" {list(buttons(message))}" if buttons(message) else ""
        author = stage.discord.world.accounts[message.author_id].name
        lines.append(f"  {message.id} {author} ({message.nonce}){state}: {message.content[:300]!r}{there}")
    return lines


def _tail(stage: Stage) -> list[str]:
    lines = stage.process.log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
    return ["the end of the bot's log:", *(f"  {line[:400]}" for line in lines)]
