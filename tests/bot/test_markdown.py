"""Pages: how long they are, where they are cut, that nothing is lost and that no fence is left open."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.markdown import LIMIT, LONGEST_INFO, LONGEST_MARKER, Fence, Page, code_block, escape, fence_after, take_page
from tests.bot.pages import HARD_TEXTS, open_fence, texts

fences = st.builds(Fence, st.sampled_from(["```", "~~~", "`" * LONGEST_MARKER]), st.text("pyx ", max_size=LONGEST_INFO))


def paged(text: str) -> list[Page]:
    """Cut all of `text`."""
    pages: list[Page] = []
    fence = None
    while text or not pages:
        page = take_page(text, fence)
        assert page.length > 0 or not text
        pages.append(page)
        text, fence = text[page.length :], page.fence
    return pages


def assert_cut_well(text: str) -> None:
    """Every page fits, is balanced, and holds its part of the text: nothing is added but fences, nothing lost."""
    before = None
    for page in paged(text):
        assert len(page.content) <= LIMIT
        assert not open_fence(page.content)
        part, text = text[: page.length], text[page.length :]
        inside = page.content.removeprefix(before.opening if before else "")
        assert inside.startswith(part.rstrip("\n"))
        assert re.fullmatch(r"(\n(`{3,}|~{3,}))?", inside.removeprefix(part.rstrip("\n")))
        before = page.fence
    assert text == ""


@given(texts)
def test_every_page_fits_is_balanced_and_nothing_is_lost(text: str) -> None:
    """For any text (invariant 5, P17)."""
    assert_cut_well(text)


@pytest.mark.parametrize("name", HARD_TEXTS)
def test_hard_texts_are_cut_well(name: str) -> None:
    """The ones that broke other bots (P17)."""
    assert_cut_well(HARD_TEXTS[name])


@given(texts, fences)
def test_a_text_inside_a_fence_is_cut_well_too(text: str, fence: Fence) -> None:
    """Whatever fence the page before it left open."""
    page = take_page(text, fence)
    assert len(page.content) <= LIMIT
    assert not open_fence(page.content)
    assert page.content.startswith(fence.opening)
    assert page.length > 0 or not text


@given(texts, texts)
@example("```\n" + "c" * 1_991 + "\n``", "`")  # a page that would just fit once its fence is closed
@example("words\n\n" * 285, "")
def test_a_text_that_grows_keeps_its_cuts(text: str, more: str) -> None:
    """A cut depends on nothing behind the page's first character that does not fit."""
    early, late = paged(text), paged(text + more)
    assert late[: len(early) - 1] == early[:-1]


def test_a_page_ends_behind_a_paragraph_else_a_line_else_a_word() -> None:
    """And well filled: a separator in the first half of the page does not count."""
    assert take_page("p" * 1_500 + "\n\n" + "l" * 100 + "\n" + "word " * 200).length == 1_502
    assert take_page("p" * 500 + "\n\n" + "l" * 1_000 + "\n" + "word " * 200).length == 1_503
    assert take_page("p" * 500 + "\n\n" + "word " * 400).length == 500 + 2 + 299 * 5
    assert take_page("x" * 5_000).length == LIMIT


def test_a_fence_is_opened_again_on_the_next_page() -> None:
    """With its marker and its language."""
    first, second = paged("~~~~python\n" + "x = 1\n" * 500 + "~~~~\nbehind")[:2]
    assert first.fence == Fence("~~~~", "python")
    assert first.content.endswith("\nx = 1\n~~~~")
    assert second.content.startswith("~~~~python\nx = 1\n")
    assert second.content.endswith("x = 1\n~~~~\nbehind")
    assert second.fence is None


@pytest.mark.parametrize(
    ("text", "fence"),
    [
        ("", None),
        ("```", Fence("```", "")),
        ("```py", Fence("```", "py")),
        ("   ~~~ a `b`", Fence("~~~", "a `b`")),
        ("    ```", None),
        ("``", None),
        ("a ```", None),
        ("```a`b", None),
        ("```\n````", None),
        ("````\n```", Fence("````", "")),
        ("```\n~~~", Fence("```", "")),
        ("```\n``` py", Fence("```", "")),
        ("```\n```  \n", None),
        ("```\n```\r\n", None),
        ("```" + "i" * 99, Fence("```", "i" * LONGEST_INFO)),
    ],
)
def test_fences_open_and_close_by_the_rules_of_commonmark(text: str, fence: Fence | None) -> None:
    """Section 4.5, case by case."""
    assert fence_after(text) == fence


@given(st.text("`a\n~", max_size=200), st.sampled_from(["", "diff"]))
def test_nothing_in_a_code_block_ends_it(text: str, info: str) -> None:
    """The block is one block: open until its own last line."""
    block = code_block(text, info)
    assert block.startswith("```")
    assert not open_fence(block)
    lines = block.split("\n")
    assert all(open_fence("\n".join(lines[:count])) for count in range(1, len(lines)))


@given(st.text(st.characters() | st.sampled_from("\\`*_~|>[]()#@<-+:/ \n"), max_size=80))
def test_an_escaped_text_is_plain(text: str) -> None:
    """No character that Discord reads as markup is left bare, and nothing else changes."""
    escaped = escape(text)
    assert re.sub(r"\\(.)", r"\1", escaped) == " ".join(text.split())
    bare = re.sub(r"\\.", "", escaped)
    assert not re.search(r"[`*_~|>\[\]()#@<\n]", bare)
    assert "://" not in escaped
    assert not escaped.startswith(("-", "+"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("@everyone", r"\@everyone"),
        ("<@123> <#4> <:a:5>", r"\<\@123\> \<\#4\> \<:a:5\>"),
        ("[safe](https://evil.example)", r"\[safe\]\(https\://evil.example\)"),
        ("**b** __u__ ~~s~~ ||h|| `c`", r"\*\*b\*\* \_\_u\_\_ \~\~s\~\~ \|\|h\|\| \`c\`"),
        ("- item\n# head", r"\- item \# head"),
        ("a - b + c:d", "a - b + c:d"),
    ],
)
def test_mentions_links_and_markup_are_escaped(text: str, plain: str) -> None:
    """The cases that matter, as they are written."""
    assert escape(text) == plain
