from hypothesis import given
from hypothesis import strategies as st

from bench.timestamps import first_seen, stamp


def test_a_stamp_is_seen_when_the_text_first_held_it() -> None:
    """Later contents with the stamp do not count."""
    one, two = stamp(1, 5.0), stamp(2, 6.5)
    history = [(5.1, "-# starting"), (5.2, one.rstrip()), (7.0, (one + two).rstrip()), (8.0, one + two + "end")]
    assert list(first_seen(history)) == [(1, 5.0, 5.2), (2, 6.5, 7.0)]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_every_stamp_of_a_growing_text_is_seen_once(steps: list[int]) -> None:
    """This holds for edits with one or many new stamps."""
    history, text, count = [], "", 0
    for when, step in enumerate(steps):
        text += "".join(stamp(number, 1.0) for number in range(count, count + step))
        count += step
        history.append((float(when), text.rstrip()))
    assert [found for found, _, _ in first_seen(history)] == list(range(count))
