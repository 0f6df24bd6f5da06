"""Messages that go into a running turn. Pure."""

from collections.abc import Sequence

MOST_NAMED = 2
"""Messages that a question names; it has little room."""

SEND_NOW_BUTTON = "Send now"
RETRY_BUTTON = "Retry"

SENDING = "I'm adding it to the running turn."

GOES_NEXT = "It goes next."

NOT_TAKEN = "The running turn can't take this message in. It is sent when the turn ends; `/cancel` ends the turn."


def taken_in(author_id: int, link: str) -> str:
    """Say where in a reply the turn has taken a message in."""
    return f"-# 📥 Read a message from <@{author_id}>: {link}"


def uncertain(author_id: int, link: str) -> str:
    """Say in a reply that the turn may have taken a message in, or not."""
    return f"-# ❔ Sent a message from <@{author_id}>, but the agent did not confirm it: {link}"


def may_be_lost(link: str) -> str:
    """Offer to send a message again that the agent may not have taken in."""
    return f"-# ❔ The agent may not have read {link}: it did not confirm it. Retry sends it again."


def sent_again(link: str, by: int) -> str:
    """Report that a person has sent such a message again."""
    return f"-# <@{by}> sent {link} again."


def also_read(links: Sequence[str]) -> str:
    """Name, on a question, the messages that the turn has taken in; of many, the last ones."""
    named = " ".join(links[-MOST_NAMED:])
    more = len(links) - MOST_NAMED
    return f"This turn also read {named}" + (f" and {more} more" if more > 0 else "") + "."


def being_sent(count: int) -> str:
    """Count messages that are being sent into the running turn."""
    return f"{'1 message' if count == 1 else f'{count} messages'} going into the running turn"
