"""`/model`, `/mode` and `/config`: an agent's settings as menus, which work during a turn.

Menus are found by their ids, so they work after a restart. An id contains a hash of its option's id, which may be
longer than Discord allows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import aiohttp
import discord
import structlog
from discord import app_commands

from acp import AcpError
from acp.session_options import Choice, Option, Value
from bot.access.gate import Right
from bot.agents.agent_options import AgentOptions, write_options
from bot.conversation.exchange import Exchange
from bot.interactions.bot_client import admit
from bot.interactions.components import Button, Component, Menu, view_of
from bot.text.markdown import escape
from bot.text.printable import visible
from bot.user_messages import access, agent_errors
from bot.user_messages import settings as texts
from bot.user_messages.commands import DESCRIPTIONS
from pool.conversation import Conversation
from pool.journal.errors import JournalUnwritable
from pool.session_setup import MODE, choice_value

from .command_client import Command, Interaction

PAGE = 25
"""Entries of a menu (Discord, String Select)."""

WIDTH = 100
"""Characters of an entry's name and description."""

FREE = frozenset({"model", "model_config", "thought_level"})
"""Categories that every user may set; the others may change what the agent does without asking."""

ALL = "list"
"""Stands in a menu's id for the list of all options."""

log = structlog.stdlib.get_logger("bot")


def setting_commands() -> list[Command]:
    """Create the commands."""
    return [
        app_commands.Command(name="model", description=DESCRIPTIONS["model"], callback=_model),
        app_commands.Command(name="mode", description=DESCRIPTIONS["mode"], callback=_mode),
        app_commands.Command(name="config", description=DESCRIPTIONS["config"], callback=_config),
    ]


async def _model(interaction: Interaction) -> None:
    if await admit(interaction, Right.TALK):
        await _send_menu(interaction, _offers(interaction).option("model"))


async def _mode(interaction: Interaction) -> None:
    if await admit(interaction, Right.CHANGE):
        await _send_menu(interaction, _offers(interaction).option("mode"))


async def _config(interaction: Interaction) -> None:
    if await admit(interaction, Right.TALK):
        options = _offers(interaction).options
        content = texts.WHICH if options else texts.UNKNOWN
        await interaction.response.send_message(content, view=_options_view(options, 0), ephemeral=True)


def _offers(interaction: Interaction) -> AgentOptions:
    return interaction.client.offers(interaction.channel_id or 0)


async def _send_menu(interaction: Interaction, option: Option | None) -> None:
    if option is None:
        await interaction.response.send_message(texts.UNKNOWN, ephemeral=True)
    else:
        await interaction.response.send_message(_title(option), view=_option_view(option, 0), ephemeral=True)


# ---- what is shown


def _key(option_id: str) -> str:
    return sha256(option_id.encode()).hexdigest()[:8]


def _title(option: Option) -> str:
    return texts.title(escape(_name(option)), escape(visible(option.description, 500)))


def _name(named: Option | Choice) -> str:
    """Return a name on one line; Discord refuses a blank one."""
    return _line(named.name) or texts.NO_NAME


def _line(text: str) -> str:
    return visible(" ".join(text.split()), WIDTH)


def _choices(option: Option) -> list[Choice]:
    """Return the values, the current one first; a switch has two."""
    choices = option.choices or (Choice("true", texts.ON), Choice("false", texts.OFF))
    current = choice_value(option.current)
    return sorted(choices, key=lambda choice: choice.value != current)


def _option_view(option: Option, page: int) -> discord.ui.View:
    current = choice_value(option.current)
    entries = [
        discord.SelectOption(
            label=_name(choice),
            value=_key(choice.value),
            description=_line(" — ".join(part for part in (choice.group, choice.description) if part)) or None,
            default=choice.value == current,
        )
        for choice in _choices(option)
    ]
    return _paged(entries, _key(option.option_id), page)


def _options_view(options: tuple[Option, ...], page: int) -> discord.ui.View:
    entries = [
        discord.SelectOption(label=_name(each), value=_key(each.option_id), description=_current_value(each))
        for each in options
    ]
    return _paged(entries, ALL, page)


def _current_value(option: Option) -> str:
    name = next((_name(each) for each in _choices(option) if each.value == choice_value(option.current)), "?")
    return texts.now(name)[:WIDTH]


def _paged(entries: list[discord.SelectOption], key: str, page: int) -> discord.ui.View:
    last = max(0, (len(entries) - 1) // PAGE)
    page = min(page, last)
    shown = entries[page * PAGE : (page + 1) * PAGE]
    items: list[Component[Any]] = []
    if shown:
        placeholder = texts.CHOOSE_OR_TURN if last > 0 else texts.CHOOSE
        items.append(OptionMenu(discord.ui.Select(placeholder=placeholder, options=shown), key=key))
    for label, to in ((texts.BACK_BUTTON, page - 1), (texts.MORE_BUTTON, page + 1)):
        if 0 <= to <= last:
            items.append(PageButton(discord.ui.Button(label=label), key=key, page=to))
    return view_of(*items)


# ---- menus and buttons


class OptionMenu(Menu, template=r"threadline:set:(?P<key>[0-9a-f]{8}|list)"):
    """Chooses an option, or a value of one."""

    key: str
    """The option's hash, or `ALL`."""

    async def handle(self, interaction: Interaction) -> None:
        """Set the value, or show the values of the chosen option."""
        if not await interaction.client.admission.admit(interaction, Right.TALK, asker_id=None):
            return
        chosen = self.item.values[0]
        options = {_key(each.option_id): each for each in _offers(interaction).options}
        option = options.get(chosen if self.key == ALL else self.key)
        choices = {} if option is None else {_key(each.value): each for each in _choices(option)}
        choice = choices.get(chosen)
        if option is None or (choice is None and self.key != ALL):
            await interaction.response.edit_message(content=texts.NOT_OFFERED, view=None)
        elif choice is None or self.key == ALL:
            await interaction.response.edit_message(content=_title(option), view=_option_view(option, 0))
        else:
            await _set_value(interaction, option, choice)


class PageButton(Button, template=r"threadline:page:(?P<key>[0-9a-f]{8}|list):(?P<page>[0-9]{1,3})"):
    """Turns to another page of a menu."""

    key: str
    page: int
    """Counted from 0."""

    async def handle(self, interaction: Interaction) -> None:
        """Show the page of the current options."""
        if not await interaction.client.admission.admit(interaction, Right.TALK, asker_id=None):
            return
        options = _offers(interaction).options
        option = next((each for each in options if _key(each.option_id) == self.key), None)
        if self.key == ALL:
            await interaction.response.edit_message(view=_options_view(options, self.page))
        elif option is not None:
            await interaction.response.edit_message(view=_option_view(option, self.page))
        else:
            await interaction.response.edit_message(content=texts.NOT_OFFERED, view=None)


# ---- setting


async def _set_value(interaction: Interaction, option: Option, choice: Choice) -> None:
    """Set a value now if the agent is awake, and remember it for the thread's next session."""
    client, thread_id = interaction.client, interaction.channel_id or 0
    if option.category not in FREE and not await client.admission.admit(interaction, Right.CHANGE, asker_id=None):
        return
    value: Value = choice.value == "true" if isinstance(option.current, bool) else choice.value
    conversation = client.pool.conversation(thread_id)
    session = None if conversation is None else conversation.lease.session
    if session is None:
        if not _remember(interaction, option, choice):
            await interaction.response.edit_message(content=access.NOT_DONE, view=None)
            return
        _record(interaction, option, choice)
        offers = client.offers(thread_id).with_value(option.option_id, value)
        client.journal.threads.set_offers(thread_id, write_options(offers))  # For the next menu.
        await interaction.response.defer()
        await _tell_thread(interaction, option, choice, texts.WHEN_AWAKE)
        return
    # Answer before the agent does: it may be slow.
    name, chosen = escape(_name(option)), escape(_name(choice))
    await interaction.response.edit_message(content=texts.setting(name, chosen), view=None)
    try:
        with _told_by_command(conversation, option, choice):
            done = await session.set_option(option.option_id, value)
    except AcpError as error:
        why = agent_errors.one_line(error, redact=client.redact)
        await interaction.edit_original_response(content=texts.failed(name, chosen, why))
        return
    if not done:
        await interaction.edit_original_response(content=texts.not_taken(name, chosen))
        return
    _record(interaction, option, choice)
    lasts = _remember(interaction, option, choice)
    await _tell_thread(interaction, option, choice, "" if lasts else texts.UNTIL_ASLEEP)


@contextmanager
def _told_by_command(conversation: Conversation | None, option: Option, choice: Choice) -> Iterator[None]:
    """Keep replies from telling a mode that a person sets as the agent's own change.

    Between two turns, the last reply would tell it, and the next one if its prompt is sent before the agent answers.
    """
    replies = () if conversation is None or option.category != "mode" else (conversation.prompted, conversation.current)
    exchanges = {each for each in replies if isinstance(each, Exchange)}
    for each in exchanges:
        each.expect_mode(choice.value)
    try:
        yield
    finally:
        for each in exchanges:
            each.expect_mode(None)


async def _tell_thread(interaction: Interaction, option: Option, choice: Choice, remark: str) -> None:
    """Tell everybody in the thread what a person has set, in place of the menu that only this person sees."""
    about = _line(choice.description).removesuffix(".") if option.category == "mode" else ""
    told = texts.changed(
        interaction.user.id,
        escape(_name(option)),
        escape(_name(choice)),
        category=option.category,
        remarks=[each for each in (escape(about), remark) if each],
    )
    interaction.client.context.tell(interaction.channel_id or 0, told)
    try:
        await interaction.delete_original_response()
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.info("a menu could not be removed", reason=str(error))


def _remember(interaction: Interaction, option: Option, choice: Choice) -> bool:
    """Remember a choice for the thread's next session; return False where the journal cannot be written."""
    name = MODE if option.category == "mode" else option.option_id
    try:
        interaction.client.journal.threads.choose(interaction.channel_id or 0, name, choice.value)
    except JournalUnwritable:
        return False
    return True


def _record(interaction: Interaction, option: Option, choice: Choice) -> None:
    thread_id, by = interaction.channel_id or 0, interaction.user.id
    interaction.client.audit.record("changed", f"{option.option_id} to {choice.value}", user_id=by, thread_id=thread_id)
    log.info("option chosen by a person", thread_id=thread_id, user_id=by, option=option.option_id, value=choice.value)
