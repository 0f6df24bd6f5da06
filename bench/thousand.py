"""Measures one bot with a thousand threads: asleep, waking, in line for an agent, and a hundred streaming at once.

Each thread has an answered exchange and a session in the journal from the day before. The first hundred get a message
together, and their agents load the sessions and stream. Then all others get one, wait in line in this order, and stream
for some seconds each. A run fails if a reply lacks a token, has one twice, or if a thread passes another in the line.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench.agent_command import ROOT
from bench.harness import BotLab, bot_lab, restarted
from bench.phases import Phases
from bench.procfs import cpu_seconds, rss
from bench.run import Failed, Measurement, Run
from bench.statistics import Against, Figure, percentile
from bench.timed_bot import Holds
from bench.timestamps import STAMP, first_seen
from loopback import Message, Thread, User
from loopback.harness import Lab
from pool.journal.journal import Journal
from pool.journal.threads import Assignment

AGENT: Final = (sys.executable, "-I", "-S", str(ROOT / "bench/light_agent.py"))

RATE: Final = 12
"""Chunks a second and thread. Each has about four tokens, so a thread gets about 50 tokens a second."""

EACH: Final = 10
"""Threads of each person."""

QUIET_SECONDS: Final = 3.0
"""Seconds after which a bot without messages has done what a start, or the last reply, leaves to be done."""

LOOK_SECONDS: Final = 0.25
"""Between two looks at all threads. Times are those of the messages, not of the look."""

PATIENCE: Final = 600.0
"""The bound on a phase in seconds. Only a failure takes so long."""

STARTED: Final = re.compile(r"start (\d+): ")
"""How a reply begins: with the number of its agent's start."""

IN_LINE: Final = re.compile("in the queue")

ANSWER: Final = "A sentence of the kind that agents write to people. " * 10


@dataclass(frozen=True, slots=True)
class _Asked:
    """A message in a thread, when it was said in monotonic seconds, and the number of chunks that answer it."""

    thread: Thread
    message: Message
    said: float
    chunks: int

    def replies(self, lab: BotLab) -> list[Message]:
        """Return the bot's messages after it."""
        return [each for each in lab.said_by_bot(self.thread) if each.id > self.message.id]

    def has_text(self, lab: BotLab) -> bool:
        """Whether the agent's text is visible."""
        return any(STARTED.search(each.content) for each in self.replies(lab))

    def waits(self, lab: BotLab) -> bool:
        """Whether the thread shows that it is in line, or that its turn has come."""
        return any(IN_LINE.search(each.content) or STARTED.search(each.content) for each in self.replies(lab))

    def is_answered(self, lab: BotLab) -> bool:
        """Whether the last chunk is visible."""
        return any(f"{self.chunks - 1}:" in each.content for each in self.replies(lab))


@dataclass(frozen=True, slots=True)
class _Size:
    """The numbers of threads and slots, and the seconds of the first replies and of all others."""

    threads: int
    slots: int
    first: int
    others: int


async def _measure(run: Run) -> list[Figure]:
    size = run.choose(_Size(1_000, 100, 60, 10), _Size(60, 10, 10, 2))
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        holds = Holds(Path(folder) / "holds")
        program = ("bench.timed_bot", str(Path(folder) / "holds"))
        async with bot_lab(agents=size.slots, agent=AGENT, program=program) as lab:
            await _quiet(run, "without a thread")
            memory, cpu = rss(lab.pid), cpu_seconds(lab.pid)
        threads: list[tuple[User, Thread]] = []
        prepare = partial(_prepare, run, size.threads, threads)
        async with bot_lab(agents=size.slots, agent=AGENT, program=program, prepare=prepare) as lab:
            await _quiet(run, "asleep")
            each = (rss(lab.pid) - memory) / size.threads
            figures = [
                Figure("start: CPU", cpu_seconds(lab.pid), "s", f"{size.threads:,} threads", Against("without", cpu)),
                Figure("start: longest step", (hold := holds.take()).cpu, "ms", f"CPU; {hold.where}"),
                Figure("start: calls", len(lab.discord.record), "calls", "until it is quiet"),
                Figure("a sleeping thread", each / 1e3, "kB", "resident memory, compared with a bot without threads"),
            ]
            figures += await _run_through(run, lab, Phases(lab, holds), threads, size)
            figures += await _restart(run, lab, holds)
    return figures


MEASUREMENT: Final = Measurement("thousand", "A thousand threads", _measure)


async def _prepare(run: Run, count: int, threads: list[tuple[User, Thread]], lab: Lab, path: Path) -> None:
    """Let people open the threads, whom no limit of bots holds up, and write their sessions and answers down."""
    project = str(path.parent / "project")
    people = [lab.discord.add_person(f"person{number}", guilds=(lab.guild,)) for number in range(count // EACH)]
    with Journal.open(path) as journal:
        for number in range(count):
            run.progress.step("filling the journal", number, count)
            person = people[number % len(people)]
            thread = await person.open_thread(lab.channel, f"thread {number}")
            message = await person.say(thread, "Good morning")
            journal.messages.receive(
                message.id,
                thread_id=thread.id,
                channel_id=lab.channel.id,
                guild_id=lab.guild.id,
                author_id=person.id,
                assignment=Assignment("default", project),
            )
            journal.threads.set_session(thread.id, f"sess_{number}")
            journal.messages.prompted([message.id], message.content)
            journal.messages.finish([message.id], "end_turn", [ANSWER])
            journal.messages.settle([message.id], confirmed=True)
            threads.append((person, thread))


async def _quiet(run: Run, what: str) -> None:
    async with run.progress.lasting(what, QUIET_SECONDS):
        await asyncio.sleep(QUIET_SECONDS)


async def _run_through(
    run: Run, lab: BotLab, phases: Phases, threads: Sequence[tuple[User, Thread]], size: _Size
) -> list[Figure]:
    await asyncio.sleep(size.others)
    costs = [phases.end(f"{size.threads:,} asleep")]
    first = [await _ask(*each, size.first) for each in threads[: size.slots]]
    await _all(run, "waking", first, lambda each: each.has_text(lab))
    costs.append(phases.end(f"{size.slots} wake"))
    async with run.progress.lasting("streaming", size.others):
        await asyncio.sleep(size.others)
    costs.append(phases.end(f"{size.slots} stream"))
    others = [await _ask(*each, size.others) for each in threads[size.slots :]]
    await _all(run, "coming into line", others, lambda each: each.waits(lab))
    costs.append(phases.end(f"{len(others)} come into line"))
    await _all(run, "going through the line", [*first, *others], lambda each: each.is_answered(lab))
    costs.append(phases.end("all go through the line"))
    await _quiet(run, "the end")
    costs.append(phases.end("all answered"))
    starts = [_start(lab, each) for each in [*first, *others]]
    assert_in_order(starts)
    figures = [figure for cost in costs for figure in cost.figures()]
    growth = (costs[-1].memory - costs[0].memory) / size.threads
    return [
        *figures,
        *_times(f"{size.slots} wake", [_sights(lab, each) for each in first], first),
        *_times("through the line", [_sights(lab, each) for each in others], others),
        Figure("a thread that was awake", growth / 1e3, "kB", "growth of the bot's memory from the first phase on"),
        Figure("complete replies", len(starts), "replies", "each token once, in order; first come, first served"),
    ]


async def _ask(person: User, thread: Thread, seconds: int) -> _Asked:
    chunks = seconds * RATE
    said = time.monotonic()
    message = await person.say(thread, f"tokens {chunks} {RATE}")
    return _Asked(thread, message, said, chunks)


async def _all(run: Run, what: str, asked: Sequence[_Asked], is_so: Callable[[_Asked], bool]) -> None:
    """Wait until it is so for all. Looks now and then: a look at each change would cost a core."""
    left = [*asked]
    try:
        async with asyncio.timeout(PATIENCE):
            while left := [each for each in left if not is_so(each)]:
                run.progress.step(what, len(asked) - len(left), len(asked))
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise Failed(f"{what}: {len(left)} threads did not get there, the first of them {left[0].thread}") from None


def _text(lab: BotLab, asked: _Asked) -> str:
    return "\n".join(each.content for each in asked.replies(lab))


def _start(lab: BotLab, asked: _Asked) -> int:
    """Return the number of the start of the agent that answered. Raises `Failed` for a reply that is not whole."""
    text = _text(lab, asked)
    numbers = [int(match[1]) for match in STAMP.finditer(text)]
    starts = STARTED.findall(text)
    if numbers != [*range(asked.chunks)] or len(starts) != 1:
        raise Failed(f"a reply of {asked.chunks} chunks has {len(numbers)}, of {len(starts)} turns:\n{text[:2_000]}")
    return int(starts[0])


def assert_in_order(starts: Sequence[int]) -> None:
    """Raise `Failed` unless the agents started in the order of their messages."""
    passed = sum(later < earlier for earlier, later in pairwise(starts))
    if passed:
        raise Failed(f"{passed} threads passed the one before them in the line: {starts}")


def _sights(lab: BotLab, asked: _Asked) -> dict[int, tuple[float, float]]:
    """Return when each chunk was written and first seen, in seconds."""
    found: dict[int, tuple[float, float]] = {}
    for reply in asked.replies(lab):
        for number, written, seen in first_seen(reply.history):
            if number not in found or seen < found[number][1]:
                found[number] = written, seen
    return found


def _times(name: str, sights: Sequence[dict[int, tuple[float, float]]], asked: Sequence[_Asked]) -> list[Figure]:
    waits = [found[0][1] - each.said for found, each in zip(sights, asked, strict=True)]
    first = [found[0][1] - found[0][0] for found in sights]
    all_ = [seen - written for found in sights for written, seen in found.values()]
    last = [found[each.chunks - 1][1] - found[each.chunks - 1][0] for found, each in zip(sights, asked, strict=True)]
    kinds = {
        "first text": (waits, "message said -> the agent's text is visible"),
        "first text's age": (first, "agent writes -> visible, the first chunk"),
        "text's age": (all_, "the same, every chunk"),
        "last text's age": (last, "the same, the last chunk"),
    }
    return [
        Figure(f"{name}: {kind} p{percent}", percentile(seconds, percent), "s", how)
        for kind, (seconds, how) in kinds.items()
        for percent in (50, 99)
    ]


async def _restart(run: Run, lab: BotLab, holds: Holds) -> list[Figure]:
    calls, began = len(lab.discord.record), time.monotonic()
    async with restarted(lab) as again:
        took = time.monotonic() - began
        await _quiet(run, "after a restart")
        made, hold = lab.discord.record[calls:], holds.take()
        return [
            Figure("start after a kill", took, "s", "wall; killed -> connected again, agents of before ended"),
            Figure("start after a kill: CPU", cpu_seconds(again.pid), "s", "until it is quiet"),
            Figure("start after a kill: longest step", hold.cpu, "ms", f"CPU; {hold.where}"),
            Figure("start after a kill: calls", len(made), "calls", "until it is quiet"),
        ]
