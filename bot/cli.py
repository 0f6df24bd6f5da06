"""The command line. Exit codes: 0 well, 2 the configuration is wrong, 1 everything else."""

import asyncio
import logging
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import acp

if not getattr(acp, "THREADLINE", False):
    sys.exit(
        f"threadline: the package 'acp' at {acp.__file__} is not Threadline's own: another package of that name"
        " (agent-client-protocol) is installed in this environment. Install Threadline into an environment of its own,"
        " for example with pipx."
    )

import click

from acp import AcpError, Agent
from pool.journal import JournalError

from . import logs
from .app import App, StartFailed, launch, protect_process, watch_children
from .config import Config, ConfigError, load
from .locks import LockHeld

__all__ = ["main"]

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
    except JournalError as error:
        _fail(f"{error}; `threadline run --new-journal` puts it aside and begins a new one", 2)
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
    ok = asyncio.run(_check_agents(config))
    raise SystemExit(0 if ok else 1)


async def _check_agents(config: Config) -> bool:
    watch_children()
    name, settings = "default", config.agents.default
    try:
        agent = await Agent.spawn(launch(settings), marker="check/1")
        try:
            session = await agent.new_session(settings.cwd)
            asks = await session.ask_first(settings.mode)
        finally:
            await agent.stop()
    except AcpError as error:
        click.echo(f"agents.{name}: failed: {error}")
        return False
    lines = [
        f"agents.{name}: {agent.name or settings.command} answers, protocol version {agent.info.protocol_version}",
        f"  sessions survive a restart: {'yes' if agent.can_load else 'no'}",
        f"  modes: {', '.join(session.listed_modes) or 'none'}",
        f"  asks before it acts: {f'yes, in mode {session.mode}' if asks else 'its asking mode could not be set'}",
    ]
    click.echo("\n".join(lines))
    return True


@main.command()
@click.option("--once", is_flag=True, help="Play the conversation, check that it went right, and end.")
@click.option("--agent", default="", metavar="COMMAND", help="Use this ACP agent instead of the scripted one.")
def demo(*, once: bool, agent: str) -> None:
    """Show Threadline with a Discord on this machine: no token, no network."""
    from loopback.demo import Place, demo  # noqa: PLC0415 - only this command needs the server

    command = shlex.split(agent) or [sys.executable, "-m", "loopback.agent"]

    def bot(place: Place) -> list[str]:
        path = place.workdir / "threadline.toml"
        path.write_text(_demo_config(place, command), encoding="utf-8")
        return [sys.executable, "-m", "bot", "run", "-c", str(path)]

    with tempfile.TemporaryDirectory(prefix="threadline-demo-") as folder:
        work = demo(bot=bot, once=once, scripted=not agent, out=sys.stdout, workdir=Path(folder))
        raise SystemExit(asyncio.run(work))


def _demo_config(place: Any, command: list[str]) -> str:
    project = place.workdir / "project"
    project.mkdir(exist_ok=True)
    quote: Callable[[object], str] = lambda value: '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'  # noqa: E731
    args = ", ".join(map(quote, command[1:]))
    return f"""\
[discord]
token = {quote(place.token)}
endpoint = {quote(place.endpoint)}
[access]
guilds = [{quote(place.guild_id)}]
channels = [{quote(place.channel_id)}]
users = ["*"]
[agents.default]
command = {quote(command[0])}
args = [{args}]
cwd = {quote(project)}
[journal]
path = {quote(place.workdir / "threadline.db")}
"""


def _loaded(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        _fail(str(error), 2)


def _fail(reason: str, code: int) -> NoReturn:
    for line in reason.splitlines():
        click.echo(f"threadline: {line}", err=True)
    raise SystemExit(code)
