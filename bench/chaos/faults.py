"""Injects each fault by signals to processes, gateway faults, and rules for REST calls."""

import asyncio
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from bench.chaos.hurried import FULL, HURRY, REFUSED
from bench.chaos.plan import Fault, Trouble
from loopback import DiscordError
from loopback.state.faults import Fault as Rule
from loopback.state.faults import FaultOptions, GatewayFault
from loopback.state.refusals import Edge

from .harness import ChaosLab
from .invariants import SILENCED
from .machines import CUT_OFF_SECONDS, FROZEN_SECONDS, clients, far_agents, kill_one
from .observations import journal_id, read_rows

PAUSE_SECONDS: Final = 0.4
"""The longest pause after a kill before the next start."""

REST_CALLS: Final = 3
REST_ODDS: Final = 0.4
"""A REST fault strikes at most `REST_CALLS` of the next writes, each with the probability `REST_ODDS`."""

SLOW_SECONDS: Final = 0.5

AWAY_SECONDS: Final = (60.0 / HURRY, 20 * 60.0 / HURRY)
"""The shortest and longest outage: a minute and twenty, hurried like the bot's waits."""

AWAY: Final[tuple[FaultOptions, ...]] = (
    {"reset": True},
    {"status": 503},
    {"edge": Edge.HTML_403},
    {"edge": Edge.HTML_429},
    {"edge": Edge.RATE_LIMITED},
    {"edge": Edge.ACCESS_DENIED},
)
"""The possible answers to every call and connect during an outage."""

FULL_SECONDS: Final = 2.0
"""The longest time without room for temporary files after the first refused one."""

UNUSED_SECONDS: Final = 10.0
"""The time without room if no file is refused."""

LOOK_SECONDS: Final = 0.1

VICTIM_SECONDS: Final = 20.0
VICTIM_LOOK_SECONDS: Final = 0.3
"""How long and how often to look for a client or a runner to kill. A look goes through all processes."""

RELOAD_SECONDS: Final = 180.0
"""Seconds for which a person retries /reload."""

SILENT_SECONDS: Final = 1.5
"""The longest time without the right to talk."""

HARSH: Final = {
    *(Trouble.KILL_BOT, Trouble.STOP_BOT, Trouble.KILL_AGENT, Trouble.CANCEL, Trouble.KILL_IN_COMMAND),
    *(Trouble.KILL_CLIENT, Trouble.KILL_RUNNER, Trouble.CUT_OFF, Trouble.FREEZE),
}
"""Troubles after which a message may be declared unanswered. After others each message has an answer."""

WRITES: Final = re.compile(r"^/channels/\d+")
"""The paths of all the bot's writes: messages, edits, files, reactions, typing, threads."""

MEMBERS: Final = re.compile(r"^/guilds/\d+/members/")
"""The path at which the bot reads the roles of a missed message's author."""

CUT_ODDS: Final = 0.6
"""The probability that an outage cuts the gateway, and that its session can then be resumed."""

SLOW_DOWN: Final = {"message": "You are being rate limited.", "retry_after": 0.2, "global": False}


class FaultInjector:
    """Injects the faults of one round, and counts those with an effect."""

    def __init__(self, lab: ChaosLab, number: int, thread_ids: set[int], tasks: asyncio.TaskGroup) -> None:
        """Inject faults in round `number`. `thread_ids`, which may grow, are the threads for /cancel."""
        self.struck: Counter[Trouble] = Counter()
        self.left: set[int] = set()
        """The pids of the processes of killed bots."""
        self._lab = lab
        self._number = number
        self._thread_ids = thread_ids
        self._tasks = tasks
        self._lasting: set[asyncio.Task[None]] = set()
        self._rules: list[tuple[Trouble, Rule]] = []
        self._doubling: list[Rule] = []

    def strike(self, fault: Fault) -> None:
        """Inject the fault now."""
        if self._make(fault):
            self._count(fault.trouble)

    def _count(self, trouble: Trouble) -> None:
        self.struck[trouble] += 1
        if trouble in HARSH:
            self._lab.rounds.mark(self._lab.actions.harsh, self._number)

    def _make(self, fault: Fault) -> bool:
        """Return whether the fault has an immediate effect. `over` counts other effects."""
        lab, discord, bot = self._lab, self._lab.discord, self._lab.bot
        chance = random.Random(fault.luck)
        match fault.trouble:
            case Trouble.KILL_BOT | Trouble.KILL_IN_COMMAND:
                lab.process.pause = chance.uniform(0, PAUSE_SECONDS)
                self.left |= lab.agents()
                lab.sessions_killed = bot.identifies
                return lab.process.send(signal.SIGKILL)
            case Trouble.STOP_BOT:
                lab.process.pause = chance.uniform(0, PAUSE_SECONDS)
                return lab.process.send(signal.SIGTERM)
            case Trouble.KILL_AGENT:
                known = journal_id(lab.journal)
                return kill_one(far_agents(known) if lab.machines else lab.agents(), chance)
            case Trouble.KILL_CLIENT | Trouble.KILL_RUNNER:
                self._last(self._kill_first(fault.trouble, chance))
                return False
            case Trouble.CUT_OFF:
                self._last(lab.machines.cut_off(chance.choice(lab.machines.names), chance.uniform(0, CUT_OFF_SECONDS)))
            case Trouble.FREEZE:
                self._last(lab.machines.freeze(chance.choice(lab.machines.names), chance.uniform(0, FROZEN_SECONDS)))
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
                self._doubling.append(discord.event_fault("MESSAGE_CREATE", GatewayFault.TWICE, times=REST_CALLS))
            case Trouble.OUTAGE:
                self._last(self._be_away(chance))
                return False
            case Trouble.NO_TMP | Trouble.FULL_TMP:
                self._last(self._fill(chance, fault.trouble))
                return False
            case Trouble.RIGHTS:
                self._last(self._silence(chance))
            case Trouble.ROLES:
                discord.drop_gateway(bot, resume=False)
                self._trouble_rest(fault.trouble, chance)
                return False
            case _:
                self._trouble_rest(fault.trouble, chance)
                return False
        return True

    def _last(self, trouble: Coroutine[Any, Any, None]) -> None:
        """Start a lasting trouble."""
        self._lasting.add(self._tasks.create_task(trouble, name="lasting trouble"))

    async def over(self) -> None:
        """Wait for the end of lasting troubles, end the others, and count the rules that struck calls."""
        if self._lasting:
            await asyncio.wait(self._lasting)
        for rule in (*self._doubling, *(rule for _, rule in self._rules)):
            rule.remove()
        self.struck.update({trouble for trouble, rule in self._rules if rule.hits})

    async def _kill_first(self, trouble: Trouble, chance: random.Random) -> None:
        """Kill a client or a runner as soon as there is one."""
        lab = self._lab
        for _ in range(round(VICTIM_SECONDS / VICTIM_LOOK_SECONDS)):
            there = lab.machines.runners() if trouble is Trouble.KILL_RUNNER else clients(journal_id(lab.journal))
            if kill_one(there, chance):
                self._count(trouble)
                break
            await asyncio.sleep(VICTIM_LOOK_SECONDS)

    async def _be_away(self, chance: random.Random) -> None:
        """Inject an outage of REST and of gateway connects."""
        discord, answer = self._lab.discord, chance.choice(AWAY)
        connect: FaultOptions = {"status": 503} if answer.get("reset") else answer
        gateway: FaultOptions = {**connect, "method": "CONNECT", "times": None}
        rest: FaultOptions = {**answer, "path": "/", "times": None}
        rules = [discord.fault(**gateway), discord.fault(**rest)]
        self._rules += ((Trouble.OUTAGE, rule) for rule in rules)
        if chance.random() < CUT_ODDS:
            discord.drop_gateway(self._lab.bot, resume=chance.random() < CUT_ODDS)
        self._lab.process.outages += 1
        try:
            await asyncio.sleep(chance.uniform(*AWAY_SECONDS))
        finally:
            for rule in rules:
                rule.remove()
            self._lab.process.outages -= 1

    async def _fill(self, chance: random.Random, trouble: Trouble) -> None:
        """Leave no room or no directory for temporary files until the bot has been refused one."""
        place, full = self._lab.process.temporary, trouble is Trouble.FULL_TMP
        sign, gone = place / FULL, place.with_name("gone")
        async with self._lab.temporary:  # A missing directory cannot be full.
            before = self._refused()
            if full:
                sign.touch()
            else:
                place.rename(gone)
            try:
                for _ in range(round(UNUSED_SECONDS / LOOK_SECONDS)):
                    if self._refused() > before:
                        self.struck[trouble] += 1
                        await asyncio.sleep(chance.uniform(0, FULL_SECONDS))
                        break
                    await asyncio.sleep(LOOK_SECONDS)
            finally:
                if full:
                    sign.unlink()
                else:
                    gone.rename(place)

    def _refused(self) -> int:
        """Count the refused temporary files."""
        noted = self._lab.process.temporary.with_name(REFUSED)
        return noted.stat().st_size if noted.exists() else 0

    async def _silence(self, chance: random.Random) -> None:
        """Remove the second person's right to talk for a while, during which the bot must drop their queue."""
        lab = self._lab
        async with lab.rights:
            lab.rounds.mark(lab.actions.silenced, self._number)
            await self._allow(lab.allowed[:1])
            try:
                lab.actions.barred |= self._waiting()
                await asyncio.sleep(chance.uniform(0, SILENT_SECONDS))
                lab.actions.barred -= self._waiting()
            finally:
                await self._allow(lab.allowed)

    def _waiting(self) -> set[int]:
        """Return the second person's queued messages."""
        rows = read_rows(self._lab.journal)
        said = (each for asked in self._lab.asked.values() for each in asked if each.line.by == SILENCED)
        return {each.message_id for each in said if rows.get(each.message_id, ("", None))[0] in ("received", "held")}

    async def _allow(self, users: Sequence[str]) -> None:
        """Change the allowed users, and wait until the bot acknowledges a /reload."""
        self._lab.configure(users)
        until = time.monotonic() + RELOAD_SECONDS
        while time.monotonic() < until:
            with suppress(AssertionError, DiscordError):
                done = await self._lab.people[0].slash(self._lab.channel, "reload")
                if done.acknowledged:
                    return
            await asyncio.sleep(PAUSE_SECONDS)

    def _cancel(self, chance: random.Random) -> bool:
        there = sorted(each for each in self._thread_ids if each in self._lab.discord.world.channels)
        if not there or not self._lab.discord.is_connected(self._lab.bot):
            return False
        self._tasks.create_task(self._give_cancel(chance.choice(there)), name="cancel")
        return True

    async def _give_cancel(self, thread_id: int) -> None:
        with suppress(AssertionError, DiscordError):
            await self._lab.people[0].slash(thread_id, "cancel")

    def _trouble_rest(self, trouble: Trouble, chance: random.Random) -> None:
        """Add the fault rule of a trouble for the next calls."""
        aim: FaultOptions = {
            "path": WRITES,
            "times": REST_CALLS,
            "probability": REST_ODDS,
            "seed": chance.randrange(1000),
        }
        match trouble:
            case Trouble.UNAVAILABLE:
                answer: FaultOptions = {"status": 503}
            case Trouble.RESET:
                answer = {"reset": True}
            case Trouble.ANSWER_LOST:
                answer = {"answer_lost": True}
            case Trouble.TOO_MANY:
                answer = {"status": 429, "body": SLOW_DOWN}
            case Trouble.EDGE:
                answer = {"edge": chance.choice(list(Edge))}
            case Trouble.ROLES:
                too_many: FaultOptions = {"status": 429, "body": SLOW_DOWN}
                answer = too_many if chance.random() < REST_ODDS else {"status": 503}
                answer = {**answer, "path": MEMBERS, "probability": 1.0}
            case _:
                answer = {"slow": SLOW_SECONDS}
        rule: FaultOptions = {**aim, **answer}
        self._rules.append((trouble, self._lab.discord.fault(**rule)))
