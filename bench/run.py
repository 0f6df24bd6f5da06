"""The context of a measurement, and the display of its progress."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from bench.statistics import Figure

T = TypeVar("T")

LINE_SECONDS: Final = 5.0
"""Without a terminal, the least time between two lines about the same step."""

TICK_SECONDS: Final = 0.5


class Failed(Exception):
    """A measurement failed. The text says why."""


class Progress:
    """The progress of a measurement: a bar on a terminal, lines elsewhere."""

    def __init__(self, console: Console) -> None:
        """Show it on `console`."""
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        self._bars = Bars(*columns, TimeElapsedColumn(), console=console, transient=True)
        self._bar = self._bars.add_task("", total=1)
        self._title = ""
        self._said = ("", float("-inf"))

    @contextmanager
    def measuring(self, title: str) -> Iterator[None]:
        """Name the measurement that runs in the block."""
        self._title = title
        self._bars.reset(self._bar)
        if not self._console.is_terminal:
            yield
            return
        with self._bars:
            yield

    def step(self, what: str, done: float, of: float) -> None:
        """Show the progress of a step."""
        if self._console.is_terminal:
            self._bars.update(self._bar, description=f"{self._title}: {what}", completed=done, total=of)
            return
        before, when = self._said
        if what != before or time.monotonic() - when >= LINE_SECONDS:
            self._said = (what, time.monotonic())
            self._console.print(f"{self._title}: {what} {done:.0f}/{of:.0f}", highlight=False)

    def note(self, text: str) -> None:
        """Show a line that stays."""
        self._console.print(f"{self._title}: {text}", highlight=False)

    @asynccontextmanager
    async def lasting(self, what: str, seconds: float) -> AsyncIterator[None]:
        """Show the block as a step of about `seconds`."""

        async def tick() -> None:
            start = time.monotonic()
            while True:
                self.step(what, min(time.monotonic() - start, seconds), seconds)
                await asyncio.sleep(TICK_SECONDS)

        ticking = asyncio.create_task(tick(), name="progress")
        try:
            yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmarks."""

    quick: bool
    progress: Progress

    def choose(self, full: T, quick: T) -> T:
        """Return the value for a full or for a quick run."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Measurement:
    """A name for the command line, a title for the table, and a function, which may raise `Failed`."""

    name: str
    title: str
    measure: Callable[[Run], Awaitable[list[Figure]]]
