"""The stop of a pool: which turns get time, which are interrupted, and what the next start finds. In virtual time."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pool.conversation_context import ConversationState
from pool.exchange import Cancelled, Completed, Failed, Outcome, ShutDown, TimedOut
from pool.journal.message_states import MessageState as Row
from pool.pool import TURN_SECONDS
from pool.turn_watchdog import TurnLimits
from tests.support.virtual_time import elapse, quiet

from .pool_harness import every, only, running_pool
from .recording_exchange import Recorder

A_PERSON = 42


async def test_a_turn_that_ends_in_time_is_finished(tmp_path: Path) -> None:
    """The shutdown waits for it, and no longer."""
    async with running_pool(tmp_path) as it:
        exchange, behind = it.say(1, 10), it.say(1, 11)
        agent, prompt = await it.request(1, "session/prompt")
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_later(TURN_SECONDS - 1, agent.end_turn, prompt)
        await it.pool.__aexit__()
        assert loop.time() - began == pytest.approx(TURN_SECONDS - 1)
        assert exchange.ending == Completed("end_turn")
        assert it.row(10) is Row.FINISHED
        assert it.row(11) is Row.RECEIVED
        assert behind.told == []
        assert agent.methods().count("session/prompt") == 1
        assert it.factory.alive == 0


async def test_a_turn_that_has_ended_is_finished_although_a_linked_file_is_not_read_in_time(
    tmp_path: Path,
) -> None:
    """All its events count: the agent has answered, so there is no choice for a person."""
    async with running_pool(tmp_path) as it:
        exchange = Recorder(10)
        exchange.links = asyncio.Event()
        it.say(1, 10, exchange)
        agent, prompt = await it.request(1, "session/prompt")
        for text in ("see ", "the ", "file"):
            agent.text(prompt["params"]["sessionId"], text)
        agent.end_turn(prompt)
        await exchange.until("see ")
        await it.pool.__aexit__()
        assert exchange.ending == Completed("end_turn")
        assert it.row(10) is Row.FINISHED
        assert it.journal.messages.pages(10) == ["see the file"]


async def test_a_turn_that_does_not_end_is_interrupted_for_the_next_start_to_ask_about(tmp_path: Path) -> None:
    """After the time for turns its exchange learns why, once, and the agent is stopped."""
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10)
        await exchange.until("prompted")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await it.pool.__aexit__()
        assert loop.time() - began == pytest.approx(TURN_SECONDS)
        assert exchange.ending == ShutDown()
        assert it.row(10) is Row.PROMPTED
        assert it.factory.agents[0].aborted
        assert it.factory.alive == 0


async def test_a_turn_that_waits_for_an_answer_is_cancelled_immediately(tmp_path: Path) -> None:
    """The bot takes no answers any longer; the agent gets time to end the turn itself."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        request_id = agent.ask("agent1-1")
        await exchange.until("Question")
        loop = asyncio.get_running_loop()
        began = loop.time()
        stopping = asyncio.create_task(it.pool.__aexit__())
        await agent.expect("session/cancel")
        assert (await agent.answer_to(request_id))["result"] == {"outcome": {"outcome": "cancelled"}}
        agent.end_turn(prompt, "cancelled")
        await stopping
        assert loop.time() == began
        assert exchange.ending == ShutDown("cancelled")
        assert it.row(10) is Row.PROMPTED


async def test_a_turn_that_loses_its_agent_while_the_bot_stops_is_interrupted(tmp_path: Path) -> None:
    """A second signal kills the agents, or the first one reached them too: that is not their failure."""
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10)
        await exchange.until("prompted")
        stopping = asyncio.create_task(it.pool.__aexit__())
        await quiet()
        it.pool.kill()
        await stopping
        assert exchange.ending == ShutDown()
        assert it.row(10) is Row.PROMPTED


async def test_a_turn_that_fails_while_the_bot_stops_has_failed(tmp_path: Path) -> None:
    """The agent has answered, so there is no choice for a person."""
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10)
        prompt = await (await it.factory.agent(1)).expect("session/prompt")
        stopping = asyncio.create_task(it.pool.__aexit__())
        await quiet()
        it.factory.agents[0].fail(prompt, -32000, "no more credit")
        await stopping
        assert str(exchange.error) == "session/prompt failed with -32000 no more credit"
        assert it.row(10) is Row.FINISHED


@pytest.mark.parametrize("unread", [False, True])
async def test_a_turn_that_ends_just_as_its_time_is_over_is_finished_with_all_of_it(
    tmp_path: Path, *, unread: bool
) -> None:
    """Including its unread events."""
    async with running_pool(tmp_path) as it:
        exchange, _, prompt = await it.prompted(10)
        await exchange.until("prompted")
        await quiet()
        connection = it.conversation(1).lease.agent.connection  # type: ignore[union-attr]
        if unread:
            update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "last words"}}
            params = {"sessionId": "agent1-1", "update": update}
            connection.feed(line(method="session/update", params=params))
        connection.feed(line(id=prompt["id"], result={"stopReason": "end_turn"}))
        (task,) = (each for each in asyncio.all_tasks() if each.get_name() == "conversation-1")
        task.cancel()
        await asyncio.wait((task,))
        assert exchange.ending == Completed("end_turn")
        assert it.row(10) is Row.FINISHED
        assert it.journal.messages.pages(10) == (["last words"] if unread else [])


def line(**fields: object) -> bytes:
    """Return a line that an agent writes."""
    return json.dumps({"jsonrpc": "2.0", **fields}).encode() + b"\n"


async def test_an_unsent_exchange_stays_received_for_the_next_start(tmp_path: Path) -> None:
    """In the inbox, in line, starting or fetching: no prompt is sent, and the shutdown does not wait for it."""
    async with running_pool(tmp_path, only(2, manual={"initialize"}), slots=3) as it:
        fetching = it.say(1, 10, Recorder(10, fetched=asyncio.Event()))
        it.say(1, 11)
        await fetching.until("blocks")
        starting = it.say(2, 20)
        await it.factory.agent(2)
        idle = it.say(3, 30)
        agent = await it.factory.agent(3)
        agent.end_turn(await agent.expect("session/prompt"))
        await idle.end()
        await quiet()
        it.say(4, 40)
        it.say(5, 50)
        await it.factory.agent(4)
        await quiet()
        assert it.conversation(5).lease.state is ConversationState.IN_LINE
        in_line = it.say(6, 60)
        await in_line.until("waiting 2")
        unread = it.say(4, 41)
        loop = asyncio.get_running_loop()
        it.conversation(4).cancel(A_PERSON)
        agent = it.factory.agents[3]
        agent.end_turn(await agent.expect("session/prompt"), "cancelled")
        began = loop.time()
        await it.pool.__aexit__()
        assert loop.time() == began
        assert [it.row(number) for number in (10, 11, 20, 50, 60)] == [Row.RECEIVED] * 5
        assert it.row(41) is Row.HELD
        assert fetching.ending == starting.ending == in_line.ending == ShutDown()
        assert unread.told == []
        assert len(it.factory.agents) == 4
        assert all(agent.stopped for agent in it.factory.agents)


async def test_an_unsent_exchange_owes_no_pages_after_a_stop(tmp_path: Path) -> None:
    """Its reply speaks of the stop; the reply after the next start must not end with that page."""

    class Wordy(Recorder):
        def on_ended(self, outcome: Outcome) -> Sequence[str]:
            return [*super().on_ended(outcome), "stopped"]

    async with running_pool(tmp_path) as it:
        fetching = it.say(1, 10, Wordy(10, fetched=asyncio.Event()))
        await fetching.until("blocks")
        await it.pool.__aexit__()
        assert fetching.ending == ShutDown()
        assert it.row(10) is Row.RECEIVED
        assert it.journal.messages.pages(10) == []


async def test_a_stop_in_progress_is_not_interrupted(tmp_path: Path) -> None:
    """However long it takes: after the pool's end, the processes are gone."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, every(stops=stops), idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        assert it.conversation(1).lease.state is ConversationState.STOPPING
        asyncio.get_running_loop().call_later(TURN_SECONDS + 5, stops.set)
        await it.pool.__aexit__()
        assert it.factory.agents[0].stopped


async def test_a_cancelled_start_is_stopped_to_the_end(tmp_path: Path) -> None:
    """Its process exists by then; the stop takes longer than the time for turns and is not interrupted."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, every(stops=stops, manual={"initialize"})) as it:
        exchange = it.say(1, 10)
        await (await it.factory.agent(1)).expect("initialize")
        asyncio.get_running_loop().call_later(TURN_SECONDS + 5, stops.set)
        await it.pool.__aexit__()
        assert it.factory.agents[0].stopped
        assert exchange.ending == ShutDown()
        assert it.row(10) is Row.RECEIVED


async def test_idle_agents_are_stopped_immediately_and_together(tmp_path: Path) -> None:
    """No stop waits for another one, or for the time for turns."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, every(stops=stops), slots=3, obedient=True) as it:
        for thread_id in (1, 2, 3):
            await it.answered(thread_id, thread_id)
        await quiet()
        stopping = asyncio.create_task(it.pool.__aexit__())
        await quiet()
        assert [conversation.lease.state for conversation in it.pool.conversations] == [ConversationState.STOPPING] * 3
        stops.set()
        await stopping
        assert it.factory.alive == 0


async def test_a_turn_that_a_person_is_cancelling_counts_as_cancelled(tmp_path: Path) -> None:
    """The person has decided, so the next start does not ask."""
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10)
        await exchange.until("prompted")
        it.conversation(1).cancel(A_PERSON)
        await it.pool.__aexit__()
        assert exchange.ending == Cancelled(A_PERSON)
        assert it.row(10) is Row.CLOSED


async def test_a_turn_at_its_ceiling_counts_as_timed_out(tmp_path: Path) -> None:
    """The same prompt would end the same way, so the next start does not ask."""
    async with running_pool(tmp_path, bounds=TurnLimits(ceiling=60)) as it:
        exchange = it.say(1, 10)
        await exchange.until("prompted")
        agent = await it.factory.agent(1)
        await agent.expect("session/cancel")
        it.pool.kill()
        await it.pool.__aexit__()
        assert isinstance(exchange.ending, TimedOut)
        assert it.row(10) in {Row.CLOSED, Row.FINISHED}


async def test_a_turn_that_completes_when_it_is_cancelled_for_the_stop_is_finished(tmp_path: Path) -> None:
    """The agent says that it had finished, so there is no choice for a person."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        agent.ask("agent1-1")
        await exchange.until("Question")
        stopping = asyncio.create_task(it.pool.__aexit__())
        await agent.expect("session/cancel")
        agent.end_turn(prompt)
        await stopping
        assert exchange.ending == Completed("end_turn")
        assert it.row(10) is Row.FINISHED


async def test_a_message_that_comes_while_the_pool_stops_stays_received(tmp_path: Path) -> None:
    """It starts no agent and delays no stop, in a known thread and in a new one."""
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10)
        await exchange.until("prompted")
        stopping = asyncio.create_task(it.pool.__aexit__())
        await quiet()
        late = [it.say(1, 11), it.say(2, 20), it.receive(1, Recorder(12)), it.receive(3, Recorder(30))]
        it.pool.wait(1, late[2], TURN_SECONDS)
        it.pool.wait(3, late[3], TURN_SECONDS)
        await stopping
        assert [recorder.told for recorder in late] == [[], [], [], []]
        assert [it.row(number) for number in (11, 20, 12, 30)] == [Row.RECEIVED] * 4
        assert len(it.factory.agents) == 1


async def test_a_held_inbox_of_a_sleeping_thread_does_not_delay_the_stop(tmp_path: Path) -> None:
    """Its rows stay held."""
    async with running_pool(tmp_path, idle_seconds=60, obedient=True) as it:
        exchange = it.say(1, 10, text="hang")
        held = it.say(1, 11)
        await exchange.until("prompted")
        it.conversation(1).cancel(A_PERSON)
        await exchange.end()
        await elapse(61)
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        await it.pool.__aexit__()
        assert it.row(11) is Row.HELD
        assert held.told == []


async def test_an_exchange_that_fails_at_the_stop_affects_no_other(tmp_path: Path) -> None:
    """Its agent is stopped, the others' turns have their time, and the error is logged."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path) as it:
        await it.say(1, 10, Recorder(10, fetched=fetched, breaks=RuntimeError("no"))).until("blocks")
        other = it.say(2, 20)
        prompt = await (await it.factory.agent(2)).expect("session/prompt")
        with capture_logs() as logs:
            stopping = asyncio.create_task(it.pool.__aexit__())
            await elapse(TURN_SECONDS / 2)
            it.factory.agents[1].end_turn(prompt)
            await stopping
        assert [line["event"] for line in logs] == ["a conversation could not be ended"]
        assert it.factory.alive == 0
        assert other.ending == Completed("end_turn")


async def test_kill_ends_every_agent(tmp_path: Path) -> None:
    """The working, the idle and the stopping one; their turns end with them."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, every(stops=stops), slots=3, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(30)
        await it.answered(2, 20)
        await elapse(31)
        working = await it.hang(3, 30)
        in_line = it.say(4, 40)
        await in_line.until("waiting 1")
        states = [conversation.lease.state for conversation in it.pool.conversations]
        assert states == [
            ConversationState.STOPPING,
            ConversationState.IDLE,
            ConversationState.WORKING,
            ConversationState.IN_LINE,
        ]
        it.pool.kill()
        assert [agent.killed for agent in it.factory.agents] == [True, True, True]
        assert isinstance(await working.end(), Failed)
        stops.set()


async def test_kill_in_a_shutdown_reaches_agents_that_are_being_stopped(tmp_path: Path) -> None:
    """A second signal is for exactly these."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, every(stops=stops), slots=1, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        stopping = asyncio.create_task(it.pool.__aexit__())
        await quiet()
        it.pool.kill()
        assert it.factory.agents[0].killed
        stops.set()
        await stopping
