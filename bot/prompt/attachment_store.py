"""Stores people's files on disk: each message has a directory of its own, `ROOT/<thread>/<message>/`, mode 0700.

An agent may write in its thread's directory and could put a link there, so no step here follows a link that leads out
of that directory (`acp.client_side.roots`), also not to another thread's files. Names from outside pass through
`safe_name`.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from acp.client_side.refusal import RequestRefused
from acp.client_side.roots import Roots
from acp.errors import FileRefused
from acp.places.readable_files import ReadableFiles
from bot.text.sizes import MAX_FILE_BYTES

KEPT_SECONDS: Final = 7 * 24 * 3600.0
KEPT_BYTES: Final = 2 * 1024 * 1024 * 1024
"""How long files are kept, and how many bytes of them; the oldest go first."""

_LONGEST_NAME = 100
_UNUSUAL = re.compile(r"[^\w.\-]+")


class AttachmentStore:
    """The files below one directory, which is created here. All methods block on the file system and raise OSError."""

    def __init__(self, root: Path) -> None:
        """`root` is absolute."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root = root

    def directory(self, thread_id: int) -> Path:
        """Return the directory of a thread's files, which its session may read."""
        return self._root / str(thread_id)

    def path(self, thread_id: int, message_id: int, name: str) -> Path:
        """Return the path of a message's file, by its safe name."""
        return self.directory(thread_id) / str(message_id) / name

    def create(self, path: Path) -> int:
        """Create the draft of a file; return its descriptor. Raises `RequestRefused` where the path leads out."""
        draft, directory = path.with_name(f".{path.name}"), self._directory_of(path)
        directory.mkdir(mode=0o700, exist_ok=True)
        with Roots([directory]).entry(str(draft), create=True) as entry:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(entry.name, flags, 0o600, dir_fd=entry.directory)

    def publish(self, path: Path) -> None:
        """Rename the complete draft to its final name."""
        with Roots([self._directory_of(path)]).entry(str(path.with_name(f".{path.name}"))) as entry:
            os.rename(entry.name, path.name, src_dir_fd=entry.directory, dst_dir_fd=entry.directory)

    def size(self, path: Path) -> int | None:
        """Return the size of a complete file; None where there is none."""
        try:
            with Roots([self._directory_of(path)]).entry(str(path)) as entry:
                return os.stat(entry.name, dir_fd=entry.directory, follow_symlinks=False).st_size
        except RequestRefused:
            return None

    def name(self, thread_id: int, uri: str) -> PurePosixPath | None:
        """Return the name of a thread's file, `<message>/<name>`, by its address; None for another file."""
        directory = f"{self.directory(thread_id).as_uri()}/"
        return PurePosixPath(unquote(uri.removeprefix(directory))) if uri.startswith(directory) else None

    def read(self, thread_id: int, uri: str, most: int = MAX_FILE_BYTES) -> bytes | None:
        """Return the contents of a thread's file, at most `most` bytes; None where there is no such regular file."""
        name = self.name(thread_id, uri)
        if name is None:
            return None
        try:
            path = self.directory(thread_id) / name
            return ReadableFiles([self._directory_of(path)]).read_now(str(path), most) or None
        except (FileRefused, RequestRefused):
            return None

    def _directory_of(self, path: Path) -> Path:
        """Return the directory of the thread to which a path belongs. Raises `RequestRefused`."""
        within = path.relative_to(self._root).parts if path.is_relative_to(self._root) else ()
        directory = self._root.joinpath(*within[:1])
        if not within or directory.is_symlink():
            raise RequestRefused.by_system(str(path), PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
        return directory

    def clean(self, now: float) -> None:
        """Remove files of messages older than `KEPT_SECONDS`, and the oldest beyond `KEPT_BYTES`.

        A thread's directory goes when it has been empty as long: each session gets one, with files or without. An agent
        may write in its thread's directory: neither its modes, its dates nor its sparse files may keep others from
        being cleaned, or cost another thread its files.
        """
        room = KEPT_BYTES
        for written, directory in sorted(((min(each, now), path) for each, path in self._messages()), reverse=True):
            room -= _size_on_disk(directory)
            if room < 0 or now - written > KEPT_SECONDS:
                shutil.rmtree(directory, ignore_errors=True)
        for thread in self._threads():
            if now - thread.lstat().st_mtime > KEPT_SECONDS:
                with suppress(OSError):  # It is not empty.
                    thread.rmdir()

    def _messages(self) -> Iterator[tuple[float, Path]]:
        for thread in self._threads():
            with suppress(OSError):
                for message in [each for each in thread.iterdir() if each.is_dir() and not each.is_symlink()]:
                    yield message.lstat().st_mtime, message

    def _threads(self) -> Iterator[Path]:
        return (each for each in self._root.iterdir() if each.is_dir() and not each.is_symlink())


def _size_on_disk(directory: Path) -> int:
    with suppress(OSError):
        return sum(file.lstat().st_blocks * 512 for file in directory.iterdir())
    return 0


def safe_name(name: str, taken: set[str]) -> str:
    """Return a plain file name for any text: no path, no leading dot, at most 100 bytes, and not in `taken`."""
    plain = _UNUSUAL.sub("-", name.replace("\\", "/").rpartition("/")[2]).strip(".-") or "file"
    stem, dot, extension = plain.rpartition(".")
    if not stem or len(extension) > 16:
        stem, dot, extension = plain, "", ""
    end = f"{dot}{extension}"
    stem = stem.encode()[: _LONGEST_NAME - len(end.encode())].decode(errors="ignore")
    found, number = f"{stem}{end}", 1
    while found.casefold() in taken:
        number += 1
        found = f"{stem}-{number}{end}"
    taken.add(found.casefold())
    return found
