"""Answers in the shapes of real agents become the pages that stand beside them."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from acp import Text
from bot.config.appearance import Style
from bot.render.transcript import Transcript
from loopback.web.markdown import to_html
from tests.bot.page_checks import assert_postable
from tests.bot.render.markdown_corpus import ANSWERS, DIRECTORY, PAGE_BREAK, NoNames, expected, pages_of


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda path: path.stem)
def test_an_answer_becomes_the_pages_beside_it(answer: Path) -> None:
    """`python -m tests.browser.corpus_pictures FOLDER` draws both."""
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


class _Items(HTMLParser):
    """The items of the lists in HTML: how deep each is, and the letters that it begins with."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self._depth = 0
        self.found: list[tuple[int, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._depth += tag in {"ul", "ol"}
        if tag == "li":
            self.found.append((self._depth, ""))

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in {"ul", "ol"}

    def handle_data(self, data: str) -> None:
        if self.found and self._depth:
            depth, words = self.found[-1]
            self.found[-1] = depth, (words + "".join(re.findall(r"[a-z]", data)))[:8]


@pytest.mark.parametrize("name", ["claude", "codex", "copilot", "gemini", "goose", "qwen"])
def test_lists_on_discord_have_the_levels_that_were_meant(name: str) -> None:
    """Compared by two renderers: one of CommonMark for the answer, and loopback's for its pages."""
    (answer,) = (path for path in ANSWERS if path.stem == name)
    meant = _Items(MarkdownIt("commonmark").render(answer.read_text())).found
    shown = _Items("".join(to_html(page, NoNames()) for page in pages_of(answer.read_text()))).found
    if name in {"codex", "copilot", "goose"}:  # Their links and boxes begin with other letters.
        assert [depth for depth, _ in shown] == [depth for depth, _ in meant]
    else:
        assert shown == meant
