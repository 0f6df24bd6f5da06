"""Every error text for people has an entry in docs/troubleshooting.md."""

import re
from pathlib import Path

from tests.support.user_messages import WORDS, modules, texts, told

PAGE = Path(__file__).parent.parent / "docs/troubleshooting.md"
FOREIGN = {"No closing quotation"}
"""Texts of libraries that are passed on."""


def entries() -> list[str]:
    """Return the quotes of the page: code spans in the first cell of each table row."""
    rows = re.findall(r"^\| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    return [
        quoted for cell in rows for quoted in re.findall(r"``(.+?)``|`([^`]+)`", cell) for quoted in quoted if quoted
    ]


def within(part: str, whole: str) -> bool:
    """Return whether a text is part of another; `…` stands for any text."""
    end = 0
    for piece in part.split("…"):
        if (at := whole.find(piece, end)) < 0:
            return False
        end = at + len(piece)
    return True


def same(entry: str, text: str) -> bool:
    """Return whether an entry quotes a text: a part of it, or all of it with an example filled in."""
    return within(entry, text) or (WORDS.search(text) is not None and within(text.strip("-# ⚠…"), entry))


def test_every_error_text_has_an_entry() -> None:
    """The page quotes it, or a part that covers a family of texts."""
    quoted = entries()
    missing = {text: path for text, path in told().items() if not any(same(entry, text) for entry in quoted)}
    assert missing == {}


def test_every_entry_quotes_what_the_code_says() -> None:
    """No entry is outdated."""
    known = {text for tree in modules().values() for text in texts(tree)}
    unsaid = {entry for entry in entries() if not any(same(entry, text) for text in known)}
    assert unsaid == FOREIGN
