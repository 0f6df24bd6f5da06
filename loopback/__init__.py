"""Loopback: a Discord-compatible server on 127.0.0.1, to try, test and measure bots without Discord.

`Loopback` is the server with its small world; `User` a person in it, with hands; `Message` what the world stores.
`Limit`s are enforced and `Fault`s injected where one asks for them.
Any Discord library's bot can log in: REST is below `<endpoint>/api/v10`, the gateway at `ws://.../gateway/`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loopback.entities import Account, Attachment, Bot, Channel, Guild, Message, Role, Thread
    from loopback.errors import DiscordError
    from loopback.faults import Fault, Turbulence
    from loopback.limits import Limit
    from loopback.outcome import Outcome
    from loopback.record import RestCall
    from loopback.server import Loopback
    from loopback.user import User

__all__ = [
    "Account",
    "Attachment",
    "Bot",
    "Channel",
    "DiscordError",
    "Fault",
    "Guild",
    "Limit",
    "Loopback",
    "Message",
    "Outcome",
    "RestCall",
    "Role",
    "Thread",
    "Turbulence",
    "User",
]

_HOMES = {
    "DiscordError": "errors",
    "Fault": "faults",
    "Limit": "limits",
    "Loopback": "server",
    "Outcome": "outcome",
    "RestCall": "record",
    "Turbulence": "faults",
    "User": "user",
}


def __getattr__(name: str) -> Any:
    # Only when asked for: `loopback.agent` lives in this package too, starts often, and needs no aiohttp.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'entities')}"), name)
