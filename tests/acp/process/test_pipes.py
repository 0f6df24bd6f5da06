import asyncio
import os
from collections.abc import Callable
from contextvars import ContextVar

import pytest

import acp.process.pipes
from acp.process.pipes import (
    FLOOD_REST_SECONDS,
    FLOOD_SIZE,
    IMMEDIATE_READS,
    MANY,
    QUIET_SECONDS,
    READ_SIZE,
    REST_SECONDS,
    Pipe,
    _Rounds,
)
from tests.acp.child_processes import PATIENCE

pytestmark = pytest.mark.real_time


@pytest.fixture
def _endless_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pauses between rounds endless."""
    monkeypatch.setattr(acp.process.pipes, "REST_SECONDS", 2 * PATIENCE)


endless_rests = pytest.mark.usefixtures("_endless_rests")


class Mouth:
    """A pipe, its write end, and its data."""

    def __init__(self, on_data: Callable[[bytes], None] | None = None) -> None:
        self.heard: list[bytes] = []
        self.ended = asyncio.Event()
        self._arrived = asyncio.Event()
        self._then = on_data
        self.pipe = Pipe(self._hear, self.ended.set)
        self.writing_end = self.pipe.open()

    def _hear(self, data: bytes) -> None:
        self.heard.append(data)
        self._arrived.set()
        if self._then is not None:
            self._then(data)

    def say(self, data: bytes) -> None:
        """Write."""
        os.write(self.writing_end, data)

    async def arrives(self) -> bytes:
        """Wait for the next piece."""
        async with asyncio.timeout(PATIENCE):
            await self._arrived.wait()
        self._arrived.clear()
        return self.heard[-1]

    def close(self) -> None:
        """Close both ends."""
        self.pipe.close()
        os.close(self.writing_end)


async def test_what_arrives_is_read_and_at_its_end_the_pipe_is_closed() -> None:
    """In order; `on_end` is called once."""
    mouth = Mouth()
    mouth.say(b"one")
    assert await mouth.arrives() == b"one"
    mouth.say(b"two")
    assert await mouth.arrives() == b"two"
    os.close(mouth.writing_end)
    async with asyncio.timeout(PATIENCE):
        await mouth.ended.wait()
    assert mouth.pipe.closed
    mouth.pipe.close()
    mouth.pipe.resume()
    assert not mouth.pipe.reading


async def test_what_comes_during_a_rest_is_taken_in_one_round() -> None:
    """Many small writes of many pipes are few reads: that is where the time is saved."""
    mouths = [Mouth() for _ in range(3)]
    for mouth in mouths:
        mouth.say(b"first")
        await mouth.arrives()
    for mouth in mouths:
        for _ in range(10):
            mouth.say(b"x")
    await asyncio.gather(*(mouth.arrives() for mouth in mouths))
    assert [mouth.heard[-1] for mouth in mouths] == [b"x" * 10] * 3
    for mouth in mouths:
        mouth.close()


@endless_rests
async def test_the_first_word_of_a_quiet_pipe_waits_for_no_rest() -> None:
    """With any number of other pipes at rest."""
    busy, quiet = Mouth(), Mouth()
    busy.say(b"1")
    await busy.arrives()
    assert busy.pipe.resting
    quiet.say(b"2")
    assert await quiet.arrives() == b"2"
    busy.close()
    quiet.close()


@endless_rests
async def test_whoever_expects_an_answer_does_not_wait_for_the_rest() -> None:
    """The answer may follow some updates, so the next reads are immediate; then the pipe rests again."""
    mouth = Mouth()
    mouth.say(b"first")
    await mouth.arrives()
    assert mouth.pipe.resting
    for _ in range(2):
        mouth.pipe.hurry()
    for number in range(IMMEDIATE_READS):
        assert not mouth.pipe.resting
        mouth.say(b"%d" % number)
        assert await mouth.arrives() == b"%d" % number
    assert mouth.pipe.resting
    mouth.pipe.pause()
    mouth.pipe.hurry()
    mouth.close()


@endless_rests
async def test_an_update_before_the_answer_does_not_delay_it() -> None:
    """An agent writes them one by one."""
    mouth = Mouth()
    mouth.say(b"first")
    await mouth.arrives()
    mouth.pipe.hurry()
    for line in (b"an update", b"another", b"the answer"):
        mouth.say(line)
        assert await mouth.arrives() == line
    mouth.close()


@endless_rests
async def test_what_is_answered_while_it_is_read_is_expected_to_go_on() -> None:
    """An agent that asks and is answered immediately continues without a pause."""
    mouth = Mouth(lambda data: mouth.pipe.hurry() if data == b"question" else None)
    for _ in range(2 * IMMEDIATE_READS):
        mouth.say(b"question")
        await mouth.arrives()
        assert not mouth.pipe.resting
    mouth.close()


@endless_rests
async def test_who_has_fallen_quiet_is_watched_again() -> None:
    """All pipes after a round without data; one pipe after a second without its own."""
    first, second = Mouth(), Mouth()
    for mouth in (first, second):
        mouth.say(b"1")
        await mouth.arrives()
    rounds = _Rounds.of_this_loop()
    second.say(b"2")
    rounds._round()
    assert (first.pipe.resting, second.pipe.resting) == (True, True)
    first.pipe.heard -= QUIET_SECONDS
    rounds._next_look = 0.0
    second.say(b"3")
    rounds._round()
    assert (first.pipe.resting, second.pipe.resting) == (False, True)
    rounds._round()
    assert (first.pipe.resting, second.pipe.resting) == (False, False)
    first.close()
    second.close()


async def test_a_round_takes_no_more_than_its_share_of_a_pipe() -> None:
    """One that floods us delays the others by one read."""
    flood, lone = Mouth(), Mouth()
    flood.say(b"x" * READ_SIZE)
    lone.say(b"mine")
    await asyncio.gather(flood.arrives(), lone.arrives())
    assert (len(flood.heard[0]), lone.heard) == (READ_SIZE, [b"mine"])
    flood.close()
    lone.close()


async def test_nobody_waits_long_beside_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause during the flood, a short one in its lulls, a long one without it."""
    monkeypatch.setattr(acp.process.pipes, "FLOOD_SECONDS", PATIENCE)
    lone = Mouth()
    rounds = _Rounds.of_this_loop()
    assert rounds._rest_seconds(FLOOD_SIZE - 1) == REST_SECONDS
    assert rounds._rest_seconds(FLOOD_SIZE) == 0
    assert rounds._rest_seconds(1) == FLOOD_REST_SECONDS
    lone.close()


@endless_rests
async def test_where_very_many_write_the_rests_are_longer() -> None:
    """A round reads more, and so the whole costs less."""
    mouths = [Mouth() for _ in range(MANY + 1)]
    for mouth in mouths:
        mouth.say(b"word")
    await asyncio.gather(*(mouth.arrives() for mouth in mouths))
    assert _Rounds.of_this_loop()._rest_seconds(1) == 2 * acp.process.pipes.REST_SECONDS
    mouths.pop().close()
    assert _Rounds.of_this_loop()._rest_seconds(1) == acp.process.pipes.REST_SECONDS
    for mouth in mouths:
        mouth.close()


@endless_rests
async def test_a_flood_cuts_the_rest_of_all_short() -> None:
    """What a resting pipe brings is read while another one floods."""
    lone, flood = Mouth(), Mouth()
    lone.say(b"1")
    await lone.arrives()
    lone.say(b"2")
    flood.say(b"x" * FLOOD_SIZE)
    assert await lone.arrives() == b"2"
    lone.close()
    flood.close()


async def test_a_pipe_that_is_paused_keeps_what_arrives() -> None:
    """Also when it is paused by what was read from another one in the same round."""
    second = Mouth()
    first = Mouth(lambda _: second.pipe.pause())
    first.pipe.resume()
    first.say(b"1")
    second.say(b"2")
    await first.arrives()
    third = Mouth()
    third.say(b"3")
    await third.arrives()
    heard = list(second.heard)
    second.pipe.resume()
    if not heard:
        assert await second.arrives() == b"2"
    assert second.heard == [b"2"]
    for mouth in (first, second, third):
        mouth.close()


async def test_whichever_pipe_is_read_first_may_pause_the_other() -> None:
    """Both are ready in one round, and the system says in which order: what is paused then is not read all the same."""
    first = Mouth(lambda _: second.pipe.pause())
    second = Mouth(lambda _: first.pipe.pause())
    first.say(b"1")
    second.say(b"2")
    third = Mouth()
    third.say(b"3")
    await third.arrives()
    assert len(first.heard) + len(second.heard) == 1
    for mouth in (first, second, third):
        mouth.close()


async def test_whichever_pipe_is_read_first_may_close_the_other() -> None:
    """By then its descriptor may be another file's."""
    ends = [Mouth(lambda _: ends[1].pipe.close()), Mouth(lambda _: ends[0].pipe.close())]
    for mouth in ends:
        mouth.say(b"x")
    third = Mouth()
    third.say(b"3")
    await third.arrives()
    assert sum(len(mouth.heard) for mouth in ends) == 1
    assert not any(mouth.ended.is_set() for mouth in ends)
    for mouth in (*ends, third):
        mouth.close()


async def test_what_fails_for_one_pipe_is_reported_and_stops_no_other() -> None:
    """A bug of ours in one agent's traffic."""
    reported: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def fail(_: bytes) -> None:
        raise ZeroDivisionError

    broken, whole = Mouth(fail), Mouth()
    broken.say(b"1")
    whole.say(b"2")
    assert await whole.arrives() == b"2"
    await broken.arrives()
    assert [type(error) for error in reported] == [ZeroDivisionError]
    broken.close()
    whole.close()


async def test_nothing_is_watched_when_the_last_pipe_is_closed() -> None:
    """Also when it is closed while it is read."""
    mouth = Mouth(lambda _: mouth.pipe.close())
    mouth.say(b"1")
    await mouth.arrives()
    await asyncio.to_thread(int)
    assert asyncio.get_running_loop() not in _Rounds._all
    os.close(mouth.writing_end)


async def test_a_read_that_finds_nothing_is_not_the_end() -> None:
    """A pipe may be reported ready without data."""
    mouth = Mouth()
    assert mouth.pipe.read() == 0
    assert not mouth.pipe.closed
    mouth.close()


async def test_a_pipe_that_cannot_be_read_is_at_its_end() -> None:
    """For every error of the system."""
    mouth = Mouth()
    directory = os.open("/", os.O_RDONLY)
    os.dup2(directory, mouth.pipe.descriptor)
    os.close(directory)
    assert mouth.pipe.read() == 0
    assert mouth.pipe.closed
    assert mouth.ended.is_set()
    os.close(mouth.writing_end)


async def test_what_a_pipe_brings_is_taken_in_the_context_of_whoever_opened_it() -> None:
    """All pipes are read together, and log lines must name the right agent."""
    seen: dict[bytes, str] = {}
    done = asyncio.Event()

    def take(data: bytes) -> None:
        seen[data] = whose.get()
        if len(seen) == 2:
            done.set()

    whose = ContextVar("whose", default="nobody's")
    pipes, ends = [], []
    for name in ("one", "other"):
        whose.set(name)
        pipes.append(Pipe(take, lambda: None))
        ends.append(pipes[-1].open())
    whose.set("a third")
    for name, end in zip(("one", "other"), ends, strict=True):
        os.write(end, name.encode())
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    for pipe, end in zip(pipes, ends, strict=True):
        pipe.close()
        os.close(end)
    assert seen == {b"one": "one", b"other": "other"}
