"""Loopback: a Discord-compatible server on 127.0.0.1 for trying, testing and measuring bots without Discord.

`Loopback` is the server with its world, `User` acts for a person in it, and `Message` is what the world stores.
A caller can enforce `Limit`s and inject `Fault`s.
A bot of any Discord library can log in: REST is below `<endpoint>/api/v10`, the gateway at `ws://.../gateway/`.
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
    from loopback.state.strict_rules import StrictRule
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
    "StrictRule",
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
    "StrictRule": "state.strict_rules",
    "GatewayFault": "state.faults",
    "User": "user",
}


def __getattr__(name: str) -> Any:
    # Imports are lazy because `loopback.agent`, which starts often and needs no aiohttp, is in this package too.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'state.entities')}"), name)
