"""Lines built to be slow: the cost of each is bounded, and the turn continues.

The tests count function calls, including those into C: one value costs about as much time as a call.
"""

from collections.abc import Callable

import pytest

from acp import Text
from acp.jsonrpc import MAX_VALUES
from acp.line_splitter import MAX_LINE
from tests.acp.opened import HELLO, opened
from tests.support.call_count import calls
from tests.support.virtual_time import quiet

pytestmark = pytest.mark.bulk

SIZE = 500_000

MOST = 3 * MAX_VALUES
"""Calls for one line. A tenth of a second at the worst, of which most lines here take a hundredth."""

Shape = Callable[[int], bytes]


def _many(item: bytes) -> Shape:
    return lambda size: b"[" + item + (b"," + item) * (size // (len(item) + 1)) + b"]"


def _update(session_id: str, members: bytes) -> bytes:
    return (
        b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"%b","update":{%b}}}\n'
        % (session_id.encode(), members)
    )  # fmt: skip


VALUES: dict[str, Shape] = {
    "lists": _many(b"[]"),
    "objects": _many(b"{}"),
    "numbers": _many(b"0"),
    "texts": _many(b'""'),
    "halves of characters": _many(b'["\\ud83d"]'),
    "integers as long as they may be": _many(b"9" * 4300),
    "an integer that is too long": lambda size: b"9" * size,
    "nesting": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "nesting that is allowed": _many(b"[" * 150 + b'"x"' + b"]" * 150),
    "names": lambda size: b"{" + b",".join(b'"%d":0' % each for each in range(size // 10)) + b"}",
    "escapes": lambda size: b'"' + b"\\u4e2d" * (size // 6) + b'"',
    "backslashes": lambda size: b'"' + b"\\\\" * (size // 2) + b'"',
    "quotes": lambda size: b'"' + b'\\"' * (size // 2) + b'"',
    "no UTF-8": lambda size: b'"' + b"\xff" * size + b'"',
    "blanks": lambda size: b" " * size + b"0",
    "blocks": _many(b'{"type":"content","content":{"type":"text","text":""}}'),
    "blocks that are none": _many(b'{"type":"content","content":0}'),
}
PLACES: dict[str, bytes] = {
    "input": b'"sessionUpdate":"tool_call","toolCallId":"c","rawInput":%b',
    "content": b'"sessionUpdate":"tool_call_update","toolCallId":"c","content":%b',
    "locations": b'"sessionUpdate":"tool_call_update","toolCallId":"c","locations":%b',
    "title": b'"sessionUpdate":"tool_call_update","toolCallId":"c","title":%b',
    "plan": b'"sessionUpdate":"plan","entries":%b',
    "options": b'"sessionUpdate":"config_option_update","configOptions":%b',
    "choices": b'"sessionUpdate":"config_option_update","configOptions":[{"id":"o","currentValue":"v","options":%b}]',
    "commands": b'"sessionUpdate":"available_commands_update","availableCommands":%b',
    "text": b'"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":%b}',
    "kind": b'"sessionUpdate":%b',
}


@pytest.mark.parametrize("place", PLACES)
async def test_no_update_costs_more_than_its_bound(place: str) -> None:
    """For each kind of content and each length."""
    async with opened() as (peer, agent, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        for name, shape in VALUES.items():
            for size in (SIZE, 60_000):
                line = _update(session.session_id, PLACES[place] % shape(size))
                assert calls(lambda line=line: agent.connection.feed(line)) <= MOST, (name, size)  # type: ignore[misc]
                while turn._events:
                    await anext(turn)
        peer.text(session.session_id, "still here")
        await quiet()
        assert await anext(turn) == Text("still here")
        peer.end_turn(prompt)


SMALL = (b"", b" ", b"0", b"{", b"{}", b"{{", b"\xff", b"x" * 13, b'{"method":""}', b'{"id":0,"result":0}')


@pytest.mark.parametrize("line", [*SMALL, b'{"id":"0","method":""}', b'{"id":0,"method":"session/request_permission"}'])
async def test_no_read_of_many_small_lines_costs_more_than_its_bound(line: bytes) -> None:
    """A read has 64 KiB, in any number of lines."""
    async with opened() as (peer, agent, session), session.prompt(HELLO):
        prompt = await peer.expect("session/prompt")
        peer.text(session.session_id, "x")
        peer.text(session.session_id, "x")
        await quiet()
        many = (line + b"\n") * (64 * 1024 // (len(line) + 1))
        agent.connection.feed(many)
        assert calls(lambda: agent.connection.feed(many)) <= 2 * MOST
        peer.end_turn(prompt)


@pytest.mark.parametrize("name", ["method", "id", "params"])
async def test_no_request_costs_more_than_its_bound(name: str) -> None:
    """Its refusal quotes little of it."""
    async with opened() as (peer, agent, _):
        for value in VALUES.values():
            members = {"id": b"1", "method": b'"session/request_permission"', "params": b"{}"}
            members[name] = value(SIZE)
            line = b"{" + b",".join(b'"%b":%b' % (each.encode(), members[each]) for each in members) + b"}\n"
            before = len(peer.received)
            assert calls(lambda line=line: agent.connection.feed(line)) <= MOST  # type: ignore[misc]
            assert sum(len(str(answer)) for answer in peer.received[before:]) < 10_000


async def test_a_line_without_end_is_not_kept() -> None:
    """Memory holds only the ends of an oversized line."""
    async with opened() as (peer, agent, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        piece = b"x" * (MAX_LINE // 8)
        for _ in range(20):
            agent.connection.feed(piece)
        assert len(agent.connection._splitter._rest.beginning) < 10_000  # type: ignore[union-attr]
        agent.connection.feed(b"\n")
        peer.text(session.session_id, "still here")
        await quiet()
        assert await anext(turn) == Text("still here")
        peer.end_turn(prompt)
