"""The command line. Exit codes: 0 well, 2 the configuration is wrong, 1 everything else."""

import asyncio
import json
import logging
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

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
from pool.database import JournalError, JournalUnusable

from . import logs
from .app import App, StartFailed, protect_process, watch_children
from .config import AgentConfig, Config, ConfigError, load
from .demonstration import NoAgent, agent_lines, configuration
from .diagnosis import Diagnosis, as_json, as_lines, print_table
from .doctor import examine
from .locks import LockHeld
from .login import LoginFailed, TerminalLogin, ask_agent, own_login

__all__ = ["main"]

_T = TypeVar("_T")

_CONFIG = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("threadline.toml"),
    show_default=True,
    help="The configuration file.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="threadline", prog_name="threadline")
def main() -> None:
    """Threadline joins Discord threads to coding agents."""


@main.command()
@_CONFIG
@click.option("--new-journal", is_flag=True, help="Put a journal that cannot be used aside, and begin a new one.")
def run(path: Path, *, new_journal: bool) -> None:
    """Connect to Discord and work until stopped."""
    config = _loaded(path)
    logs.configure(config.secrets)
    for warning in config.warnings():
        click.echo(f"threadline: warning: {warning}", err=True)
    protect_process()

    async def work() -> None:
        watch_children()
        await App(config, new_journal=new_journal).run()

    try:
        asyncio.run(work())
    except JournalUnusable as error:
        _fail(f"{error}; `threadline run --new-journal` puts it aside and begins a new one", 2)
    except JournalError as error:
        _fail(str(error), 2)
    except (StartFailed, LockHeld) as error:
        _fail(str(error), 1)


@main.command()
@_CONFIG
def check(path: Path) -> None:
    """Read the configuration, start each agent, shake hands, and say what was found."""
    config = _loaded(path)
    logs.configure(config.secrets, level=logging.WARNING)
    click.echo(f"{path}: reads well")
    for warning in config.warnings():
        click.echo(f"warning: {warning}")
    well = True
    for name, agent in config.agents.by_name.items():
        found = _run(examine(name, agent, prompts=False))
        well = well and found.well
        click.echo("\n".join(_check_lines(found)))
    raise SystemExit(0 if well else 1)


def _check_lines(found: Diagnosis) -> list[str]:
    if not found.well:
        return [f"agents.{found.agent}: failed: {found.failure}", *(f"  {advice}" for advice in found.advice)]
    asks = f"yes, in mode {found.mode}" if found.asking_mode else "its asking mode could not be set"
    return [
        f"agents.{found.agent}: {found.name or found.command[0]} answers, protocol version {found.protocol_version}",
        f"  sessions survive a restart: {'yes' if found.abilities['load'] else 'no'}",
        f"  modes: {', '.join(found.modes) or 'none'}",
        f"  asks before it acts: {asks}",
        *(f"  not given: {words}" for words in found.left_out),
        *(f"  gets wrong: {fault}" for fault in found.faults),
    ]


@main.command()
@click.argument("agent", default="")
@_CONFIG
@click.option("--json", "as_data", is_flag=True, help="Print everything as JSON.")
def doctor(agent: str, path: Path, *, as_data: bool) -> None:
    """Start the agents, or the one named AGENT, and find out what each can do and whether it asks before it acts.

    Each agent gets two short prompts, which cost what prompts cost. It works in its own directory and in a temporary
    one; what it asks is refused.
    """
    config = _loaded(path)
    logs.configure(config.secrets, level=logging.WARNING)
    protect_process()
    agents = _named(config, agent) if agent else config.agents.by_name
    redact = logs.redactor(config.secrets)
    found = []
    for name, settings in agents.items():
        found.append(_run(examine(name, settings)))
        if not as_data:
            _show(found[-1], redact)
    if as_data:
        click.echo(redact(json.dumps(as_json(found), indent=2, ensure_ascii=False)))
    raise SystemExit(0 if all(each.well for each in found) else 1)


def _show(found: Diagnosis, redact: Callable[[str], str]) -> None:
    if sys.stdout.isatty():
        console = Console()
        with console.capture() as drawn:
            print_table(found, console)
        click.echo(redact(drawn.get()), nl=False)
    else:
        click.echo(redact("\n".join(as_lines(found))))


@main.command()
@click.argument("agent", default="default")
@_CONFIG
@click.option("--method", default="", metavar="ID", help="The agent's way to log in, where it has several.")
def login(agent: str, path: Path, method: str) -> None:
    """Log in to AGENT in this terminal, by its own means, with the environment and directory that the bot gives it."""
    config = _loaded(path)
    logs.configure(config.secrets, level=logging.ERROR)
    protect_process()
    settings = _named(config, agent)[agent]
    try:
        command = (None if method else own_login(settings)) or _run(ask_agent(settings, method, click.echo))
        if command is None:
            click.echo(f"The agent has logged in. To see whether it works: threadline doctor {agent}")
        else:
            _hand_over(command, agent)
    except (LoginFailed, AcpError) as error:
        _fail(str(error), 1)


def _hand_over(command: TerminalLogin, agent: str) -> NoReturn:
    click.echo(f"Running: {command}\nin {command.cwd}. To see afterwards whether it works: threadline doctor {agent}")
    sys.stdout.flush()
    command.become()


def _named(config: Config, name: str) -> dict[str, AgentConfig]:
    agents = config.agents.by_name
    if name not in agents:
        _fail(f"there is no agent {name!r} in the configuration; there are: {', '.join(agents)}", 2)
    return {name: agents[name]}


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run work that starts agents. SIGTERM ends it as Ctrl-C does: in order, with no process left."""

    async def until_told() -> _T:
        watch_children()
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(until_told())
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None


@main.command()
@click.option("--once", is_flag=True, help="Play the conversation, check that it went right, and end.")
@click.option("--agent", default="", metavar="COMMAND", help="Use this ACP agent, or `auto`: the first one found.")
def demo(*, once: bool, agent: str) -> None:
    """Show Threadline with a Discord on this machine: no token, no network."""
    from loopback.demo import Place, demo  # noqa: PLC0415 - only this command needs the server

    try:
        chosen = agent_lines(agent)
    except NoAgent as error:
        _fail(str(error), 1)

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
        work = demo(bot=bot, once=once, scripted=not agent, out=sys.stdout, workdir=Path(folder))
        raise SystemExit(asyncio.run(work))


def _loaded(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        _fail(str(error), 2)


def _fail(reason: str, code: int) -> NoReturn:
    for line in reason.splitlines():
        click.echo(f"threadline: {line}", err=True)
    raise SystemExit(code)
