"""`threadline init`: from a token to a working configuration, step by step; a flag can answer each step."""

import os
from pathlib import Path

import click

from bot.access.bot_permissions import invite_link
from bot.cli.check import run_check
from bot.cli.common import CONFIG, fail
from bot.cli.invocation import command_line, is_container_main
from bot.cli.texts import failures, options
from bot.cli.texts import setup as texts
from bot.config.env_file import variables_path, write_variables
from bot.config.search import places
from bot.config.values import expand_home

from .access import choose_channels, choose_people, wait_for_places
from .agent_choice import choose_agent, print_needs
from .answers import Answers, check_answers
from .config_template import Choices, config_text, env_lines
from .discord_login import log_in
from .prompts import Prompter
from .sandbox_choice import choose_sandbox

JOIN_SECONDS = 600.0
"""How long to wait for the bot's invitation: a person has to open a link, choose a server and solve a captcha."""


@click.command(help=options.INIT)
@CONFIG
@click.option("--token-file", type=click.Path(path_type=Path, allow_dash=True), help=options.TOKEN_FILE)
@click.option("--endpoint", default="", metavar="URL", help=options.ENDPOINT)
@click.option("--intent/--no-intent", default=None, help=options.INTENT)
@click.option("--channel", "channels", multiple=True, metavar="ID", help=options.CHANNEL)
@click.option("--user", "users", multiple=True, metavar="WHO", help=options.USER)
@click.option("--agent", default="", metavar="AGENT", help=options.AGENT)
@click.option("--cwd", default="", metavar="FOLDER", help=options.CWD)
@click.option("--sandbox/--no-sandbox", default=None, help=options.SANDBOX)
@click.option("--wait", type=click.FloatRange(min=0), default=JOIN_SECONDS, show_default=True, help=options.WAIT)
@click.option("-y", "--yes", is_flag=True, help=options.YES)
@click.option("--force", is_flag=True, help=options.FORCE)
@click.option("--check/--no-check", default=None, help=options.CHECK_AFTERWARDS)
def init(given: Path | None, **flags: object) -> None:
    """Ask, write the files, and end with a command to type."""
    answers = Answers(path=given or places(os.environ)[0], **flags)  # type: ignore[arg-type]
    ask = Prompter(ask=not answers.yes)
    check_answers(answers)
    settings, application_id = log_in(answers, ask)
    click.echo(texts.invite(invite_link(application_id)))
    found = wait_for_places(settings, answers)
    choices = Choices(
        token=settings.token.get_secret_value(),
        endpoint=settings.endpoint,
        channels=choose_channels(found.channels, answers, ask),
        users=choose_people(found.roles, answers, ask),
        agent=choose_agent(answers.agent, ask),
        cwd=_choose_folder(answers, ask),
        sandbox=choose_sandbox(answers.sandbox, ask),
    )
    _write(answers.path, choices)
    if is_container_main():
        click.echo(texts.IN_CONTAINER)
    print_needs(choices.agent[0], answers.path)
    _end(answers, ask)


def _choose_folder(answers: Answers, ask: Prompter) -> Path:
    default = str(answers.path.absolute().parent / "project")
    folder = Path(ask.text(texts.FOLDER, given=answers.cwd, flag="--cwd", default=default))
    folder = expand_home(folder).resolve()
    if answers.path.resolve().is_relative_to(folder):
        fail(failures.within_reach(folder, answers.path), 2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(failures.not_made(folder, error.strerror), 2)
    return folder


def _write(path: Path, choices: Choices) -> None:
    try:
        write_variables(variables_path(path), env_lines(choices))
        path.write_text(config_text(choices), encoding="utf-8")
    except OSError as error:
        fail(failures.unwritable(path, error.strerror), 2)
    click.echo(texts.written(path, variables_path(path)))


def _end(answers: Answers, ask: Prompter) -> None:
    """Check if that is wanted. The last line is the command to type next."""
    check = command_line("check", configuration=answers.path)
    start = command_line("run", configuration=answers.path)
    wanted = ask.confirm(texts.CHECK_NOW, given=answers.check, default=ask.asking)
    if wanted and not run_check(answers.path):
        click.echo(texts.correct(check))
        raise SystemExit(1)
    click.echo(texts.start(start) if wanted else texts.check_and_start(check, start))
