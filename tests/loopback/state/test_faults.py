"""Fault rules: their targets, their frequency, and their effects for the client."""

import asyncio
import re
from typing import Any

import aiohttp
import discord
import pytest

from loopback import Loopback
from loopback.rest.rate_limits import Limit
from loopback.state.faults import FaultOptions, Faults, GatewayFault, for_calls
from tests.loopback.discordpy import BOUND, furnish, logged_in
from tests.loopback.gateway.test_gateway import connect, identity
from tests.loopback.openapi import strictly
from tests.loopback.rest.test_routing import Caller
from tests.loopback.test_discordpy import Client


def test_a_rule_strikes_its_target_as_often_as_it_says() -> None:
    """It has a method and a path, spares the first call, strikes three, and ends."""
    faults = Faults()
    rule = faults.add(for_calls(method="patch", path="/channels/1/", status=503, times=3, after=1))
    strikes = [faults.strike_call("PATCH", "/channels/1/messages/2", None) for _ in range(6)]
    assert [one is not None for one in strikes] == [False, True, True, True, False, False]
    assert faults.strike_call("POST", "/channels/1/messages", None) is None
    assert (rule.hits, rule.spent, len(faults)) == (3, True, 0)


def test_a_pattern_is_searched_and_a_seed_repeats_the_odds() -> None:
    """A seed always strikes the same calls."""

    def struck(seed: int) -> list[bool]:
        faults = Faults()
        faults.add(for_calls(path=re.compile("/reactions/"), reset=True, times=None, probability=0.5, seed=seed))
        return [faults.strike_call("PUT", "/channels/1/messages/2/reactions/x", None) is not None for _ in range(50)]

    assert struck(1) == struck(1) != struck(2)
    assert 10 < sum(struck(1)) < 40


def test_the_rules_read_like_a_status_line_and_can_be_removed() -> None:
    """The text has the target, the effect, and the count so far."""
    faults = Faults()
    rule = faults.add(for_calls(method="PATCH", path="/channels/", slow=2.0, answer_lost=True, times=None))
    faults.add(for_calls(status=500))
    assert (
        repr(faults) == "<Faults: <PATCH /channels/: answer lost, 2 s slow, 0 hits>, <everything: 500, 0 hits, 1 left>>"
    )
    rule.remove()
    assert repr(faults) == "<Faults: <everything: 500, 0 hits, 1 left>>"
    faults.clear()
    assert repr(faults) == "<Faults: none>"


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"status": 500, "reset": True},
        {"status": 500, "probability": 2.0},
        {"strange": 1},
        {"code": 0},
        {"code": 99999},
        {"edge": "1016"},
        {"edge": "1020", "code": 20028},
        {"edge": "1020", "reset": True},
    ],
)
def test_a_contradictory_rule_is_refused(rule: Any) -> None:
    """Cases: no effect, two effects, an impossible probability, an unknown option, code or edge answer."""
    with pytest.raises((ValueError, TypeError)):
        for_calls(**rule)


async def test_each_fault_reaches_the_client_and_the_call_log() -> None:
    """Cases: a status with and without JSON, a reset before and a lost answer after the effect."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        url, headers = f"{server.endpoint}/api/v10/channels/{channel.id}/messages", {"Authorization": "Bot T"}

        async def post(text: str) -> tuple[int, str]:
            async with http.post(url, headers=headers, json={"content": text}) as answer:
                return answer.status, await answer.text()

        server.fault(method="POST", status=502, body="<html>bad gateway</html>")
        assert await post("one") == (502, "<html>bad gateway</html>")
        server.fault(method="POST", status=500)
        assert await post("two") == (500, '{"message": "500: made up", "code": 0}')
        server.fault(method="POST", reset=True)
        with pytest.raises(aiohttp.ClientOSError, match="reset"):
            await post("three")
        assert server.messages(channel) == []
        server.fault(method="POST", answer_lost=True)
        with pytest.raises(aiohttp.ClientError):
            await post("four")
        assert [one.content for one in server.messages(channel)] == ["four"]
        assert (await post("five"))[0] == 200
        assert [(call.status, call.fault) for call in server.record] == [
            (502, "502"),
            (500, "500"),
            (0, "reset"),
            (200, "answer lost"),
            (200, None),
        ]


@pytest.mark.parametrize(
    ("edge", "status", "kind", "start"),
    [
        ("html 403", 403, "text/html", "<!DOCTYPE html>"),
        ("html 429", 429, "text/html", "<!DOCTYPE html>"),
        ("1015", 429, "text/plain", "error code: 1015"),
        ("1020", 403, "text/plain", "error code: 1020"),
        ("40333", 403, "application/json", '{"message": "internal network error", "code": 40333}'),
    ],
)
async def test_the_edge_answers_for_discord_without_a_waiting_time(
    edge: str, status: int, kind: str, start: str
) -> None:
    """The answer has neither Via nor Retry-After nor limits, and the message is not posted."""
    async with Loopback(limits=True) as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        url, headers = f"{server.endpoint}/api/v10/channels/{channel.id}/messages", {"Authorization": "Bot T"}
        server.fault(method="POST", edge=edge)
        async with http.post(url, headers=headers, json={"content": "hello"}) as answer:
            assert (answer.status, answer.content_type) == (status, kind)
            assert (await answer.text()).startswith(start)
            assert answer.headers.keys().isdisjoint({"Via", "Retry-After", "X-RateLimit-Bucket"})
        assert server.messages(channel) == []


async def test_the_edge_refuses_gateway_connects_too() -> None:
    """Its own page replaces the upgrade."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        server.fault(method="CONNECT", edge="1020")
        async with http.get(f"{server.endpoint}/gateway/?v=10") as answer:
            assert (answer.status, await answer.text()) == (403, "error code: 1020")
            assert "Via" not in answer.headers


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (20028, 429),
        (20029, 429),
        (20031, 400),
        (130000, 503),
        (160006, 400),
        (160007, 400),
        (200000, 400),
        (200001, 400),
        (240000, 400),
    ],
)
async def test_a_refusal_by_code_strikes_calls_with_the_text(code: int, status: int) -> None:
    """The library gets Discord's own status, code and message. Another text is posted."""
    async with Loopback(strict=strictly()) as server:
        channel, *_ = furnish(server)
        rule = server.fault(method="POST", says=re.compile("d[ae]rn"), code=code, times=None)
        assert repr(rule) == f"<POST saying 'd[ae]rn': {status}, 0 hits>"
        client = Client(max_ratelimit_timeout=30.0)
        place = client.get_partial_messageable(channel.id)
        async with logged_in(server, client):
            await place.send("hello")
            if status == 429:
                rule.remove()
                server.fault(method="POST", says="darn", code=code, retry_after=60)
                with pytest.raises(discord.RateLimited) as waits:
                    await place.send("darn it")
                assert waits.value.retry_after == 60
            else:
                with pytest.raises(discord.HTTPException) as refused:
                    await place.send("darn it")
                assert (refused.value.status, refused.value.code) == (status, code)
        assert [one.content for one in server.messages(channel)] == ["hello"]


async def test_a_write_rate_refusal_is_shared_and_has_a_waiting_time() -> None:
    """The time is in the header and the body, and the refusal is no invalid request."""
    async with Loopback(limits={Limit.INVALID}) as server, aiohttp.ClientSession() as http:
        server.limits.change(Limit.INVALID, 2, 600.0)
        channel, *_ = furnish(server)
        call = Caller(server, http)
        server.fault(path="/channels/", code=20029, retry_after=2.5, times=3)
        for _ in range(3):
            status, body = await call("POST", f"/channels/{channel.id}/messages", {"content": "hello"})
            assert (status, body["code"], body["retry_after"], body["global"]) == (429, 20029, 2.5, False)
        assert (await call("POST", f"/channels/{channel.id}/messages", {"content": "hello"}))[0] == 200


async def test_a_slow_answer_comes_after_its_effect_or_a_jump() -> None:
    """The message is posted before the answer, which a jump brings."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        server.fault(method="POST", slow=3000.0)
        call = Caller(server, http)
        waiting = asyncio.create_task(call("POST", f"/channels/{channel.id}/messages", {"content": "slow"}))
        await server.until(lambda: server.messages(channel))
        assert (waiting.done(), list(server.record)) == (False, [])
        server.jump(3000)
        async with asyncio.timeout(BOUND):
            assert (await waiting)[0] == 200


@pytest.mark.parametrize(
    ("rule", "raised", "posts"),
    [
        ({"method": "POST", "status": 500}, None, 2),
        ({"method": "POST", "status": 503}, discord.DiscordServerError, 1),
        ({"method": "POST", "reset": True}, aiohttp.ClientOSError, 1),
        ({"method": "POST", "answer_lost": True}, aiohttp.ServerDisconnectedError, 1),
    ],
)
async def test_the_library_retries_only_what_it_calls_a_servers_error(
    rule: FaultOptions, raised: type[Exception] | None, posts: int
) -> None:
    """It retries 500. It raises for 503, a reset on Linux and a lost answer."""
    async with Loopback() as server:
        channel, *_ = furnish(server)
        client = Client()
        async with logged_in(server, client):
            server.fault(**rule)
            sending = client.get_partial_messageable(channel.id).send("hello")
            if raised is None:
                await sending
            else:
                with pytest.raises(raised):
                    await sending
        assert sum(call.method == "POST" for call in server.record) == posts


async def test_events_are_lost_repeated_and_swapped() -> None:
    """They have consecutive numbers, like Discord's own."""
    async with Loopback() as server:
        channel, ann, _ = furnish(server)
        async with connect(server) as client:
            await client.send(2, identity())
            await client.until("GUILD_CREATE")
            server.event_fault("MESSAGE_CREATE", GatewayFault.LOST)
            server.event_fault("MESSAGE_CREATE", GatewayFault.TWICE)
            swapped = server.event_fault("MESSAGE_CREATE", GatewayFault.SWAPPED)
            assert repr(swapped) == "<MESSAGE_CREATE: swapped with the next, 0 hits, 1 left>"
            for text in ("lost", "twice", "later", "sooner"):
                await ann.say(channel, text)
            frames = [await client.receive() for _ in range(4)]
            assert [frame["d"]["content"] for frame in frames] == ["twice", "twice", "sooner", "later"]
            assert [frame["s"] for frame in frames] == list(range(frames[0]["s"], frames[0]["s"] + 4))


async def test_a_gateway_that_refuses_the_connect_answers_with_a_status() -> None:
    """A rule for the method CONNECT strikes one upgrade."""
    async with Loopback() as server:
        server.fault(method="CONNECT", status=503)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connect(server):
                pass
        assert refused.value.status == 503
        async with connect(server):
            pass


async def test_a_client_that_stops_its_heartbeats_must_identify_again() -> None:
    """Its connection closes with 4009 after one and a half intervals, and the session ends."""
    async with Loopback() as server:
        bot = server.add_bot("threadline", token="T")
        async with connect(server) as client:
            await client.send(2, identity())
            ready = await client.until("READY")
            await server.connected(bot)
            server.jump(100)
            assert await client.close_code() == 4009
        async with connect(server) as client:
            await client.send(6, {"token": "T", "session_id": ready["d"]["session_id"], "seq": ready["s"]})
            assert (await client.receive())["op"] == 9


async def test_the_library_leaves_a_gateway_that_fell_silent_and_resumes() -> None:
    """Without a close, the library reconnects by its own time-out, and RESUME replays the messages."""
    async with Loopback(heartbeat=BOUND) as server:
        channel, ann, bot = furnish(server)
        client = Client(heartbeat_timeout=2.0)
        async with logged_in(server, client):
            server.freeze_gateway(bot)
            await ann.say(channel, "are you there?")
            await client.resumed.wait()
            assert (await client.heard.get()).content == "are you there?"
