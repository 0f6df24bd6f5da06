"""Where the bot works, who may do what, and what it lacks on Discord, for its operator. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

# ---- the start

MOST_NAMED: Final = 10
"""Channels that the line about a start names; the others are only counted."""


def ready(bot: str, channels: Sequence[str], *, direct: bool) -> str:
    """Say what a person has to do to talk to the bot of that name."""
    more = len(channels) - MOST_NAMED
    rest = [f"{more} more channel{'s' if more > 1 else ''}"] if more > 0 else []
    ways = [f"mention @{bot} in {', '.join([*channels[:MOST_NAMED], *rest])}"] if channels else []
    ways += [f"send @{bot} a direct message"] if direct else []
    if not ways:
        return "ready, but the bot cannot see any of its channels: run threadline check"
    return f"ready: {', or '.join(ways)}"


# ---- the rules

MENTIONS: Mapping[str, str] = MappingProxyType(
    {
        "involved": "In its own threads, messages need no mention.",
        "mentions": "Every message must mention it.",
        "shared": "In its own threads, messages need no mention unless another bot is there.",
    }
)
"""By `threads.mention`."""

DIRECT_MESSAGES: Final = "direct messages"
EVERYBODY: Final = "everybody"
OWNER: Final = "the bot's owner"
ASKER: Final = "the person who made the request"


def works_in(places: Sequence[str], mention: str) -> str:
    """Name the places, and say when a message needs a mention."""
    if not places:
        return "The bot does not work in any channel."
    return f"The bot works in {' and in '.join(places)}. {mention}"


def all_channels(servers: str) -> str:
    """Name all channels, of some servers if any are named."""
    return f"all channels of the servers {servers}" if servers else "all channels"


def channels(names: str, servers: str) -> str:
    """Name channels, and the servers that they must belong to, if any."""
    return f"the channels {names} of the servers {servers}" if servers else f"the channels {names}"


def users(ids: str) -> str:
    """Name people by their IDs."""
    return f"users {ids}"


def roles(ids: str) -> str:
    """Name roles by their IDs."""
    return f"roles {ids}"


def identified(name: str, some_id: int) -> str:
    """Name something that Discord has a name for."""
    return f"{name} ({some_id})"


def may_talk(people: Sequence[str]) -> str:
    """Name the users."""
    return f"Users, who may talk to the bot and stop their own turns: {_listed(people)}."


def may_approve(people: Sequence[str]) -> str:
    """Name the approvers."""
    return (
        "Approvers, users who may also answer an agent's questions, stop any turn, change what an agent may do without"
        f" asking, and end other people's conversations: {_listed(people)}."
    )


def may_administer(people: Sequence[str]) -> str:
    """Name the admins."""
    return f"Admins, who may also reload the configuration and resume any session: {_listed(people)}."


def _listed(people: Sequence[str]) -> str:
    return ", ".join(people) or "no one"


def answers_bots(ids: str, most: int, *, mentioned: bool) -> str:
    """Name the bots and webhooks that get answers."""
    when = ", if the message mentions it" if mentioned else ""
    return f"The bot answers the bots and webhooks {ids}{when}, up to {most} times until a person writes."


# ---- missing permissions

PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "view_channel": "View Channels",
        "send_messages": "Send Messages",
        "send_messages_in_threads": "Send Messages in Threads",
        "create_public_threads": "Create Public Threads",
        "read_message_history": "Read Message History",
        "add_reactions": "Add Reactions",
        "attach_files": "Attach Files",
        "manage_threads": "Manage Threads",
    }
)
"""The permissions that the bot asks for: discord.py's name of each, and Discord's name for people."""

_TITLES = {**PERMISSIONS, "connect": "Connect"}

_CONSEQUENCES = {
    "send_messages": "it cannot tell people why it refuses them, or answer in the channel if it cannot open a thread",
    "create_public_threads": "it cannot open threads and answers in the channel instead",
    "send_messages_in_threads": "it cannot open threads and answers in the channel instead",
    "read_message_history": "it misses messages that are sent while it is offline, and cannot add reactions",
    "add_reactions": "it cannot add reactions",
    "attach_files": "it cannot attach files: long code, patches, the rest of long answers",
    "manage_threads": "/close cannot archive a thread that a person opened",
}


def permission_titles(names: Sequence[str]) -> tuple[str, ...]:
    """Return Discord's names of permissions."""
    return tuple(_TITLES[name] for name in names)


def consequence(name: str) -> str:
    """Name a missing permission and say what the bot cannot do without it."""
    return f"{_TITLES[name]} ({_CONSEQUENCES[name]})"


def cannot_answer(names: Sequence[str]) -> str:
    """Name missing permissions without which the bot is mute."""
    return f"{', '.join(permission_titles(names))} (it cannot answer there at all)"
