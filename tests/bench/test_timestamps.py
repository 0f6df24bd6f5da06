from hypothesis import given
from hypothesis import strategies as st

from bench.timestamps import TOKEN_CHARACTERS, first_seen, stamp, token, tokens_first_seen


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


@given(st.integers(0, 36**3 - 1))
def test_a_token_is_found_by_its_number(number: int) -> None:
    """Also where white space at the end of a message is stripped, and beside the bot's own lines."""
    history = [(1.0, "-# Working…"), (2.0, token(number).strip()), (3.0, f"{token(number)}-# 30 s · 1k tokens")]
    assert list(tokens_first_seen(history)) == [(number, 2.0)]
    assert len(token(number)) == TOKEN_CHARACTERS
