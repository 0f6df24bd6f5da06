"""The files of replies that are still to be posted, beside the journal; its rows hold their names.

A file is written before the row that names it, and is removed after that row is gone: a crash leaves at most a file
that no row names, which is removed at the next start. Names are never used twice.
"""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

__all__ = ["AttachmentFiles", "folder_of"]


def folder_of(journal: Path) -> Path:
    """Return where the files of a journal are."""
    return journal.with_name(f"{journal.name}-files")


class AttachmentFiles:
    """The folder, which is made with mode 0700 for the first file; files have mode 0600."""

    def __init__(self, folder: Path) -> None:
        """Read and write nothing yet."""
        self._folder = folder
        self._unsynced: list[str] = []

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self._folder / name

    def write(self, data: bytes) -> str:
        """Write a file; return its name. A kill leaves it whole, a power cut only after `sync`. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        name = secrets.token_hex(16)
        descriptor = os.open(self.path(name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            left = memoryview(data)
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
        """Bring all that was written to the disk; what is gone was needed no longer. For another thread: it waits."""
        names = [*self._unsynced]
        for name in names:
            try:
                with self.path(name).open("rb") as file:
                    os.fsync(file.fileno())
            except FileNotFoundError:
                continue
        del self._unsynced[: len(names)]  # What came meanwhile stands behind them.

    def names(self) -> set[str]:
        """Return the names of all files that are there."""
        try:
            return {file.name for file in self._folder.iterdir()}
        except FileNotFoundError:
            return set()

    def remove(self, names: Iterable[str]) -> None:
        """Remove files. Raises OSError."""
        for name in names:
            self.path(name).unlink(missing_ok=True)
