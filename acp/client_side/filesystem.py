"""The agent's text files: `fs/read_text_file` and `fs/write_text_file`, confined to the session's directories."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import islice

from acp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

from .refusal import NOT_FOUND, RequestRefused
from .roots import Entry, Roots

__all__ = ["READ_BYTES", "WRITE_BYTES", "FileSystem"]

READ_BYTES = 10_000_000
"""How far into a file we read for an agent. Of a longer file, lines that end before this can be had."""

WRITE_BYTES = 10_000_000
"""Longest content that is written, in bytes of UTF-8."""

# Opening must neither wait for the other end of a FIFO nor make a terminal ours.
_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY

_PIECE = 1024 * 1024


class FileSystem:
    """What an agent may do to the text files inside `roots`; see `Roots` for what that means.

    All methods raise `RequestRefused`: `INVALID_PARAMS` for a path or content that is never acceptable, `NOT_FOUND`,
    and `INTERNAL_ERROR` for what this file is or what the operating system says. Only regular files are touched, and
    none is ever waited for. The methods that end in `_now` block; the others run them in a thread.
    """

    def __init__(self, roots: Roots) -> None:
        """Serve the files inside `roots`."""
        self._roots = roots

    async def read_text(self, path: str, line: int | None = None, limit: int | None = None) -> str:
        """Return the text of a file, as `read_text_now`."""
        return await self._roots.in_thread(self.read_text_now, path, line, limit)

    async def write_text(self, path: str, content: str) -> None:
        """Write the text of a file, as `write_text_now`. Cancelled, it may still happen, but never by half."""
        await self._roots.in_thread(self.write_text_now, path, content)

    async def check_read(self, path: str, line: int | None = None, limit: int | None = None) -> None:
        """Raise what `read_text` would, as far as that can be told without the content. Saves a needless question."""
        await self._roots.in_thread(self._check_read_now, path, line, limit)

    async def check_write(self, path: str, content: str) -> None:
        """Raise what `write_text` would, as far as that can be told without writing. Saves a needless question."""
        await self._roots.in_thread(self._check_write_now, path, content)

    def _check_read_now(self, path: str, line: int | None, limit: int | None) -> None:
        _require_lines(line, limit)
        with self._roots.entry(path) as entry, _regular(entry, os.O_RDONLY):
            pass

    def _check_write_now(self, path: str, content: str) -> None:
        _encode(content)
        try:
            with self._roots.entry(path) as entry:
                _mode_of(entry)
        except RequestRefused as refused:
            if refused.code != NOT_FOUND:  # A directory that is missing is made.
                raise

    def read_text_now(self, path: str, line: int | None = None, limit: int | None = None) -> str:
        r"""Return the text of a file from line `line` on (the first is 1; 0 is taken for 1), at most `limit` lines.

        Lines end with `\n`; they come as they are in the file, with their ends. Past the last line the text is empty.
        What is not UTF-8 is refused, since an agent that writes back what it read would destroy it.
        """
        _require_lines(line, limit)
        with self._roots.entry(path) as entry, _regular(entry, os.O_RDONLY) as descriptor:
            text = _read(descriptor)
        if line is not None or limit is not None or len(text) > READ_BYTES:
            text = _lines(text, line or 1, limit, path)
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise RequestRefused(INTERNAL_ERROR, f"not UTF-8 text ({error.reason})", path) from None

    def write_text_now(self, path: str, content: str) -> None:
        """Make `content` the text of a file, at once and whole: nobody ever sees a part of it.

        A missing file is made, missing directories too. An existing one is replaced by a new one with its mode, if we
        could have written into it; other names of it (hard links) keep the old text. A link is written through.
        """
        data = _encode(content)
        with self._roots.entry(path, create=True) as entry:
            mode = _mode_of(entry)
            # Not made from the file's own name, which may have no room for more.
            draft = f".threadline-{secrets.token_hex(8)}"
            try:
                _write_draft(entry.directory, draft, data, mode)
                # A link that took the place of the file by now is replaced, not followed.
                os.rename(draft, entry.name, src_dir_fd=entry.directory, dst_dir_fd=entry.directory)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft, dir_fd=entry.directory)
                raise


@contextmanager
def _regular(entry: Entry, flags: int) -> Iterator[int]:
    # Looked at before, since opening a device can do something; and after, since that is what was opened.
    _require_regular(os.stat(entry.name, dir_fd=entry.directory, follow_symlinks=False), entry)
    descriptor = os.open(entry.name, flags | _CAREFULLY, dir_fd=entry.directory)
    try:
        _require_regular(os.fstat(descriptor), entry)
        yield descriptor
    finally:
        os.close(descriptor)


def _require_lines(line: int | None, limit: int | None) -> None:
    if (line or 0) < 0 or (limit or 0) < 0:
        raise RequestRefused(INVALID_PARAMS, "a line number or a number of lines is negative")


def _require_regular(status: os.stat_result, entry: Entry) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RequestRefused(INTERNAL_ERROR, "not a regular file", str(entry.path))


def _mode_of(entry: Entry) -> int | None:
    """The permissions of an existing file that we may write; None if there is none."""
    try:
        with _regular(entry, os.O_WRONLY) as descriptor:
            return os.fstat(descriptor).st_mode & 0o777
    except FileNotFoundError:
        return None


def _read(descriptor: int) -> bytes:
    """Read one byte beyond the bound at most. The size that the file claims proves nothing."""
    data = bytearray()
    while piece := os.read(descriptor, min(_PIECE, READ_BYTES + 1 - len(data))):
        data += piece
    return bytes(data)


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
