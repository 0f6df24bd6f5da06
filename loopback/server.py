"""The server: one aiohttp application on 127.0.0.1 over one world, and the methods with which tests control it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import Final, Self, TypeVar, Unpack

from aiohttp import web

from loopback.gateway.connection import Close
from loopback.gateway.gateway import HEARTBEAT, Gateway
from loopback.gateway.sessions import GatewaySessions
from loopback.origin_guard import refuse_foreigners
from loopback.rest.call_log import CallLog
from loopback.rest.conformance import Inspector, Violations
from loopback.rest.rate_limits import Limit, Limits
from loopback.rest.routing import Conditions, Rest
from loopback.state import messages, threads
from loopback.state.change_signal import ChangeSignal
from loopback.state.clock import Clock
from loopback.state.drafts import REQUEST_BYTES
from loopback.state.entities import ALL_INTENTS, Account, Bot, Channel, ChannelType, Guild, Message, Role
from loopback.state.faults import Fault, FaultOptions, Faults, FaultTarget, GatewayFault, for_calls
from loopback.state.outcome import WAIT
from loopback.state.permissions import Permission
from loopback.state.strict_rules import StrictRule
from loopback.state.world import World
from loopback.user import User
from loopback.web import Pages

HOST: Final = "127.0.0.1"
SHUTDOWN_SECONDS: Final = 2.0
VIOLATIONS_SHOWN: Final = 20

ARCHIVING_SECONDS: Final = 60.0
"""The longest delay until an idle thread is archived, unless the clock jumps."""

T = TypeVar("T")


class Loopback:
    """A Discord on 127.0.0.1. `async with` starts it on `port` (0 is a free one) and closes everything at the end.

    `limits=True` enforces all of Discord's rate limits, a collection enforces some. `clock` gives seconds since the
    epoch, and `jump` sets it ahead. `heartbeat` is the gateway's interval in seconds. With `strict`, the inspector sees
    every request, answer and event, and a violation raises AssertionError at the end.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        limits: bool | Collection[Limit] = False,
        clock: Callable[[], float] = time.time,
        heartbeat: float = HEARTBEAT,
        strict: Inspector | None = None,
    ) -> None:
        self.clock = Clock(clock)
        self.world = World(clock=self.clock)
        self.record = CallLog()
        self.limits = Limits(self.clock, limits)
        self.faults = Faults()
        self.violations = Violations(strict)
        self._port = port
        self._changes = ChangeSignal()
        self.clock.listeners += [self._archive_idle, self._changes.tell]
        self._sessions = GatewaySessions(self.world, self.faults, self.violations, self._changes.tell)
        self._gateway = Gateway(self.world, self._sessions, self.clock, self.faults, self.limits, heartbeat)
        conditions = Conditions(self.clock, self.limits, self.faults, self.violations)
        self._rest = Rest(self.world, conditions, self.record, self._changes.tell)
        self._pages = Pages(self.world, self.limits, self.record, self._changes, self._sessions.connected)
        self._runners: list[web.AppRunner] = []
        self._archivist: asyncio.Task[None] | None = None
        # After the sessions, so that the bots have their events before a waiter wakes.
        self.world.listeners.append(lambda _: self._changes.tell())

    def __repr__(self) -> str:
        return f"<Loopback {self.endpoint or 'not started'}: {self.world!r}, {len(self.record)} calls>"

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:PORT`; empty before the start."""
        return self.world.cdn

    @property
    def page(self) -> str:
        """The address of the page, with its key."""
        return f"{self.endpoint}/?key={self._pages.key.text}"

    @property
    def rules(self) -> set[StrictRule]:
        """The strict rules in force, at first all of them. `discord.rules.discard(StrictRule.NONCES)` ends one."""
        return self.world.rules

    def page_once(self) -> str:
        """Return an address of the page that works once, for a browser's command line, which every account can read."""
        return f"{self.endpoint}/?key={self._pages.key.ticket()}"

    async def __aenter__(self) -> Self:
        try:
            self.world.cdn = await self.listen(self._application(), self._port)
        except OSError:
            await self._stop()
            raise
        self._archivist = asyncio.create_task(self._archive_in_time(), name="loopback archivist")
        return self

    async def _archive_in_time(self) -> None:
        while True:
            await asyncio.sleep(ARCHIVING_SECONDS)
            self._archive_idle()

    def _archive_idle(self) -> None:
        threads.archive_idle(self.world)

    async def listen(self, app: web.Application, port: int = 0) -> str:
        """Serve another application on a port of its own until the end, and return its address. Raises OSError."""
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, HOST, port).start()
        return f"http://{HOST}:{runner.addresses[0][1]}"

    async def _stop(self) -> None:
        if self._archivist is not None:
            self._archivist.cancel()
            await asyncio.wait([self._archivist])
        while self._runners:
            await self._runners.pop().cleanup()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()
        if self.violations and error is None:
            raise AssertionError("not as Discord describes it:\n" + "\n".join(self.violations[:VIOLATIONS_SHOWN]))

    def _application(self) -> web.Application:
        """Return everything that is served at the endpoint. Each part attaches its own routes."""
        app = web.Application(client_max_size=REQUEST_BYTES, middlewares=[refuse_foreigners])
        self._gateway.attach(app)
        self._rest.attach(app)
        self._pages.attach(app)
        return app

    # Guilds, channels, accounts

    def add_guild(self, name: str) -> Guild:
        """Add a guild that belongs to the world's default owner."""
        return self.world.add_guild(name)

    def add_channel(
        self, guild: Guild, name: str, *, kind: int = ChannelType.TEXT, tags: Iterable[str] = ()
    ) -> Channel:
        """Add a channel that every member sees. The posts of a forum may have `tags`."""
        return self.world.add_channel(guild, name, kind=kind, tags=tags)

    def add_role(self, guild: Guild, name: str, *, permissions: int = 0) -> Role:
        """Add a role."""
        return self.world.add_role(guild, name, granted=permissions)

    def add_bot(
        self,
        name: str,
        *,
        token: str,
        owner: Account | None = None,
        guilds: Iterable[Guild] = (),
        permissions: int = Permission.MANAGE_THREADS,
        intents: int = ALL_INTENTS,
    ) -> Bot:
        """Add a bot and its application. Its role grants `permissions`, and it may identify with `intents`."""
        owner_id = None if owner is None else owner.id
        return self.world.add_bot(
            name, token=token, owner=owner_id, guilds=guilds, granted=permissions, allowed_intents=intents
        )

    def invite(self, guild: Guild, bot: Bot, *, permissions: int = Permission.MANAGE_THREADS) -> None:
        """Let the bot join the guild by its invite link, with a role that grants `permissions`."""
        self.world.invite(guild, bot, granted=permissions)

    def add_person(self, name: str, *, guilds: Iterable[Guild] = (), roles: Iterable[Role] = ()) -> User:
        """Add a person, and return a `User` that acts for them."""
        return self.person(self.world.add_person(name, guilds=guilds, roles=roles))

    def person(self, account: Account) -> User:
        """Return a `User` that acts for an existing person."""
        return User(account, self.world, self._changes)

    def give_role(self, guild: Guild, account: Account, role: Role) -> None:
        """Give a member one more role."""
        self.world.give_role(guild, account, role)

    # Looking and waiting

    def messages(self, channel: Channel | int) -> list[Message]:
        """Return the messages of a channel or thread without the ephemeral ones, oldest first."""
        channel_id = channel if isinstance(channel, int) else channel.id
        found = self.world.channels[channel_id].messages.values()
        return [message for message in found if message.ephemeral_to is None]

    async def until(self, condition: Callable[[], T | None], *, timeout: float = WAIT) -> T:
        """Wait until `condition()` is true, which each change and REST call may make it. Raises TimeoutError."""
        return await self._changes.until(condition, timeout)

    async def connected(self, bot: Bot, *, timeout: float = WAIT) -> None:
        """Wait until the bot's gateway session is ready. Raises AssertionError on time-out."""
        try:
            await self._changes.until(lambda: self._sessions.connected(bot), timeout)
        except TimeoutError:
            raise AssertionError(f"{bot.name} did not connect within {timeout:g} s") from None

    def is_connected(self, bot: Bot) -> bool:
        """Return whether the bot's gateway session is ready and attached."""
        return self._sessions.connected(bot)

    # Faults

    def drop_gateway(self, bot: Bot, *, resume: bool = True) -> None:
        """Close the bot's websocket. Its events wait for a RESUME, which `resume=False` refuses with op 9."""
        for session in self._sessions.of(bot):
            session.resumable = session.resumable and resume
            if session.outlet is not None:
                session.outlet.close(Close.UNKNOWN_ERROR)
                self._sessions.leave(session, session.outlet, ended=False)

    def ask_reconnect(self, bot: Bot) -> None:
        """Send op 7, which asks the bot to reconnect and resume."""
        for session in self._sessions.of(bot):
            if session.outlet is not None:
                session.outlet.ask_reconnect()

    def freeze_gateway(self, bot: Bot) -> None:
        """Send the bot no more frames, heartbeat answers included, as if the connection had died silently."""
        for session in self._sessions.of(bot):
            if session.outlet is not None:
                session.outlet.freeze()

    def fault(self, **rule: Unpack[FaultOptions]) -> Fault:
        """Make REST calls go wrong.

        `method`, `path` (its beginning, or a pattern), `says` (a text of the body) and `bot` choose the calls.
        `times` (1; None for always), `after` so many, and `probability` with a `seed` say how often the rule strikes.
        Instead of the effect comes Discord's refusal with a `code`, an answer of the `edge` before Discord, a `reset`,
        or a `status` with a `body` (JSON, or text of a `content_type`) and a `retry_after`, without a Via header if
        `via=False`. After the effect, `answer_lost` ends the connection or sends the `body`, and `slow` delays the
        answer by seconds. The method "CONNECT" means gateway connects, and takes a status only.
        """
        return self.faults.add(for_calls(**rule))

    def event_fault(self, event: str | None, effect: GatewayFault, **aim: Unpack[FaultTarget]) -> Fault:
        """Lose, repeat or swap gateway events of that name, or of any name if it is None."""
        return self.faults.add(Fault(effect, event=event, **aim))

    def unfurl(self, message: Message, url: str, *, title: str) -> None:
        """Show a link's preview below a message, as Discord does some time after the post."""
        messages.unfurl(self.world, message, {"type": "link", "url": url, "title": title})

    def jump(self, seconds: float) -> None:
        """Move the clock ahead for limits, interactions, slow answers and heartbeats."""
        self.clock.jump(seconds)

    def replay_last(self, bot: Bot, name: str) -> None:
        """Send the bot's last event of that name again with a new number. Raises LookupError without one."""
        repeated = [session.repeat_last(name) for session in self._sessions.of(bot) if session.connected]
        if not any(repeated):
            raise LookupError(f"{bot.name} got no {name} yet")
