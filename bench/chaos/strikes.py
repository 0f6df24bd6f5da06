"""How each trouble is made: signals to processes, the gateway's switches, rules for REST calls."""

import asyncio
import os
import random
import re
import signal
from collections import Counter
from contextlib import suppress
from typing import Final

from bench.chaos.plan import Fault, Trouble
from bench.chaos.stage import Stage
from loopback import DiscordError
from loopback.faults import Turbulence

__all__ = ["Strikes"]

PAUSE_SECONDS: Final = 0.4
"""The longest time that the bot stays away after a kill."""

REST_CALLS: Final = 3
REST_ODDS: Final = 0.4
"""A fault of REST strikes so many of the next calls about messages, each with this probability."""

SLOW_SECONDS: Final = 0.5

HARSH: Final = {Trouble.KILL_BOT, Trouble.STOP_BOT, Trouble.KILL_AGENT, Trouble.CANCEL}
"""Troubles that may leave a message without an answer, if that is said; after all others each is answered."""

WRITES: Final = re.compile(r"^/channels/\d+")
"""Messages, their edits and files, reactions, typing, threads: all that the bot writes."""

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
            case Trouble.KILL_BOT | Trouble.STOP_BOT:
                stage.process.pause = chance.uniform(0, PAUSE_SECONDS)
                if fault.trouble is Trouble.KILL_BOT:
                    self.left |= stage.agents()
                    stage.sessions_killed = bot.identifies
                return stage.process.send(signal.SIGKILL if fault.trouble is Trouble.KILL_BOT else signal.SIGTERM)
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
            case _:
                self._trouble_rest(fault.trouble, chance)
        return True

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
            case _:
                discord.fault(path=WRITES, slow=SLOW_SECONDS, times=REST_CALLS, probability=REST_ODDS, seed=seed)
