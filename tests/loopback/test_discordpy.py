"""The unmodified discord.py against the server: the calls of Threadline."""

import asyncio
import re
from typing import Any

import discord
import pytest
from discord import app_commands

from loopback import Loopback
from tests.loopback.discordpy import BOUND, connected_client, intents, logged_in, point_at

from .openapi import strictly


class Client(discord.Client):
    """Puts the messages and reactions that it gets into queues."""

    def __init__(self, **options: Any) -> None:
        super().__init__(intents=options.pop("intents", intents()), guild_ready_timeout=0.01, **options)
        self.tree = app_commands.CommandTree(self)
        self.heard: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.reactions: asyncio.Queue[discord.RawReactionActionEvent] = asyncio.Queue()
        self.resumed = asyncio.Event()
        self.ready_again = asyncio.Event()

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user and message.type in {discord.MessageType.default, discord.MessageType.reply}:
            self.heard.put_nowait(message)

    async def on_raw_reaction_add(self, reaction: discord.RawReactionActionEvent) -> None:
        self.reactions.put_nowait(reaction)

    async def on_resumed(self) -> None:
        self.resumed.set()

    async def on_ready(self) -> None:
        self.ready_again.set()


async def test_a_message_is_heard_with_its_text_and_files_and_answered_with_edits() -> None:
    """It checks content, attachment bytes, the reply's reference, and the history of edits."""
    client = Client()
    async with connected_client(client) as (_, channel, ann, bot):
        said = await ann.say(channel, f"{bot.mention} hello", files=[("a {b}.txt", b"abc")])
        heard = await client.heard.get()
        assert heard.content == said.content
        assert await heard.attachments[0].read() == b"abc"
        assert client.user is not None
        assert heard.mentions == [client.user]
        sent = await heard.reply("one")
        await sent.edit(content="two")
        seen = await ann.sees(channel, "two", by=bot)
        assert [content for _, content in seen.history] == ["one", "two"]
        assert seen.reference is not None
        assert seen.reference.message_id == said.id
        await sent.edit(content="three", attachments=[discord.File(__file__, "b.py")])
        assert [one.filename for one in seen.attachments] == ["b.py"]
        await sent.delete()
        assert seen.deleted


async def test_a_thread_opens_on_a_message_once_and_its_asker_is_added() -> None:
    """The second create_thread gets 160004. The owner may archive and rename it."""
    client = Client()
    async with connected_client(client) as (_, channel, ann, bot):
        said = await ann.say(channel, f"{bot.mention} hello")
        heard = await client.heard.get()
        thread = await heard.create_thread(name="hello", auto_archive_duration=60)
        assert thread.id == said.id
        with pytest.raises(discord.HTTPException) as refused:
            await heard.create_thread(name="again")
        assert refused.value.code == 160004
        await thread.add_user(heard.author)
        opened = await ann.sees_thread(said)
        await thread.send("in the thread")
        await ann.sees(opened, "in the thread", by=bot)
        await ann.say(opened, "and on")
        assert (await client.heard.get()).channel.id == thread.id
        edited = await thread.edit(name="renamed", archived=True)
        assert (edited.archived, opened.name) == (True, "renamed")
        fetched = await client.fetch_channel(thread.id)
        assert isinstance(fetched, discord.Thread)
        assert [member.id for member in await fetched.fetch_members()] == sorted([bot.id, ann.id])
        archived = [one async for one in (await client.fetch_channel(channel.id)).archived_threads()]  # type: ignore[union-attr]
        assert [one.id for one in archived] == [thread.id]


async def test_reactions_typing_and_history_work_as_in_discord() -> None:
    """Reactions go both ways, typing is a REST call, and history is bounded in both directions."""
    client = Client()
    async with connected_client(client) as (server, channel, ann, bot):
        said = [await ann.say(channel, f"number {number}") for number in range(5)]
        heard = await client.heard.get()
        await heard.add_reaction("👀")
        assert said[0].reactions == {"👀": [bot.id]}
        await ann.react(said[0], "✅")
        while (reacted := await client.reactions.get()).user_id != ann.id:
            assert reacted.user_id == bot.id
        assert (str(reacted.emoji), reacted.message_id) == ("✅", said[0].id)
        assert client.user is not None
        await heard.remove_reaction("👀", client.user)
        assert said[0].reactions == {"✅": [ann.id]}
        async with heard.channel.typing():
            pass
        assert server.record[-1].path.endswith("/typing")
        after = [one.id async for one in heard.channel.history(after=said[1], limit=2, oldest_first=True)]
        assert after == [said[2].id, said[3].id]
        before = [one.content async for one in heard.channel.history(before=said[3], limit=2)]
        assert before == ["number 2", "number 1"]
        around = [one.id async for one in heard.channel.history(around=said[2], limit=3)]
        assert sorted(around) == [one.id for one in said[1:4]]


async def test_a_slash_command_is_synced_deferred_and_answered() -> None:
    """It checks sync, autocomplete, an ephemeral deferred answer, and a follow-up."""
    client = Client()

    @client.tree.command(name="ask", description="Ask")
    async def ask(interaction: discord.Interaction, text: str, who: discord.Member | None = None) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.edit_original_response(content=f"you said {text} of {who}")
        await interaction.followup.send("and more", ephemeral=True)

    @ask.autocomplete("text")
    async def complete(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=current * 2, value=current)]

    async with connected_client(client) as (server, channel, ann, _):
        await client.tree.sync()
        outcome = await ann.slash(channel, "ask", text="hello", who=ann)
        assert outcome.acknowledged
        settled = await outcome.settled("you said hello of ann")
        assert settled.ephemeral_to == ann.id
        await server.until(lambda: [one.content for one in outcome.followups] == ["and more"])
        assert server.messages(channel) == []
        typed = await ann.autocomplete(channel, "ask", "text", "ab")
        assert [one["name"] for one in typed.choices] == ["abab"]
        with pytest.raises(AssertionError, match="no command 'other'; there are \\['ask'\\]"):
            await ann.slash(channel, "other")


class Answer(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"answer:(?P<number>\d+)"):
    """A button that works after a restart, because its custom_id has its state."""

    def __init__(self, number: int) -> None:
        super().__init__(discord.ui.Button(label=f"Answer {number}", custom_id=f"answer:{number}"))
        self.number = number

    @classmethod
    async def from_custom_id(cls, _: Any, __: Any, match: re.Match[str], /) -> "Answer":
        return cls(int(match["number"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content=f"answered {self.number}", view=None)


async def test_a_dynamic_button_is_pressed_and_its_message_changes() -> None:
    """An update acknowledges the press. Absent and disabled buttons are refused."""
    client = Client()
    client.add_dynamic_items(Answer)
    async with connected_client(client) as (_, channel, ann, bot):
        view = discord.ui.View(timeout=None)
        view.add_item(Answer(7))
        view.add_item(discord.ui.Button(label="Off", custom_id="off", disabled=True))
        await client.get_partial_messageable(channel.id).send("choose", view=view)
        card = await ann.sees(channel, "choose", by=bot)
        with pytest.raises(AssertionError, match="cannot be used"):
            await ann.click(card, "Off")
        with pytest.raises(AssertionError, match="there are \\['Answer 7', 'Off'\\]"):
            await ann.click(card, "Absent")
        outcome = await ann.click(card, "Answer 7")
        assert outcome.acknowledged
        assert outcome.message is card
        assert (card.content, card.components) == ("answered 7", [])


async def test_a_form_opens_on_a_press_and_its_values_come_back() -> None:
    """A modal answers a select menu, and a message answers the modal."""
    client = Client()

    class Form(discord.ui.Modal, title="Why"):
        reason: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Reason")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            await interaction.response.send_message(f"because {self.reason.value}")

    class Menu(discord.ui.View):
        @discord.ui.select(options=[discord.SelectOption(label="Red", value="r")])
        async def choose(self, interaction: discord.Interaction, _: discord.ui.Select[Any]) -> None:
            await interaction.response.send_modal(Form())
            opened.set()

    opened = asyncio.Event()
    async with connected_client(client) as (_, channel, ann, bot):
        await client.get_partial_messageable(channel.id).send("pick", view=Menu())
        card = await ann.sees(channel, "pick", by=bot)
        form = await ann.pick(card, ["Red"])
        await opened.wait()  # The library registers a modal only after Discord's answer.
        sent = await ann.fill(form, {"Reason": "of that"})
        assert sent.message is not None
        assert sent.message.content == "because of that"


async def test_a_direct_message_reaches_the_bot_and_is_answered() -> None:
    """A DM has no guild, and its content is readable without the intent."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("threadline", token="T", guilds=(guild,))
        client = Client(intents=discord.Intents.default())
        async with logged_in(server, client):
            place = ann.direct(bot)
            await ann.say(place, "psst")
            heard = await client.heard.get()
            assert (heard.guild, heard.content) == (None, "psst")
            await heard.author.send("yes?")
            await ann.sees(place, "yes?", by=bot)


async def test_without_the_content_intent_only_mentions_have_text() -> None:
    """Files are hidden too."""
    client = Client(intents=discord.Intents.default())
    async with connected_client(client) as (_, channel, ann, bot):
        await ann.say(channel, "for others", files=[("a.txt", b"abc")])
        heard = await client.heard.get()
        assert (heard.content, heard.attachments) == ("", [])
        await ann.say(channel, f"{bot.mention} for you")
        assert (await client.heard.get()).content.endswith("for you")


async def test_a_dropped_gateway_resumes_without_loss() -> None:
    """RESUME replays the messages of the gap in order, once."""
    client = Client()
    async with connected_client(client) as (server, channel, ann, bot):
        server.drop_gateway(bot)
        assert not server.is_connected(bot)
        await ann.say(channel, "one")
        await ann.say(channel, "two")
        await client.resumed.wait()
        assert [(await client.heard.get()).content for _ in range(2)] == ["one", "two"]
        await server.connected(bot)
        server.replay_last(bot, "MESSAGE_CREATE")
        assert (await client.heard.get()).content == "two"
        client.resumed.clear()
        server.ask_reconnect(bot)
        await client.resumed.wait()


async def test_a_refused_resume_identifies_again() -> None:
    """Op 9 leads to a new session. The messages of the gap are only in the history."""

    class Quick(Client):
        async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
            """Skip the library's five seconds."""

    client = Quick()
    async with connected_client(client) as (server, channel, ann, bot):
        await client.ready_again.wait()
        client.ready_again.clear()
        server.drop_gateway(bot, resume=False)
        said = await ann.say(channel, "missed")
        await client.ready_again.wait()
        history = [one.id async for one in client.get_partial_messageable(channel.id).history()]
        assert history == [said.id]
        assert client.heard.empty()


async def test_a_wrong_token_and_a_missing_intent_are_refused() -> None:
    """REST causes LoginFailure, the gateway's 4014 causes PrivilegedIntentsRequired."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        server.add_bot("plain", token="P", guilds=(guild,), intents=discord.Intents.default().value)
        point_at(server)
        async with asyncio.timeout(BOUND):
            async with Client() as client:
                with pytest.raises(discord.LoginFailure):
                    await client.start("wrong")
            async with Client() as client:
                with pytest.raises(discord.PrivilegedIntentsRequired):
                    await client.start("P")


async def test_errors_carry_discords_codes_into_the_library() -> None:
    """Cases: too long (50035), empty (50006), another's message (50005), unknown message (10008), no access (50001)."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        hidden = server.add_channel(guild, "hidden")
        server.world.overwrite(hidden, guild.id, deny=1 << 10)
        ann = server.add_person("ann", guilds=(guild,))
        server.add_bot("threadline", token="T", guilds=(guild,))
        client = Client()
        async with logged_in(server, client):
            place = client.get_partial_messageable(channel.id)
            said = await ann.say(channel, "mine")
            codes = []
            for attempt in (
                place.send("x" * 2001),
                place.send(" "),
                place.get_partial_message(said.id).edit(content="yours"),
                place.fetch_message(1),
                client.get_partial_messageable(hidden.id).send("hello"),
            ):
                with pytest.raises(discord.HTTPException) as refused:
                    await attempt
                codes.append(refused.value.code)
            assert codes == [50035, 50006, 50005, 10008, 50001]
