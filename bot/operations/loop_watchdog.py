"""Ends the process when the event loop hangs, and logs where it stands.

A thread asks the loop for a sign of life once a round. It counts its own rounds, not seconds: while the machine sleeps
or the process is stopped it makes none, so time that passes then is not held against the loop. A thread cannot run
while C code keeps the interpreter to itself, a regular expression for example; a timer of the kernel that counts the
processor time of this process ends it then.
"""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Self

import structlog

from .systemd import notify

__all__ = ["LoopWatchdog"]

ROUND_SECONDS = 1.0
"""How often the loop is asked for a sign of life."""

WARNING_ROUNDS = 10
"""Rounds without a sign after which the log says where the loop stands: nothing in it may take as long as one."""

LAST_ROUNDS = 60
"""Rounds without a sign after which the process ends: every thread waits for the one that holds the loop."""

WRITE_SECONDS = 5.0
"""Bound on writing the last words: what holds the loop may be the very log."""

JOIN_SECONDS = 1.0
"""Bound on waiting for the thread, which has nothing left to do then."""

log = structlog.stdlib.get_logger("bot")


class LoopWatchdog:
    """Watches the running loop for as long as the context lasts, and tells systemd that it goes round."""

    def __init__(self, end: Callable[[int], object] = os._exit) -> None:
        """`end` is called with exit code 1 from the watching thread, and must not return to the loop."""
        self._end = end
        self._ended = threading.Event()
        self._answered = True
        self._silent_rounds = 0
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        """Begin, in the thread of the loop."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread_id = threading.get_ident()
        # Writes all stacks without the interpreter's help, then does what the signal does by itself: ends the process.
        faulthandler.register(signal.SIGPROF, chain=True)
        _set_processor_timer()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, before the loop closes."""
        self._ended.set()
        self._thread.join(JOIN_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.unregister(signal.SIGPROF)

    def _answer(self) -> None:
        """Give the sign of life; runs in the loop."""
        self._answered = True
        notify("WATCHDOG=1")

    def _watch(self) -> None:
        while not self._ended.wait(ROUND_SECONDS):
            _set_processor_timer()
            self.make_round()

    def make_round(self) -> None:
        """See whether the loop has answered, and ask again."""
        if self._answered:
            self._answered, self._silent_rounds = False, 0
            self._loop.call_soon_threadsafe(self._answer)
            return
        self._silent_rounds += 1
        if self._silent_rounds == WARNING_ROUNDS:
            seconds = round(WARNING_ROUNDS * ROUND_SECONDS)
            frame = sys._current_frames().get(self._loop_thread_id)  # noqa: SLF001 - the documented way to another thread
            stack = "".join(traceback.format_stack(frame))
            self._write(lambda: log.error("the event loop is stuck", seconds=seconds, stack=stack))
        elif self._silent_rounds == LAST_ROUNDS:
            stacks = _all_stacks()
            self._write(lambda: log.critical("the event loop is stuck, so the process ends", stacks=stacks))
            self._end(1)

    def _write(self, line: Callable[[], object]) -> None:
        """Write a line from another thread: writing may block for ever, and the end must come all the same."""
        writing = threading.Thread(target=line, name="watchdog-log", daemon=True)
        writing.start()
        writing.join(WRITE_SECONDS)


def _set_processor_timer() -> None:
    """Have the kernel send SIGPROF once the process has used this much processor time without another round."""
    signal.setitimer(signal.ITIMER_PROF, LAST_ROUNDS * ROUND_SECONDS)


def _all_stacks() -> str:
    """Return the stack of every thread, each below its name."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()  # noqa: SLF001 - as above
    return "\n".join(
        f"thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}" for ident, frame in frames
    )
