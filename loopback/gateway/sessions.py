"""Gateway sessions: their bots, their sent events, and the replay after a RESUME. Pure.

A session outlives its connection. It numbers its events, keeps the last EVENTS_KEPT of them, and sends each to the
attached connection, if any.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from loopback.payloads import objects as payloads
from loopback.rest.conformance import Violations
from loopback.state import world_events
from loopback.state.entities import Bot, Guild, Json
from loopback.state.faults import Faults, GatewayFault
from loopback.state.strict_rules import StrictRule
from loopback.state.world import World

from . import dispatch

EVENTS_KEPT: Final = 2_000
SESSIONS_KEPT: Final = 20
API_VERSION: Final = 10


class Outlet(Protocol):
    """A connection, as sessions use it."""

    def send(self, frame: str) -> None:
        """Send one frame after those before it."""

    def ask_reconnect(self) -> None:
        """Send op 7."""

    def freeze(self) -> None:
        """Stop sending, heartbeat answers included, and keep the connection."""

    def close(self, code: int) -> None:
        """Close the connection after the frames before."""


@dataclass(eq=False)
class GatewaySession:
    """One bot's session. `shard` is (number, count). `ready` is true once READY and the guilds are sent."""

    bot: Bot
    intents: int
    shard: tuple[int, int]
    outlet: Outlet | None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    resumable: bool = True
    ready: bool = False
    sequence: int = 0
    _sent: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    _held: list[tuple[str, str]] = field(default_factory=list)

    @property
    def connected(self) -> bool:
        """Whether its bot gets events now."""
        return self.ready and self.outlet is not None

    def dispatch(self, name: str, payload: Json) -> None:
        """Number, keep and send an event, and then the events that were held back for it."""
        # Events are kept as text because the state behind a payload changes.
        self._send(name, json.dumps(payload, separators=(",", ":")))
        held, self._held = self._held, []
        for other, text in held:
            self._send(other, text)

    def hold(self, name: str, payload: Json) -> None:
        """Hold an event back until the next one is sent."""
        self._held.append((name, json.dumps(payload, separators=(",", ":"))))

    def _send(self, name: str, text: str) -> None:
        self.sequence += 1
        self._sent.append((self.sequence, name, text))
        if self.outlet is not None:
            self.outlet.send(_frame(name, self.sequence, text))

    def covers(self, sequence: int) -> bool:
        """Return whether every event after `sequence` is still kept."""
        oldest = self._sent[0][0] if self._sent else self.sequence + 1
        return oldest - 1 <= sequence <= self.sequence

    def resume(self, outlet: Outlet, sequence: int) -> None:
        """Attach a new connection, and send the events after `sequence` and RESUMED."""
        self.outlet = outlet
        for number, name, text in list(self._sent):
            if number > sequence:
                outlet.send(_frame(name, number, text))
        self.dispatch("RESUMED", {})

    def repeat_last(self, name: str) -> bool:
        """Send the last event of that name again under a new number. Returns whether there was one."""
        for _, sent, text in reversed(self._sent):
            if sent == name:
                self._send(name, text)
                return True
        return False


def _frame(name: str, sequence: int, text: str) -> str:
    return f'{{"t":"{name}","s":{sequence},"op":0,"d":{text}}}'


class GatewaySessions:
    """All sessions, which get the world's events.

    `changed` is called when one becomes ready, resumes, shows a status or is left.
    `faults` may lose, repeat or swap events, after `violations` has inspected them.
    """

    def __init__(self, world: World, faults: Faults, violations: Violations, changed: Callable[[], None]) -> None:
        self._world = world
        self._faults = faults
        self._violations = violations
        self._changed = changed
        self._sessions: dict[str, GatewaySession] = {}
        world.listeners.append(self.hear)

    def hear(self, event: world_events.Event) -> None:
        """Pass an event of the world to every session that may see it."""
        guild_id = dispatch.guild_of(event)
        for session in self._sessions.values():
            number, shards = session.shard
            if not session.ready or dispatch.shard_of(guild_id, shards) != number:
                continue
            for name, payload in dispatch.translate(self._world, event, session.bot, session.intents):
                self._deliver(session, name, payload)

    def _deliver(self, session: GatewaySession, name: str, payload: Json) -> None:
        self._violations.see_event(name, payload)
        match self._faults.strike_event(name, session.bot):
            case GatewayFault.LOST:
                pass
            case GatewayFault.SWAPPED:
                session.hold(name, payload)
            case GatewayFault.TWICE:
                session.dispatch(name, payload)
                session.dispatch(name, payload)
            case None:
                session.dispatch(name, payload)

    def of(self, bot: Bot) -> list[GatewaySession]:
        """Return the bot's sessions, oldest first, also those without a connection."""
        return [session for session in self._sessions.values() if session.bot is bot]

    def connected(self, bot: Bot) -> bool:
        """Return whether one of the bot's sessions is ready and attached."""
        return any(session.connected for session in self.of(bot))

    def show_presence(self, bot: Bot, presence: Json) -> None:
        """Keep a status that a bot shows."""
        bot.presences.append(presence)
        self._changed()

    def open(self, bot: Bot, intents: int, shard: tuple[int, int], outlet: Outlet) -> GatewaySession:
        """Open a session, and send READY and each guild of its shard."""
        session = GatewaySession(bot, intents, shard, outlet)
        bot.identifies += 1
        self._sessions[session.id] = session
        self._drop_surplus()
        guilds = [one for one in self._world.guilds.values() if bot.id in one.members]
        guilds = [one for one in guilds if dispatch.shard_of(one.id, shard[1]) == shard[0]]
        ready = self._ready(session, guilds)
        self._violations.see_event("READY", ready)
        session.dispatch("READY", ready)
        if intents & dispatch.GUILDS:
            members = bool(intents & dispatch.GUILD_MEMBERS)
            for one in guilds:
                self._deliver(session, "GUILD_CREATE", payloads.guild_create(self._world, one, bot.id, members=members))
        session.ready = True
        self._changed()
        return session

    def _ready(self, session: GatewaySession, guilds: list[Guild]) -> Json:
        application = payloads.application(self._world, session.bot)
        return {
            "v": API_VERSION,
            "user": payloads.own_user(session.bot),
            "guilds": [{"id": str(one.id), "unavailable": True} for one in guilds],
            "private_channels": [],
            "relationships": [],
            "user_settings": {},
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self._world.gateway_url,
            "shard": list(session.shard),
            "application": {"id": application["id"], "flags": application["flags"]},
        }

    def end(self, bot: Bot, code: int) -> None:
        """End all sessions of a bot with this close code."""
        for session in self.of(bot):
            if session.outlet is not None:
                session.outlet.close(code)
                self.leave(session, session.outlet, ended=True)
            self._sessions.pop(session.id, None)

    def resume(self, bot: Bot, session_id: str, sequence: int, outlet: Outlet) -> GatewaySession | None:
        """Resume a session. Returns None if it is gone, refused, another bot's, or too old."""
        session = self._sessions.get(session_id)
        if session is None or session.bot is not bot or not session.resumable or not session.covers(sequence):
            return None
        if StrictRule.RESUMES not in self._world.rules:
            return None
        if session.outlet is not None:
            session.outlet.close(4000)
        session.resume(outlet, sequence)
        self._changed()
        return session

    def leave(self, session: GatewaySession, outlet: Outlet, *, ended: bool) -> None:
        """Detach the connection from its session, and forget the session if it `ended`."""
        if session.outlet is outlet:
            session.outlet = None
        if ended:
            self._sessions.pop(session.id, None)
        self._changed()

    def _drop_surplus(self) -> None:
        left = [session for session in self._sessions.values() if session.outlet is None]
        for session in left[: max(0, len(self._sessions) - SESSIONS_KEPT)]:
            del self._sessions[session.id]
