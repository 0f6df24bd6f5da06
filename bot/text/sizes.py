"""Sizes of files: Discord's limit, and sizes in words. Pure."""

from typing import Final

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
"""Bytes of one file (Discord, without boosts)."""


def format_size(size: int) -> str:
    """Return a number of bytes in words."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{size / 1024:.0f} KiB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f}".removesuffix(".0") + " MiB"
