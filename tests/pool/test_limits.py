"""The messages that a person may send in a minute; see test_pool_limits for other bounds. In virtual time."""

from pool.limits import MINUTE, REMEMBERED, Pace, ThreadsOfPeople
from tests.support.virtual_time import elapse


async def test_people_without_recent_messages_are_forgotten_when_there_are_many() -> None:
    """Those who have written in the last minute still count."""
    pace = Pace(2)
    for author_id in range(REMEMBERED):
        pace.accepted(author_id)
    await elapse(MINUTE / 2)
    for _ in range(2):
        pace.accepted(0)
    await elapse(MINUTE / 2)
    assert len(pace) == REMEMBERED
    pace.accepted(REMEMBERED)
    assert len(pace) == 2
    assert pace.is_too_fast(0)
    assert not pace.is_too_fast(1)


def test_a_person_keeps_the_threads_that_are_awake() -> None:
    """A thread that sleeps is forgotten for all who wrote in it, and a person without a thread too."""
    threads = ThreadsOfPeople()
    for author_id, thread_id in ((1, 10), (1, 11), (2, 10), (1, 10)):
        threads.add(author_id, thread_id)
    threads.remove(10)
    assert ({*threads.get(1)}, {*threads.get(2)}) == ({11}, set())
    threads.remove(10)
    threads.remove(11)
    assert not threads.get(1)
