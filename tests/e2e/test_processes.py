"""The bot as a real process: its end, and its remains."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from .bot_process import GENEROUS, agent_pids, bot_process, run_to_exit
from .live_bot import idle_lab, numbers, spoken


async def test_after_sigterm_no_agent_process_is_left(tmp_path: Path) -> None:
    """Children that ignore SIGTERM, also in a session of their own, end with their agent."""
    async with idle_lab(tmp_path) as lab, bot_process(lab) as process:
        await lab.conversation("child deaf\nchild deaf setsid\nsay they live", "they live")
        other = await lab.thread("say I work\nhang deaf", lab.ben)
        await lab.ben.sees(other, "I work", by=lab.bot)
        assert len(agent_pids(lab.config)) >= 4
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(GENEROUS):
            _, stderr = await process.communicate()
        assert process.returncode == 0, stderr.decode()
        assert b"Traceback" not in stderr
        assert agent_pids(lab.config) == []
        await lab.ben.sees(other, "Threadline stopped", by=lab.bot)


async def test_a_second_signal_kills_the_agents_at_once(tmp_path: Path) -> None:
    """A person in a hurry need not wait for running turns."""
    async with idle_lab(tmp_path) as lab, bot_process(lab) as process:
        await lab.conversation("say I work\nhang deaf", "I work")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(GENEROUS):
            await process.communicate()
        assert process.returncode == 0
        assert agent_pids(lab.config) == []


async def test_a_running_turn_may_end_before_the_bot_does(tmp_path: Path) -> None:
    """The answer in progress becomes complete."""
    async with idle_lab(tmp_path) as lab, bot_process(lab) as process:
        thread = await lab.conversation("stream 40 20", re.compile("^1 2 3"))
        process.send_signal(signal.SIGTERM)
        await lab.answer(thread, lambda each: spoken(each) == numbers(1, 40))
        async with asyncio.timeout(GENEROUS):
            await process.communicate()
        assert process.returncode == 0


async def test_what_a_killed_bot_left_is_ended_at_the_next_start(tmp_path: Path) -> None:
    """SIGKILL leaves no time to clean up; the marker finds the agents again."""
    async with idle_lab(tmp_path, agent=(sys.executable, "-m", "loopback.agent", "--deaf")) as lab:
        async with bot_process(lab) as process:
            thread = await lab.conversation("child deaf setsid\nsay it lives", "it lives")
            process.kill()
            await process.communicate()
        await lab.discord.until(lambda: not lab.discord.is_connected(lab.bot))
        left = agent_pids(lab.config)
        assert left
        async with bot_process(lab) as process:
            assert not set(left) & set(agent_pids(lab.config))
            await lab.ann.say(thread, "say back again")
            await lab.ann.sees(thread, "back again", by=lab.bot)
            process.send_signal(signal.SIGTERM)
            await process.communicate()


async def test_a_wrong_token_is_one_clear_line(tmp_path: Path) -> None:
    """Exit code 2, no traceback, and not the token."""
    async with idle_lab(tmp_path) as lab:
        wrong = "another-token-that-is-wrong"
        lab.config.write_text(lab.config.read_text().replace("token-of-the-stage", wrong))
        code, stderr = await run_to_exit(lab)
        assert code == 2
        assert "token" in stderr
        assert wrong not in stderr
        assert len(stderr.strip().splitlines()) == 1


async def test_an_endpoint_where_nothing_listens_is_one_clear_line(tmp_path: Path) -> None:
    """Exit code 1, with the address."""
    async with idle_lab(tmp_path) as lab:
        endpoint = lab.discord.endpoint
    code, stderr = await run_to_exit(lab)
    assert code == 1
    assert endpoint in stderr
    assert len(stderr.strip().splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_DUMPABLE is Linux's")
async def test_a_child_of_the_same_user_cannot_read_the_bots_environment(tmp_path: Path) -> None:
    """A child could before; now the kernel refuses. Tried as an ordinary user."""
    script = """
import ctypes, os, subprocess, sys
from bot.operations.own_process import protect_process
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
