"""What `threadline check` finds out about the bot on Discord, over loopback and the real library."""

import socket
from pathlib import Path

import discord
import pytest

from bot.cli import discord_probe
from bot.cli.discord_check import discord_findings
from bot.cli.findings import Level
from bot.config.load import load
from bot.config.schema import Config
from bot.gateway.connection import REFUSED, TOKEN_REFUSED
from loopback import Loopback
from loopback.harness import Lab, in_toml
from loopback.state.entities import ALL_INTENTS
from loopback.state.faults import GatewayFault
from tests.loopback.openapi import strictly

from .live_bot import SCRIPTED, bot_lab

TOKEN = "MTIz.of.standing"


def config(folder: Path, endpoint: str, access: str) -> Config:
    """Write a configuration whose agent these tests do not check."""
    (folder / "project").mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    path.write_text(
        f'[discord]\ntoken = "{TOKEN}"\nendpoint = "{endpoint}"\n[access]\n{access}\n'
        f'[agents.default]\ncommand = {in_toml(SCRIPTED[0])}\ncwd = "{folder}/project"\n'
    )
    return load(path)


async def rows(config: Config) -> list[tuple[str, str, str]]:
    """Return the findings as plain texts, without the row about the Public Bot switch."""
    found = await discord_findings(config)
    return [(str(each.subject), str(each.level), each.words) for each in found if each.subject != "Public Bot"]


async def test_each_channel_is_told_with_what_lacks_in_it_by_name(tmp_path: Path) -> None:
    """Overwrites of the role and of the bot count. Hidden, unknown and category channels are named as such."""
    async with Loopback(strict=strictly()) as server:
        guild, elsewhere = server.add_guild("Lab"), server.add_guild("Elsewhere")
        names = ("well", "mute", "hidden")
        well, mute, hidden = (server.add_channel(guild, name) for name in names)
        forum = server.add_channel(guild, "forum", kind=15)
        category = server.add_channel(guild, "category", kind=4)
        far = server.add_channel(elsewhere, "far")
        lounge, closed = (server.add_channel(guild, name, kind=2) for name in ("lounge", "closed"))
        bot = server.add_bot("threadline", token=TOKEN, guilds=(guild,))
        bot.public = False
        permit = discord.Permissions
        server.world.overwrite(mute, guild.id, deny=permit(create_public_threads=True, attach_files=True).value)
        server.world.overwrite(
            mute, bot.id, allow=permit(attach_files=True).value, deny=permit(add_reactions=True).value
        )
        server.world.overwrite(hidden, guild.id, deny=permit(view_channel=True).value)
        server.world.overwrite(lounge, guild.id, deny=permit(create_public_threads=True).value)
        server.world.overwrite(closed, guild.id, deny=permit(connect=True).value)
        listed = ", ".join(f'"{each.id}"' for each in (well, mute, hidden, forum, category, far, lounge, closed))
        people = f'guilds = ["{guild.id}", "{elsewhere.id}"]\nusers = ["owner", "role:77"]'
        found = await discord_findings(config(tmp_path, server.endpoint, f"channels = [{listed}]\n{people}"))
    told = {each.subject: (each.level, each.words) for each in found}
    assert told["token"][0] is Level.OK
    assert told["gateway"] == (Level.OK, "connects and can read messages")
    assert told[f"server {elsewhere.id}"][0] is Level.FAILED
    assert f"client_id={bot.application_id}" in told[f"server {elsewhere.id}"][1]
    assert told["#well in Lab"] == (Level.OK, "the bot has all permissions")
    assert told["#mute in Lab"][0] is Level.WARNING
    assert told["#mute in Lab"][1].splitlines() == [
        "the bot lacks: Create Public Threads (it cannot open threads and answers in the channel instead)",
        "the bot lacks: Add Reactions (it cannot add reactions)",
    ]
    assert told[f"channel {hidden.id}"][0] is Level.FAILED
    assert "it lacks View Channels there" in told[f"channel {hidden.id}"][1]
    assert told["#forum in Lab"] == (Level.OK, "the bot has all permissions")
    assert told["#lounge in Lab"] == (Level.OK, "the bot has all permissions")
    assert told["#closed in Lab"] == (Level.FAILED, "the bot lacks: Connect (it cannot answer there at all)")
    assert told[f"channel {category.id}"] == (Level.FAILED, "is a category; list the channels in it")
    assert told[f"channel {far.id}"][0] is Level.FAILED
    assert told["role 77"] == (Level.WARNING, "no server of the bot has this role")
    assert "Public Bot" not in told


async def test_where_all_channels_are_meant_only_those_that_lack_something_are_told(tmp_path: Path) -> None:
    """The others are counted; a public bot is a warning."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channels = [server.add_channel(guild, name) for name in ("one", "two", "three")]
        server.add_bot("threadline", token=TOKEN, guilds=(guild,))
        server.world.overwrite(channels[1], guild.id, deny=discord.Permissions(send_messages=True).value)
        access = f'channels = ["*"]\nguilds = ["{guild.id}"]'
        found = await discord_findings(config(tmp_path, server.endpoint, access))
    (two,) = [each for each in found if each.subject == "#two in Lab"]
    assert (two.level, two.words.partition(" (it cannot")[0]) == (Level.WARNING, "the bot lacks: Send Messages")
    assert ("the bot has all permissions in 2 of 3 channels", Level.OK) in [(each.words, each.level) for each in found]
    assert [each.level for each in found if each.subject == "Public Bot"] == [Level.WARNING]


async def test_a_server_in_none_of_whose_channels_it_can_answer_has_failed(tmp_path: Path) -> None:
    """The same goes for a configuration of all channels."""
    async with Loopback(strict=strictly()) as server:
        lab = Lab.furnish(server, "ann", token=TOKEN)
        denied = discord.Permissions(send_messages=True, send_messages_in_threads=True)
        server.world.overwrite(lab.channel, lab.guild.id, deny=denied.value)
        access = f'channels = ["*"]\nguilds = ["{lab.guild.id}"]'
        found = await discord_findings(config(tmp_path, server.endpoint, access))
    assert ("server Lab", Level.FAILED) in [(each.subject, each.level) for each in found]


async def test_an_id_of_another_kind_is_told_what_it_is(tmp_path: Path) -> None:
    """A server, a role, a user or a channel in another's place, or an unknown id."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        category = server.add_channel(guild, "Rooms", kind=4)
        role = server.add_role(guild, "dev")
        ann = server.add_person("ann", guilds=(guild,))
        server.add_bot("threadline", token=TOKEN, owner=ann, guilds=(guild,))
        channels = f'channels = ["{guild.id}", "{role.id}", "{ann.id}", "{category.id}", "41"]'
        guilds = f'guilds = ["{channel.id}", "{ann.id}"]'
        people = f'users = ["{ann.id}", "{role.id}", "42", "role:{ann.id}", "role:{channel.id}"]'
        rows = await discord_findings(config(tmp_path, server.endpoint, f"{channels}\n{guilds}\n{people}"))
    told = {each.subject: each.words for each in rows}
    assert told[f"channel {guild.id}"] == "is the server Lab, not a channel"
    assert told[f"channel {role.id}"] == "is the role dev of Lab, not a channel"
    assert told[f"channel {ann.id}"].startswith("is the user ann")
    assert told[f"channel {category.id}"] == "is a category; list the channels in it"
    assert told["channel 41"].startswith("there is no such channel")
    assert told[f"server {channel.id}"] == "is #general in Lab, not a server"
    assert told[f"server {ann.id}"].startswith("is the user ann")
    assert told[f"user {role.id}"] == 'is the role dev of Lab, not a user; write a role as "role:ID"'
    assert told["user 42"] == "Discord knows no user with this ID"
    assert told[f"role {ann.id}"].startswith("is the user ann")
    assert told[f"role {channel.id}"] == "is #general in Lab, not a role"
    assert f"user {ann.id}" not in told


@pytest.mark.parametrize(
    ("lacks", "level", "answered"),
    [
        (["send_messages"], Level.WARNING, "thread"),
        (["read_message_history"], Level.WARNING, "thread"),
        (["add_reactions"], Level.WARNING, "thread"),
        (["attach_files"], Level.WARNING, "thread"),
        (["create_public_threads"], Level.WARNING, "channel"),
        (["send_messages_in_threads"], Level.WARNING, "channel"),
        (["create_public_threads", "read_message_history"], Level.WARNING, "channel"),
        (["send_messages", "send_messages_in_threads"], Level.FAILED, "nowhere"),
        (["send_messages", "create_public_threads"], Level.FAILED, "nowhere"),
    ],
    ids=lambda lacks: "+".join(lacks) if isinstance(lacks, list) else "",
)
async def test_what_is_said_of_a_permission_is_what_happens_without_it(
    tmp_path: Path, lacks: list[str], level: Level, answered: str
) -> None:
    """A warning where requests still get an answer, in a thread or in the channel; else a failure."""
    async with bot_lab(tmp_path) as lab:
        channel, denied = lab.channel, discord.Permissions(**dict.fromkeys(lacks, True)).value
        lab.discord.world.overwrite(channel, lab.bot.id, deny=denied)
        found = await discord_findings(load(lab.config))
        (told,) = [each for each in found if each.subject == "#general in Lab"]
        assert told.level is level
        assert ("cannot answer there at all" in told.words, "answers in the channel" in told.words) == (
            answered == "nowhere",
            answered == "channel",
        )
        asked = await lab.ann.say(channel, f"{lab.bot.mention} say hello")
        match answered:
            case "thread":
                await lab.ann.sees(await lab.ann.sees_thread(asked), "hello", by=lab.bot)
            case "channel":
                await lab.ann.sees(channel, "hello", by=lab.bot)
            case _:
                await lab.discord.until(lambda: [call for call in lab.discord.record if call.status == 403])
                assert lab.said_by_bot(channel) == []


async def test_a_refused_token_and_a_refused_intent_are_one_clear_line(tmp_path: Path) -> None:
    """The check ends there."""
    async with Loopback(strict=strictly()) as server:
        nobody = config(tmp_path, server.endpoint, "")
        assert await rows(nobody) == [("token", "FAILED", REFUSED[TOKEN_REFUSED])]
        server.add_bot("threadline", token=TOKEN, intents=ALL_INTENTS & ~(1 << 15))
        (token, gateway) = await rows(nobody)
        assert token[:2] == ("token", "ok")
        intent = "Discord refused the Message Content intent: turn it on in the developer portal, page Bot"
        assert gateway == ("gateway", "FAILED", intent)


async def test_a_bot_in_no_server_is_told_how_to_be_invited(tmp_path: Path) -> None:
    """The finding has the link."""
    async with Loopback(strict=strictly()) as server:
        bot = server.add_bot("threadline", token=TOKEN)
        last = (await rows(config(tmp_path, server.endpoint, 'channels = ["1"]')))[-1]
    assert last[:2] == ("servers", "FAILED")
    assert f"client_id={bot.application_id}" in last[2]


async def test_a_silent_gateway_and_an_absent_server_end_within_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check always ends."""
    monkeypatch.setattr(discord_probe, "READY_SECONDS", 0.3)
    async with Loopback(strict=strictly()) as server:
        server.add_bot("threadline", token=TOKEN)
        server.event_fault("READY", GatewayFault.LOST)
        last = (await rows(config(tmp_path, server.endpoint, "")))[-1]
    assert last == ("gateway", "FAILED", "Discord's gateway sent nothing for 0.3 s")
    monkeypatch.setattr(discord_probe, "LOGIN_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert await rows(config(tmp_path, endpoint, "")) == [("token", "FAILED", "Discord did not answer in 0.3 s")]
