"""Why a message, a command or a button was refused, and whom to ask. Pure."""

from collections.abc import Sequence

from pool.limits import Bound

BOUNDS = {
    Bound.THREAD: "This thread's queue is full. Try again once some messages have been answered.",
    Bound.USER: "You have too many threads running. Wait until one is finished.",
    Bound.MINUTE: "You're sending messages too fast. Please try again in a minute.",
}
"""Why a message was rejected."""

UNWRITABLE = "I can't save messages right now (see /status), so this was not accepted. Please try again later."
"""Why a message was rejected, where the journal cannot be written."""

NOT_DONE = "I can't save changes right now (see /status), so nothing was done. Please try again later."
"""Why a button, a menu or a command had no effect, where the journal cannot be written."""

NO_ACCESS = "You don't have access to this bot."

NOT_IN_CHANNEL = "I'm not enabled in this channel."

NOT_IN_SERVER = "I'm not enabled in this server."

NOT_IN_DIRECT_MESSAGES = "I'm not enabled in direct messages."

NO_DIRECT_MESSAGES = (
    f"{NOT_IN_DIRECT_MESSAGES} Mention me in a server's channel to start a conversation.\n"
    "-# `/help` there lists the commands."
)
"""For people who cannot change that."""

NO_CONVERSATION = "No conversation here. Mention me in a channel to start one."

MENTION_HELP = (
    "Mention me with a question or a task, or use `/ask`, and I open a thread with an agent of its own.\n"
    "-# `/help` lists the commands."
)
"""Answers a mention without a word."""

DEEDS = {
    "look": "see what the agent is doing",
    "talk": "talk to the agent",
    "stop": "stop the agent",
    "continue": "resume the agent's work",
    "approve": "answer the agent's question",
    "change": "change what the agent may do without asking",
    "grant": "allow commands for good",
    "login": "log in to the agent",
    "reset": "end or reset the conversation",
    "admin": "use commands for admins",
}
"""What each right allows, as the rest of a sentence."""


def rejection(author_id: int, said: str, count: int, first: str) -> str:
    """Report rejected messages; `first` is the link to the first of them, `said` the reason."""
    words = f"<@{author_id}> {said}"
    return words if count == 1 else f"{words}\n-# {count} messages were not accepted, starting with <{first}>."


def not_permitted(right: str) -> str:
    """Refuse a deed to a person who may use the bot; `right` is a key of `DEEDS`."""
    return f"You don't have permission to {DEEDS[right]} here."


def enough_of_bots(turns: int) -> str:
    """Explain why another bot is not answered any more."""
    return f"I stopped after {turns} messages from bots in a row. A message from a person continues."


def missing_permissions(names: Sequence[str]) -> str:
    """Name what the bot lacks on Discord."""
    return f"I'm missing the permission{'s' if len(names) > 1 else ''} {' and '.join(names)}."


def with_owners(reason: str, owner_ids: Sequence[int]) -> str:
    """Tell a person without access whom to ask; of many owners, the first ones."""
    named = " or ".join(f"<@{owner_id}>" for owner_id in owner_ids[:3]) or "the bot's owner"
    return f"{reason} Ask {named}."


def to_owner(reason: str, lines: str, file: str, *, restart: bool) -> str:
    """Tell the owner the configuration that would allow what was refused, and how to apply it."""
    apply = "restart me" if restart else "use `/reload`"
    return f"{reason} To change that, put this below `[access]` in `{file}`, then {apply}:\n```toml\n{lines}\n```"
