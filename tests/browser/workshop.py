"""A small bot with forms, menus, autocomplete, context menus and files for the page's tests."""

import asyncio
import base64
import io
from typing import Any

import discord
from discord import app_commands

from tests.loopback.discordpy import intents

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR4nGO4YGCAFTEMLQkA2ntMAeuWKpoAAAAASUVORK5CYII="
)


class Order(discord.ui.Modal, title="Order a part"):
    """A modal with a short text and an optional long one."""

    part: discord.ui.TextInput["Order"] = discord.ui.TextInput(label="Part", max_length=40)
    why: discord.ui.TextInput["Order"] = discord.ui.TextInput(
        label="Why", style=discord.TextStyle.paragraph, required=False
    )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message(f"ordered {self.part.value}: {self.why.value}")


class Counter(discord.ui.View):
    """A button that opens the modal, a menu for one choice, a menu for several."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Order", style=discord.ButtonStyle.primary)
    async def order(self, interaction: discord.Interaction[Any], _: discord.ui.Button["Counter"]) -> None:
        await interaction.response.send_modal(Order())

    @discord.ui.select(
        placeholder="A colour", options=[discord.SelectOption(label=name, value=name) for name in ("red", "green")]
    )
    async def colour(self, interaction: discord.Interaction[Any], select: discord.ui.Select["Counter"]) -> None:
        await interaction.response.send_message(f"painted {select.values[0]}", ephemeral=True)

    @discord.ui.select(
        placeholder="Some tools",
        min_values=2,
        max_values=3,
        options=[discord.SelectOption(label=name, value=name) for name in ("saw", "file", "drill")],
    )
    async def tools(self, interaction: discord.Interaction[Any], select: discord.ui.Select["Counter"]) -> None:
        await interaction.response.send_message(f"lent {', '.join(sorted(select.values))}")


class Workshop(discord.Client):
    """Answers `counter` and `picture`, and has a command with autocomplete and a context menu."""

    def __init__(self) -> None:
        super().__init__(intents=intents(), guild_ready_timeout=0.01)
        self.tree = app_commands.CommandTree(self)
        self.gate = asyncio.Event()
        self.tree.add_command(app_commands.ContextMenu(name="Count the words", callback=self._count))
        command: app_commands.Command[Any, Any, Any] = app_commands.Command(
            name="fetch", description="Bring something", callback=self._fetch
        )
        command.autocomplete("thing")(self._things)
        self.tree.add_command(command)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        if message.author == self.user:
            return
        if message.content == "counter":
            await message.channel.send("At your service.", view=Counter())
        elif message.content == "picture":
            await message.reply("Here.", file=discord.File(io.BytesIO(PICTURE), "dot.png", description="A red dot"))
        elif message.attachments:
            content = await message.attachments[0].read()
            await message.channel.send(f"got {message.attachments[0].filename}: {content.decode(errors='replace')}")

    async def _count(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await interaction.response.send_message(f"{len(message.content.split())} words", ephemeral=True)

    async def _fetch(self, interaction: discord.Interaction[Any], thing: str, how_many: int = 1) -> None:
        await interaction.response.defer()
        await self.gate.wait()
        await interaction.edit_original_response(content=f"{how_many} × {thing}")

    async def _things(self, _: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
        known = ("hammer", "handle", "nail")
        return [app_commands.Choice(name=one, value=f"a {one}") for one in known if one.startswith(current)]
