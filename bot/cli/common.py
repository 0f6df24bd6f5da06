"""The common parts of the commands: the configuration option, loading, and failing with one line."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from bot.config.document import ConfigError
from bot.config.env_file import load_variables
from bot.config.load import load
from bot.config.schema import Config
from bot.config.search import NAME, VARIABLE, find, places
from bot.operations.own_process import watch_children

from .texts import failures, options, results

_T = TypeVar("_T")

CONFIG = click.option("-c", "--config", "given", type=click.Path(path_type=Path), help=options.CONFIG)


def find_or_fail(given: Path | None) -> Path:
    """Return the configuration's file: the flag's, or the first in the usual places; or end with exit code 2.

    A file that neither a flag nor the working directory names is named on stderr.
    """
    path = given or find(os.environ)
    if not path.exists():
        if given is not None:
            fail(failures.missing_file(path), 2)
        if os.environ.get(VARIABLE):
            fail(failures.missing_file_in_variable(path), 2)
        fail(failures.no_configuration(place.absolute() for place in places(os.environ)), 2)
    if path not in {given, NAME}:
        click.echo(f"threadline: {results.using(path)}", err=True)
    return path


def load_or_fail(path: Path, read: Callable[[Path], Config] = load) -> Config:
    """Read the configuration, with the variables next to it, or end with exit code 2."""
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
