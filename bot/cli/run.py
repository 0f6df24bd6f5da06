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
from bot.operations.own_process import protect_process, spare_collector, watch_children
from bot.operations.start_failure import StartFailed
from bot.user_messages import journal_errors
from pool.journal.errors import JournalBusy, JournalError, JournalUnusable

from .common import CONFIG, fail, find_or_fail, load_or_fail
from .texts import failures, options, results


@click.command(help=options.RUN)
@CONFIG
@click.option("--new-journal", is_flag=True, help=options.NEW_JOURNAL)
@click.option(
    "--log-format",
    type=click.Choice(get_args(logs.Form)),
    default="auto",
    show_default=True,
    help=options.LOG_FORMAT,
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning"]),
    default="info",
    show_default=True,
    help=options.LOG_LEVEL,
)
def run(given: Path | None, log_format: logs.Form, log_level: str, *, new_journal: bool) -> None:
    """Run the bot, and exit with its code."""
    from bot.app import App  # noqa: PLC0415 - describing the command needs no Discord library

    config = load_or_fail(find_or_fail(given))
    logs.configure(secrets_of(config), level=logging.getLevelNamesMapping()[log_level.upper()], form=log_format)
    with suppress(OSError):  # A journal in the same place fails below, with the reason.
        logs.keep_log_file(config.log_file, secrets_of(config))
    for warning in warnings(config):
        click.echo(f"threadline: {results.warning(warning)}", err=True)
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
        fail(failures.new_journal(journal_errors.described(error)), 2)
    except StartFailed as error:
        fail(str(error), error.exit_code)
    except JournalBusy as error:
        fail(journal_errors.described(error), 1)
    except JournalError as error:
        fail(journal_errors.described(error), 2)
