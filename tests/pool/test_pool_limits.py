"""The bounds for a thread, for a person, and for a minute, and a pool full of threads. In virtual time."""

from pathlib import Path

import pytest

from pool.exchange import Completed
from pool.journal.message_states import MessageState as Row
from pool.limits import Bound
from pool.queue_positions import NEAR
from tests.support.virtual_time import elapse, quiet

from .pool_harness import RunningPool, running_pool
from .recording_exchange import Recorder

ANN, BEN, A_PERSON = 7, 8, 42


def wrote(
    it: RunningPool, thread_id: int, message_id: int, author_id: int = ANN, text: str = "hello"
) -> Recorder | Bound:
    """Write a message if no bound forbids it, as the bot does."""
    bound = it.pool.bound(thread_id, author_id)
    return bound or it.say(thread_id, message_id, Recorder(message_id, text=text, author_id=author_id))


async def test_a_thread_accepts_a_bounded_number_of_waiting_messages(tmp_path: Path) -> None:
    """It accepts more when some are answered; another thread has its own bound."""
    async with running_pool(tmp_path, obedient=True, per_thread=2) as it:
        wrote(it, 1, 10, text="hang")
        await quiet()
        assert all(isinstance(wrote(it, 1, number), Recorder) for number in (11, 12))
        assert wrote(it, 1, 13) is Bound.THREAD
        assert wrote(it, 1, 14, BEN) is Bound.THREAD
        assert isinstance(wrote(it, 2, 20), Recorder)
        assert it.row(13) is None
        it.conversation(1).cancel(A_PERSON)
        assert isinstance(wrote(it, 1, 15), Recorder)  # It resumes what is held, as the notice says.
        assert wrote(it, 1, 16) is Bound.THREAD
        await quiet()
        assert isinstance(wrote(it, 1, 17), Recorder)


async def test_a_person_has_messages_in_a_bounded_number_of_threads(tmp_path: Path) -> None:
    """Running, waiting or held ones; answered ones do not count, nor do other people's."""
    async with running_pool(tmp_path, slots=2, obedient=True, per_user=3) as it:
        wrote(it, 1, 10, text="hang")
        wrote(it, 1, 11)
        wrote(it, 2, 20, text="hang")
        await quiet()
        wrote(it, 3, 30, text="hang")
        await quiet()
        assert wrote(it, 4, 40) is Bound.USER
        assert isinstance(wrote(it, 3, 31), Recorder)  # A thread that is one of the three already.
        assert isinstance(wrote(it, 4, 41, BEN), Recorder)
        assert wrote(it, 4, 42) is Bound.USER
        it.conversation(1).cancel(A_PERSON)
        await quiet()
        assert it.conversation(1).held
        assert wrote(it, 5, 50) is Bound.USER
        it.conversation(1).drop()
        await quiet()
        assert isinstance(wrote(it, 5, 51), Recorder)


async def test_a_person_sends_a_bounded_number_of_messages_in_a_minute(tmp_path: Path) -> None:
    """In any sixty seconds; refused ones do not count, and others are not slowed."""
    async with running_pool(tmp_path, obedient=True, per_minute=3) as it:
        for number in (10, 11, 12):
            assert isinstance(wrote(it, 1, number), Recorder)
            await elapse(10)
        assert wrote(it, 1, 13) is Bound.MINUTE
        assert wrote(it, 2, 20) is Bound.MINUTE
        assert isinstance(wrote(it, 1, 14, BEN), Recorder)
        await elapse(29.5)
        assert wrote(it, 1, 15) is Bound.MINUTE
        await elapse(1)
        assert isinstance(wrote(it, 1, 16), Recorder)
        assert wrote(it, 1, 17) is Bound.MINUTE
        await elapse(10)
        assert isinstance(wrote(it, 1, 18), Recorder)


async def test_a_message_refused_for_another_reason_does_not_count_in_the_minute(tmp_path: Path) -> None:
    """A person who must wait for their thread need not wait for a minute as well."""
    async with running_pool(tmp_path, obedient=True, per_thread=1, per_minute=3) as it:
        wrote(it, 1, 10, text="hang")
        await quiet()
        wrote(it, 1, 11)
        assert [wrote(it, 1, number) for number in range(12, 20)] == [Bound.THREAD] * 8
        assert isinstance(wrote(it, 2, 20), Recorder)
        assert wrote(it, 2, 21) is Bound.MINUTE


# ---- many threads, few agents


@pytest.mark.parametrize("warm", [0, 2])
async def test_two_hundred_threads_on_four_agents_are_all_answered(tmp_path: Path, warm: int) -> None:
    """Each once and in order, with never more than four processes, and each has shown its place."""
    async with running_pool(tmp_path, slots=4, obedient=True, warm=warm, per_user=200) as it:
        first = [it.say(thread_id, 1000 + thread_id, text="one") for thread_id in range(200)]
        second = [it.say(thread_id, 2000 + thread_id, text="two") for thread_id in range(200)]
        for exchange, text in [(each, "one") for each in first] + [(each, "two") for each in second]:
            assert await exchange.end() == Completed("end_turn")
            assert exchange.text == text
        assert it.factory.most <= 4
        assert sum(agent.methods().count("session/prompt") for agent in it.factory.agents) == 400
        assert {it.row(number) for number in (*range(1000, 1200), *range(2000, 2200))} == {Row.FINISHED}
        assert all(exchange.places for exchange in first)
        assert first[199].places[0] > NEAR
