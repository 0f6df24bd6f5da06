"""Base classes of buttons and menus. The id of each holds all that a press needs, so that it works after a restart."""

import inspect
import re
from typing import Any, Self, TypeVar

import discord

__all__ = ["Button", "Component", "Menu", "view_of"]

_Item = TypeVar("_Item", bound=discord.ui.Button[Any] | discord.ui.Select[Any])

_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")


class Component(discord.ui.DynamicItem[_Item], template=""):
    """A button or menu whose id is its template, with a value in the place of each named group.

    A subclass annotates each group with the type of its value, `int` or `str`, and has it as an attribute.
    """

    def __init__(self, item: _Item, **fields: int | str) -> None:
        """Give `item` the id that the fields make. Raises ValueError where the template does not take them."""
        item.custom_id = _GROUP.sub(lambda group: str(fields[group[1]]), self.template.pattern)
        super().__init__(item)
        for name, kind in inspect.get_annotations(type(self)).items():
            setattr(self, name, kind(fields[name]))

    @classmethod
    async def from_custom_id(cls, _interaction: Any, item: Any, match: re.Match[str], /) -> Self:
        """Wrap the item that was used, as its message shows it."""
        return cls(item, **match.groupdict())

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Handle the press; the library knows nothing of our client's services."""
        await self.handle(interaction)

    async def handle(self, interaction: Any) -> None:
        """Do what a person wants by it, who may not be allowed to. The interaction's client is the bot's own."""
        raise NotImplementedError


Button = Component[discord.ui.Button[discord.ui.View]]
Menu = Component[discord.ui.Select[discord.ui.View]]


def view_of(*items: discord.ui.Item[Any]) -> discord.ui.View:
    """Put buttons and menus together. Presses are dispatched by the items' templates: the library need not keep it."""
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return view
