"""What a thread says of another machine that starts no agent."""

from acp import QueuedTooLong
from acp.places.here import HERE
from bot.user_messages import agent_errors, places
from pool.place_news import HeldForPlace, Moved


def test_a_start_that_stays_queued_is_not_called_a_machine_out_of_reach() -> None:
    """The machine answers. It has no room."""
    held = HeldForPlace("batch", "PENDING: Resources", ["worker1"], queued_seconds=14400)
    assert places.news(held) == "-# ⏳ On hold: batch has not started the agent."
    assert places.unreachable(7, held).startswith(
        "⚠ <@7>, the agent's start was still queued on batch after 240 min: PENDING: Resources\n"
        "Your message is on hold. **Try again** queues the start again. **Go on elsewhere** starts it on worker1"
    )
    assert agent_errors.headline(QueuedTooLong("batch", 30, "PENDING: Priority")) == (
        "The agent could not start: the agent's start was still queued on batch after 0.5 min: PENDING: Priority"
    )


def test_a_machine_out_of_reach_is_told_with_the_last_words_of_its_client() -> None:
    """Where there are any."""
    held = HeldForPlace("worker1", "no route to host")
    assert places.news(held) == "-# ⏳ On hold: worker1 cannot be reached."
    assert places.unreachable(7, held) == (
        "⚠ <@7>, worker1 cannot be reached: no route to host\n"
        "Your message is on hold. **Try again** starts the agent there."
    )
    assert "worker1 cannot be reached.\n" in places.unreachable(7, HeldForPlace("worker1", ""))


def test_the_bots_own_machine_is_named_as_one_in_every_sentence() -> None:
    """Its name in the configuration is `here`."""
    assert places.moved(Moved("worker1", HERE), 0) == (
        "-# ⚠ This thread continues on the bot's machine with a new session, which knows nothing of this thread."
        " Files that were changed on worker1 are not there."
    )
    assert places.moved(Moved(HERE, "worker1"), 1).endswith("changed on the bot's machine are not there.")
    assert "another machine (the bot's machine). This is worker1:" in places.to_agent(Moved(HERE, "worker1"))
    assert "starts it on the bot's machine with" in places.unreachable(7, HeldForPlace("worker1", "", [HERE]))
    assert places.gone_elsewhere(7, HERE) == "-# <@7> continued this thread on the bot's machine."
