"""The event loops of the tests. One has a virtual clock, on which a test of a 30 s bound takes no time.

When no callback is ready, the clock jumps to the next timer. When there is no timer either, that is a deadlock, and the
loop raises it.

The clock does not jump during outside work: a child process, or a job in an executor. Then the loop waits in real time
and the clock follows. The loop does not see sockets and threads that a test starts by itself; such a test needs real
time.
"""

import asyncio
import selectors
import sys
import time
from asyncio import SubprocessTransport
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, Unpack

_Args = TypeVarTuple("_Args")
_Result = TypeVar("_Result")

# Any number but zero, which code that tests `if deadline:` would take for "none".
_START = 1_000.0

_CHECKED: set[object] = set()


class Deadlock(Exception):
    """No callback is ready, no timer is set and no outside work runs. The message names the pending tasks."""


class _Clock(selectors.DefaultSelector):
    """A selector that moves the clock where a real one sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = _START
        self.outside_work: Callable[[], bool] = lambda: True
        self.pending: Callable[[], str] = str

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.outside_work():
            began = time.monotonic()
            ready = super().select(timeout)
            self.now += time.monotonic() - began
            return ready
        if timeout is None:
            raise Deadlock(f"nothing can happen any more; pending: {self.pending()}")
        self.now += timeout
        return []


def _virtual_loop(seconds: float) -> "VirtualLoop":
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), f"this would sleep {seconds} s in real time"
    return loop


async def elapse(seconds: float) -> None:
    """Let that much virtual time pass, with all its timers.

    Fails on any other loop: a test never sleeps in real time.
    """
    _virtual_loop(seconds)
    await asyncio.sleep(seconds)


async def quiet() -> None:
    """Return when all that can happen now has happened: no callback is ready, and no job runs in an executor."""
    loop = _virtual_loop(moment := 0.001)
    busy, begun = True, loop.jobs_begun
    # A job that began or ended in that moment lets it pass in real time, while callbacks are still to come.
    while busy or loop.jobs or loop.jobs_begun != begun:
        busy, begun = bool(loop.jobs), loop.jobs_begun
        await asyncio.sleep(moment)


async def step() -> None:
    """Run every ready callback once, so that new tasks have begun. Works on any loop."""
    await asyncio.sleep(0)


class RealLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with the checks of its debug mode, but without its stacks."""

    def get_debug(self) -> bool:
        """Return False: debug mode would record the stack of each callback and future, half of the tests' time."""
        return False

    def _check_callback(self, callback: Any, method: str) -> None:
        # asyncio looks at a function anew in each of its calls.
        kind = getattr(callback, "__code__", type(callback))
        if kind not in _CHECKED:
            super()._check_callback(callback, method)  # type: ignore[misc]
            if kind is not partial:
                _CHECKED.add(kind)


def loop_that_reaps(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> asyncio.AbstractEventLoop:
    """Return a new loop that notices the exits of its child processes."""
    loop = new_loop()
    if sys.version_info < (3, 12):
        asyncio.get_child_watcher().attach_loop(loop)
    return loop


class VirtualLoop(RealLoop):
    """A selector event loop with a virtual clock; see the module's docstring.

    `run_until_complete` raises `Deadlock`; the loop can still run afterwards, to cancel the pending tasks.
    """

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)
        self.jobs = 0
        """How many jobs run in executors."""
        self.jobs_begun = 0
        self._children: set[SubprocessTransport] = set()
        self._clock.outside_work = self._outside_work
        self._clock.pending = self._pending_tasks

    def time(self) -> float:
        """Return virtual seconds, which do not advance during callbacks."""
        return self._clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Args]], _Result], *args: *_Args
    ) -> asyncio.Future[_Result]:
        """As in asyncio; the clock does not jump until the future is done."""
        future = super().run_in_executor(executor, func, *args)
        self.jobs += 1
        self.jobs_begun += 1
        future.add_done_callback(self._job_ended)
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """As in asyncio; waiting for threads counts as outside work."""
        self.jobs += 1
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self.jobs -= 1

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """As in asyncio; the clock does not jump until the child is reaped and its pipes are closed."""
        transport, protocol = await super().subprocess_exec(*args, **kwargs)
        self._children.add(transport)
        return transport, protocol

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:
        """See `subprocess_exec`."""
        transport, protocol = await super().subprocess_shell(*args, **kwargs)
        self._children.add(transport)
        return transport, protocol

    def _job_ended(self, _: asyncio.Future[Any]) -> None:
        self.jobs -= 1

    def _outside_work(self) -> bool:
        self._children = {child for child in self._children if child.get_returncode() is None or not child.is_closing()}
        return bool(self.jobs or self._children)

    def _pending_tasks(self) -> str:
        names = sorted(f"{task.get_name()} in {task.get_coro()!r}" for task in asyncio.all_tasks(self))
        return "; ".join(names) or "no task"
