"""Reads the pipes of all agents in rounds, so that none starves another.

All pipes of an event loop are behind two descriptors. Quiet pipes are watched: their first data is read immediately.
The pipe then rests, and one round after a pause reads all resting pipes. Waking up costs ten times as much as a line,
and a hundred agents that write fifty lines a second each would wake the loop five thousand times. A pipe through which
an answer is expected, or that has become quiet, is watched again. The answer may follow other lines, each in a write
of its own, so the next few reads of such a pipe are immediate.

A round reads at most `READ_SIZE` of each pipe, so an agent that floods us delays the others by one read. During a
flood the pauses are short, so that the others do not wait for them.
"""

import asyncio
import os
import selectors
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import ClassVar
from weakref import WeakKeyDictionary

READ_SIZE = 64 * 1024
"""Bytes read of a pipe in a round: the capacity of a pipe on Linux."""

REST_SECONDS = 0.06
"""The pause between rounds. Edits a second apart show the text, so people do not notice it."""

MANY = 200
"""With more resting pipes the pause is twice as long: a round reads enough, and Discord's delay is far longer."""

IMMEDIATE_READS = 8
"""Reads without a pause after something was written to the agent: its answer, or its first text, may follow updates."""

QUIET_SECONDS = 1.0
"""A pipe without data for so long is watched again; after a round without data, all are."""

FLOOD_SIZE = 16 * 1024
"""Bytes from one pipe in one round that make a flood. The next round follows immediately, for a pause saves nothing."""

FLOOD_REST_SECONDS = 0.002
FLOOD_SECONDS = 0.5
"""The pause in a lull, and how long a flood counts as going on: the system interrupts its writer now and then."""


class Pipe:
    """The reading end of a pipe."""

    def __init__(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """`open` creates the pipe; `on_data` gets its data."""
        self.on_data = on_data
        self._on_end = on_end
        self.descriptor = -1
        self.reading = False
        """Whether it is read; False while paused and after the end."""
        self.closed = True
        self.resting = False
        """Whether it is read in rounds, and not immediately."""
        self.immediate = 0
        """How many of its next reads are immediate, because an answer is expected."""
        self.heard = 0.0
        """When it last had data, in the loop's time."""
        self.context = Context()
        """The opener's, for log lines during a read, since all pipes are read together."""

    def open(self) -> int:
        """Create the pipe and begin to read it. Returns the write end, for a child; the caller closes it."""
        self.descriptor, writing_end = os.pipe()
        os.set_blocking(self.descriptor, False)
        self.context = copy_context()
        self._rounds = _Rounds.of_this_loop()
        self._rounds.add(self)
        self.closed, self.reading = False, True
        return writing_end

    def pause(self) -> None:
        """Leave data in the pipe, so that the writer has to wait."""
        if self.reading:
            self.reading = False
            self._rounds.pause(self)

    def resume(self) -> None:
        """Read again."""
        if not self.closed and not self.reading:
            self.reading = True
            self._rounds.resume(self)

    def close(self) -> None:
        """Stop reading for good."""
        if not self.closed:
            self.pause()
            self.closed = True
            self._rounds.remove(self)
            os.close(self.descriptor)

    def hurry(self) -> None:
        """Make the next `IMMEDIATE_READS` immediate, because an answer is expected."""
        self.immediate = IMMEDIATE_READS
        if self.resting:
            self._rounds.move(self)

    def read(self) -> int:
        """Read at most `READ_SIZE` bytes without blocking. Returns how many."""
        try:
            data = os.read(self.descriptor, READ_SIZE)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self.on_data(data)
        else:
            self.close()
            self._on_end()
        return len(data)


class _Rounds:
    """The pipes of one event loop; exists while there are any."""

    _all: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, "_Rounds"]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched = selectors.DefaultSelector()
        self._resting = selectors.DefaultSelector()
        self._pipes: set[Pipe] = set()
        self._next: asyncio.TimerHandle | None = None
        self._flood_end = 0.0
        self._next_look = 0.0
        loop.add_reader(self._watched, self._read_watched)

    @classmethod
    def of_this_loop(cls) -> "_Rounds":
        loop = asyncio.get_running_loop()
        if loop not in cls._all:
            cls._all[loop] = cls(loop)
        return cls._all[loop]

    def add(self, pipe: Pipe) -> None:
        self._pipes.add(pipe)
        self.resume(pipe)

    def pause(self, pipe: Pipe) -> None:
        (self._resting if pipe.resting else self._watched).unregister(pipe.descriptor)
        pipe.resting = False

    def resume(self, pipe: Pipe) -> None:
        self._watched.register(pipe.descriptor, selectors.EVENT_READ, pipe)

    def move(self, pipe: Pipe) -> None:
        """Swap a pipe between watched and resting."""
        before, after = (self._resting, self._watched) if pipe.resting else (self._watched, self._resting)
        before.unregister(pipe.descriptor)
        after.register(pipe.descriptor, selectors.EVENT_READ, pipe)
        pipe.resting = not pipe.resting

    def remove(self, pipe: Pipe) -> None:
        self._pipes.remove(pipe)
        if not self._pipes:
            self._end()

    def _end(self) -> None:
        del self._all[self._loop]
        self._loop.remove_reader(self._watched)
        if self._next is not None:
            self._next.cancel()
        self._watched.close()
        self._resting.close()

    def _read_watched(self) -> None:
        self._take(self._watched.select(0))

    def _round(self) -> None:
        self._next = None
        ready = self._resting.select(0)
        now = self._loop.time()
        if not ready:
            self._watch_quiet_since(now)
        elif now >= self._next_look:
            self._next_look = now + QUIET_SECONDS
            self._watch_quiet_since(now - QUIET_SECONDS)
        self._take(ready)

    def _watch_quiet_since(self, moment: float) -> None:
        for key in [*self._resting.get_map().values()]:
            if key.data.heard <= moment:
                self.move(key.data)

    def _take(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        """Read each of these pipes once, and move it to rest if no answer is expected."""
        now, most = self._loop.time(), 0
        for key, _ in ready:
            pipe: Pipe = key.data
            if pipe.reading:  # Reading an earlier one may have paused or closed it.
                pipe.immediate, pipe.heard = max(0, pipe.immediate - 1), now
                most = max(most, self._read(pipe))
                if pipe.reading and pipe.resting == (pipe.immediate > 0):
                    self.move(pipe)
        if self._pipes:
            self._plan(most)

    def _plan(self, most: int) -> None:
        """Schedule the next round, after a pipe with at most `most` bytes."""
        if self._next is not None and most >= FLOOD_SIZE:
            self._next.cancel()
            self._next = None
        if self._next is None and self._resting.get_map():
            self._next = self._loop.call_later(self._rest_seconds(most), self._round)

    def _rest_seconds(self, most: int) -> float:
        now = self._loop.time()
        if most >= FLOOD_SIZE:
            self._flood_end = now + FLOOD_SECONDS
            return 0.0
        if now < self._flood_end:
            return FLOOD_REST_SECONDS
        return REST_SECONDS if len(self._resting.get_map()) <= MANY else 2 * REST_SECONDS

    def _read(self, pipe: Pipe) -> int:
        try:
            return pipe.context.run(pipe.read)
        except Exception as error:  # noqa: BLE001 - a failure for one agent must not stop reading the others
            context = {"message": "what an agent wrote could not be taken", "exception": error}
            self._loop.call_exception_handler(context)
            return 0
