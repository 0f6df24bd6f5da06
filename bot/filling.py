"""A form of an agent's, filled in and sent: checked, corrected, taken step by step."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import discord

from . import words
from .card import admitted, record
from .elicitation import ElicitationButton, FormCard
from .form import Form
from .view import view_of

if TYPE_CHECKING:
    from .client import ThreadlineClient

__all__ = ["take_form"]

_FORM_ID = re.compile(r"threadline:form:([0-9a-f]{16}):([0-9]{1,2})")


async def take_form(interaction: "discord.Interaction[ThreadlineClient]") -> None:
    """Take a form of ours that was sent; of other interactions nothing. Its id is all that is needed of it.

    Not by the library's way, which knows only the forms that this process has opened, each for the first who sends it.
    """
    data: Mapping[str, Any] = interaction.data or {}
    match = _FORM_ID.fullmatch(str(data.get("custom_id")))
    if interaction.type is not discord.InteractionType.modal_submit or match is None:
        return
    card, step = await admitted(interaction, FormCard, match[1]), int(match[2])
    if card is None or step >= len(card.steps):
        return
    by = interaction.user.id
    problems = await card.enter(step, by, Form.entered(card.steps[step], data))
    following = card.next_step(by)
    if problems:
        lines = "\n".join(problems)
        await _go_on(interaction, f"Something does not fit yet:\n{lines[:1500]}", card.token, step, "Correct it")
    elif following is not None:
        done = f"Step {step + 1} of {len(card.steps)} is filled in."
        await _go_on(interaction, done, card.token, following, f"Step {following + 1}")
    else:
        ephemeral = _is_ephemeral(interaction)
        content = card.accept(by, here=not ephemeral)
        if content is None:
            await interaction.response.send_message(words.became(None), ephemeral=True)
        else:
            record(interaction, card, "approved", "filled in")
            await interaction.response.edit_message(content="Sent." if ephemeral else content, view=None)


async def _go_on(interaction: discord.Interaction[Any], text: str, token: str, step: int, label: str) -> None:
    """Say something to one person with a button to another form: a form cannot be answered by one."""
    view = view_of(ElicitationButton(token, str(step), label))
    if _is_ephemeral(interaction):
        await interaction.response.edit_message(content=text, view=view)
    else:
        await interaction.response.send_message(text, view=view, ephemeral=True)


def _is_ephemeral(interaction: discord.Interaction[Any]) -> bool:
    return interaction.message is not None and interaction.message.flags.ephemeral
