"""How the bot stands on Discord, as `threadline check` finds it out: loopback, the real library."""

import socket
from pathlib import Path

import discord
import pytest

from bot import visit
from bot.config import Config, load
from bot.connecting import NO_TOKEN, REFUSED
from bot.findings import Level
from bot.standing import discord_findings
from loopback import Loopback
from loopback.entities import ALL_INTENTS
from loopback.faults import Turbulence
from tests.e2e.stage import SCRIPTED, toml
from tests.loopback.description import strictly

TOKEN = "MTIz.of.standing"


def config(folder: Path, endpoint: str, access: str) -> Config:
    """A configuration whose agent is not looked at here."""
    (folder / "project").mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    path.write_text(
        f'[discord]\ntoken = "{TOKEN}"\nendpoint = "{endpoint}"\n[access]\n{access}\n'
        f'[agents.default]\ncommand = {toml(SCRIPTED[0])}\ncwd = "{folder}/project"\n'
    )
    return load(path)


async def rows(config: Config) -> list[tuple[str, str, str]]:
    """What was found, as plain texts; a row that says where the switch for Public Bot is does not matter here."""
    found = await discord_findings(config)
    return [(str(each.subject), str(each.level), each.words) for each in found if each.subject != "bot_public"]


async def test_each_channel_is_told_with_what_lacks_in_it_by_name(tmp_path: Path) -> None:
    """Overwrites of the role and of the bot count; what is hidden, unknown or a mere heading says so."""
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
    assert told["token"][0] is Level.WELL
    assert told["gateway"] == (Level.WELL, "connects, and may read what people write")
    assert told[f"server {elsewhere.id}"][0] is Level.FAILED
    assert f"client_id={bot.application_id}" in told[f"server {elsewhere.id}"][1]
    assert told["#well in Lab"] == (Level.WELL, "all permissions are there")
    assert told["#mute in Lab"] == (Level.FAILED, "the bot lacks: Create Public Threads, Add Reactions")
    assert told.get("#hidden in Lab", told.get(f"channel {hidden.id}")) == (
        Level.FAILED,
        "the bot lacks: View Channels",
    )
    assert told["#forum in Lab"] == (Level.WELL, "all permissions are there")
    assert told["#lounge in Lab"] == (Level.WELL, "all permissions are there")
    assert told["#closed in Lab"] == (Level.FAILED, "the bot lacks: Connect")
    assert told[f"channel {category.id}"] == (Level.FAILED, "is a category; list the channels in it")
    assert told[f"channel {far.id}"][0] is Level.FAILED
    assert told["role 77"] == (Level.WARNING, "no server of the bot has this role")
    assert "bot_public" not in told


async def test_where_all_channels_are_meant_only_those_that_lack_something_are_told(tmp_path: Path) -> None:
    """And how many are well; a public bot is a warning."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channels = [server.add_channel(guild, name) for name in ("one", "two", "three")]
        server.add_bot("threadline", token=TOKEN, guilds=(guild,))
        server.world.overwrite(channels[1], guild.id, deny=discord.Permissions(send_messages=True).value)
        access = f'channels = ["*"]\nguilds = ["{guild.id}"]'
        found = await discord_findings(config(tmp_path, server.endpoint, access))
    assert ("#two", Level.WARNING, "the bot lacks: Send Messages, Attach Files") in [
        (each.subject, each.level, each.words) for each in found
    ]
    assert "all is there in 2 of 3 channels" in [each.words for each in found]
    assert [each.level for each in found if each.subject == "bot_public"] == [Level.WARNING]


async def test_a_refused_token_and_a_refused_intent_are_one_clear_line(tmp_path: Path) -> None:
    """Nothing is looked at behind them."""
    async with Loopback(strict=strictly()) as server:
        nobody = config(tmp_path, server.endpoint, "")
        assert await rows(nobody) == [("token", "FAILED", REFUSED[NO_TOKEN])]
        server.add_bot("threadline", token=TOKEN, intents=ALL_INTENTS & ~(1 << 15))
        (token, gateway) = await rows(nobody)
        assert token[:2] == ("token", "well")
        intent = "Discord refused the Message Content intent: turn it on in the developer portal, Bot"
        assert gateway == ("gateway", "FAILED", intent)


async def test_a_bot_in_no_server_is_told_how_to_be_invited(tmp_path: Path) -> None:
    """With the link."""
    async with Loopback(strict=strictly()) as server:
        bot = server.add_bot("threadline", token=TOKEN)
        last = (await rows(config(tmp_path, server.endpoint, 'channels = ["1"]')))[-1]
    assert last[:2] == ("servers", "FAILED")
    assert f"client_id={bot.application_id}" in last[2]


async def test_a_silent_gateway_and_an_absent_server_end_within_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing hangs half dead."""
    monkeypatch.setattr(visit, "READY_SECONDS", 0.3)
    async with Loopback(strict=strictly()) as server:
        server.add_bot("threadline", token=TOKEN)
        server.event_fault("READY", Turbulence.LOST)
        last = (await rows(config(tmp_path, server.endpoint, "")))[-1]
    assert last == ("gateway", "FAILED", "Discord's gateway said nothing for 0.3 s")
    monkeypatch.setattr(visit, "LOGIN_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert await rows(config(tmp_path, endpoint, "")) == [("token", "FAILED", "Discord did not answer in 0.3 s")]
