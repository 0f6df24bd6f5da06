"""What the commands found and did, where all is well."""

from collections.abc import Iterable
from typing import Final


def using(path: object) -> str:
    """A configuration that no flag named."""
    return f"using {path}"


def warning(words: str) -> str:
    """A setting that is allowed, but hardly intended."""
    return f"warning: {words}"


# ---- check: the subjects of rows, and the rows that are ok

CONFIGURATION: Final = "configuration"
TOKEN: Final = "token"  # noqa: S105 - a row's name
PUBLIC_BOT: Final = "Public Bot"
GATEWAY: Final = "gateway"
SERVERS: Final = "servers"


def server(name: object) -> str:
    """A server's row."""
    return f"server {name}"


def channel(name: str, guild: str) -> str:
    """A channel's row."""
    return f"#{name} in {guild}"


def channel_id(channel_id: int) -> str:
    """The row of a channel that cannot be named."""
    return f"channel {channel_id}"


def role_id(role_id: int) -> str:
    """A role's row."""
    return f"role {role_id}"


def user_id(user_id: int) -> str:
    """A user's row."""
    return f"user {user_id}"


def valid(path: object) -> str:
    """The configuration has no mistake."""
    return f"{path} is valid"


def token_of(user: object, owner: str) -> str:
    """Discord accepts the token."""
    return f"belongs to {user}, an application of {owner}"


CONNECTED: Final = "connects and can read messages"
ALL_PERMISSIONS: Final = "the bot has all permissions"


def answers(name: str, version: object) -> str:
    """The handshake."""
    return f"{name} answers, protocol version {version}"


def reopens(*, yes: bool) -> str:
    """Whether the agent announces that it can reopen sessions. Some refuse to in practice."""
    return f"says that it can reopen sessions: {'yes' if yes else 'no'}"


def modes(names: Iterable[str]) -> str:
    """The agent's modes."""
    return f"modes: {', '.join(names) or 'none'}"


def asks(mode: object) -> str:
    """The agent has a mode in which it asks."""
    return f"asks before it acts: yes, in mode {mode}"


# ---- check: places


def place_answers(host: str, python: str) -> str:
    """The runner there answers."""
    return f"{host}: the runner answers, with Python {python}"


def place_free(size: str, files: str) -> str:
    """The room for people's files."""
    return f"{size} free for {files}"


def answers_there(name: str) -> str:
    """The handshake at a place."""
    return f"{name} answers there, and opens a session"


def at_place(agent: str, place: str) -> str:
    """The row of an agent at a place."""
    return f"agents.{agent} at {place}"


# ---- what a probe knows by an ID


def known_server(name: str) -> str:
    """A server."""
    return f"the server {name}"


def known_category(name: str, guild: str) -> str:
    """A category."""
    return f"the category {name} in {guild}"


def known_thread(parent_id: object) -> str:
    """A thread."""
    return f"a thread in the channel {parent_id}"


def known_role(name: str, guild: str) -> str:
    """A role."""
    return f"the role {name} of {guild}"


def known_user(user: object) -> str:
    """A person or a bot."""
    return f"the user {user}"


# ---- login


def agent_logged_in(check: str) -> str:
    """The agent has logged in over the protocol."""
    return f"The agent has logged in. To check it: {check}"


def login_runs(command: object, folder: object, check: str) -> str:
    """The agent's own login takes over the terminal."""
    return f"Running: {command}\nin {folder}. To check the login afterwards: {check}"


# ---- report

REPORT_TITLE: Final = "# Threadline report"
VERSIONS: Final = "## Versions"
REPORTED_CONFIGURATION: Final = "## Configuration"
UNUSABLE: Final = "The configuration cannot be used:"
AGENTS: Final = "## Agents"
LOG_LINES: Final = "## Last log lines"


def report_written(path: object) -> str:
    """The report is in a file."""
    return f"Wrote {path}. Read it before you share it."


def cannot_be_read(reason: object) -> str:
    """The configuration."""
    return f"cannot be read: {reason}"


def no_log(path: object) -> str:
    """The log file."""
    return f"there is no {path}"
