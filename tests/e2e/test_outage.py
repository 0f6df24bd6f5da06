"""Discord goes away during many answers: all of them appear in the end, once and in order, without a burst of calls."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from bot.conversation.thread_names import NEUTRAL
from loopback.rest.call_log import RestCall
from loopback.state.entities import Thread
from loopback.state.faults import Fault
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState

from .bot_process import GENEROUS
from .live_bot import BotLab, bot_lab, idle_lab, numbers, running_bot

THREADS, ANSWERS = 4, 5
MINUTES = 20 * 60.0
PROBES = 80
"""So many calls an outage of 20 minutes costs, at one in 15 seconds."""


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the outage as many probes as in reality, each after a fraction of the wait."""
    for module in ("rest.circuit_breaker", "rest.call_scheduler", "gateway.supervisor"):
        monkeypatch.setattr(f"bot.{module}.PROBE_SECONDS", 0.05)
    monkeypatch.setattr("bot.rest.circuit_breaker.FIRST_PROBE_SECONDS", 0.02)
    monkeypatch.setattr("bot.gateway.supervisor.FIRST_SECONDS", 0.02)
    monkeypatch.setattr("bot.gateway.supervisor.LONGEST_SECONDS", 0.05)
    monkeypatch.setattr("bot.rest.backoff.FIRST_WAIT", 0.02)
    monkeypatch.setattr("bot.rest.backoff.LONGEST_WAIT", 0.05)
    monkeypatch.setattr("bot.rest.http_trace.REFUSED_SECONDS", 0.02)
    monkeypatch.setattr("bot.rest.api.NONCE_SECONDS", 0.0)


def struck(lab: BotLab) -> list[RestCall]:
    """Return the bot's failed calls."""
    return [call for call in lab.discord.record if call.fault]


async def begun(lab: BotLab, number: int) -> Thread:
    """Open a thread whose agent streams, and queue messages of two people."""
    thread = await lab.conversation(f"say {number}.0\nstream 60 30", f"{number}.0")
    for later in range(1, ANSWERS):
        await (lab.ben if later % 2 else lab.ann).say(thread, f"say {number}.{later}")
    return thread


def gates(tmp_path: Path) -> list[Path]:
    """Make two FIFOs at which the agents wait, so that no turn ends before its outage has begun."""
    paths = [tmp_path / "first", tmp_path / "second"]
    for path in paths:
        os.mkfifo(path)
    return paths


def answers(lab: BotLab, thread: Thread) -> list[str]:
    """Return the agent's text, message by message, without the bot's own lines."""
    lines = (message.content.split("\n") for message in lab.said_by_bot(thread))
    return ["\n".join(line for line in each if not line.startswith("-# ")) for each in lines]


def expected(number: int) -> list[str]:
    """Return the expected answers."""
    return [f"{number}.0\n{numbers(1, 60)}", *(f"{number}.{later}" for later in range(1, ANSWERS))]


@pytest.mark.parametrize("gone", [{"edge": "html 403"}, {"status": 503}, {"reset": True}], ids=repr)
async def test_an_outage_of_twenty_minutes_costs_no_answer(tmp_path: Path, gone: dict[str, object]) -> None:
    """The gateway is away too. Some of the last calls take effect, but their responses are lost."""
    async with bot_lab(tmp_path) as lab:
        threads = await asyncio.gather(*(begun(lab, number) for number in range(THREADS)))
        lost = lab.discord.fault(method="POST", path=re.compile("/messages$"), answer_lost=True, times=THREADS)
        away = lab.discord.fault(path="/", times=None, after=THREADS, **gone)  # type: ignore[arg-type]
        refused = lab.discord.fault(method="CONNECT", status=503, times=None)
        await lab.discord.until(lambda: away.hits >= 10, timeout=GENEROUS)
        lab.discord.drop_gateway(lab.bot, resume=False)
        settled = len(struck(lab))
        await lab.discord.until(lambda: len(struck(lab)) >= settled + PROBES, timeout=GENEROUS)
        lab.discord.jump(MINUTES)
        calm = struck(lab)[settled + PROBES // 2 :]  # What had left before may come in only after that moment.
        end(lost, away, refused)
        for number, thread in enumerate(threads):
            await lab.answer(thread, f"{number}.{ANSWERS - 1}")
        await lab.discord.until(
            lambda: [answers(lab, thread) for thread in threads] == [*map(expected, range(THREADS))],
            timeout=GENEROUS,
        )
        assert not [call.path for call in calm if call.path.endswith("/typing") or "/reactions/" in call.path]


async def test_a_request_that_is_asked_again_in_an_outage_is_posted_once_when_it_is_over(tmp_path: Path) -> None:
    """The first try takes effect, but its response is lost; the person's message is correct all the time."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say begun")
        answer = await lab.answer(thread, "begun")
        (opening,) = [each for each in lab.discord.messages(lab.channel) if each.author_id == lab.ann.id]
        await lab.client.context.replies.settled(GENEROUS, thread.id)
        messages = re.compile(f"/channels/{thread.id}/messages")
        lost = lab.discord.fault(method="POST", path=messages, answer_lost=True)
        away = lab.discord.fault(path=messages, times=None, status=503)
        retried = await lab.ben.menu(opening, "Retry request")
        await retried.settled(f"Asking again in <#{thread.id}>…")
        await lab.discord.until(lambda: away.hits >= 3, timeout=GENEROUS)
        end(lost, away)
        await retried.settled(f"Asked again in <#{thread.id}>.")
        await lab.answer(thread, "begun", after=answer)
        asked = [each for each in lab.said_by_bot(thread) if each.content.startswith(f"<@{lab.ben.id}> asks:")]
        assert len(asked) == 1


async def test_a_request_whose_thread_is_never_opened_is_answered_in_the_channel_though_no_other_call_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot also asks for the message, which tells this from an outage. The answer gives the reason."""
    monkeypatch.setattr("bot.intake.thread_opener.OPEN_SECONDS", 3.0)
    async with bot_lab(tmp_path, extra="[reactions]\nenabled = false\n") as lab:
        refused = lab.discord.fault(method="POST", path=re.compile("/threads$"), times=None, status=503)
        await lab.ann.say(lab.channel, f"<@{lab.bot.id}> say here")
        told = await lab.ann.sees(lab.channel, "here", by=lab.bot)
        assert "I can't open a thread: 503: made up" in told.content
        assert refused.hits > 1


async def test_the_first_call_that_succeeds_brings_the_gateway_back_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next try may be far away, and a successful call is a reason to try earlier."""
    for wait in ("FIRST_SECONDS", "PROBE_SECONDS", "LONGEST_SECONDS"):
        monkeypatch.setattr(f"bot.gateway.supervisor.{wait}", 3600.0)
    async with bot_lab(tmp_path) as lab:
        gated = gates(tmp_path)
        threads = [await lab.thread(f"say begun\ngate {gate}\nstream 60 30\nsay end") for gate in gated]
        for thread in threads:
            await lab.ann.sees(thread, "begun", by=lab.bot)
        refused = lab.discord.fault(method="CONNECT", status=503, times=None)
        away = lab.discord.fault(path="/", times=None, status=503)
        lab.discord.drop_gateway(lab.bot, resume=False)
        for gate in gated:
            await asyncio.to_thread(gate.write_text, "open")
        await lab.discord.until(lambda: refused.hits > 0 and away.hits > 10, timeout=GENEROUS)
        end(away, refused)
        for thread in threads:
            await lab.answer(thread, "end")
        await lab.discord.until(lambda: lab.discord.is_connected(lab.bot), timeout=GENEROUS)


async def test_a_stop_in_an_outage_leaves_the_answers_to_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop ends in time. The next run posts finished answers once, also those whose response was lost."""
    monkeypatch.setattr("bot.app.REPLY_SECONDS", 0.5)
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab) as app:
            gated = gates(tmp_path)
            threads = [await lab.thread(f"say begun\ngate {gate}\nstream 60 60\nsay end") for gate in gated]
            for thread in threads:
                await lab.ann.sees(thread, "begun", by=lab.bot)
            lost = lab.discord.fault(method="PATCH", answer_lost=True)
            away = lab.discord.fault(path="/", times=None, after=1, status=503)
            for gate in gated:
                await asyncio.to_thread(gate.write_text, "open")
            ids = [thread.id for thread in threads]
            await lab.discord.until(lambda: {*states(lab, ids)} == {MessageState.FINISHED}, timeout=GENEROUS)
            app.stop()
        assert states(lab, ids) == [MessageState.FINISHED] * 2
        end(lost, away)
        lab.discord.jump(MINUTES)
        async with running_bot(lab):
            for thread in threads:
                await lab.answer(thread, "end")
        for thread in threads:
            assert answers(lab, thread) == [f"begun\n{numbers(1, 60)}\nend"]
        assert states(lab, ids) == [MessageState.ANSWERED] * 2


async def test_a_bot_that_starts_in_an_outage_waits_for_its_end(tmp_path: Path) -> None:
    """It has connected before, so the configuration is right; missed messages are answered."""
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab):
            thread = await lab.thread("say first")
            await lab.answer(thread, "first")
        away = lab.discord.fault(path="/", times=None, edge="1020")
        await lab.ann.say(thread, "say missed")
        starting = asyncio.create_task(performed(lab, thread))
        await lab.discord.until(lambda: away.hits > 2, timeout=GENEROUS)
        end(away)
        await starting


async def performed(lab: BotLab, thread: Thread) -> None:
    """Run the bot until it has answered what it missed."""
    async with running_bot(lab):
        await lab.answer(thread, "missed")


def states(lab: BotLab, message_ids: list[int]) -> list[MessageState | None]:
    """Return the journal's states of requests."""
    with Journal.open(lab.config.with_name("threadline.db")) as journal:
        return [journal.messages.state(message_id) for message_id in message_ids]


def end(*faults: Fault) -> None:
    """Bring Discord back."""
    for fault in faults:
        fault.remove()


@pytest.mark.parametrize("code", [200000, 240000])
async def test_an_answer_with_words_that_the_server_refuses_comes_as_a_file(tmp_path: Path, code: int) -> None:
    """AutoMod or Discord's link filter refuses the text: a line gives the reason, and a file the text."""
    async with bot_lab(tmp_path) as lab:
        refused = lab.discord.fault(says="darn", code=code, times=None)
        thread = await lab.thread("say it is darn good")
        line = await lab.ann.sees(thread, "Discord refused this part of the answer", by=lab.bot)
        brought = await lab.ann.sees(thread, lambda each: bool(each.attachments), by=lab.bot, after=line)
        assert [each.filename for each in brought.attachments] == ["part-1.md"]
        assert refused.hits > 0
        refused.remove()
        await lab.ann.say(thread, "say well")
        await lab.answer(thread, "well")


@pytest.mark.parametrize("code", [20031, 200001])
async def test_a_request_with_words_that_no_thread_may_be_called_by_gets_its_thread(tmp_path: Path, code: int) -> None:
    """Its name is neutral."""
    async with bot_lab(tmp_path) as lab:
        # The agent's own title for its session says the same, and the thread may be renamed by it.
        lab.discord.fault(path=re.compile(r"/threads$|/channels/\d+$"), says="darn", code=code, times=None)
        thread = await lab.thread("say darn")
        await lab.answer(thread, "darn")
        assert thread.name == NEUTRAL


@pytest.mark.parametrize("edge", ["html 403", "1020", "40333"])
async def test_a_block_by_the_edge_is_neither_shown_nor_the_end_of_a_thread(tmp_path: Path, edge: str) -> None:
    """Its page has thousands of characters, and the block passes."""
    async with bot_lab(tmp_path) as lab:
        lab.discord.fault(method="POST", path=re.compile("/threads$"), edge=edge, times=3)
        thread = await lab.thread("say well")
        await lab.answer(thread, "well")
        assert lab.said_by_bot(lab.channel) == []
