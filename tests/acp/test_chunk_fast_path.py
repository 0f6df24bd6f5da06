import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp.chunk_fast_path import LONGEST_LEARNT, TRIES, ChunkFastPath
from acp.jsonrpc import Notification, parse
from acp.line_splitter import Line, LongLine


def line(text: str, /, session_id: str = "s", kind: str = "agent_message_chunk", **more: Any) -> bytes:
    """Return a text chunk as a compact writer encodes it."""
    update = {"sessionUpdate": kind, "content": {"type": "text", "text": text}, **more}
    params = {"sessionId": session_id, "update": update}
    return json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}).encode()


def in_full(raw: bytes) -> Any:
    """Return the params of the notification in a line."""
    message = parse(raw)
    assert isinstance(message, Notification)
    return message.params


def learnt(raw: bytes) -> ChunkFastPath:
    """Return a fast path that has learnt one line."""
    fast_path = ChunkFastPath()
    fast_path.learn(raw, in_full(raw))
    return fast_path


TEXTS = st.text() | st.sampled_from(['"', "\\", '"text":"x"', '\\"}}}', "\u2028", "\0", "\ud83d", '","text":"'])
MEMBERS = st.dictionaries(
    st.sampled_from(["text", "type", "messageId", '"text": ', "\u2028"]), TEXTS | st.integers(), max_size=2
)


def test_a_line_of_the_same_shape_is_taken_straight() -> None:
    """With its session, kind and text; before learning, no line matches."""
    fast_path = learnt(line("first", "s-1", "agent_thought_chunk"))
    assert fast_path.texts([line("second", "s-1", "agent_thought_chunk")]) == ["second"]
    assert (fast_path.session_id, fast_path.kind) == ("s-1", "agent_thought_chunk")
    assert ChunkFastPath().texts([line("first")]) == []


@pytest.mark.parametrize(
    "other",
    [
        line("x", "another"),
        line("x", kind="agent_thought_chunk"),
        line("x", kind="user_message_chunk"),
        line("x", messageId="m"),
        line("x")[:-1],
        line("x") + b" ",
        line("x").replace(b'"x"', b"5"),
        line("x").replace(b'"x"', b"null"),
        line("x").replace(b'"x"', b'"x","text":"y"'),
        line("x").replace(b'"x"', b'"x'),
        line("x").replace(b'"x"', b""),
        b"",
    ],
    ids=repr,
)
def test_a_line_of_another_shape_is_read_in_full(other: bytes) -> None:
    """Another session, kind or field, or an invalid text."""
    assert learnt(line("first")).texts([line("a"), line("b"), other, line("c")], 1) == ["b"]


@given(TEXTS, TEXTS, st.booleans(), MEMBERS)
def test_what_is_taken_straight_is_what_reading_in_full_gives(
    first: str, second: str, escaped: object, more: dict[str, Any]
) -> None:
    """For every text, also one that looks like a part of a message, and with any further members."""
    fast_path = learnt(line(first, **more))
    raw = line(second, **more)
    if not escaped:
        raw = json.dumps(json.loads(raw), ensure_ascii=False).encode(errors="surrogatepass")
    for text in fast_path.texts([raw]):
        assert text == in_full(raw)["update"]["content"]["text"]


@pytest.mark.parametrize(
    "raw",
    [
        line("x").replace(b'"type": "text", ', b'"_meta": {"text": "x"}, "type": "text", '),
        line("x").replace(b'"content"', b'"text": "x", "content"'),
        line("x").replace(b'"text": "x"', b'"text": "x", "text": "x"'),
        line("x").replace(b'"text": "x"', b'"\\u0074ext": "x"'),
        line("x").replace(b'"session/update"', b'"session/update", "_": "\xff"'),
        line("x" * LONGEST_LEARNT),
    ],
    ids=lambda raw: raw[-60:].decode(),
)
def test_no_pattern_is_learnt_where_the_text_is_not_found_for_certain(raw: bytes) -> None:
    """A second `text`, a repeated key, an escaped key, invalid UTF-8, an overlong line."""
    fast_path = learnt(raw)
    assert fast_path.texts([raw]) == []


@pytest.mark.parametrize("kind", ["tool_call", "user_message_chunk"])
def test_only_text_of_the_agent_is_learnt(kind: str) -> None:
    """A person's or a tool's text is parsed in full."""
    assert learnt(line("x", kind=kind)).texts([line("x", kind=kind)]) == []


@pytest.mark.parametrize("params", [None, [], {}, {"sessionId": "s", "update": {"content": []}}], ids=repr)
def test_an_update_that_is_none_teaches_nothing(params: Any) -> None:
    """A malformed update is ignored."""
    fast_path = ChunkFastPath()
    fast_path.learn(b"{}", params)
    assert fast_path.texts([b"{}"]) == []


def test_an_agent_whose_lines_all_differ_is_not_learnt_for_ever() -> None:
    """After some tries without a match learning stops; a match resets the count."""
    fast_path = ChunkFastPath()
    lines = [line("x", messageId=f"m-{number}") for number in range(TRIES + 1)]
    for raw in lines[:-1]:
        fast_path.learn(raw, in_full(raw))
    assert fast_path.texts([lines[-2]]) == ["x"]
    fast_path.learn(lines[-1], in_full(lines[-1]))
    assert fast_path.texts([lines[-1]]) == ["x"]
    for raw in lines:
        fast_path.learn(raw, in_full(raw))
    assert fast_path.texts([lines[-1]]) == []


class Counted(list[Line]):
    """Lines that count accesses."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)

    def __iter__(self) -> Any:
        raise AssertionError("the lines before the one that is wanted are looked at")


def test_the_lines_before_are_not_gone_through_again() -> None:
    """One read may bring thousands of lines without a match, and each is asked about."""
    raw = line("x")
    lines = Counted([b"{}"] * 1000 + [raw] * 3 + [b"{}"])
    assert learnt(raw).texts(lines, 1000) == ["x"] * 3
    assert lines.looks == 4


def test_what_is_no_text_is_left_to_be_read_in_full() -> None:
    """The fast path does not parse a value of a million others, where no bound applies."""
    raw = line("x")
    fast_path = learnt(raw)
    assert fast_path.texts([raw.replace(b'"x"', b"[" + b"[]," * 1000 + b"0]")]) == []
    assert fast_path.texts([LongLine(raw)]) == []
    long = LongLine(raw)
    fast_path.learn(long, in_full(raw))
    assert fast_path.texts([raw]) == ["x"]
