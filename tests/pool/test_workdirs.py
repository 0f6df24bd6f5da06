"""The conversations in a directory: as pure data, then in a pool in virtual time."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import pool.workdirs
from acp import Launch
from pool.conversation_context import ConversationState
from pool.exchange import Cancelled, Completed, Dropped
from pool.session_setup import AgentSettings
from pool.workdirs import Workdirs
from tests.support.virtual_time import elapse, quiet

from .pool_harness import every, running_pool
from .recording_exchange import Recorder

A_PERSON = 42


def at(directory: Path) -> AgentSettings:
    """The usual agent in another directory."""
    return AgentSettings(Launch("agent", (), directory, {}))


def apart(folder: Path) -> dict[int, AgentSettings]:
    """Threads 1 and 2 in one directory, 3 in another."""
    return {1: at(folder / "project"), 2: at(folder / "project"), 3: at(folder / "elsewhere")}


async def test_those_who_came_before_are_ahead_and_leaving_makes_room(tmp_path: Path) -> None:
    """A directory inside another, or a link to it, counts as the same; other directories do not matter."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    it: Workdirs[str] = Workdirs()
    for worker, place in (("one", "a"), ("two", "a/b"), ("three", "c"), ("four", "link")):
        await it.enter(worker, tmp_path / place)
    assert [it.ahead(worker) for worker in ("one", "two", "three", "four")] == [[], ["one"], [], ["one", "two"]]
    assert [*it.leave("one")] == ["two", "four"]
    assert [*it.leave("one")] == []
    assert it.ahead("four") == ["two"]
    assert repr(it) == "<Directories 3 at work>"


async def test_a_departure_is_told_to_those_who_may_enter_and_the_first_few(tmp_path: Path) -> None:
    """A directory behind another waiter is not free, also with an unrelated waiter in between."""
    it: Workdirs[str] = Workdirs()
    its = {"one": "a", **{f"in b {n}": "a/b" for n in range(1, 7)}, "all": "a", "in c": "a/c", "in d": "d"}
    for worker, place in its.items():
        await it.enter(worker, tmp_path / place)
    assert [*it.leave("one")] == [f"in b {n}" for n in range(1, 6)]
    assert [*it.leave("all")] == [*(f"in b {n}" for n in range(1, 6)), "in c"]


async def test_a_thread_that_starts_where_another_works_is_told(tmp_path: Path) -> None:
    """Once, before its answer; it works all the same. Later turns do not say it again."""
    async with running_pool(tmp_path, obedient=True) as it:
        first = await it.hang(1, 10)
        second = await it.answered(2, 20)
        assert second.told.count("next to 1") == 1
        assert "next to 1" not in (await it.answered(2, 21)).told
        it.conversation(1).cancel(A_PERSON)
        await first.end()


async def test_threads_in_other_directories_neither_wait_nor_get_a_notice(tmp_path: Path) -> None:
    """The directories are unrelated."""
    other = tmp_path / "other"
    project = tmp_path / "project"
    async with running_pool(tmp_path, obedient=True, exclusive=True, threads={1: at(project), 2: at(other)}) as it:
        first = await it.hang(1, 10)
        assert not [word for word in (await it.answered(2, 20)).told if word.startswith(("next to", "waits"))]
        it.conversation(1).cancel(A_PERSON)
        await first.end()


async def test_with_exclusive_directories_turns_follow_each_other_in_order(tmp_path: Path) -> None:
    """The next begins when the one before has ended its turn, while its agent lives on; turns never overlap."""
    async with running_pool(tmp_path, slots=3, obedient=True, exclusive=True) as it:
        await it.hang(1, 10)
        second, third = it.say(2, 20, text="hang"), it.say(3, 30)
        await quiet()
        assert second.told == ["starting", "waits for 1"]
        assert third.told == ["starting", "waits for 1, 2"]
        assert [it.conversation(thread_id).lease.ahead for thread_id in (1, 2, 3)] == [[], [1], [1, 2]]
        it.conversation(1).cancel(A_PERSON)
        await second.until("prompted")
        assert it.conversation(1).lease.state is ConversationState.IDLE
        assert third.told[-1] == "waits for 2"
        it.conversation(2).cancel(A_PERSON)
        assert await third.end() == Completed("end_turn")


async def test_a_thread_that_waits_for_a_directory_keeps_no_slot(tmp_path: Path) -> None:
    """With one slot, a thread elsewhere gets it: the waiting thread's agent can be stopped."""
    places = apart(tmp_path)
    async with running_pool(tmp_path, slots=2, obedient=True, exclusive=True, threads=places) as it:
        await it.answered(2, 20)
        await it.hang(1, 10)
        second = it.say(2, 21)
        await second.until("waits for 1")
        assert it.conversation(2).lease.agent is not None
        assert (await it.answered(3, 30)).ending == Completed("end_turn")
        assert second.told == ["starting", "waits for 1", "waits for 1", "waits for 1"]
        it.conversation(1).cancel(A_PERSON)
        assert await second.end() == Completed("end_turn")


async def test_an_agent_that_cannot_load_sleeps_only_after_its_idle_time(tmp_path: Path) -> None:
    """Then also while its thread waits for the directory, so that no wait is endless."""
    async with running_pool(tmp_path, every(capabilities={}), idle_seconds=60, obedient=True, exclusive=True) as it:
        await it.answered(2, 20)
        await it.hang(1, 10)
        second = it.say(2, 21)
        await second.until("waits for 1")
        await elapse(50)
        assert it.conversation(2).lease.agent is not None
        await elapse(15)
        assert it.conversation(2).lease.agent is None
        it.conversation(1).cancel(A_PERSON)
        await second.end()
        assert "FORGOTTEN" in second.told


async def test_a_message_that_waits_for_a_directory_can_be_cancelled(tmp_path: Path) -> None:
    """Its row is closed, and the next in order is not delayed by it."""
    async with running_pool(tmp_path, obedient=True, exclusive=True) as it:
        first = await it.hang(1, 10)
        second = it.say(2, 20)
        await second.until("waits for 1")
        assert it.conversation(2).cancel(A_PERSON).stopped
        assert await second.end() == Cancelled(A_PERSON)
        await quiet()
        assert it.pool.conversation(2) is None
        it.conversation(1).cancel(A_PERSON)
        await first.end()


async def test_a_message_cancelled_before_its_wait_for_a_directory_shows_no_wait(tmp_path: Path) -> None:
    """Its end has been shown by then."""
    async with running_pool(tmp_path, obedient=True, exclusive=True) as it:
        first = await it.hang(1, 10)
        second = Recorder(20)
        second.asked = asyncio.Event()
        it.say(2, 20, second)
        await second.until("starting")
        it.conversation(2).cancel(A_PERSON)
        await quiet()
        assert second.told == ["starting", "ended"]
        assert it.pool.conversation(2) is None
        it.conversation(1).cancel(A_PERSON)
        await first.end()


async def test_a_stop_of_the_bot_leaves_an_exchange_that_waits_for_a_directory_received(tmp_path: Path) -> None:
    """Also while its agent is being stopped: no prompt is sent any longer."""
    stops = asyncio.Event()
    places = apart(tmp_path)
    async with running_pool(tmp_path, every(stops=stops), obedient=True, exclusive=True, threads=places) as it:
        await it.answered(2, 20)
        await it.hang(1, 10)
        second = it.say(2, 21)
        await second.until("waits for 1")
        it.say(3, 30)
        await quiet()
        assert it.conversation(2).lease.state is ConversationState.STOPPING
        asyncio.get_running_loop().call_later(1, stops.set)
        await it.pool.__aexit__()
        assert it.row(21) == "received"
        assert "prompted" not in second.told


async def test_a_deleted_thread_ends_all_its_exchanges_and_its_agent(tmp_path: Path) -> None:
    """The turn is cancelled, the inbox is closed, and no hold remains."""
    async with running_pool(tmp_path, obedient=True) as it:
        first = await it.hang(1, 10)
        second = it.say(1, 11)
        it.conversation(1).thread_deleted()
        assert await first.end() == Completed("cancelled")
        assert second.ending == Dropped()
        assert it.row(11) == "closed"
        await quiet()
        assert (it.pool.conversation(1), it.factory.alive) == (None, 0)


async def test_a_deleted_thread_leaves_the_line(tmp_path: Path) -> None:
    """So does one whose agent is idle."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        first = await it.hang(1, 10)
        waiting = Recorder(20)
        it.say(2, 20, waiting)
        await waiting.until("waiting 1")
        it.conversation(2).thread_deleted()
        await waiting.end()
        await quiet()
        assert (it.row(20), it.pool.conversation(2)) == ("closed", None)
        it.conversation(1).cancel(A_PERSON)
        await first.end()
        await quiet()
        it.conversation(1).thread_deleted()
        await quiet()
        assert it.pool.conversation(1) is None


async def test_a_directory_that_does_not_answer_delays_only_its_own_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exchange that waits for it can be cancelled, and then starts no agent; other threads are answered."""
    answers = asyncio.Event()

    async def look(work: Callable[[Path], Path], directory: Path) -> Path:
        if directory.name == "project":
            await answers.wait()
        return work(directory)

    monkeypatch.setattr(pool.workdirs, "look", look)
    async with running_pool(tmp_path, every(), threads=apart(tmp_path), obedient=True) as it:
        waiting = it.say(1, 10)
        assert (await it.answered(3, 30)).ending == Completed("end_turn")
        it.conversation(1).cancel(A_PERSON)
        assert waiting.ending == Cancelled(A_PERSON)
        answers.set()
        await quiet()
        assert len(it.factory.agents) == 1
        assert (await it.answered(1, 11)).ending == Completed("end_turn")
