"""Metrics and health."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from acp import SpawnFailed, StartProblem
from bot.interactions.cards import Cards
from bot.operations.health import BEAT_SECONDS, DOWN_SECONDS, STUCK_SECONDS, Health
from bot.operations.http_endpoint import MonitoringEndpoint
from bot.operations.metrics import Metrics
from bot.operations.prometheus_text import PrometheusText
from bot.rest.pacer import Pacer
from bot.rest.sliding_window import RateLimitHeaders
from bot.user_messages import journal_errors
from pool.journal.errors import JournalError
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from tests.bot.fake_discord import FakeDiscord
from tests.pool.journals import LARGE, no_room
from tests.pool.pool_harness import running_pool
from tests.support.virtual_time import elapse, quiet

GENEROUS = 60.0
"""A bound that only catches hangs."""


async def figures(metrics: Metrics) -> dict[str, float]:
    """Return all samples, by name and labels."""
    return await samples_of(PrometheusText(metrics))


async def samples_of(written: PrometheusText) -> dict[str, float]:
    """Return all samples, by name and labels."""
    text, _ = await written.write("")
    samples = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


# ---- what happens


async def test_messages_are_counted_as_the_journal_moves_them(tmp_path: Path) -> None:
    """Each message counts once; an exchange of two messages is one turn."""
    metrics = Metrics()
    with Journal.open(tmp_path / "journal.db", on_moved=metrics.moved) as journal:
        for message_id in (1, 1, 2, 3, 4):
            journal.messages.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4)
        journal.messages.hold((1, 2), held=True)
        journal.messages.hold((1, 2), held=False)
        journal.messages.prompted((1, 2), "[]")
        journal.messages.finish((1, 2), "end_turn", ["page"])
        journal.messages.answer((1, 2))
        journal.messages.close((3,), "dropped")
    found = await figures(metrics)
    assert found["threadline_messages_received_total"] == 4
    assert found["threadline_messages_answered_total"] == 2
    assert found["threadline_messages_closed_total dropped"] == 1
    assert found["threadline_turns_total end_turn"] == 1


async def test_a_move_that_was_not_written_is_not_counted(tmp_path: Path) -> None:
    """Whether it was refused or failed half way; the next move counts only itself."""
    metrics = Metrics()
    with Journal.open(tmp_path / "journal.db", on_moved=metrics.moved) as journal:
        for message_id in (1, 2):
            journal.messages.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4)
        journal.messages.prompted((1,), "[]")
        no_text: Any = [["no text"]]
        with pytest.raises(sqlite3.Error):
            journal.messages.finish((1,), "end_turn", no_text)
        with pytest.raises(JournalError):
            journal.messages.finish((1, 2), "end_turn", [])
        journal.messages.finish((1,), "refusal", ["page"])
    found = await figures(metrics)
    assert {name for name in found if name.startswith("threadline_turns_total")} == {"threadline_turns_total refusal"}
    assert found["threadline_turns_total refusal"] == 1


async def test_an_agents_own_stop_reasons_share_one_series() -> None:
    """Else an agent could fill the monitoring system's memory."""
    metrics = Metrics()
    for number in range(100):
        metrics.moved(MessageState.FINISHED, f"made up {number}", 1)
    assert (await figures(metrics))["threadline_turns_total other"] == 100


async def test_agent_starts_are_counted_by_how_they_end() -> None:
    """A failed start is counted, and raises as before."""
    metrics = Metrics()
    with metrics.agent_start():
        pass
    with pytest.raises(SpawnFailed), metrics.agent_start():
        raise SpawnFailed(StartProblem.COMMAND_MISSING, "agent")
    found = await figures(metrics)
    assert found["threadline_agent_starts_total"] == 1
    assert found["threadline_agent_start_failures_total"] == 1


CALLS = {
    "POST /api/v10/channels/1/messages": "message",
    "PATCH /api/v10/channels/1/messages/2": "edit",
    "PUT /api/v10/channels/1/messages/2/reactions/%F0%9F%91%80/@me": "reaction",
    "POST /api/v10/channels/1/messages/2/threads": "thread",
    "POST /api/v10/interactions/1/token/callback": "interaction",
    "GET /api/v10/channels/1/messages": "read",
    "PUT /api/v10/channels/1/thread-members/2": "other",
    "GET /gateway/": "gateway",
}
OUTCOMES = {200: "done", 204: "done", 404: "refused", 429: "rate_limited", 503: "failed"}


async def test_discord_calls_are_counted_by_kind_and_outcome() -> None:
    """The HTTP client counts every call, without an id in any name."""
    metrics = Metrics()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=int(request.query["status"]))

    async with (
        serving(answer) as address,
        aiohttp.ClientSession(trace_configs=[metrics.count(aiohttp.TraceConfig())]) as session,
    ):
        for call in CALLS:
            method, path = call.split()
            for status in OUTCOMES:
                async with session.request(method, f"{address}{path}?status={status}"):
                    pass
    with pytest.raises(aiohttp.ClientConnectionError):
        async with (
            aiohttp.ClientSession(trace_configs=[metrics.count(aiohttp.TraceConfig())]) as session,
            session.get(f"{address}/api/v10/"),
        ):
            pass
    found = await figures(metrics)
    for kind in CALLS.values():
        assert found[f"threadline_discord_calls_total {kind} done"] == 2
        for outcome in set(OUTCOMES.values()) - {"done"}:
            assert found[f"threadline_discord_calls_total {kind} {outcome}"] == 1
    assert found["threadline_discord_calls_total read lost"] == 1
    assert len([name for name in found if name.startswith("threadline_discord_calls_total")]) == 4 * len(CALLS) + 1


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Run a web server that passes every request to `answer`."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


# ---- what is


@pytest.mark.virtual_time
async def test_the_pool_is_read_on_request(tmp_path: Path) -> None:
    """Conversations by state, slots and the line; the agents have no real processes here."""
    async with running_pool(tmp_path, slots=1) as it:
        cards = Cards(journal=it.journal, api=FakeDiscord())
        written = PrometheusText(Metrics())
        written.watch(it.pool, cards, Health(lambda: True))
        it.say(1, 1)
        agent = await it.factory.agent(1)
        await agent.expect("session/prompt")
        it.say(2, 2)
        await quiet()
        found = await samples_of(written)
        assert found["threadline_conversations working"] == 1
        assert found["threadline_conversations idle"] == 0
        assert found["threadline_conversations in line"] == 1
        assert (found["threadline_slots here"], found["threadline_slots_held here"]) == (1, 1)
        assert found["threadline_line_length here"] == 1
        assert found["threadline_questions_open"] == found["threadline_questions_answered_total"] == 0
        assert found["threadline_gateway_connected"] == 1


# ---- health


@pytest.mark.virtual_time
async def test_a_gateway_that_is_gone_for_two_minutes_is_unhealthy() -> None:
    """Also from the start; not before, and no longer when it is back."""
    there = False
    health = Health(lambda: there)
    beating = asyncio.create_task(health.run())
    await elapse(DOWN_SECONDS - 2)
    assert health.problems() == []
    await elapse(4)
    assert health.problems() == [f"not connected to Discord for {DOWN_SECONDS + 2:.0f} s"]
    there = True
    assert health.problems() == []
    await elapse(BEAT_SECONDS)
    there = False
    await elapse(DOWN_SECONDS - 2)
    assert health.problems() == []
    beating.cancel()


async def test_a_journal_that_cannot_be_written_is_unhealthy(tmp_path: Path) -> None:
    """While the disk is full."""
    with Journal.open(tmp_path / "journal.db") as journal:
        health = Health(lambda: True, trouble=lambda: journal_errors.trouble(journal.trouble))
        with no_room(journal):
            journal.facts.note("name", LARGE)
        assert health.problems() == ["the journal cannot be written: database or disk is full"]
        journal.retry()
        assert health.problems() == []


@pytest.mark.virtual_time
async def test_a_discord_that_takes_no_calls_is_unhealthy() -> None:
    """The answer has the reason and the duration."""
    pacer = Pacer()
    health = Health(lambda: True, away=lambda: pacer.trouble)
    assert health.problems() == []
    pacer.failed(pacer.sent(exempt=False), "error code: 1015", blocked=True, seconds=5.0)
    await elapse(12)
    assert health.problems() == ["calls to Discord are on hold: error code: 1015, for 12 s"]
    pacer.answered(pacer.sent(exempt=False), RateLimitHeaders())
    assert health.problems() == []


# ---- over HTTP


@asynccontextmanager
async def monitored(health: Health) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    """Serve metrics and health; yield the address and a client."""
    endpoint = MonitoringEndpoint("127.0.0.1", 0, figures=PrometheusText(Metrics()), health=health)
    address = await endpoint.open()
    try:
        async with aiohttp.ClientSession() as session:
            yield address, session
    finally:
        await endpoint.close()


async def test_figures_and_health_are_served() -> None:
    """200 while the bot is well; 503, with the reason, when it is not. In the requested format."""
    health = Health(lambda: True)
    async with monitored(health) as (address, session):
        async with session.get(f"{address}/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert "threadline_messages_received_total 0.0" in await answer.text()
        newest = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with session.get(f"{address}/metrics", headers=newest) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert (await answer.text()).endswith("# EOF\n")
        async with session.get(f"{address}/health") as answer:
            assert answer.status == 200
            assert await answer.json() == {
                "status": "ok",
                "reasons": [],
                "gateway_connected": True,
                "gateway_down_seconds": 0,
            }
        async with session.get(f"{address}/live") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        health._beat -= STUCK_SECONDS
        async with session.get(f"{address}/health") as answer:
            assert answer.status == 503
            report = await answer.json()
            assert report["status"] == "failing"
            assert report["reasons"] == ["the event loop was stuck for 10 s"]


async def test_a_bot_without_discord_or_journal_is_unhealthy_but_live() -> None:
    """A supervisor that restarts on `/live` leaves a bot alone that a restart cannot mend."""
    health = Health(lambda: False, trouble=lambda: "disk I/O error")
    async with monitored(health) as (address, session):
        async with session.get(f"{address}/health") as answer:
            assert answer.status == 503
        async with session.get(f"{address}/live") as answer:
            assert answer.status == 200


async def test_an_address_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    """A later server can use the address as soon as the first is closed."""
    first = MonitoringEndpoint("127.0.0.1", 0, figures=PrometheusText(Metrics()), health=Health(lambda: True))
    address = await first.open()
    port = int(address.rpartition(":")[2])
    second = MonitoringEndpoint("127.0.0.1", port, figures=PrometheusText(Metrics()), health=Health(lambda: True))
    with pytest.raises(OSError, match="in use"):
        await second.open()
    await first.close()
    third = MonitoringEndpoint("127.0.0.1", port, figures=PrometheusText(Metrics()), health=Health(lambda: True))
    assert await third.open() == address
    await third.close()
