"""What Discord and CommonMark ask of a page, counted without the code under test; and texts that are hard to page."""

from hypothesis import strategies as st

__all__ = ["HARD_TEXTS", "assert_postable", "open_fence", "texts"]

LIMIT = 2000

HARD_TEXTS = {
    "100 KB of code": "```python\n" + "def f():\n    return 'some text that fills'\n\n" * 2400 + "```\n",
    "one line of 20,000 characters": "x" * 20_000,
    "one line of 20,000 characters in a fence": "```\n" + "x" * 20_000 + "\n```",
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
}

_FRAGMENTS = (
    *("word ", "\n", "\n\n", "```", "```py\n", "\n```\n", "~~~\n", "````", "`", "~", "x" * 50, "漢字", "😀", "שלום "),
    *(" ", "    ", "```a`b\n", "\r\n", "~~~~~ i n f o\n", "|a|b|\n", "- x\n", "`" * 45, "\u200d", "\u0301"),
)
_RUNS = st.builds(
    lambda piece, times: piece * times, st.sampled_from(_FRAGMENTS), st.integers(1, 300) | st.integers(1, 3)
)
texts = st.lists(_RUNS, max_size=25).map("".join) | st.text(max_size=50)
"""From nothing to several pages."""


def open_fence(page: str) -> bool:
    """Whether a code fence is open at the end (CommonMark, section 4.5)."""
    marker = ""
    for line in page.split("\n"):
        text = line.lstrip(" ")
        mark = text[:1]
        run = len(text) - len(text.lstrip(mark)) if mark in {"`", "~"} else 0
        rest = text[run:].strip()
        if run < 3 or len(line) - len(text) > 3:
            continue
        if not marker:
            marker = "" if mark == "`" and "`" in rest else mark * run
        elif mark == marker[0] and run >= len(marker) and not rest:
            marker = ""
    return bool(marker)


def assert_postable(pages: list[str]) -> None:
    """Each page can be a message of its own."""
    for page in pages:
        assert 0 < len(page) <= LIMIT
        assert page.strip()
        assert not open_fence(page)
