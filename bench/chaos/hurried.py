"""The bot with its long waits shortened: `python -m bench.chaos.hurried run -c FILE`.

What takes it minutes takes seconds here, so that an outage of Discord of twenty minutes is one of a few seconds and a
round stays short. Only waits for others are shortened, each a named constant of the bot; what it does, and in which
order, is the same. A constant that is no longer there ends the program: a run would prove less than it says.

A file of the name FULL in the directory of temporary files makes each new one of these a file on a full disk. Each that
finds no room, or no directory, is noted beside that directory.
"""

import asyncio
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

import discord

__all__ = ["FULL", "HURRY", "REFUSED"]

HURRY: Final = 100.0
"""How many times shorter the waits are in which Discord, or a person, is waited for."""

FULL: Final = "no-space-left"
REFUSED: Final = "temporary-files-refused"
"""The file, beside the directory of temporary files, that is a byte longer for each that was refused."""

WAITS: Final = {
    "bot.rest.circuit_breaker": ("FIRST_PROBE_SECONDS", "PROBE_SECONDS"),
    "bot.rest.backoff": ("LONGEST_WAIT",),
    "bot.intake.interrupted_turns": ("CHOICE_SECONDS",),
    "bot.access.membership": ("KNOWN_SECONDS",),
    "bot.gateway.supervisor": ("FIRST_SECONDS", "LONGEST_SECONDS"),
    "bot.rest.http_trace": ("REFUSED_SECONDS",),
}
"""Constants by module, in seconds, that are divided by `HURRY`.

Each module before those that take its constants over by name, which would keep the old value.
"""

SHORTEST: Final = 0.05
"""Seconds; below it a wait would be none."""

IDENTIFY_SECONDS: Final = 5.0 / HURRY
"""Discord's own pause between two logins at the gateway."""

GRACE: Final = ("pool.pool", "TURN_SECONDS", 0.5)
"""How long turns go on at a steady stop: shorter than a slow turn of chaos, as eight seconds are than a real one."""


def hurry() -> None:
    """Shorten the waits, before the rest of the bot is imported. Raises AttributeError for one that is not there."""
    for name, constants in WAITS.items():
        module = import_module(name)
        for constant in constants:
            setattr(module, constant, max(SHORTEST, getattr(module, constant) / HURRY))
    name, constant, seconds = GRACE
    module = import_module(name)
    getattr(module, constant)
    setattr(module, constant, seconds)


def identify_sooner() -> None:
    """Shorten the library's own pause before a session that is begun anew."""

    async def pause(_client: discord.Client, _shard: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(IDENTIFY_SECONDS)

    discord.Client.before_identify_hook = pause  # type: ignore[assignment,method-assign]


def fill_disks() -> None:
    """Let temporary files be on a full disk where `FULL` says so."""
    original, folder = tempfile.TemporaryFile, Path(tempfile.gettempdir())

    def temporary_file(*args: Any, **options: Any) -> IO[Any]:
        is_full = (folder / FULL).exists()
        if is_full or not folder.exists():
            with folder.with_name(REFUSED).open("ab") as refused:
                refused.write(b".")
        if is_full:
            return Path("/dev/full").open("w+b")
        made: IO[Any] = original(*args, **options)
        return made

    tempfile.TemporaryFile = temporary_file  # type: ignore[assignment]


if __name__ == "__main__":
    hurry()
    identify_sooner()
    fill_disks()
    sys.argv[0] = "threadline"
    import_module("bot.cli").main()
