"""Point a bot that knows only Discord's own address to loopback, without a change of the bot.

| the bot | how |
|---|---|
| discord.py, Pycord, disnake, nextcord | `python/sitecustomize.py` on `PYTHONPATH` |
| discord.js, and any other library on Node.js | `node.cjs` in `NODE_OPTIONS` |
| serenity, or any compiled program that holds Discord's API address as text | a copy of the program with loopback's |

A compiled program needs a copy because its TLS accepts only the certificates that were compiled in: neither a proxy nor
a resolver nor a certificate file leads it elsewhere.
"""

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

__all__ = ["NotRedirected", "environment", "redirected_command", "redirected_copy"]

_FOLDER: Final = Path(__file__).parent

_API: Final = b"https://discord.com/api"

_COMPILED: Final = b"\x7fELF"
"""How a program on Linux begins. A script would miss its own folder in another one."""

_NOWHERE: Final = "http://127.0.0.1:9"
"""The port of the discard service, where no machine listens: a proxy there stops every request to another host."""


class NotRedirected(Exception):
    """There is no such program, or it is not compiled, or it does not hold the address of Discord's API."""


def redirected_command(argv: Sequence[str], endpoint: str, folder: Path) -> tuple[Sequence[str], dict[str, str]]:
    """Return a command line that calls `endpoint`, by whichever of the ways fits its program, and its variables.

    A copy of a compiled program is written into `folder`. The command line of any other program stays as it is.
    """
    env = environment(endpoint)
    try:
        copy, more = redirected_copy(argv[0], endpoint, folder)
    except NotRedirected:
        return argv, env
    return (str(copy), *argv[1:]), env | more


def environment(endpoint: str, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that point bots on Python and on Node.js to `endpoint`. Other programs ignore them."""
    paths = [str(_FOLDER / "python"), *filter(None, [inherited.get("PYTHONPATH")])]
    options = [*filter(None, [inherited.get("NODE_OPTIONS")]), f"--require={_quoted(_FOLDER / 'node.cjs')}"]
    return {
        "THREADLINE_VERSUS_ENDPOINT": endpoint,
        "PYTHONPATH": os.pathsep.join(paths),
        "NODE_OPTIONS": " ".join(options),
    }


def _quoted(path: Path) -> str:
    """Return a path as `NODE_OPTIONS` takes it, which splits at spaces outside double quotes."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def redirected_copy(program: str, endpoint: str, folder: Path) -> tuple[Path, dict[str, str]]:
    """Write a copy of a compiled program that calls `endpoint`, and return it with the variables to start it with.

    The variables send what the copy still asks of other hosts nowhere. Raises `NotRedirected`.
    """
    found = shutil.which(program)
    if found is None:
        raise NotRedirected(f"{program} is not installed")
    original = Path(found).read_bytes()
    if not original.startswith(_COMPILED) or _API not in original:
        raise NotRedirected(f"{found} is not a compiled program that holds {_API.decode()}")
    copy = folder / Path(found).name
    copy.write_bytes(original.replace(_API, _same_length(endpoint)))
    copy.chmod(copy.stat().st_mode | stat.S_IXUSR)
    return copy, {"HTTPS_PROXY": _NOWHERE, "HTTP_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}


def _same_length(endpoint: str) -> bytes:
    """Return loopback's API address in as many bytes as Discord's has: compiled code counts them.

    Addresses may be short (127.1) and ports may begin with zeros; a URL parser brings both to their usual form.
    """
    return f"http://127.1:{urlsplit(endpoint).port:06d}/api".encode()
