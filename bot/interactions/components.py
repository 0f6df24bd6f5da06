"""Base classes of buttons and menus. Their ids hold everything that a press needs, so they work after a restart."""

import inspect
import re
from abc import ABC, abstractmethod
from typing import Any, Self, TypeVar

import discord

_Item = TypeVar("_Item", bound=discord.ui.Button[Any] | discord.ui.Select[Any])

_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")


class Component(discord.ui.DynamicItem[_Item], ABC, template=""):
    """A button or menu whose id is its template with a value for each named group.

    A subclass annotates each group with its type, `int` or `str`; the values become attributes.
    """

    def __init__(self, item: _Item, **fields: int | str) -> None:
        """Give `item` the id of the fields. Raises ValueError if the template does not match them."""
        item.custom_id = _GROUP.sub(lambda group: str(fields[group[1]]), self.template.pattern)
        super().__init__(item)
        for name, kind in inspect.get_annotations(type(self)).items():
            setattr(self, name, kind(fields[name]))

    @classmethod
    async def from_custom_id(cls, _interaction: Any, item: Any, match: re.Match[str], /) -> Self:
        """Wrap the item of a message."""
        return cls(item, **match.groupdict())

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Handle the press with our client's services, which the library's type does not have."""
        await self.handle(interaction)

    @abstractmethod
    async def handle(self, interaction: Any) -> None:
        """Ask the gate, then act. The interaction's client is the bot's own."""


Button = Component[discord.ui.Button[discord.ui.View]]
Menu = Component[discord.ui.Select[discord.ui.View]]


def view_of(*items: discord.ui.Item[Any]) -> discord.ui.View:
    """Return a view of buttons and menus. The library need not keep it, as templates dispatch the presses."""
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return view
