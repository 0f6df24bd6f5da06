"""`threadline migrate`: converts another bot's configuration, and lists each setting without a counterpart."""

import tomllib
from pathlib import Path

import click

from bot.cli.init.config_template import TOKEN
from bot.config import error_texts
from bot.config.document import reason_of
from bot.config.env_file import variables_path, write_variables
from bot.config.positions import syntax_error
from bot.config.toml_writer import toml_value

from .common import fail
from .invocation import command_line
from .openab import Translation, translate
from .texts import failures, openab, options


@click.command(help=options.MIGRATE)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("threadline.toml"),
    show_default=True,
    help=options.CONVERTED,
)
@click.option("--force", is_flag=True, help=options.FORCE)
def migrate(file: Path, output: Path, *, force: bool) -> None:
    """Convert the file, and list what has no counterpart."""
    if output.exists() and not force:
        fail(failures.exists(output), 2)
    try:
        text = file.read_text(encoding="utf-8")
        old = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        fail(failures.unreadable(file, reason_of(error)), 2)
    except tomllib.TOMLDecodeError as error:
        number, reason = syntax_error(text, error)
        fail(error_texts.line(file, number, "", error_texts.not_toml(reason)), 2)
    if not isinstance(old.get("discord"), dict):
        fail(failures.not_openab(file), 2)
    try:
        done = translate(old)
        text = config_text(done, file.name)
    except (TypeError, ValueError, AttributeError) as error:
        fail(failures.other_values(file, error), 2)
    if done.token and variables_path(output).exists() and not force:
        fail(failures.exists(variables_path(output)), 2)
    try:
        output.write_text(text, encoding="utf-8")
        if done.token:
            write_variables(variables_path(output), [f"{TOKEN}={done.token}"])
    except OSError as error:
        fail(failures.unwritable(output, error.strerror), 2)
    _print_summary(done, output)


def config_text(done: Translation, source: str) -> str:
    """Return the text of the converted configuration."""
    lines = [
        f"# Converted from {source}. docs/configuration.md explains every key. To check it: threadline check",
    ]
    for table, keys in done.tables.items():
        lines += ["", f"[{table}]", *(f"{key} = {toml_value(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"


def _print_summary(done: Translation, output: Path) -> None:
    for title, lines in (
        (openab.CONVERTED, done.converted),
        (openab.UNSUPPORTED, done.unsupported),
        (openab.ADVICE, done.advice),
    ):
        if lines:
            click.echo(f"{title}:")
            for line in lines:
                click.echo(f"  {line}")
    check = command_line("check", configuration=output)
    click.echo(openab.written(output, variables_path(output) if done.token else "", check))
