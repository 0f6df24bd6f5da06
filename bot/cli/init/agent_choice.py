"""`threadline init`: chooses among the installed agents, and says what the chosen one still needs."""

import shutil

import click

from bot.cli.common import fail
from bot.config.presets import PRESETS

from .config_template import split_command
from .prompts import Prompter


def choose_agent(given: str, ask: Prompter) -> list[str]:
    """Return a preset's name, or a command with its arguments: `given`, else the choice, or the first one found."""
    found = [name for name, preset in PRESETS.items() if shutil.which(preset.command)]
    if given:
        chosen = split_command(given)
    elif ask.asking:
        click.echo("Agents:")
        names = list(PRESETS)
        options = [
            f"{PRESETS[name].title}: {'found' if name in found else f'to install it: {PRESETS[name].install}'}"
            for name in names
        ]
        default = str(names.index(found[0]) + 1) if found else ""
        number = ask.choice("Which one? A number", [*options, "Another one, by its command"], default=default)[0]
        chosen = [names[number]] if number < len(names) else _command(ask)
    elif found:
        chosen = found[:1]
    else:
        fail(f"no agent was found on PATH; give --agent: one of {', '.join(PRESETS)}, or a command", 2)
    _print_needs(chosen[0])
    return chosen


def _command(ask: Prompter) -> list[str]:
    while True:
        try:
            return split_command(ask.text("Its command, with arguments", flag="--agent"))
        except ValueError as error:
            click.echo(f"{error}. Once more:")


def _print_needs(agent: str) -> None:
    preset = PRESETS.get(agent)
    if preset is None:
        if not shutil.which(agent):
            click.echo(f"{agent} was not found on PATH; known by name are {', '.join(PRESETS)}.")
        return
    if not shutil.which(preset.command):
        click.echo(f"To install {preset.title}: {preset.install}")
    if preset.login:
        click.echo(f"To log in to {preset.title} afterwards: threadline login")
    elif preset.any_of:
        click.echo(f"{preset.title} takes a key from {' or '.join(preset.any_of)}.")
