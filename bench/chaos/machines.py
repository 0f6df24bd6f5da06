"""The machines of a worker's agents, if not the bot's: SSH servers on this one, each with a home of its own.

The agents keep their sessions below the machine's home, so that no other machine can load them.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from acp.process.orphans import MARKER
from bench.agent_command import ROOT
from bench.procfs import having
from loopback.harness import lines
from tests.cluster.ssh_server import SshServer, ssh_server

KEEP_ALIVE_SECONDS: Final = 6
"""More than a busy machine holds a process up."""

LINGER_SECONDS: Final = 30.0
"""How long an agent may outlive its link: the keep-alive and the runner's stop ladder, on a busy machine."""

SLOTS: Final = 2
"""The fewest agents of a machine."""

THREADS_PER_SLOT: Final = 8
"""A machine has fewer agents than threads, so that some wait and some agents are put to sleep."""

CUT_OFF_SECONDS: Final = 2.0
"""The longest time for which a machine is cut off."""

FROZEN_SECONDS: Final = 2.0 * KEEP_ALIVE_SECONDS
"""The longest time for which a machine's links are silent. A short silence is no loss of the link."""

_AGENT: Final = f'exec {sys.executable} -m bench.chaos.agent --state "$HOME/sessions"'


class Machines:
    """Machines by name. Without any, the agents run where the bot does."""

    def __init__(self, servers: Sequence[SshServer], threads: int) -> None:
        """Serve a bot to which people talk in so many threads at the same time."""
        self._servers = {server.name: server for server in servers}
        self._slots = max(SLOTS, threads // THREADS_PER_SLOT)
        self._links = {name: asyncio.Lock() for name in self._servers}

    def __bool__(self) -> bool:
        """Whether there are machines."""
        return bool(self._servers)

    @property
    def names(self) -> Sequence[str]:
        """Their names."""
        return [*self._servers]

    def command(self) -> dict[str, Any]:
        """Return the keys of an agent that runs on them."""
        env = {"PYTHONPATH": str(ROOT)}
        return {"command": "sh", "args": ["-c", _AGENT], "env": env, "places": [*self._servers]}

    def tables(self) -> str:
        """Return their tables of the configuration."""
        found = ""
        for name, server in self._servers.items():
            way = {"host": name, "options": [*server.options], "runner": [sys.executable]}
            table = {**way, "max_agents": self._slots, "keep_alive_seconds": KEEP_ALIVE_SECONDS}
            found += f"[places.{name}]\n{lines(table)}\n"
        return found

    def runners(self) -> list[int]:
        """Return the pids of the commands that connections run."""
        return [process.pid for server in self._servers.values() for process in server.commands()]

    async def cut_off(self, name: str, seconds: float) -> None:
        """Cut every connection of a machine, and refuse others, for a while."""
        async with self._links[name]:
            await asyncio.to_thread(self._servers[name].cut_off)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self._servers[name].start)

    async def freeze(self, name: str, seconds: float) -> None:
        """Let a machine's connections be silent for a while."""
        async with self._links[name]:
            await asyncio.to_thread(self._servers[name].freeze)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self._servers[name].thaw)


@contextmanager
def machines(folder: Path, count: int, threads: int) -> Iterator[Machines]:
    """Run `count` machines in a folder for the block; see `Machines`."""
    with ExitStack() as stack:
        servers = []
        for name in (f"worker{number}" for number in range(1, count + 1)):
            home = folder / name / "home"
            home.mkdir(parents=True)
            servers.append(stack.enter_context(ssh_server(name, folder / name / "sshd", home=home)))
        yield Machines(servers, threads)


def clients(journal_id: str | None) -> list[int]:
    """Return the pids of the clients that lead to machines."""
    return [] if journal_id is None else having(f"{MARKER}={journal_id}/")


def far_agents(journal_id: str | None) -> list[int]:
    """Return the pids of the agents on machines, and of what they started."""
    return [] if journal_id is None else having(f"{MARKER}={journal_id}@")


def kill_one(pids: Iterable[int], chance: random.Random) -> bool:
    """Kill one of these processes; return whether there is one."""
    there = sorted(pids)
    if not there:
        return False
    with suppress(ProcessLookupError):
        os.kill(chance.choice(there), signal.SIGKILL)
    return True
