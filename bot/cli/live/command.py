"""The command `threadline check --live`: what must be true before it starts, and what it prints at the end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from bot.cli.common import fail, load_or_fail, run_async
from bot.cli.texts import failures
from bot.cli.texts import live as texts
from bot.config.load import read_config
from bot.config.schema import Config
from bot.config.secrets import secrets_of
from bot.gateway.identify_limit import IdentifyLimit, TooManyIdentifies
from bot.operations import logs
from bot.operations.locks import journal_lock
from bot.operations.start_failure import StartFailed
from bot.text.printable import visible
from bot.text.redaction import Redactor
from bot.user_messages import journal_errors
from pool.journal.errors import JournalBusy, JournalError
from pool.journal.journal import Journal

from .findings import LiveFinding, LiveFindings, Verdict
from .live_check import LiveCheck
from .place import find_place

MOST_STREAMS: Final = 50
"""Threads of the load step: Discord lets a bot open as many in a channel in five minutes."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What the command line asks for.

    `confirmed` is the answer to the question before the start. `with_people` says whether a person presses buttons;
    None means that one does if this is a terminal. `load` is the number of threads of the last step, 0 to leave it out.
    """

    channel_id: int
    record: Path | None = None
    confirmed: bool = False
    with_people: bool | None = None
    forum_id: int | None = None
    load: int = 0


def check_live(path: Path, options: LiveOptions) -> int:
    """Run a live check and return the exit code: 0 if all was as expected and is removed."""
    config = load_or_fail(path, read_config)
    logs.configure(secrets_of(config))
    with (
        _failing_in_words(),
        journal_lock(config.journal.file, config.file),
        Journal.open(config.journal.file) as journal,
    ):
        return _check(config, options, IdentifyLimit(journal))


def _check(config: Config, options: LiveOptions, limit: IdentifyLimit) -> int:
    people = sys.stdin.isatty() if options.with_people is None else options.with_people
    place = run_async(find_place(config, options.channel_id, limit, options.forum_id))
    click.echo(texts.announce(place.name, people=people, load=options.load))
    if not options.confirmed:
        if not sys.stdin.isatty():
            fail(failures.LIVE_UNCONFIRMED, 2)
        click.confirm(texts.CONFIRM, abort=True)
    if options.record is not None:
        _must_be_writable(options.record)
    redact = Redactor(secrets_of(config))

    def show(finding: LiveFinding) -> None:
        # Discord's words must not control the terminal.
        click.echo(visible(redact(str(finding))))

    live = LiveCheck(config, place, limit, LiveFindings(show), click.echo, with_people=people, load=options.load)
    try:
        run_async(live.run())
    finally:
        if options.record is not None:
            options.record.write_text(live.recording.written(), "utf-8")
            click.echo(texts.recorded(options.record))
        _conclude(live)
    return 0 if live.went_well else 1


def _conclude(live: LiveCheck) -> None:
    count = [each.verdict for each in live.findings.all].count
    click.echo(texts.summary(*map(count, (Verdict.EXPECTED, Verdict.SURPRISE, Verdict.MEASURED))))
    click.echo(texts.spent(live.calls, live.refusals))
    if live.left:
        click.echo(f"threadline: {failures.live_left(live.left)}", err=True)
    else:
        click.echo(texts.REMOVED)


def _must_be_writable(record: Path) -> None:
    try:
        record.open("a").close()
    except OSError as error:
        fail(failures.unwritable(record, error.strerror), 2)


@contextmanager
def _failing_in_words() -> Iterator[None]:
    """End with the exit code of what keeps a check from running."""
    try:
        yield
    except StartFailed as error:
        fail(str(error), error.exit_code)
    except TooManyIdentifies as error:
        fail(str(error), 1)
    except JournalError as error:
        fail(journal_errors.described(error), 1 if isinstance(error, JournalBusy) else 2)
