"""Reads the files that an agent links to, if they are within its session's directories.

Many people can see a thread, and the texts that an agent reads can steer what it writes. So a file is read only from
the session's directories, never one with a path component that begins with a dot, and never one of the bot's own. Links
are resolved at the moment of reading, in steps that cannot be raced (`acp.client_side.roots`).
"""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from acp import paths
from acp.client_side.refusal import RequestRefused
from acp.client_side.roots import Entry, Roots
from bot.text.sizes import MAX_FILE_BYTES
from bot.user_messages import files as texts

_KERNEL: Final = ("proc", "sys", "dev")
"""Directories below `/` whose files are interfaces of the kernel: environments, keys, memory."""

# Opening must not wait for the other end of a FIFO, acquire a terminal, or follow a link.
_CAREFULLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_PIECE = 1024 * 1024


class _Withheld(Exception):
    """The file is not sent; the text says why."""


class WorkspaceFiles:
    """The files of one session that may be posted."""

    def __init__(self, directories: Sequence[Path], withheld: Sequence[Path] = ()) -> None:
        """`directories` are the session's, absolute, at least one; `withheld` are the bot's own files and directories.

        Blocks on the file system to resolve links to the directories. Raises ValueError as `Roots`.
        """
        self._roots = Roots(directories)
        self._places = [Path(os.path.realpath(directory)) for directory in directories]
        self._withheld = [Path(os.path.realpath(path)) for path in withheld]

    def read_now(self, uri: str) -> bytes | str:
        """Return the bytes of the file that `uri` (`file:` or an absolute path) names, or the reason for a refusal.

        Blocks on the file system.
        """
        try:
            with self._roots.entry(_path_of(uri)) as entry:
                self._check(entry)
                return self._content_of(entry)
        except RequestRefused as error:
            return texts.unreadable(error)
        except _Withheld as error:
            return str(error)

    def _check(self, entry: Entry) -> None:
        if entry.path.parts[1:2] and entry.path.parts[1] in _KERNEL:
            raise _Withheld(texts.NOT_REGULAR)
        inside = [entry.path.relative_to(place) for place in self._places if entry.path.is_relative_to(place)]
        if not inside or any(part.startswith(".") for part in min(inside, key=lambda way: len(way.parts)).parts):
            raise _Withheld(texts.HIDDEN)
        if any(entry.path.is_relative_to(own) for own in self._withheld):
            raise _Withheld(texts.BOTS_OWN)

    def _content_of(self, entry: Entry) -> bytes:
        # Checked before, since opening a device can have an effect, and after, since the entry may have been replaced.
        self._require_fit(os.stat(entry.name, dir_fd=entry.directory, follow_symlinks=False))
        descriptor = os.open(entry.name, _CAREFULLY, dir_fd=entry.directory)
        try:
            self._require_fit(os.fstat(descriptor))
            data = bytearray()
            while len(data) <= MAX_FILE_BYTES and (
                piece := os.read(descriptor, min(_PIECE, MAX_FILE_BYTES + 1 - len(data)))
            ):
                data += piece
        finally:
            os.close(descriptor)
        if len(data) > MAX_FILE_BYTES:
            raise _Withheld(texts.too_large(MAX_FILE_BYTES))
        if not data:
            raise _Withheld(texts.EMPTY)
        return bytes(data)

    def _require_fit(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise _Withheld(texts.NOT_REGULAR)
        if any(_is_same(status, own) for own in self._withheld):
            raise _Withheld(texts.BOTS_OWN)
        if status.st_size > MAX_FILE_BYTES:
            raise _Withheld(texts.too_large(MAX_FILE_BYTES))


def _is_same(status: os.stat_result, own: Path) -> bool:
    """Return whether the file is one of the bot's under another name."""
    try:
        return os.path.samestat(status, own.stat())
    except OSError:
        return False


def _path_of(uri: str) -> str:
    """Return the path of a `file:` address or an absolute path. Raises `_Withheld` for anything else."""
    if uri.startswith("/"):
        return uri
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise _Withheld(texts.BAD_ADDRESS) from None
    if parts.scheme.lower() != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise _Withheld(texts.OUTSIDE)
    return unquote(parts.path)


class LinkedFiles:
    """The linked files of one turn, read one after the other in the lane of its thread, off the event loop."""

    def __init__(self, lanes: paths.Lanes, thread_id: int, outbox: Callable[[], WorkspaceFiles]) -> None:
        """`outbox` opens the readable files; it is called once, in the lane, since it resolves links."""
        self._lanes = lanes
        self._thread_id = thread_id
        self._make = outbox
        self._outbox: WorkspaceFiles | None = None
        self._silent = False

    async def read(self, uri: str) -> bytes | str:
        """Return the bytes of the file that `uri` names, or the reason for a refusal, within `paths.ANSWER_SECONDS`.

        After a file that did not answer, no other file of the turn is tried: a turn waits once.
        """
        if self._silent:
            return texts.NO_ANSWER
        try:
            return await self._lanes.do(self._thread_id, lambda: self._read_now(uri), paths.ANSWER_SECONDS)
        except TimeoutError:
            self._silent = True
            return texts.NO_ANSWER
        except OSError as error:
            return error.strerror or str(error)

    def _read_now(self, uri: str) -> bytes | str:
        if self._outbox is None:
            self._outbox = self._make()
        return self._outbox.read_now(uri)
