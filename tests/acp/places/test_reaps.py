"""The jobs of a place whose end is not certain, in virtual time: how often and how many at a time they are ended."""

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

import acp.places.reaps
from acp import PlaceUnreachable
from acp.places.engine import Job
from acp.places.reaps import BATCH, CLOSE_SECONDS, COMMANDS, MAX_PAUSE, REAP_PAUSE, Reaps
from tests.support.virtual_time import elapse, quiet

AN_HOUR = 3600.0

EARLIER = Job("cluster", "j1/", run="a000")
"""All jobs of earlier runs."""


def job(number: int) -> Job:
    """Return the job of an agent."""
    return Job("cluster", f"j1/a000{number}", run="a000")


class Cluster:
    """Ends jobs where it is not away, and notes each command."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        """The markers of each."""
        self.problem: Exception | None = None
        self.hanging: set[Job] = set()
        """Those whose end is waited for."""
        self.at_once = 0
        """The most commands that ran at the same time."""
        self._running = 0

    async def reap(self, jobs: Sequence[Job]) -> None:
        """See `Reaps`."""
        self.commands.append([job.marker for job in jobs])
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        try:
            await elapse(0.9)
            if self.hanging & {*jobs}:
                await asyncio.Event().wait()
            if self.problem is not None:
                raise self.problem
        finally:
            self._running -= 1


@pytest.mark.parametrize("problem", [PlaceUnreachable("cluster"), OSError("too many open files")])
async def test_a_job_at_a_place_that_stays_away_is_ended_when_that_is_back(problem: Exception) -> None:
    """However long that takes, and without haste."""
    cluster = Cluster()
    reaps = Reaps("cluster", cluster.reap)
    cluster.problem = problem
    ended = reaps.end(job(1))
    await elapse(2 * REAP_PAUSE)
    assert len(cluster.commands) == 2
    await elapse(AN_HOUR)
    assert len(cluster.commands) < 10 + AN_HOUR / MAX_PAUSE
    assert not ended.is_set()
    cluster.problem = None
    await elapse(MAX_PAUSE + 1)
    assert ended.is_set()
    count = len(cluster.commands)
    await elapse(AN_HOUR)
    assert len(cluster.commands) == count


async def test_an_error_of_ours_is_logged_with_its_stack() -> None:
    """A place that is away has none to show."""
    cluster = Cluster()
    for problem, has_stack in ((PlaceUnreachable("cluster"), False), (OSError("too many open files"), True)):
        cluster.problem = problem
        with capture_logs() as logs:
            Reaps("cluster", cluster.reap).end(job(1))
            await elapse(1)
        assert [bool(each["exc_info"]) for each in logs] == [has_stack]


async def test_many_jobs_are_ended_by_one_command() -> None:
    """As when the links of all are lost at the same time."""
    cluster = Cluster()
    reaps = Reaps("cluster", cluster.reap)
    ended = [reaps.end(job(number)) for number in range(40)]
    await elapse(1)
    assert cluster.commands == [[job(number).marker for number in range(40)]]
    assert all(each.is_set() for each in ended)


async def test_more_jobs_than_one_command_takes_are_ended_some_at_a_time() -> None:
    """No more commands run at the same time than a login node bears."""
    cluster = Cluster()
    reaps = Reaps("cluster", cluster.reap)
    ended = [reaps.end(job(number)) for number in range(5 * BATCH)]
    await elapse(3)
    assert all(each.is_set() for each in ended)
    assert (len(cluster.commands), cluster.at_once) == (5, COMMANDS)


async def test_a_job_whose_end_hangs_does_not_keep_the_next_one() -> None:
    """Its command may take a minute."""
    cluster = Cluster()
    cluster.hanging.add(job(1))
    reaps = Reaps("cluster", cluster.reap)
    first = reaps.end(job(1))
    await quiet()
    for number in (2, 3):
        await reaps.end(job(number)).wait()
    assert not first.is_set()


async def test_a_new_job_does_not_wait_for_the_pauses_of_those_that_have_failed() -> None:
    """They are tried at other times: one that never ends keeps none from being confirmed."""
    cluster = Cluster()
    cluster.problem = PlaceUnreachable("cluster")
    reaps = Reaps("cluster", cluster.reap)
    reaps.end(job(1))
    await elapse(2 * REAP_PAUSE)
    cluster.problem = None
    second = reaps.end(job(2))
    await elapse(1)
    assert second.is_set()
    assert cluster.commands[-1] == [job(2).marker]


async def test_jobs_of_earlier_runs_have_a_command_of_their_own() -> None:
    """No selector finds them together with others."""
    cluster = Cluster()
    reaps = Reaps("cluster", cluster.reap)
    ended = [reaps.end(each) for each in (job(1), EARLIER, job(2))]
    await elapse(2)
    assert cluster.commands == [[job(1).marker, job(2).marker], ["j1/"]]
    assert all(each.is_set() for each in ended)


async def test_a_job_that_is_to_be_ended_twice_is_confirmed_to_both() -> None:
    """Also while its first command runs."""
    cluster = Cluster()
    reaps = Reaps("cluster", cluster.reap)
    first = reaps.end(job(1))
    await quiet()
    assert reaps.end(job(1)) is first
    await elapse(2)
    assert first.is_set()


async def test_jobs_of_a_place_that_stays_away_do_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is left to the next run."""
    monkeypatch.setattr(acp.places.reaps, "MAX_JOBS", 2)
    cluster = Cluster()
    cluster.problem = PlaceUnreachable("cluster")
    reaps = Reaps("cluster", cluster.reap)
    reaps.end(job(1))
    await elapse(1)
    with capture_logs() as logs:
        for number in (2, 3, 4):
            reaps.end(job(number))
    assert [each["job"] for each in logs] == [job(1).name, job(2).name]
    cluster.commands.clear()
    cluster.problem = None
    await elapse(MAX_PAUSE)
    assert cluster.commands == [[job(3).marker, job(4).marker]]


async def test_commands_in_progress_end_before_the_program_does_and_no_other_begins() -> None:
    """One that is cut off in the middle may leave its client, and what it was to end."""
    cluster = Cluster()
    reaps = Reaps("cluster", cluster.reap)
    cluster.problem = PlaceUnreachable("cluster")
    reaps.end(job(1))
    await elapse(1.0)
    cluster.problem = None
    ended = reaps.end(job(2))
    await elapse(0.0)
    await reaps.close()
    assert ended.is_set()
    await elapse(AN_HOUR)
    assert cluster.commands == [[job(1).marker], [job(2).marker]]


async def test_a_command_that_hangs_is_cut_off_when_the_program_ends() -> None:
    """Its job is left to the next run."""
    cluster = Cluster()
    reaps = Reaps("cluster", cluster.reap)
    cluster.hanging = {job(1)}
    ended = reaps.end(job(1))
    await elapse(1.0)
    before = asyncio.get_running_loop().time()
    await reaps.close()
    assert asyncio.get_running_loop().time() - before == pytest.approx(CLOSE_SECONDS)
    assert not ended.is_set()
    assert cluster._running == 0
