"""The bot under a supervisor: its messages to systemd and the log, and the end of a stuck bot."""

import asyncio
import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from .bot_process import GENEROUS, agent_pids, bot_process, run_to_exit, started
from .live_bot import idle_lab

STUCK_ON_SIGNAL = """
import signal
from bot.operations import loop_watchdog as watchdog
from bot.cli import main

def hold_the_loop(*_):
    watchdog.ROUND_SECONDS = 0.02
    while True:
        pass

signal.signal(signal.SIGUSR1, hold_the_loop)
main()
"""
"""The bot, whose loop stands still from SIGUSR1 on, under a watchdog that is in a hurry then."""


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """Open the socket at which systemd listens to its services; an address that begins with @ is abstract."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0"))
        listening.setblocking(False)
        yield listening


async def told(listening: socket.socket, beginning: str) -> list[str]:
    """Receive the bot's messages until one begins so; return all of them."""
    heard: list[str] = []
    async with asyncio.timeout(GENEROUS):
        while not heard or not heard[-1].startswith(beginning):
            heard.append((await asyncio.get_running_loop().sock_recv(listening, 4096)).decode())
    return heard


def lines(stderr: bytes, event: str) -> list[dict[str, Any]]:
    """Return the log's lines of an event."""
    found = [json.loads(line) for line in stderr.decode().splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == event]


@pytest.mark.parametrize("address", ["{folder}/notify", "@threadline-test-{folder}"], ids=["a file", "abstract"])
async def test_systemd_learns_of_each_step(tmp_path: Path, address: str) -> None:
    """Ready only when connected to Discord, alive from the loop before and after, and stopping, with the reason."""
    address = address.format(folder=tmp_path)
    async with idle_lab(tmp_path) as lab:
        with manager(address) as listening:
            async with started(lab, NOTIFY_SOCKET=address) as process:
                heard = await told(listening, "READY=1")
                assert lab.discord.is_connected(lab.bot)
                assert {*heard[:-1]} <= {"WATCHDOG=1"}
                await told(listening, "WATCHDOG=1")
                process.send_signal(signal.SIGTERM)
                heard = await told(listening, "STOPPING=1")
                assert heard[-1] == "STOPPING=1\nSTATUS=stopping: SIGTERM"
                async with asyncio.timeout(GENEROUS):
                    await process.communicate()
                assert process.returncode == 0


async def test_a_manager_that_does_not_listen_holds_nothing_up(tmp_path: Path) -> None:
    """Its socket is full or gone, and the bot works."""
    address = str(tmp_path / "notify")
    async with idle_lab(tmp_path) as lab:
        with manager(address), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    other.sendto(b"full", address)
            async with bot_process(lab, NOTIFY_SOCKET=address):
                await lab.conversation("say hello there", "hello there")


async def test_the_log_says_when_it_is_ready_as_whom_and_where_and_why_it_stops(tmp_path: Path) -> None:
    """One line each."""
    async with idle_lab(tmp_path) as lab:
        lab.discord.add_channel(lab.guild, "elsewhere")
        lab.configure()
        async with bot_process(lab) as process:
            await lab.conversation("say hello there", "hello there")
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(GENEROUS):
                _, stderr = await process.communicate()
    (ready,) = lines(stderr, "ready: mention @threadline in #general")
    assert ready["user"].startswith("threadline")
    (stopping,) = lines(stderr, "stopping")
    assert stopping["reason"] == "SIGTERM"


async def test_a_stuck_bot_ends_itself_and_the_next_one_takes_its_place(tmp_path: Path) -> None:
    """Exit code 1, the stacks in both logs. The next run ends the agents and asks about the accepted messages."""
    async with idle_lab(tmp_path) as lab:
        async with bot_process(lab, program=("-c", STUCK_ON_SIGNAL)) as process:
            thread = await lab.conversation("child deaf setsid\nsay I work\nhang deaf", "I work")
            process.send_signal(signal.SIGUSR1)
            async with asyncio.timeout(GENEROUS):
                _, stderr = await process.communicate()
        assert process.returncode == 1
        (line,) = lines(stderr, "the event loop is stuck, so the process ends")
        assert "in hold_the_loop" in line["stacks"]
        assert "in hold_the_loop" in lab.config.with_name("threadline.log").read_text()
        left = agent_pids(lab.config)
        await lab.discord.until(lambda: not lab.discord.is_connected(lab.bot))
        async with bot_process(lab):
            assert not set(left) & set(agent_pids(lab.config))
            await lab.ann.sees(thread, re.compile("Retry"), by=lab.bot)


async def test_an_audit_log_that_cannot_be_written_waits_for_a_person(tmp_path: Path) -> None:
    """Exit code 2, as for any mistake in the configuration."""
    async with idle_lab(tmp_path, extra=f'[audit]\npath = "{tmp_path}/none/audit.log"\n') as lab:
        (tmp_path / "none").touch()
        code, stderr = await run_to_exit(lab)
        assert code == 2
        assert "audit.path: " in stderr
