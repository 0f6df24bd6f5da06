"""Rewrites a file's name as Discord does: ASCII letters, digits and `_`, `.`, `-`. Pure.

Accents are taken off, other letters are left out, spaces become underscores, and none of `_` and `.` is left at an end.
A name of which nothing is left gets one that nobody can foretell. The name that was given stands in the attachment's
`title`, without its extension.

Source: Discord's developer documentation, "Attachment Object", and the maintainers' word in discord-api-docs that names
are cleansed as werkzeug's `secure_filename` does it; the rest is what others observed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SEPARATORS: Final = re.compile(r"[/\\]")
_OUTSIDE: Final = re.compile(r"[^A-Za-z0-9_.-]")


def cleansed(name: str, otherwise: str) -> str:
    """The name as Discord keeps it; `otherwise`, with the extension, where nothing of the stem is left."""
    stem, _, extension = name.rpartition(".") if "." in name else (name, "", "")
    if stem.isascii() or _ascii(stem):
        return _ascii(name) or otherwise
    return f"{otherwise}.{_ascii(extension)}" if _ascii(extension) else otherwise


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _OUTSIDE.sub("", "_".join(_SEPARATORS.sub(" ", plain).split())).strip("._")


def title(name: str) -> str:
    """What the attachment's `title` says of a name that was changed."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name
