"""What a restart or a lost connection did to a turn, and what a person decided about it. Pure."""

from .queue import messages

ALREADY_DECIDED = "-# This was already decided."

UNREADABLE = "-# The request can no longer be read."


def interrupted(
    author_id: int, link: str, *, waiting: int = 0, until: float | None = None, by_agent: bool = False, lost: str = ""
) -> str:
    """Ask what to do about a turn that a restart interrupted; `link` leads to the message.

    `by_agent`: the agent began it instead of taking the message into the running turn, and it was stopped for that.
    `lost`: it ended with the connection to this machine. `waiting` messages are sent after the choice, and without one
    at the Unix time `until`, if there is one.
    """
    text = f"⚠ <@{author_id}>, {_what_happened(link, by_agent=by_agent, lost=lost)}"
    text += "; part of it may be done. **Retry** sends it again, **Skip** drops it."
    if not waiting:
        return text
    verb, pronoun = ("waits", "It is") if waiting == 1 else ("wait", "They are")
    without = "with the next message" if until is None else f"with the next message or <t:{until:.0f}:R>"
    return (
        f"{text}\n{messages(waiting)} {verb} behind it. {pronoun} sent after your choice."
        f" Without one, {pronoun.lower()} sent {without}, and the interrupted request is dropped."
    )


def _what_happened(link: str, *, by_agent: bool, lost: str) -> str:
    if lost:
        return f"the connection to {lost} was lost while the agent was working on {link}"
    if by_agent:
        return f"the agent began a separate turn for {link}, and I stopped it"
    return f"I restarted while the agent was working on {link}"


def undecided(link: str, *, by_agent: bool = False, lost: str = "") -> str:
    """Report an interrupted turn whose thread continued without a choice."""
    happened = _what_happened(link, by_agent=by_agent, lost=lost)
    text = f"-# ⏹ {happened[0].upper()}{happened[1:]}."
    return (
        f"{text} No choice was made, and the thread continued."
        " To send that request again, use Apps → Retry request on it."
    )


def skipped(by: int) -> str:
    """Report that a person has dropped the request."""
    return f"-# <@{by}> skipped the interrupted request."


def sent_again(by: int) -> str:
    """Report that a person has sent the request again."""
    return f"-# <@{by}> sent the interrupted request again."


RETRY_BUTTON = "Retry"
SKIP_BUTTON = "Skip"
