"""The virtual clock, checked against real time where it must not jump."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from .virtual_time import Deadlock, VirtualLoop, elapse, quiet, step

pytestmark = pytest.mark.virtual_time

WEEK = 7 * 24 * 3600.0


async def test_a_week_of_waiting_takes_no_time() -> None:
    """The clock jumps to the next timer, beyond asyncio's longest single wait."""
    began, really_began = asyncio.get_running_loop().time(), time.monotonic()
    await asyncio.sleep(WEEK)
    assert asyncio.get_running_loop().time() - began == pytest.approx(WEEK)
    assert time.monotonic() - really_began < WEEK / 1000


async def test_timers_fire_in_the_order_of_their_times() -> None:
    """A jump stops at the earliest timer, in whatever order they were set."""
    order: list[float] = []

    async def note_after(delay: float) -> None:
        await asyncio.sleep(delay)
        order.append(delay)

    async with asyncio.TaskGroup() as tasks:
        for delay in (300.0, 1.0, 20.0, 0.001):
            tasks.create_task(note_after(delay))
    assert order == [0.001, 1.0, 20.0, 300.0]


async def test_time_stands_still_while_something_is_ready() -> None:
    """Every ready callback runs before the next timer."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(0.001):
        for _ in range(1_000):
            await asyncio.sleep(0)
    assert loop.time() == began


def test_waiting_for_what_cannot_happen_is_a_deadlock_that_names_who_waits() -> None:
    """Without a ready callback or a timer the loop raises, and can still clean up."""

    async def wait_for_nobody() -> None:
        await asyncio.Event().wait()

    async def wait_for_another() -> None:
        await asyncio.create_task(wait_for_nobody(), name="the patient one")

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        with pytest.raises(Deadlock, match=r"the patient one in .*wait_for_nobody"):
            runner.run(wait_for_another())
        assert runner.run(asyncio.sleep(1.0, "still usable")) == "still usable"


async def test_the_clock_does_not_jump_while_a_job_runs_in_a_thread() -> None:
    """A bound of an hour holds while a thread works."""
    async with asyncio.timeout(3600.0):
        assert await asyncio.to_thread(_really_work) == "done"


async def test_the_clock_does_not_jump_while_a_child_process_lives() -> None:
    """A bound of an hour holds while a real child starts, speaks and ends."""
    async with asyncio.timeout(3600.0):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print(input())", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        answer, _ = await child.communicate(b"hello\n")
    assert answer == b"hello\n"
    assert child.returncode == 0


async def test_the_clock_does_not_jump_while_a_shell_command_runs() -> None:
    """The same for a child that was started through a shell."""
    async with asyncio.timeout(3600.0):
        child = await asyncio.create_subprocess_shell("read line; exit 3", stdin=asyncio.subprocess.PIPE)
        await child.communicate(b"go\n")
    assert child.returncode == 3


async def test_the_clock_jumps_again_when_the_outside_work_has_ended() -> None:
    """A finished thread or child leaves no trace in the clock."""
    await asyncio.to_thread(_really_work)
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await child.wait()
    really_began = time.monotonic()
    await asyncio.sleep(WEEK)
    assert time.monotonic() - really_began < WEEK / 1000


async def test_a_job_that_cannot_start_is_not_waited_for() -> None:
    """A refused job leaves the clock free to jump."""
    loop = asyncio.get_running_loop()
    await loop.shutdown_default_executor()
    with pytest.raises(RuntimeError, match="shut"):
        await loop.run_in_executor(None, _really_work)
    await asyncio.sleep(WEEK)


async def test_it_is_quiet_when_all_that_is_ready_has_run() -> None:
    """Independent of the number of steps; later timers do not fire."""
    count = 0

    async def count_on(steps: int, pause: float) -> None:
        nonlocal count
        for _ in range(steps):
            await step()
            count += 1
        await elapse(pause)
        count += 1_000

    counting = [asyncio.create_task(count_on(100, pause)) for pause in (1.0, 3.0)]
    await step()
    assert count == 0
    await step()
    assert count == 2
    await quiet()
    assert count == 200
    await elapse(2)
    assert count == 1_200
    await asyncio.wait(counting)


async def test_quiet_waits_for_jobs_in_threads() -> None:
    """Also for one that begins when another one ends."""
    loop, answers = asyncio.get_running_loop(), list[float]()

    async def ask() -> None:
        for seconds in (0.05, 0.02):
            answers.append(await asyncio.to_thread(held, seconds))

    def held(seconds: float) -> float:
        threading.Event().wait(seconds)
        return seconds

    asking = loop.create_task(ask())
    await quiet()
    assert answers == [0.05, 0.02]
    await asking


@pytest.mark.real_time
async def test_no_test_sleeps_in_real_time() -> None:
    """A test waits for an event instead."""
    for sleep in (elapse(0.001), quiet()):
        with pytest.raises(AssertionError, match="in real time"):
            await sleep


@pytest.mark.real_time
async def test_a_test_may_ask_for_real_time() -> None:
    """The closest mark decides, over the module's and the directory's."""
    assert not isinstance(asyncio.get_running_loop(), VirtualLoop)
    await _assert_that_it_checks(asyncio.get_running_loop())


async def test_a_module_may_ask_for_virtual_time() -> None:
    """The module's mark puts its tests on the virtual loop, with asyncio's debug checks like the other."""
    assert isinstance(asyncio.get_running_loop(), VirtualLoop)
    await _assert_that_it_checks(asyncio.get_running_loop())


async def _assert_that_it_checks(loop: asyncio.AbstractEventLoop) -> None:
    with pytest.raises(RuntimeError, match="thread"):
        await asyncio.to_thread(loop.call_soon, print)


def _really_work() -> str:
    subprocess.run([sys.executable, "-c", ""], check=True)
    return "done"
