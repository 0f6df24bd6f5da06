"""`python -m bench.timed_bot HOLDS run -c ...`: the bot, which records how long its event loop is held.

HOLDS is a file that `Holds` maps into the memory of both processes.
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

_FORMAT: Final = struct.Struct("<QQ240s")
"""Nanoseconds on the clock, nanoseconds of CPU, and the functions."""

_WHERE_BYTES: Final = 240

_SAMPLE_SECONDS: Final = 0.02
"""Seconds between two samples, which is short enough for holds over the budget."""

_FRAMES: Final = 3
"""The number of innermost functions in a report."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One callback of the event loop: milliseconds on the clock and of CPU, and its functions."""

    wall: float
    cpu: float
    where: str


class Holds:
    """The longest hold since the last `take`, by the CPU time of its thread."""

    def __init__(self, path: Path) -> None:
        """Map the file at `path`, and create it if it is missing."""
        with path.open("a+b") as file:
            file.truncate(_FORMAT.size)
            self._shared = mmap.mmap(file.fileno(), _FORMAT.size)

    def take(self) -> Hold:
        """Return the longest hold, and reset it."""
        wall, cpu, where = _FORMAT.unpack(self._shared[:])
        self._shared[:] = bytes(_FORMAT.size)
        return Hold(wall / 1e6, cpu / 1e6, where.rstrip(b"\0").decode(errors="replace"))

    def watch(self) -> None:
        """Time every callback of this thread's event loops except the first.

        The first opens the journal, when the loop has no other work that it could hold up.
        """
        run, shared, seen = asyncio.Handle._run, self._shared, _Sampler()  # noqa: SLF001 - runs all callbacks

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
    """Samples the stack of long callbacks from a thread of its own."""

    def __init__(self) -> None:
        """Sample the calling thread."""
        self._thread = threading.get_ident()
        self._number = 0
        self.where = ""
        """The functions of the callback, innermost first. Empty for a short one."""
        threading.Thread(target=self._look, name="sampler", daemon=True).start()

    def begin(self) -> None:
        """Note the beginning of the next callback."""
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
    from bot.cli.group import main  # noqa: PLC0415 - the time of the import is no hold

    main()


if __name__ == "__main__":
    _main()
