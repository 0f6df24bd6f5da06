"""The strict mode: a difference from Discord's description fails its test."""

from typing import Any

import aiohttp
import pytest

from loopback import Loopback
from loopback.state.entities import MessageType
from tests.loopback.gateway.test_gateway import connect, identity
from tests.loopback.openapi import Description

from .test_routing import Caller


class Strange:
    """An inspector that objects to all requests, answers or events."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def request(self, method: str, path: str, body: Any) -> str | None:
        return "strange request" if self._kind == "request" else None

    def answer(self, method: str, path: str, status: int, body: Any) -> str | None:
        return f"strange answer {status}" if self._kind == "answer" else None

    def event(self, name: str, payload: Any) -> str | None:
        return "strange event" if self._kind == "event" else None


@pytest.mark.parametrize("kind", ["request", "answer", "event"])
async def test_the_inspectors_findings_are_raised_at_the_end(kind: str) -> None:
    """It inspects requests, answers and events."""

    async def scenario() -> None:
        async with Loopback(strict=Strange(kind)) as server, aiohttp.ClientSession() as http:
            guild = server.add_guild("Lab")
            ann = server.add_person("ann", guilds=(guild,))
            server.add_bot("threadline", token="T", guilds=(guild,))
            async with connect(server) as client:
                await client.send(2, identity())
                await client.until("GUILD_CREATE")
                await ann.say(server.add_channel(guild, "general"), "hello")
                await client.until("MESSAGE_CREATE")
            assert (await Caller(server, http)("GET", "/users/@me"))[0] == 200

    with pytest.raises(AssertionError, match=f"strange {kind}"):
        await scenario()


async def test_a_failing_test_keeps_its_own_error() -> None:
    """Violations do not hide the test's error."""

    async def scenario() -> None:
        async with Loopback(strict=Strange("answer")) as server, aiohttp.ClientSession() as http:
            await Caller(server, http)("GET", "/users/@me")
            assert server.violations
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await scenario()


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/channels/1/messages", {"content": 7}, "7"),
        ("POST", "/channels/1/messages", {"flags": "many"}, "many"),
        ("PATCH", "/channels/1/messages/2", {"embeds": [{"title": 1}]}, "title"),
        ("PUT", "/applications/1/commands", [{"description": "no name"}], "name"),
        ("POST", "/channels/1/messages", {"components": [{"type": 1, "components": [{"type": 2}]}]}, "'style'"),
        ("POST", "/channels/1/messages", {"content": "hello", "mentions": []}, "'mentions' was unexpected"),
        ("POST", "/channels/1/nothing", {}, "no such operation"),
    ],
)
def test_an_undescribed_request_is_found(method: str, path: str, body: Any, words: str) -> None:
    """Cases: wrong types of fields, missing fields, an extra field, an unknown path."""
    wrong = Description().request(method, path, body)
    assert wrong is not None
    assert words in wrong


def test_an_undescribed_event_is_found() -> None:
    """The message lacks most fields."""
    wrong = Description().event("MESSAGE_CREATE", {"id": "1", "type": int(MessageType.DEFAULT)})
    assert wrong is not None
    assert "required" in wrong
