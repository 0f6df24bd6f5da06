"""Whether an agent is logged in, by its own words.

The protocol's draft has a request and a notification (schema: AuthStatusResponse, AuthStatusUpdateNotification). Agents
that ship today push `_auth/status_update`, of another shape. The account that either names is not kept: a client should
not log it.
"""

from enum import Enum
from typing import Any

STATUS_UPDATES = frozenset({"auth/status_update", "_auth/status_update"})
"""The notifications of a changed login: the draft's, and that of claude-agent-acp and codex-acp."""


class LoginState(Enum):
    """What is known of an agent's login. A credential that is there may still be refused by the model's service."""

    UNKNOWN = "unknown"
    LOGGED_IN = "logged in"
    """It has a credential, or needs none."""
    LOGGED_OUT = "logged out"
    """It needs a login first."""


def read_login(status: Any) -> LoginState:
    """Read the parameters of a notification, or the answer to `auth/status`. Unknown words mean unknown."""
    match status:
        case {"state": "unauthenticated"} | {"authStatus": {"kind": "none"}}:
            return LoginState.LOGGED_OUT
        case {"state": "authenticated" | "not_required"}:
            return LoginState.LOGGED_IN
        case {"authStatus": {"kind": "account" | "api_key" | "gateway" | "external"}}:
            return LoginState.LOGGED_IN
    return LoginState.UNKNOWN
