"""`python -m bench.chaos.hurried run -c FILE`: the bot with shortened waits.

An outage of twenty minutes takes seconds here, so that rounds are short. Only waits for others are shortened, each a
named constant of the bot. Its actions and their order are the same. A missing constant ends the program, because a run
would prove less than it claims.

A file FULL in the directory of temporary files puts each new temporary file on a full disk. Each temporary file without
room or directory is noted next to that directory.
"""

import asyncio
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

import discord

HURRY: Final = 100.0
"""The factor by which waits for Discord or a person are shorter."""

FULL: Final = "no-space-left"
REFUSED: Final = "temporary-files-refused"
"""The file next to the directory of temporary files, with a byte for each refused one."""

WAITS: Final = {
    "bot.rest.circuit_breaker": ("FIRST_PROBE_SECONDS", "PROBE_SECONDS"),
    "bot.rest.backoff": ("LONGEST_WAIT",),
    "bot.intake.interrupted_turns": ("CHOICE_SECONDS",),
    "bot.access.membership": ("KNOWN_SECONDS",),
    "bot.gateway.supervisor": ("FIRST_SECONDS", "LONGEST_SECONDS"),
    "bot.rest.http_trace": ("REFUSED_SECONDS",),
    "acp.places.reaps": ("REAP_PAUSE", "MAX_PAUSE"),
    "pool.agent_lease": ("TRY_SECONDS",),
    "pool.thread_place": ("CONFIRM_SECONDS",),
}
"""Constants by module, in seconds, that are divided by `HURRY`.

A module comes before the modules that import its constants by name, which would keep the old value.
"""

SHORTEST: Final = 0.05
"""The shortest wait in seconds."""

IDENTIFY_SECONDS: Final = 5.0 / HURRY
"""Discord's own pause between two logins at the gateway."""

GRACE: Final = ("pool.pool", "TURN_SECONDS", 0.5)
"""The grace for turns at a shutdown, which is shorter than a slow turn of chaos."""


def shortened(wait: float | tuple[float, ...]) -> float | tuple[float, ...]:
    """Return a wait, or each of several, as chaos has it."""
    if isinstance(wait, tuple):
        return tuple(max(SHORTEST, each / HURRY) for each in wait)
    return max(SHORTEST, wait / HURRY)


def hurry() -> None:
    """Shorten the waits before the rest of the bot is imported. Raises AttributeError for a missing one."""
    for name, constants in WAITS.items():
        module = import_module(name)
        for constant in constants:
            setattr(module, constant, shortened(getattr(module, constant)))
    name, constant, seconds = GRACE
    module = import_module(name)
    getattr(module, constant)
    setattr(module, constant, seconds)


def identify_sooner() -> None:
    """Shorten the library's own pause before another session."""

    async def pause(_client: discord.Client, _shard: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(IDENTIFY_SECONDS)

    discord.Client.before_identify_hook = pause  # type: ignore[assignment,method-assign]


def fill_disks() -> None:
    """Put temporary files on a full disk while the file `FULL` exists."""
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
