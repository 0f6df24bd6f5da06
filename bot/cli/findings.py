"""The findings of a check, as rows for people and scripts."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.text.printable import visible

NARROW = 60
"""Terminal columns below which lines are easier to read than a table."""


class Level(StrEnum):
    """The result of one check. Only `FAILED` keeps the bot from working."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: the subject, the result, and the words, which may have several lines."""

    subject: str
    level: Level
    words: str


_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "bold red"}


def print_findings(findings: Iterable[Finding], redact: Callable[[str], str]) -> None:
    """Print a table on a wide terminal, else one line for each line of words: level, subject and words."""
    # Foreign text, such as an agent's, must not control the terminal.
    rows = [Finding(visible(row.subject), row.level, visible(redact(row.words))) for row in findings]
    console = Console()
    if sys.stdout.isatty() and console.width >= NARROW:
        console.print(findings_table(rows, console.width))
        return
    for row in rows:
        for line in row.words.splitlines():
            click.echo(f"{row.level:<8} {row.subject}: {line}")


def findings_table(rows: Iterable[Finding], width: int) -> Table:
    """Draw the findings, at most `width` columns wide. A long subject gets at most a third of it."""
    drawn = Table(show_header=False)
    drawn.add_column(overflow="fold", max_width=width // 3)
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for row in rows:
        drawn.add_row(Text(row.subject), Text(row.level, style=_STYLES[row.level]), Text(row.words))
    return drawn
