"""The set-up that the tests, the benchmarks and the demo share: a Discord, and a configuration for its bot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from loopback.server import Loopback
from loopback.state.entities import Account, Bot, Channel, Guild, Message, MessageType, Thread
from loopback.state.outcome import WAIT
from loopback.state.permissions import Permission
from loopback.user import User

Table = Mapping[str, Any] | str
"""Settings of one table of a configuration, by their keys or as lines of TOML."""


@dataclass(kw_only=True)
class Lab:
    """The guild "Lab" with its channel "general", some people, and a bot that the first of them owns."""

    discord: Loopback
    guild: Guild
    channel: Channel
    bot: Bot
    people: Sequence[User]
    patience: float = WAIT
    """Seconds until the bot must have opened a thread."""

    @classmethod
    def furnish(
        cls,
        discord: Loopback,
        *names: str,
        token: str,
        permissions: int = Permission.MANAGE_THREADS,
        **own: Any,
    ) -> Self:
        """Add the guild, the people with these names and the bot. `own` are the fields of a subclass.

        `permissions` is what the bot's role grants.
        """
        guild = discord.add_guild("Lab")
        channel = discord.add_channel(guild, "general")
        people = [discord.add_person(name, guilds=(guild,)) for name in names]
        bot = discord.add_bot("threadline", token=token, owner=people[0], guilds=(guild,), permissions=permissions)
        return cls(discord=discord, guild=guild, channel=channel, bot=bot, people=people, **own)

    @property
    def ann(self) -> User:
        """The first person, who owns the bot."""
        return self.people[0]

    @property
    def ben(self) -> User:
        """The second person."""
        return self.people[1]

    async def thread(self, text: str, person: User | None = None, channel: Channel | None = None) -> Thread:
        """Mention the bot in a channel, as ann in "general" unless told otherwise; return the thread that it opens."""
        person = person or self.ann
        message = await person.say(channel or self.channel, f"{self.bot.mention} {text}")
        return await person.sees_thread(message, timeout=self.patience)

    def said_by_bot(self, place: Channel | int) -> list[Message]:
        """Return the bot's own messages in a channel or thread, oldest first, without Discord's system messages."""
        written = {MessageType.DEFAULT, MessageType.REPLY}
        return [each for each in self.discord.messages(place) if each.author_id == self.bot.id and each.type in written]


def configuration(
    lab: Lab,
    folder: Path,
    agent: Table,
    *,
    access: Table = "",
    channels: Sequence[Channel] = (),
    more: str = "",
    **tables: Table,
) -> str:
    """Return the text of a configuration with which the lab's bot works in its channel.

    `agent` is the default agent, which works in `folder`/project. The journal is in `folder` too. `access` adds to the
    access table. The bot works in `channels` too, in a directory of their name. Each keyword is a table of its own, and
    `more` is the rest of the file.
    """
    project = folder / "project"
    project.mkdir(exist_ok=True)
    for channel in channels:
        (folder / channel.name).mkdir(exist_ok=True)
        tables[f"channels.{channel.id}"] = {"cwd": str(folder / channel.name)}
    parts: dict[str, Sequence[Table]] = {
        "discord": [{"token": lab.bot.token, "endpoint": lab.discord.endpoint}],
        "access": [{"channels": ids(lab.channel, *channels)}, access],
        "agents.default": [{"cwd": str(project)}, agent],
        "journal": [{"path": str(folder / "threadline.db")}],
        **{name: [table] for name, table in tables.items()},
    }
    return "\n".join([*(f"[{name}]\n{''.join(map(lines, part))}" for name, part in parts.items()), more])


def ids(*named: Account | Channel | Guild) -> list[str]:
    """Return the ids as a configuration names people and places."""
    return [str(each.id) for each in named]


def command(argv: Sequence[str]) -> dict[str, Any]:
    """Return an agent's settings with this command line."""
    return {"command": argv[0], "args": list(argv[1:])}


def in_toml(value: Any) -> str:
    """Write a string, number, boolean, or a list or mapping of them, as TOML."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {in_toml(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_toml, value))}]"
    # JSON's numbers, booleans and strings of printable characters are TOML's too.
    return json.dumps(value, ensure_ascii=False)


def lines(table: Table) -> str:
    """Write a table's settings, each on a line."""
    if isinstance(table, str):
        return f"{table}\n"
    return "".join(f"{key} = {in_toml(value)}\n" for key, value in table.items())
