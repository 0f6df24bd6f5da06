"""The harness of a worker: a Discord, two people, the bot as a process, and observations from outside."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.chaos.process import BotProcess, agents, running
from bench.places import ROOT
from loopback import Bot, Channel, Loopback, Message, Role, User
from loopback.state.components import BUTTON, walk

from .invariants import CONTROL, Asked, Deeds, Entry, Page, Rows, Thread
from .observations import Notes, journal_id, knows_a_channel, read_rows, read_together

__all__ = ["NoBot", "Stage", "buttons", "staged"]

TMP: Final = "tmp"
"""The directory of the bot's temporary files, in that of its lane."""

PAGES: Final = 4
"""Messages of a reply; a very long answer goes into a file after them."""

AGENTS: Final = 3
"""Fewer than there are threads, so that some wait in line and some are put to sleep."""

BEGIN_SECONDS: Final = 180.0

CONNECT_SECONDS: Final = 180.0
"""The longest time until a bot is connected: all lanes start theirs at once, on a machine that may be busy."""
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
    folder: Path
    journal: Path
    notes: Notes
    configure: Callable[[Sequence[str]], None]
    """Writes the configuration, with those who may talk to the bot."""
    deeds: Deeds = field(default_factory=Deeds)
    asked: dict[int, list[Asked]] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    """Threads, and the round in which each was last talked in."""
    wrong: set[Entry] = field(default_factory=set)
    """What was found wrong after earlier rounds, and is not waited for again."""
    sessions_killed: int = 0
    """How many sessions the bot had begun when it was last killed."""
    role: Role = field(kw_only=True)
    """By which the second person is allowed: a message that was missed does not say it."""

    @property
    def allowed(self) -> list[str]:
        """All who may talk to the bot, as the configuration names them."""
        return [str(self.people[0].id), f"role:{self.role.id}"]

    async def connected(self) -> None:
        """Wait until the bot is connected, and is none that was killed. Raises `NoBot`."""

        def connected() -> bool:
            return self.bot.identifies > self.sessions_killed and self.discord.is_connected(self.bot)

        try:
            await self.discord.until(connected, timeout=CONNECT_SECONDS)
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
        return [self._thread(each, rows, together) for each in thread_ids if each in self.asked]

    def _thread(self, thread_id: int, rows: Rows, together: Mapping[int, int]) -> Thread:
        asked = self.asked[thread_id]
        requests = {each.message_id for each in asked}
        pages = [_page(message) for message in self.said(thread_id) if message.id not in requests]
        return Thread(thread_id, asked, pages, rows, together)

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
    controls = tuple(each for each in buttons(message).values() if CONTROL.match(each))
    return Page(message.id, message.content, _answered(message.nonce), asks, attached, controls)


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
    for name in ("project", TMP):
        (folder / name).mkdir(parents=True)
    async with Loopback() as discord:
        guild = discord.add_guild("Lab")
        channel = discord.add_channel(guild, "general")
        role = discord.add_role(guild, "staff")
        people = [
            discord.add_person(name, guilds=(guild,), roles=roles) for name, roles in (("ann", ()), ("ben", (role,)))
        ]
        token = secrets.token_urlsafe(24)
        bot = discord.add_bot("threadline", token=token, owner=people[0], guilds=(guild,))
        config = folder / "threadline.toml"

        def configure(users: Sequence[str]) -> None:
            text = _configuration(discord.endpoint, channel, users, token, folder, warm)
            fresh = config.with_suffix(".new")
            fresh.write_text(text, "utf-8")
            fresh.replace(config)

        process = BotProcess(config, folder / "bot.log", folder / TMP)
        journal = folder / "threadline.db"
        notes = Notes(folder / "sessions")
        stage = Stage(discord, channel, bot, people, process, folder, journal, notes, configure, role=role)
        configure(stage.allowed)
        async with running(process):
            yield stage


def _configuration(endpoint: str, channel: Channel, users: Sequence[str], token: str, folder: Path, warm: int) -> str:
    quote = json.dumps  # A JSON string of printable characters is a TOML string too.
    return f"""\
[discord]
token = {quote(token)}
endpoint = {quote(endpoint)}
[access]
channels = ["{channel.id}"]
users = {quote(list(users))}
[agents.default]
command = {quote(sys.executable)}
args = ["-m", "bench.chaos.agent", "--state", {quote(str(folder / "sessions"))}]
cwd = {quote(str(folder / "project"))}
env = {{ PYTHONPATH = {quote(str(ROOT))} }}
warm = {warm}
[pool]
max_agents = {AGENTS}
per_user = {PLENTY}
per_thread = {PLENTY}
per_minute = {PLENTY}
[reply]
max_pages = {PAGES}
[threads]
introduction = false
[journal]
path = {quote(str(folder / "threadline.db"))}
"""
