"""Discord goes away in the middle of many answers: all of them stand in the end, once and in order, without a storm."""

import asyncio
import re
from pathlib import Path

import pytest

from bot.conversation.thread_names import NEUTRAL
from loopback.rest.call_log import RestCall
from loopback.state.entities import Thread
from loopback.state.faults import Fault
from pool.journal.journal import Journal, MessageState
from tests.e2e.test_processes import GENEROUS
from tests.e2e.test_supervision import client_of

from .live_bot import BotLab, bot_lab, idle_lab, numbers, running_bot

pytestmark = pytest.mark.timeout(180)

THREADS, ANSWERS = 4, 5
MINUTES = 20 * 60.0
PROBES = 80
"""So many calls an outage of 20 minutes costs, at one in 15 seconds."""


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the outage take as many probes as it would, and each wait a fraction of its time."""
    for module in ("rest.circuit_breaker", "rest.rate_limits", "gateway.supervisor"):
        monkeypatch.setattr(f"bot.{module}.PROBE_SECONDS", 0.05)
    monkeypatch.setattr("bot.rest.circuit_breaker.FIRST_PROBE_SECONDS", 0.02)
    monkeypatch.setattr("bot.gateway.supervisor.FIRST_SECONDS", 0.02)
    monkeypatch.setattr("bot.gateway.supervisor.LONGEST_SECONDS", 0.05)
    monkeypatch.setattr("bot.rest.backoff.FIRST_WAIT", 0.02)
    monkeypatch.setattr("bot.rest.backoff.LONGEST_WAIT", 0.05)
    monkeypatch.setattr("bot.rest.http_trace.REFUSED_SECONDS", 0.02)
    monkeypatch.setattr("bot.rest.api.NONCE_SECONDS", 0.0)


def struck(place: BotLab) -> list[RestCall]:
    """The bot's calls that came to nothing."""
    return [call for call in place.discord.record if call.fault]


async def begun(place: BotLab, number: int) -> Thread:
    """Open a thread whose agent streams, with messages of two people behind that."""
    thread = await place.thread(f"say {number}.0\nstream 60 30")
    await place.ann.sees(thread, f"{number}.0", by=place.bot)
    for later in range(1, ANSWERS):
        await (place.ben if later % 2 else place.ann).say(thread, f"say {number}.{later}")
    return thread


def answers(place: BotLab, thread: Thread) -> list[str]:
    """What the agent said, message by message, without the bot's own lines."""
    lines = (message.content.split("\n") for message in place.said_by_bot(thread))
    return ["\n".join(line for line in each if not line.startswith("-# ")) for each in lines]


def expected(number: int) -> list[str]:
    """What it is to say."""
    return [f"{number}.0\n{numbers(1, 60)}", *(f"{number}.{later}" for later in range(1, ANSWERS))]


@pytest.mark.parametrize("gone", [{"edge": "html 403"}, {"status": 503}, {"reset": True}], ids=repr)
async def test_an_outage_of_twenty_minutes_costs_no_answer(tmp_path: Path, gone: dict[str, object]) -> None:
    """The gateway is gone, too. Some sends take effect just before, and their answers are lost."""
    async with bot_lab(tmp_path) as place:
        threads = await asyncio.gather(*(begun(place, number) for number in range(THREADS)))
        lost = place.discord.fault(method="POST", path=re.compile("/messages$"), answer_lost=True, times=THREADS)
        away = place.discord.fault(path="/", times=None, after=THREADS, **gone)  # type: ignore[arg-type]
        refused = place.discord.fault(method="CONNECT", status=503, times=None)
        await place.discord.until(lambda: away.hits >= 10, timeout=GENEROUS)
        place.discord.drop_gateway(place.bot, resume=False)
        settled = len(struck(place))
        await place.discord.until(lambda: len(struck(place)) >= settled + PROBES, timeout=GENEROUS)
        place.discord.jump(MINUTES)
        calm = struck(place)[settled + PROBES // 2 :]  # What had left before may come in only after that moment.
        end(lost, away, refused)
        for number, thread in enumerate(threads):
            await place.answer(thread, f"{number}.{ANSWERS - 1}")
        await place.discord.until(
            lambda: [answers(place, thread) for thread in threads] == [*map(expected, range(THREADS))],
            timeout=GENEROUS,
        )
        assert not [call.path for call in calm if call.path.endswith("/typing") or "/reactions/" in call.path]


async def test_a_request_that_is_asked_again_in_an_outage_is_posted_once_when_it_is_over(tmp_path: Path) -> None:
    """The first try takes effect and its answer is lost; what the person reads is true all the time."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say begun")
        answer = await place.answer(thread, "begun")
        (opening,) = [each for each in place.discord.messages(place.channel) if each.author_id == place.ann.id]
        await client_of(place).context.replies.settled(GENEROUS, thread.id)
        messages = re.compile(f"/channels/{thread.id}/messages")
        lost = place.discord.fault(method="POST", path=messages, answer_lost=True)
        away = place.discord.fault(path=messages, times=None, status=503)
        retried = await place.ben.menu(opening, "Retry")
        await retried.settled(f"Asking again in <#{thread.id}> …")
        await place.discord.until(lambda: away.hits >= 3, timeout=GENEROUS)
        end(lost, away)
        await retried.settled(f"Asked again in <#{thread.id}>.")
        await place.answer(thread, "begun", after=answer)
        asked = [each for each in place.said_by_bot(thread) if each.content.startswith(f"<@{place.ben.id}> asks:")]
        assert len(asked) == 1


async def test_a_request_whose_thread_is_never_opened_is_answered_in_the_channel_though_no_other_call_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot asks for the message too, which tells this from an outage. The answer says why it stands there."""
    monkeypatch.setattr("bot.intake.thread_opener.OPEN_SECONDS", 0.5)
    async with bot_lab(tmp_path, extra="[reactions]\nenabled = false\n") as place:
        refused = place.discord.fault(method="POST", path=re.compile("/threads$"), times=None, status=503)
        await place.ann.say(place.channel, f"<@{place.bot.id}> say here")
        told = await place.ann.sees(place.channel, "here", by=place.bot)
        assert "I could not open a thread: 503: made up" in told.content
        assert refused.hits > 1


async def test_the_first_call_that_succeeds_brings_the_gateway_back_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next try may be long in coming; that Discord answers is a reason not to wait for it."""
    for wait in ("FIRST_SECONDS", "PROBE_SECONDS", "LONGEST_SECONDS"):
        monkeypatch.setattr(f"bot.gateway.supervisor.{wait}", 3600.0)
    async with bot_lab(tmp_path) as place:
        threads = [await place.thread(f"say begun\nstream 60 30\nsay end {number}") for number in range(2)]
        for thread in threads:
            await place.ann.sees(thread, "begun", by=place.bot)
        refused = place.discord.fault(method="CONNECT", status=503, times=None)
        away = place.discord.fault(path="/", times=None, status=503)
        place.discord.drop_gateway(place.bot, resume=False)
        await place.discord.until(lambda: refused.hits > 0 and away.hits > 10, timeout=GENEROUS)
        end(away, refused)
        for thread in threads:
            await place.answer(thread, "end")
        await place.discord.until(lambda: place.discord.is_connected(place.bot), timeout=GENEROUS)


async def test_a_stop_in_an_outage_leaves_the_answers_to_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends in time; what is finished is posted then, once, also what stood already without the bot's knowledge."""
    monkeypatch.setattr("bot.app.REPLY_SECONDS", 0.5)
    async with idle_lab(tmp_path) as place:
        async with running_bot(place) as app:
            threads = [await place.thread(f"say begun\nstream 60 {rate}\nsay end {rate}") for rate in (60, 90)]
            for thread in threads:
                await place.ann.sees(thread, "begun", by=place.bot)
            lost = place.discord.fault(method="PATCH", answer_lost=True)
            away = place.discord.fault(path="/", times=None, after=1, status=503)
            ids = [thread.id for thread in threads]
            await place.discord.until(lambda: {*states(place, ids)} == {MessageState.FINISHED}, timeout=GENEROUS)
            app.stop()
        assert states(place, ids) == [MessageState.FINISHED] * 2
        end(lost, away)
        place.discord.jump(MINUTES)
        async with running_bot(place):
            for thread in threads:
                await place.answer(thread, "end")
        for thread, rate in zip(threads, (60, 90), strict=True):
            assert answers(place, thread) == [f"begun\n{numbers(1, 60)}\nend {rate}"]
        assert states(place, ids) == [MessageState.ANSWERED] * 2


async def test_a_bot_that_starts_in_an_outage_waits_for_its_end(tmp_path: Path) -> None:
    """It has been connected before, so the outage is no mistake in its configuration; what was missed is answered."""
    async with idle_lab(tmp_path) as place:
        async with running_bot(place):
            thread = await place.thread("say first")
            await place.answer(thread, "first")
        away = place.discord.fault(path="/", times=None, edge="1020")
        await place.ann.say(thread, "say missed")
        starting = asyncio.create_task(performed(place, thread))
        await place.discord.until(lambda: away.hits > 2, timeout=GENEROUS)
        end(away)
        await starting


async def performed(place: BotLab, thread: Thread) -> None:
    """Run the bot until it has answered what it missed."""
    async with running_bot(place):
        await place.answer(thread, "missed")


def states(place: BotLab, message_ids: list[int]) -> list[MessageState | None]:
    """Where requests stand in the journal."""
    with Journal.open(place.config.with_name("threadline.db")) as journal:
        return [journal.messages.state(message_id) for message_id in message_ids]


def end(*faults: Fault) -> None:
    """Let Discord be there again."""
    for fault in faults:
        fault.remove()


@pytest.mark.parametrize("code", [200000, 240000])
async def test_an_answer_with_words_that_the_server_refuses_comes_as_a_file(tmp_path: Path, code: int) -> None:
    """AutoMod, or Discord's filter of links: a line has the reason, and the words are in the file."""
    async with bot_lab(tmp_path) as place:
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
    async with bot_lab(tmp_path) as place:
        # The agent's own title for its session says the same, and the thread may be renamed by it.
        place.discord.fault(path=re.compile(r"/threads$|/channels/\d+$"), says="darn", code=code, times=None)
        thread = await place.thread("say darn")
        await place.answer(thread, "darn")
        assert thread.name == NEUTRAL


@pytest.mark.parametrize("edge", ["html 403", "1020", "40333"])
async def test_a_block_by_the_edge_is_neither_shown_nor_the_end_of_a_thread(tmp_path: Path, edge: str) -> None:
    """Its page has thousands of characters, and it passes."""
    async with bot_lab(tmp_path) as place:
        place.discord.fault(method="POST", path=re.compile("/threads$"), edge=edge, times=3)
        thread = await place.thread("say well")
        await place.answer(thread, "well")
        assert place.said_by_bot(place.channel) == []
