"""Discord goes away in the middle of many answers: all of them stand in the end, once and in order, without a storm."""

import asyncio
import re
from pathlib import Path

import pytest

from bot.naming import NEUTRAL
from loopback.entities import Thread
from loopback.faults import Fault
from loopback.record import RestCall
from tests.e2e.stage import Stage, numbers, stage
from tests.e2e.test_processes import GENEROUS

pytestmark = pytest.mark.timeout(180)

THREADS, ANSWERS = 4, 5
MINUTES = 20 * 60.0
PROBES = 80
"""So many calls an outage of 20 minutes costs, at one in 15 seconds."""


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the outage take as many probes as it would, and each wait a fraction of its time."""
    for module in ("breaker", "schedule", "supervision"):
        monkeypatch.setattr(f"bot.{module}.PROBE_SECONDS", 0.05)
    monkeypatch.setattr("bot.breaker.FIRST_PROBE_SECONDS", 0.02)
    monkeypatch.setattr("bot.supervision.FIRST_SECONDS", 0.02)
    monkeypatch.setattr("bot.supervision.LONGEST_SECONDS", 0.05)
    monkeypatch.setattr("bot.patience.FIRST_WAIT", 0.02)
    monkeypatch.setattr("bot.patience.LONGEST_WAIT", 0.05)
    monkeypatch.setattr("bot.wire.REFUSED_SECONDS", 0.02)
    monkeypatch.setattr("bot.rest.NONCE_SECONDS", 0.0)


def struck(place: Stage) -> list[RestCall]:
    """The bot's calls that came to nothing."""
    return [call for call in place.discord.record if call.fault]


async def begun(place: Stage, number: int) -> Thread:
    """Open a thread whose agent streams, with messages of two people behind that."""
    thread = await place.thread(f"say {number}.0\nstream 60 30")
    await place.ann.sees(thread, f"{number}.0", by=place.bot)
    for later in range(1, ANSWERS):
        await (place.ben if later % 2 else place.ann).say(thread, f"say {number}.{later}")
    return thread


def answers(place: Stage, thread: Thread) -> list[str]:
    """What the agent said, message by message, without the bot's own lines."""
    lines = (message.content.split("\n") for message in place.said_by_bot(thread))
    return ["\n".join(line for line in each if not line.startswith("-# ")) for each in lines]


def expected(number: int) -> list[str]:
    """What it is to say."""
    return [f"{number}.0\n{numbers(1, 60)}", *(f"{number}.{later}" for later in range(1, ANSWERS))]


@pytest.mark.parametrize("gone", [{"edge": "html 403"}, {"status": 503}, {"reset": True}], ids=repr)
async def test_an_outage_of_twenty_minutes_costs_no_answer(tmp_path: Path, gone: dict[str, object]) -> None:
    """The gateway is gone, too. Some sends take effect just before, and their answers are lost."""
    async with stage(tmp_path) as place:
        threads = await asyncio.gather(*(begun(place, number) for number in range(THREADS)))
        lost = place.discord.fault(method="POST", path=re.compile("/messages$"), answer_lost=True, times=THREADS)
        away = place.discord.fault(path="/", times=None, after=THREADS, **gone)  # type: ignore[arg-type]
        refused = place.discord.fault(method="CONNECT", status=503, times=None)
        await place.discord.until(lambda: away.hits >= 10, timeout=GENEROUS)
        place.discord.drop_gateway(place.bot, resume=False)
        settled = len(struck(place))
        await place.discord.until(lambda: len(struck(place)) >= settled + PROBES, timeout=GENEROUS)
        place.discord.jump(MINUTES)
        calm = struck(place)[settled:]
        end(lost, away, refused)
        for number, thread in enumerate(threads):
            await place.answer(thread, f"{number}.{ANSWERS - 1}")
        await place.discord.until(
            lambda: [answers(place, thread) for thread in threads] == [*map(expected, range(THREADS))],
            timeout=GENEROUS,
        )
        assert not [call.path for call in calm if call.path.endswith("/typing") or "/reactions/" in call.path]


def end(*faults: Fault) -> None:
    """Let Discord be there again."""
    for fault in faults:
        fault.remove()


@pytest.mark.parametrize("code", [200000, 240000])
async def test_an_answer_with_words_that_the_server_refuses_comes_as_a_file(tmp_path: Path, code: int) -> None:
    """AutoMod, or Discord's filter of links: a line has the reason, and the words are in the file."""
    async with stage(tmp_path) as place:
        refused = place.discord.fault(says="darn", code=code, times=None)
        thread = await place.thread("say it is darn good")
        line = await place.ann.sees(thread, "does not accept this part of the answer", by=place.bot)
        brought = await place.ann.sees(thread, lambda each: bool(each.attachments), by=place.bot, after=line)
        assert [each.filename for each in brought.attachments] == ["part-1.md"]
        assert refused.hits > 0
        refused.remove()
        await place.ann.say(thread, "say well")
        await place.answer(thread, "well")


@pytest.mark.parametrize("code", [20031, 200001])
async def test_a_request_with_words_that_no_thread_may_be_called_by_gets_its_thread(tmp_path: Path, code: int) -> None:
    """With a name that says nothing."""
    async with stage(tmp_path) as place:
        place.discord.fault(path=re.compile("/threads$"), says="darn", code=code, times=None)
        thread = await place.thread("say darn")
        await place.answer(thread, "darn")
        assert thread.name == NEUTRAL


@pytest.mark.parametrize("edge", ["html 403", "1020", "40333"])
async def test_a_block_by_the_edge_is_neither_shown_nor_the_end_of_a_thread(tmp_path: Path, edge: str) -> None:
    """Its page has thousands of characters, and it passes."""
    async with stage(tmp_path) as place:
        place.discord.fault(method="POST", path=re.compile("/threads$"), edge=edge, times=3)
        thread = await place.thread("say well")
        await place.answer(thread, "well")
        assert place.said_by_bot(place.channel) == []
