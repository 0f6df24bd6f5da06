"""Which waiting messages make one prompt."""

from dataclasses import replace

import pytest

from bot.prompt.request import TOGETHER, TOGETHER_CHARACTERS, Request, belong_together

ONE = Request(1, 10, 20, 42, "one")


@pytest.mark.parametrize(
    ("requests", "together"),
    [
        ((ONE, replace(ONE, message_id=2)), True),
        ((replace(ONE, message_id=2), ONE), False),
        ((ONE, replace(ONE, message_id=2, author_id=43)), False),
        ((ONE, replace(ONE, message_id=2, text="/compact")), False),
        (tuple(replace(ONE, message_id=number) for number in range(TOGETHER)), True),
        (tuple(replace(ONE, message_id=number) for number in range(TOGETHER + 1)), False),
        ((ONE, replace(ONE, message_id=2, text="x" * (TOGETHER_CHARACTERS - 3))), True),
        ((ONE, replace(ONE, message_id=2, text="x" * (TOGETHER_CHARACTERS - 2))), False),
    ],
)
def test_a_persons_messages_belong_together_within_bounds(requests: tuple[Request, ...], *, together: bool) -> None:
    """In order, one person's, within both bounds, no agent's command."""
    assert belong_together(requests) == together
