"""Discord's Markdown: code blocks that nothing ends, and the escaping of foreign text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.markdown import break_fences, code_block, escape
from tests.bot.page_checks import open_fence


@given(st.text("`a\n", max_size=60))
def test_defused_text_shows_the_same(text: str) -> None:
    """Only zero-width spaces are added, and only where needed."""
    assert break_fences(text).replace("\u200b", "") == text
    assert "```" not in break_fences(text)
    assert ("```" in text) or break_fences(text) == text


@given(st.text("`a\n~", max_size=200), st.sampled_from(["", "diff"]))
def test_nothing_in_a_code_block_ends_it(text: str, info: str) -> None:
    """It stays open until its own last line."""
    block = code_block(text, info)
    assert block.startswith(f"```{info}\n")
    assert block.endswith("\n```")
    assert block.count("```") == 2
    assert not open_fence(block)
    assert block.replace("\u200b", "") == f"```{info}\n{text}\n```"


@given(st.text(st.characters() | st.sampled_from("\\`*_~|>[]()#@<-+:/ \n"), max_size=80))
def test_an_escaped_text_is_plain(text: str) -> None:
    """Every markup character is escaped, and the rest stays."""
    escaped = escape(text)
    assert re.sub(r"\\(.)", r"\1", escaped) == " ".join(text.split())
    bare = re.sub(r"\\.", "", escaped)
    assert not re.search(r"[`*_~|>\[\]()#@<\n]", bare)
    assert "://" not in bare
    assert not escaped.startswith(("-", "+"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("@everyone", r"\@everyone"),
        ("<@123> <#4> <:a:5>", r"\<\@123\> \<\#4\> \<:a:5\>"),
        ("[safe](https://evil.example)", r"\[safe\]\(https\://evil.example\)"),
        ("**b** __u__ ~~s~~ ||h|| `c`", r"\*\*b\*\* \_\_u\_\_ \~\~s\~\~ \|\|h\|\| \`c\`"),
        ("- item\n# head", r"\- item \# head"),
        ("a - b + c:d", "a - b + c:d"),
    ],
)
def test_mentions_links_and_markup_are_escaped(text: str, plain: str) -> None:
    """The important cases, literally."""
    assert escape(text) == plain
