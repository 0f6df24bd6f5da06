"""Keys are known by their shape, and words are none."""

import pytest

from bot.conversation.thread_names import thread_name
from bot.text.tokens import without_tokens


@pytest.mark.parametrize(
    "token",
    [
        "sk-" + "ant-api03-" + "a1B2" * 8,
        "gh" + "p_" + "a1B2" * 9,
        "github" + "_pat_" + "a1B2" * 8,
        "xox" + "b-1234567890-abcdef",
        "AK" + "IA" + "ABCD1234" * 2,
        "AI" + "za" + "a1B2" * 8,
        "M" + "TA5" * 8 + ".GabcdE." + "a1B2" * 8,
        "ey" + "JhbGciOiJI.ey" + "JzdWIiOiIx.c2lnbmF0dXJl",
    ],
)
def test_a_token_is_taken_out_of_words(token: str) -> None:
    """Wherever it stands; a thread's name is seen by more people than the request that it comes from."""
    assert without_tokens(f"use {token}, please") == "use [secret], please"
    assert thread_name(f"key={token} is mine") == "key=[secret] is mine"


@pytest.mark.parametrize(
    "text", ["task-force-one-and-the-other-one-too", "sk-learn", "the commit 0123456789abcdef0123456789abcdef01234567"]
)
def test_words_stay(text: str) -> None:
    """What only begins like a token, or is as long as one."""
    assert without_tokens(text) == text
