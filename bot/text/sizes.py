"""Sizes of files: Discord's limit, and sizes in words. Pure."""

from typing import Final

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
"""Bytes of one file (Discord, without boosts)."""


def format_size(size: int) -> str:
    """Return a number of bytes in words."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size} bytes"
    if size < 1024 * 1024:
        return f"{size / 1024:.0f} KiB"
    number, unit = (size / 1024**2, "MiB") if size < 1024**3 else (size / 1024**3, "GiB")
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"
