"""The documentation pages, as tests read them."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[Any]:
    """Return all code blocks of a language, as parameters named by page and line."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for block in _BLOCK.finditer(text):
            if block[1] == language:
                line = text[: block.start()].count("\n") + 1
                found.append(pytest.param(block[2], id=f"{page.name}:{line}"))
    return found


def spans() -> set[str]:
    """Return all inline code, without code blocks."""
    return {span for page in PAGES for span in re.findall(r"`([^`\n]+)`", _BLOCK.sub("", page.read_text()))}
