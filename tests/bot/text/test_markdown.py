"""Discord's Markdown: the conversion of CommonMark, and the escaping of foreign text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.markdown import RULE, break_fences, code_block, convert_line, escape
from tests.bot.page_checks import open_fence


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain words", "plain words"),
        ("# One", "# One"),
        ("### Three", "### Three"),
        ("#### Four", "**Four**"),
        ("###### Six **bold** words ##", "**Six bold words**"),
        ("#### ", ""),
        ("#hashtag", "#hashtag"),
        ("---", RULE),
        ("* * *", RULE),
        ("___", RULE),
        ("--", "--"),
        ("- [ ] open", "- ☐ open"),
        ("  1. [x] done", "  1. ☑ done"),
        ("* [X] done", "* ☑ done"),
        ("+ item", "- item"),
        ("- [a](http://b)", "- [a](http://b)"),
        ("![alt](http://p/q.png)", "[alt](http://p/q.png)"),
        ("a ![](http://p/q(1).png) b", "a [image](http://p/q(1).png) b"),
        ('![a](http://p "title")', '[a](http://p "title")'),
        ("`![a](http://p)`", "`![a](http://p)`"),
        ("wow! [a](http://p)", "wow! [a](http://p)"),
        ("> quote", "> quote"),
        (">> deep", "> deep"),
        ("> > deep", "> deep"),
        (">>> all the rest", "> all the rest"),
        ("> #### Four", "> **Four**"),
        ("&lt;b&gt; &amp; &nbsp;", "&lt;b&gt; &amp; &nbsp;"),
        ("a ```code``` b", "a `code` b"),
        ("a ```one``` ```two``` b", "a `one` `two` b"),
        ("`` ` `` stays", "`` ` `` stays"),
        ("a ``` b", "a ``\u200b` b"),
        ("`````", "``\u200b``\u200b`"),
        ("-# small", "-# small"),
        ("<@123> <:name:456> <t:1:R>", "<@123> <:name:456> <t:1:R>"),
    ],
)
def test_a_line_becomes_what_shows_the_same_on_discord(line: str, shown: str) -> None:
    """Headings, rules, items, images, quotes and code spans, case by case."""
    assert convert_line(line) == shown


@given(st.text("`a ![](x)>#-", max_size=60))
def test_no_line_of_words_opens_a_code_block(line: str) -> None:
    """Discord would read three backticks as one, and swallow the rest."""
    assert "```" not in convert_line(line)


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
    assert "://" not in escaped
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
