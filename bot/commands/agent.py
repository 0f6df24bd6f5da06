"""`/agent`: gives a thread another agent."""

import structlog
from discord import app_commands

from bot.access.gate import Right
from bot.interactions.bot_client import admit
from bot.reply.notices import LOGGED_OUT
from bot.text.markdown import escape
from bot.user_messages import commands as texts

from .ask import offer_agents
from .command_client import Command, Interaction

log = structlog.stdlib.get_logger("bot")


def agent_command() -> Command:
    """Create the command."""
    command: Command = app_commands.Command(name="agent", description=texts.DESCRIPTIONS["agent"], callback=_agent)
    command.autocomplete("name")(offer_agents)
    return command


@app_commands.describe(name=texts.AGENT_NAME)
async def _agent(interaction: Interaction, name: str) -> None:
    client, thread_id, by = interaction.client, interaction.channel_id or 0, interaction.user.id
    if not await admit(interaction, Right.CHANGE):
        return
    agents = client.agents
    place = client.admission.place(interaction.guild, interaction.channel)
    if name not in agents.choices(place.parent_id or place.channel_id):
        await interaction.response.send_message(texts.NO_SUCH_AGENT, ephemeral=True)
        return
    if name == agents.name(thread_id):
        await interaction.response.send_message(texts.SAME_AGENT, ephemeral=True)
        return
    agents.assign(thread_id, name)  # First, since it raises when the journal cannot be written.
    conversation = client.pool.conversation(interaction.channel_id or 0)
    if conversation is not None:
        conversation.reset(by)
        conversation.close(by)  # The process belongs to the old agent.
    client.notices.end(thread_id, LOGGED_OUT)
    client.audit.record("changed", f"agent to {name}", user_id=by, thread_id=thread_id)
    log.info("agent changed by a person", thread_id=thread_id, user_id=by, agent=name)
    await interaction.response.send_message(texts.agent_changed(by, escape(agents.title(thread_id))))
