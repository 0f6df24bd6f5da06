"""The pipes that agents write to, read in rounds.

All pipes of an event loop stand behind one descriptor of it. What arrives after a silence is read at once. Then there
is a rest, and what arrived meanwhile is taken in one round: waking up costs ten times what a line does, and a hundred
agents that write fifty lines a second each would wake us five thousand times. Whoever waits for an answer to what
was written cuts the rest short.

A round takes at most `READ_SIZE` of each pipe, so an agent that floods us delays the others by one read. While one
does, the others must not wait for rests.
"""

import asyncio
import os
import selectors
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import ClassVar
from weakref import WeakKeyDictionary

__all__ = ["READ_SIZE", "Pipe"]

READ_SIZE = 64 * 1024
"""Bytes taken of a pipe in a round; what a pipe of Linux holds."""

REST_SECONDS = 0.05
"""The pause after a round that found something. What is read is shown by edits a second apart: nobody sees it."""

FLOOD_SIZE = 16 * 1024
"""Bytes from one pipe in one round that make a flood. The next round follows at once: a rest would save nothing."""

FLOOD_REST_SECONDS = 0.002
FLOOD_SECONDS = 0.5
"""The pause in a lull, and how long a flood is taken to last: the system stops who writes it, and goes on with him."""


class Pipe:
    """The reading end of a pipe."""

    def __init__(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """`open` makes the pipe."""
        self.on_data = on_data
        """Gets what arrives."""
        self._on_end = on_end
        self.descriptor = -1
        self.reading = False
        """Whether what arrives is taken; False while paused and after the end."""
        self.closed = True
        self.context = Context()
        """That of whoever opened it, for what is logged while it is read: all pipes are read together."""

    def open(self) -> int:
        """Make the pipe and begin to read it. Returns the writing end, for a child; the caller closes it."""
        self.descriptor, writing_end = os.pipe()
        os.set_blocking(self.descriptor, False)
        self.context = copy_context()
        self._rounds = _Rounds.of_this_loop()
        self._rounds.add(self)
        self.closed, self.reading = False, True
        return writing_end

    def pause(self) -> None:
        """Leave what arrives in the pipe, so that the writer has to wait."""
        if self.reading:
            self.reading = False
            self._rounds.pause(self)

    def resume(self) -> None:
        """Read on."""
        if not self.closed and not self.reading:
            self.reading = True
            self._rounds.resume(self)

    def close(self) -> None:
        """Read no more, for good."""
        if not self.closed:
            self.pause()
            self.closed = True
            self._rounds.remove(self)
            os.close(self.descriptor)

    def hurry(self) -> None:
        """Cut a rest short: an answer is expected."""
        if self.reading:
            self._rounds.hurry()

    def read(self) -> int:
        """Take what is there, at most `READ_SIZE` bytes. Returns how many."""
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
    """The pipes of one event loop; exists as long as it has any."""

    _all: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, "_Rounds"]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._selector = selectors.DefaultSelector()
        self._pipes: set[Pipe] = set()
        self._rest: asyncio.TimerHandle | None = None
        self._flood_end = 0.0
        self._watch()

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
        self._selector.unregister(pipe.descriptor)

    def resume(self, pipe: Pipe) -> None:
        self._selector.register(pipe.descriptor, selectors.EVENT_READ, pipe)

    def remove(self, pipe: Pipe) -> None:
        self._pipes.remove(pipe)
        if not self._pipes:
            self._end()

    def _end(self) -> None:
        del self._all[self._loop]
        if self._rest is None:
            self._loop.remove_reader(self._selector)
        else:
            self._rest.cancel()
        self._selector.close()

    def _watch(self) -> None:
        self._loop.add_reader(self._selector, self._begin)

    def _begin(self) -> None:
        self._loop.remove_reader(self._selector)
        self._round()

    def _round(self) -> None:
        """Read each pipe that has something, once; then rest, or if none had, wait for the next that has."""
        self._rest = None
        ready = self._selector.select(0)
        most = 0
        for key, _ in ready:
            pipe: Pipe = key.data
            if pipe.reading:  # The one before it may have paused or closed it.
                most = max(most, self._read(pipe))
        if not self._pipes:
            return
        if ready:
            self._rest = self._loop.call_later(self._rest_seconds(most), self._round)
        else:
            self._watch()

    def _rest_seconds(self, most: int) -> float:
        now = self._loop.time()
        if most >= FLOOD_SIZE:
            self._flood_end = now + FLOOD_SECONDS
            return 0.0
        return FLOOD_REST_SECONDS if now < self._flood_end else REST_SECONDS

    def hurry(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
            self._watch()

    def _read(self, pipe: Pipe) -> int:
        try:
            return pipe.context.run(pipe.read)
        except Exception as error:  # noqa: BLE001 - what fails for one agent must not stop the reading of the others
            context = {"message": "what an agent wrote could not be taken", "exception": error}
            self._loop.call_exception_handler(context)
            return 0
