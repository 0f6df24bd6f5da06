"""The first steps of `threadline init`: the bot's token, and the Message Content intent."""

import asyncio
import os
import re
import sys

import click
import discord
from pydantic import SecretStr, ValidationError

from bot.cli.common import fail
from bot.cli.discord_check import portal_url
from bot.cli.discord_probe import connect_probe
from bot.cli.texts import failures
from bot.cli.texts import setup as texts
from bot.config.document import reason_of
from bot.config.schema import DiscordConfig
from bot.gateway.connection import LoginRefused
from bot.operations.start_failure import StartFailed

from .answers import Answers
from .config_template import TOKEN
from .prompts import Prompter

TRIES = 3
"""Tokens that are tried before the program ends."""

_TOKEN = re.compile(r"[!#-&(-~]+")


def log_in(answers: Answers, ask: Prompter) -> tuple[DiscordConfig, int]:
    """Ask for the token until one works, and enable the intent; return where to connect, and the application's id.

    A failure ends the program. This runs event loops of its own, and asks outside of them.
    """
    given, tries = _given_token(answers), TRIES
    if not given and ask.asking:
        click.echo(texts.CREATE_THE_BOT)
    while True:
        token = ask.text(texts.TOKEN, given=given, flag="--token-file", hidden=True)
        tries -= 1
        try:
            settings = _settings(token, answers.endpoint)
            application_id, can_read_messages = asyncio.run(_identify_bot(settings))
            if not can_read_messages:
                _enable_intent(settings, application_id, answers, ask)
        except LoginRefused as error:
            if given or not tries or not ask.asking:
                fail(str(error), error.exit_code)
            click.echo(texts.try_again(error))
        except StartFailed as error:
            fail(str(error), error.exit_code)
        else:
            return settings, application_id


def _settings(token: str, endpoint: str) -> DiscordConfig:
    """Return where and as whom to connect. Raises `LoginRefused` for an impossible token."""
    if not _TOKEN.fullmatch(token):
        raise LoginRefused(failures.NOT_A_TOKEN)
    try:
        return DiscordConfig(token=SecretStr(token), endpoint=endpoint)
    except ValidationError as error:
        fail(failures.bad_address("--endpoint", endpoint, error.errors()[0]["ctx"]["error"]), 2)


def _given_token(answers: Answers) -> str:
    if answers.token_file is None:
        return os.environ.get(TOKEN, "")
    try:
        text = sys.stdin.read() if str(answers.token_file) == "-" else answers.token_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(failures.unreadable_token_file(reason_of(error)), 2)
    if not text.strip():
        fail(failures.EMPTY_TOKEN_FILE, 2)
    return text.strip()


async def _identify_bot(settings: DiscordConfig) -> tuple[int, bool]:
    """Print the token's bot; return the application's id, and whether it may read messages. Raises `StartFailed`."""
    async with connect_probe(settings, discord.Intents(guilds=True)) as probe:
        application = probe.myself
        click.echo(texts.logged_in(probe.user))
        if application.bot_public:
            click.echo(texts.public_bot(portal_url(application.id)))
        return application.id, probe.can_read_messages


def _enable_intent(settings: DiscordConfig, application_id: int, answers: Answers, ask: Prompter) -> None:
    """Enable the intent, or say where a person can. Raises `StartFailed`."""
    by_hand = texts.enable_by_hand(portal_url(application_id))
    # Asked outside an event loop, which would hold Ctrl-C back until the answer.
    if not ask.confirm(texts.ENABLE_INTENT, given=answers.intent, default=True):
        click.echo(by_hand)
        return
    try:
        asyncio.run(_enable_message_content(settings))
    except discord.HTTPException as error:
        click.echo(texts.intent_refused(error.text or error.status))
        click.echo(by_hand)
    else:
        click.echo(texts.INTENT_ENABLED)


async def _enable_message_content(settings: DiscordConfig) -> None:
    async with connect_probe(settings, discord.Intents(guilds=True)) as probe:
        await probe.enable_message_content()
