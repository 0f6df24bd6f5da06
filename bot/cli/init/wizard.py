"""`threadline init`: from a token to a working configuration, step by step; a flag can answer each step."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import click
import discord
from pydantic import SecretStr, ValidationError

from bot.access.bot_permissions import invite_link
from bot.cli.check import run_check
from bot.cli.common import CONFIG, fail
from bot.cli.discord_check import portal_url
from bot.cli.discord_probe import ChannelFacts, DiscordProbe, connect_probe
from bot.config.env_file import variables_path, write_variables
from bot.config.presets import PRESETS
from bot.config.schema import AccessConfig, DiscordConfig
from bot.config.values import expand_home
from bot.gateway.connection import LoginRefused
from bot.operations.start_failure import NeedsPerson, StartFailed

from .agent_choice import choose_agent
from .config_template import TOKEN, Choices, config_text, env_lines, split_command
from .prompts import Prompter

TRIES = 3
"""Tokens that are tried before the program ends."""

JOIN_SECONDS = 600.0
"""How long to wait for the bot's invitation: a person has to open a link, choose a server and solve a captcha."""

_TOKEN = re.compile(r"[!#-&(-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The flags' answers."""

    path: Path
    token_file: Path | None
    endpoint: str
    intent: bool | None
    channels: tuple[str, ...]
    users: tuple[str, ...]
    agent: str
    cwd: str
    wait: float
    yes: bool
    force: bool
    check: bool | None


@click.command()
@CONFIG
@click.option(
    "--token-file", type=click.Path(path_type=Path, allow_dash=True), help="Read the token there; - is stdin."
)
@click.option("--endpoint", default="", metavar="URL", help="Another Discord-compatible server.")
@click.option("--intent/--no-intent", default=None, help="Turn the Message Content intent on, or leave it as it is.")
@click.option("--channel", "channels", multiple=True, metavar="ID", help="A channel to work in; may be repeated.")
@click.option("--user", "users", multiple=True, metavar="WHO", help='A user id, "role:ID", "owner" or "*". [owner]')
@click.option("--agent", default="", metavar="AGENT", help="A preset's name, or the command of an ACP agent.")
@click.option(
    "--cwd", default="", metavar="FOLDER", help="The folder in which the agent works; made if it is not there."
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=JOIN_SECONDS,
    show_default=True,
    help="Seconds to wait for the bot to be invited.",
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: what no flag answers has its default.")
@click.option("--force", is_flag=True, help="Write the files anew where they exist.")
@click.option("--check/--no-check", default=None, help="Check afterwards whether it works.")
def init(**flags: object) -> None:
    """Set up a bot, step by step.

    Its token, its intent, its server, its channels and its agent, into two files: threadline.toml and threadline.env.

    The token comes from --token-file, from the variable DISCORD_TOKEN, or is asked for without being shown.
    """
    answers = Answers(**flags)  # type: ignore[arg-type]
    ask = Prompter(ask=not answers.yes)
    _check_answers(answers)
    settings, application_id = log_in(answers, ask)
    click.echo(f"\nInvite the bot, if it is not in your server yet:\n  {invite_link(application_id)}\n")
    channels = _wait_for_channels(settings, answers)
    choices = Choices(
        token=settings.token.get_secret_value(),
        endpoint=settings.endpoint,
        channels=_choose_channels(channels, answers, ask),
        users=answers.users or ("owner",),
        agent=choose_agent(answers.agent, ask),
        cwd=_choose_folder(answers, ask),
    )
    _write(answers.path, choices)
    if ask.confirm("Check now whether it works?", given=answers.check, default=ask.asking):
        if not run_check(answers.path):
            raise SystemExit(1)
        click.echo(f"Next: threadline run -c {answers.path}")
    else:
        click.echo(f"Next: threadline check -c {answers.path}, then threadline run -c {answers.path}")


def _check_answers(answers: Answers) -> None:
    """End the program where an answer is unusable, before any question to Discord and any written file."""
    for path in (answers.path, variables_path(answers.path)):
        if path.exists() and not answers.force:
            fail(f"{path} exists; --force writes it anew", 2)
    folder = answers.path.absolute().parent
    if not folder.is_dir():
        fail(f"{answers.path.parent}: there is no such folder", 2)
    if not os.access(folder, os.W_OK | os.X_OK):
        fail(f"{folder}: nothing can be written there; name another file with -c", 2)
    _channel_ids(answers.channels)
    try:
        AccessConfig.model_validate({"users": list(answers.users)})
        command = split_command(answers.agent)[0] if answers.agent else ""
    except ValidationError as error:
        fail(f"--user: {error.errors()[0]['ctx']['error']}", 2)
    except ValueError as error:
        fail(f"--agent: {error} in {answers.agent!r}", 2)
    if command and command not in PRESETS and shutil.which(command) is None:
        fail(f"--agent: {command!r} was not found; known by name are {', '.join(PRESETS)}", 2)


# ---- the token and the intent


def log_in(answers: Answers, ask: Prompter) -> tuple[DiscordConfig, int]:
    """Ask for the token until one works, and enable the intent; return where to connect, and the application's id.

    A failure ends the program. This runs event loops of its own, and asks outside of them.
    """
    given, tries = _given_token(answers), TRIES
    while True:
        token = ask.text("The bot's token", given=given, flag="--token-file", hidden=True)
        tries -= 1
        try:
            settings = _settings(token, answers.endpoint)
            application_id, can_read_messages = asyncio.run(_identify_bot(settings))
            if not can_read_messages:
                _enable_intent(settings, application_id, answers, ask)
        except LoginRefused as error:
            if given or not tries or not ask.asking:
                fail(str(error), error.exit_code)
            click.echo(f"{error}. Once more:")
        except StartFailed as error:
            fail(str(error), error.exit_code)
        else:
            return settings, application_id


def _settings(token: str, endpoint: str) -> DiscordConfig:
    """Return where and as whom to connect. Raises `LoginRefused` for an impossible token."""
    if not _TOKEN.fullmatch(token):
        raise LoginRefused("that is no token: a token is one word of ASCII letters, without quotes")
    try:
        return DiscordConfig(token=SecretStr(token), endpoint=endpoint)
    except ValidationError as error:
        fail(f"--endpoint: {endpoint!r} {error.errors()[0]['ctx']['error']}", 2)


def _given_token(answers: Answers) -> str:
    if answers.token_file is None:
        return os.environ.get(TOKEN, "")
    try:
        text = sys.stdin.read() if str(answers.token_file) == "-" else answers.token_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"--token-file: cannot be read: {getattr(error, 'strerror', None) or error}", 2)
    if not text.strip():
        fail("--token-file: is empty", 2)
    return text.strip()


async def _identify_bot(settings: DiscordConfig) -> tuple[int, bool]:
    """Print the token's bot; return the application's id, and whether it may read messages. Raises `StartFailed`."""
    async with connect_probe(settings, discord.Intents(guilds=True)) as probe:
        application = probe.myself
        click.echo(f"The token is that of {probe.user}.")
        if application.bot_public:
            click.echo(
                f"Everybody may invite this bot. To change that, turn Public Bot off: {portal_url(application.id)}"
            )
        return application.id, probe.can_read_messages


def _enable_intent(settings: DiscordConfig, application_id: int, answers: Answers, ask: Prompter) -> None:
    """Enable the intent, or say where a person can. Raises `StartFailed`."""
    by_hand = f"Turn on Message Content Intent by hand, without which the bot cannot run: {portal_url(application_id)}"
    words = "The bot may not read messages yet. Turn the Message Content intent on?"
    # Asked outside an event loop, which would hold Ctrl-C back until the answer.
    if not ask.confirm(words, given=answers.intent, default=True):
        click.echo(by_hand)
        return
    try:
        asyncio.run(_enable_message_content(settings))
    except discord.HTTPException as error:
        click.echo(f"Discord did not allow that ({error.text or error.status}). {by_hand}")
    else:
        click.echo("The Message Content intent is on.")


async def _enable_message_content(settings: DiscordConfig) -> None:
    async with connect_probe(settings, discord.Intents(guilds=True)) as probe:
        await probe.enable_message_content()


# ---- the server and its channels


def _wait_for_channels(settings: DiscordConfig, answers: Answers) -> list[ChannelFacts]:
    """Wait until the bot sees its channels; return them."""
    wanted = _channel_ids(answers.channels)

    async def wait() -> list[ChannelFacts]:
        async with connect_probe(settings, discord.Intents(guilds=True)) as probe, probe.connected():
            await _refuse_other_ids(probe, wanted)
            if not await probe.joined(wanted, 0):
                what = "see a channel to work in" if probe.guilds else "join a server"
                click.echo(f"Waiting for the bot to {what}, at most {answers.wait:g} s ...")
            if not await probe.joined(wanted, answers.wait):
                raise StartFailed(_why_unseen(probe, wanted))
            return probe.channel_facts(wanted)

    try:
        return asyncio.run(wait())
    except StartFailed as error:
        fail(str(error), error.exit_code)


async def _refuse_other_ids(probe: DiscordProbe, wanted: set[int]) -> None:
    """Raise `NeedsPerson` for an id that is known and not a channel's: waiting would not help."""
    for each in sorted(wanted - {room.channel_id for room in probe.channel_facts(wanted)}):
        if known := await probe.identify(each):
            raise NeedsPerson(f"--channel: {each} is {known}, not a channel")


def _why_unseen(probe: DiscordProbe, wanted: set[int]) -> str:
    if not probe.guilds:
        return "the bot has joined no server; invite it by the link above, and begin again"
    lacks = sorted(wanted - {room.channel_id for room in probe.channel_facts(wanted)})
    which = f"the channels {', '.join(map(str, lacks))}" if lacks else "any channel"
    where = ", ".join(guild.name for guild in probe.guilds)
    return f"the bot does not see {which} in {where}; are the ids right, and may its role view them? Then begin again"


def _channel_ids(texts: Collection[str]) -> set[int]:
    for text in texts:
        if not re.fullmatch(r"[0-9]{1,20}", text):
            fail(f"--channel: {text!r} is no id", 2)
    return set(map(int, texts))


def _choose_channels(channels: list[ChannelFacts], answers: Answers, ask: Prompter) -> dict[int, str]:
    """Return the chosen channels, and print what the bot lacks in them."""
    if answers.channels:
        chosen = channels
    elif ask.asking:
        channels = sorted(channels, key=lambda room: room.lacks.mute)
        click.echo("Channels:")
        shown = [
            str(room) + (f"  (lacks: {', '.join(room.lacks.names)})" if room.lacks.names else "") for room in channels
        ]
        chosen = [channels[each] for each in ask.choice("In which is it to work? Numbers", shown, default="1")]
    elif len(channels) == 1:
        chosen = channels
    else:
        fail(f"which channel? give --channel; there are: {', '.join(f'{r.channel_id} ({r})' for r in channels)}", 2)
    for room in chosen:
        for line in room.lacks.lines:
            click.echo(f"In {room} the bot still lacks {line}")
    return {room.channel_id: str(room) for room in chosen}


# ---- the folder and the files


def _choose_folder(answers: Answers, ask: Prompter) -> Path:
    words = "The folder in which the agent works"
    folder = Path(
        ask.text(words, given=answers.cwd, flag="--cwd", default=str(answers.path.absolute().parent / "project"))
    )
    folder = expand_home(folder).resolve()
    if answers.path.resolve().is_relative_to(folder):
        fail(f"{folder}: the agent could read and change {answers.path} there; keep them apart", 2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"{folder}: cannot be made: {error.strerror}", 1)
    return folder


def _write(path: Path, choices: Choices) -> None:
    try:
        write_variables(variables_path(path), env_lines(choices))
        path.write_text(config_text(choices), encoding="utf-8")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", 1)
    click.echo(f"Written: {path}, and {variables_path(path)} with the token, readable by you alone.")
