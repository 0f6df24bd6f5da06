"""The one way in which the bot puts buttons and menus below a message."""

from typing import Any

import discord

__all__ = ["view_of"]


def view_of(*items: discord.ui.Item[Any]) -> discord.ui.View:
    """Put buttons and menus together. They work after a restart: presses are dispatched by the items' templates.

    The library need therefore not keep the view.
    """
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return view
