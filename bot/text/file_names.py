"""File names, as people choose them and as Discord stores them, in ASCII. Pure."""

import re
import unicodedata

_LEFT_OUT = re.compile(r"[^A-Za-z0-9_.-]")


def file_name(kept: str, title: str | None) -> str:
    """Return a file's original name: `title` has it, without the extension, where Discord stored the file as `kept`."""
    _, dot, extension = kept.rpartition(".")
    end = f"{dot}{extension}" if dot else ""
    return kept if not title else title if title.endswith(end) else f"{title}{end}"


def is_kept_as(name: str, kept: str) -> bool:
    """Return whether Discord may have stored a file named `name` as `kept`.

    For a name without any ASCII letter Discord makes up a name; only the extension stays.
    """
    if name == kept or _plain(name) == kept:
        return True
    stem, dot, extension = name.rpartition(".")
    return not _plain(stem if dot else name) and kept.endswith(_plain(extension) if dot else "")


def _plain(name: str) -> str:
    """Remove accents, turn spaces into underscores, and drop other characters that an address cannot contain."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return _LEFT_OUT.sub("", "_".join(re.sub(r"[/\\]", " ", ascii_only).split())).strip("._")
