"""The common parts of the commands: the configuration option, loading, and failing with one line."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from bot.config.document import ConfigError
from bot.config.env_file import load_variables
from bot.config.load import load
from bot.config.schema import Config
from bot.operations.process import watch_children

_T = TypeVar("_T")

CONFIG = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("threadline.toml"),
    show_default=True,
    help="The configuration file.",
)


def load_or_fail(path: Path, read: Callable[[Path], Config] = load) -> Config:
    """Read the configuration, with the variables next to it, or end with exit code 2."""
    if not path.exists():
        fail(f"{path}: there is no such file; threadline init writes one", 2)
    try:
        load_variables(path)
        return read(path)
    except ConfigError as error:
        fail(str(error), 2)


def fail(reason: str, code: int) -> NoReturn:
    """End with that exit code, and print the reason on stderr."""
    for line in reason.splitlines():
        click.echo(f"threadline: {line}", err=True)
    raise SystemExit(code)


def run_async(work: Coroutine[Any, Any, _T]) -> _T:
    """Run work that may start agents. SIGTERM cancels it as Ctrl-C does, so that no process is left."""

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
