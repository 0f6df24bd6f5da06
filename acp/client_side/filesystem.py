"""The agent's text files: `fs/read_text_file` and `fs/write_text_file`, confined to the session's directories."""

import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from io import BytesIO
from itertools import islice
from pathlib import Path, PurePath

from acp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

from .refusal import NOT_FOUND, RequestRefused
from .regular_file import is_regular, opened, read_at_most
from .roots import Entry, Roots

READ_BYTES = 10_000_000
"""Bytes of a file that an agent can read. A longer file gives the lines that end before this."""

WRITE_BYTES = 10_000_000
"""Longest content written, in bytes of UTF-8."""


class FileSystem:
    """Reads and writes the text files inside `roots` for an agent; see `Roots` for its guarantees.

    Writes nothing at a path that is `protected`.

    All methods raise `RequestRefused`: `INVALID_PARAMS` for a path or content that is never acceptable, `NOT_FOUND`,
    and `INTERNAL_ERROR` for the kind of file or an error of the system. They touch regular files only, and never wait
    for one. The methods that end in `_now` block; the others run them in a thread.
    """

    def __init__(self, roots: Roots, protected: Callable[[PurePath], bool] = lambda _path: False) -> None:
        """Serve the files inside `roots`."""
        self._roots = roots
        self._protected = protected

    async def read_text(self, path: str, line: int | None = None, limit: int | None = None) -> str:
        """See `read_text_now`."""
        return await self._roots.in_thread(self.read_text_now, path, line, limit)

    async def write_text(self, path: str, content: str) -> None:
        """See `write_text_now`. After a cancellation the whole write may still happen."""
        await self._roots.in_thread(self.write_text_now, path, content)

    async def check_read(self, path: str, line: int | None = None, limit: int | None = None) -> None:
        """Raise what `read_text` would, as far as known without the content. Saves a needless question."""
        await self._roots.in_thread(self._check_read_now, path, line, limit)

    async def check_write(self, path: str, content: str) -> None:
        """Raise what `write_text` would, as far as known without writing. Saves a needless question."""
        await self._roots.in_thread(self._check_write_now, path, content)

    def _check_read_now(self, path: str, line: int | None, limit: int | None) -> None:
        _require_lines(line, limit)
        with self._roots.entry(path) as entry, _regular(entry, os.O_RDONLY):
            pass

    def _check_write_now(self, path: str, content: str) -> None:
        _encode(content)
        self._require_unprotected(Path(path), path)
        try:
            with self._roots.entry(path) as entry:
                self._require_unprotected(entry.path, path)
                _mode_of(entry)
        except RequestRefused as refused:
            if refused.code != NOT_FOUND:  # The write makes missing directories.
                raise

    def read_text_now(self, path: str, line: int | None = None, limit: int | None = None) -> str:
        r"""Return the text of a file from line `line` on (the first is 1; 0 counts as 1), at most `limit` lines.

        Lines end with `\n` and come as they are in the file, with their ends. Past the last line the text is empty.
        Other bytes than UTF-8 are refused, since an agent that writes back what it has read would destroy them.
        """
        _require_lines(line, limit)
        with self._roots.entry(path) as entry, _regular(entry, os.O_RDONLY) as descriptor:
            text = read_at_most(descriptor, READ_BYTES)
        if line is not None or limit is not None or len(text) > READ_BYTES:
            text = _lines(text, line or 1, limit, path)
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise RequestRefused(INTERNAL_ERROR, f"not UTF-8 text ({error.reason})", path) from None

    def write_text_now(self, path: str, content: str) -> None:
        """Make `content` the text of a file, atomically.

        Creates a missing file and missing directories. Replaces an existing file that we may write by a new one with
        the same mode; its other hard links keep the old text. Follows symbolic links.
        """
        data = _encode(content)
        self._require_unprotected(Path(path), path)  # Before its missing directories are made.
        with self._roots.entry(path, create=True) as entry:
            self._require_unprotected(entry.path, path)
            mode = _mode_of(entry)
            # Not derived from the file's own name, which may have the longest length already.
            draft = f".threadline-{secrets.token_hex(8)}"
            try:
                _write_draft(entry.directory, draft, data, mode)
                # This replaces a link that has taken the place of the file, and does not follow it.
                os.rename(draft, entry.name, src_dir_fd=entry.directory, dst_dir_fd=entry.directory)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft, dir_fd=entry.directory)
                raise

    def _require_unprotected(self, where: PurePath, path: str) -> None:
        """Refuse a file that is protected; `where` may be where the links of `path` lead."""
        if self._protected(where):
            raise RequestRefused(INVALID_PARAMS, "read-only in the agent's sandbox", path)


def _regular(entry: Entry, flags: int) -> AbstractContextManager[int]:
    return opened(entry, flags, lambda status: _require_regular(status, entry))


def _require_lines(line: int | None, limit: int | None) -> None:
    if (line or 0) < 0 or (limit or 0) < 0:
        raise RequestRefused(INVALID_PARAMS, "a line number or a number of lines is negative")


def _require_regular(status: os.stat_result, entry: Entry) -> None:
    if not is_regular(status):
        raise RequestRefused(INTERNAL_ERROR, "not a regular file", str(entry.path))


def _mode_of(entry: Entry) -> int | None:
    """Return the mode of an existing file that we may write; None if it does not exist."""
    try:
        with _regular(entry, os.O_WRONLY) as descriptor:
            return os.fstat(descriptor).st_mode & 0o777
    except FileNotFoundError:
        return None


def _lines(text: bytes, line: int, limit: int | None, path: str) -> bytes:
    stream = BytesIO(text)
    start = min(max(line, 1) - 1, READ_BYTES)
    stop = None if limit is None else start + min(limit, READ_BYTES)
    lines = b"".join(islice(stream, start, stop))
    if stream.tell() > READ_BYTES:
        raise RequestRefused(INTERNAL_ERROR, f"the text asked for ends beyond the first {READ_BYTES:,} bytes", path)
    return lines


def _write_draft(directory: int, name: str, data: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o666 if mode is None else 0o600, dir_fd=directory)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _encode(content: str) -> bytes:
    try:
        data = content.encode()
    except UnicodeEncodeError as error:
        raise RequestRefused(INVALID_PARAMS, f"the content is no text: {error.reason}") from None
    if len(data) > WRITE_BYTES:
        raise RequestRefused(INVALID_PARAMS, f"the content is longer than {WRITE_BYTES:,} bytes")
    return data
