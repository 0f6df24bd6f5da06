"""`threadline doctor` and `threadline login`: the agents of the configuration, without Discord."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console

from acp import AcpError
from bot.agents.login import LoginFailed, TerminalLogin, agent_login, preset_login
from bot.agents.probe import probe_agent
from bot.agents.probe_result import ProbeResult, as_json, as_lines, print_table
from bot.config.agents import AgentConfig
from bot.config.schema import Config
from bot.config.secrets import secrets_of
from bot.operations import logs
from bot.operations.process import protect_process
from bot.text.redaction import Redactor
from bot.user_messages import agent_errors

from .common import CONFIG, fail, load_or_fail, run_async


@click.command()
@click.argument("agent", default="")
@CONFIG
@click.option("--json", "as_data", is_flag=True, help="Print everything as JSON.")
def doctor(agent: str, path: Path, *, as_data: bool) -> None:
    """Find out what each agent can do, and whether it asks first.

    Starts all agents, or the one named AGENT. Each gets two short prompts, which cost what prompts cost. It works in
    its own directory and in a temporary one; what it asks is refused.
    """
    config = load_or_fail(path)
    logs.configure(secrets_of(config), level=logging.WARNING)
    protect_process()
    agents = _named(config, agent) if agent else config.agents.by_name
    redact = Redactor(secrets_of(config))
    found = []
    for name, settings in agents.items():
        found.append(run_async(probe_agent(name, settings)))
        if not as_data:
            _show(found[-1], redact)
    if as_data:
        click.echo(redact(json.dumps(as_json(found), indent=2, ensure_ascii=False)))
    raise SystemExit(0 if all(each.well for each in found) else 1)


def _show(found: ProbeResult, redact: Callable[[str], str]) -> None:
    if sys.stdout.isatty():
        console = Console()
        with console.capture() as drawn:
            print_table(found, console)
        click.echo(redact(drawn.get()), nl=False)
    else:
        click.echo(redact("\n".join(as_lines(found))))


@click.command()
@click.argument("agent", default="default")
@CONFIG
@click.option("--method", default="", metavar="ID", help="The agent's way to log in, where it has several.")
def login(agent: str, path: Path, method: str) -> None:
    """Log in to AGENT in this terminal, by its own means.

    It has the environment and the directory that the bot gives it.
    """
    config = load_or_fail(path)
    logs.configure(secrets_of(config), level=logging.ERROR)
    protect_process()
    settings = _named(config, agent)[agent]
    try:
        command = (None if method else preset_login(settings)) or run_async(agent_login(settings, method, click.echo))
        if command is None:
            click.echo(f"The agent has logged in. To see whether it works: threadline doctor {agent}")
        else:
            _hand_over(command, agent)
    except LoginFailed as error:
        fail(str(error), 1)
    except AcpError as error:
        fail(agent_errors.in_terminal(error), 1)


def _hand_over(command: TerminalLogin, agent: str) -> NoReturn:
    click.echo(f"Running: {command}\nin {command.cwd}. To see afterwards whether it works: threadline doctor {agent}")
    sys.stdout.flush()
    command.become()


def _named(config: Config, name: str) -> dict[str, AgentConfig]:
    agents = config.agents.by_name
    if name not in agents:
        fail(f"there is no agent {name!r} in the configuration; there are: {', '.join(agents)}", 2)
    return {name: agents[name]}
