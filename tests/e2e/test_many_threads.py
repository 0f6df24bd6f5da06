"""Many threads on a few agents: each is answered, and idle threads stay silent."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from loopback.state import world_events

from .bot_process import GENEROUS, bot_process, started
from .live_bot import BotLab, idle_lab, spoken

THREADS = 100
AGENTS = 4
CENSUS = Path(__file__).parents[1] / "peers/census_agent.py"

RESTART_CALLS = 10
"""What a start and one answer may cost in all, whatever the number of threads."""

PLENTY = "per_user = 1000\nper_minute = 1000"
SUBTEXT = re.compile(r"^-# ")
IN_LINE = re.compile(r"number (\d+) in the queue")


def configured(lab: BotLab, census: Path) -> None:
    """Write the configuration: few agents, high limits, and no reactions, which would take time."""
    agent = (sys.executable, "-I", "-S", str(CENSUS), str(census))
    extra = f"[pool]\nmax_agents = {AGENTS}\n{PLENTY}\n[reactions]\nenabled = false"
    lab.configure(agent=agent, extra=extra)


class Watcher:
    """Records the first place in line that each thread learns, and the answers."""

    def __init__(self, lab: BotLab) -> None:
        self.places: dict[int, int] = {}
        self.answers: dict[int, str] = {}
        self._bot_id = lab.bot.id
        lab.discord.world.listeners.append(self._hear)

    def _hear(self, happened: world_events.Event) -> None:
        match happened:
            case world_events.MessageCreated(message) | world_events.MessageEdited(message) if (
                message.author_id == self._bot_id
            ):
                if found := IN_LINE.search(message.content):
                    self.places.setdefault(message.channel_id, int(found[1]))
                elif said := [line for line in spoken(message).splitlines() if not line.startswith("-# ")]:
                    self.answers[message.channel_id] = "\n".join(said)


@pytest.mark.timeout(10 * GENEROUS)
async def test_a_hundred_threads_share_four_agents_and_a_restart_is_silent(tmp_path: Path) -> None:
    """All are answered, each learns its place in line, and the restart posts nothing."""
    gate, census = tmp_path / "gate", tmp_path / "census"
    os.mkfifo(gate)
    async with idle_lab(tmp_path) as lab:
        configured(lab, census)
        watcher = Watcher(lab)
        # Opened by people, for Discord lets a bot open but a few threads a minute.
        threads = [await lab.ann.open_thread(lab.channel, f"thread {number}") for number in range(THREADS)]
        first, others = threads[:AGENTS], threads[AGENTS:]
        async with bot_process(lab) as process:
            for thread in first:
                await lab.ann.say(thread, f"{lab.bot.mention} gate {gate}")
                await lab.ann.sees(thread, SUBTEXT, by=lab.bot)
            for thread in others:
                await lab.ann.say(thread, f"{lab.bot.mention} answer {thread.id}")
            await lab.discord.until(lambda: len(watcher.places) == len(others), timeout=4 * GENEROUS)
            assert watcher.places == {thread.id: number for number, thread in enumerate(others, start=1)}
            # For reading too, for then it waits for no reader.
            os.close(os.open(gate, os.O_RDWR))
            await lab.discord.until(lambda: len(watcher.answers) == THREADS, timeout=4 * GENEROUS)
            assert [watcher.answers[thread.id] for thread in others] == [f"answer {thread.id}" for thread in others]
            # An answer to what comes after them: it has heard of its own last messages, which would count as missed.
            while not (await lab.ann.slash(first[0], "status")).acknowledged:
                pass
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        counted = [int(line) for line in census.read_text().splitlines()]
        assert len(counted) == THREADS
        assert max(counted) == AGENTS

        before = {thread.id: [each.content for each in lab.discord.messages(thread)] for thread in others}
        calls = len(lab.discord.record)
        async with started(lab) as process:
            await lab.ann.say(first[0], "are you there?")
            # It was missed, or waits for what was: when it is answered, the start has done all that it does.
            await lab.ann.sees(first[0], "are you there?", by=lab.bot)
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        assert {thread.id: [each.content for each in lab.discord.messages(thread)] for thread in others} == before
        made = [f"{call.method} {call.path}" for call in lab.discord.record[calls:]]
        assert len(made) <= RESTART_CALLS, made
