"""Steering: a message goes into a session's running turn instead of waiting for the turn's end.

The stable protocol has no method for it. Some agents have `_session/steering`, and advertise it in the `_meta` of their
answer to initialize. Only this module knows the method, so that the protocol's own can replace it.
"""

from enum import Enum
from typing import Any

import structlog

from acp.connection import Connection
from acp.defects import Invalid
from acp.errors import AgentClosed, ProtocolError, RemoteError, RequestTimeout
from acp.excerpt import excerpt
from acp.timeouts import STEERING_SECONDS

METHOD = "_session/steering"

_TOLD = 200
"""Characters of an unreadable answer in the log."""

log = structlog.stdlib.get_logger("acp")


class Steered(Enum):
    """What became of a message that was sent into a running turn."""

    INJECTED = "injected"
    """The turn has taken it in."""

    PROMPT_REQUIRED = "promptRequired"
    """No turn ran: the agent has not taken it in, and wants a prompt."""

    STARTED_NEW_TURN = "startedNewTurn"
    """The agent has begun a turn of its own with it, although it was asked not to."""

    REFUSED = "refused"
    """The agent answered with an error: it has not taken it in."""

    UNKNOWN = "unknown"
    """No readable answer came in time: the agent may have taken it in, or not."""


async def steer(connection: Connection, session_id: str, prompt: list[dict[str, Any]]) -> Steered:
    """Send a message into the running turn of a session, without the connection's lock. Raises nothing."""
    params = {
        "sessionId": session_id,
        "prompt": prompt,
        "_meta": {"steering": {"idleBehavior": Steered.PROMPT_REQUIRED.value}},
    }
    try:
        result = await connection.request(METHOD, params, seconds=STEERING_SECONDS)
        return _read(result)
    except RemoteError as error:
        log.info("the agent takes no message into its turn", reason=str(error))
        return Steered.REFUSED
    except (AgentClosed, ProtocolError, RequestTimeout) as error:
        log.warning("it is unknown whether the agent has taken a message in", reason=str(error))
        return Steered.UNKNOWN


def _read(result: object) -> Steered:
    match result:
        case {"outcome": "injected" | "promptRequired" | "startedNewTurn" as outcome}:
            return Steered(outcome)
    raise ProtocolError(Invalid(f"outcome: {excerpt(result, _TOLD)}"), METHOD)
