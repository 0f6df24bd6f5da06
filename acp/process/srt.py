"""The engine `srt` (npm `@anthropic-ai/sandbox-runtime`): a network that consists of a list of hosts. Pure.

It takes the network away from what it starts, and puts two proxies in its place, which connect to the listed hosts
only. What of the disk is seen stays the part of bubblewrap, which is started inside it with the same arguments as
without it: so both engines promise the same about files and processes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROGRAM: Final = "srt"

NEEDED: Final = ("bwrap", "socat", "rg")
"""The programs that it starts itself."""

SETTINGS: Final = ".srt.json"
"""How the names of its files of settings end, by which its complaints about them are known."""

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""The names to which agents connect without a proxy, in order to reach servers of their own."""

_PACKED: Final = "THREADLINE_VARIABLE_"

_PROXY: Final = re.compile(r".*_proxy", re.IGNORECASE)

_UNPRIVILEGED: Final = ("--die-with-parent", "--unshare-user", "--uid", "1000", "--gid", "1000")


@dataclass(frozen=True, slots=True)
class Hosts:
    """What is reached: hosts, all hosts below a domain (`*.example.org`), or addresses, each with a port or without.

    `settings` is the file that srt reads; it is written at each start, with the directory above it.
    """

    names: tuple[str, ...]
    settings: Path


def settings(hosts: Sequence[str], programs: Mapping[str, str]) -> str:
    """Return srt's settings: those hosts, each with a port if it names one, and no rule about files.

    `programs` are the paths of those that it needs. `enableWeakerNestedSandbox` leaves /proc to the sandbox inside,
    which could not make its own over that of srt. Sockets in the file system are out of reach there, so they need no
    filter, which Node would not survive.
    """
    return json.dumps(
        {
            "network": {"allowedDomains": [*hosts], "deniedDomains": [], "allowAllUnixSockets": True},
            "filesystem": {"disabled": True, "denyRead": [], "allowWrite": [], "denyWrite": []},
            "enableWeakerNestedSandbox": True,
            "bwrapPath": programs["bwrap"],
            "socatPath": programs["socat"],
            "ripgrep": {"command": programs["rg"]},
        },
        indent=1,
    )


def around(program: str, settings_file: Path, bwrap: str, *, is_root: bool) -> tuple[str, ...]:
    """Return what comes before bubblewrap's line.

    Root gives up its rights first: srt drops the one that a user namespace inside its own would need (Linux 5.12).
    """
    first = (bwrap, *_UNPRIVILEGED, "--dev-bind", "/", "/", "--") if is_root else ()
    return (*first, program, "--settings", str(settings_file), "--")


def variables(hosts: Sequence[str]) -> tuple[str, ...]:
    """Return bubblewrap's options that correct what srt puts into the environment.

    An agent must not avoid the proxy for what only the proxy can reach: private networks, and the loopback names that
    are listed. The agent for Java lies among srt's own files, which are not visible.
    """
    listed = {_name(host) for host in hosts}
    direct = ",".join(name for name in LOOPBACK if name not in listed)
    return ("--setenv", "NO_PROXY", direct, "--setenv", "no_proxy", direct, "--unsetenv", "JAVA_TOOL_OPTIONS")


_UNPACK: Final = f"""
threadline_n=0
while eval "threadline_v=\\${{{_PACKED}$threadline_n-}}"; [ -n "$threadline_v" ]; do
    export "$threadline_v"
    unset {_PACKED}$threadline_n
    threadline_n=$((threadline_n + 1))
done
unset threadline_n threadline_v
exec "$@"
"""

UNPACKING: Final = ("/bin/sh", "-c", _UNPACK, "sh")
"""What sets the variables that `packed` has hidden, inside, before it starts the line behind it."""


def packed(env: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for srt itself: `own`, our variables, and the agent's `env` under names that mean nothing.

    srt, Node and the shells that it starts run outside the sandbox, and obey many variables, such as NODE_OPTIONS,
    BASH_ENV and PATH; an agent names those of its terminals. Arguments would show the values to everybody. Proxies are
    srt's matter, and names that no shell can set are left out.
    """
    names = [name for name in env if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and not _PROXY.fullmatch(name)]
    ours = {name: value for name, value in own.items() if name != "TMPDIR"}  # Its sockets' paths must be short.
    return {**ours, **{f"{_PACKED}{number}": f"{name}={env[name]}" for number, name in enumerate(names)}}


def _name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if port.isdecimal() and name else host).strip("[]")
