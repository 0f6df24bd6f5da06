"""The cadence of a growing reply, as tables."""

import pytest

from bot.reply.edit_cadence import LOOK_AGAIN, OLD_EDIT_SECONDS, EditCadence
from bot.rest.calls import Urgency
from bot.rest.rate_limits import EDIT_GAP
from bot.text.markdown import LIMIT


@pytest.mark.parametrize(
    ("started", "ended", "has_words", "is_posted", "urgency"),
    [
        (False, False, False, False, Urgency.PLACEHOLDER),
        (False, False, False, True, Urgency.EDIT),  # One placeholder after another.
        (False, False, True, False, Urgency.FIRST),
        (False, False, True, True, Urgency.FIRST),
        (True, False, True, True, Urgency.EDIT),
        (True, True, True, True, Urgency.FINAL),
        (False, True, False, False, Urgency.FINAL),
    ],
)
def test_the_first_text_and_the_end_are_urgent(
    *, started: bool, ended: bool, has_words: bool, is_posted: bool, urgency: Urgency
) -> None:
    """A person waits for both; the growing text between them comes after all else."""
    cadence = EditCadence(started=started)
    assert cadence.urgency(ended=ended, has_words=has_words, is_posted=is_posted) is urgency


@pytest.mark.parametrize(
    ("since_write", "seconds", "is_old", "delay"),
    [
        (1.0, 0.0, False, 0.0),
        (1.0, 0.0, True, OLD_EDIT_SECONDS - 1),
        (1.0, 20.0, True, 20.0),
        (OLD_EDIT_SECONDS, 0.0, True, 0.0),
    ],
)
def test_edits_of_old_messages_wait_longer(since_write: float, seconds: float, is_old: bool, delay: float) -> None:  # noqa: FBT001 - a table
    """Discord takes them more rarely; a longer wait stays."""
    cadence = EditCadence()
    cadence.write(100.0, 0, waited_since=100.0, next_waits=False)
    assert cadence.delay(100.0 + since_write, seconds, is_old=is_old) == delay


@pytest.mark.parametrize(
    ("last_page", "waiting_at_look", "said_since", "waiting", "due"),
    [
        (LIMIT, False, 0, False, True),  # The next write is not asked for yet: it depends on the pages.
        (LIMIT - 10, False, 10, True, False),
        (LIMIT - 10, False, 11, True, True),  # The page may have become full.
        (LIMIT, True, LOOK_AGAIN, True, False),  # It is as good as full: each character would be a reason to look.
        (LIMIT, True, LOOK_AGAIN + 1, True, True),
        (0, True, LIMIT, True, False),
        (None, False, LIMIT, True, False),
        (None, False, LIMIT + 1, True, True),
    ],
)
def test_pages_are_looked_at_again_when_the_last_one_may_be_full(
    *, last_page: int | None, waiting_at_look: bool, said_since: int, waiting: bool, due: bool
) -> None:
    """To look at them costs something."""
    cadence = EditCadence()
    cadence.looked(5000, [] if last_page is None else ["full", "x" * last_page], waiting=waiting_at_look)
    assert cadence.is_look_due(5000 + said_since, waiting=waiting) is due


@pytest.mark.parametrize(("said", "expected"), [(400, 0), (404, 5), (800, 500)])
def test_as_much_is_expected_as_came_since_the_last_write_and_a_quarter(said: int, expected: int) -> None:
    """A page without room for that ends early."""
    cadence = EditCadence()
    cadence.write(0.0, 400, waited_since=0.0, next_waits=False)
    assert cadence.expected(said) == expected


@pytest.mark.parametrize(
    ("next_waits", "is_new_page", "due", "since"),
    [
        (False, True, 0.0, 7.0),  # It continues a full page, and has waited as long.
        (False, False, 0.0, None),
        (True, True, 10.0 + EDIT_GAP, None),
        (True, False, 10.0 + EDIT_GAP, None),
    ],
)
def test_what_continues_a_full_page_does_not_wait_again(
    *, next_waits: bool, is_new_page: bool, due: float, since: float | None
) -> None:
    """What is expected behind the last page waits as long as for an edit."""
    cadence = EditCadence()
    cadence.write(10.0, 0, waited_since=7.0, next_waits=next_waits)
    assert (cadence.due, cadence.since(is_new_page=is_new_page)) == (due, since)
