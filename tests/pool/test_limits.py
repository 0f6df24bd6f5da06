"""How fast people write; the other bounds are those of a pool, see test_bounds. In virtual time."""

from pool.limits import MINUTE, REMEMBERED, Pace
from tests.support.virtual_time import elapse


async def test_of_very_many_people_those_who_are_quiet_are_forgotten() -> None:
    """Whoever has written in the last minute still counts (invariant 12)."""
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
