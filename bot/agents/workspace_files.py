"""Reads the files that an agent links to, if they lie within its session's directories.

What a person can see in a thread many can see, and an agent says what the texts it reads make it say. So a file is
read only where the agent works, never one whose name, or a directory's on the way, begins with a dot, nor one of the
bot's own. Links in the file system are followed at the moment of reading, in steps that cannot be raced
(`acp.client_side.roots`).
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
from bot.text.sizes import MAX_FILE_BYTES, format_size

__all__ = ["LinkedFiles", "WorkspaceFiles"]

_KERNEL: Final = ("proc", "sys", "dev")
"""Directories below `/` whose regular files are no files: environments, keys, memory."""

# Opening must neither wait for the other end of a FIFO nor make a terminal ours, nor follow a link.
_CAREFULLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_PIECE = 1024 * 1024

NO_ANSWER = "its file system does not answer"


class _Withheld(Exception):
    """The file is not sent; the text says why."""


class WorkspaceFiles:
    """What of one session may be posted."""

    def __init__(self, directories: Sequence[Path], withheld: Sequence[Path] = ()) -> None:
        """`directories` are the session's, absolute, at least one; `withheld` are the bot's own files and directories.

        Blocks on the file system, to follow the links that lead to the directories. Raises ValueError as `Roots`.
        """
        self._roots = Roots(directories)
        self._places = [Path(os.path.realpath(directory)) for directory in directories]
        self._withheld = [Path(os.path.realpath(path)) for path in withheld]

    def read_now(self, uri: str) -> bytes | str:
        """Return the bytes of the file that `uri` (`file:` or an absolute path) names, or words that say why not.

        Blocks on the file system.
        """
        try:
            with self._roots.entry(_path_of(uri)) as entry:
                self._check(entry)
                return self._content_of(entry)
        except RequestRefused as error:
            return error.reason  # Without the path: where the session's directories are is not for the thread.
        except _Withheld as error:
            return str(error)

    def _check(self, entry: Entry) -> None:
        if entry.path.parts[1:2] and entry.path.parts[1] in _KERNEL:
            raise _Withheld("it is not a regular file")
        inside = [entry.path.relative_to(place) for place in self._places if entry.path.is_relative_to(place)]
        if not inside or any(part.startswith(".") for part in min(inside, key=lambda way: len(way.parts)).parts):
            raise _Withheld("hidden files are not sent")
        if any(entry.path.is_relative_to(own) for own in self._withheld):
            raise _Withheld("it belongs to the bot")

    def _content_of(self, entry: Entry) -> bytes:
        # Looked at before, since opening a device can do something; and after, since that is what was opened.
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
            raise _Withheld(f"it is larger than {format_size(MAX_FILE_BYTES)}")
        if not data:
            raise _Withheld("it is empty")
        return bytes(data)

    def _require_fit(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise _Withheld("it is not a regular file")
        if any(_is_same(status, own) for own in self._withheld):
            raise _Withheld("it belongs to the bot")
        if status.st_size > MAX_FILE_BYTES:
            raise _Withheld(f"{format_size(status.st_size)} are more than {format_size(MAX_FILE_BYTES)}")


def _is_same(status: os.stat_result, own: Path) -> bool:
    """Whether it is a file of the bot's under another name."""
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
        raise _Withheld("the address cannot be read") from None
    if parts.scheme.lower() != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise _Withheld("only files of the session's directories are sent")
    return unquote(parts.path)


class LinkedFiles:
    """The linked files of one turn, read one after the other in the lane of its thread, off the event loop."""

    def __init__(self, lanes: paths.Lanes, thread_id: int, outbox: Callable[[], WorkspaceFiles]) -> None:
        """`outbox` says what may be read; it is asked once, in the lane, for it follows links."""
        self._lanes = lanes
        self._thread_id = thread_id
        self._make = outbox
        self._outbox: WorkspaceFiles | None = None
        self._silent = False

    async def read(self, uri: str) -> bytes | str:
        """Return the bytes of the file that `uri` names, or words that say why not, within `paths.ANSWER_SECONDS`.

        After a file that has not answered no other one of the turn is tried: a turn waits once, whatever it links to.
        """
        if self._silent:
            return NO_ANSWER
        try:
            return await self._lanes.do(self._thread_id, lambda: self._read_now(uri), paths.ANSWER_SECONDS)
        except TimeoutError:
            self._silent = True
            return NO_ANSWER
        except OSError as error:
            return error.strerror or str(error)

    def _read_now(self, uri: str) -> bytes | str:
        if self._outbox is None:
            self._outbox = self._make()
        return self._outbox.read_now(uri)
