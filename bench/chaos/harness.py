"""The harness of a worker: a Discord, two people, the bot as a process, and observations from outside."""

import asyncio
import re
import secrets
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.agent_command import ROOT
from bench.chaos.process import RestartedBot, agents, kept_alive
from loopback import Loopback, Message, Role
from loopback.harness import Lab, command, configuration
from loopback.state.components import BUTTON, walk

from .invariants import CONTROL, Finding, Page, Request, Rows, Thread, UserActions
from .observations import AgentNotes, journal_id, knows_a_channel, read_rows, read_together

__all__ = ["ChaosLab", "NoBot", "buttons", "chaos_lab"]

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

_REQUEST: Final = re.compile(r"<@[0-9]+> asks:\n")


class NoBot(Exception):
    """The bot does not connect, however often it is started; the text is for people."""


@dataclass(kw_only=True)
class ChaosLab(Lab):
    """Who and what is there: ann and ben. `asked` is all that was ever said, by the thread where its answer belongs."""

    process: RestartedBot
    folder: Path
    journal: Path
    notes: AgentNotes
    role: Role
    """By which the second person is allowed: a message that was missed does not say it."""
    warm: int
    """How many agents the bot keeps ready."""
    deeds: UserActions = field(default_factory=UserActions)
    asked: dict[int, list[Request]] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    """Threads, and the round in which each was last talked in."""
    wrong: set[Finding] = field(default_factory=set)
    """What was found wrong after earlier rounds, and is not waited for again."""
    sessions_killed: int = 0
    """How many sessions the bot had begun when it was last killed."""

    @property
    def allowed(self) -> list[str]:
        """All who may talk to the bot, as the configuration names them."""
        return [str(self.people[0].id), f"role:{self.role.id}"]

    def configure(self, users: Sequence[str]) -> None:
        """Write the configuration, with those who may talk to the bot."""
        agent = command([sys.executable, "-m", "bench.chaos.agent", "--state", str(self.folder / "sessions")])
        text = configuration(
            self,
            self.folder,
            {**agent, "env": {"PYTHONPATH": str(ROOT)}, "warm": self.warm},
            access={"users": users},
            pool={"max_agents": AGENTS, "per_user": PLENTY, "per_thread": PLENTY, "per_minute": PLENTY},
            reply={"max_pages": PAGES},
            threads={"introduction": False},
        )
        fresh = self.folder / "threadline.toml.new"
        fresh.write_text(text, "utf-8")
        fresh.replace(fresh.with_suffix(""))

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

    def note(self, thread_id: int, asked: Request) -> None:
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
        said = (message for message in self.said(thread_id) if message.id not in requests and not is_request(message))
        pages = [_page(message) for message in said]
        return Thread(thread_id, asked, pages, rows, together)

    def said(self, thread_id: int) -> list[Message]:
        """What the bot wrote in a thread, if there is such a thread; oldest first."""
        thread = self.discord.world.channels.get(thread_id)
        return [] if thread is None else self.said_by_bot(thread)

    def eyes(self) -> int:
        """Count the messages of people that the bot still has a reaction on: they wait or are worked on."""
        places = self.discord.world.channels.values()
        return sum(self._has_sign(message) for place in places for message in self.discord.messages(place))

    async def signs_settled(self) -> None:
        """Wait until no such reaction is left, for `SIGN_SECONDS`: reactions are what the bot updates last."""
        with suppress(TimeoutError):
            await self.discord.until(lambda: not self.eyes(), timeout=SIGN_SECONDS)

    def _has_sign(self, message: Message) -> bool:
        return any(self.bot.id in message.reactions.get(sign, ()) for sign in SIGNS)

    def agents(self) -> set[int]:
        """Return the pids of all that runs for this lane's bot."""
        return agents(journal_id(self.journal))


def is_request(message: Message) -> bool:
    """Return whether the bot posted the message as what a person asks."""
    return _REQUEST.match(message.content) is not None


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
async def chaos_lab(folder: Path, *, warm: int) -> AsyncIterator[ChaosLab]:
    """Set a stage whose bot keeps so many spares, and start it. At the end the bot is stopped in order."""
    (folder / TMP).mkdir(parents=True)
    async with Loopback() as discord:
        lab = Lab.furnish(discord, "ann", "ben", token=secrets.token_urlsafe(24))
        role = discord.add_role(lab.guild, "staff")
        discord.give_role(lab.guild, lab.ben, role)
        lab = ChaosLab(
            **vars(lab),
            process=RestartedBot(folder / "threadline.toml", folder / "bot.log", folder / TMP),
            folder=folder,
            journal=folder / "threadline.db",
            notes=AgentNotes(folder / "sessions"),
            role=role,
            warm=warm,
        )
        lab.configure(lab.allowed)
        async with kept_alive(lab.process):
            yield lab
