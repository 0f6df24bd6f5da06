"""The middle steps of `threadline init`: the server, its channels, and the people who may talk to the bot."""

import asyncio
from dataclasses import dataclass

import click
import discord

from bot.cli.common import fail
from bot.cli.discord_probe import ChannelFacts, DiscordProbe, RoleFacts, connect_probe
from bot.cli.texts import failures
from bot.cli.texts import setup as texts
from bot.config.schema import DiscordConfig
from bot.operations.start_failure import NeedsPerson, StartFailed

from .answers import Answers, channel_ids
from .prompts import Prompter


@dataclass(frozen=True, slots=True)
class Places:
    """What the bot sees of its servers."""

    channels: list[ChannelFacts]
    roles: list[RoleFacts]


def wait_for_places(settings: DiscordConfig, answers: Answers) -> Places:
    """Wait until the bot sees its channels; return these, and the servers' roles."""
    wanted = channel_ids(answers)

    async def wait() -> Places:
        async with connect_probe(settings, discord.Intents(guilds=True)) as probe, probe.connected():
            await _refuse_other_ids(probe, wanted)
            if not await probe.joined(wanted, 0):
                unseen = _unseen(probe, wanted)
                click.echo(texts.waiting(unseen, in_server=bool(probe.guilds), seconds=answers.wait))
            if not await probe.joined(wanted, answers.wait):
                raise StartFailed(_why_unseen(probe, wanted))
            return Places(probe.channel_facts(wanted), probe.role_facts())

    try:
        return asyncio.run(wait())
    except StartFailed as error:
        fail(str(error), error.exit_code)


async def _refuse_other_ids(probe: DiscordProbe, wanted: set[int]) -> None:
    """Raise `NeedsPerson` for an id that is known and not a channel's: waiting would not help."""
    for each in _unseen(probe, wanted):
        if known := await probe.identify(each):
            raise NeedsPerson(failures.not_a_channel(each, known))


def _unseen(probe: DiscordProbe, wanted: set[int]) -> list[int]:
    return sorted(wanted - {room.channel_id for room in probe.channel_facts(wanted)})


def _why_unseen(probe: DiscordProbe, wanted: set[int]) -> str:
    if not probe.guilds:
        return failures.NOT_INVITED
    return failures.not_visible(_unseen(probe, wanted), [guild.name for guild in probe.guilds])


def choose_channels(channels: list[ChannelFacts], answers: Answers, ask: Prompter) -> dict[int, str]:
    """Return the chosen channels, and print what the bot lacks in them."""
    if answers.channels:
        chosen = channels
    elif ask.asking:
        channels = sorted(channels, key=lambda room: room.lacks.mute)
        shown = [texts.channel(str(room), room.lacks.names) for room in channels]
        chosen = [channels[each] for each in ask.choices(texts.CHANNELS, shown, default="1")]
    elif len(channels) == 1:
        chosen = channels
    else:
        fail(failures.which_channel(f"{room.channel_id} ({room})" for room in channels), 2)
    for room in chosen:
        for line in room.lacks.lines:
            click.echo(texts.still_lacks(room, line))
    return {room.channel_id: str(room) for room in chosen}


def choose_people(roles: list[RoleFacts], answers: Answers, ask: Prompter) -> dict[str, str]:
    """Return who may talk to the bot: entries of `access.users`, each with its name."""
    if answers.users or not ask.asking:
        return dict.fromkeys(answers.users or ("owner",), "")
    while True:
        match ask.choice(texts.ACCESS, texts.ACCESS_CHOICES, default=0):
            case 0:
                return {"owner": ""}
            case 1 if roles:
                role = roles[ask.choice(texts.ROLES, [texts.role(each.name, each.guild) for each in roles])]
                return {"owner": "", f"role:{role.role_id}": texts.role(role.name, role.guild)}
            case 1:
                click.echo(texts.NO_ROLES)
            case _:
                return {"*": ""}
