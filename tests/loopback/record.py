"""`python -m tests.loopback.record FILE`: records a live check against loopback, as `--record` does on Discord."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bot.cli.live.live_lab import live_lab


async def recorded(folder: Path) -> str:
    """Return the recording of a whole check, with a person's presses."""
    async with live_lab(folder, with_people=True) as lab:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lab.press_all())
            tasks.create_task(lab.check.run())
        return lab.check.recording.written()


def main() -> None:
    """Write the file that the command line names."""
    with tempfile.TemporaryDirectory() as folder:
        Path(sys.argv[1]).write_text(asyncio.run(recorded(Path(folder))), "utf-8")


if __name__ == "__main__":
    main()
