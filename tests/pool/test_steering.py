"""Messages that are sent into a running turn: every answer of the agent, and what happens at the same time."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from acp.schema import ImageBlock, PromptCapabilities
from acp.timeouts import STEERING_SECONDS
from pool.exchange import Cancelled, Completed, Dropped, ExchangeFailed, ExchangeRefused, Failed, ShutDown, TakenBack
from pool.journal.message_states import MessageState as Row
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .journals import LARGE, no_room
from .pool_harness import MODES, RunningPool, every, prompt_text, running_pool
from .recording_exchange import CHOICE_SECONDS, Recorder

A_PERSON = 42
METHOD = "_session/steering"


class Turn:
    """A running turn in thread 1, for message 10, of an agent that takes messages in."""

    def __init__(self, it: RunningPool, first: Recorder, agent: MemoryAgent, prompt: Json) -> None:
        self.it = it
        self.first = first
        self.agent = agent
        self.prompt = prompt

    def steer(self, message_id: int, exchange: Recorder | None = None) -> Recorder:
        """Send a message into the turn; it says its number."""
        exchange = self.it.receive(1, exchange or Recorder(message_id, text=str(message_id)))
        self.it.pool.send_into_turn(1, exchange)
        return exchange

    async def request(self) -> Json:
        """Return the next message that the agent is sent into its turn."""
        return await self.agent.expect(METHOD)

    async def end(self, stop_reason: str = "end_turn") -> None:
        """End the turn, and let what can happen then happen."""
        self.agent.end_turn(self.prompt, stop_reason)
        await quiet()

    async def prompts(self, count: int) -> list[str]:
        """Answer the next prompts, and return their texts."""
        said = []
        for _ in range(count):
            prompt = await self.agent.expect("session/prompt")
            said.append(prompt_text(prompt))
            self.agent.end_turn(prompt)
        await quiet()
        return said

    def exchange_of(self, message_id: int) -> tuple[int, str | None]:
        """Return the exchange that a message belongs to in the journal, and that one's prompt."""
        row = self.it.journal.messages.row(message_id)
        assert row is not None
        key = self.it.journal.messages.row(row.exchange_id)
        assert key is not None
        return row.exchange_id, key.prompt


@asynccontextmanager
async def turn(tmp_path: Path) -> AsyncIterator[Turn]:
    """Begin a turn."""
    async with running_pool(tmp_path, every(steerable=True)) as it:
        yield Turn(it, *await it.prompted(10, text="10"))


# ---- what the agent answers


async def test_a_message_that_is_taken_in_ends_with_the_turn(tmp_path: Path) -> None:
    """One prompt, nothing is cancelled, and both rows move together."""
    async with turn(tmp_path) as it:
        conversation = it.it.conversation(1)
        assert conversation.takes_more
        it.steer(11)
        assert conversation.can_steer
        assert not conversation.takes_more
        request = await it.request()
        assert prompt_text(request) == "11"
        assert it.it.row(11) is Row.PROMPTED
        assert it.exchange_of(11) == it.exchange_of(10) == (10, "10+11")
        it.agent.reply(request, {"outcome": "injected"})
        await it.first.until("took 11")
        assert conversation.steering == 0
        assert conversation.takes_more
        await it.end()
        assert not conversation.takes_more
        assert it.first.ending == Completed("end_turn")
        assert [it.it.row(10), it.it.row(11)] == [Row.FINISHED, Row.FINISHED]
        assert it.agent.methods().count("session/prompt") == 1
        assert "session/cancel" not in it.agent.methods()


async def test_the_rows_are_joined_before_the_agent_gets_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill behind the write finds both messages in one exchange, whose Retry sends both."""
    joined = list[tuple[int, str | None]]()
    async with turn(tmp_path) as it:
        write = it.agent.write

        def written(data: bytes) -> bool:
            if METHOD.encode() in data:
                joined.append(it.exchange_of(11))
            return write(data)

        monkeypatch.setattr(it.agent, "write", written)
        it.steer(11)
        it.agent.reply(await it.request(), {"outcome": "injected"})
        await it.first.until("took 11")
        await it.end()
    assert joined == [(10, "10+11")]


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("error", [True, False])
async def test_a_message_that_is_not_taken_in_is_first_in_the_inbox(
    tmp_path: Path, *, error: bool, ended: bool
) -> None:
    """Before those that came later. The turn takes nothing more in, so that none overtakes it."""
    async with turn(tmp_path) as it:
        sent, later = it.steer(11), it.steer(12)
        behind = it.it.say(1, 13, text="13")
        request = await it.request()
        if ended:
            await it.end()
            assert it.first.endings == []
        if error:
            it.agent.fail(request, -32603, "no")
        else:
            it.agent.reply(request, {"outcome": "promptRequired", "reason": "noRunningTurn"})
        await sent.until("returned")
        if not ended:
            assert it.it.conversation(1).queue == (sent, later, behind)
            assert not it.it.conversation(1).can_steer
            assert it.it.row(11) is Row.RECEIVED
            assert it.exchange_of(11) == (11, None)
            assert it.exchange_of(10) == (10, "10")
            await it.end()
        assert await it.prompts(3) == ["11", "12", "13"]
        assert it.first.message_ids == (10,)


async def test_a_message_without_an_answer_stays_with_the_turn_and_is_not_sent_again(tmp_path: Path) -> None:
    """Its end waits ten seconds for the answer. A late one changes nothing."""
    async with turn(tmp_path) as it:
        it.steer(11)
        request = await it.request()
        began = asyncio.get_running_loop().time()
        await it.end()
        await it.first.end()
        assert asyncio.get_running_loop().time() - began == pytest.approx(STEERING_SECONDS, abs=0.1)
        assert it.first.told[-2:] == ["may have taken 11", "ended"]
        it.agent.reply(request, {"outcome": "promptRequired"})
        await quiet()
        assert [it.it.row(10), it.it.row(11)] == [Row.FINISHED, Row.FINISHED]
        assert it.agent.methods().count("session/prompt") == 1


async def test_a_turn_with_an_unanswered_message_takes_nothing_more_in(tmp_path: Path) -> None:
    """What comes then waits for its end."""
    async with turn(tmp_path) as it:
        it.steer(11)
        await it.request()
        await it.first.until("may have taken 11")
        it.steer(12)
        await quiet()
        assert it.agent.methods().count(METHOD) == 1
        await it.end()
        assert await it.prompts(1) == ["12"]


async def test_a_closed_pipe_leaves_the_message_with_its_turn(tmp_path: Path) -> None:
    """Both fail, and neither is sent again."""
    async with turn(tmp_path) as it:
        it.steer(11)
        await it.request()
        it.agent.die()
        assert isinstance(await it.first.end(), Failed)
        assert it.first.told[-2:] == ["may have taken 11", "ended"]
        await quiet()
        assert [it.it.row(10), it.it.row(11)] == [Row.FINISHED, Row.FINISHED]
        assert len(it.it.factory.agents) == 1


@pytest.mark.parametrize("ended", [True, False])
async def test_a_turn_that_the_agent_begins_by_itself_is_cancelled_and_people_decide(
    tmp_path: Path, *, ended: bool
) -> None:
    """The message is an exchange of its own, and what waits is held for the choice, but not for ever."""
    async with turn(tmp_path) as it:
        sent = it.steer(11)
        request = await it.request()
        behind = it.it.say(1, 12, text="12")
        if ended:
            await it.end()
        it.agent.reply(request, {"outcome": "startedNewTurn"})
        await sent.until("interrupted")
        await it.agent.expect("session/cancel")
        await (quiet() if ended else it.end("cancelled"))
        assert it.first.ending == Completed("end_turn" if ended else "cancelled")
        assert [it.it.row(10), it.it.row(11), it.it.row(12)] == [Row.FINISHED, Row.PROMPTED, Row.RECEIVED]
        assert it.exchange_of(11) == (11, "11")
        assert it.exchange_of(10) == (10, "10")
        assert it.it.conversation(1).queue == (behind,)
        assert it.it.conversation(1).held
        await elapse(CHOICE_SECONDS)
        assert await it.prompts(1) == ["12"]


async def test_messages_are_taken_in_one_after_the_other(tmp_path: Path) -> None:
    """In their order, although the prompt of the first takes longer; those of a waiting queue can be too."""
    async with turn(tmp_path) as it:
        fetched = asyncio.Event()
        waiting = it.it.say(1, 11, Recorder(11, text="11", fetched=fetched))
        it.it.say(1, 12, text="12")
        it.it.conversation(1).send_into_turn(waiting)
        it.steer(13)
        assert it.it.conversation(1).steering == 2
        await quiet()
        assert METHOD not in it.agent.methods()
        fetched.set()
        for number in (11, 13):
            request = await it.request()
            assert prompt_text(request) == str(number)
            await quiet()
            assert it.agent.methods().count(METHOD) == 1 + (number == 13)
            it.agent.reply(request, {"outcome": "injected"})
        await it.first.until("took 13")
        assert it.first.message_ids == (11, 13, 10)
        assert it.exchange_of(13) == (10, "10+11+13")
        await it.end()
        assert await it.prompts(1) == ["12"]


async def test_a_turn_takes_in_a_bounded_number_of_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next ones wait for its end, in order."""
    monkeypatch.setattr("pool.steering.MOST_TAKEN", 2)
    async with turn(tmp_path) as it:
        for number in (11, 12, 13):
            it.steer(number)
        for _ in range(2):
            it.agent.reply(await it.request(), {"outcome": "injected"})
        await it.first.until("took 12")
        assert not it.it.conversation(1).can_steer
        assert [it.it.row(number) for number in (11, 12, 13)] == [Row.PROMPTED, Row.PROMPTED, Row.RECEIVED]
        await it.end()
        assert await it.prompts(1) == ["13"]


async def test_without_a_turn_that_takes_it_in_a_message_runs_next(tmp_path: Path) -> None:
    """Between two turns, or where the agent does not offer it."""
    async with running_pool(tmp_path, every()) as it:
        _, agent, prompt = await it.prompted(10)
        agent.end_turn(prompt)
        await quiet()
        assert not it.conversation(1).can_steer
        exchange = it.receive(1, Recorder(11, text="11"))
        it.pool.send_into_turn(1, exchange)
        prompt = await agent.expect("session/prompt")
        last, chosen = it.say(1, 12, text="12"), it.say(1, 13, text="13")
        it.conversation(1).send_into_turn(chosen)
        assert it.conversation(1).queue == (chosen, last)
        agent.end_turn(prompt)
        assert prompt_text(await agent.expect("session/prompt")) == "13"


async def test_an_idle_agent_that_takes_messages_in_says_so(tmp_path: Path) -> None:
    """So that a button can say what it will do."""
    async with turn(tmp_path) as it:
        await it.end()
        assert it.it.conversation(1).can_steer


# ---- while the prompt is built


async def test_a_turn_that_ends_before_the_prompt_is_built_takes_nothing_in(tmp_path: Path) -> None:
    """The message is first in the inbox, and goes as it would have gone."""
    async with turn(tmp_path) as it:
        fetched = asyncio.Event()
        slow = it.steer(11, Recorder(11, text="11", fetched=fetched))
        it.it.say(1, 12, text="12")
        await slow.until("blocks")
        await it.end()
        fetched.set()
        assert await it.prompts(2) == ["11", "12"]
        assert METHOD not in it.agent.methods()


async def test_a_prompt_that_is_built_after_the_cancel_is_not_sent(tmp_path: Path) -> None:
    """The message is held like those that waited."""
    async with turn(tmp_path) as it:
        fetched = asyncio.Event()
        slow = it.steer(11, Recorder(11, text="11", fetched=fetched))
        await slow.until("blocks")
        it.it.conversation(1).cancel(A_PERSON)
        assert it.it.row(11) is Row.HELD
        fetched.set()
        await quiet()
        assert METHOD not in it.agent.methods()
        await it.end("cancelled")
        it.it.conversation(1).resume()
        assert await it.prompts(1) == ["11"]


@pytest.mark.parametrize("refusal", [ExchangeRefused("no longer allowed"), ExchangeFailed("too large"), OSError("?")])
async def test_a_message_that_cannot_be_sent_fails_in_its_own_turn(tmp_path: Path, refusal: Exception) -> None:
    """Those behind it wait too. The running turn is not disturbed."""
    async with turn(tmp_path) as it:
        with capture_logs():
            bad = it.steer(11, Recorder(11, text="11", refuses=refusal))
            it.steer(12)
            await bad.until("blocks")
            await quiet()
            assert METHOD not in it.agent.methods()
            await it.end()
            assert it.first.ending == Completed("end_turn")
            assert await bad.failure() is refusal
            assert await it.prompts(1) == ["12"]


async def test_a_message_of_a_person_who_has_lost_the_right_is_not_sent(tmp_path: Path) -> None:
    """The check comes after the prompt is built."""
    async with turn(tmp_path) as it:
        banned = Recorder(11, text="11")
        banned.asked = asyncio.Event()
        banned.banned = True
        it.steer(11, banned)
        await banned.until("blocks")
        banned.asked.set()
        await quiet()
        assert METHOD not in it.agent.methods()
        await it.end()
        assert isinstance(await banned.failure(), ExchangeRefused)


class Picture(Recorder):
    """An exchange with a picture, whatever the agent accepts."""

    async def blocks(self, capabilities: PromptCapabilities) -> Sequence[BaseModel]:
        await super().blocks(capabilities)
        return [ImageBlock(data="aGVsbG8=", mime_type="image/png")]


async def test_content_that_the_agent_does_not_accept_is_not_sent(tmp_path: Path) -> None:
    """The message waits for its own turn, which says so."""
    async with turn(tmp_path) as it:
        with capture_logs():
            picture = it.steer(11, Picture(11))
            await picture.until("returned")
            assert METHOD not in it.agent.methods()
            await it.end()
            await picture.failure()


async def test_a_full_disk_lets_the_message_wait(tmp_path: Path) -> None:
    """It is not sent before its row says so."""
    async with turn(tmp_path) as it:
        sent = it.it.receive(1, Recorder(11, text=LARGE))
        with capture_logs(), no_room(it.it.journal):
            it.it.pool.send_into_turn(1, sent)
            await sent.until("blocks")
            await quiet()
            assert it.it.conversation(1).queue == (sent,)
            assert METHOD not in it.agent.methods()
        await it.end()
        assert await it.prompts(1) == [LARGE]


async def test_a_message_is_taken_back_while_its_prompt_is_built(tmp_path: Path) -> None:
    """It is closed, and the next one goes in its place."""
    async with turn(tmp_path) as it:
        fetched = asyncio.Event()
        slow = it.steer(11, Recorder(11, text="11", author_id=8, fetched=fetched))
        it.steer(12)
        await slow.until("blocks")
        conversation = it.it.conversation(1)
        assert conversation.find_unsent(11) is slow
        assert conversation.serves(8)
        conversation.withdraw(slow, "deleted")
        assert it.it.row(11) is Row.CLOSED
        fetched.set()
        request = await it.request()
        assert prompt_text(request) == "12"
        it.agent.reply(request, {"outcome": "injected"})
        await it.first.until("took 12")
        await it.end()


async def test_a_message_moves_to_another_conversation_while_its_prompt_is_built(tmp_path: Path) -> None:
    """As it can while it waits."""
    async with turn(tmp_path) as it:
        slow = it.steer(11, Recorder(11, text="11", fetched=asyncio.Event()))
        await slow.until("blocks")
        it.it.conversation(1).release(slow)
        assert it.it.conversation(1).steering == 0
        await it.end()


async def test_messages_that_are_being_sent_count_for_the_bound_of_the_queue(tmp_path: Path) -> None:
    """Nobody can send more of them than can wait."""
    async with running_pool(tmp_path, every(steerable=True), per_thread=1) as pool:
        it = Turn(pool, *await pool.prompted(10))
        assert pool.pool.bound(1, 7) is None
        it.steer(11)
        assert pool.pool.bound(1, 7) is not None
        it.agent.reply(await it.request(), {"outcome": "injected"})
        await it.first.until("took 11")
        assert pool.pool.bound(1, 7) is None
        await it.end()


# ---- while the agent has not answered


@pytest.mark.parametrize("outcome", ["injected", "promptRequired"])
async def test_a_cancel_in_between_holds_what_comes_back(tmp_path: Path, outcome: str) -> None:
    """What was taken in has ended with the turn."""
    async with turn(tmp_path) as it:
        it.steer(11)
        request = await it.request()
        done = it.it.conversation(1).cancel(A_PERSON)
        assert (done.stopped, done.held) == (True, 0)
        it.agent.reply(request, {"outcome": outcome})
        await it.end("cancelled")
        assert it.first.ending == Cancelled(A_PERSON, "cancelled")
        if outcome == "injected":
            assert it.it.row(11) is Row.FINISHED
        else:
            assert it.it.row(11) is Row.HELD
            it.it.say(1, 12, text="12")
            assert await it.prompts(2) == ["11", "12"]


async def test_a_message_after_the_cancel_ends_the_hold_of_what_comes_back(tmp_path: Path) -> None:
    """It would end that of a message that waits."""
    async with turn(tmp_path) as it:
        it.steer(11)
        request = await it.request()
        it.it.conversation(1).cancel(A_PERSON)
        it.it.say(1, 12, text="12")
        it.agent.reply(request, {"outcome": "promptRequired"})
        await it.end("cancelled")
        assert await it.prompts(2) == ["11", "12"]


async def test_what_comes_back_to_a_held_inbox_is_held_too(tmp_path: Path) -> None:
    """Those that waited were held by the cancel; a hold for a choice is not written down."""
    async with turn(tmp_path) as it:
        it.steer(11)
        request = await it.request()
        behind = it.it.say(1, 12, text="12")
        conversation = it.it.conversation(1)
        conversation.cancel(A_PERSON)
        it.agent.reply(request, {"outcome": "promptRequired"})
        await it.end("cancelled")
        assert [it.it.row(11), it.it.row(12)] == [Row.HELD, Row.HELD]
        assert conversation.queue[-1] is behind
        conversation.resume()
        assert await it.prompts(2) == ["11", "12"]


async def test_a_hold_with_a_time_limit_keeps_it_when_a_message_comes_back(tmp_path: Path) -> None:
    """The message waits for as long as the others."""
    async with turn(tmp_path) as it:
        it.steer(11)
        request = await it.request()
        it.it.pool.wait(1, it.it.receive(1, Recorder(12, text="12")), 60)
        it.agent.reply(request, {"outcome": "promptRequired"})
        await it.end()
        assert it.it.conversation(1).held
        assert it.it.row(11) is Row.RECEIVED
        await elapse(60)
        assert await it.prompts(2) == ["11", "12"]


@pytest.mark.parametrize("outcome", ["promptRequired", "startedNewTurn"])
async def test_a_thread_that_goes_in_between_closes_the_message(tmp_path: Path, outcome: str) -> None:
    """There is nobody left to ask."""
    async with turn(tmp_path) as it:
        sent = it.steer(11)
        request = await it.request()
        it.it.conversation(1).thread_deleted()
        it.agent.reply(request, {"outcome": outcome})
        await it.end("cancelled")
        assert sent.ending == Dropped()
        assert it.it.row(11) is Row.CLOSED


async def test_a_choice_does_not_end_a_hold_that_a_person_has_made(tmp_path: Path) -> None:
    """Only Continue or the next message does."""
    async with turn(tmp_path) as it:
        it.steer(11)
        request = await it.request()
        it.it.say(1, 12, text="12")
        it.it.conversation(1).cancel(A_PERSON)
        it.agent.reply(request, {"outcome": "startedNewTurn"})
        await it.end("cancelled")
        await elapse(2 * CHOICE_SECONDS)
        assert it.it.row(12) is Row.HELD


async def test_a_message_that_is_deleted_in_between_is_closed_when_it_comes_back(tmp_path: Path) -> None:
    """While the agent has it, it can neither be withdrawn nor dropped."""
    async with turn(tmp_path) as it:
        sent = it.steer(11)
        request = await it.request()
        conversation = it.it.conversation(1)
        assert conversation.find_unsent(11) is None
        assert conversation.find_sent_into_turn(11) is sent
        assert conversation.find_sent_into_turn(10) is None
        sent.deleted = True
        it.agent.reply(request, {"outcome": "promptRequired"})
        await it.end()
        assert sent.ending == TakenBack()
        assert it.it.row(11) is Row.CLOSED
        assert conversation.find_sent_into_turn(11) is None


async def test_a_shutdown_in_between_leaves_both_to_the_next_start(tmp_path: Path) -> None:
    """As one exchange, with both prompts in order; what was not sent stays received."""
    async with turn(tmp_path) as it:
        it.steer(11)
        it.steer(12)
        await it.request()
        await it.it.pool.__aexit__()
        assert it.first.ending == ShutDown()
        assert [it.it.row(number) for number in (10, 11, 12)] == [Row.PROMPTED, Row.PROMPTED, Row.RECEIVED]
        assert it.exchange_of(11) == (10, "10+11")
        assert it.exchange_of(12) == (12, None)
        it.steer(13)
        assert it.it.row(13) is Row.RECEIVED


async def test_a_shutdown_after_the_turn_has_ended_finishes_it(tmp_path: Path) -> None:
    """The agent has answered the prompt, so there is no choice for a person about that."""
    async with turn(tmp_path) as it:
        it.steer(11)
        await it.request()
        await it.end()
        await it.it.pool.__aexit__()
        assert it.first.told[-2:] == ["may have taken 11", "ended"]
        assert it.first.ending == Completed("end_turn")
        assert [it.it.row(10), it.it.row(11)] == [Row.FINISHED, Row.FINISHED]


async def test_a_mistake_in_between_closes_both(tmp_path: Path) -> None:
    """The turn is cancelled, and nothing is left that runs."""
    async with running_pool(tmp_path, every(steerable=True)) as pool:
        it = Turn(pool, *await pool.prompted(10, Recorder(10, chokes=ValueError("broken"))))
        it.steer(11)
        await it.request()
        with capture_logs():
            it.agent.text(it.prompt["params"]["sessionId"], "hello")
            await it.agent.expect("session/cancel")
            await it.end("cancelled")
        assert isinstance(it.first.ending, Failed)
        assert [it.it.row(10), it.it.row(11)] == [Row.CLOSED, Row.CLOSED]


# ---- the race against the turn's end


class Racer(MemoryAgent):
    """An agent at the far end of slow pipes, which works for a moment and notes what it has taken in."""

    def __init__(self, dice: random.Random, number: int) -> None:
        super().__init__(steerable=True, modes=MODES, session_prefix=f"agent{number}")
        self.taken: list[str] = []
        self.outcomes: set[str] = set()
        self._dice = dice
        self._in_flight: Json | None = None

    def _hear(self, message: Json) -> None:
        super()._hear(message)
        if message.get("method") in {"session/prompt", METHOD}:
            # As in a pipe: what is written first arrives first.
            asyncio.get_running_loop().call_later(0.01, self._arrived, message)

    def _arrived(self, message: Json) -> None:
        if message["method"] == "session/prompt":
            assert self._in_flight is None
            self._in_flight = message
            self.taken.append(prompt_text(message))
            asyncio.get_running_loop().call_later(self._dice.choice((0.01, 0.02, 0.03)), self._end)
        elif self._dice.random() < 0.1:
            self.outcomes.add("error")
            self.fail(message, -32603, "not now")
        else:
            outcome = "promptRequired" if self._in_flight is None else "injected"
            if self._in_flight is not None:
                self.taken.append(prompt_text(message))
            self.outcomes.add(outcome)
            delay = self._dice.choice((0, 0, 0.01, 0.05))
            asyncio.get_running_loop().call_later(delay, self.reply, message, {"outcome": outcome})

    def _end(self) -> None:
        ended, self._in_flight = self._in_flight, None
        assert ended is not None
        self.end_turn(ended)


@pytest.mark.bulk
@pytest.mark.parametrize("seed", range(4))
async def test_a_race_against_the_turns_end_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    """250 races of a message with the end of a turn, on each of four seeds: each is taken once, and in order."""
    dice = random.Random(seed)
    racers: list[Racer] = []

    def make(number: int) -> MemoryAgent:
        racers.append(Racer(dice, number))
        return racers[-1]

    async with running_pool(tmp_path, make, per_minute=100_000) as it:
        said: list[Recorder] = []

        def say(*, steers: bool) -> None:
            exchange = it.receive(1, Recorder(len(said) + 1, text=str(len(said) + 1)))
            said.append(exchange)
            (it.pool.send_into_turn if steers else it.pool.submit)(1, exchange)

        for _ in range(250):
            say(steers=False)
            for _ in range(dice.randint(1, 3)):
                await elapse(dice.choice((0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04)))
                conversation = it.conversation(1)
                steers = conversation.running is not None and conversation.can_steer and not conversation.queue
                say(steers=steers and not conversation.steering)
            while it.conversation(1).current is not None or it.conversation(1).queue:
                await elapse(0.01)
        (racer,) = racers
        assert racer.taken == [str(number) for number in range(1, len(said) + 1)]
        assert racer.outcomes == {"injected", "promptRequired", "error"}
        assert {it.row(number) for number in range(1, len(said) + 1)} == {Row.FINISHED}
        assert "session/cancel" not in racer.methods()
        assert all(before < after for before, after in pairwise(int(text) for text in racer.taken))
