"""Handles the submitted steps of an agent's form: checks each, and offers the next one or a correction."""

import re
from typing import Any

import discord

from bot.interactions.bot_client import Interaction
from bot.interactions.card_access import admit_to_card, record
from bot.interactions.components import view_of
from bot.rest.live_message import answer_press
from bot.user_messages import questions as texts

from .elicitation import FormCard, elicitation_button
from .modal import FormModal

FORM_ID = re.compile(r"threadline:form:(?P<token>[0-9a-f]{16}):(?P<step>[0-9]{1,2})")
"""The id of a form's step."""


async def submit_form(interaction: Interaction, match: re.Match[str]) -> None:
    """Handle a submitted step, if the person may answer."""
    card, step = await admit_to_card(interaction, FormCard, match["token"]), int(match["step"])
    if card is None:
        return
    if step >= len(card.steps):
        await interaction.response.send_message(texts.no_longer_open(texts.became(None)), ephemeral=True)
        return
    by = interaction.user.id
    problems = await card.enter(step, by, FormModal.entered(card.steps[step], interaction.data or {}))
    following = card.next_step(by)
    if problems:
        lines = "\n".join(problems)
        await _offer_form(interaction, texts.not_valid(lines[:1500]), card.token, step, texts.CORRECT)
    elif following is not None:
        done = texts.step_done(step + 1, len(card.steps))
        await _offer_form(interaction, done, card.token, following, texts.next_step(following + 1))
    else:
        ephemeral = _is_ephemeral(interaction)
        content = card.accept(by, here=not ephemeral)
        if content is None:
            await interaction.response.send_message(texts.no_longer_open(texts.became(None)), ephemeral=True)
        elif ephemeral:
            record(interaction, card, "approved", "filled in")
            await interaction.response.edit_message(content=texts.SENT, view=None)
        else:
            record(interaction, card, "approved", "filled in")
            await answer_press(interaction, content, card.post)


async def _offer_form(interaction: discord.Interaction[Any], text: str, token: str, step: int, label: str) -> None:
    """Offer a person another form by a button, as Discord does not answer a form with a form."""
    view = view_of(elicitation_button(token, str(step), label))
    if _is_ephemeral(interaction):
        await interaction.response.edit_message(content=text, view=view)
    else:
        await interaction.response.send_message(text, view=view, ephemeral=True)


def _is_ephemeral(interaction: discord.Interaction[Any]) -> bool:
    return interaction.message is not None and interaction.message.flags.ephemeral
