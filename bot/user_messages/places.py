"""Other machines on which agents run: what a thread waits for there, and what people can do. Pure."""

from acp.places.here import HERE
from bot.text.markdown import escape, shortened
from bot.text.printable import visible
from pool.place_news import HeldForPlace, Moved, PlaceNews, Retrying, StartQueued, Unconfirmed

from .queue import messages

REASON = 200
"""Most characters of a machine's own words."""

TRY_AGAIN_BUTTON = "Try again"
ELSEWHERE_BUTTON = "Go on elsewhere"


def news(told: PlaceNews) -> str:
    """Return the line that a reply shows until its agent starts."""
    match told:
        case StartQueued(place, reason):
            return f"-# ⏳ Queued on {place}: {_words(reason)}"
        case Unconfirmed(place):
            return unconfirmed(place)
        case Retrying(place, seconds):
            return f"-# ⏳ {place} cannot be reached. The next try is in {seconds:g} s."
        case HeldForPlace(place, queued_seconds=0):
            return f"-# ⏳ On hold: {place} cannot be reached."
        case HeldForPlace(place):
            return f"-# ⏳ On hold: {place} has not started the agent."


def unconfirmed(place: str) -> str:
    """Say what a message waits for."""
    return f"-# ⏳ Waiting until {place} confirms that the earlier agent has ended"


def unreachable(author_id: int, held: HeldForPlace) -> str:
    """Ask what to do about a message whose machine cannot be reached, or has not started the agent."""
    why = f": {_words(held.detail)}" if held.detail else "."
    if held.queued_seconds:
        text = f"⚠ <@{author_id}>, {queued_too_long(held.place, held.queued_seconds)}{why}\n"
        again = "queues the start again"
    else:
        text = f"⚠ <@{author_id}>, {held.place} cannot be reached{why}\n"
        again = "starts the agent there"
    text += f"Your message is on hold. **{TRY_AGAIN_BUTTON}** {again}."
    if not held.elsewhere:
        return text
    return (
        f"{text} **{ELSEWHERE_BUTTON}** starts it on {_name(held.elsewhere[0])} with a new session, which is told the"
        f" last requests and answers of this thread. Files that were changed on {held.place} are not there."
    )


def queued_too_long(place: str, seconds: float) -> str:
    """Say that a machine has not started the agent in time, for the middle of a sentence."""
    return f"the agent's start was still queued on {place} after {seconds / 60:g} min"


def tried_again(count: int, by: int, place: str) -> str:
    """Report that a person has let the messages on hold be tried again."""
    return f"-# <@{by}> tried {place} again for {messages(count)}."


def gone_elsewhere(by: int, place: str) -> str:
    """Report that a person has given a thread another machine."""
    return f"-# <@{by}> continued this thread on {_name(place)}."


def moved(told: Moved, handed_over: int) -> str:
    """Report a new session on another machine; `handed_over` is how many exchanges of the earlier one it gets."""
    text = f"-# ⚠ This thread continues on {_name(told.place)} with a new session, which knows "
    match handed_over:
        case 0:
            text += "nothing of this thread"
        case 1:
            text += "only the last request and answer"
        case _:
            text += f"only the last {handed_over} requests and answers"
    return f"{text}. Files that were changed on {_name(told.earlier)} are not there."


def to_agent(told: Moved) -> str:
    """Tell the agent where it is."""
    return (
        f"This conversation began on another machine ({_name(told.earlier)}). This is {_name(told.place)}: files that"
        f" were changed there are not here. Check the current state before you act."
    )


def machine(place: str) -> str:
    """Name the machine of a thread's agent, for `/status`."""
    return f"Machine: {'this one' if place == HERE else place}"


def _name(place: str) -> str:
    return "the bot's machine" if place == HERE else place


def _words(text: str) -> str:
    return escape(shortened(visible(text), REASON))
