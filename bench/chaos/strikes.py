"""How each trouble is made: signals to processes, the gateway's switches, rules for REST calls."""

import asyncio
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from bench.chaos.books import SILENCED
from bench.chaos.hurried import FULL, HURRY
from bench.chaos.ledger import read_rows
from bench.chaos.plan import Fault, Trouble
from bench.chaos.stage import Stage
from loopback import DiscordError
from loopback.faults import CallFault, Turbulence
from loopback.refusals import Edge

__all__ = ["Strikes"]

PAUSE_SECONDS: Final = 0.4
"""The longest time that the bot stays away after a kill."""

REST_CALLS: Final = 3
REST_ODDS: Final = 0.4
"""A fault of REST strikes so many of the next calls about messages, each with this probability."""

SLOW_SECONDS: Final = 0.5

AWAY_SECONDS: Final = (60.0 / HURRY, 20 * 60.0 / HURRY)
"""How long Discord is away, from and to: a minute to twenty, hurried as the bot's waits are."""

AWAY: Final[tuple[CallFault, ...]] = (
    {"reset": True},
    {"status": 503},
    {"edge": Edge.HTML_403},
    {"edge": Edge.HTML_429},
    {"edge": Edge.RATE_LIMITED},
    {"edge": Edge.ACCESS_DENIED},
)
"""What every call and every connect gets while Discord is away."""

FULL_SECONDS: Final = 2.0
"""The longest time that there is no room for temporary files."""

RELOAD_SECONDS: Final = 30.0
"""For so long somebody tries to have the configuration read again."""

SILENT_SECONDS: Final = 1.5
"""The longest time that somebody may not talk."""

HARSH: Final = {Trouble.KILL_BOT, Trouble.STOP_BOT, Trouble.KILL_AGENT, Trouble.CANCEL, Trouble.KILL_IN_COMMAND}
"""Troubles that may leave a message without an answer, if that is said; after all others each is answered."""

WRITES: Final = re.compile(r"^/channels/\d+")
"""Messages, their edits and files, reactions, typing, threads: all that the bot writes."""

MEMBERS: Final = re.compile(r"^/guilds/\d+/members/")
"""Where the roles of somebody are read whose message was missed."""

CUT_ODDS: Final = 0.6
"""The probability that the gateway is cut too where Discord is away, and that its session can be resumed."""

SLOW_DOWN: Final = {"message": "You are being rate limited.", "retry_after": 0.2, "global": False}


class Strikes:
    """Makes troubles in one round, and counts those that had an effect."""

    def __init__(self, stage: Stage, number: int, thread_ids: set[int], tasks: asyncio.TaskGroup) -> None:
        """Strike in round `number`; what is cancelled is something in these threads, which may become more."""
        self.struck: Counter[Trouble] = Counter()
        self.left: set[int] = set()
        """The pids of what ran for a bot that was killed."""
        self._stage = stage
        self._number = number
        self._thread_ids = thread_ids
        self._tasks = tasks
        self._lasting: set[asyncio.Task[None]] = set()

    def strike(self, fault: Fault) -> None:
        """Make the trouble now."""
        if self._make(fault):
            self.struck[fault.trouble] += 1
            if fault.trouble in HARSH:
                self._stage.deeds.harsh.add(self._number)

    def _make(self, fault: Fault) -> bool:
        stage, discord, bot = self._stage, self._stage.discord, self._stage.bot
        chance = random.Random(fault.luck)
        match fault.trouble:
            case Trouble.KILL_BOT | Trouble.KILL_IN_COMMAND:
                stage.process.pause = chance.uniform(0, PAUSE_SECONDS)
                self.left |= stage.agents()
                stage.sessions_killed = bot.identifies
                return stage.process.send(signal.SIGKILL)
            case Trouble.STOP_BOT:
                stage.process.pause = chance.uniform(0, PAUSE_SECONDS)
                return stage.process.send(signal.SIGTERM)
            case Trouble.KILL_AGENT:
                return self._kill_agent(chance)
            case Trouble.CANCEL:
                return self._cancel(chance)
            case Trouble.DROP | Trouble.LOSE:
                discord.drop_gateway(bot, resume=fault.trouble is Trouble.DROP)
            case Trouble.RECONNECT:
                discord.ask_reconnect(bot)
            case Trouble.REPLAY:
                try:
                    discord.replay_last(bot, "MESSAGE_CREATE")
                except LookupError:
                    return False
            case Trouble.TWICE:
                discord.event_fault("MESSAGE_CREATE", Turbulence.TWICE, times=REST_CALLS)
            case Trouble.OUTAGE:
                self._last(self._be_away(chance))
            case Trouble.NO_TMP | Trouble.FULL_TMP:
                self._last(self._fill(chance, full=fault.trouble is Trouble.FULL_TMP))
            case Trouble.RIGHTS:
                self._last(self._silence(chance))
            case Trouble.ROLES:
                discord.drop_gateway(bot, resume=False)
                self._trouble_rest(fault.trouble, chance)
            case _:
                self._trouble_rest(fault.trouble, chance)
        return True

    def _last(self, trouble: Coroutine[Any, Any, None]) -> None:
        """Make a trouble that takes its time."""
        self._lasting.add(self._tasks.create_task(trouble, name="lasting trouble"))

    async def over(self) -> None:
        """Wait until every trouble that takes its time has ended."""
        if self._lasting:
            await asyncio.wait(self._lasting)

    async def _be_away(self, chance: random.Random) -> None:
        """Let Discord be away for a while, for calls and for the gateway."""
        discord, answer = self._stage.discord, chance.choice(AWAY)
        connect: CallFault = {"status": 503} if answer.get("reset") else answer
        gateway: CallFault = {**connect, "method": "CONNECT", "times": None}
        rest: CallFault = {**answer, "path": "/", "times": None}
        rules = [discord.fault(**gateway), discord.fault(**rest)]
        if chance.random() < CUT_ODDS:
            discord.drop_gateway(self._stage.bot, resume=chance.random() < CUT_ODDS)
        self._stage.process.discord_away = True
        try:
            await asyncio.sleep(chance.uniform(*AWAY_SECONDS))
        finally:
            for rule in rules:
                rule.remove()
            self._stage.process.discord_away = False

    async def _fill(self, chance: random.Random, *, full: bool) -> None:
        """Let there be no room for temporary files for a while, or no directory."""
        place = self._stage.process.temporary
        sign, gone = place / FULL, place.with_name("gone")
        if full:
            sign.touch()
        else:
            place.rename(gone)
        try:
            await asyncio.sleep(chance.uniform(0, FULL_SECONDS))
        finally:
            if full:
                sign.unlink()
            else:
                gone.rename(place)

    async def _silence(self, chance: random.Random) -> None:
        """Take the right to talk away from the second person for a while; what waits for them is not to be done."""
        stage = self._stage
        stage.deeds.silenced.add(self._number)
        await self._allow(stage.allowed[:1])
        try:
            stage.deeds.barred |= self._waiting()
            await asyncio.sleep(chance.uniform(0, SILENT_SECONDS))
            stage.deeds.barred -= self._waiting()
        finally:
            await self._allow(stage.allowed)

    def _waiting(self) -> set[int]:
        """The second person's messages that wait now."""
        rows = read_rows(self._stage.journal)
        said = (each for asked in self._stage.asked.values() for each in asked if each.line.by == SILENCED)
        return {each.message_id for each in said if rows.get(each.message_id, ("", None))[0] in ("received", "held")}

    async def _allow(self, users: Sequence[str]) -> None:
        """Have others allowed, and wait until the bot goes by it: it says so, or it was started after the change."""
        self._stage.configure(users)
        until = time.monotonic() + RELOAD_SECONDS
        while time.monotonic() < until:
            with suppress(AssertionError, DiscordError):
                done = await self._stage.people[0].slash(self._stage.channel, "reload")
                if done.acknowledged:
                    return
            await asyncio.sleep(PAUSE_SECONDS)

    def _kill_agent(self, chance: random.Random) -> bool:
        pids = sorted(self._stage.agents())
        if not pids:
            return False
        with suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
        return True

    def _cancel(self, chance: random.Random) -> bool:
        there = sorted(each for each in self._thread_ids if each in self._stage.discord.world.channels)
        if not there or not self._stage.discord.is_connected(self._stage.bot):
            return False
        self._tasks.create_task(self._give_cancel(chance.choice(there)), name="cancel")
        return True

    async def _give_cancel(self, thread_id: int) -> None:
        with suppress(AssertionError, DiscordError):
            await self._stage.people[0].slash(thread_id, "cancel")

    def _trouble_rest(self, trouble: Trouble, chance: random.Random) -> None:
        discord, seed = self._stage.discord, chance.randrange(1000)
        match trouble:
            case Trouble.UNAVAILABLE:
                discord.fault(path=WRITES, status=503, times=REST_CALLS, probability=REST_ODDS, seed=seed)
            case Trouble.RESET:
                discord.fault(path=WRITES, reset=True, times=REST_CALLS, probability=REST_ODDS, seed=seed)
            case Trouble.ANSWER_LOST:
                discord.fault(path=WRITES, answer_lost=True, times=REST_CALLS, probability=REST_ODDS, seed=seed)
            case Trouble.TOO_MANY:
                discord.fault(
                    path=WRITES, status=429, body=SLOW_DOWN, times=REST_CALLS, probability=REST_ODDS, seed=seed
                )
            case Trouble.EDGE:
                edge = chance.choice(list(Edge))
                discord.fault(path=WRITES, edge=edge, times=REST_CALLS, probability=REST_ODDS, seed=seed)
            case Trouble.ROLES:
                if chance.random() < REST_ODDS:
                    discord.fault(path=MEMBERS, status=429, body=SLOW_DOWN, times=REST_CALLS)
                else:
                    discord.fault(path=MEMBERS, status=503, times=REST_CALLS)
            case _:
                discord.fault(path=WRITES, slow=SLOW_SECONDS, times=REST_CALLS, probability=REST_ODDS, seed=seed)
