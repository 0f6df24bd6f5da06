"""Why the bot cannot start, for its operator. Pure."""

from typing import Final

PID_UNKNOWN: Final = "pid unknown"


def journal(path: object) -> str:
    """Name the journal as what is locked."""
    return f"the journal {path}"


def bot(user_id: int) -> str:
    """Name the bot's account as what is locked."""
    return f"the bot with the user ID {user_id}"


def holder(pid: int, configuration: object) -> str:
    """Name the process that holds a lock."""
    return f"pid {pid}, configuration {configuration}"


def in_use(what: str, held_by: str) -> str:
    """Another process runs the same bot."""
    return f"{what} is in use by another process ({held_by}); stop that one first"


def not_locked(what: str, path: object, reason: str | None) -> str:
    """The file of a lock cannot be opened."""
    return f"{what} cannot be locked: {path}: {reason}"


def not_created(folder: object, reason: str | None) -> str:
    """The folder of the locks cannot be created."""
    return f"the directory {folder} cannot be created: {reason}"


def not_private(folder: object) -> str:
    """Other accounts could block the bot's start."""
    return f"the directory {folder} must belong to this account alone (mode 0700); remove it and start again"


def audit_unwritable(path: object, reason: str | None) -> str:
    """The audit log cannot be opened."""
    return f"audit.path: {path} cannot be written: {reason}"


def cannot_listen(host: str, port: int, reason: str) -> str:
    """The address for figures and health cannot be used."""
    return f"metrics.listen: cannot listen on {host}, port {port}: {reason}"
