"""Loopback: a Discord-compatible server on 127.0.0.1, to try, test and measure bots without Discord.

`Loopback` is the server with its small world; `User` acts for a person in it; `Message` what the world stores.
`Limit`s are enforced and `Fault`s injected where one asks for them.
Any Discord library's bot can log in: REST is below `<endpoint>/api/v10`, the gateway at `ws://.../gateway/`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loopback.rest.call_log import RestCall
    from loopback.rest.rate_limits import Limit
    from loopback.server import Loopback
    from loopback.state.entities import Account, Attachment, Bot, Channel, Guild, Message, Role, Thread
    from loopback.state.errors import DiscordError
    from loopback.state.faults import Fault, GatewayFault
    from loopback.state.outcome import Outcome
    from loopback.user import User

__all__ = [
    "Account",
    "Attachment",
    "Bot",
    "Channel",
    "DiscordError",
    "Fault",
    "GatewayFault",
    "Guild",
    "Limit",
    "Loopback",
    "Message",
    "Outcome",
    "RestCall",
    "Role",
    "Thread",
    "User",
]

_HOMES = {
    "DiscordError": "state.errors",
    "Fault": "state.faults",
    "Limit": "rest.rate_limits",
    "Loopback": "server",
    "Outcome": "state.outcome",
    "RestCall": "rest.call_log",
    "GatewayFault": "state.faults",
    "User": "user",
}


def __getattr__(name: str) -> Any:
    # Only when asked for: `loopback.agent` lives in this package too, starts often, and needs no aiohttp.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'state.entities')}"), name)
