"""A lane's stage: a Discord, two people, the bot as a process, and what is known of it all from outside."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.chaos.books import Asked, Deeds, Entry, Page, Thread
from bench.chaos.ledger import Notes, journal_id, knows_a_channel, read_rows, read_together
from bench.chaos.process import BotProcess, agents, running
from bench.places import ROOT
from loopback import Bot, Channel, Loopback, Message, User
from loopback.components import BUTTON, walk

__all__ = ["NoBot", "Stage", "buttons", "staged"]

AGENTS: Final = 3
"""Fewer than there are threads, so that some wait in line and some are put to sleep."""

BEGIN_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.05

SIGN_SECONDS: Final = 20.0
SIGNS: Final = ("👀", "⏳")

PLENTY: Final = 100_000
"""A bound that no round comes to: a refusal would hide a loss."""


class NoBot(Exception):
    """The bot does not connect, however often it is started; the text is for people."""


@dataclass
class Stage:
    """Who and what is there. `asked` is all that was ever said, by the thread where its answer belongs."""

    discord: Loopback
    channel: Channel
    bot: Bot
    people: Sequence[User]
    process: BotProcess
    journal: Path
    notes: Notes
    deeds: Deeds = field(default_factory=Deeds)
    asked: dict[int, list[Asked]] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    """Threads, and the round in which each was last talked in."""
    wrong: set[Entry] = field(default_factory=set)
    """What was found wrong after earlier rounds, and is not waited for again."""
    sessions_killed: int = 0
    """How many sessions the bot had begun when it was last killed."""

    async def connected(self) -> None:
        """Wait until the bot is connected, and is none that was killed. Raises `NoBot`."""

        def connected() -> bool:
            return self.bot.identifies > self.sessions_killed and self.discord.is_connected(self.bot)

        try:
            await self.discord.until(connected)
        except TimeoutError:
            raise NoBot("the bot does not connect") from None

    async def begun(self) -> None:
        """Wait until the bot has seen the channel for the first time. Raises `NoBot`."""
        await self.connected()
        for _ in range(round(BEGIN_SECONDS / LOOK_SECONDS)):
            if knows_a_channel(self.journal):
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise NoBot("the bot takes no note of its channel")

    def note(self, thread_id: int, asked: Asked) -> None:
        """Write down what was said."""
        self.asked.setdefault(thread_id, []).append(asked)
        self.used[thread_id] = asked.round

    def threads(self, thread_ids: Iterable[int]) -> list[Thread]:
        """Return what is known of these threads now."""
        rows, together = read_rows(self.journal), read_together(self.journal)
        return [Thread(each, self.asked[each], [*map(_page, self.said(each))], rows, together) for each in thread_ids]

    def said(self, thread_id: int) -> list[Message]:
        """What the bot wrote in a thread, oldest first; not what Discord itself wrote for it."""
        if thread_id not in self.discord.world.channels:
            return []
        messages = self.discord.messages(thread_id)
        return [each for each in messages if each.author_id == self.bot.id and int(each.type) in {0, 19}]

    def eyes(self) -> int:
        """Count the messages of people that the bot still has a sign on that they wait or are worked on."""
        places = self.discord.world.channels.values()
        return sum(self._has_sign(message) for place in places for message in self.discord.messages(place))

    async def signs_settled(self) -> None:
        """Wait until no sign is left, for `SIGN_SECONDS`: signs are the last that the bot sees to."""
        with suppress(TimeoutError):
            await self.discord.until(lambda: not self.eyes(), timeout=SIGN_SECONDS)

    def _has_sign(self, message: Message) -> bool:
        return any(self.bot.id in message.reactions.get(sign, ()) for sign in SIGNS)

    def agents(self) -> set[int]:
        """The pids of all that runs for this lane's bot."""
        return agents(journal_id(self.journal))


def buttons(message: Message) -> dict[str, str]:
    """Return a message's buttons: custom ids by label."""
    there = (one for _, one in walk(message.components) if one.get("type") == BUTTON and "custom_id" in one)
    return {one["label"]: one["custom_id"] for one in there if not one.get("disabled")}


def _page(message: Message) -> Page:
    asks = any(custom_id.startswith("threadline:answer:") for custom_id in buttons(message).values())
    attached = "\n".join((each.content or b"").decode(errors="replace") for each in message.attachments)
    return Page(message.id, message.content, _answered(message.nonce), asks, attached)


def _answered(nonce: str | int | None) -> int | None:
    """Read which message a page belongs to: a reply's nonce begins with it, in hexadecimal."""
    key, dot, _ = str(nonce or "").partition(".")
    try:
        return int(key, 16) if dot else None
    except ValueError:
        return None


@asynccontextmanager
async def staged(folder: Path, *, warm: int) -> AsyncIterator[Stage]:
    """Set a stage whose bot keeps so many spares, and start it. At the end the bot is stopped in order."""
    (folder / "project").mkdir(parents=True)
    async with Loopback() as discord:
        guild = discord.add_guild("Lab")
        channel = discord.add_channel(guild, "general")
        people = [discord.add_person(name, guilds=(guild,)) for name in ("ann", "ben")]
        token = secrets.token_urlsafe(24)
        bot = discord.add_bot("threadline", token=token, owner=people[0], guilds=(guild,))
        config = folder / "threadline.toml"
        users = [str(person.id) for person in people]
        config.write_text(_configuration(discord.endpoint, channel, users, token, folder, warm), "utf-8")
        process = BotProcess(config, folder / "bot.log")
        journal = folder / "threadline.db"
        stage = Stage(discord, channel, bot, people, process, journal, Notes(folder / "sessions"))
        async with running(process):
            yield stage


def _configuration(endpoint: str, channel: Channel, users: list[str], token: str, folder: Path, warm: int) -> str:
    quote = json.dumps  # A JSON string of printable characters is a TOML string too.
    return f"""\
[discord]
token = {quote(token)}
endpoint = {quote(endpoint)}
[access]
channels = ["{channel.id}"]
users = {quote(users)}
[agents.default]
command = {quote(sys.executable)}
args = ["-m", "loopback.agent", "--state", {quote(str(folder / "sessions"))}]
cwd = {quote(str(folder / "project"))}
env = {{ PYTHONPATH = {quote(str(ROOT))} }}
warm = {warm}
[pool]
max_agents = {AGENTS}
per_user = {PLENTY}
per_thread = {PLENTY}
per_minute = {PLENTY}
[threads]
introduction = false
[journal]
path = {quote(str(folder / "threadline.db"))}
"""
