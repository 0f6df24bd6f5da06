"""Reads files for people: those within the directories of a session, if nothing speaks against showing them.

Many people can see a thread, and the texts that an agent reads can steer what it writes. So a file is read only from
the session's directories, never one with a path component that begins with a dot, and never one that is withheld. Links
are resolved at the moment of reading, in steps that cannot be raced (`acp.client_side.roots`).
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from acp.client_side.refusal import NOT_FOUND, RequestRefused
from acp.client_side.regular_file import is_regular, opened, read_at_most
from acp.client_side.roots import Entry, Roots
from acp.errors import FileProblem, FileRefused
from acp.jsonrpc import INVALID_PARAMS

_KERNEL: Final = ("proc", "sys", "dev")
"""Directories below `/` whose files are interfaces of the kernel: environments, keys, memory."""

_PROBLEMS = {NOT_FOUND: FileProblem.MISSING, INVALID_PARAMS: FileProblem.OUTSIDE}


class ReadableFiles:
    """The files of one session that people may see."""

    def __init__(self, directories: Sequence[Path], withheld: Sequence[Path] = ()) -> None:
        """`directories` are the session's, absolute, at least one; `withheld` are files and directories.

        Blocks on the file system to resolve links to the directories. Raises ValueError as `Roots`.
        """
        self._roots = Roots(directories)
        self._places = [Path(os.path.realpath(directory)) for directory in directories]
        self._withheld = [Path(os.path.realpath(path)) for path in withheld]

    def read_now(self, path: str, max_size: int) -> bytes:
        """Return the bytes of the file at `path`, at most `max_size`. Blocks on the file system. Raises `FileRefused`.

        A withheld file is refused under its other names too.
        """
        try:
            with self._roots.entry(path) as entry:
                self._check(entry)
                with opened(entry, os.O_RDONLY, lambda status: self._require_fit(status, path, max_size)) as descriptor:
                    data = read_at_most(descriptor, max_size)
        except RequestRefused as error:
            raise FileRefused(_PROBLEMS.get(error.code, FileProblem.UNREADABLE), path, error.reason) from None
        if len(data) > max_size:
            raise FileRefused(FileProblem.TOO_LARGE, path)
        return data

    def _check(self, entry: Entry) -> None:
        path = str(entry.path)
        if entry.path.parts[1:2] and entry.path.parts[1] in _KERNEL:
            raise FileRefused(FileProblem.NOT_REGULAR, path)
        inside = [entry.path.relative_to(place) for place in self._places if entry.path.is_relative_to(place)]
        if not inside or any(part.startswith(".") for part in min(inside, key=lambda way: len(way.parts)).parts):
            raise FileRefused(FileProblem.HIDDEN, path)
        if any(entry.path.is_relative_to(own) for own in self._withheld):
            raise FileRefused(FileProblem.WITHHELD, path)

    def _require_fit(self, status: os.stat_result, path: str, max_size: int) -> None:
        if not is_regular(status):
            raise FileRefused(FileProblem.NOT_REGULAR, path)
        if any(_is_same(status, own) for own in self._withheld):
            raise FileRefused(FileProblem.WITHHELD, path)
        if status.st_size > max_size:
            raise FileRefused(FileProblem.TOO_LARGE, path)


def _is_same(status: os.stat_result, own: Path) -> bool:
    """Return whether the file is a withheld one under another name."""
    try:
        return os.path.samestat(status, own.stat())
    except OSError:
        return False
