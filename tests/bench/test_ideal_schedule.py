"""The staleness bound, in cases that can be worked out by hand. All calls of a second may be made at its beginning."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.ideal_schedule import ideal_staleness
from bench.statistics import percentile
from bot.rest.rate_limits import EDIT_GAP, TOTAL_CALLS

WAY, ANSWER = 0.02, 0.04


def delays(*turns: Sequence[float], token_characters: int = 4) -> list[list[float]]:
    """The delays, rounded to microseconds, without the way to Discord, which each of them has."""
    found = ideal_staleness(turns, token_characters=token_characters, one_way=WAY, round_trip=ANSWER)
    return [[round(each - WAY, 6) for each in turn] for turn in found]


def test_a_lone_token_takes_the_way_to_discord() -> None:
    """Nothing else is counted."""
    assert delays([7.0]) == [[0.0]]


def test_the_next_write_of_a_thread_leaves_after_the_answer() -> None:
    """The token came with the first write still in flight."""
    assert delays([0.0, 0.01]) == [[0.0, 0.03]]


def test_a_growing_text_is_edited_once_in_a_gap_and_its_end_is_not_held_back() -> None:
    """The first edit is free, the second waits for the gap, and the final one takes what was kept for it."""
    assert delays([0.0, 0.1, 0.2, 0.5, 1.35, 1.4]) == [[0.0, 0.0, 1.15, 0.85, 0.0, 0.0]]


def test_the_fifth_edit_is_kept_for_the_final_text() -> None:
    """Four edits in five seconds leave the fifth, which the end gets although the next edit is not due."""
    growing = [0.0, *(0.1 + number * EDIT_GAP for number in range(4)), 4.0]
    assert delays(growing) == [[0.0] * 6]


def test_first_texts_beyond_a_second_s_calls_wait_for_the_next_second() -> None:
    """Sixty turns of one token: fifty are shown at once."""
    found = delays(*([0.0] for _ in range(TOTAL_CALLS + 10)))
    assert found == [[0.0]] * TOTAL_CALLS + [[1.0]] * 10


def test_a_turn_costs_its_first_and_its_final_write() -> None:
    """Thirty turns of two tokens need sixty calls, so ten final texts wait for the next second."""
    found = delays(*([0.0, 0.5] for _ in range(30)))
    assert [turn[0] for turn in found] == [0.0] * 30
    assert sorted(turn[1] != 0.0 for turn in found) == [False] * 20 + [True] * 10


def test_a_page_without_room_costs_one_call() -> None:
    """The second page is sent at once, as sends have limits of their own; the edit gap is not waited for."""
    assert delays([0.0, 0.1, 0.2, 0.3, 9.0], token_characters=800) == [[0.0, 0.0, 0.0, 1.05, 0.0]]


def test_a_text_longer_than_a_page_costs_a_call_for_each() -> None:
    """Five tokens of a page each, written together: every page leaves after the answer to the one before."""
    assert delays([0.0] * 5, token_characters=2000) == [[0.0, 0.04, 0.08, 0.12, 0.16]]


def test_a_hundred_streams_share_fifty_calls_a_second() -> None:
    """Each is written every two seconds, so its tokens wait up to that long, and half of it in the middle."""
    turns = [[number / 10 + thread / 1000 for number in range(200)] for thread in range(100)]
    found = [each for turn in ideal_staleness(turns, token_characters=4, one_way=0, round_trip=0) for each in turn]
    assert percentile(found, 50) == pytest.approx(1.0, abs=0.06)
    assert percentile(found, 99) == pytest.approx(2.0, abs=0.06)


@settings(max_examples=50)
@given(st.lists(st.lists(st.floats(0, 5), min_size=1, max_size=20).map(sorted), min_size=1, max_size=20))
def test_every_token_is_shown_and_none_before_it_is_written(turns: list[list[float]]) -> None:
    """This holds for turns of any shape."""
    found = ideal_staleness(turns, token_characters=300, one_way=WAY, round_trip=ANSWER)
    assert [len(turn) for turn in found] == [len(turn) for turn in turns]
    assert all(delay >= WAY - 1e-6 for turn in found for delay in turn)
