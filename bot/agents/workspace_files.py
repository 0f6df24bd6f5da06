"""Reads the files that an agent links to, for its thread; see `acp.places.readable_files`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from acp import FileRefused, paths
from acp.places.readable_files import ReadableFiles
from bot.text.sizes import MAX_FILE_BYTES
from bot.user_messages import files as texts


class WorkspaceFiles:
    """The files of one session on this machine that may be posted."""

    def __init__(self, directories: Sequence[Path], withheld: Sequence[Path] = ()) -> None:
        """Blocks on the file system, and raises, as `ReadableFiles`; `withheld` are the bot's own files."""
        self._files = ReadableFiles(directories, withheld)

    def read_now(self, uri: str) -> bytes | str:
        """Return the bytes of the file that `uri` (`file:` or an absolute path) names, or the reason for a refusal.

        Blocks on the file system.
        """
        path, reason = path_or_reason(uri)
        if reason:
            return reason
        try:
            return self._files.read_now(path, MAX_FILE_BYTES) or texts.EMPTY
        except FileRefused as error:
            return texts.unreadable(error, MAX_FILE_BYTES)


def path_or_reason(uri: str) -> tuple[str, str]:
    """Return the path of a `file:` address or an absolute path, or the reason why it is neither."""
    if uri.startswith("/"):
        return uri, ""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "", texts.BAD_ADDRESS
    if parts.scheme.lower() != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        return "", texts.OUTSIDE
    return unquote(parts.path), ""


class FileSource(Protocol):
    """Where the files of one turn are read: on this machine, or at the agent's place."""

    async def read(self, uri: str) -> bytes | str:
        """Return the bytes of a file, or the reason for a refusal.

        Raises OSError, and `TimeoutError` for no answer, which may say why.
        """


class LocalFiles:
    """The files of one turn on this machine, read in the lane of its thread, off the event loop."""

    def __init__(self, lanes: paths.Lanes, thread_id: int, outbox: Callable[[], WorkspaceFiles]) -> None:
        """`outbox` opens the readable files; it is called once, in the lane, since it resolves links."""
        self._lanes = lanes
        self._thread_id = thread_id
        self._make = outbox
        self._outbox: WorkspaceFiles | None = None

    async def read(self, uri: str) -> bytes | str:
        """See `FileSource`; bounded by `paths.ANSWER_SECONDS`."""
        return await self._lanes.do(self._thread_id, lambda: self._read_now(uri), paths.ANSWER_SECONDS)

    def _read_now(self, uri: str) -> bytes | str:
        if self._outbox is None:
            self._outbox = self._make()
        return self._outbox.read_now(uri)


class LinkedFiles:
    """The linked files of one turn, read one after the other."""

    def __init__(self, source: FileSource) -> None:
        """Read from `source`."""
        self._source = source
        self._silent = ""
        """Why no further file is tried."""

    async def read(self, uri: str) -> bytes | str:
        """Return the bytes of the file that `uri` names, or the reason for a refusal.

        After a file that did not answer, no other file of the turn is tried: a turn waits once.
        """
        if self._silent:
            return self._silent
        try:
            return await self._source.read(uri)
        except TimeoutError as error:
            self._silent = str(error) or texts.NO_ANSWER
            return self._silent
        except OSError as error:
            return error.strerror or str(error)
