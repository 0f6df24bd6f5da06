"""The whole bot with its agents at other places: the configuration, and what people do and see in all of them."""

import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from loopback import Message
from loopback.harness import lines
from loopback.state.entities import Thread
from tests.cluster.daemon import BOUND, runs, with_ids
from tests.e2e.bot_process import agent_pids, bot_process
from tests.e2e.live_bot import BotLab, idle_lab, running_bot

KEEP_ALIVE = 6
"""Seconds of silence after which a link is lost: more than a busy machine holds a process up."""

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """The places of the agent, by name, with their tables; how the scripted agent is called there, and what it needs.

    `environ` are variables of the bot. `memory` is what each agent reserves.
    """

    places: Mapping[str, Table]
    command: Sequence[str] = (sys.executable, "-m", "loopback.agent")
    environ: Mapping[str, str] = field(default_factory=dict)
    memory: str = "200MiB"

    def options(self) -> dict[str, Any]:
        """Return the lab's options for the configuration."""
        tables = "".join(
            f"[places.{name}]\n{lines({**table, 'keep_alive_seconds': KEEP_ALIVE})}\n"
            for name, table in self.places.items()
        )
        agent = lines({"places": list(self.places), "memory": self.memory})
        return {"agent": self.command, "agent_extra": agent, "extra": f"\n{tables}", "remembers": True}


@asynccontextmanager
async def far_lab(folder: Path, site: Site) -> AsyncIterator[BotLab]:
    """Provide the lab with the configuration of a site, without a running bot."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.environ.items():
            patch.setenv(name, value)
        async with idle_lab(folder, **site.options()) as lab:
            yield lab


@asynccontextmanager
async def far_bot(folder: Path, site: Site) -> AsyncIterator[BotLab]:
    """Provide the lab with the bot running in this process."""
    async with far_lab(folder, site) as lab, running_bot(lab):
        yield lab


def place(lab: BotLab, thread: Thread) -> str:
    """Return the name of the place of a thread's agent."""
    return lab.client.pool.place_of(thread.id)


async def busy(lab: BotLab, word: str) -> tuple[Thread, Message]:
    """Have Ann open a thread whose agent says a word and works until it is stopped. Return its reply too."""
    thread = await lab.thread(f"say {word}\nhang")
    return thread, await lab.ann.sees(thread, word, by=lab.bot)


async def stopped(lab: BotLab, thread: Thread, reply: Message) -> None:
    """Stop a turn, and wait until the thread says so."""
    await lab.ann.click(reply, "Stop")
    await lab.ann.sees(thread, "Stopped by", by=lab.bot)


async def recalls(lab: BotLab, thread: Thread, prompts: int) -> None:
    """See that the thread's session has had so many prompts, this one counted."""
    asked = await lab.ann.say(thread, "recall")
    told = re.compile(f"^{prompts} prompts")
    await lab.ann.sees(thread, told, by=lab.bot, after=asked, timeout=BOUND)


# ---- what is the same everywhere


async def a_turn_is_answered_cancelled_and_survives_a_crash(folder: Path, site: Site) -> None:
    """The first text comes, a stopped turn ends, and after a crash the session is loaded by the next agent."""
    async with far_bot(folder, site) as lab:
        thread = await lab.conversation("say hello from there", "hello from there")
        assert place(lab, thread) in site.places
        await lab.ann.say(thread, "say begun\nhang")
        await stopped(lab, thread, await lab.ann.sees(thread, "begun", by=lab.bot))
        await lab.ann.say(thread, "crash 7")
        await lab.ann.sees(thread, re.compile("exit (code|status) 7|status 7|with 7"), by=lab.bot)
        await recalls(lab, thread, 4)


async def a_restart_resumes_at_the_same_place(folder: Path, site: Site) -> None:
    """Each of two threads is where it was, with its session."""
    async with far_lab(folder, site) as lab:
        async with running_bot(lab):
            threads = [await lab.conversation(f"say {word}", word) for word in ("one", "two")]
            before = [place(lab, thread) for thread in threads]
        async with running_bot(lab):
            for thread in threads:
                await recalls(lab, thread, 2)
            assert [place(lab, thread) for thread in threads] == before


async def skipped(lab: BotLab, thread: Thread, name: str) -> None:
    """See the question about a turn whose link was lost, and skip the turn: it is not sent again by itself."""
    card = await lab.ann.sees(thread, re.compile(f"the connection to {name} was lost while"), by=lab.bot)
    await lab.ann.click(card, "Skip")


async def a_lost_link_is_told_and_the_session_goes_on(lab: BotLab, thread: Thread, name: str) -> None:
    """After the cause is repaired, the thread goes on where it was."""
    await skipped(lab, thread, name)
    await recalls(lab, thread, 2)
    assert place(lab, thread) == name


async def a_killed_bot_leaves_nothing(folder: Path, site: Site) -> None:
    """Neither a deaf agent nor its child in a session of its own. The next run goes on with the thread there."""
    deaf = replace(site, command=(*site.command, "--deaf"))
    async with far_lab(folder, deaf) as lab:
        async with bot_process(lab) as bot:
            thread = await lab.conversation("child deaf setsid\nsay begun", "begun")
            processes = with_ids(agent_pids(lab.config))
            assert len(processes) == 2
            bot.kill()
            await bot.communicate()
        async with running_bot(lab):
            await recalls(lab, thread, 2)
        assert [process for process in processes if runs(process)] == []


async def an_agent_that_exceeds_its_memory_is_killed(folder: Path, site: Site) -> None:
    """The thread is told, and the session goes on in the next agent."""
    async with far_bot(folder, replace(site, memory="100MiB")) as lab:
        thread = await lab.conversation("say begun", "begun")
        await lab.ann.say(thread, "huge 300000000")
        await lab.ann.sees(thread, "The agent was killed by signal 9", by=lab.bot)
        await recalls(lab, thread, 3)


async def a_start_that_the_engine_queues_is_told_and_runs_when_another_has_ended(
    folder: Path, site: Site, why: str
) -> None:
    """Two agents fill both nodes. The third thread shows the engine's own reason."""
    async with far_bot(folder, replace(site, memory="600MiB")) as lab:
        first, reply = await busy(lab, "one")
        await busy(lab, "two")
        third = await lab.thread("say three")
        await lab.ann.sees(third, re.compile(f"Queued on {place(lab, third)}: .*{why}"), by=lab.bot)
        await stopped(lab, first, reply)
        await lab.ann.slash(first, "close")
        await lab.ann.sees(third, "three", by=lab.bot)
