"""`threadline init`: proposes a sandbox for the agent, where one can be made."""

import asyncio

import click

from bot.agents.inside import why_no_sandbox
from bot.cli.common import fail
from bot.cli.texts import failures
from bot.cli.texts import setup as texts

from .prompts import Prompter


def choose_sandbox(given: bool | None, ask: Prompter) -> bool:  # noqa: FBT001 - None: no flag gave an answer
    """Return whether the agent gets a sandbox: as a flag says, else by a question, else not.

    The program ends where a flag wants one that cannot be made.
    """
    if given is False or (given is None and not ask.asking):
        return False
    if why_not := asyncio.run(why_no_sandbox()):
        if given:
            fail(failures.bad_flag("--sandbox", why_not), 2)
        click.echo(texts.no_sandbox(why_not))
        return False
    return ask.confirm(texts.SANDBOX, given=given, default=True)
