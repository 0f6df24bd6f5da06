"""What a check found: rows for people and scripts."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["Finding", "Level", "show"]


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
    """Print a table on a terminal, else a line for each line of words: level, subject and words."""
    rows = list(findings)
    if not sys.stdout.isatty():
        for row in rows:
            for line in row.words.splitlines():
                click.echo(redact(f"{row.level:<8} {row.subject}: {line}"))
        return
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(Text(row.subject), Text(row.level, style=_STYLES[row.level]), Text(redact(row.words)))
    Console().print(table)
