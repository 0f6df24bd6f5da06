"""The unmodified discord.py: forms of every field, menus of every kind, context menus, components v2, late answers."""

import asyncio
from typing import Any

import discord
import pytest
from discord import app_commands, ui

from loopback import Loopback
from tests.loopback.discordpy import connected_client, logged_in
from tests.loopback.test_discordpy import Client

from .openapi import strictly


async def test_a_form_of_every_field_comes_back_as_it_was_filled() -> None:
    """It has text, a menu, a radio group, a checkbox and a menu of users, each below its label."""
    client = Client()
    filled: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    colours = [discord.SelectOption(label="Red", value="r"), discord.SelectOption(label="Blue", value="b")]

    class Form(ui.Modal, title="All fields"):
        text: ui.Label[Any] = ui.Label(text="Text", component=ui.TextInput(required=False, max_length=5))
        menu: ui.Label[Any] = ui.Label(text="Menu", component=ui.Select(options=colours, min_values=1, max_values=2))
        who: ui.Label[Any] = ui.Label(text="Who", component=ui.UserSelect())
        radio: ui.Label[Any] = ui.Label(
            text="Radio",
            component=ui.RadioGroup(options=[discord.RadioGroupOption(label=one, value=one) for one in ("x", "y")]),
        )
        check: ui.Label[Any] = ui.Label(text="Check", component=ui.Checkbox())

        async def on_submit(self, interaction: discord.Interaction) -> None:
            fields: Any = [one.component for one in (self.text, self.menu, self.who, self.radio, self.check)]
            text, menu, who, radio, check = fields
            people = [one.id for one in who.values]
            filled.put_nowait((text.value, menu.values, people, radio.value, check.value))
            await interaction.response.send_message("thanks", ephemeral=True)

    @client.tree.command(name="form", description="Open it")
    async def form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Form())
        known.set()

    known = asyncio.Event()
    async with connected_client(client) as (_, channel, ann, _):
        await client.tree.sync()
        opened = await ann.slash(channel, "form")
        await known.wait()  # The library registers a modal only after Discord's answer.
        with pytest.raises(AssertionError, match="6 characters do not fit"):
            await ann.fill(opened, {"Text": "longer", "Menu": ["Red"], "Who": [ann], "Radio": "x"})
        with pytest.raises(AssertionError, match="no field \\['Wrong'\\]"):
            await ann.fill(opened, {"Menu": ["Red"], "Who": [ann], "Radio": "x", "Wrong": 1})
        values = {"Text": "hello", "Menu": ["Red", "Blue"], "Who": [ann], "Radio": "y", "Check": True}
        sent = await ann.fill(opened, values)
        assert filled.get_nowait() == ("hello", ["r", "b"], [ann.id], "y", True)
        assert sent.message is not None
        assert sent.message.ephemeral_to == ann.id


async def test_a_form_that_discord_would_refuse_is_refused() -> None:
    """The refusal names each problem at its path: a long title, a long label, a duplicate value."""
    client = Client()
    refused: asyncio.Queue[discord.HTTPException] = asyncio.Queue()

    @client.tree.command(name="form", description="Open it")
    async def form(interaction: discord.Interaction) -> None:
        modal = ui.Modal(title="t" * 46)
        modal.add_item(ui.TextInput(label="l" * 46))
        twice = [discord.SelectOption(label=label, value="same") for label in ("one", "two")]
        modal.add_item(ui.Label(text="Menu", component=ui.Select(options=twice)))
        group = [discord.RadioGroupOption(label=label, value="same") for label in ("one", "two")]
        modal.add_item(ui.Label(text="Radio", component=ui.RadioGroup(options=group)))
        with pytest.raises(discord.HTTPException) as error:
            await interaction.response.send_modal(modal)
        refused.put_nowait(error.value)
        await interaction.response.send_message("no form")

    async with connected_client(client) as (_, channel, ann, _):
        await client.tree.sync()
        await ann.slash(channel, "form")
        error = refused.get_nowait()
        assert error.code == 50035
        assert "In data.title" in error.text
        assert "In data.components.0.components.0.label" in error.text
        assert "In data.components.1.component.options.1.value" in error.text
        assert "In data.components.2.component.options.1.value" in error.text


async def test_menus_of_people_roles_and_channels_give_objects() -> None:
    """The library takes members, roles and channels from `resolved`."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        role = server.add_role(guild, "dev")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("threadline", token="T", guilds=(guild,))
        client = Client()
        chosen: asyncio.Queue[list[Any]] = asyncio.Queue()

        class Menus(ui.View):
            @ui.select(cls=ui.MentionableSelect, custom_id="who", max_values=2)
            async def who(self, interaction: discord.Interaction, menu: ui.MentionableSelect[Any]) -> None:
                chosen.put_nowait(list(menu.values))
                await interaction.response.defer()

            @ui.select(cls=ui.ChannelSelect, custom_id="where")
            async def where(self, interaction: discord.Interaction, menu: ui.ChannelSelect[Any]) -> None:
                chosen.put_nowait(list(menu.values))
                await interaction.response.edit_message(content="done", view=None)

        async with logged_in(server, client):
            await client.get_partial_messageable(channel.id).send("pick", view=Menus())
            card = await ann.sees(channel, "pick", by=bot)
            assert (await ann.pick(card, [ann, role], custom_id="who")).acknowledged
            assert sorted(one.name for one in chosen.get_nowait()) == ["ann", "dev"]
            await ann.pick(card, [channel], custom_id="where")
            assert [one.name for one in chosen.get_nowait()] == ["general"]
            assert card.content == "done"


async def test_context_menus_get_the_message_and_the_member() -> None:
    """These are the application commands besides slash commands."""
    client = Client()

    @client.tree.context_menu(name="Quote")
    async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"quoting {message.content}")

    @client.tree.context_menu(name="Greet")
    async def greet(interaction: discord.Interaction, member: discord.Member) -> None:
        await interaction.response.send_message(f"hello {member.name}")

    async with connected_client(client) as (_, channel, ann, _):
        await client.tree.sync()
        said = await ann.say(channel, "to be or not")
        quoted = await ann.menu(said, "Quote")
        assert (await quoted.settled()).content == "quoting to be or not"
        greeted = await ann.menu(ann, "Greet", channel=channel)
        assert (await greeted.settled()).content == "hello ann"


async def test_components_v2_carry_text_files_and_buttons() -> None:
    """A press edits a container with text, a separator, a section and a file. Content besides it is refused."""
    client = Client()

    class Card(ui.LayoutView):
        def __init__(self, text: str) -> None:
            super().__init__()
            button: ui.Button[Any] = ui.Button(label="Go", custom_id="go")
            button.callback = self.go  # type: ignore[method-assign]
            self.add_item(
                ui.Container(
                    ui.TextDisplay(text),
                    ui.Separator(),
                    ui.Section("a section", accessory=button),
                    ui.File("attachment://a.txt"),
                )
            )

        async def go(self, interaction: discord.Interaction) -> None:
            await interaction.response.edit_message(view=Card("## gone"))

    async with connected_client(client) as (_, channel, ann, bot):
        place = client.get_partial_messageable(channel.id)
        await place.send(view=Card("## here"), file=discord.File(__file__, "a.txt"))
        card = await ann.sees(channel, lambda message: message.components, by=bot)
        assert card.components[0]["components"][0]["content"] == "## here"
        await ann.click(card, "Go")
        assert card.components[0]["components"][0]["content"] == "## gone"
        with pytest.raises(discord.HTTPException) as refused:
            await place.send("text", view=Card("both"), file=discord.File(__file__, "a.txt"))  # type: ignore[call-overload]
        assert refused.value.code == 50035


async def test_an_answer_after_three_seconds_is_unknown_and_followups_last_fifteen_minutes() -> None:
    """The library gets 10062 and 50027. The test moves the clock."""
    client = Client()
    begun: asyncio.Queue[discord.Interaction] = asyncio.Queue()
    tree: app_commands.CommandTree[Any] = client.tree

    @tree.command(name="slow", description="Late")
    async def slow(interaction: discord.Interaction) -> None:
        begun.put_nowait(interaction)

    async with connected_client(client) as (server, channel, ann, _):
        await tree.sync()
        using = asyncio.create_task(ann.slash(channel, "slow"))
        late = await begun.get()
        server.jump(3.1)
        assert not (await using).acknowledged
        with pytest.raises(discord.NotFound) as unknown:
            await late.response.defer()
        assert unknown.value.code == 10062
        using = asyncio.create_task(ann.slash(channel, "slow"))
        early = await begun.get()
        await early.response.defer()
        assert (await using).acknowledged
        server.jump(890)
        await early.followup.send("in time")
        server.jump(20)
        with pytest.raises(discord.HTTPException) as over:
            await early.followup.send("too late")
        assert over.value.code == 50027
