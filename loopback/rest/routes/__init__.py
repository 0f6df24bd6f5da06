"""The REST routes, one module per subject. `ROUTES` has all of them."""

from . import (
    channel_routes,
    command_routes,
    guild_routes,
    interaction_routes,
    message_routes,
    pin_routes,
    thread_routes,
    user_routes,
    webhook_routes,
)
from .route import Call, Route

ROUTES: tuple[Route, ...] = (
    *user_routes.ROUTES,
    *guild_routes.ROUTES,
    *channel_routes.ROUTES,
    *thread_routes.ROUTES,
    *pin_routes.ROUTES,
    *message_routes.ROUTES,
    *command_routes.ROUTES,
    *interaction_routes.ROUTES,
    *webhook_routes.ROUTES,
)

__all__ = ["ROUTES", "Call", "Route"]
