"""Observations from outside the bot: the journal's rows, and the prompts in the agents' own notes."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any


def read_rows(journal: Path) -> dict[int, tuple[str, str | None]]:
    """Return every message's state and reason, none without a journal."""
    return {message_id: (state, reason) for message_id, state, reason in _select(journal, _ROWS)}


def read_together(journal: Path) -> dict[int, int]:
    """Map the messages that share one reply to the last of them."""
    return dict(_select(journal, "SELECT message_id, exchange_id FROM messages WHERE exchange_id IS NOT NULL"))


def journal_id(journal: Path) -> str | None:
    """Return the id that marks this journal's agents, None without a journal."""
    found = _select(journal, "SELECT value FROM facts WHERE name = 'journal_id'")
    return found[0][0] if found else None


def knows_a_channel(journal: Path) -> bool:
    """Return whether the bot has noted a channel. It ignores earlier messages."""
    return bool(_select(journal, "SELECT 1 FROM marks"))


_ROWS = "SELECT message_id, state, reason FROM messages"


def _select(journal: Path, query: str) -> list[tuple[Any, ...]]:
    if not journal.exists():
        return []
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        try:
            found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # The bot is creating it.
            return []
        return found


class AgentNotes:
    """The sessions of scripted agents below a folder, which show how often each token was prompted."""

    def __init__(self, folder: Path) -> None:
        """Read `folder`, which may not exist yet."""
        self._folder = folder
        self._read: dict[Path, tuple[int, Counter[str]]] = {}
        self._total: Counter[str] = Counter()

    def prompts(self) -> Mapping[str, int]:
        """Count the prompts for each token, without quotes of earlier prompts."""
        for path in self._folder.rglob("sess_*.json"):
            changed = path.stat().st_mtime_ns
            before, known = self._read.get(path, (0, Counter[str]()))
            if before != changed:
                tokens = _tokens(json.loads(path.read_text("utf-8"))["prompts"])
                self._total.update(tokens)
                self._total.subtract(known)
                self._read[path] = (changed, tokens)
        return self._total


def _tokens(prompts: list[str]) -> Counter[str]:
    return Counter(token for prompt in prompts for token in re.findall(r"^say (answer-\S+)$", prompt, re.MULTILINE))
