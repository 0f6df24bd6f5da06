"""Asks the operator: by questions in a terminal, by flags and defaults alone in a script."""

import sys
from collections.abc import Sequence

import click

from bot.cli.common import fail
from bot.cli.texts import failures
from bot.cli.texts import setup as texts


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
            fail(failures.not_interactive(words, flag), 2)
        return default

    def confirm(self, words: str, *, given: bool | None, default: bool) -> bool:
        """Return a yes or no."""
        if given is not None:
            return given
        return click.confirm(words, default=default) if self.asking else default

    def choice(self, words: str, options: Sequence[str], *, default: int | None = None) -> int:
        """Return the chosen index of a numbered list. Repeats the question after an invalid answer."""
        shown = "" if default is None else str(default + 1)
        return self._numbers(words, texts.NUMBER, options, default=shown, most=1)[0]

    def choices(self, words: str, options: Sequence[str], *, default: str = "") -> list[int]:
        """Return the chosen indices of a numbered list, at least one. Repeats the question after an invalid answer."""
        return self._numbers(words, texts.NUMBERS, options, default=default, most=len(options))

    def _numbers(self, words: str, prompt: str, options: Sequence[str], *, default: str, most: int) -> list[int]:
        click.echo(words)
        for number, option in enumerate(options, start=1):
            click.echo(f"  {number}. {option}")
        while True:
            answer: str = click.prompt(prompt, default=default or None)
            parts = answer.replace(",", " ").split()
            chosen = [int(part) - 1 for part in parts if part.isdecimal() and 0 < int(part) <= len(options)]
            if 0 < len(chosen) == len(parts) <= most:
                return chosen
            click.echo(texts.enter_number(len(options)))
