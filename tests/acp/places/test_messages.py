import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp.places.messages import MAX_MESSAGE, BrokenMessage, MessageFinder
from acp.places.runner import message

NONCE = "6e6f6e6365"

contents = st.dictionaries(st.sampled_from(["exit", "cause"]), st.integers() | st.text(max_size=5), max_size=2)
texts = st.lists(st.sampled_from([b"{}\n", b"\x1e", b"\x1e6e", NONCE.encode(), b"\x1e" + NONCE.encode(), b"x"]))


def found(pieces: list[bytes]) -> tuple[bytes, list[Any]]:
    """Return the text and the messages that a finder gets of these reads."""
    finder = MessageFinder(NONCE)
    items = [item for piece in pieces for item in finder.feed(piece)]
    text = b"".join(item for item in items if isinstance(item, bytes))
    return text + finder.release(), [item for item in items if not isinstance(item, bytes)]


@given(st.lists(st.tuples(texts.map(b"".join), contents)), st.data())
def test_messages_and_text_are_told_apart_wherever_the_reads_cut(
    parts: list[tuple[bytes, dict[str, Any]]], data: st.DataObject
) -> None:
    """And the text is as it was, also where it looks like the beginning of a message."""
    # A text that ends like a message's mark would be one with the message that follows.
    parts = [(text + b"|", content) for text, content in parts]
    stream = b"".join(text + message({"nonce": NONCE}, content) for text, content in parts)
    cuts = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=9))})
    text, messages = found([stream[begin:end] for begin, end in pairwise(cuts)])
    expected = b"".join(text for text, _ in parts)
    assert messages == [content for _, content in parts]
    assert text == expected


def test_a_line_is_passed_on_as_soon_as_it_is_read() -> None:
    """Nothing of it waits for the next one; only what may begin a message does."""
    finder = MessageFinder(NONCE)
    assert finder.feed(b'{"id": 1}\n') == [b'{"id": 1}\n']
    assert finder.feed(b"line\n\x1e6e") == [b"line\n"]
    assert finder.feed(b"x\n") == [b"\x1e6ex\n"]


def test_a_message_of_another_nonce_is_text() -> None:
    """An agent does not know ours."""
    forged = message({"nonce": NONCE[::-1]}, {"exit": 0})
    assert found([forged]) == (forged, [])


@pytest.mark.parametrize(
    "text", [b"no json", b"[1]", b"", b"\xff", b"[" * 2000], ids=["text", "list", "nothing", "bytes", "deep"]
)
def test_a_message_that_is_no_object_is_broken(text: bytes) -> None:
    """The far side is trusted no more than an agent."""
    with pytest.raises(BrokenMessage):
        MessageFinder(NONCE).feed(b"\x1e" + NONCE.encode() + b" " + text + b"\n")


def test_a_message_that_does_not_end_is_broken() -> None:
    """Its memory is bounded, whether it comes at once or in pieces."""
    begin = b"\x1e" + NONCE.encode() + b" "
    with pytest.raises(BrokenMessage):
        found([begin, *[b"x" * 1000] * MAX_MESSAGE])
    with pytest.raises(BrokenMessage):
        MessageFinder(NONCE).feed(begin + json.dumps({"x": "y" * MAX_MESSAGE}).encode() + b"\n")
