"""Messages of components, which Discord calls version 2: a card in a container, and the line that remains of it."""

from collections.abc import Iterable, Iterator
from typing import Any

import discord

from .message_files import Files

ROW = 5
"""Buttons in a row; a menu takes a whole one (Discord, Component Reference)."""

CARD, WARNING = 0x5865F2, 0xF0B232
"""The accent colours of an agent's question, and of one about a turn that a restart interrupted."""


def layout_of(text: str, view: discord.ui.View | None, accent: int, files: Files = ()) -> discord.ui.LayoutView:
    """Return a card with the text, the files and the view's items, in a container; without a view the text alone.

    A message that was sent so can never be a plain one again.
    """
    layout = discord.ui.LayoutView(timeout=None)
    shown = discord.ui.TextDisplay[discord.ui.LayoutView](text)
    if view is None:
        return layout.add_item(shown)
    container = discord.ui.Container[discord.ui.LayoutView](shown, accent_colour=accent)
    for name, _ in files:
        container.add_item(discord.ui.File(f"attachment://{name}"))
    for row in _rows(view.children):
        container.add_item(row)
    layout.add_item(container)
    layout.stop()  # Templates dispatch the presses, so the library need not keep it.
    return layout


def _rows(items: Iterable[discord.ui.Item[Any]]) -> Iterator[discord.ui.ActionRow[discord.ui.LayoutView]]:
    row, room = discord.ui.ActionRow[discord.ui.LayoutView](), ROW
    for item in items:
        if item.width > room:
            yield row
            row, room = discord.ui.ActionRow(), ROW
        row.add_item(item)
        room -= item.width
    if room < ROW:
        yield row


def is_v2(message: discord.Message) -> bool:
    """Whether a message consists of components, and can have no other content."""
    return message.flags.components_v2


def text_of(message: discord.Message) -> str:
    """Return the text of a message of either form."""
    texts = (each.content for each in walk(message.components) if isinstance(each, discord.TextDisplay))
    return "\n".join(filter(None, (message.content, *texts)))


def walk(components: Iterable[Any]) -> Iterator[Any]:
    """Yield all components of a message, those inside others after these."""
    for each in components:
        yield each
        yield from walk(getattr(each, "children", ()))


async def edit_pressed(interaction: discord.Interaction[Any], text: str) -> None:
    """Answer a press by making its message this text alone, in the form that the message has."""
    if interaction.message is not None and is_v2(interaction.message):
        await interaction.response.edit_message(view=layout_of(text, None, 0), attachments=[])
    else:
        await interaction.response.edit_message(content=text, view=None, attachments=[])
