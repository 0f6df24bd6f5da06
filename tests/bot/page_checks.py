"""Discord's limits for a page, checked without the code under test; and texts that are hard to page."""

import re

from hypothesis import strategies as st

LIMIT = 2000

HARD_TEXTS = {
    "100 KB of code": "```python\n" + "def f():\n    return 'some text that fills'\n\n" * 2400 + "```\n",
    "one line of 20,000 characters": "x" * 20_000,
    "one line of 20,000 characters in a fence": "```\n" + "x" * 20_000 + "\n```",
    "one line of 20,000 characters with words": "word 漢字 " * 2_500,
    "nested fences": "`````md\n" + "````\n```py\ncode\n```\n````\n" * 300 + "`````\nbehind " * 200,
    "tilde fences": "~~~\n" + "```\nnot a fence in here\n" * 200 + "~~~\n" + "~~~ py `x`\ncode\n~~~\n" * 200,
    "mixed markers that do not close each other": "```\n~~~\n````\n" * 500,
    "CJK": "漢字かな交じり文。" * 900,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈 " * 700,
    "right to left": "שלום עולם، مرحبا بالعالم. " * 300,
    "all backticks": "`" * 9_000,
    "all tildes": "~" * 9_000,
    "lines of backticks of every length": "\n".join("`" * length for length in range(1, 160)),
    "an info line longer than a page": "```" + "info " * 900 + "\ncode\n```\nbehind",
    "an info line that turns out to be no fence": "```" + "i" * 2_500 + "`\n" + "text\n" * 500,
    "only line feeds": "\n" * 6_000,
    "only spaces": " " * 6_000,
    "paragraphs": ("words " * 60 + "\n\n") * 40,
    "an indented fence": "   ```\n" + "code\n" * 900 + "   ```\n    ```\n" * 20,
    "carriage returns": "```\r\n" + "code\r\n" * 900 + "```\r\nbehind",
    "a fence that closes on the last character that fits": "```\n" + "c" * 1_988 + "\n```\nbehind" * 3,
    "fences in the middle of lines": "words ```py\ncode\n``` more ```x``` and ``` odd\n" * 150,
    "a table wider than a phone": "| a | b |\n|---|---|\n"
    + "| wide cell of many words | 漢字漢字漢字漢字漢字漢字 |\n" * 120,
    "a table that fits a phone": "| a | b |\n|---|--:|\n" + "| x | 1 |\n" * 300,
    "one line of quote marks": ">" * 9_000,
    "one line of quote marks and spaces": "> " * 4_500,
    "one line of spaces and quote marks": " >" * 4_500,
    "a table in the middle of nothing": "|\n" * 2_000,
    "quotes": "> quoted words that go on and on " * 200 + "\n> ```\n> code\n> ```\n" * 50,
    "lists": "".join(f"{number}. item\n   - inner\n   more of it\n" for number in range(300)),
    "one flag after the other": "🇩🇪🇫🇷" * 800,
    "letters with many marks": "e\u0301\u0302\u0303" * 1_000,
    "links": "[a link](https://example.org/" + "path" * 20 + ") <@123456789012345678> <:name:1234567890> " * 60,
}

_FRAGMENTS = (
    *("word ", "\n", "\n\n", "```", "```py\n", "\n```\n", "~~~\n", "````", "`", "~", "x" * 50, "漢字", "😀", "שלום "),
    *(" ", "    ", "```a`b\n", "\r\n", "~~~~~ i n f o\n", "|a|b|\n", "|-|-|\n", "- x\n", "`" * 45, "\u200d", "\u0301"),
    *("> ", "> ```\n", "#### deep\n", "---\n", "[a](http://b) ", "<@123> ", "**b** ", "![i](http://p) ", "🇩🇪", "👩‍👧"),
)
_RUNS = st.builds(
    lambda piece, times: piece * times, st.sampled_from(_FRAGMENTS), st.integers(1, 300) | st.integers(1, 3)
)
texts = st.lists(_RUNS, max_size=25).map("".join) | st.text(max_size=50)
"""From nothing to several pages."""

_MARKS = st.text(
    ">|`~*_[]()<!:#-+.\\/'hx1 \t\n\r\f\u0301\u200b\u200d\u2028👩🇩🏽\u1100\u093f\u094d",
    min_size=1,
    max_size=4,
)

HOSTILE = st.lists(
    st.builds(lambda marks, times: marks * times, _MARKS, st.sampled_from([1, 2, 30, 100, 700, 2_400])), max_size=6
).map("".join)
"""Long runs of what means something to Markdown or to Unicode, with no regard for sense."""

TALK = st.lists(
    st.sampled_from(
        ["word ", "\n", "\n\n", "漢字", "x" * 700, "😀", "a  ", "שלום ", "**b** ", "[a](http://b.c) ", "🇩🇪"]
    )
    | st.builds("`{}` ".format, st.integers(0, 99)),
    max_size=150,
)
"""Words that need no translation."""


def open_fence(page: str) -> bool:
    """Whether a code block is open at the end: Discord opens and closes one at any three backticks."""
    return page.count("```") % 2 == 1


def assert_postable(pages: list[str]) -> None:
    """Check that each page can be a message."""
    for page in pages:
        assert 0 < len(page) <= LIMIT
        assert page == page.strip()
        assert not open_fence(page)
        assert "````" not in page


def joined(pages: list[str]) -> str:
    """Undo the repairs where pages meet: a block that is closed and opened again."""
    text = ""
    for page in pages:
        again = re.match(r"```[^`\n]*\n", page)
        if text.endswith("\n```\n") and again:
            text, page = text.removesuffix("```\n"), page[again.end() :]  # noqa: PLW2901
        text += page + "\n"
    return text


def words_of(text: str) -> list[str]:
    """Return letters and digits in order, without markup and white space."""
    return re.findall(r"[^\W_]+", text)
