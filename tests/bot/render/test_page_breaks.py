"""Pages: their length, where they are cut, that all text is kept and all code blocks are closed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.render.page_breaks import LOOKAHEAD, Page, is_decided, take_page, whole_until
from bot.text.markdown import LIMIT, code_block
from tests.bot.page_checks import HOSTILE, assert_postable

LINES = st.sampled_from(
    [
        "word " * 30,
        "",
        "漢字" * 40,
        "x" * 90,
        "- item",
        "> quoted " * 20,
        "👩‍👧 " * 30,
        "[a](https://b.c/d) " * 9,
        "-# small",
    ]
)
BLOCKS = st.builds(
    lambda lines, info: code_block("\n".join(lines) or "c", info),
    st.lists(st.sampled_from(["code", "    more code", "", "y" * 200]), max_size=60),
    st.sampled_from(["", "py"]),
)
dialect = st.lists(LINES | BLOCKS, max_size=40).map("\n".join)
"""Discord's Markdown as the pager gets it: code blocks begin and end on their own lines."""


def paged(text: str) -> list[Page]:
    """Cut all of `text`."""
    pages: list[Page] = []
    at, opening = 0, ""
    while at < len(text) or not pages:
        page = take_page(text, at, opening)
        assert page.end > at or not text
        assert len(page.content) <= LIMIT
        assert len(page.opening) <= 40
        pages.append(page)
        at, opening = page.end, page.opening
    return pages


@given(dialect)
def test_every_page_fits_and_is_balanced_and_all_text_is_kept(text: str) -> None:
    """For any text (invariant 5, P17): a page is its part of the text, with fences that repair a cut code block."""
    pages = paged(text)
    assert_postable([page.content for page in pages if page.content])
    at, opening = 0, ""
    for page in pages:
        inside = page.content.removeprefix(opening)
        closing = "\n```" if page.opening.startswith("```") else ""
        assert inside.removesuffix(closing).strip() == text[at : page.end].strip()
        at, opening = page.end, page.opening
    assert at == len(text)


LONG_LINK = f'[{"x" * 400}]({"y" * 1_400}({"y" * 90}){"y" * 90} "{"x" * 90}")'


@given(HOSTILE)
@example(">" * 2_300)
@example("> " * 1_150)
@example(" >" * 1_150)
@example("```" + "x" * 4_000)
@example("```")
@example("word " * 400 + "\u200d" * 5 + LONG_LINK)
@example("```\n" + "x" * 1_992 + "\n```" + "y" * 3_000)
def test_every_page_takes_some_of_a_text_of_any_kind_and_fits(text: str) -> None:
    """So paging ends: a page's opening leaves it room, cuts never go back, and open blocks are closed."""
    assert sum(len(page.content) for page in paged(text)) <= 2 * len(text) + len("\n```")


@given(HOSTILE, st.integers(0, 9_000))
@example(" \u200d\u200d[link](https://example.org/a)", 4)
def test_a_cut_is_behind_the_beginning(text: str, end: int) -> None:
    """However many characters before it belong together."""
    end = min(end, len(text))
    for start in (end // 2, max(0, end - 3)):
        assert start <= whole_until(text, start, end) <= end


@given(dialect, dialect)
@example("x" * 1_990 + "\n", code_block("y"))
def test_a_text_that_grows_by_lines_keeps_its_cuts(text: str, more: str) -> None:
    """A cut does not depend on text behind the line that holds the page's limit."""
    early, late = paged(text + "\n"), paged(text + "\n" + more)
    assert late[: len(early) - 1] == early[:-1]


@given(st.integers(0, 400), st.text("ab ", min_size=1, max_size=300))
def test_a_cut_does_not_depend_on_text_far_behind_it(extra: int, tail: str) -> None:
    """Text more than `LOOKAHEAD` behind the limit of an endless line does not matter."""
    text = "[a](http://b.c/d) " * 300
    known = text[: LIMIT + LOOKAHEAD]
    assert take_page(known + tail * extra).end == take_page(known).end


PIECES = (
    *("[some words](https://example.org/a_(b)?c=d)", "https://b.c/d", "<@123456789012345678>", "<t:1700000000:R>"),
    *("</command name:123456789012345678>", ":thumbsup:", "`some code`", "``a ` b``", "**bold words**", "||", "__x__"),
    *(
        "👩‍👧",
        "🇩🇪",
        "e\u0301",
        "漢字",
        "[",
        "](",
        ")",
        "!",
        "<",
        "`",
        "*",
        "_",
        "~",
        ":",
        "h",
        "12:3456 ",
        " ",
        "word ",
    ),
)


@given(
    st.integers(0, 90),
    st.lists(st.sampled_from(PIECES), min_size=8, max_size=60).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
)
def test_a_page_that_counts_as_decided_ends_there_whatever_follows(before: int, known: str, more: str) -> None:
    """At any length of a growing line whose page is full (invariant 5: frozen pages never change)."""
    text = "w" * (LIMIT - before) + known
    for length in range(LIMIT + 1, len(text)):
        if is_decided(text[:length], 0):
            end = take_page(text[:length]).end
            assert end == take_page(text).end == take_page(text + more).end
            break


def test_a_full_page_is_decided_as_soon_as_nothing_can_go_over_its_end() -> None:
    """A colon, a bracket or a closed code span far before the end of a long line does not delay it."""
    line = ("12:34 a `b` c [d] **e** <f> " * 90)[:LIMIT]
    assert is_decided(line + " more", 0)
    assert not is_decided(line[:-9] + " `never x", 0)
    assert not is_decided(line[:-9] + " [link](x", 0)


def test_a_page_ends_behind_a_paragraph_else_a_line_else_a_word() -> None:
    """And is well filled: a separator in the first half of the page does not count."""
    assert take_page("p" * 1_500 + "\n\n" + "l" * 100 + "\n" + "word " * 200).end == 1_502
    assert take_page("p" * 500 + "\n\n" + "l" * 1_000 + "\n" + "word " * 200).end == 1_503
    assert take_page("p" * 500 + "\n\n" + "word " * 400).end == 500 + 2 + 299 * 5
    assert take_page("x" * 5_000).end == LIMIT


def test_a_page_ends_before_a_line_that_is_not_indented() -> None:
    """A function or a list item stays whole where there is room."""
    text = code_block("def a():\n" + "    pass\n" * 195 + "def b():\n" + "    pass\n" * 60, "py")
    assert paged(text)[1].content.startswith("```py\ndef b():")


def test_a_code_block_is_opened_again_on_the_next_page_with_its_language() -> None:
    """Text behind it is text again."""
    first, second = paged(code_block("x = 1\n" * 500, "python") + "\nbehind")[:2]
    assert first.opening == "```python\n"
    assert first.content.endswith("\nx = 1\n```")
    assert second.content.startswith("```python\nx = 1\n")
    assert second.content.endswith("x = 1\n\n```\nbehind")
    assert second.opening == ""


@pytest.mark.parametrize("before", range(1_980, 2_001))
def test_no_empty_code_block_is_left_on_either_side_of_a_cut(before: int) -> None:
    """Discord shows the backticks of an empty block."""
    for text in ("w" * before + "\n" + code_block("code", "py"), code_block("c" * before) + "\nbehind"):
        for page in paged(text):
            assert page.content not in {"```\n```", "```py\n```"}
            assert not page.content.endswith("```py\n```")
            assert not page.content.startswith("```\n```")


@pytest.mark.parametrize(
    "atom",
    [
        "[some words](https://example.org/a_(b)?c=d)",
        '[some words](https://example.org/a "and a title")',
        "<mailto:ann@example.org>",
        r"\*",
        "https://example.org/a/very/long/address",
        "<@123456789012345678>",
        "<@&123456789012345678>",
        "<#123456789012345678>",
        "<:name:123456789012345678>",
        "<a:name:123456789012345678>",
        "<t:1700000000:R>",
        "</command name:123456789012345678>",
        ":thumbsup:",
        ":+1:",
        "`some code`",
        "**some bold words**",
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "👍🏽",
        "🇩🇪",
        "e\u0301\u0302",
        "각\u11a8",
        "क्षि",
    ],
)
@pytest.mark.parametrize("glue", [" ", "x"])
def test_an_atom_is_never_cut(atom: str, glue: str) -> None:
    """Wherever the limit is in it: link, mention, emoji, timestamp, code span, grapheme."""
    for before in range(LIMIT - len(atom) - 2, LIMIT + 2):
        text = ("w" * (before - 1)) + glue + atom + " " + "behind " * 9
        pages = [page.content for page in paged(text)]
        assert any(atom in page for page in pages), (before, pages)


def test_an_atom_that_is_longer_than_a_page_is_cut() -> None:
    """The text must come to its end."""
    pages = paged("https://example.org/" + "x" * 5_000)
    assert pages[0].end == LIMIT
    assert "".join(page.content for page in pages) == "https://example.org/" + "x" * 5_000


def test_a_quote_continues_as_a_quote_on_the_next_page() -> None:
    """Also on the page after that; and so does subtext."""
    for mark in ("> ", "-# "):
        contents = [page.content for page in paged(mark + "word " * 1_000 + "\nbehind")]
        assert len(contents) > 2
        assert all(content.startswith(mark) for content in contents)
        assert contents[-1].endswith("\nbehind")


def test_a_quote_continues_as_one_quote_however_many_marks_it_has() -> None:
    """Discord has quotes of one level; a page that opened with all marks would have no room for words."""
    contents = [page.content for page in paged("> " + ">" * 1_990 + " word" * 900)]
    assert [content[:4] for content in contents] == ["> >>", "> wo", "> wo", "> wo"][: len(contents)]
    assert len(contents) > 2


def test_a_numbered_list_keeps_its_numbers_over_a_cut() -> None:
    """An item begins a page under its own number."""
    contents = [page.content for page in paged("\n".join(f"{number}. {'item ' * 20}" for number in range(1, 60)))]
    firsts = [int(content.partition(".")[0]) for content in contents]
    assert firsts[0] == 1
    assert firsts == sorted(set(firsts))
    assert len(firsts) > 2


def test_siblings_in_a_list_stay_siblings_where_a_page_begins_inside_it() -> None:
    """Discord strips the first line's indentation, so that its siblings would look like children."""
    inner = "\n".join(f"  - item {number}\n    - its own {'x' * 40}" for number in range(60))
    contents = [page.content for page in paged(f"- outer\n{inner}\n- last")]
    assert len(contents) > 2
    for content in contents[1:-1]:
        lines = content.split("\n")
        assert [line.partition("x")[0][:7] for line in lines] == ["- item ", "  - its"] * (len(lines) // 2)
    assert contents[-1].endswith("x\n- last")


def test_a_page_ends_before_the_least_indented_line() -> None:
    """Where all lines are indented, as in a class or a list inside a list."""
    text = code_block(
        "class A:\n" + "    def a():\n" + "        pass\n" * 140 + "    def b():\n" + "        pass\n" * 60
    )
    assert paged(text)[1].content.startswith("```\n    def b():")


def test_a_page_can_be_asked_for_with_less_room() -> None:
    """Then there is room for text behind it."""
    assert len(take_page("word " * 600, limit=100).content) <= 100
