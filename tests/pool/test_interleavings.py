"""Random schedules, each made from a seed. Their properties hold for all actions of people, agents and processes."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel

from acp import SpawnFailed, StartProblem
from acp.schema import PromptCapabilities
from pool.conversation_context import ConversationState
from pool.exchange import ExchangeFailed, ShutDown
from pool.journal.message_states import MessageState as Row
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse

from .pool_harness import MODES, RunningPool, prompt_text, running_pool
from .recording_exchange import Recorder

pytestmark = pytest.mark.bulk

THREADS = 20
SLOTS = 3
STEPS = 250
A_PERSON = 42

PAUSES = (0, 0, 0, 0.01, 0.5, 3, 20)
ACTS = ("say",) * 12 + ("cancel",) * 3 + ("resume",) * 2 + ("drop", "reset", "kill", "idle death")
ANSWERS = ("immediately",) * 6 + ("slowly",) * 4 + ("hang", "deaf", "die", "refuse")


class Moody(MemoryAgent):
    """An agent whose dice decide each answer, and which is slow to stop."""

    def __init__(self, dice: random.Random, prompted: list[str], number: int) -> None:
        super().__init__(
            modes=MODES, session_prefix=f"agent{number}", capabilities={"loadSession": dice.random() < 0.8}
        )
        self.overlaps = 0
        self._dice = dice
        self._prompted = prompted
        self._in_flight: Json | None = None
        self._obeys = True

    def _hear(self, message: Json) -> None:
        super()._hear(message)
        match message.get("method"):
            case "session/prompt":
                self.overlaps += self._in_flight is not None
                self._in_flight = message
                self._prompted.append(prompt_text(message))
                self._obeys = True
                self._answer(message)
            case "session/cancel" if self._obeys and self._in_flight is not None:
                self._end(self._in_flight, "cancelled")

    def _answer(self, prompt: Json) -> None:
        later = asyncio.get_running_loop().call_later
        match self._dice.choice(ANSWERS):
            case "immediately":
                self._end(prompt)
            case "slowly":
                self.text(prompt["params"]["sessionId"], "well ")
                later(self._dice.choice((0.1, 2, 70)), self._end, prompt)
            case "deaf":
                self._obeys = False
            case "die":
                later(self._dice.choice((0, 1)), self.die)
            case "refuse":
                self._in_flight = None
                self.fail(prompt, -32603, "Internal error")

    def _end(self, prompt: Json, stop_reason: str = "end_turn") -> None:
        if self._in_flight is prompt:
            self._in_flight = None
            self.end_turn(prompt, stop_reason)

    async def stop(self) -> None:
        await elapse(self._dice.choice((0, 0, 0.1, 5)))
        await super().stop()


class Slow(Recorder):
    """An exchange whose attachments and reply take a while, or fail."""

    def __init__(self, dice: random.Random, message_id: int, text: str) -> None:
        super().__init__(message_id, text=text)
        self._fetching = dice.choice((0, 0, 0, 1))
        self._settling = dice.choice((0, 0, 2))
        self._too_large = dice.random() < 0.05

    async def blocks(self, capabilities: PromptCapabilities) -> Sequence[BaseModel]:
        await elapse(self._fetching)
        if self._too_large:
            raise ExchangeFailed("the attachment is too large")
        return await super().blocks(capabilities)

    async def settled(self) -> None:
        await elapse(self._settling)


class Schedule:
    """Twenty threads, three slots, and dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.prompted: list[str] = []
        self.exchanges: dict[int, Slow] = {}
        self.said: defaultdict[int, list[int]] = defaultdict(list)

    def make(self, number: int) -> MemoryAgent:
        """Start an agent, or fail."""
        if self.dice.random() < 0.1:
            raise SpawnFailed(StartProblem.COMMAND_MISSING, "agent")
        return Moody(self.dice, self.prompted, number)

    async def run(self, it: RunningPool, steps: int) -> None:
        """Let all people act."""
        for _ in range(steps):
            self._act(it)
            await elapse(self.dice.choice(PAUSES))

    def _act(self, it: RunningPool) -> None:
        thread_id = self.dice.randrange(THREADS)
        conversation = it.pool.conversation(thread_id)
        match self.dice.choice(ACTS):
            case "say":
                message_id = len(self.exchanges) + 1
                exchange = Slow(self.dice, message_id, f"{thread_id}:{message_id}")
                self.exchanges[message_id] = exchange
                self.said[thread_id].append(message_id)
                it.say(thread_id, message_id, exchange)
            case "cancel" if conversation is not None:
                conversation.cancel(A_PERSON)
            case "resume" if conversation is not None:
                conversation.resume()
            case "drop" if conversation is not None:
                conversation.drop()
            case "reset" if conversation is not None:
                conversation.reset(A_PERSON)
            case "kill" if it.factory.agents:
                self.dice.choice(it.factory.agents).die(-9)
            case "idle death":
                for agent in it.factory.agents:
                    agent.die(1)

    async def end(self, it: RunningPool) -> None:
        """Cancel the running turns until there are none; the exchanges behind them are held."""
        at_rest = {ConversationState.IDLE, ConversationState.ASLEEP}
        while any(each.lease.state not in at_rest for each in it.pool.conversations):
            for conversation in it.pool.conversations:
                if conversation.lease.state is ConversationState.WORKING:
                    conversation.cancel(A_PERSON)
            await elapse(5)

    def check(self, it: RunningPool) -> None:
        """Assert the invariants."""
        assert it.factory.most <= SLOTS
        assert not any(agent.overlaps for agent in it.factory.agents if isinstance(agent, Moody))
        for thread_id, message_ids in self.said.items():
            prompted = [int(text.split(":")[1]) for text in self.prompted if text.startswith(f"{thread_id}:")]
            assert prompted == [number for number in message_ids if number in set(prompted)]
        for message_id, exchange in self.exchanges.items():
            assert len(exchange.endings) <= 1
            if it.row(message_id) in {Row.FINISHED, Row.CLOSED}:
                assert exchange.endings


@pytest.mark.parametrize("seed", range(12))
async def test_every_message_ends_or_is_held(tmp_path: Path, seed: int) -> None:
    """No row is left open, each thread keeps its order, and there are never more agents than slots."""
    play = Schedule(seed)
    async with running_pool(tmp_path, play.make, slots=SLOTS, idle_seconds=120) as it:
        await play.run(it, STEPS)
        await play.end(it)
        play.check(it)
        rows = {message_id: it.row(message_id) for message_id in play.exchanges}
        assert set(rows.values()) <= {Row.FINISHED, Row.CLOSED, Row.HELD}
        for message_id, row in rows.items():
            assert bool(play.exchanges[message_id].endings) is (row is not Row.HELD)
        waiting = sum(conversation.waiting for conversation in it.pool.conversations)
        assert waiting == sum(row is Row.HELD for row in rows.values())
    assert len(it.factory.agents) > SLOTS


@pytest.mark.parametrize("seed", range(100, 112))
async def test_a_pool_that_stops_at_any_moment_leaves_no_agent(tmp_path: Path, seed: int) -> None:
    """Each row has ended, or waits for the next start as received, held, or prompted (interrupted)."""
    play = Schedule(seed)
    async with running_pool(tmp_path, play.make, slots=SLOTS, idle_seconds=120) as it:
        await play.run(it, play.dice.randrange(10, STEPS))
        await it.pool.__aexit__()
        play.check(it)
        assert it.factory.alive == 0
        for message_id, exchange in play.exchanges.items():
            if it.row(message_id) in {Row.RECEIVED, Row.HELD}:
                assert exchange.endings in ([], [ShutDown()])
            if it.row(message_id) is Row.PROMPTED:
                assert isinstance(exchange.ending, ShutDown)
