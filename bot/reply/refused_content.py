"""Substitutes for what Discord refuses: a page becomes a file, and a file becomes a line about it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.text.markdown import escape
from pool.journal.trailers import FIRST_TRAILER, Enclosure, Trailer

__all__ = ["ENCLOSED", "enclosed", "in_place_of"]

ENCLOSED: Final = FIRST_TRAILER + 200
"""Files with the words of refused pages are numbered from here on, in the order of the pages."""

_LONGEST: Final = 500
"""Characters of a line about what was refused."""


@dataclass(frozen=True, slots=True)
class _Words:
    """A page as a file."""

    name: str
    text: str = field(repr=False)

    def read(self) -> bytes:
        """Return its bytes."""
        return self.text.encode()


def enclosed(number: int, page: str, reason: str) -> tuple[str, Trailer]:
    """Return the line that takes the place of a refused page, and the message that brings the page as a file."""
    name = f"part-{number + 1}.md"
    line = f"-# 🚫 Discord does not accept this part of the answer: {escape(reason)}"[:_LONGEST]
    return f"{line}\n-# It is attached as {name}.", Trailer(files=(_Words(name, page),))


def in_place_of(postscript: Trailer, reason: str) -> Trailer | None:
    """Return what says that files, or a word that calls for somebody, are refused; None where nothing is lost."""
    if postscript.files:
        names = _names(postscript.files)
        return Trailer(f"-# 🚫 {names} could not be attached: {reason}"[:_LONGEST], mention=postscript.mention)
    if postscript.mention is not None:
        words = postscript.content.removeprefix(f"<@{postscript.mention}> ")
        return Trailer(f"-# {words}\n-# 🔕 you could not be called: {reason}"[:_LONGEST])
    return None


def _names(files: Sequence[Enclosure]) -> str:
    return ", ".join(escape(file.name) for file in files)
