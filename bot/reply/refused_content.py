"""Replaces what Discord refuses: a page by a file, and a file by a line about it. Pure."""

from typing import Final

from bot.text.markdown import escape
from bot.user_messages import files as texts
from pool.journal.trailers import FIRST_TRAILER, DataFile, Trailer

ENCLOSED: Final = FIRST_TRAILER + 200
"""The number of the file that brings the first page, where that is refused; the others follow in order."""

_LONGEST: Final = 500
"""Characters of a line about what was refused."""


def enclosed(number: int, page: str, reason: str) -> tuple[str, Trailer]:
    """Return the line that replaces a refused page, and the trailer that brings the page as a file."""
    name = f"part-{number + 1}.md"
    refusal, attached = texts.page_as_file(reason, name)
    return f"{refusal[:_LONGEST]}\n{attached}", Trailer(files=(DataFile(name, page.encode()),))


def in_place_of(trailer: Trailer, reason: str) -> Trailer | None:
    """Return the trailer that says that files, or a ping, were refused; None for one without either."""
    if trailer.files:
        names = ", ".join(escape(file.name) for file in trailer.files)
        return Trailer(texts.not_attached(names, reason)[:_LONGEST], mention=trailer.mention)
    if trailer.mention is not None:
        words = trailer.content.removeprefix(f"<@{trailer.mention}> ")
        return Trailer(texts.not_pinged(words, reason)[:_LONGEST])
    return None
