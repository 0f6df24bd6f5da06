"""`/status`: what a thread's agent is doing."""

import shlex

from discord import app_commands

from acp import LoginState
from acp.places.here import HERE
from bot.access.gate import Right
from bot.agents.agent_options import AgentOptions
from bot.config.presets import PRESETS
from bot.interactions.bot_client import admit
from bot.text.markdown import LIMIT, escape
from bot.text.printable import visible
from bot.user_messages import journal_errors, logins, places, queue, steering
from bot.user_messages import status as texts
from bot.user_messages.commands import DESCRIPTIONS
from pool.conversation import Conversation
from pool.conversation_context import ConversationState

from .command_client import Command, CommandClient, Interaction

LONGEST = 100
"""Characters shown of an agent's own names."""


def status_command() -> Command:
    """Create the command."""
    return app_commands.Command(name="status", description=DESCRIPTIONS["status"], callback=_status)


async def _status(interaction: Interaction) -> None:
    if await admit(interaction, Right.LOOK):
        lines = _status_lines(interaction.client, interaction.channel_id or 0)
        await interaction.response.send_message("\n".join(lines), ephemeral=True)


def _status_lines(client: CommandClient, thread_id: int) -> list[str]:
    conversation = client.pool.conversation(thread_id)
    name = client.agents.name(thread_id)
    lines = [
        _state_line(client, conversation),
        texts.agent(_shown(client, client.agents.title(thread_id)), escape(name)),
    ]
    place = client.pool.place_of(thread_id)
    if {place, *client.agents.of(thread_id).places} != {HERE}:
        lines.append(places.machine(place))
    if client.pool.logins.state(name, place) is LoginState.LOGGED_OUT:
        lines.append(logins.status(name, by_page=client.agents.of(thread_id).may_have_page_login))
    if trouble := journal_errors.trouble(client.journal.trouble):
        lines.append(texts.trouble(escape(trouble)))
    session = None if conversation is None else conversation.lease.session
    if session is not None:
        shown = AgentOptions.of(session).current("mode") or session.mode or texts.UNKNOWN
        lines.append(texts.mode(_shown(client, shown)))
        if session.usage is not None:
            lines.append(texts.context(session.usage.used, session.usage.size))
            if session.usage.cost:
                lines.append(texts.cost(escape(_cost(session.usage.cost))))
    session_id = client.journal.threads.session_id(thread_id)
    if session_id is not None:
        lines.append(texts.session(_plain(session_id)))
        line = _terminal_line(client, thread_id, session_id, near=place == HERE)
        if line:
            lines.append(texts.in_terminal(line, "" if place == HERE else place))
    return lines


def _shown(client: CommandClient, name: str) -> str:
    """Return an agent's own name for something, without secrets."""
    return escape(visible(client.redact(name), LONGEST))


def _state_line(client: CommandClient, conversation: Conversation | None) -> str:
    if conversation is None:
        return texts.ASLEEP
    in_line = conversation.lease.state is ConversationState.IN_LINE
    count = queue.on_hold if conversation.held else queue.waiting
    behind = [count(conversation.waiting)] if conversation.waiting else []
    behind += [steering.being_sent(conversation.steering)] if conversation.steering else []
    return texts.state(
        conversation.lease.state,
        ahead=conversation.lease.ahead if in_line else (),
        place=client.pool.place(conversation) if in_line else 0,
        asking=conversation.asked_since is not None,
        waiting=", ".join(behind),
    )


def _terminal_line(client: CommandClient, thread_id: int, session_id: str, *, near: bool) -> str:
    """Return the shell line that continues a session, on this machine if it is `near`.

    Empty where the agent's preset has none, and for an agent here with a home of its own.
    """
    agent = client.agents.of(thread_id)
    preset = PRESETS.get(agent.preset)
    line = preset.continuing(session_id) if preset is not None and not (near and agent.has_own_home) else ""
    return f"cd {_plain(shlex.quote(str(agent.cwd)), LIMIT)} && {_plain(line, LIMIT)}" if line else ""


def _plain(text: str, most: int = LONGEST) -> str:
    """Return a text that fits between backticks."""
    return text.replace("`", "")[:most]


def _cost(cost: object) -> str:
    match cost:
        case {"amount": int() | float() as amount, "currency": str(currency)}:
            return f"{amount:.4g} {currency[:8]}"
        case _:
            return texts.UNKNOWN
