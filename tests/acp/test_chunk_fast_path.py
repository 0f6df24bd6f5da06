import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp.chunk_fast_path import LONGEST_LEARNT, TRIES, ChunkFastPath
from acp.jsonrpc import Notification, parse
from acp.line_splitter import Line, LongLine


def line(text: str, /, session_id: str = "s", kind: str = "agent_message_chunk", **more: Any) -> bytes:
    """A piece of text as a compact writer writes it."""
    update = {"sessionUpdate": kind, "content": {"type": "text", "text": text}, **more}
    params = {"sessionId": session_id, "update": update}
    return json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}).encode()


def in_full(raw: bytes) -> Any:
    """The params of the notification in a line."""
    message = parse(raw)
    assert isinstance(message, Notification)
    return message.params


def learnt(raw: bytes) -> ChunkFastPath:
    """A fast_path cut from one line."""
    fast_path = ChunkFastPath()
    fast_path.learn(raw, in_full(raw))
    return fast_path


TEXTS = st.text() | st.sampled_from(['"', "\\", '"text":"x"', '\\"}}}', "\u2028", "\0", "\ud83d", '","text":"'])
MEMBERS = st.dictionaries(
    st.sampled_from(["text", "type", "messageId", '"text": ', "\u2028"]), TEXTS | st.integers(), max_size=2
)


def test_a_line_of_the_same_shape_is_taken_straight() -> None:
    """Whose it is, of which kind, and its text; before anything was learnt nothing fits."""
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
    """Another session, kind, field, or a text that is none."""
    assert learnt(line("first")).texts([line("a"), line("b"), other, line("c")], 1) == ["b"]


@given(TEXTS, TEXTS, st.booleans(), MEMBERS)
def test_what_is_taken_straight_is_what_reading_in_full_gives(
    first: str, second: str, escaped: object, more: dict[str, Any]
) -> None:
    """For every text, also one that looks like a piece of a message, and whatever stands beside it."""
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
    """Another `text` in the message, one that counts twice, an escaped key, no UTF-8, a line too long to look at."""
    fast_path = learnt(raw)
    assert fast_path.texts([raw]) == []


@pytest.mark.parametrize("kind", ["tool_call", "user_message_chunk"])
def test_only_text_of_the_agent_is_learnt(kind: str) -> None:
    """What a person said, or a tool, is read in full."""
    assert learnt(line("x", kind=kind)).texts([line("x", kind=kind)]) == []


@pytest.mark.parametrize("params", [None, [], {}, {"sessionId": "s", "update": {"content": []}}], ids=repr)
def test_an_update_that_is_none_teaches_nothing(params: Any) -> None:
    """Nor does it break anything."""
    fast_path = ChunkFastPath()
    fast_path.learn(b"{}", params)
    assert fast_path.texts([b"{}"]) == []


def test_an_agent_whose_lines_all_differ_is_not_learnt_for_ever() -> None:
    """After some tries that fitted nothing no more time is spent; one that fits pays for the next ones."""
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
    """Lines that count how often one is looked at."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)

    def __iter__(self) -> Any:
        raise AssertionError("the lines before the one that is wanted are looked at")


def test_the_lines_before_are_not_gone_through_again() -> None:
    """A read may bring thousands of lines that fit no fast_path, and each is asked about."""
    raw = line("x")
    lines = Counted([b"{}"] * 1000 + [raw] * 3 + [b"{}"])
    assert learnt(raw).texts(lines, 1000) == ["x"] * 3
    assert lines.looks == 4


def test_what_is_no_text_is_left_to_be_read_in_full() -> None:
    """A value of a million others in its place is not parsed here, where nobody counts; nor is a line's remainder."""
    raw = line("x")
    fast_path = learnt(raw)
    assert fast_path.texts([raw.replace(b'"x"', b"[" + b"[]," * 1000 + b"0]")]) == []
    assert fast_path.texts([LongLine(raw)]) == []
    long = LongLine(raw)
    fast_path.learn(long, in_full(raw))
    assert fast_path.texts([raw]) == ["x"]
