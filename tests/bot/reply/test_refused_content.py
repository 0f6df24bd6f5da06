"""The lines and files that replace what Discord refuses."""

from bot.reply.refused_content import enclosed, in_place_of
from pool.journal.trailers import DataFile, Trailer


def test_a_line_about_refused_files_pings_whom_the_files_would_have_pinged() -> None:
    """The asker waits for that message; the names are escaped."""
    word = in_place_of(Trailer(files=(DataFile("a_b_.txt", b"1"), DataFile("c.txt", b"2")), mention=42), "too large")
    assert word == Trailer("-# 🚫 a\\_b\\_.txt, c.txt could not be attached: too large", mention=42)


def test_a_refused_ping_is_replaced_by_a_line_without_a_ping() -> None:
    """A trailer without a ping is not replaced."""
    word = in_place_of(Trailer("<@42> done", mention=42), "no")
    assert word == Trailer("-# done\n-# 🔕 I couldn't ping you: no")
    assert in_place_of(Trailer("done"), "no") is None


def test_a_refused_page_says_why_as_plain_text() -> None:
    """Discord's reason may quote what was refused."""
    line, trailer = enclosed(1, "page", "**bad** <@42>")
    assert line.startswith("-# 🚫 Discord refused this part of the answer: \\*\\*bad\\*\\* ")
    assert line.endswith("\n-# It is attached as part-2.md.")
    assert [(file.name, file.source()) for file in trailer.files] == [("part-2.md", b"page")]
