"""What a check found: rows for people and scripts."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .visible import visible

__all__ = ["Finding", "Level", "show"]


NARROW = 60
"""Columns of a terminal below which lines are easier to read than a table."""


class Level(StrEnum):
    """How a thing stands. Only what has failed keeps the bot from working."""

    WELL = "well"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: what was looked at, how it stands, and the words, which may have several lines."""

    subject: str
    level: Level
    words: str


_STYLES = {Level.WELL: "green", Level.WARNING: "yellow", Level.FAILED: "bold red"}


def show(findings: Iterable[Finding], redact: Callable[[str], str]) -> None:
    """Print a table on a terminal that is wide enough, else a line for each line of words: level, subject and words."""
    # What others wrote, an agent for one, must not act upon the terminal.
    rows = [(visible(row.subject), row.level, visible(redact(row.words))) for row in findings]
    console = Console()
    if not sys.stdout.isatty() or console.width < NARROW:
        for subject, level, words in rows:
            for line in words.splitlines():
                click.echo(f"{level:<8} {subject}: {line}")
        return
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for subject, level, words in rows:
        table.add_row(Text(subject), Text(level, style=_STYLES[level]), Text(words))
    console.print(table)
