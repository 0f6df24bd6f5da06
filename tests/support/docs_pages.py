"""The documents, as tests read them."""

import re
from pathlib import Path
from typing import Any

import pytest

__all__ = ["PAGES", "ROOT", "blocks", "spans"]

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[Any]:
    """All code blocks of a language, as parameters that say where they stand."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for block in _BLOCK.finditer(text):
            if block[1] == language:
                line = text[: block.start()].count("\n") + 1
                found.append(pytest.param(block[2], id=f"{page.name}:{line}"))
    return found


def spans() -> set[str]:
    """All code in sentences and cells, blocks left out."""
    return {span for page in PAGES for span in re.findall(r"`([^`\n]+)`", _BLOCK.sub("", page.read_text()))}
