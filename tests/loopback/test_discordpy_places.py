"""The unmodified discord.py: forums, pins, webhooks, several guilds and bots, and deleted channels."""

import asyncio
import io
import re
from functools import partial
from typing import Any

import discord
import pytest

from loopback import Loopback
from loopback.state import threads
from loopback.state.errors import DiscordError
from loopback.state.permissions import Permission
from tests.loopback.discordpy import BOUND, connected_client, furnish, logged_in
from tests.loopback.test_discordpy import Client
from tests.support.virtual_time import step

from .openapi import strictly

VOICE, STAGE, FORUM, MEDIA = 2, 13, 15, 16
ANNOUNCEMENT = 5


@pytest.mark.parametrize("kind", [FORUM, MEDIA])
async def test_a_forum_post_is_a_thread_with_its_first_message_and_tags(kind: int) -> None:
    """One call creates both. A person's post reaches the bot as such, and an unknown tag is refused."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        forum = server.add_channel(guild, "ideas", kind=kind, tags=("bug", "wish"))
        ann = server.add_person("ann", guilds=(guild,))
        server.add_bot("threadline", token="T", guilds=(guild,))
        client = Client()
        async with logged_in(server, client):
            place = client.get_channel(forum.id)
            assert isinstance(place, discord.ForumChannel)
            wish = next(tag for tag in place.available_tags if tag.name == "wish")
            made = await place.create_thread(name="More", content="please", applied_tags=[wish])
            assert (made.thread.id, made.message.content) == (made.message.id, "please")
            assert [tag.name for tag in made.thread.applied_tags] == ["wish"]
            posted = await ann.open_thread(forum, "Less", "of that")
            heard = await client.heard.get()
            assert (heard.content, heard.channel.id, heard.id) == ("of that", posted.id, posted.id)
            assert isinstance(heard.channel, discord.Thread)
            assert heard.channel.parent == place
            with pytest.raises(discord.HTTPException) as refused:
                await place.create_thread(name="x", content="y", applied_tags=[discord.Object(1)])  # type: ignore[list-item]
            assert refused.value.code == 10087


@pytest.mark.parametrize(("kind", "known_as"), [(VOICE, discord.VoiceChannel), (STAGE, discord.StageChannel)])
async def test_a_voice_channel_has_text_and_no_threads(
    kind: int, known_as: type[discord.VoiceChannel | discord.StageChannel]
) -> None:
    """Messages, edits, reactions, typing, history and webhooks work. Threads get 50024."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        spoken = server.add_channel(guild, "lounge", kind=kind)
        ann = server.add_person("ann", guilds=(guild,))
        powers = Permission.MANAGE_WEBHOOKS | Permission.MANAGE_CHANNELS
        server.add_bot("threadline", token="T", guilds=(guild,), permissions=powers)
        client = Client()
        async with logged_in(server, client):
            place = client.get_channel(spoken.id)
            assert isinstance(place, known_as)
            assert (place.bitrate, place.user_limit, place.rtc_region) == (64_000, 0, None)
            said = await ann.say(spoken, "hello there")
            heard = await client.heard.get()
            assert isinstance(heard.channel, known_as)
            answer = await heard.reply("hello")
            await answer.edit(content="hello, ann")
            await heard.add_reaction("👀")
            await place.typing()
            assert [one.content async for one in place.history(limit=2)] == ["hello, ann", "hello there"]
            assert isinstance(await client.fetch_channel(spoken.id), known_as)
            hook = await place.create_webhook(name="news")
            await hook.send("extra")
            assert (await client.heard.get()).webhook_id == hook.id
            for opening in (
                heard.create_thread(name="no"),
                client.http.start_thread_without_message(spoken.id, name="no", auto_archive_duration=60, type=11),
            ):
                with pytest.raises(discord.HTTPException) as refused:
                    await opening
                assert refused.value.code == 50024
            with pytest.raises(DiscordError, match="50024"):
                await ann.open_thread(said, "no")


async def test_the_text_of_a_voice_channel_needs_the_right_to_connect() -> None:
    """The channel is in the list, but every call gets 50001 (Discord, Get Channel Messages)."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        spoken = server.add_channel(guild, "lounge", kind=VOICE)
        general = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("threadline", token="T", guilds=(guild,))
        said = await ann.say(spoken, "before")
        server.world.overwrite(spoken, bot.id, deny=int(Permission.CONNECT))
        client = Client()
        async with logged_in(server, client):
            place = client.get_channel(spoken.id)
            assert isinstance(place, discord.VoiceChannel)
            message = place.get_partial_message(said.id)
            read = place.history(limit=1)
            for call in (place.send, message.fetch, read.__anext__, partial(message.add_reaction, "👀")):
                with pytest.raises(discord.Forbidden) as refused:
                    await call()
                assert refused.value.code == 50001
            await ann.say(spoken, "unheard")
            await ann.say(general, "heard")
            assert (await client.heard.get()).content == "heard"


async def test_messages_are_pinned_listed_announced_and_unpinned() -> None:
    """The channel gets a system message, and the gateway two events."""
    client = Client()
    async with connected_client(client, permissions=Permission.PIN_MESSAGES) as (server, channel, ann, _):
        await ann.say(channel, "remember")
        heard = await client.heard.get()
        updated = asyncio.create_task(client.wait_for("guild_channel_pins_update"))
        await step()
        await heard.pin()
        await updated
        assert [message.type for message in server.messages(channel)] == [0, 6]
        assert [one.content async for one in heard.channel.pins()] == ["remember"]
        await heard.unpin()
        assert [one async for one in heard.channel.pins()] == []


async def test_a_webhook_posts_under_any_name_and_is_known_for_one() -> None:
    """The library creates and uses it. The bot gets its messages with the webhook's id."""
    client = Client()
    async with connected_client(client, permissions=Permission.MANAGE_WEBHOOKS) as (server, channel, _, _):
        place = client.get_channel(channel.id)
        assert isinstance(place, discord.TextChannel)
        hook = await place.create_webhook(name="news")
        assert [one.id for one in await place.webhooks()] == [hook.id]
        sent = await hook.send("extra", username="Herald", wait=True)
        heard = await client.heard.get()
        assert (heard.webhook_id, heard.author.name, heard.author.bot) == (hook.id, "Herald", True)
        stranger = discord.Webhook.partial(hook.id, "wrong", client=client)
        with pytest.raises(discord.HTTPException) as refused:
            await stranger.send("fake news")
        assert refused.value.code == 50027
        await sent.edit(content="extra extra")
        assert [message.content for message in server.messages(channel)] == ["extra extra"]
        await sent.delete()
        await hook.delete()
        with pytest.raises(discord.NotFound):
            await hook.send("gone")


async def test_two_bots_race_for_the_thread_of_a_message_and_one_gets_160004() -> None:
    """The other bot finds the thread by the message's id."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        server.add_bot("one", token="T", guilds=(guild,))
        server.add_bot("two", token="U", guilds=(guild,))
        said = await ann.say(channel, "hello")
        one, two = Client(), Client()
        async with logged_in(server, one), logged_in(server, two, token="U"), asyncio.timeout(BOUND):
            places: list[Any] = [each.get_channel(channel.id) for each in (one, two)]
            messages = [place.get_partial_message(said.id) for place in places]
            ended: list[Any] = await asyncio.gather(
                *(message.create_thread(name="talk") for message in messages), return_exceptions=True
            )
            (refused,) = (each for each in ended if isinstance(each, discord.HTTPException))
            (opened,) = (each for each in ended if isinstance(each, discord.Thread))
            assert (refused.code, opened.id) == (160004, said.id)


async def test_a_bot_hears_each_guild_until_it_is_removed() -> None:
    """It gets on_guild_join for a new one, on_guild_remove and 50001 for one that it left."""
    async with Loopback(strict=strictly()) as server:
        lab, shop = server.add_guild("Lab"), server.add_guild("Shop")
        general, sales = server.add_channel(lab, "general"), server.add_channel(shop, "sales")
        ann = server.add_person("ann", guilds=(lab, shop))
        bot = server.add_bot("threadline", token="T", guilds=(lab,))
        client = Client()
        async with logged_in(server, client):
            joined = asyncio.create_task(client.wait_for("guild_join"))
            await step()
            server.world.join(shop, bot)
            assert (await joined).name == "Shop"
            await ann.say(sales, "in the shop")
            assert (await client.heard.get()).channel.id == sales.id
            left = asyncio.create_task(client.wait_for("guild_remove"))
            await step()
            server.world.leave(shop, bot)
            assert (await left).id == shop.id
            with pytest.raises(discord.Forbidden) as refused:
                await client.get_partial_messageable(sales.id).send("still here?")
            assert refused.value.code == 50001
            await ann.say(sales, "unheard")
            await ann.say(general, "in the lab")
            assert (await client.heard.get()).content == "in the lab"


async def test_a_deleted_channel_deletes_its_threads() -> None:
    """A message to the channel or the thread gets 10003."""
    client = Client()
    async with connected_client(client) as (server, channel, ann, _):
        thread = await ann.open_thread(await ann.say(channel, "hello"), "talk")
        gone = asyncio.create_task(client.wait_for("guild_channel_delete"))
        await step()
        server.world.delete_channel(channel)
        assert (await gone).id == channel.id
        for place in (channel, thread):
            with pytest.raises(discord.NotFound) as refused:
                await client.get_partial_messageable(place.id).send("hello?")
            assert refused.value.code == 10003


async def test_a_message_unarchives_a_thread_and_an_edit_does_not() -> None:
    """The edit gets 50083. A locked thread refuses both without the right to manage threads."""
    client = Client()
    async with connected_client(client, permissions=0) as (_, channel, ann, _):
        thread = await ann.open_thread(await ann.say(channel, "hello"), "talk")
        place = client.get_partial_messageable(thread.id)
        sent = await place.send("one")
        await ann.archive(thread)
        with pytest.raises(discord.HTTPException) as archived:
            await sent.edit(content="two")
        assert archived.value.code == 50083
        await place.send("again")
        assert not thread.archived
        thread.locked = True
        with pytest.raises(discord.Forbidden) as locked:
            await place.send("and again")
        assert locked.value.code == 160005
        with pytest.raises(discord.Forbidden) as locked:
            await sent.edit(content="two")
        assert locked.value.code == 160005


async def test_a_reply_needs_the_right_to_read_the_history() -> None:
    """Without it a reply gets 160002, and a plain message is posted."""
    async with Loopback(strict=strictly()) as server:
        channel, ann, bot = furnish(server)
        server.world.overwrite(channel, bot.id, deny=int(Permission.READ_MESSAGE_HISTORY))
        client = Client()
        async with logged_in(server, client):
            place = client.get_partial_messageable(channel.id)
            asked = discord.MessageReference(message_id=(await ann.say(channel, "hello")).id, channel_id=channel.id)
            with pytest.raises(discord.Forbidden) as refused:
                await place.send("an answer", reference=asked)
            assert refused.value.code == 160002
            await place.send("no answer")


async def test_a_guild_holds_a_thousand_active_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more in any of its channels gets 160006, until one is archived. Other guilds are unaffected."""
    monkeypatch.setattr(threads, "ACTIVE_THREADS", 3)
    async with Loopback(strict=strictly()) as server:
        lab, shop = server.add_guild("Lab"), server.add_guild("Shop")
        channels = [server.add_channel(lab, "one"), server.add_channel(lab, "two")]
        ann = server.add_person("ann", guilds=(lab, shop))
        server.add_bot("threadline", token="T", guilds=(lab, shop))
        client = Client()
        async with logged_in(server, client):
            opened = [await ann.open_thread(channels[number % 2], f"t{number}") for number in range(3)]
            place = client.get_channel(channels[0].id)
            assert isinstance(place, discord.TextChannel)
            public = discord.ChannelType.public_thread
            with pytest.raises(discord.HTTPException) as full:
                await place.create_thread(name="more", type=public)
            assert full.value.code == 160006
            await ann.archive(opened[0])
            await place.create_thread(name="more", type=public)
            await ann.open_thread(server.add_channel(shop, "sales"), "elsewhere")


async def test_announcement_threads_have_a_bound_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many of them get 160007, other threads still open."""
    monkeypatch.setattr(threads, "ACTIVE_THREADS", 1)
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        news, general = server.add_channel(guild, "news", kind=ANNOUNCEMENT), server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        server.add_bot("threadline", token="T", guilds=(guild,))
        client = Client()
        async with logged_in(server, client):
            await ann.open_thread(await ann.say(news, "one"), "one")
            said = await ann.say(news, "two")
            place = client.get_channel(news.id)
            assert isinstance(place, discord.TextChannel)
            with pytest.raises(discord.HTTPException) as full:
                await place.get_partial_message(said.id).create_thread(name="two")
            assert full.value.code == 160007
            await ann.open_thread(await ann.say(general, "three"), "three")


async def test_an_idle_thread_is_archived_after_its_time() -> None:
    """The bot gets the event. A message unarchives the thread for the same time. Each thread has its own time."""
    client = Client()
    async with connected_client(client) as (server, channel, ann, _):
        place = client.get_channel(channel.id)
        assert isinstance(place, discord.TextChannel)
        public = discord.ChannelType.public_thread
        opened = await place.create_thread(name="an hour", type=public, auto_archive_duration=60)
        await place.create_thread(name="a day", type=public, auto_archive_duration=1440)
        hour, day = server.world.threads_of(channel)
        server.jump(3599)
        assert not hour.archived
        told = asyncio.create_task(client.wait_for("raw_thread_update"))
        await step()
        server.jump(1)
        assert (hour.archived, day.archived) == (True, False)
        event = await told
        assert (event.thread_id, event.data["thread_metadata"]["archived"]) == (hour.id, True)
        await opened.send("still here?")
        assert not hour.archived
        server.jump(3599)
        assert not hour.archived
        await ann.say(hour, "yes")
        server.jump(3599)
        assert not hour.archived
        server.jump(1)
        assert hour.archived


async def test_everyone_who_may_send_messages_unarchives_an_unlocked_thread() -> None:
    """Other changes, and locked threads, need the right to manage threads."""
    client = Client()
    async with connected_client(client, permissions=0) as (server, channel, ann, bot):
        thread = await ann.open_thread(await ann.say(channel, "hello"), "talk")
        await ann.archive(thread)
        here = await client.fetch_channel(thread.id)
        assert isinstance(here, discord.Thread)
        for change in (
            {"archived": False, "name": "mine"},
            {"archived": False, "locked": True},
            {"archived": True},
        ):
            with pytest.raises(discord.Forbidden) as refused:
                await here.edit(**change)
            assert refused.value.code == 50013
        await here.edit(archived=False)
        assert not thread.archived
        await ann.archive(thread)
        server.world.overwrite(channel, bot.id, deny=int(Permission.SEND_MESSAGES))
        with pytest.raises(discord.Forbidden):
            await here.edit(archived=False)
        server.world.overwrite(channel, bot.id)
        thread.locked = True
        with pytest.raises(discord.Forbidden) as refused:
            await here.edit(archived=False)
        assert refused.value.code == 160005


async def test_a_file_beyond_ten_mebibytes_is_refused_and_one_below_comes_whole() -> None:
    """It gets 413 with 40005. Ten files fit into a message."""
    client = Client()
    async with connected_client(client) as (_, channel, _, _):
        place = client.get_partial_messageable(channel.id)
        with pytest.raises(discord.HTTPException) as refused:
            await place.send(file=discord.File(io.BytesIO(bytes(10 * 1024 * 1024 + 1)), "big.bin"))
        assert (refused.value.status, refused.value.code) == (413, 40005)
        sent = await place.send(files=[discord.File(io.BytesIO(bytes([n] * n)), f"{n}.bin") for n in range(1, 11)])
        assert [one.size for one in sent.attachments] == list(range(1, 11))
        assert await sent.attachments[4].read() == bytes([5] * 5)


async def test_an_unfurled_link_is_an_update_without_an_edit() -> None:
    """A bot must not take this MESSAGE_UPDATE, without edited_timestamp, for a new prompt."""
    client = Client()
    async with connected_client(client) as (server, channel, ann, _):
        said = await ann.say(channel, "see http://example.org")
        await client.heard.get()
        updated = asyncio.create_task(client.wait_for("raw_message_edit"))
        await step()
        server.unfurl(said, "http://example.org", title="Example")
        event = await updated
        assert (event.message.edited_at, event.message.embeds[0].title) == (None, "Example")
        quiet = await client.get_partial_messageable(channel.id).send("http://example.org", suppress_embeds=True)
        unfurled = server.world.message(channel, quiet.id)
        server.unfurl(unfurled, "http://example.org", title="Example")
        assert unfurled.embeds == []


async def test_a_long_history_is_paged_without_gap_or_duplicate() -> None:
    """It has several pages of a hundred, oldest first, without member objects."""
    async with Loopback(strict=strictly()) as server:
        channel, ann, _ = furnish(server)
        said = [await ann.say(channel, f"m{number}") for number in range(250)]
        client = Client()
        async with logged_in(server, client):
            place = client.get_partial_messageable(channel.id)
            read = [one async for one in place.history(limit=None, after=said[20], oldest_first=True)]
            assert [one.id for one in read] == [one.id for one in said[21:]]
            assert not any(isinstance(one.author, discord.Member) for one in read)
            assert all(re.fullmatch(r"m\d+", one.content) for one in read)
