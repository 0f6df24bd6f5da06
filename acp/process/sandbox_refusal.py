"""Why a sandbox could not be made, from what its program writes to stderr. Pure.

bubblewrap's messages are those of its versions 0.3 to 0.11, srt's that of 0.0.78.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .srt import SETTINGS


class SandboxProblem(StrEnum):
    """What keeps a sandbox from being made."""

    NAMESPACES_FORBIDDEN = "namespaces forbidden"
    NAMESPACES_USED_UP = "namespaces used up"
    NAMESPACES_UNKNOWN = "no user namespaces in this kernel"
    IDS_FORBIDDEN = "user ids of a namespace forbidden"
    MOUNTS_FORBIDDEN = "mounts forbidden"
    PROC_MASKED = "masks on /proc"
    NETWORK_FORBIDDEN = "network of a namespace forbidden"
    PROGRAM_OLD = "option unknown to this version"
    PATH_MISSING = "no such path"
    PROGRAM_HIDDEN = "program not visible inside"
    PARTS_MISSING = "programs missing"
    OTHER = "refused"


@dataclass(frozen=True, slots=True)
class SandboxRefusal:
    """A sandbox was not made. `detail` is the path, the option or the programs that it is about, else the message."""

    problem: SandboxProblem
    detail: str


_MESSAGES: Final = (
    (r"bwrap: Creating new namespace failed: (nesting depth.*|No space left on device)", "NAMESPACES_USED_UP"),
    (r"bwrap: Creating new namespace failed, likely because (the kernel does not support.*)", "NAMESPACES_UNKNOWN"),
    (r"bwrap: (No permissions to creat\w+ new namespace.*|Creating new namespace failed.*)", "NAMESPACES_FORBIDDEN"),
    (r"bwrap: (setting up [ug]id map: .*)", "IDS_FORBIDDEN"),
    (r"bwrap: (Can't mount proc on .*)", "PROC_MASKED"),
    (r"bwrap: (Failed to make / slave.*|Failed to mount tmpfs.*|pivot_root.*)", "MOUNTS_FORBIDDEN"),
    (r"bwrap: (loopback: .*)", "NETWORK_FORBIDDEN"),
    (r"bwrap: Unknown option (.*)", "PROGRAM_OLD"),
    (r"bwrap: Can't find source path (.*?)(?:: [^:]*)?$", "PATH_MISSING"),
    (r"bwrap: Can't chdir to (.*?)(?:: [^:]*)?$", "PATH_MISSING"),
    (r"bwrap: execvp (.*): No such file or directory", "PROGRAM_HIDDEN"),
    (r"Error: Sandbox dependencies not available: (.*)", "PARTS_MISSING"),
    (r"bwrap: (.*)", "OTHER"),
    (rf"Error: (.*{re.escape(SETTINGS)} .*)", "OTHER"),
)
"""What is written, and what it means; the first that fits counts."""


def refusal_in(lines: Iterable[str]) -> SandboxRefusal | None:
    """Return why the sandbox was refused, None if these lines of stderr do not say that it was."""
    for line in lines:
        for pattern, problem in _MESSAGES:
            if found := re.match(pattern, line):
                return SandboxRefusal(SandboxProblem[problem], found[1])
    return None
