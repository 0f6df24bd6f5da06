"""The REST routes, one module per subject; `ROUTES` is all of them."""

from . import channels, commands, guilds, interactions, messages, pins, threads, users, webhooks
from .calls import Call, Route

ROUTES: tuple[Route, ...] = (
    *users.ROUTES,
    *guilds.ROUTES,
    *channels.ROUTES,
    *threads.ROUTES,
    *pins.ROUTES,
    *messages.ROUTES,
    *commands.ROUTES,
    *interactions.ROUTES,
    *webhooks.ROUTES,
)

__all__ = ["ROUTES", "Call", "Route"]
