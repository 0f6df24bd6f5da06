"""What a sandbox shows of the system, and what its engine can do there."""

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from .links import Link
from .program_files import SYSTEM

SETTINGS: Final = Path("/etc")
"""What everybody may read in here is visible; what this account may read, but not everybody, is hidden."""

_MODERN: Final = (0, 8)
"""The version of bubblewrap with `--disable-userns`; `--size` came before."""

_VERSION_SECONDS: Final = 5.0
"""Bound of asking it for its version, which takes a millisecond."""

_NAMESPACES: Final = Path("/proc/sys/user/max_user_namespaces")


def system_directories() -> tuple[list[Path], list[Link]]:
    """Return the system's directories without links, and the links to them."""
    links: list[Link] = [(path, path.readlink()) for path in SYSTEM if path.is_symlink()]
    directories = [path for path in SYSTEM if path.is_dir() and not path.is_symlink()]
    resolver = Path("/etc/resolv.conf").resolve()  # Often a link to a place that is not visible.
    if resolver.is_file() and not any(resolver.is_relative_to(each) for each in directories):
        directories.append(resolver)
    return directories, links


def secrets() -> Iterator[Path]:
    """Yield the settings of the system that not everybody may read: the bot may be root."""
    waiting = [str(SETTINGS)]  # No paths of pathlib, which take most of the time for a thousand entries.
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                mode = 0o777 if entry.is_symlink() else entry.stat().st_mode
                if not mode & 0o004:
                    yield Path(entry.path)
                elif stat.S_ISDIR(mode):
                    waiting.append(entry.path)


def hiding_place(file: Path) -> Path:
    """Return what to hide for a file (a path without links) to stay hidden when another one takes its place.

    That is its directory, if it has one of its own among the settings: an editor writes a new file and renames it.
    """
    return file.parent if SETTINGS in file.parent.parents else file


@cache
def can_forbid_namespaces(engine: str) -> bool:
    """Whether the engine can forbid further user namespaces, and bound directories in memory. Blocks."""
    if not _NAMESPACES.exists() or _NAMESPACES.read_bytes().strip() == b"0":  # Only root has a sandbox then.
        return False
    try:
        ran = subprocess.run((engine, "--version"), env={}, capture_output=True, timeout=_VERSION_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    numbers = re.findall(rb"\d+", ran.stdout)
    return tuple(map(int, numbers[:2])) >= _MODERN
