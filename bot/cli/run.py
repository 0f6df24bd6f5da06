"""`threadline run`: runs the bot until it is stopped."""

import asyncio
import faulthandler
import logging
from contextlib import suppress
from pathlib import Path
from typing import get_args

import click

from bot.config.requirements import warnings
from bot.config.secrets import secrets_of
from bot.operations import logs
from bot.operations.loop_watchdog import LoopWatchdog
from bot.operations.process import protect_process, spare_collector, watch_children
from bot.operations.start_failure import StartFailed
from pool.journal.database import JournalBusy, JournalError, JournalUnusable

from .common import CONFIG, fail, load_or_fail


@click.command()
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
    from bot.app import App  # noqa: PLC0415 - describing the command needs no Discord library

    config = load_or_fail(path)
    logs.configure(secrets_of(config), level=logging.getLevelNamesMapping()[log_level.upper()], form=log_format)
    with suppress(OSError):  # A journal in the same place fails below, with the reason.
        logs.keep_log_file(config.log_file, secrets_of(config))
    for warning in warnings(config):
        click.echo(f"threadline: warning: {warning}", err=True)
    protect_process()
    spare_collector()
    faulthandler.enable()  # systemd sends SIGABRT to a bot that does not answer.

    async def work() -> None:
        watch_children()
        with LoopWatchdog():
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
