"""Why an agent's sandbox could not be made, each reason with its remedy. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from acp.process.sandbox_refusal import SandboxProblem, refusal_in

_APPARMOR: Final = "On Ubuntu 23.10 and later, give bwrap an AppArmor profile that allows user namespaces"

_REASONS: Final[Mapping[SandboxProblem, str]] = {
    SandboxProblem.NAMESPACES_FORBIDDEN: (
        "the system forbids this account namespaces. Set the sysctl kernel.unprivileged_userns_clone to 1; in a "
        "container, use a seccomp profile that allows them"
    ),
    SandboxProblem.NAMESPACES_USED_UP: (
        "the system allows no further user namespaces. Raise the sysctl user.max_user_namespaces"
    ),
    SandboxProblem.NAMESPACES_UNKNOWN: "this kernel has no user namespaces. Install bubblewrap setuid root",
    SandboxProblem.IDS_FORBIDDEN: (
        f"the system refuses bwrap a user namespace. {_APPARMOR}; in a container that runs as root, add the capability "
        "SETFCAP"
    ),
    SandboxProblem.MOUNTS_FORBIDDEN: (
        "this account may not mount. In a container, turn off its AppArmor or SELinux profile"
    ),
    SandboxProblem.PROC_MASKED: (
        "parts of /proc are masked, as in most containers. Start the container with "
        "--security-opt systempaths=unconfined, in Podman with --security-opt unmask=ALL"
    ),
    SandboxProblem.NETWORK_FORBIDDEN: f"a network of its own may not be set up. {_APPARMOR}",
    SandboxProblem.PROGRAM_OLD: "this version of bwrap does not know {}. Install a newer one",
    SandboxProblem.PATH_MISSING: (
        "{} is missing, or cannot be entered. Create it, or remove it from the sandbox's read and write"
    ),
    SandboxProblem.PROGRAM_HIDDEN: "{} cannot be seen inside. Add its folder to the sandbox's read",
    SandboxProblem.PARTS_MISSING: "srt lacks a program ({}). Install bubblewrap, socat and ripgrep",
    SandboxProblem.OTHER: "{}",
}
"""To follow a colon. `{}` stands for what the problem is about."""


_INSTALLS: Final[Mapping[str, str]] = {
    "bwrap": "the package bubblewrap",
    "socat": "the package socat",
    "rg": "the package ripgrep",
    "srt": "it with npm: @anthropic-ai/sandbox-runtime",
}
"""Where to get the programs of a sandbox."""


def reason(stderr: Sequence[str]) -> str:
    """Return why a sandbox could not be made, from what its program wrote last; to follow a colon."""
    refusal = refusal_in(stderr)
    return " ".join(stderr[-1:]) if refusal is None else _REASONS[refusal.problem].format(refusal.detail)


def not_made(stderr: Sequence[str]) -> str:
    """An agent did not start, because its sandbox could not be made."""
    return f"The agent could not start: its sandbox could not be made: {reason(stderr)}."


def missing(program: str) -> str:
    """A program of the sandbox that is not on the bot's PATH; to follow a colon."""
    return f"the program {program} of its sandbox was not found. Install {_INSTALLS.get(program, program)}."


NEEDS_LINUX: Final = "it needs Linux"


def too_slow(seconds: float) -> str:
    """A sandbox that was given up."""
    return f"it was not made within {seconds:g} s"
