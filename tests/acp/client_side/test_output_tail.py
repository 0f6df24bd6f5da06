from hypothesis import given
from hypothesis import strategies as st

from acp.client_side.output_tail import OutputTail, cut

TEXT = st.text(st.sampled_from("aé€𝄞"))
PIECES = st.lists(st.binary(max_size=9))
LIMIT = st.integers(0, 30)


@given(text=TEXT, limit=LIMIT)
def test_a_text_is_cut_from_the_start_at_a_character_to_the_longest_end_that_fits(text: str, limit: int) -> None:
    """Never within a character, and not one character too many."""
    ends = [text[start:] for start in range(len(text) + 1)]
    assert cut(text.encode(), limit) == next(end for end in ends if len(end.encode()) <= limit)


@given(data=st.binary(), limit=LIMIT)
def test_what_is_no_text_is_cut_to_the_limit_too(data: bytes, limit: int) -> None:
    """A byte that is no UTF-8 is shown as a character of three bytes."""
    assert len(cut(data, limit).encode()) <= limit


@given(pieces=PIECES, limit=LIMIT)
def test_a_tail_shows_the_same_however_its_output_came(pieces: list[bytes], limit: int) -> None:
    """In pieces of any size, cut anywhere; it knows whether something is gone, and holds little more than it shows."""
    tail, whole = OutputTail(limit), OutputTail(limit)
    for piece in pieces:
        tail.add(piece)
        assert len(tail._kept) <= 1.25 * (limit + 1)
    data = b"".join(pieces)
    whole.add(data)
    assert tail.text(ended=True) == whole.text(ended=True) == cut(data, limit)
    assert tail.truncated == (len(data) > limit)


@given(text=TEXT)
def test_a_character_that_is_still_on_its_way_is_not_shown(text: str) -> None:
    """Until the output has ended; then its part is shown as what it is."""
    tail = OutputTail(1000)
    tail.add(text.encode() + "€".encode()[:2])
    assert tail.text(ended=False) == text
    assert tail.text(ended=True) == text + "\ufffd"
