"""The files of replies that are not posted yet, in a folder next to the journal; its rows have their names.

A file is written before the row that names it, and removed after that row. A crash therefore leaves at most files
without a row, which the next start removes. Names are never reused.
"""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def folder_of(journal: Path) -> Path:
    """Return the folder of a journal's files."""
    return journal.with_name(f"{journal.name}-files")


class AttachmentFiles:
    """The folder, created with mode 0700 for the first file; files have mode 0600."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist."""
        self._folder = folder
        self._unsynced: list[str] = []

    def path(self, name: str) -> Path:
        """Return the path of a file."""
        return self._folder / name

    def write(self, pieces: Iterable[bytes]) -> str:
        """Write a file; return its name. It survives a kill, and after `sync` a power cut. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        name = secrets.token_hex(16)
        descriptor = os.open(self.path(name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            for piece in pieces:
                left = memoryview(piece)
                while left:
                    left = left[os.write(descriptor, left) :]
        except OSError:
            self.path(name).unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        self._unsynced.append(name)
        return name

    def sync(self) -> None:
        """Flush the new files to the disk; removed ones are skipped. Call it in a thread: it blocks."""
        names = [*self._unsynced]
        for name in names:
            try:
                with self.path(name).open("rb") as file:
                    os.fsync(file.fileno())
            except FileNotFoundError:
                continue
        del self._unsynced[: len(names)]  # Files written during the loop come after these.

    def names(self) -> set[str]:
        """Return the names of all files in the folder."""
        try:
            return {file.name for file in self._folder.iterdir()}
        except FileNotFoundError:
            return set()

    def remove(self, names: Iterable[str]) -> None:
        """Remove files. Raises OSError."""
        for name in names:
            self.path(name).unlink(missing_ok=True)
