"""What a restart did to a turn, and what a person decided about it. Pure."""

ALREADY_DECIDED = "-# This was decided before."

UNREADABLE = "-# The request can no longer be read."


def interrupted(author_id: int, link: str) -> str:
    """Ask what to do about a turn that a restart interrupted; `link` leads to the message."""
    return (
        f"⚠ <@{author_id}>, I restarted while the agent was working on {link}; part of it may be done."
        " **Retry** sends it again, **Skip** drops it. Queued messages continue after your choice, or in 10 minutes."
    )


def undecided(link: str) -> str:
    """Report an interrupted turn whose thread continued without a choice."""
    return (
        f"-# ⏹ I restarted while the agent was working on {link}. No choice was made, and the thread continued."
        " To send that request again, use Apps → Retry request on it."
    )


def skipped(by: int) -> str:
    """Report that a person has dropped the request."""
    return f"-# Skipped by <@{by}>."


def sent_again(by: int) -> str:
    """Report that a person has sent the request again."""
    return f"-# Sent again by <@{by}>."


RETRY_BUTTON = "Retry"
SKIP_BUTTON = "Skip"
