"""A message that only asks the agent to stop."""

import pytest

from bot.intake.stop_words import means_stop


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "STOP!!!",
        " Stop. ",
        "wait…",
        "please stop",
        "no, wait",
        "⏹ stop",
        "Stop it now",
        "stop stop STOP stop",
        "ok wait",
        "Hang on a sec",
        "just one moment",
        "one second",
    ],
)
def test_a_plain_stop_is_one(text: str) -> None:
    """Case and punctuation do not matter."""
    assert means_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "stop the server",
        "wait for the tests, then go on",
        "unstoppable",
        "st op",
        "hold onto it",
        "no",
    ],
)
def test_a_request_that_has_the_word_in_it_is_none(text: str) -> None:
    """The agent gets it."""
    assert not means_stop(text)
