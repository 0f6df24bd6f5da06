"""Where the bot works, by the names that people see."""

from collections.abc import Callable, Iterable

import discord

__all__ = ["whereabouts"]

NAMED = 10
"""Channels that are named; of a larger number the rest is only counted."""


def whereabouts(
    guilds: Iterable[discord.Guild], lists: Callable[[discord.abc.GuildChannel], bool], *, direct: bool
) -> str:
    """Name the channels of these servers that `lists` holds for listed, and direct messages where they are allowed."""
    kinds = (discord.TextChannel, discord.ForumChannel, discord.VoiceChannel, discord.StageChannel)
    channels = (each for guild in guilds for each in guild.channels if isinstance(each, kinds))
    names = [f"#{each.name} in {each.guild.name}" for each in channels if lists(each)]
    more = [f"{len(names) - NAMED} more channels"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more, *(["direct messages"] if direct else [])]) or "no channel"
