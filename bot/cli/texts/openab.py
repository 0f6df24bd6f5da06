"""What `threadline migrate` says about openab's settings."""

from collections.abc import Iterable
from typing import Final

CONVERTED: Final = "Converted"
UNSUPPORTED: Final = "Without a counterpart"
ADVICE: Final = "To check"

_NO_SCHEDULE: Final = "there are no scheduled messages"
_ONLY_DISCORD: Final = "there is only Discord"
_MCP_SERVERS: Final = "list the servers in agents.default.mcp_servers"

REASONS: Final = {
    "discord.message_processing_mode": "a thread's messages go to the agent in order, one person's in a row together",
    "discord.max_buffered_messages": "pool.per_thread says how many may wait",
    "discord.max_batch_tokens": "up to 10 messages of one person in a row go together, or 20,000 characters",
    "pool.liveness_check_secs": "the end of an agent is noticed immediately",
    "pool.hung_grace_secs": "a cancelled turn has 10 seconds, then its agent is stopped",
    "pool.preload_persisted_sessions": "a thread's session is loaded when a person writes there",
    "pool.default_config_options": "people choose options in the thread; only mode can be preset",
    "reactions.emojis": "the emoji are fixed",
    "reactions.timing": "reactions appear without a delay",
    "reactions.mapping": "people's reactions are not read",
    "reactions.narration_display": "what an agent says between its tools is shown; see reply.tools and reply.thoughts",
    "delivery": "an answer appears while it is written; see the table reply",
    "triage": "only people, and bots that you trust, get answers",
    "usage": "the line below an answer has the context and the cost that the agent reports",
    "mcp_profiles_dir": _MCP_SERVERS,
    "cron": _NO_SCHEDULE,
    "cronjobs": _NO_SCHEDULE,
    "usercron_enabled": _NO_SCHEDULE,
    "usercron_path": _NO_SCHEDULE,
    "stt": "voice messages are not transcribed",
    "hooks": "use what starts the bot: ExecStartPre of systemd, an init container",
    "secrets": "use ${NAME} and a file of variables, see docs/configuration.md",
    "workspace": "give a channel its own folder: [channels.ID] cwd",
    "ambient": "the bot reads only messages for it",
    "filestore": "there is no object store",
    "agentcore": "agents run on this machine",
    "mcp": _MCP_SERVERS,
    **dict.fromkeys(
        ("feishu", "gateway", "googlechat", "line", "lineworks", "slack", "teams", "telegram", "wecom"), _ONLY_DISCORD
    ),
}
"""Keys without a counterpart, by the beginning of the key, and what to do or to know instead."""

UNKNOWN: Final = "this key is not known"


def unknown_value(word: str) -> str:
    """A word of a closed set."""
    return f'the value "{word}" is not known'


def ignored(every: str) -> str:
    """A list that openab ignores."""
    return f"openab ignored it because {every} was set"


# ---- advice

SECRETS: Final = "A secret is a variable here: ${secrets.a_key} is now ${A_KEY}; put A_KEY=... into the .env file."


def token_variable(name: str) -> str:
    """A token with a variable in its middle."""
    return f"Put the token, and nothing else, into the variable {name}."


ALL_CHANNELS: Final = 'All channels: access.guilds = [IDs of your servers] and channels = ["*"].'
ALL_USERS: Final = 'Everybody could talk to the agent; now only you can. To let everybody in again: users = ["*"].'
ANY_BOT: Final = "openab trusted every bot; here only the bots in threads.trusted_bots get answers."
TRUSTED_BOTS: Final = 'Trusted bots got answers when they mentioned the bot. To keep that: threads.bots = "mentions".'
AGENT_FROM_VARIABLE: Final = "openab took the agent from OPENAB_AGENT_COMMAND; correct agents.default.command."


def no_acp(name: str) -> str:
    """A program that needs an adapter."""
    return f'{name} itself does not speak ACP. preset = "{name}", without command and args, starts its adapter.'


def acts_unasked(args: Iterable[str]) -> str:
    """Arguments that switch questions off."""
    return f"The agent acts without asking because of {', '.join(args)}; without that, it asks."


PERMISSION: Final = "openab approved every request of the agent; here people are asked (permission)."


def asking_mode(mode: str) -> str:
    """A mode that may not ask."""
    return f"Does the agent ask first in mode {mode}? If not, remove the key mode."


def bounded(key: str, value: float, allowed: float) -> str:
    """A number beyond the bounds."""
    return f"{key} was {value:g} and is now {allowed:g}, the nearest allowed value."


def written(path: object, secrets: object, check: str) -> str:
    """Both files; `secrets` is empty where the old one had no token."""
    token = f"; the token is in {secrets}, which only you can read" if secrets else ""
    return f"Wrote {path}{token}. Next: {check}"
