"""File names, as people gave them and as Discord stores them, in ASCII. Pure."""

import re
import unicodedata

__all__ = ["file_name", "is_kept_as"]

_LEFT_OUT = re.compile(r"[^A-Za-z0-9_.-]")


def file_name(kept: str, title: str | None) -> str:
    """Return what a file was called: `title` says that, without the extension, where Discord `kept` another name."""
    _, dot, extension = kept.rpartition(".")
    end = f"{dot}{extension}" if dot else ""
    return kept if not title else title if title.endswith(end) else f"{title}{end}"


def is_kept_as(name: str, kept: str) -> bool:
    """Whether a file that was sent as `name` may be the one that Discord has `kept`.

    Of a name without a letter that it keeps, Discord makes one that cannot be foreseen; only the extension stays.
    """
    if name == kept or _plain(name) == kept:
        return True
    stem, dot, extension = name.rpartition(".")
    return not _plain(stem if dot else name) and kept.endswith(_plain(extension) if dot else "")


def _plain(name: str) -> str:
    """Take accents off, make spaces underscores, and leave out what else an address cannot hold."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return _LEFT_OUT.sub("", "_".join(re.sub(r"[/\\]", " ", ascii_only).split())).strip("._")
