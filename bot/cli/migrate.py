"""`threadline migrate`: converts another bot's configuration, and lists each setting without a counterpart."""

import tomllib
from pathlib import Path

import click

from bot.cli.init.config_template import TOKEN
from bot.config import error_texts
from bot.config.env_file import variables_path, write_variables
from bot.config.positions import syntax_error
from bot.config.toml_writer import toml_value

from .common import fail
from .openab import Translation, translate


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("threadline.toml"),
    show_default=True,
    help="The configuration to write.",
)
@click.option("--force", is_flag=True, help="Write it anew where it exists.")
def migrate(file: Path, output: Path, *, force: bool) -> None:
    """Take over FILE, the config.toml of openab.

    What of it has no counterpart is named.
    """
    if output.exists() and not force:
        fail(f"{output} exists; --force writes it anew", 2)
    try:
        text = file.read_text(encoding="utf-8")
        old = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}", 2)
    except tomllib.TOMLDecodeError as error:
        number, reason = syntax_error(text, error)
        fail(error_texts.line(file, number, "", error_texts.not_toml(reason)), 2)
    if not isinstance(old.get("discord"), dict):
        fail(f"{file}: has no table [discord]; is it the config.toml of openab?", 2)
    try:
        done = translate(old)
        text = config_text(done, file.name)
    except (TypeError, ValueError, AttributeError) as error:
        fail(f"{file}: has a value of another kind than openab takes: {error}", 2)
    if done.token and variables_path(output).exists() and not force:
        fail(f"{variables_path(output)} exists; --force writes it anew", 2)
    try:
        output.write_text(text, encoding="utf-8")
        if done.token:
            write_variables(variables_path(output), [f"{TOKEN}={done.token}"])
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}", 1)
    _print_summary(done, output)


def config_text(done: Translation, source: str) -> str:
    """Return the text of the converted configuration."""
    lines = [
        f"# Taken over from {source}. docs/configuration.md explains every key. To see whether it works:",
        "# threadline check",
    ]
    for table, keys in done.tables.items():
        lines += ["", f"[{table}]", *(f"{key} = {toml_value(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"


def _print_summary(done: Translation, output: Path) -> None:
    for title, lines in (
        ("Taken over", done.converted),
        ("Without a counterpart", done.unsupported),
        ("To look at", done.advice),
    ):
        if lines:
            click.echo(f"{title}:")
            for line in lines:
                click.echo(f"  {line}")
    token = f"; the token is in {variables_path(output)}, readable by you alone" if done.token else ""
    click.echo(f"Written: {output}{token}. Next: threadline check -c {output}")
