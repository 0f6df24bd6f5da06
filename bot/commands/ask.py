"""`/ask`, `/run` and two message menus: the bot posts the request and accepts it like a mention."""

import asyncio
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO

import aiohttp
import discord
import structlog
from discord import app_commands

from bot.access.gate import Place, Right, is_answered_in_place
from bot.agents.agent_options import Command as OwnCommand
from bot.interactions.bot_client import admit
from bot.prompt.discord_message import tags_of
from bot.prompt.request import Attachment, Quote, Request, read_request, sent_at, write_request
from bot.questions.form_schema import Field
from bot.questions.modal import FormModal
from bot.rest.calls import Urgency
from bot.rest.errors import RestError
from bot.text.markdown import escape
from bot.text.printable import visible
from bot.user_messages import access
from bot.user_messages import commands as texts
from pool.journal.errors import JournalUnwritable
from pool.journal.message_states import MessageState
from pool.journal.posted_requests import PostedRequest

from .command_client import MAX_CHOICE_LENGTH, MAX_CHOICES, Command, Interaction

ABOUT_FORM = re.compile(r"threadline:about:(?P<message>[0-9]{1,20})")
"""The id of the form that asks about a message."""

_ABOUT = (Field("question", texts.ABOUT_QUESTION, "text", required=True),)

SHOWN = 1500
"""Characters of a request in its message; a longer request comes as a file too."""

Choices = list[app_commands.Choice[str]]
Files = list[tuple[str, bytes]]

log = structlog.stdlib.get_logger("bot")


def ask_commands() -> list[Command | app_commands.ContextMenu]:
    """Create the commands and the context menus."""
    ask: Command = app_commands.Command(name="ask", description=texts.DESCRIPTIONS["ask"], callback=_ask)
    ask.autocomplete("agent")(offer_agents)
    run: Command = app_commands.Command(name="run", description=texts.DESCRIPTIONS["run"], callback=_run)
    run.autocomplete("command")(_offer_commands)
    about = app_commands.ContextMenu(name=texts.ASK_ABOUT_MENU, callback=_ask_about)
    retry = app_commands.ContextMenu(name=texts.RETRY_MENU, callback=_retry)
    return [ask, run, about, retry]


@app_commands.describe(request=texts.ASK_REQUEST, agent=texts.ASK_AGENT)
async def _ask(interaction: Interaction, request: str, agent: str = "") -> None:
    await ask(interaction, request, agent=agent)


@app_commands.describe(command=texts.RUN_COMMAND, text=texts.RUN_TEXT)
async def _run(interaction: Interaction, command: str, text: str = "") -> None:
    if not await admit(interaction, Right.TALK):
        return
    name = command.strip().removeprefix("/")
    known = [each.name for each in interaction.client.offers(interaction.channel_id or 0).commands]
    if name not in known:
        told = texts.NO_SUCH_COMMAND if known else texts.NO_COMMANDS
        await interaction.response.send_message(told, ephemeral=True)
        return
    await ask(interaction, f"/{name} {text}".strip())


async def _offer_commands(interaction: Interaction, typed: str) -> Choices:
    commands = interaction.client.offers(interaction.channel_id or 0).commands
    typed, redact = typed.removeprefix("/").casefold(), interaction.client.redact
    found = sorted((each for each in commands if typed in each.name.casefold()), key=lambda each: each.name)
    return [
        app_commands.Choice(name=_describe_command(replace(each, name=redact(each.name))), value=each.name)
        for each in found[:MAX_CHOICES]
        if each.name.strip() and len(each.name) <= MAX_CHOICE_LENGTH
    ]


def _describe_command(command: OwnCommand) -> str:
    """Describe a command: its name, the argument that it expects, its description."""
    hint, about = (" ".join(text.split()) for text in (command.hint, command.description))
    return visible(texts.own_command(command.name, hint, about), MAX_CHOICE_LENGTH)


async def offer_agents(interaction: Interaction, typed: str) -> Choices:
    """Offer the agents that a person may choose here."""
    titles = interaction.client.agents.titles(_channel_id(interaction))
    found = [(name, title) for name, title in titles.items() if typed.casefold() in f"{name} {title}".casefold()]
    return [app_commands.Choice(name=title[:MAX_CHOICE_LENGTH], value=name) for name, title in found[:MAX_CHOICES]]


def _channel_id(interaction: Interaction) -> int:
    place = interaction.client.admission.place(interaction.guild, interaction.channel)
    return place.parent_id or place.channel_id


# ---- a request


async def ask(
    interaction: Interaction,
    text: str,
    *,
    agent: str = "",
    quotes: Sequence[Quote] = (),
    attachments: Sequence[Attachment] = (),
    within: int | None = None,
) -> None:
    """Post a person's request and accept it; in a channel, open a thread on it.

    `within` is a thread of the channel that gets the request instead. No message is read first: Discord waits 3 s for
    an answer, and a busy Discord takes longer.
    """
    client = interaction.client
    if interaction.channel is None or not await client.admission.admit(interaction, Right.TALK, asker_id=None):
        return
    place = client.admission.place(interaction.guild, interaction.channel)
    if within is not None:
        place = Place(place.guild_id, within, place.channel_id)
    text = text.strip()
    # The message shows this person's words alone, and names the files.
    said = text or ", ".join(each.name for each in attachments) or (texts.QUOTE_ALONE if quotes else "")
    if refusal := _refusal(interaction, place, said, agent):
        await interaction.response.send_message(refusal, ephemeral=True)
        return
    shown, files = _rendered(interaction, said)
    draft = replace(_draft(interaction, place), text=text, quotes=tuple(quotes), attachments=tuple(attachments))
    asked = PostedRequest(interaction.id, place.channel_id, shown, write_request(draft), agent, place.parent_id)
    with client.intake.posted_requests.posting(asked, interaction.user) as posting:
        try:
            client.journal.posted_requests.begin(asked)
        except JournalUnwritable:
            await interaction.response.send_message(access.NOT_DONE, ephemeral=True)
            return
        post = _post(interaction, shown, files) if within is None else _post_in(interaction, within, shown, files)
        message_id = await post
        if message_id is None:
            client.journal.posted_requests.end(asked.ask_id)
        else:

            def wanted() -> bool:
                return client.intake.is_open and not client.is_behind(asked.channel_id)

            exchange = await client.intake.posted_requests.accept_confirmed(posting, message_id, wanted=wanted)
            await client.intake.open_thread(exchange)


def _draft(interaction: Interaction, place: Place) -> Request:
    """Describe the person and the place of a request that is not posted yet."""
    guild, channel = interaction.guild, interaction.channel
    if channel is not None and place.channel_id != channel.id:
        channel = guild.get_thread(place.channel_id) if guild is not None else None
    here = is_answered_in_place(place)
    return Request(
        message_id=0,
        channel_id=place.channel_id,
        thread_id=place.channel_id if here else 0,
        author_id=interaction.user.id,
        text="",
        author_name=interaction.user.display_name,
        guild_id=interaction.guild_id,
        guild_name=guild.name if guild is not None else "",
        channel_name=getattr(channel, "name", None) or "",
        tags=tags_of(channel),
        joined=here and place.parent_id is not None and not interaction.client.journal.threads.knows(place.channel_id),
        no_thread=place.no_thread or "",
    )


def _refusal(interaction: Interaction, place: Place, said: str, agent: str) -> str:
    """Say why a request is not accepted; empty where it is."""
    client, thread_id = interaction.client, place.channel_id
    agents, here = client.agents, is_answered_in_place(place)
    if not client.intake.is_open:
        return texts.STOPPING
    if not said:
        return texts.NO_REQUEST
    if agent and agent not in agents.choices(_channel_id(interaction)):
        return texts.NO_SUCH_AGENT
    if here and agent and client.journal.threads.knows(thread_id) and agent != agents.name(thread_id):
        return texts.OTHER_AGENT
    bound = client.pool.bound(thread_id, interaction.user.id)
    return "" if bound is None else access.BOUNDS[bound]


async def _post(interaction: Interaction, shown: str, files: Files) -> int:
    """Answer with the request, visible to all and without a ping; return the message's id."""
    answer = await interaction.response.send_message(
        shown,
        allowed_mentions=discord.AllowedMentions.none(),
        suppress_embeds=True,
        files=[discord.File(BytesIO(data), name) for name, data in files],
    )
    return answer.message_id or (await interaction.original_response()).id


async def _post_in(interaction: Interaction, thread_id: int, shown: str, files: Files) -> int | None:
    """Post the request in another place and say so; return None, and say why, where Discord refuses.

    An outage is waited out, as for an accepted message.
    """
    await interaction.response.send_message(texts.asking_again(thread_id), ephemeral=True)
    context, loop = interaction.client.context, asyncio.get_running_loop()
    post = partial(context.api.send_once, thread_id, shown, urgency=Urgency.FIRST, files=files)
    nonce, began = secrets.token_hex(8), loop.time()
    try:
        stored = await context.api.retrying(lambda: post(tried=loop.time() - began, nonce=nonce))
    except RestError as error:
        log.warning("a request cannot be posted", thread_id=thread_id, reason=str(error))
        told = texts.not_asked_again(escape(str(error)))
        if not await _change_answer(interaction, told):
            context.tell(interaction.channel_id or thread_id, told)
        return None
    await _change_answer(interaction, texts.asked_again(thread_id))
    return stored.message_id


async def _change_answer(interaction: Interaction, content: str) -> bool:
    """Change the answer to a command. Return False where Discord refuses, as after 15 minutes."""
    try:
        await interaction.edit_original_response(content=content)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.info("an answer to a command could not be changed", reason=str(error))
        return False
    return True


def _rendered(interaction: Interaction, text: str) -> tuple[str, Files]:
    """Return a request as its message shows it, and a file with all of a long request."""
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    files = [("request.txt", text.encode())] if shown != text else []
    return texts.asks(interaction.user.id, shown), files


# ---- about a message


async def _ask_about(interaction: Interaction, message: discord.Message) -> None:
    if await interaction.client.admission.admit(interaction, Right.TALK, asker_id=None):
        form = FormModal(f"threadline:about:{message.id}", texts.ABOUT_FORM_TITLE, _ABOUT, {})
        await interaction.response.send_modal(form)


async def submit_question(interaction: Interaction, match: re.Match[str]) -> None:
    """Accept the question about a message from its form, whose id names the message. The gate is asked again."""
    entered = FormModal.entered(_ABOUT, interaction.data or {}).get("question")
    message_id, channel_id = int(match["message"]), interaction.channel_id or 0
    about = Quote("reply", "", sent_at(message_id), channel_id=channel_id, message_id=message_id)
    await ask(interaction, str(entered or ""), quotes=[about])


async def _retry(interaction: Interaction, message: discord.Message) -> None:
    client = interaction.client
    if not await client.admission.admit(interaction, Right.TALK, asker_id=None):
        return
    rows = client.journal.messages.exchange(message.id)
    if not rows:
        await interaction.response.send_message(texts.NOT_A_REQUEST, ephemeral=True)
    elif client.interruptions.is_undecided(rows[-1]):
        thread_id = rows[-1].thread_id
        if await client.admission.admit(interaction, Right.CONTINUE, asker_id=client.journal.threads.asker(thread_id)):
            decide = client.interruptions.decide
            told = decide(thread_id, rows[-1].message_id, retry=True, by=interaction.user.id)
            await interaction.response.send_message(told)
    elif rows[-1].state not in {MessageState.ANSWERED, MessageState.CLOSED}:
        await interaction.response.send_message(texts.ALREADY_QUEUED, ephemeral=True)
    else:
        thread_id, gone = rows[-1].thread_id, client.context.api.gone
        requests = [read_request(row.request) for row in sorted(rows, key=lambda row: row.message_id)]
        await ask(
            interaction,
            "\n\n".join(request.text for request in requests if request.text),
            quotes=[quote for request in requests for quote in request.quotes],
            attachments=[file for request in requests for file in request.attachments],
            within=None if thread_id == interaction.channel_id or thread_id in gone else thread_id,
        )
