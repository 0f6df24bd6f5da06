"""The files of a message: bytes, or a file on the disk, which is read while it is sent."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import discord

Files = Sequence[tuple[str, bytes | Path]]
"""The names that Discord gets, and where the bytes are."""


def total_size(files: Files) -> int:
    """Return their bytes. Raises OSError."""
    return sum(len(source) if isinstance(source, bytes) else source.stat().st_size for _, source in files)


def to_library(files: Files) -> list[discord.File]:
    """Return them as the library takes them; it closes what it opens. Raises OSError."""
    return [discord.File(BytesIO(source) if isinstance(source, bytes) else source, name) for name, source in files]
