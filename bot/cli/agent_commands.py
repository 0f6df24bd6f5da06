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
from bot.agents.breakout import try_breakout
from bot.agents.login import LoginFailed, TerminalLogin, UnknownMethod, agent_login, preset_login
from bot.agents.probe import Depth, probe_agent
from bot.agents.probe_result import ProbeResult, as_json, as_lines, print_table
from bot.config.agents import AgentConfig
from bot.config.mistakes import closest
from bot.config.requirements import runs_here
from bot.config.schema import Config
from bot.config.secrets import secrets_of
from bot.operations import logs
from bot.operations.own_process import protect_process
from bot.text.redaction import Redactor
from bot.user_messages import agent_errors

from .common import CONFIG, fail, find_or_fail, load_or_fail, run_async
from .invocation import command_line
from .texts import failures, options, results


@click.command(help=options.DOCTOR)
@click.argument("agent", default="")
@CONFIG
@click.option("--try-all", is_flag=True, help=options.TRY_ALL)
@click.option("--json", "as_data", is_flag=True, help=options.AS_JSON)
def doctor(agent: str, given: Path | None, *, try_all: bool, as_data: bool) -> None:
    """Probe the agents with prompts."""
    config = load_or_fail(find_or_fail(given))
    logs.configure(secrets_of(config), level=logging.WARNING)
    protect_process()
    agents = _named(config, agent) if agent else _here(config)
    redact = Redactor(secrets_of(config))
    depth = Depth.EVERYTHING if try_all else Depth.PROMPTS
    found = []
    for name in agents:
        found.append(run_async(_probe(config, name, depth)))
        if not as_data:
            _show(found[-1], redact)
    if as_data:
        click.echo(redact(json.dumps(as_json(found), indent=2, ensure_ascii=False)))
    raise SystemExit(0 if all(each.well for each in found) else 1)


async def _probe(config: Config, name: str, depth: Depth) -> ProbeResult:
    found = await probe_agent(name, config.agents.by_name[name], depth)
    found.sandbox = await try_breakout(config, config.agents.by_name[name])
    return found


def _show(found: ProbeResult, redact: Callable[[str], str]) -> None:
    if sys.stdout.isatty():
        console = Console()
        with console.capture() as drawn:
            print_table(found, console)
        click.echo(redact(drawn.get()), nl=False)
    else:
        click.echo(redact("\n".join(as_lines(found))))


@click.command(help=options.LOGIN)
@click.argument("agent", default="default")
@CONFIG
@click.option("--method", default="", metavar="ID", help=options.METHOD)
def login(agent: str, given: Path | None, method: str) -> None:
    """Log in over the protocol, or hand the terminal over to the agent's own login."""
    path = find_or_fail(given)
    config = load_or_fail(path)
    logs.configure(secrets_of(config), level=logging.ERROR)
    protect_process()
    settings = _named(config, agent)[agent]
    check = command_line("doctor", agent, configuration=path)
    try:
        command = (None if method else preset_login(settings)) or run_async(agent_login(settings, method, click.echo))
        if command is None:
            click.echo(results.agent_logged_in(check))
        else:
            _hand_over(command, check)
    except UnknownMethod as error:
        fail(failures.no_such_login_method(method, closest(method, error.known), error.known), 2)
    except LoginFailed as error:
        fail(str(error), 1)
    except AcpError as error:
        fail(agent_errors.in_terminal(error), 1)


def _hand_over(command: TerminalLogin, check: str) -> NoReturn:
    click.echo(results.login_runs(command, command.cwd, check))
    sys.stdout.flush()
    command.become()


def _named(config: Config, name: str) -> dict[str, AgentConfig]:
    """Return the agent of that name, which must run on this machine."""
    agents = config.agents.by_name
    if name not in agents:
        fail(failures.no_such_agent(name, closest(name, agents), agents), 2)
    if not runs_here(config, name):
        fail(failures.runs_elsewhere(name, agents[name].places), 1)
    return {name: agents[name]}


def _here(config: Config) -> dict[str, AgentConfig]:
    """Return the agents that may run on this machine, and name the others."""
    agents = config.agents.by_name
    here = {name: agent for name, agent in agents.items() if runs_here(config, name)}
    for name in agents.keys() - here.keys():
        click.echo(failures.runs_elsewhere(name, agents[name].places), err=True)
    return here
