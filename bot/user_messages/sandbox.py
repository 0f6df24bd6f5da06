"""What `check` and `doctor` say about an agent's sandbox. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

BREAKOUTS: Final[Mapping[str, str]] = {
    "home": "cannot read files of the home directory",
    "secrets": "cannot read passwords and keys of the system",
    "system": "cannot write outside its own directories",
    "own_files": "cannot read or write the bot's own files",
    "other_threads": "cannot read or write another thread's files",
    "hooks": "cannot change what runs outside by itself",
    "processes": "cannot see or end a process outside",
    "privileges": "has no capabilities",
    "sockets": "cannot connect to sockets outside",
    "ports": "cannot connect to ports of this machine",
    "network": "cannot reach the network",
    "work": "can work in its own directories",
}
"""What a sandbox promises about its agent, by the name of the try, in the order in which they are made."""

NO_ANSWER: Final = "end the program that tries"
"""Stands for what a try has reached that did not come to its end."""


def engine(name: str, network: str) -> str:
    """Name the engine, and what it lets through of the network."""
    return f"{name}, network: {network}"


def tried(name: str, result: str, reached: Sequence[str]) -> str:
    """Report a try, and what it has reached."""
    could = f": it could {', '.join(reached)}" if reached else ""
    return f"{BREAKOUTS[name]}: {result}{could}"


def too_long(seconds: float) -> str:
    """Report tries that were given up."""
    return f"the tries to break out did not finish within {seconds:g} s"


def not_begun(reason: str) -> str:
    """Report tries that gave no answer; `reason` is what their program wrote, if anything."""
    return f"the tries to break out did not begin{f': {reason}' if reason else ''}"


def no_decoys(path: object, reason: str | None) -> str:
    """Report that there was nothing to reach for, since a file could not be made."""
    return f"the tries to break out need a file that cannot be made: {path}: {reason}"


HOLDS: Final = 'The sandbox holds, so permission = "allow_all" is advised: then no person has to approve each command.'

LEAKS: Final = 'The sandbox does not hold: do not set permission = "allow_all".'

STATE_SHARED: Final = (
    'With state = "shared" the agent can change its own settings in the home directory, which count outside too, so '
    'permission = "allow_all" is not advised.'
)

PORTS_OPEN: Final = (
    'With network = "all" the agent reaches every port of this machine and every address that this machine reaches, so '
    'permission = "allow_all" is not advised. Set network to "none", or to a list of hosts with engine = "srt".'
)
