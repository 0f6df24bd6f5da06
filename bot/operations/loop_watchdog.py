"""Ends the process when the event loop hangs, and logs where it hangs.

A thread asks the loop for a sign of life once a round. It counts its own rounds, not seconds: a sleeping machine or a
stopped process makes none, so that time does not count against the loop. The thread cannot run while C code holds the
interpreter, such as a regular expression. A kernel timer that counts the processor time of this process ends it then.
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

ROUND_SECONDS = 1.0
"""Seconds between two requests for a sign of life."""

WARNING_ROUNDS = 10
"""Rounds without a sign before the log says where the loop hangs. One round is more than any step takes."""

LAST_ROUNDS = 60
"""Rounds without a sign before the process ends: every thread waits for the one that holds the loop."""

WRITE_SECONDS = 5.0
"""Bound on the last log line: the log itself may hold the loop."""

JOIN_SECONDS = 1.0
"""Bound on the end of the thread, which has no work left then."""

log = structlog.stdlib.get_logger("bot")


class LoopWatchdog:
    """Watches the running loop while its context lasts, and reports each sign of life to systemd."""

    def __init__(self, end: Callable[[int], object] = os._exit) -> None:
        """`end` is called with exit code 1 from the watching thread, and must not return to the loop."""
        self._end = end
        self._ended = threading.Event()
        self._answered = True
        self._silent_rounds = 0
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        """Start, in the thread of the loop."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread_id = threading.get_ident()
        # Writes all stacks without the interpreter's help; `chain` then lets the signal end the process.
        faulthandler.register(signal.SIGPROF, chain=True)
        _set_processor_timer()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, before the loop closes."""
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
        """Check the loop's answer, and ask again."""
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
        """Write a line in another thread: a blocked write must not delay the end."""
        writing = threading.Thread(target=line, name="watchdog-log", daemon=True)
        writing.start()
        writing.join(WRITE_SECONDS)


def _set_processor_timer() -> None:
    """Let the kernel send SIGPROF after this much processor time without another round."""
    signal.setitimer(signal.ITIMER_PROF, LAST_ROUNDS * ROUND_SECONDS)


def _all_stacks() -> str:
    """Return the stack of every thread, below its name."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()  # noqa: SLF001 - as above
    return "\n".join(
        f"thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}" for ident, frame in frames
    )
