"""The workers of a run. Each runs rounds with a bot of its own, and keeps the evidence of violations."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.chaos.plan import PLACES, Round, Trouble, plan

from .harness import ChaosLab, NoBot, buttons, chaos_lab
from .invariants import Finding, Violation
from .machines import machines
from .rounds_in_play import RoundsInPlay
from .scenario import Outcome, new_findings, run_round, settle_all, unended_rows

LOG_LINES: Final = 40
"""Lines of the bot's log in the evidence of a violation."""

SHOWN: Final = 20
"""Messages of a thread in the evidence of a violation."""


@dataclass(frozen=True, slots=True)
class ChaosRun:
    """The settings of a run: `rounds` from `first` on, on `lanes` workers, with these troubles.

    People talk to each bot in so many threads at the same time (`talking`); 0: in those of one round. Its agents run on
    so many other `machines`; 0: on the bot's.
    """

    seed: int
    first: int
    rounds: int
    lanes: int
    troubles: tuple[Trouble, ...]
    machines: int = 0
    talking: int = 0


@dataclass(slots=True)
class ChaosResult:
    """The result of a run. `evidence` is text for people: transcripts, and ends of logs."""

    outcomes: list[Outcome] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)
    threads: int = 0
    most: int = 0
    """The most threads of one bot in which people talked at the same time."""
    orphans: int = 0
    eyes: int = 0
    """The count of messages that still have the reaction for a running request."""
    ends: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    @property
    def struck(self) -> Counter[Trouble]:
        """The number of effective faults by trouble."""
        return sum((outcome.struck for outcome in self.outcomes), Counter[Trouble]())

    def count(self, fault: Violation) -> int:
        """Count the violations of a kind."""
        return sum(entry.fault is fault for entry in self.wrong)

    @property
    def is_wrong(self) -> bool:
        """Whether the run found a problem."""
        return bool(self.wrong or self.orphans or self.ends)


async def run(asked: ChaosRun, folder: Path, on_round: Callable[[Outcome], None]) -> ChaosResult:
    """Run all rounds, and call `on_round` after each."""
    result = ChaosResult()
    async with asyncio.TaskGroup() as tasks:
        for lane in range(min(asked.lanes, asked.rounds)):
            tasks.create_task(_lane(asked, lane, folder / str(lane), result, on_round), name=f"lane-{lane}")
    result.outcomes.sort(key=lambda outcome: outcome.number)
    return result


async def _lane(
    asked: ChaosRun, lane: int, folder: Path, result: ChaosResult, on_round: Callable[[Outcome], None]
) -> None:
    """Run every round of a worker in one lab, and check all again after its bot has ended."""
    rounds = RoundsInPlay(max(asked.talking, PLACES[1]), alone=not asked.talking)
    with machines(folder / "machines", asked.machines, rounds.room) as there:
        async with chaos_lab(folder, rounds, warm=lane % 2, there=there) as lab:
            try:
                await lab.begun()
                async with asyncio.TaskGroup() as playing:
                    for number in range(asked.first + lane, asked.first + asked.rounds, asked.lanes):
                        planned = plan(asked.seed, number, asked.troubles)
                        await rounds.begin(number, len(planned.places))
                        playing.create_task(_play(lab, planned, result, on_round), name=f"round {number}")
                await settle_all(lab, str(asked.seed))
                await lab.signs_settled()
            except* NoBot as errors:
                lab.process.ends += map(str, errors.exceptions)
        orphans = await lab.ended(lab.agents())
    _note(lab, [*new_findings(lab, lab.asked), *unended_rows(lab)], result)
    result.ends += lab.process.ends
    result.threads += len(lab.asked)
    result.most = max(result.most, rounds.most)
    if orphans or lab.process.ends:
        result.evidence.append("\n".join([f"lane {lane}", *lab.process.ends, *_tail(lab)]))
    result.orphans += len(orphans)
    result.eyes += lab.eyes()


async def _play(lab: ChaosLab, planned: Round, result: ChaosResult, on_round: Callable[[Outcome], None]) -> None:
    """Run one round, and note its outcome. Raises `NoBot`."""
    try:
        outcome = await run_round(lab, planned)
    finally:
        lab.rounds.end(planned.number)
    _note(lab, outcome.wrong, result)
    result.outcomes.append(outcome)
    result.orphans += len(outcome.strays)
    result.evidence += [f"round {planned.number}: outlived a killed bot: {stray}" for stray in outcome.strays]
    on_round(outcome)


def _note(lab: ChaosLab, wrong: Sequence[Finding], result: ChaosResult) -> None:
    """Keep violations, with the current thread and log."""
    lab.wrong.update(wrong)
    result.wrong += wrong
    for thread_id in dict.fromkeys(entry.thread_id for entry in wrong):
        entries = [f"round {each.round}: {each.fault}: {each.what}" for each in wrong if each.thread_id == thread_id]
        result.evidence.append("\n".join([*entries, *_transcript(lab, thread_id), *_tail(lab)]))


def _transcript(lab: ChaosLab, thread_id: int) -> list[str]:
    """Return a thread's messages with their authors and rows."""
    rows = lab.threads([thread_id])[0].rows
    opening = [lab.discord.world.channels[lab.channel.id].messages.get(thread_id)]
    inside = lab.discord.messages(thread_id) if thread_id in lab.discord.world.channels else []
    lines = [f"thread {thread_id}:"]
    for message in [each for each in (*opening, *inside) if each is not None][-SHOWN:]:
        state = f" {rows[message.id]}" if message.id in rows else ""
        there = f" {list(buttons(message))}" if buttons(message) else ""
        author = lab.discord.world.accounts[message.author_id].name
        lines.append(f"  {message.id} {author} ({message.nonce}){state}: {message.content[:300]!r}{there}")
    return lines


def _tail(lab: ChaosLab) -> list[str]:
    lines = lab.process.log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
    return ["the end of the bot's log:", *(f"  {line[:400]}" for line in lines)]
