"""Why the bot has no connection to Discord, for its operator. Pure."""

from typing import Final

TOKEN_REFUSED: Final = (
    "Discord refused the token: reset it in the developer portal, page Bot, and use the new one"  # noqa: S105
    " (threadline init keeps it in threadline.env)"
)
INTENT_REFUSED: Final = "Discord refused the Message Content intent: turn it on in the developer portal, page Bot"
DISCORD: Final = "Discord"
LOST: Final = "the connection was closed"
NO_ANSWER: Final = "no answer in time"


def cannot_connect(where: str, reason: str) -> str:
    """The first connection failed."""
    return f"cannot connect to {where}: {reason}"


def unreachable_proxy(host: str | None, port: int | None, reason: str) -> str:
    """The proxy itself cannot be reached."""
    return f"the proxy {host}:{port} cannot be reached: {reason}"


def proxy_refused(status: int, reason: str) -> str:
    """The proxy does not let the connection through."""
    advice = "; correct the user and the password in [discord] proxy or HTTPS_PROXY" if status == 407 else ""
    return f"the proxy refused the connection: {status} {reason}{advice}"


def logins_used_up(seconds: float) -> str:
    """Discord limits how often a bot logs in within a day."""
    return f"the bot has used up its logins for today; Discord allows the next one in {seconds / 60:.0f} minutes"


def answered(status: int) -> str:
    """The server answered with something else than a connection."""
    return f"the server answered {status}"
