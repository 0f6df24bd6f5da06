"""Asks the operator: by questions in a terminal, by flags and defaults alone in a script."""

import sys
from collections.abc import Sequence

import click

from bot.cli.common import fail


class Prompter:
    """Asks questions in a terminal. A flag's answer replaces its question."""

    def __init__(self, *, ask: bool) -> None:
        """Ask only with `ask`, and only in a terminal."""
        self.asking = ask and sys.stdin.isatty()

    def text(self, words: str, *, given: str = "", flag: str, default: str = "", hidden: bool = False) -> str:
        """Return a text. Without an answer and a default the program ends, and names the flag."""
        if given:
            return given
        if self.asking:
            asked: str = click.prompt(words, default=default or None, hide_input=hidden)
            return asked.strip()
        if not default:
            fail(f"{words}: nobody is there to answer; give {flag}", 2)
        return default

    def confirm(self, words: str, *, given: bool | None, default: bool) -> bool:
        """Return a yes or no."""
        if given is not None:
            return given
        return click.confirm(words, default=default) if self.asking else default

    def choice(self, words: str, options: Sequence[str], *, default: str = "") -> list[int]:
        """Return the chosen indices of a numbered list, at least one. Repeats the question after an invalid answer."""
        for number, option in enumerate(options, start=1):
            click.echo(f"  {number}. {option}")
        while True:
            answer: str = click.prompt(words, default=default or None)
            numbers = [part for part in answer.replace(",", " ").split() if part.isdecimal()]
            chosen = [int(number) - 1 for number in numbers if 0 < int(number) <= len(options)]
            if chosen and len(chosen) == len(answer.replace(",", " ").split()):
                return chosen
            click.echo(f"Numbers from 1 to {len(options)}, please.")
