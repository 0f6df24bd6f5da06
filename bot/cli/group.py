"""The command line. Exit codes: 0 well, 2 only a person can mend it, 1 everything else."""

import asyncio
import faulthandler
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import ClassVar, NoReturn, get_args

import acp

if not getattr(acp, "THREADLINE", False):
    sys.exit(
        f"threadline: the package 'acp' at {acp.__file__} is not Threadline's own: another package of that name"
        " (agent-client-protocol) is installed in this environment. Install Threadline into an environment of its own,"
        " for example with pipx."
    )

import click
from rich.console import Console

from acp import AcpError
from bot.agents.login import LoginFailed, TerminalLogin, ask_agent, own_login
from bot.agents.probe import probe_agent
from bot.agents.probe_result import ProbeResult, as_json, as_lines, print_table
from bot.config.agents import AgentConfig
from bot.config.requirements import warnings
from bot.config.schema import Config
from bot.config.secrets import secrets_of
from bot.operations import logs
from bot.operations.loop_watchdog import Watchdog
from bot.operations.process import protect_process, spare_collector, watch_children
from bot.operations.start_failure import StartFailed
from pool.journal.database import JournalBusy, JournalError, JournalUnusable

from .common import CONFIG, fail, loaded, work_through
from .demo import NoAgent, agent_lines, configuration

__all__ = ["main"]


class Commands(click.Group):
    """The commands of this module, and those of modules of their own, each of which is imported when it is needed.

    The Discord library alone takes half of the time in which everything is imported, and few commands need it.
    """

    ELSEWHERE: ClassVar = {
        "check": "check",
        "init": "init.wizard",
        "migrate": "migrate",
        "report": "report",
        "service": "service_unit",
    }
    """Each command's module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all of them."""
        return sorted([*super().list_commands(ctx), *self.ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the one of that name."""
        if cmd_name not in self.ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(f".{self.ELSEWHERE[cmd_name]}", __package__), cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="threadline", prog_name="threadline")
def main() -> None:
    """Threadline joins Discord threads to coding agents."""


@main.command()
@CONFIG
@click.option("--new-journal", is_flag=True, help="Put a journal that cannot be used aside, and begin a new one.")
@click.option(
    "--log-format",
    type=click.Choice(get_args(logs.Form)),
    default="auto",
    show_default=True,
    help="How log lines look: auto is pretty on a terminal, and JSON elsewhere.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning"]),
    default="info",
    show_default=True,
    help="From which level on; debug has what agents write to stderr.",
)
def run(path: Path, log_format: logs.Form, log_level: str, *, new_journal: bool) -> None:
    """Connect to Discord and work until stopped."""
    from bot.app import App  # noqa: PLC0415 - only this command needs the Discord library

    config = loaded(path)
    logs.configure(secrets_of(config), level=logging.getLevelNamesMapping()[log_level.upper()], form=log_format)
    with suppress(OSError):  # A journal that cannot be there either is told of below.
        logs.keep(config.log_file, secrets_of(config))
    for warning in warnings(config):
        click.echo(f"threadline: warning: {warning}", err=True)
    protect_process()
    spare_collector()
    faulthandler.enable()  # Before systemd gives up on a bot that does not answer it sends SIGABRT.

    async def work() -> None:
        watch_children()
        with Watchdog():
            await App(config, new_journal=new_journal).run()

    try:
        asyncio.run(work())
    except JournalUnusable as error:
        fail(f"{error}; `threadline run --new-journal` puts it aside and begins a new one", 2)
    except StartFailed as error:
        fail(str(error), error.exit_code)
    except JournalBusy as error:
        fail(str(error), 1)
    except JournalError as error:
        fail(str(error), 2)


@main.command()
@click.argument("agent", default="")
@CONFIG
@click.option("--json", "as_data", is_flag=True, help="Print everything as JSON.")
def doctor(agent: str, path: Path, *, as_data: bool) -> None:
    """Find out what each agent can do, and whether it asks first.

    Starts all agents, or the one named AGENT. Each gets two short prompts, which cost what prompts cost. It works in
    its own directory and in a temporary one; what it asks is refused.
    """
    config = loaded(path)
    logs.configure(secrets_of(config), level=logging.WARNING)
    protect_process()
    agents = _named(config, agent) if agent else config.agents.by_name
    redact = logs.redactor(secrets_of(config))
    found = []
    for name, settings in agents.items():
        found.append(work_through(probe_agent(name, settings)))
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


@main.command()
@click.argument("agent", default="default")
@CONFIG
@click.option("--method", default="", metavar="ID", help="The agent's way to log in, where it has several.")
def login(agent: str, path: Path, method: str) -> None:
    """Log in to AGENT in this terminal, by its own means.

    It has the environment and the directory that the bot gives it.
    """
    config = loaded(path)
    logs.configure(secrets_of(config), level=logging.ERROR)
    protect_process()
    settings = _named(config, agent)[agent]
    try:
        command = (None if method else own_login(settings)) or work_through(ask_agent(settings, method, click.echo))
        if command is None:
            click.echo(f"The agent has logged in. To see whether it works: threadline doctor {agent}")
        else:
            _hand_over(command, agent)
    except (LoginFailed, AcpError) as error:
        fail(str(error), 1)


def _hand_over(command: TerminalLogin, agent: str) -> NoReturn:
    click.echo(f"Running: {command}\nin {command.cwd}. To see afterwards whether it works: threadline doctor {agent}")
    sys.stdout.flush()
    command.become()


def _named(config: Config, name: str) -> dict[str, AgentConfig]:
    agents = config.agents.by_name
    if name not in agents:
        fail(f"there is no agent {name!r} in the configuration; there are: {', '.join(agents)}", 2)
    return {name: agents[name]}


@main.command()
@click.option("--once", is_flag=True, help="Play the conversation, check that it went right, and end.")
@click.option("--agent", default="", metavar="COMMAND", help="Use this ACP agent, or `auto`: the first one found.")
def demo(*, once: bool, agent: str) -> None:
    """See it work on this machine: no token, no network."""
    from loopback.demo import Place, demo  # noqa: PLC0415 - only this command needs the server

    try:
        chosen = agent_lines(agent)
    except NoAgent as error:
        fail(str(error), 2)

    def bot(place: Place) -> list[str]:
        path = place.workdir / "threadline.toml"
        text = configuration(
            endpoint=place.endpoint,
            token=place.token,
            guild_id=place.guild_id,
            channel_id=place.channel_id,
            people=place.people,
            agent=chosen,
            folder=place.workdir,
        )
        path.write_text(text, encoding="utf-8")
        return [sys.executable, "-m", "bot", "run", "-c", str(path)]

    with tempfile.TemporaryDirectory(prefix="threadline-demo-") as folder:
        os.environ["XDG_STATE_HOME"] = folder  # In every demo the bot is the same user: it would have the same lock.
        work = demo(bot=bot, once=once, scripted=not agent, out=sys.stdout, workdir=Path(folder))
        raise SystemExit(asyncio.run(work))
