"""The output of a check."""

import io

import pytest
from rich.console import Console

from bot.cli.findings import NARROW, Finding, Level, findings_table


@pytest.mark.parametrize("width", [NARROW, 80, 200])
def test_the_table_shows_all_text_even_with_long_names(width: int) -> None:
    """Discord's channels and servers have names of up to 100 characters."""
    channel, server, words = "c" * 100, "S" * 100, "x" * 150
    out = io.StringIO()
    finding = Finding(f"#{channel} in {server}", Level.WARNING, f"the bot lacks: {words}")
    Console(file=out, width=width).print(findings_table([finding], width))
    drawn = out.getvalue()
    assert max(map(len, drawn.splitlines())) <= width
    assert [drawn.count(letter) for letter in "Sx"] == [100, 150]
    assert "warning" in drawn
    assert "…" not in drawn
