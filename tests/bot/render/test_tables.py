"""Tables: aligned code where a phone shows it without wrapping, else bullets; every cell is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp import Text
from bot.config.appearance import Style
from bot.render.inline import Inline
from bot.render.tables import WIDEST, Table, cells_of, columns_of_rule, width_of
from bot.render.transcript import Transcript
from tests.bot.page_checks import words_of


def shown(text: str, tables: str = "code") -> str:
    """The only page of a text."""
    transcript = Transcript(Style(tables=tables))  # type: ignore[arg-type]
    transcript.apply(Text(text))
    transcript.end()
    (page,) = transcript.pages()
    return page


def test_a_narrow_table_is_aligned_in_a_code_block() -> None:
    """Columns as the agent aligned them, wide characters by their width, and emphasis without its marks."""
    text = "| Name | Qty | State |\n|:--|--:|:-:|\n| **apple** | 3 | `ok` |\n| 漢字 | 12 | no |\n| x\\|y |\n"
    assert shown(text).split("\n") == [
        "```",
        "Name   Qty  State",
        "─────  ───  ─────",
        "apple    3   ok",
        "漢字    12   no",
        "x|y",
        "```",
    ]


def test_a_table_wider_than_a_phone_becomes_bullets() -> None:
    """One for each row, and below it the other cells with the names of their columns."""
    text = f"| Name | What |\n|--|--|\n| a | {'many words ' * 5}|\n| b | few |\nbehind"
    assert shown(text) == f"- Name: a\n  - What: {'many words ' * 5}\n- Name: b\n  - What: few\nbehind".replace(
        " \n", "\n"
    )


def test_a_table_with_links_becomes_bullets() -> None:
    """A code block would show their source, or lose them."""
    assert shown("|a|b|\n|-|-|\n|x|[y](http://z)|") == "- a: x\n  - b: [y](http://z)"


def test_cells_show_what_their_marks_mean() -> None:
    """Emphasis in emphasis, entities, line breaks, and files: none is more than its words in code."""
    text = "| a | b |\n|-|-|\n| **x *y*** &lt; z | [m.py](s/m.py#L2)<br>`c` |"
    assert shown(text).split("\n")[3] == "x y < z  s/m.py:2 c"
    assert shown(text, "bullets") == "- a: **x *y*** \\< z\n  - b: `s/m.py:2` `c`"


def test_tables_are_shown_as_configured() -> None:
    """As bullets, or as the agent wrote them."""
    text = "|a|b|\n|-|-|\n|1|2|\nbehind"
    assert shown(text, "bullets") == "- a: 1\n  - b: 2\nbehind"
    assert shown(text, "off") == text


@pytest.mark.parametrize("text", ["a | b\nc | d", "|a|b|\n|-|", "| a |", "a || b", "|a|b|\n---\nc"])
def test_text_that_only_looks_like_a_table_stays(text: str) -> None:
    """A bar is often just a bar."""
    assert shown(text).replace("────────────", "---").replace("\\", "") == text


def test_a_table_of_many_rows_continues_with_its_head() -> None:
    """However long it is, its rows settle before it ends."""
    page = shown("|a|b|\n|-|-|\n" + "".join(f"|{number}|x|\n" for number in range(100)))
    assert page.count("a   b") == 2
    assert [word for word in words_of(page) if word.isdigit()] == [str(number) for number in range(100)]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("| a | b |", ("a", "b")),
        ("a | b", ("a", "b")),
        ("|a||", ("a", "")),
        (r"| a \| b | c |", (r"a \| b", "c")),
        ("| `a | b` | c |", ("`a | b`", "c")),
        ("| ` | c |", ("`", "c")),
        ("||", ("",)),
    ],
)
def test_a_line_is_split_at_its_bars(line: str, cells: tuple[str, ...]) -> None:
    """Except escaped bars, and those inside a code span."""
    assert cells_of(line) == cells


def test_surplus_cells_stay_in_the_last_column() -> None:
    """Missing cells are empty."""
    assert cells_of("a | b | c", 2) == ("a", "b | c")
    assert cells_of("a", 3) == ("a", "", "")


@pytest.mark.parametrize(
    ("line", "aligned"),
    [("|---|", ("<",)), ("|:-:|-:|:-|", ("^", ">", "<")), ("--|--", ("<", "<")), ("---", ()), ("| a |", ()), ("", ())],
)
def test_the_line_below_a_head_gives_the_alignment_of_the_columns(line: str, aligned: tuple[str, ...]) -> None:
    """Only such a line makes a table."""
    assert columns_of_rule(line) == aligned


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("漢字", 4),
        ("e\u0301", 1),
        ("ｱ", 1),
        ("\u200b", 0),
        ("한", 2),
        ("😀", 2),
        ("👨‍👩‍👧‍👦!", 3),
        ("👍🏽", 2),
        ("🏃🏽‍♂️", 2),
        ("❤️", 2),
        ("1️⃣", 2),
        ("🇩🇪", 2),
        ("न्‍य", 2),
    ],
)
def test_width_counts_columns_and_not_characters(text: str, width: int) -> None:
    """In a monospaced font."""
    assert width_of(text) == width


cells = st.text("ab漢 *`", max_size=12)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), min_size=1, max_size=6)))
def test_every_cell_is_shown_and_lines_of_code_fit_a_phone(rows: list[tuple[str, ...]]) -> None:
    """For any table, in both shapes."""
    table = Table(rows[0], ("<",) * len(rows[0]), tuple(rows[1:]))
    for tables in ("code", "bullets"):
        text = table.render(tables, Inline())
        if text.startswith("```"):
            assert all(width_of(line) <= WIDEST for line in text.split("\n"))
            assert text.count("```") == 2
        letters = "".join(words_of(text))
        for row in rows[1:]:
            for cell in row:
                assert "".join(words_of(cell)) in letters
