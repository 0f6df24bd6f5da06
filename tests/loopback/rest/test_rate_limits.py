"""Rate limits: the windows, Discord's headers and bodies, and the reactions of the unmodified discord.py."""

import asyncio

import aiohttp
import discord
import pytest

from loopback import Loopback
from loopback.rest.rate_limits import BAN_SECONDS, OLD_EDIT_CODE, Limit, Limits, Scope
from tests.loopback.discordpy import furnish, logged_in
from tests.loopback.openapi import strictly
from tests.loopback.test_discordpy import Client

from .test_routing import Caller

START = 1_800_000_000.0


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def test_a_window_refuses_when_it_is_spent_and_opens_again_when_it_ends() -> None:
    """Five pass, the sixth waits for the rest of the window, and then requests pass again."""
    clock = Time()
    limits = Limits(clock, {Limit.MESSAGES})
    for left in (4, 3, 2, 1, 0):
        verdict = limits.admit(1, "POST", "7", (Limit.MESSAGES,))
        assert (verdict.refused, verdict.headers["X-RateLimit-Remaining"]) == (False, str(left))
        clock.now += 0.5
    refused = limits.admit(1, "POST", "7", (Limit.MESSAGES,))
    assert (refused.refused, refused.retry_after) == (True, 2.5)
    assert refused.headers == {
        "Retry-After": "3",
        "X-RateLimit-Scope": "user",
        "X-RateLimit-Bucket": "messages",
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": f"{START + 5:.3f}",
        "X-RateLimit-Reset-After": "2.500",
    }
    clock.now += 2.5
    assert not limits.admit(1, "POST", "7", (Limit.MESSAGES,)).refused


def test_methods_channels_and_bots_have_windows_of_their_own_under_one_bucket_name() -> None:
    """POST and PATCH share only the bucket's name."""
    limits = Limits(Time(), {Limit.MESSAGES})
    for _ in range(5):
        limits.admit(1, "POST", "7", (Limit.MESSAGES,))
    assert limits.admit(1, "POST", "7", (Limit.MESSAGES,)).refused
    for bot, method, channel in ((1, "PATCH", "7"), (1, "POST", "8"), (2, "POST", "7")):
        verdict = limits.admit(bot, method, channel, (Limit.MESSAGES,))
        assert not verdict.refused
        assert verdict.headers["X-RateLimit-Bucket"] == "messages"


def test_fifty_a_second_is_a_limit_on_everything_together() -> None:
    """The refusal is global and shows no bucket. Another bot is unaffected."""
    limits = Limits(Time(), {Limit.GLOBAL})
    for number in range(50):
        assert not limits.admit(1, "POST", str(number), (Limit.MESSAGES,)).refused
    refused = limits.admit(1, "GET", "", ())
    assert refused.headers == {"Retry-After": "1", "X-RateLimit-Scope": "global", "X-RateLimit-Global": "true"}
    assert not limits.admit(2, "GET", "", ()).refused


def test_a_limit_that_is_off_counts_without_refusals() -> None:
    """A negative rest shows the page what Discord would have refused."""
    limits = Limits(Time())
    for _ in range(7):
        verdict = limits.admit(1, "POST", "7", (Limit.MESSAGES,))
        assert (verdict.refused, verdict.headers) == (False, {})
    assert [window.left for window in limits.windows() if window.limit is Limit.MESSAGES] == [-2]
    assert repr(limits) == "<Limits: none enforced, 0 refused>"


def test_the_thread_limit_is_shared_by_all_bots() -> None:
    """A refusal of a shared scope is no invalid request."""
    limits = Limits(Time(), {Limit.THREADS, Limit.INVALID})
    limits.change(Limit.THREADS, 2, 250.0)
    limits.change(Limit.INVALID, 1, 600.0)
    assert not limits.admit(1, "POST", "7", (Limit.THREADS,)).refused
    assert not limits.admit(2, "POST", "7", (Limit.THREADS,)).refused
    refused = limits.admit(3, "POST", "7", (Limit.THREADS,))
    assert (refused.headers["X-RateLimit-Scope"], refused.retry_after) == (Scope.SHARED, 250.0)
    limits.note(429, shared=refused.shared)
    assert not limits.banned


async def test_too_many_invalid_requests_ban_for_an_hour() -> None:
    """During the ban a valid request gets Cloudflare's 429 without Via and JSON."""
    async with Loopback(limits={Limit.INVALID}) as server, aiohttp.ClientSession() as http:
        server.add_bot("threadline", token="T")
        server.limits.change(Limit.INVALID, 3, 600.0)
        wrong = Caller(server, http, "wrong")
        for _ in range(3):
            assert (await wrong("GET", "/users/@me"))[0] == 401
        url, headers = f"{server.endpoint}/api/v10/users/@me", {"Authorization": "Bot T"}
        async with http.get(url, headers=headers) as answer:
            assert (answer.status, "Via" in answer.headers) == (429, False)
            assert await answer.text() == "error code: 1015"
        server.jump(BAN_SECONDS + 1)
        async with http.get(url, headers=headers) as answer:
            assert answer.status == 200


async def test_each_hidden_limit_refuses_with_its_own_figures() -> None:
    """Cases: renames (two in ten minutes), edits of old messages (three, with 30046), reactions (one)."""
    async with Loopback(limits=True, strict=strictly()) as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        call = Caller(server, http)
        here = f"/channels/{channel.id}/messages"
        _, posted = await call("POST", here, {"content": "old"})
        one = f"{here}/{posted['id']}"
        _, thread = await call("POST", f"{one}/threads", {"name": "talk"})
        server.jump(3601)
        edits = [await call("PATCH", one, {"content": str(number)}) for number in range(4)]
        assert [status for status, _ in edits] == [200, 200, 200, 429]
        assert edits[3][1]["code"] == OLD_EDIT_CODE
        assert 0 < edits[3][1]["retry_after"] <= 6
        renames = [await call("PATCH", f"/channels/{thread['id']}", {"name": f"n{number}"}) for number in range(3)]
        assert [status for status, _ in renames] == [200, 200, 429]
        assert renames[2][1]["retry_after"] > 500
        assert (await call("PATCH", f"/channels/{thread['id']}", {"archived": True}))[0] == 200
        server.limits.change(Limit.REACTIONS, 1, 60.0)
        reactions = [await call("PUT", f"{one}/reactions/{emoji}/@me") for emoji in ("%F0%9F%91%80", "%E2%9C%85")]
        assert [status for status, _ in reactions] == [204, 429]


async def test_the_librarys_last_edit_of_a_window_returns_only_when_the_window_ends() -> None:
    """The server has applied the fifth edit while its call still waits."""
    async with Loopback() as server:
        channel, ann, bot = furnish(server)
        client = Client()
        async with logged_in(server, client):
            sent = await client.get_partial_messageable(channel.id).send("0")
            server.limits.change(Limit.MESSAGES, 5, 3.0)
            for number in range(1, 5):
                await sent.edit(content=str(number))
            last = asyncio.create_task(sent.edit(content="5"))
            await ann.sees(channel, "5", by=bot)
            (window,) = (one for one in server.limits.windows() if one.limit is Limit.MESSAGES)
            assert (window.left, last.done()) == (0, False)
            await last
            assert server.clock() >= window.ends
            assert server.limits.refusals == 0


async def test_the_library_retries_a_429_that_came_through_discord_and_no_other() -> None:
    """Without Via it raises immediately, and beyond max_ratelimit_timeout it raises RateLimited."""
    async with Loopback() as server:
        channel, *_ = furnish(server)
        client = Client(max_ratelimit_timeout=30.0)
        slow_down = {"message": "slow down", "retry_after": 0.01, "global": False, "code": 0}
        async with logged_in(server, client):
            place = client.get_partial_messageable(channel.id)
            server.fault(method="POST", status=429, body=slow_down)
            await place.send("one")
            assert [call.status for call in server.record if call.method == "POST"] == [429, 200]
            server.fault(method="POST", status=429, body=slow_down, via=False)
            with pytest.raises(discord.HTTPException) as refused:
                await place.send("two")
            assert refused.value.status == 429
            server.fault(method="POST", status=429, body={**slow_down, "retry_after": 240.0})
            with pytest.raises(discord.RateLimited):
                await place.send("three")
