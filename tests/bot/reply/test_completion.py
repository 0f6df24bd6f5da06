"""How the end of a turn is announced: the longer the asker has waited the louder, without the agent's words."""

import pytest

from acp import SpawnFailed, StartProblem
from acp.schema import UsageUpdate
from bot.config.appearance import Finish
from bot.render.turn_summary import Receipt, cost_of
from bot.reply.completion import FRESH_SECONDS, PING_SECONDS, Completion, TurnTiming, complete
from pool.exchange import Cancelled, Completed, Dropped, Failed, Outcome, ShutDown, TimedOut
from pool.journal.trailers import Trailer

ADA, BEN = 42, 43
DONE = Completed("end_turn")
RECEIPT = Receipt(75, tools=3, files=2)
FACTS = "1 min 15 s · 3 tools · 2 files changed"


def seal(
    finish: Finish,
    ending: Outcome = DONE,
    receipt: Receipt | None = RECEIPT,
    *,
    waited: float = 75,
    scarce: bool = False,
) -> Completion:
    """An end for Ada."""
    return complete(finish, ending, receipt, waited=waited, asker_id=ADA, scarce=scarce)


EDITED = Completion(f"-# {FACTS}")
POSTED = Completion(message=Trailer(f"-# ✅ done · {FACTS}"))
PINGED = Completion(message=Trailer(f"<@{ADA}> ✅ done\n-# {FACTS}", mention=ADA))


@pytest.mark.parametrize(
    ("finish", "waited", "found"),
    [
        ("edit", 1_000.0, EDITED),
        ("fresh", 0.0, POSTED),
        ("ping", 0.0, PINGED),
        ("auto", 0.0, EDITED),
        ("auto", FRESH_SECONDS - 0.1, EDITED),
        ("auto", FRESH_SECONDS, POSTED),
        ("auto", PING_SECONDS - 0.1, POSTED),
        ("auto", PING_SECONDS, PINGED),
    ],
)
def test_the_longer_somebody_has_waited_the_louder_it_is(finish: Finish, waited: float, found: Completion) -> None:
    """On the last page for who still watches, in a new message for who looked away, by a ping for who left (P19)."""
    assert seal(finish, waited=waited) == found


@pytest.mark.parametrize(
    ("finish", "waited", "found"),
    [
        ("auto", FRESH_SECONDS, EDITED),
        ("auto", PING_SECONDS, PINGED),
        ("fresh", FRESH_SECONDS, POSTED),
    ],
)
def test_while_calls_are_scarce_only_a_ping_or_a_setting_is_worth_a_second_write(
    finish: Finish, waited: float, found: Completion
) -> None:
    """A hundred turns that end together would need two seconds more for the messages about their end."""
    assert seal(finish, waited=waited, scarce=True) == found


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (Completed("refusal"), "⏹ stopped"),
        (Completed("max_tokens"), "⏹ stopped"),
        (TimedOut(3600.0), "⏹ stopped"),
        (Cancelled(BEN, "cancelled"), "⏹ stopped"),
        (Failed(SpawnFailed(StartProblem.COMMAND_MISSING, "@everyone")), "❌ failed"),
    ],
)
def test_an_end_without_an_answer_does_not_look_like_one(ending: Outcome, state: str) -> None:
    """The page says why (P21)."""
    message = seal("ping", ending).message
    assert message is not None
    assert message.content == f"<@{ADA}> {state}\n-# {FACTS}"
    assert seal("fresh", ending, None).message == Trailer(f"-# {state}")


@pytest.mark.parametrize("finish", ["auto", "edit", "fresh"])
def test_a_quick_answer_has_no_receipt_and_no_message_about_its_end(finish: Finish) -> None:
    """Unless it has tools, files or a cost: a ping that is wanted for each answer says no time."""
    quick = Receipt(2.9, tokens=1200, window=200_000)
    assert seal(finish, receipt=quick, waited=2.9) == Completion()
    assert seal("ping", receipt=quick, waited=2.9) == Completion(message=Trailer(f"<@{ADA}> ✅ done", mention=ADA))
    assert seal("auto", receipt=quick, waited=FRESH_SECONDS) == Completion(message=Trailer("-# ✅ done"))
    for facts in ({"tools": 1}, {"files": 1}, {"cost": 0.2, "currency": "USD"}):
        (told,) = seal("edit", receipt=Receipt(0.2, **facts), waited=0.2).line.split(" · ")
        assert told.startswith("-# "), "no time, which would be 0 s"
        assert seal("edit", receipt=Receipt(0.6, **facts), waited=0.6).line.startswith("-# 1 s · ")
    assert seal("edit", receipt=Receipt(3.0), waited=3.0) == Completion("-# 3 s")


@pytest.mark.parametrize("ending", [Cancelled(ADA, "cancelled"), ShutDown(), Dropped()])
@pytest.mark.parametrize("finish", ["auto", "fresh", "ping"])
def test_the_asker_is_not_pinged_for_an_own_action_or_by_a_bot_that_stops(ending: Outcome, finish: Finish) -> None:
    """A request that was dropped from the inbox, cancelled by the asker, or interrupted by the bot's stop."""
    assert seal(finish, ending) == EDITED
    assert seal(finish, ending, None) == Completion()


def test_a_turns_cost_is_what_it_added_to_the_sessions_cost() -> None:
    """The earlier cost of a resumed session is unknown, so the turn's cost is left out."""
    timing = TurnTiming(0.0)
    timing.begin(1.0, None, fresh=True)
    assert timing.cost_before == 0.0
    timing.begin(1.0, None, fresh=False)
    assert timing.cost_before is None
    timing.begin(1.0, UsageUpdate(used=1, size=2, cost={"amount": 0.5, "currency": "USD"}), fresh=False)
    assert timing.cost_before == 0.5
    timing.begin(1.0, UsageUpdate(used=1, size=2), fresh=False)
    assert timing.cost_before is None


@pytest.mark.parametrize("currency", ["@everyone\n# BIG", "x" * 5000, "", None, 7, ["USD"]])
def test_a_currency_that_is_no_code_is_left_out(currency: object) -> None:
    """Prose in that field does not get into the line of facts."""
    usage = UsageUpdate(used=1, size=2, cost={"amount": 0.5, "currency": currency})
    assert cost_of(usage) == (0.5, "")


@pytest.mark.parametrize(
    ("cost", "currency", "words"),
    [
        (0.42, "USD", "$0.42"),
        (0.0004, "USD", "<$0.01"),
        (0.0099, "EUR", "<0.01 EUR"),
        (0.01, "", "0.01"),
    ],
)
def test_a_turn_that_costs_less_than_a_cent_is_not_shown_as_free(cost: float, currency: str, words: str) -> None:
    """Rounded, it would be."""
    assert Receipt(5, cost=cost, currency=currency).words() == f"5 s · {words}"
