"""Answers in the shapes of real agents become the pages that stand beside them."""

import re
from pathlib import Path

import pytest

from acp import Text
from bot.config.appearance import Style
from bot.render.transcript import Transcript
from tests.bot.page_checks import assert_postable
from tests.bot.render.markdown_corpus import ANSWERS, DIRECTORY, PAGE_BREAK, expected, pages_of


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda path: path.stem)
def test_an_answer_becomes_the_pages_beside_it(answer: Path) -> None:
    """`python -m tests.browser.markdown_corpus FOLDER` draws both."""
    assert PAGE_BREAK.join(pages_of(answer.read_text())) + "\n" == expected(answer).read_text()


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda path: path.stem)
def test_an_answer_becomes_the_same_pages_in_any_chunks(answer: Path, size: int) -> None:
    """Also while each chunk is looked at."""
    text = answer.read_text()
    assert pages_of(text, size) == pages_of(text)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda path: path.stem)
def test_no_raw_marks_are_seen_while_an_answer_is_written(answer: Path) -> None:
    """At every character, marks of bold and code are in pairs; a page can always be posted."""
    text = answer.read_text()
    transcript = Transcript(Style(directory=DIRECTORY))
    for character in text:
        transcript.apply(Text(character))
        pages = transcript.pages()
        assert_postable(pages)
        for page in pages:
            words = re.sub(r"```.*?```|\\[^0-9A-Za-z\s]", "x", page, flags=re.DOTALL)
            words = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "x", words, flags=re.DOTALL)
            assert "`" not in words
            assert words.replace("***", "**").count("**") % 2 == 0
            assert "__" not in words
            assert "](" not in re.sub(r"\]\(<?https?://\S+?>?\)", "", words)
