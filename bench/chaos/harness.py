"""The lab of a worker: a Discord, two people, the bot as a process, and outside observations."""

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
from loopback.state.components import BUTTON, text_of, walk

from .invariants import CONTROL, Finding, Page, Request, Rows, Thread, UserActions
from .machines import LINGER_SECONDS, Machines
from .observations import AgentNotes, journal_id, knows_a_channel, read_rows, read_together
from .rounds_in_play import RoundsInPlay

TMP: Final = "tmp"
"""The directory of the bot's temporary files in its worker's directory."""

PAGES: Final = 4
"""Messages of a reply, after which a long answer continues in a file."""

AGENTS: Final = 3
THREADS_PER_AGENT: Final = 4
"""Fewer agents than threads, so that some threads wait and some agents are put to sleep."""

BEGIN_SECONDS: Final = 180.0

CONNECT_SECONDS: Final = 180.0
"""The bound on a bot's connect. All workers start theirs together, on a machine that may be busy."""
LOOK_SECONDS: Final = 0.05

SIGN_SECONDS: Final = 20.0
SIGNS: Final = ("👀", "⏳")

PLENTY: Final = 100_000
"""A bound above all rounds, because a refusal would hide a loss."""

_REQUEST: Final = re.compile(r"<@[0-9]+> asks:\n")


class NoBot(Exception):
    """The bot does not connect. The text is for people."""


@dataclass(kw_only=True)
class ChaosLab(Lab):
    """A worker's lab, with ann and ben. `asked` has all requests by the thread of their answers."""

    process: RestartedBot
    folder: Path
    journal: Path
    notes: AgentNotes
    role: Role
    """The role that allows the second person, which a missed message does not contain."""
    warm: int
    """The number of spare agents."""
    machines: Machines
    """The machines of the agents, if they have others than the bot's."""
    rounds: RoundsInPlay
    temporary: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the directory of temporary files is gone or full."""
    rights: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the second person may not talk."""
    actions: UserActions = field(default_factory=UserActions)
    asked: dict[int, list[Request]] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    """Threads, with the last round of each."""
    wrong: set[Finding] = field(default_factory=set)
    """The findings of earlier rounds, which later rounds ignore."""
    sessions_killed: int = 0
    """The number of the bot's sessions at its last kill."""

    @property
    def allowed(self) -> list[str]:
        """The allowed users, as the configuration names them."""
        return [str(self.people[0].id), f"role:{self.role.id}"]

    def configure(self, users: Sequence[str]) -> None:
        """Write the configuration with these allowed users."""
        here = command([sys.executable, "-m", "bench.chaos.agent", "--state", str(self.folder / "sessions")])
        here |= {"env": {"PYTHONPATH": str(ROOT)}, "warm": self.warm}
        text = configuration(
            self,
            self.folder,
            self.machines.command() if self.machines else here,
            access={"users": users},
            pool={
                "max_agents": max(AGENTS, self.rounds.room // THREADS_PER_AGENT),
                "per_user": PLENTY,
                "per_thread": PLENTY,
                "per_minute": PLENTY,
            },
            reply={"max_pages": PAGES},
            threads={"introduction": False},
            more=self.machines.tables(),
        )
        fresh = self.folder / "threadline.toml.new"
        fresh.write_text(text, "utf-8")
        fresh.replace(fresh.with_suffix(""))

    async def connected(self) -> None:
        """Wait until the bot, started after the last kill, is connected. Raises `NoBot`."""

        def connected() -> bool:
            return self.bot.identifies > self.sessions_killed and self.discord.is_connected(self.bot)

        try:
            await self.discord.until(connected, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise NoBot("the bot does not connect") from None

    async def begun(self) -> None:
        """Wait until the bot has first noted the channel. Raises `NoBot`."""
        await self.connected()
        for _ in range(round(BEGIN_SECONDS / LOOK_SECONDS)):
            if knows_a_channel(self.journal):
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise NoBot("the bot takes no note of its channel")

    def note(self, thread_id: int, asked: Request) -> None:
        """Note a request."""
        self.asked.setdefault(thread_id, []).append(asked)
        self.used[thread_id] = asked.round

    def threads(self, thread_ids: Iterable[int]) -> list[Thread]:
        """Observe these threads."""
        rows, together = read_rows(self.journal), read_together(self.journal)
        return [self._thread(each, rows, together) for each in thread_ids if each in self.asked]

    def _thread(self, thread_id: int, rows: Rows, together: Mapping[int, int]) -> Thread:
        asked = self.asked[thread_id]
        requests = {each.message_id for each in asked}
        said = (message for message in self.said(thread_id) if message.id not in requests and not is_request(message))
        pages = [_page(message) for message in said]
        return Thread(thread_id, asked, pages, rows, together)

    def said(self, thread_id: int) -> list[Message]:
        """Return the bot's messages in a thread, oldest first, none if the thread does not exist."""
        thread = self.discord.world.channels.get(thread_id)
        return [] if thread is None else self.said_by_bot(thread)

    def eyes(self) -> int:
        """Count the messages with the bot's reaction for queued or running requests."""
        places = self.discord.world.channels.values()
        return sum(self._has_sign(message) for place in places for message in self.discord.messages(place))

    async def signs_settled(self) -> None:
        """Wait up to `SIGN_SECONDS` until these reactions are gone, which the bot updates last."""
        with suppress(TimeoutError):
            await self.discord.until(lambda: not self.eyes(), timeout=SIGN_SECONDS)

    def _has_sign(self, message: Message) -> bool:
        return any(self.bot.id in message.reactions.get(sign, ()) for sign in SIGNS)

    def agents(self) -> set[int]:
        """Return the pids of the bot's agents and their children."""
        return agents(journal_id(self.journal))

    async def ended(self, pids: set[int]) -> set[int]:
        """Return which of these processes still live. On other machines they have a while to end."""
        left = pids & self.agents()
        for _ in range(round(LINGER_SECONDS / LOOK_SECONDS) if self.machines else 0):
            if not left:
                break
            await asyncio.sleep(LOOK_SECONDS)
            left = pids & self.agents()
        return left


def is_request(message: Message) -> bool:
    """Return whether the message is a request that the bot posted for a person."""
    return _REQUEST.match(message.content) is not None


def buttons(message: Message) -> dict[str, str]:
    """Return the custom ids of a message's enabled buttons by label."""
    there = (one for _, one in walk(message.components) if one.get("type") == BUTTON and "custom_id" in one)
    return {one["label"]: one["custom_id"] for one in there if not one.get("disabled")}


def _page(message: Message) -> Page:
    asks = any(custom_id.startswith("threadline:answer:") for custom_id in buttons(message).values())
    attached = "\n".join((each.content or b"").decode(errors="replace") for each in message.attachments)
    controls = tuple(each for each in buttons(message).values() if CONTROL.match(each))
    return Page(message.id, text_of(message), _answered(message.nonce), asks, attached, controls)


def _answered(nonce: str | int | None) -> int | None:
    """Return the message of a page, whose hexadecimal id begins the page's nonce."""
    key, dot, _ = str(nonce or "").partition(".")
    try:
        return int(key, 16) if dot else None
    except ValueError:
        return None


@asynccontextmanager
async def chaos_lab(folder: Path, rounds: RoundsInPlay, *, warm: int, there: Machines) -> AsyncIterator[ChaosLab]:
    """Run a lab whose bot keeps `warm` spares, and stop the bot in order at the end.

    With machines `there`, its agents run on them, and it keeps no spares.
    """
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
            notes=AgentNotes(folder),
            role=role,
            warm=warm,
            machines=there,
            rounds=rounds,
        )
        lab.configure(lab.allowed)
        async with kept_alive(lab.process):
            yield lab
