"""The unmodified discord.py: Threadline's calls with all their fields, and the events that it uses."""

import asyncio
import io
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.http import Route

from loopback import Loopback
from loopback.state.entities import ALL_INTENTS
from loopback.state.permissions import Permission
from tests.loopback.discordpy import connected_client, logged_in
from tests.loopback.test_discordpy import Client
from tests.support.virtual_time import step

from .openapi import strictly

MESSAGE_CONTENT = 1 << 15


async def test_a_card_is_sent_once_with_everything_and_loses_its_buttons_by_an_edit() -> None:
    """It has a nonce, a file, buttons and menus with emojis, a reply to a deleted message, and one silent ping."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann, ben = (server.add_person(name, guilds=(guild,)) for name in ("ann", "ben"))
        server.add_bot("threadline", token="T", guilds=(guild,))
        client = Client()
        async with logged_in(server, client):
            gone = await ann.say(channel, "never mind")
            await ann.delete(gone)
            view = discord.ui.View(timeout=None)
            view.add_item(discord.ui.Button(label="Stop", emoji="⏹", custom_id="stop"))
            view.add_item(discord.ui.Button(label="See", url="http://example.org/"))
            option = discord.SelectOption(label="One", value="1", emoji="1️⃣", description="the first", default=True)
            view.add_item(discord.ui.Select(custom_id="menu", placeholder="Which?", options=[option]))
            place = client.get_partial_messageable(channel.id)
            sent = [
                await place.send(
                    f"<@{ann.id}> <@{ben.id}> choose",
                    nonce="the-same",
                    allowed_mentions=discord.AllowedMentions(
                        everyone=False, users=[discord.Object(ann.id)], roles=[], replied_user=False
                    ),
                    suppress_embeds=True,
                    silent=True,
                    view=view,
                    files=[discord.File(io.BytesIO(b"abc"), "a.txt")],
                    reference=discord.MessageReference(
                        message_id=gone.id, channel_id=channel.id, fail_if_not_exists=False
                    ),
                    mention_author=False,
                )
                for _ in range(2)
            ]
            (card,) = server.messages(channel)
            assert {one.id for one in sent} == {card.id}
            assert (card.mentions, card.attachments[0].content) == ([ann.id], b"abc")
            buttons, menu = sent[0].components
            assert isinstance(buttons, discord.ActionRow)
            assert isinstance(menu, discord.ActionRow)
            assert [str(one.emoji) for one in buttons.children if isinstance(one, discord.Button)] == ["⏹", "None"]
            (options,) = [one.options for one in menu.children if isinstance(one, discord.SelectMenu)]
            assert [one.to_dict() for one in options] == [option.to_dict()]
            edited = await place.get_partial_message(card.id).edit(
                content="chosen", allowed_mentions=discord.AllowedMentions.none(), view=None
            )
            assert (edited.content, card.components) == ("chosen", [])


async def test_channels_threads_and_members_are_requested_by_their_ids() -> None:
    """Cases: a thread's opening, member, name and archiving; roles; a hidden channel."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel, hidden = server.add_channel(guild, "general"), server.add_channel(guild, "hidden")
        role = server.add_role(guild, "dev")
        ann = server.add_person("ann", guilds=(guild,), roles=(role,))
        bot = server.add_bot("threadline", token="T", guilds=(guild,))
        server.world.overwrite(hidden, bot.id, deny=Permission.VIEW_CHANNEL)
        client = Client()
        async with logged_in(server, client):
            said = await ann.say(channel, "hello")
            on = {"channel_id": channel.id, "message_id": said.id}
            route = Route("POST", "/channels/{channel_id}/messages/{message_id}/threads", metadata=str(said.id), **on)
            await client.http.request(route, json={"name": "hello", "auto_archive_duration": 1440})
            await client.http.add_user_to_thread(said.id, ann.id)
            thread = await ann.sees_thread(said)
            await client.http.send_typing(thread.id)
            assert (await client.http.get_channel(thread.id)).get("name") == "hello"
            await client.http.edit_channel(thread.id, name="a title")
            await client.http.edit_channel(thread.id, archived=True)
            assert (thread.name, thread.archived) == ("a title", True)
            await client.http.edit_channel(thread.id, archived=False)
            assert not thread.archived
            assert (await client.http.get_member(guild.id, ann.id))["roles"] == [str(role.id)]
            with pytest.raises(discord.Forbidden):
                await client.fetch_channel(hidden.id)
            with pytest.raises(discord.NotFound):
                await client.fetch_channel(1)


async def test_an_application_turns_its_own_intent_on() -> None:
    """The flags show it."""
    async with Loopback(strict=strictly()) as server:
        server.add_bot("threadline", token="T", intents=ALL_INTENTS & ~MESSAGE_CONTENT)
        client = Client(intents=discord.Intents.none())
        async with logged_in(server, client):
            assert client.application is not None
            assert not client.application.flags.gateway_message_content_limited
            after = await client.application.edit(flags=discord.ApplicationFlags(gateway_message_content_limited=True))
            assert after is not None
            assert after.flags.gateway_message_content_limited


class Colours(discord.ui.View):
    """A menu whose message first shows work and then the result."""

    @discord.ui.select(options=[discord.SelectOption(label="Red", value="r")])
    async def choose(self, interaction: discord.Interaction, _: discord.ui.Select[Any]) -> None:
        await interaction.response.edit_message(content="red …", view=None)
        await interaction.edit_original_response(content="red.")


class Answers(app_commands.Group, name="answers"):
    """A command for each of Threadline's ways to answer."""

    @app_commands.command(description="For all to see, pinging nobody; its id is known.")
    @app_commands.describe(text="What is asked")
    async def aloud(self, interaction: discord.Interaction, text: app_commands.Range[str, 1, 6000]) -> None:
        """Answer, and fetch the answer."""
        answer = await interaction.response.send_message(
            f"<@{interaction.user.id}> asks:\n>>> {text}",
            allowed_mentions=discord.AllowedMentions.none(),
            suppress_embeds=True,
            file=discord.File(io.BytesIO(text.encode()), "request.txt"),
        )
        assert answer.message_id == (await interaction.original_response()).id

    @aloud.autocomplete("text")
    async def _nothing(self, _: discord.Interaction, __: str) -> list[app_commands.Choice[str]]:
        return []

    @app_commands.command(description="After a while, with a file.")
    async def later(self, interaction: discord.Interaction) -> None:
        """Defer, then follow up."""
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send("here", file=discord.File(io.BytesIO(b"abc"), "a.patch"), ephemeral=True)

    @app_commands.command(description="With a menu.")
    async def menu(self, interaction: discord.Interaction) -> None:
        """Answer with a menu that changes when it is used."""
        await interaction.response.send_message("which?", view=Colours(), ephemeral=True)


async def test_a_command_answers_in_each_way_in_a_channel_and_in_a_direct_message() -> None:
    """It checks contexts, files in an answer and a follow-up, and an ephemeral menu that changes twice."""
    client = Client()
    client.tree.allowed_contexts = app_commands.AppCommandContext(guild=True, dm_channel=True)
    client.tree.add_command(Answers())
    async with connected_client(client) as (_, channel, ann, bot):
        await client.tree.sync()
        for place in (channel, ann.direct(bot)):
            aloud = await (await ann.slash(place, "answers aloud", text="why?")).settled()
            assert (aloud.attachments[0].content, aloud.mentions) == (b"why?", [])
            later = await (await ann.slash(place, "answers later")).settled("here")
            assert (later.attachments[0].filename, later.ephemeral_to) == ("a.patch", ann.id)
            asked = await (await ann.slash(place, "answers menu")).settled("which?")
            changed = await ann.pick(asked, ["Red"])
            await changed.settled("red.")
            assert asked.components == []
            typed = await ann.autocomplete(place, "answers aloud", "text", "a")
            assert (typed.acknowledged, typed.choices) == (True, [])


async def test_deletions_and_edits_of_uncached_messages_have_events() -> None:
    """Raw events come for an edit, a deletion, a bulk deletion and a thread's deletion."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        powers = Permission.MANAGE_MESSAGES | Permission.MANAGE_THREADS
        server.add_bot("threadline", token="T", guilds=(guild,), permissions=powers)
        said = [await ann.say(channel, f"number {number}") for number in range(4)]
        thread = await ann.open_thread(said[0], "talk")
        client = Client(max_messages=None)
        async with logged_in(server, client):
            names = ("raw_message_edit", "raw_message_delete", "raw_bulk_message_delete", "raw_thread_delete")
            heard = [asyncio.create_task(client.wait_for(name)) for name in (*names, "guild_channel_create")]
            await step()
            await ann.edit(said[0], "number none")
            await ann.delete(said[1])
            place: Any = client.get_channel(channel.id)
            await place.delete_messages([discord.Object(one.id) for one in said[2:]])
            await place.get_thread(thread.id).delete()
            new = server.add_channel(guild, "new")
            edit, deletion, bulk, closed, created = [await each for each in heard]
            assert (edit.message_id, edit.message.content) == (said[0].id, "number none")
            assert (deletion.message_id, bulk.message_ids) == (said[1].id, {one.id for one in said[2:]})
            assert (closed.thread_id, created.id) == (thread.id, new.id)


async def test_there_are_no_default_sounds() -> None:
    """A library that asks for them before it is ready, as Pycord does, becomes ready."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        server.add_bot("threadline", token="T", guilds=(guild,))
        client = Client()
        async with logged_in(server, client):
            assert await client.fetch_soundboard_default_sounds() == []
