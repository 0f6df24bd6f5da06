"""The rest of a page when a part of it was shown: complete, once, as a page of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp import Text
from bot.render.transcript import Transcript
from bot.reply.page_state import PageState, rest_of
from tests.bot.page_checks import open_fence, texts


@pytest.mark.parametrize(
    ("shown", "page", "rest"),
    [
        ("", "all", "all"),
        ("a", "a b", " b"),
        ("a", "a", ""),
        ("a\n▸ tool", "a\n✔ tool\nmore", "✔ tool\nmore"),
        ("```py\na\n```", "```py\na\nb\n```", "```py\nb\n```"),
        ("```py\na\n```", "```py\na\n```", ""),
        ("```py\na\n```", "```py\na\n```\nbehind", "\nbehind"),
        ("```py\na\n```\nb", "```py\na\n```\nb c", " c"),
        ("text", "other", "other"),
    ],
)
def test_the_rest_of_a_page(shown: str, page: str, rest: str) -> None:
    """Appended text continues; a changed part is shown again from its line on."""
    assert rest_of(shown, page) == rest


@given(text=texts, cut=st.floats(0.0, 1.0))
def test_the_shown_part_and_the_rest_hold_all_words_in_order(text: str, cut: float) -> None:
    """Whatever was shown before; the rest fits into a message, and its fences are balanced."""
    transcript = Transcript()
    at = int(min(len(text), 2000) * cut)
    transcript.apply(Text(text[:at]))
    shown = "".join(transcript.pages()[:1])
    transcript.apply(Text(text[at:]))
    transcript.end()
    page = "".join(transcript.pages()[:1])
    rest = rest_of(shown, page)
    assert len(rest) <= 2000
    if rest:
        assert open_fence(rest) == open_fence(page)
    for word in page.split():
        if not set(word) <= set("`~"):
            assert word in shown or word in rest or any(word.endswith(part) for part in rest.split()[:2])


def test_a_page_that_was_confirmed_does_not_differ() -> None:
    """Only its growth does."""
    posted = PageState()
    assert posted.differs("text")
    posted.message_id, posted.stop = 1, True
    assert posted.confirm("text", "text", "text")
    assert not posted.differs("text")
    assert posted.differs("text more")
