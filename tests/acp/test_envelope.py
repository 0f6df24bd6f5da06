"""Reading a message from its two ends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp.envelope import BEGINNING, END, Envelope, envelope
from acp.jsonrpc import Notification, Request, Result, parse

INNER = {"id": 5, "method": "inner", "result": [], "text": '","id":6}', "last": {"id": 7}}


@given(
    st.permutations(["jsonrpc", "id", "method", "params"]) | st.permutations(["jsonrpc", "id", "result"]),
    st.sampled_from([0, -3, None, "a", "7e5f0038", "\n\u4e2d"]),
    st.sampled_from(["with an id", "without one"]),
    st.sampled_from([None, (",", ":")]),
)
def test_the_ends_tell_what_the_whole_message_tells(
    names: list[str], request_id: Any, how: str, separators: tuple[str, str] | None
) -> None:
    """In any order of its members, and with any content of the large one."""
    values = {"jsonrpc": "2.0", "id": request_id, "method": "m", "params": [INNER, "x" * BEGINNING, INNER]}
    values["result"] = values["params"]
    if how == "without one" and "method" in names:
        names.remove("id")
    line = json.dumps({name: values[name] for name in names}, separators=separators).encode()
    told = envelope(line[:BEGINNING], line[-END:])
    match parse(line):
        case Request(known, method):
            assert told == Envelope(method, known, has_id=True)
        case Notification(method):
            assert told == Envelope(method, None, has_id=False)
        case Result(known):
            assert told == Envelope(None, known, has_id=True)
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"id":1,"params":[',
        b'{"result":[1],"x":{"id":1}}',
        b'{"result":[{"x":0,"id":5},1]}',
        b'{"result":"\\",\\"id\\":1"}',
        b'{"method":5,"params":[',
        b'{"id":"\xff","result":[',
        b'{"id":1,"method":"m","result":[',
        b'{"id":' + b"9" * BEGINNING + b',"result":0}',
    ],
    ids=repr,
)
def test_ends_that_do_not_tell_tell_nothing(line: bytes) -> None:
    """A guess could answer the wrong request, or end one of ours."""
    assert envelope(line[:BEGINNING], line[-END:]) is None
