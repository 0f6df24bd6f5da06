"""What only real processes show: the bot as a program of its own, its end, and what it leaves: nothing."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.fork_server import Forked, start

from .live_bot import BotLab, idle_lab, marked, numbers

GENEROUS = 60.0
"""Bound that only catches hangs."""


@asynccontextmanager
async def started(
    place: BotLab, *options: str, program: Sequence[str] = (), **environ: str
) -> AsyncIterator[asyncio.subprocess.Process | Forked]:
    """`threadline run` as a process; ended at the end whatever happened. `program` is what Python runs in its place."""
    command, env = ("run", "-c", str(place.config), *options), {**os.environ, **environ}
    process: asyncio.subprocess.Process | Forked
    if program:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *program, *command), stderr=asyncio.subprocess.PIPE, env=env
        )
    else:
        process = await start(*command, env=env)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def bot_process(place: BotLab, *options: str, **given: Any) -> AsyncIterator[asyncio.subprocess.Process | Forked]:
    """`threadline run` as a process that has connected to Discord; the rest is as with `started`."""
    async with started(place, *options, **given) as process:
        await place.discord.connected(place.bot)
        yield process


async def test_after_sigterm_no_agent_process_is_left(tmp_path: Path) -> None:
    """Invariant 8, P35, P65: children that ignore SIGTERM, also in a session of their own, end with their agent."""
    async with idle_lab(tmp_path) as place, bot_process(place) as process:
        thread = await place.thread("child deaf\nchild deaf setsid\nsay they live")
        await place.ann.sees(thread, "they live", by=place.bot)
        other = await place.thread("say I work\nhang deaf", place.ben)
        await place.ben.sees(other, "I work", by=place.bot)
        assert len(marked(place.config)) >= 4
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(GENEROUS):
            _, stderr = await process.communicate()
        assert process.returncode == 0, stderr.decode()
        assert b"Traceback" not in stderr
        assert marked(place.config) == []
        await place.ben.sees(other, "Threadline stopped", by=place.bot)


async def test_a_second_signal_kills_the_agents_at_once(tmp_path: Path) -> None:
    """A person in a hurry need not wait for running turns."""
    async with idle_lab(tmp_path) as place, bot_process(place) as process:
        thread = await place.thread("say I work\nhang deaf")
        await place.ann.sees(thread, "I work", by=place.bot)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(GENEROUS):
            await process.communicate()
        assert process.returncode == 0
        assert marked(place.config) == []


async def test_a_running_turn_may_end_before_the_bot_does(tmp_path: Path) -> None:
    """The answer that was being written is complete."""
    async with idle_lab(tmp_path) as place, bot_process(place) as process:
        thread = await place.thread("stream 40 20")
        await place.ann.sees(thread, re.compile("^1 2 3"), by=place.bot)
        process.send_signal(signal.SIGTERM)
        await place.ann.sees(thread, re.compile(f"^{numbers(1, 40)}\n"), by=place.bot)
        async with asyncio.timeout(GENEROUS):
            await process.communicate()
        assert process.returncode == 0


async def test_what_a_killed_bot_left_is_ended_at_the_next_start(tmp_path: Path) -> None:
    """Invariant 8: kill -9 gives no time to clean up; the marker finds the agents again."""
    async with idle_lab(tmp_path, agent=(sys.executable, "-m", "loopback.agent", "--deaf")) as place:
        async with bot_process(place) as process:
            thread = await place.thread("child deaf setsid\nsay it lives")
            await place.ann.sees(thread, "it lives", by=place.bot)
            process.kill()
            await process.communicate()
        await place.discord.until(lambda: not place.discord.is_connected(place.bot))
        left = marked(place.config)
        assert left
        async with bot_process(place) as process:
            assert not set(left) & set(marked(place.config))
            await place.ann.say(thread, "say back again")
            await place.ann.sees(thread, "back again", by=place.bot)
            process.send_signal(signal.SIGTERM)
            await process.communicate()


async def refused(place: BotLab) -> tuple[int | None, str]:
    """Run the bot, which is expected to end by itself; return its exit code and what it wrote."""
    async with started(place) as process:
        async with asyncio.timeout(GENEROUS):
            _, stderr = await process.communicate()
        return process.returncode, stderr.decode()


async def test_a_wrong_token_is_one_clear_line(tmp_path: Path) -> None:
    """Exit code 2, no traceback, and not the token."""
    async with idle_lab(tmp_path) as place:
        wrong = "another-token-that-is-wrong"
        place.config.write_text(place.config.read_text().replace("token-of-the-stage", wrong))
        code, stderr = await refused(place)
        assert code == 2
        assert "token" in stderr
        assert wrong not in stderr
        assert len(stderr.strip().splitlines()) == 1


async def test_an_endpoint_where_nothing_listens_is_one_clear_line(tmp_path: Path) -> None:
    """Exit code 1; the address is named."""
    async with idle_lab(tmp_path) as place:
        endpoint = place.discord.endpoint
    code, stderr = await refused(place)
    assert code == 1
    assert endpoint in stderr
    assert len(stderr.strip().splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_DUMPABLE is Linux's")
async def test_a_child_of_the_same_user_cannot_read_the_bots_environment(tmp_path: Path) -> None:
    """Invariant 9: before, a child could; afterwards the kernel refuses. Tried as an ordinary user."""
    script = """
import ctypes, os, subprocess, sys
from bot.operations.process import protect_process
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
read = ["/bin/cat", f"/proc/{os.getpid()}/environ"]
before = subprocess.run(read, capture_output=True)
protect_process()
after = subprocess.run(read, capture_output=True)
print(b"TOKEN_OF_THE_BOT=abc" in before.stdout, after.returncode != 0, after.stdout)
"""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script),
        env={**os.environ, "TOKEN_OF_THE_BOT": "abc"},
        stdout=asyncio.subprocess.PIPE,
    )
    stdout, _ = await process.communicate()
    assert stdout.decode().split() == ["True", "True", "b''"]
