"""Rewrites a file's name as Discord does: ASCII letters, digits and `_`, `.`, `-`. Pure.

Discord removes accents, other letters, and `_` and `.` at the ends, and turns spaces into underscores. An empty result
becomes an unpredictable name. The attachment's `title` has the original name without its extension.

Source: Discord's developer documentation, "Attachment Object", and its maintainers' statement in discord-api-docs that
names are cleansed as by werkzeug's `secure_filename`. The rest are observations.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SEPARATORS: Final = re.compile(r"[/\\]")
_OUTSIDE: Final = re.compile(r"[^A-Za-z0-9_.-]")


def cleansed(name: str, otherwise: str) -> str:
    """Return the name as Discord keeps it, or `otherwise` with the extension if the stem is empty."""
    stem, _, extension = name.rpartition(".") if "." in name else (name, "", "")
    if stem.isascii() or _ascii(stem):
        return _ascii(name) or otherwise
    return f"{otherwise}.{_ascii(extension)}" if _ascii(extension) else otherwise


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _OUTSIDE.sub("", "_".join(_SEPARATORS.sub(" ", plain).split())).strip("._")


def title(name: str) -> str:
    """Return the attachment's `title` for a changed name."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name
