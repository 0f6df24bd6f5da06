"""The machines of a worker's agents, if not the bot's: shells on this one, each with a home of its own.

The way to a machine is a shell, as a client of SSH would be; the runner is its child. A machine is cut off for new
connections while its file is missing. The agents keep their sessions below the machine's home, so that no other machine
can load them.
"""

import os
import random
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from acp.process.orphans import MARKER
from bench.agent_command import ROOT
from bench.procfs import children, having
from loopback.harness import lines

KEEP_ALIVE_SECONDS: Final = 3
"""The shortest in a configuration."""

LINGER_SECONDS: Final = 30.0
"""How long an agent may outlive its link: the keep-alive and the runner's stop ladder, on a busy machine."""

SLOTS: Final = 2
"""Agents of a machine: fewer than threads."""

CUT_OFF_SECONDS: Final = 2.0
"""The longest time for which a machine is cut off."""

_ENTER: Final = (
    'test -e "$1/there" || { echo "no route to host" >&2; exit 255; };'
    f' HOME="$1"; export HOME; shift; env -u {MARKER} "$@"'
)

_AGENT: Final = f'exec {sys.executable} -m bench.chaos.agent --state "$HOME/sessions"'


class Machines:
    """The machines below a folder."""

    def __init__(self, folder: Path, count: int) -> None:
        """Make `count` machines. Without any, the agents run where the bot does."""
        self._homes = {f"worker{number}": folder / f"worker{number}" for number in range(1, count + 1)}
        for name, home in self._homes.items():
            home.mkdir(parents=True)
            self.bring_back(name)

    def __bool__(self) -> bool:
        """Whether there are machines."""
        return bool(self._homes)

    @property
    def names(self) -> Sequence[str]:
        """Their names."""
        return [*self._homes]

    def command(self) -> dict[str, Any]:
        """Return the keys of an agent that runs on them."""
        env = {"PYTHONPATH": str(ROOT)}
        return {"command": "sh", "args": ["-c", _AGENT], "env": env, "places": [*self._homes]}

    def tables(self) -> str:
        """Return their tables of the configuration."""
        found = ""
        for name, home in self._homes.items():
            way = {"enter": ["sh", "-c", _ENTER, "sh", str(home)], "runner": [sys.executable]}
            table = {**way, "max_agents": SLOTS, "keep_alive_seconds": KEEP_ALIVE_SECONDS}
            found += f"[places.{name}]\n{lines(table)}\n"
        return found

    def cut_off(self, name: str) -> None:
        """Let no new connection reach a machine."""
        with suppress(FileNotFoundError):
            (self._homes[name] / "there").unlink()

    def bring_back(self, name: str) -> None:
        """Let it be reached again."""
        (self._homes[name] / "there").touch()


def clients(journal_id: str | None) -> list[int]:
    """Return the pids of the shells that lead to machines."""
    return [] if journal_id is None else having(f"{MARKER}={journal_id}/")


def runners(journal_id: str | None) -> list[int]:
    """Return the pids of the runners whose shells live."""
    return [child for client in clients(journal_id) for child in children(client)]


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
