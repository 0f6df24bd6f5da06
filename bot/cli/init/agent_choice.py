"""`threadline init`: chooses among the installed agents, and says what the chosen one still needs."""

import shutil
from pathlib import Path

import click

from bot.cli.common import fail
from bot.cli.invocation import command_line
from bot.cli.texts import failures
from bot.cli.texts import setup as texts
from bot.config.presets import PRESETS

from .answers import why_unknown
from .config_template import split_command
from .prompts import Prompter


def choose_agent(given: str, ask: Prompter) -> list[str]:
    """Return a preset's name, or a command with its arguments: `given`, else the choice, or the first one found."""
    found = [name for name, preset in PRESETS.items() if shutil.which(preset.command)]
    if given:
        return split_command(given)
    if ask.asking:
        names = list(PRESETS)
        options = [texts.agent(each.title, "" if name in found else each.install) for name, each in PRESETS.items()]
        default = names.index(found[0]) if found else None
        number = ask.choice(texts.AGENTS, [*options, texts.ANOTHER_AGENT], default=default)
        return [names[number]] if number < len(names) else _ask_command(ask)
    if not found:
        fail(failures.no_agent_installed(PRESETS), 2)
    return found[:1]


def _ask_command(ask: Prompter) -> list[str]:
    while True:
        try:
            command = split_command(ask.text(texts.AGENT_COMMAND, flag="--agent"))
        except ValueError as error:
            click.echo(texts.try_again(error))
            continue
        if not (unknown := why_unknown(command[0])):
            return command
        click.echo(texts.try_again(unknown))


def print_needs(agent: str, configuration: Path) -> None:
    """Say what a known agent still needs."""
    preset = PRESETS.get(agent)
    if preset is None:
        return
    if not shutil.which(preset.command):
        click.echo(texts.to_install(preset.title, preset.install))
    if preset.login:
        click.echo(texts.to_log_in(preset.title, command_line("login", configuration=configuration)))
    elif preset.any_of:
        click.echo(texts.takes_key(preset.title, preset.any_of))
