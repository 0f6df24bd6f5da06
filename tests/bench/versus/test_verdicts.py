"""How a check is decided."""

import pytest

from bench.versus.verdicts import Verdicts, demand


def test_a_scene_goes_on_after_a_failed_check() -> None:
    """A check fails by a demand or a wait that ends; a check that was not reached has failed too."""
    verdicts = Verdicts(("kept", "broken", "late", "never"))
    with verdicts.judging("kept"):
        demand(condition=True, otherwise="no")
    with verdicts.judging("broken"):
        demand(condition=False, otherwise="this was seen")
    with verdicts.judging("late"):
        raise TimeoutError
    verdicts.obstacle = "the bot is gone"
    assert [each.failure for each in verdicts.checks] == [None, "this was seen", "timed out", "the bot is gone"]
    assert verdicts.has_passed("kept")
    assert not verdicts.has_passed("never")


def test_an_unknown_check_and_an_error_of_the_scene_itself_are_no_verdict() -> None:
    """A mistake in a scene must not look like a fault of the bot."""
    verdicts = Verdicts(("known",))
    with pytest.raises(LookupError), verdicts.judging("unknown"):
        pass
    with pytest.raises(ZeroDivisionError), verdicts.judging("known"):
        raise ZeroDivisionError
