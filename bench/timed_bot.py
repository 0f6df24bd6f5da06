"""`python -m bench.timed_bot HOLDS run -c ...`: the bot, which writes down how long its event loop was held.

HOLDS is a file, mapped into memory by `Holds` on both sides.
"""

import asyncio
import mmap
import struct
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

__all__ = ["Hold", "Holds"]

_FORMAT: Final = struct.Struct("<QQ240s")
"""Nanoseconds on the clock, nanoseconds of CPU, and where it was."""

_WHERE_BYTES: Final = 240

_SAMPLE_SECONDS: Final = 0.02
"""Between two looks at what runs: often enough to see a hold that is over the budget."""

_FRAMES: Final = 3
"""The innermost functions that are named."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One callback of the event loop: milliseconds on the clock and of CPU, and the functions it was seen in."""

    wall: float
    cpu: float
    where: str


class Holds:
    """The longest hold since the last look, by the CPU time of its thread."""

    def __init__(self, path: Path) -> None:
        """Map the file at `path`, which is made where there is none."""
        with path.open("a+b") as file:
            file.truncate(_FORMAT.size)
            self._shared = mmap.mmap(file.fileno(), _FORMAT.size)

    def take(self) -> Hold:
        """Return the longest hold, and begin again."""
        wall, cpu, where = _FORMAT.unpack(self._shared[:])
        self._shared[:] = bytes(_FORMAT.size)
        return Hold(wall / 1e6, cpu / 1e6, where.rstrip(b"\0").decode(errors="replace"))

    def watch(self) -> None:
        """Time every callback of this thread's event loops from now on, but for the first.

        That opens the journal, before there is anything else on the loop that could be held up.
        """
        run, shared, seen = asyncio.Handle._run, self._shared, _Sampler()  # noqa: SLF001 - all callbacks pass here

        def first(self: asyncio.Handle) -> None:
            asyncio.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001 - see above
            run(self)

        def timed(self: asyncio.Handle) -> None:
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            seen.begin()
            run(self)
            spent = time.thread_time_ns() - cpu
            if spent > _FORMAT.unpack_from(shared)[1]:
                _FORMAT.pack_into(shared, 0, time.perf_counter_ns() - wall, spent, seen.where.encode()[:_WHERE_BYTES])

        asyncio.Handle._run = first  # type: ignore[method-assign]  # noqa: SLF001 - see above


class _Sampler:
    """Looks now and then, from a thread of its own, where the callback is that has run for some time."""

    def __init__(self) -> None:
        """Look at the thread that makes this."""
        self._thread = threading.get_ident()
        self._number = 0
        self.where = ""
        """The functions in which the callback was seen, innermost first; empty for a short one."""
        threading.Thread(target=self._look, name="sampler", daemon=True).start()

    def begin(self) -> None:
        """Say that the next callback begins."""
        self._number += 1
        self.where = ""

    def _look(self) -> None:
        number = -1
        while True:
            time.sleep(_SAMPLE_SECONDS)
            if number == self._number and not self.where:
                self.where = _functions(sys._current_frames().get(self._thread))  # noqa: SLF001 - how to read a stack
            number = self._number


def _functions(frame: FrameType | None) -> str:
    names: list[str] = []
    while frame is not None and len(names) < _FRAMES:
        names.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(names)


def _main() -> None:
    holds = Holds(Path(sys.argv.pop(1)))
    holds.watch()
    from bot.cli.group import main  # noqa: PLC0415 - what importing it takes is no hold

    main()


if __name__ == "__main__":
    _main()
