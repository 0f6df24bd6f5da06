import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics import Against, Figure, percentile


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.floats(0, 100))
def test_a_percentile_is_a_sample_that_enough_others_do_not_exceed(samples: list[float], percent: float) -> None:
    """Nearest rank: no value is invented between two samples."""
    value = percentile(samples, percent)
    assert value in samples
    assert sum(each <= value for each in samples) >= len(samples) * percent / 100


def test_the_percentiles_of_the_first_hundred_numbers_are_themselves() -> None:
    """The ends and the middle have their exact ranks."""
    samples = [float(number) for number in range(100, 0, -1)]
    assert [percentile(samples, percent) for percent in (0, 1, 50, 99, 100)] == [1, 1, 50, 99, 100]


def test_no_samples_have_no_percentile() -> None:
    """An empty measurement is an error, never a zero in the table."""
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


def test_a_ratio_needs_something_to_compare_with() -> None:
    """Without a comparison, or with 0, there is none."""
    assert Figure("a", 3.0, "ms", "").ratio is None
    assert Figure("a", 3.0, "ms", "", Against("b", 0.0)).ratio is None
    assert Figure("a", 3.0, "ms", "", Against("b", 2.0)).ratio == 1.5
