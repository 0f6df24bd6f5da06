"""However the connection to Discord ends, the bot comes back by itself, and its threads continue."""

import asyncio
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord.gateway import KeepAliveHandler
from prometheus_client.parser import text_string_to_metric_families

from bot.access.admission import Admission
from bot.app import App
from bot.config.load import load
from bot.gateway import supervisor as supervision
from bot.gateway.client import ThreadlineClient
from bot.gateway.connection import close_client, configure_library
from bot.gateway.identify_limit import IdentifyLimit
from bot.intake.catch_up import CatchUp
from bot.operations.start_failure import NeedsPerson
from bot.reply.order import ReplyOrder
from loopback.state.entities import Thread
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState

from .bot_process import GENEROUS, bot_process, bot_run, run_to_exit
from .live_bot import IMPATIENCE, TOKEN, BotLab, bot_lab, idle_lab, numbers, running_bot, spoken

METRICS = '[metrics]\nlisten = "127.0.0.1:0"\n'


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_SECONDS", 0.05)


def answers(lab: BotLab, thread: Thread, beginning: str) -> list[str]:
    """Return the lines of the bot in a thread that begin so: one reply may answer several messages."""
    lines = [line for message in lab.said_by_bot(thread) for line in spoken(message).split("\n")]
    return [line for line in lines if line.startswith(beginning)]


async def another_client(lab: BotLab, before: ThreadlineClient) -> None:
    """Wait until a client other than `before` is ready."""
    await lab.discord.until(lambda: lab.client is not before and lab.discord.is_connected(lab.bot), timeout=GENEROUS)


async def test_a_gateway_that_refuses_for_a_while_costs_nothing(tmp_path: Path) -> None:
    """A turn continues, and the messages of that time are answered in order, once."""
    async with bot_lab(tmp_path, extra=METRICS) as lab:
        thread = await lab.conversation("say hello there", "hello there")
        running = await lab.thread("say begun\nstream 60 20", lab.ben)
        await lab.ben.sees(running, "begun", by=lab.bot)
        before = lab.client
        refused = lab.discord.fault(method="CONNECT", status=503, times=4)
        lab.discord.drop_gateway(lab.bot)
        for number in range(3):
            await lab.ann.say(thread, f"say meanwhile {number}")
        await lab.ann.sees(thread, "meanwhile 2", by=lab.bot, timeout=GENEROUS)
        assert refused.spent
        assert lab.client is not before
        assert answers(lab, thread, "meanwhile") == [f"meanwhile {number}" for number in range(3)]
        await lab.ben.sees(running, numbers(1, 60), by=lab.bot, timeout=GENEROUS)
        assert len(lab.said_by_bot(running)) == 1
        found = await figures(lab)
        assert found["threadline_catch_up_messages_total"] >= 3
        assert found["threadline_discord_clients_total"] >= 2


async def test_answers_are_posted_while_the_gateway_alone_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discord's REST often works without it, so answers do not wait for the next client."""
    monkeypatch.setattr(supervision, "FIRST_SECONDS", GENEROUS)
    monkeypatch.setattr(supervision, "PROBE_SECONDS", GENEROUS)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun\nstream 60 30\nsay end", "begun")
        refused = lab.discord.fault(method="CONNECT", status=503, times=None)
        lab.discord.drop_gateway(lab.bot, resume=False)
        await lab.discord.until(lambda: refused.hits > 0)
        await lab.answer(thread, "end")
        assert not lab.discord.is_connected(lab.bot)


async def figures(lab: BotLab) -> dict[str, float]:
    """Return the metrics of `/metrics`, by name and labels."""
    assert lab.app is not None
    async with aiohttp.ClientSession() as session, session.get(f"{lab.app.metrics_address}/metrics") as answer:
        text = await answer.text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_the_figures_tell_what_the_bot_has_done(tmp_path: Path) -> None:
    """Two turns, an answered and an open question, and real memory."""
    async with bot_lab(tmp_path, extra=METRICS) as lab:
        thread = await lab.thread("say hello\nask execute make test")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        await lab.ann.click(card, "Allow once")
        await lab.answer(thread, re.compile("^hello"))
        await lab.ann.say(thread, "ask execute make install")
        await lab.ann.sees(thread, re.compile("Permission needed.*make install"), by=lab.bot, after=card)
        found = await figures(lab)
    assert found["threadline_messages_received_total"] == 2
    assert found["threadline_turns_total end_turn"] == 1
    assert (found["threadline_questions_answered_total"], found["threadline_questions_open"]) == (1, 1)
    assert found["threadline_conversations working"] == 1
    slots = ("threadline_slots here", "threadline_slots_held here", "threadline_line_length here")
    assert [found[each] for each in slots] == [8, 1, 0]
    assert found["threadline_agent_starts_total"] == 1
    assert found["threadline_gateway_connected"] == 1
    assert found["threadline_discord_calls_total thread done"] == 1
    assert found["threadline_discord_calls_total message done"] >= 3
    if sys.platform == "linux":
        assert found["threadline_agents_resident_memory_bytes"] > 1_000_000
        assert found["process_resident_memory_bytes"] > 1_000_000


async def test_an_address_that_is_taken_ends_the_start_with_one_clear_line(tmp_path: Path) -> None:
    """Exit code 1, with the key and the address; the journal stays usable for the next start."""
    async with idle_lab(tmp_path) as lab:
        taken = lab.discord.endpoint.removeprefix("http://")
        lab.configure(extra=f'[metrics]\nlisten = "{taken}"\n')
        code, stderr = await run_to_exit(lab)
        assert code == 1
        host, port = taken.split(":")
    words = f"metrics.listen: cannot listen on {host}, port {port}: Address already in use"
    assert stderr == f"threadline: {words}\n"


async def test_a_payload_that_the_library_cannot_read_costs_one_client(tmp_path: Path) -> None:
    """Its parser's exception ends `start()`, with a client that does not count as closed."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello there", "hello there")
        before = lab.client
        poison(lab)
        await another_client(lab, before)
        assert before.is_closed()
        await lab.ann.say(thread, "say well again")
        await lab.ann.sees(thread, "well again", by=lab.bot)
        assert answers(lab, thread, "hello") == ["hello there"]


def poison(lab: BotLab) -> None:
    """Send the bot an event without its fields."""
    for session in lab.discord._sessions.of(lab.bot):
        session.dispatch("MESSAGE_CREATE", {})


async def test_an_http_session_that_is_gone_costs_one_client(tmp_path: Path) -> None:
    """The next client completes a reply in progress."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun\nstream 60 20", "begun")
        before = lab.client
        await vars(before.http)["_HTTPClient__session"].close()
        await another_client(lab, before)
        await lab.ann.sees(thread, numbers(1, 60), by=lab.bot, timeout=GENEROUS)
        assert len(lab.said_by_bot(thread)) == 1


async def test_an_event_that_fails_touches_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client survives, and so does the thread of the failure."""
    judge = Admission.facts

    def judge_or_fail(admission: Admission, message: Any) -> Any:
        if "poisoned" in message.content:
            raise LookupError(message.content)
        return judge(admission, message)

    monkeypatch.setattr(Admission, "facts", judge_or_fail)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello there", "hello there")
        before = lab.client
        await lab.ann.say(thread, "say poisoned")
        await lab.ann.say(thread, "say well")
        await lab.ann.sees(thread, "well", by=lab.bot)
        assert lab.client is before
        assert answers(lab, thread, "poisoned") == []


async def test_a_start_that_fails_half_way_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a bot that looks healthy would hold every message for a dead catch-up."""
    catch_up = CatchUp.run
    failures = [LookupError("first"), LookupError("second")]

    async def fail_or_run(self: CatchUp, places: Any) -> None:
        if failures:
            raise failures.pop()
        await catch_up(self, places)

    monkeypatch.setattr(CatchUp, "run", fail_or_run)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello there", "hello there")
        assert failures == []
        assert answers(lab, thread, "hello") == ["hello there"]


async def test_a_client_that_dies_while_the_bot_stops_does_not_hold_it_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages of that moment are answered after the next start, once."""
    monkeypatch.setitem(IMPATIENCE, "pool.pool.TURN_SECONDS", GENEROUS)
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab) as app:
            thread = await lab.conversation("say begun\nhang", "begun")
            before = lab.client
            app.stop()
            poison(lab)
            await another_client(lab, before)
            await lab.ann.say(thread, "say too late")
            await lab.ann.slash(thread, "cancel")
        assert answers(lab, thread, "too late") == []
        async with running_bot(lab):
            await lab.ann.sees(thread, "too late", by=lab.bot)
        assert answers(lab, thread, "too late") == ["too late"]


async def test_a_client_that_dies_before_its_servers_are_known_leaves_nothing_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its wait for servers ends before the next client, which waits as long, accepts a message."""
    monkeypatch.setitem(IMPATIENCE, "bot.gateway.client.GUILD_SECONDS", 1.0)
    async with idle_lab(tmp_path) as lab:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        async with running_bot(lab):
            for _ in range(2):
                before = lab.client
                poison(lab)
                await another_client(lab, before)
            thread = await lab.thread("say hello there")
            await lab.answer(thread, "hello there")
        assert failures == []


async def test_a_bot_that_stops_between_two_connections_leaves_no_heartbeats_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library starts them at a connection's first event, and may wait for seconds before it identifies."""
    waits = asyncio.Event()

    async def wait(_client: ThreadlineClient, _shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            waits.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(ThreadlineClient, "before_identify_hook", wait)
    async with bot_lab(tmp_path) as lab:
        before = {*threading.enumerate()}
        lab.discord.drop_gateway(lab.bot, resume=False)
        await waits.wait()
        begun = {*threading.enumerate()} - before
        beating = [thread for thread in begun if isinstance(thread, KeepAliveHandler)]
    assert beating
    for thread in beating:
        await asyncio.to_thread(thread.join, GENEROUS)
        assert not thread.is_alive()


async def test_a_bot_that_stops_at_the_moment_it_connects_does_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Python 3.12 the library's `asyncio.wait_for` loses a cancellation that comes together with its result."""
    connects, ends = asyncio.Event(), asyncio.Event()

    async def connect(_client: ThreadlineClient, _shard_id: int | None, *, initial: bool = False) -> None:
        assert initial
        connects.set()
        await ends.wait()

    async def finish(_order: ReplyOrder, _seconds: float) -> None:
        ends.set()  # Next the client is cancelled, in the same step of the loop.

    monkeypatch.setattr(ThreadlineClient, "before_identify_hook", connect)
    monkeypatch.setattr(ReplyOrder, "settled", finish)
    async with idle_lab(tmp_path) as lab:
        app = App(load(lab.config))
        work = asyncio.create_task(app.run(), name="app")
        await connects.wait()
        app.stop()
        async with asyncio.timeout(GENEROUS):
            await work


async def test_a_bot_that_has_stopped_is_at_work_on_no_event(tmp_path: Path) -> None:
    """A handler could otherwise wait for ever, for an unreadable channel or a closed journal."""
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab):
            thread = await lab.thread("say hello there")
            await lab.answer(thread, "hello there")
        await lab.ann.say(thread, "say missed")
        unread = lab.discord.fault(method="GET", path=re.compile("/messages"), reset=True, times=None)
        app = App(load(lab.config))
        work = asyncio.create_task(app.run(), name="app")
        await lab.discord.until(lambda: unread.hits > 0)
        at_work = {task for task in asyncio.all_tasks() if task.get_name() == "discord.py: on_ready"}
        app.stop()
        await work
        assert at_work
        assert all(task.done() for task in at_work)


class Lingering(discord.Client):
    """A client whose server does not answer its close."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.none())
        self.lingers = asyncio.Event()

    async def close(self) -> None:
        self.lingers.set()
        await asyncio.Event().wait()


async def test_a_client_whose_closing_is_cut_short_lets_go_of_its_session_all_the_same(tmp_path: Path) -> None:
    """A client may die just as the bot stops."""
    async with idle_lab(tmp_path) as lab:
        configure_library(lab.discord.endpoint)
        client = Lingering()
        await client.login(TOKEN)
        closing = asyncio.create_task(close_client(client))
        await client.lingers.wait()
        closing.cancel()
        await asyncio.wait([closing])
        assert closing.cancelled()
        assert vars(client.http)["_HTTPClient__session"].closed


async def test_a_bot_that_has_logged_in_too_often_waits_and_then_comes_by_itself(tmp_path: Path) -> None:
    """Discord resets the token of a bot that does not wait. The library's own new sessions count too."""
    async with idle_lab(tmp_path) as lab:
        few = {"total": 1000, "remaining": 50, "reset_after": 300, "max_concurrency": 1}
        body = {"url": "ws://127.0.0.1:9/", "shards": 1, "session_start_limit": few}
        asked = lab.discord.fault(method="GET", path="/gateway/bot", status=200, body=body, times=3)
        async with running_bot(lab):
            assert asked.spent
            assert lab.bot.identifies == 1
            thread = await lab.thread("say hello there")
            await lab.answer(thread, "hello there")
            lab.discord.drop_gateway(lab.bot, resume=False)
            await lab.ann.say(thread, "say again")
            await lab.answer(thread, "again")
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            assert IdentifyLimit(journal).allowance.left == 1000 - lab.bot.identifies


async def test_a_token_that_is_no_longer_good_ends_the_bot(tmp_path: Path) -> None:
    """One line, exit code 2, and no agent is left: further logins would be useless."""
    async with idle_lab(tmp_path) as lab, bot_process(lab) as process:
        await lab.conversation("say hello there", "hello there")
        del lab.discord.world.bots_by_token[lab.bot.token]
        lab.discord.drop_gateway(lab.bot)
        async with asyncio.timeout(GENEROUS):
            _, stderr = await process.communicate()
        assert process.returncode == 2
        assert "refused the token" in stderr.decode().splitlines()[-1]
        assert b"Traceback" not in stderr


async def test_an_answer_that_ends_while_the_token_is_refused_is_posted_with_the_new_token(tmp_path: Path) -> None:
    """A token that is reset, by a person or by Discord, is refused to every call; that is not about the thread."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with idle_lab(tmp_path) as lab:
        bots = lab.discord.world.bots_by_token
        async with bot_process(lab) as process:
            thread = await lab.conversation(f"say begun\ngate {gate}\nsay end", "begun")
            del bots[lab.bot.token]
            await asyncio.to_thread(gate.write_text, "open")
            await lab.discord.until(lambda: any(call.status == 401 for call in lab.discord.record))
            await lab.discord.until(lambda: row_state(lab, thread) is MessageState.FINISHED, timeout=GENEROUS)
            lab.discord.drop_gateway(lab.bot, resume=False)
            async with asyncio.timeout(GENEROUS):
                _, stderr = await process.communicate()
            assert process.returncode == 2
            assert b"Discord is away; calls wait" in stderr
        bots[lab.bot.token] = lab.bot
        async with bot_run(lab):
            await lab.answer(thread, "end")
        assert [spoken(each) for each in lab.said_by_bot(thread)] == ["begun\nend"]


def row_state(lab: BotLab, thread: Thread) -> MessageState | None:
    """Read the state of a thread's first request from outside."""
    with Journal.open(lab.config.with_name("threadline.db")) as journal:
        return journal.messages.state(thread.id)


async def test_an_intent_that_is_taken_away_ends_the_bot(tmp_path: Path) -> None:
    """The reason says where to enable it."""
    async with idle_lab(tmp_path) as lab:
        app = App(load(lab.config))
        work = asyncio.create_task(app.run(), name="app")
        await lab.discord.connected(lab.bot)
        lab.bot.allowed_intents = 0
        lab.discord.drop_gateway(lab.bot, resume=False)
        with pytest.raises(NeedsPerson, match="Message Content intent: turn it on"):
            async with asyncio.timeout(GENEROUS):
                await work


async def test_a_bot_without_the_intent_does_not_start(tmp_path: Path) -> None:
    """Discord refuses it at the first connection too."""
    async with idle_lab(tmp_path) as lab:
        lab.bot.allowed_intents = 0
        with pytest.raises(NeedsPerson, match="Message Content intent: turn it on"):
            async with running_bot(lab):
                pass
