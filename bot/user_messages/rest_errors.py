"""Why a call to Discord failed, in a line for people and for the log. Pure."""

GONE = "the channel or thread is gone"

LOCKED = "the thread is locked"

NOT_CONNECTED = "not connected to Discord"

AWAY = "Discord is away"

TOKEN_REFUSED = "Discord refuses the bot's token"  # noqa: S105 - no token

NO_ANSWER = "Discord did not answer in time"


def unreadable(error: Exception) -> str:
    """Report an answer that is not what the API promises."""
    return f"Discord's answer could not be read: {error!r}"


def answered(status: int, reason: str | None) -> str:
    """Report an answer that says nothing about the call."""
    return f"Discord answered {status} {reason}"


def blocked(status: int, reason: str | None) -> str:
    """Report that the network in front of Discord refuses all calls."""
    return f"the network in front of Discord refuses the bot: {status} {reason}"


def rate_limited(seconds: float) -> str:
    """Report a rate limit, and the wait that Discord asks for."""
    return f"rate limited: Discord asks for a wait of {seconds:.1f} s"
