"""Whatever people are told when something is wrong can be looked up in docs/troubleshooting.md."""

import re
from pathlib import Path

from tests.support.user_messages import WORDS, modules, texts, told

PAGE = Path(__file__).parent.parent / "docs/troubleshooting.md"
FOREIGN = {"Input should be", "--agent: No closing quotation"}
"""Words of libraries that are passed on."""


def entries() -> list[str]:
    """What the page quotes: the code spans in the first cell of each row of its tables."""
    rows = re.findall(r"^\| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    return [
        quoted for cell in rows for quoted in re.findall(r"``(.+?)``|`([^`]+)`", cell) for quoted in quoted if quoted
    ]


def within(part: str, whole: str) -> bool:
    """Whether a text, `…` standing for anything in it, is a part of another."""
    end = 0
    for piece in part.split("…"):
        if (at := whole.find(piece, end)) < 0:
            return False
        end = at + len(piece)
    return True


def same(entry: str, text: str) -> bool:
    """Whether an entry is about a text: quotes a part of it, or all of it with an example put in."""
    return within(entry, text) or (WORDS.search(text) is not None and within(text.strip("-# ⚠…"), entry))


def test_whatever_people_are_told_is_wrong_has_an_entry() -> None:
    """The page quotes it, or the part of it by which one entry covers a family."""
    quoted = entries()
    missing = {text: path for text, path in told().items() if not any(same(entry, text) for entry in quoted)}
    assert missing == {}


def test_every_entry_quotes_what_the_code_says() -> None:
    """Nobody looks for words that are not said any more."""
    known = {text for tree in modules().values() for text in texts(tree)}
    unsaid = {entry for entry in entries() if not any(same(entry, text) for text in known)}
    assert unsaid == FOREIGN
