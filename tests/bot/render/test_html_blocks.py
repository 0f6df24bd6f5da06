"""HTML that spans lines: comments, preformatted text and tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp import Text
from bot.config.appearance import Style
from bot.render.converter import MarkdownConverter
from bot.render.html_blocks import LONGEST
from bot.render.transcript import Transcript
from bot.render.uploads import UploadShelf
from tests.bot.page_checks import assert_postable
from tests.support.call_count import calls


def pages(text: str, size: int = 0, *, ended: bool = True) -> list[str]:
    """The pages of a text that comes at once, or in chunks that are looked at."""
    transcript = Transcript()
    for at in range(0, len(text), size or len(text) or 1):
        transcript.apply(Text(text[at : at + (size or len(text) or 1)]))
        transcript.pages()
    if ended:
        transcript.end()
    return transcript.pages()


TABLE = "<table>\n<tr><th>Name</th><th>Size</th></tr>\n<tr><td>a.py</td><td>3</td></tr>\n</table>"
SHOWN = "```\nName  Size\n────  ────\na.py  3\n```"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\n<!-- a\nb -->\ntwo", "one\ntwo"),
        ("one\n\n<!-- a\n\nb -->\n\ntwo", "one\n\ntwo"),
        ("one <!-- a\nb --> two", "one\ntwo"),
        ("<!-- a --><!-- b\n--> two", "two"),
        ("<!-- TODO: -- x -- -->\ntwo", "two"),
        ("in `<!--` and\n`-->` code", "in `<!--` and\n`-->` code"),
        ("```\n<!-- a\n```\nb", "```\n<!-- a\n```\nb"),
        ("<pre>\na  &lt;b&gt;\n  c\n</pre>\nd", "```\na  <b>\n  c\n```\nd"),
        ('<pre><code class="language-py">x = 1\ny = 2</code></pre>', "```py\nx = 1\ny = 2\n```"),
        ('<pre lang="sh">ls</pre> lists', "```sh\nls\n```\nlists"),
        ("<pre>a <b>bold</b> List<String> x</pre>", "```\na bold List<String> x\n```"),
        ("<PRE>\na\n</PRE>", "```\na\n```"),
        ("words\n<pre>\na", "words\n```\na\n```"),
        (f"one\n{TABLE}\ntwo", f"one\n{SHOWN}\ntwo"),
        (TABLE.replace("\n", ""), SHOWN),
        (TABLE.replace("<td>", "\n  <td align='left'>\n").replace("</td>", ""), SHOWN),
        (TABLE.replace("</tr>\n<tr>", "</tr></thead>\n<tbody><tr>").replace("<table>", "<table><thead>"), SHOWN),
        (TABLE.replace("<table>", "<table><caption>Files</caption>"), f"Files\n{SHOWN}"),
        ("<table>\n<tr><td>only</td></tr>\n</table>", "```\nonly\n────\n```"),
        ("<table><tr><th>a</th></tr>\n<tr><td>x<td><b>y</b> | z</table>", "```\na\n─  ─────\nx  y | z\n```"),
        ("<table>\n</table>\nbehind", "behind"),
        ("the <table> tag and the <pre> tag", "the <table> tag and the <pre> tag"),
        ("<tablecloth>\nis none", "<tablecloth>\nis none"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [0, 1, 7])
def test_html_that_spans_lines_is_shown_as_what_it_means(text: str, shown: str, size: int) -> None:
    """In whatever chunks it comes, looked at after each."""
    assert pages(text, size) == [shown]


@pytest.mark.parametrize("begins", ["<!-- ", "<table>"])
def test_html_without_an_end_is_shown_as_it_was_written(begins: str) -> None:
    """Nothing is lost, whether the text ends or goes on for long."""
    short = f"one\n{begins}two\nthree"
    assert "three" in "".join(pages(short))
    text = f"{begins}\n" + "".join(f"line {number}\n" for number in range(LONGEST // 4))
    assert "".join(pages(text, ended=False)).count("line ") > 100
    found = pages(text)
    assert_postable(found)
    assert "line 0\n" in found[0]


def test_preformatted_text_is_seen_while_it_is_written_and_a_table_too() -> None:
    """A comment is not."""
    assert pages("<pre>a", ended=False) == ["```\na\n```"]
    assert pages("<pre>\na &lt;\nb", ended=False) == ["```\na <\nb\n```"]
    assert pages(TABLE.removesuffix("\n</table>") + "\n", ended=False) == [SHOWN]
    assert pages("one\n<!-- two\nthree", ended=False) == ["one"]


def test_a_very_long_line_of_preformatted_text_ends_where_it_ends() -> None:
    """What is behind it is words again."""
    found = pages("<pre>" + "word " * 1_300 + "</pre> **behind** " + "more " * 300)
    assert_postable(found)
    assert found[-1].count("```") == 0
    assert "**behind**" in "".join(found)


def test_preformatted_text_that_is_very_long_is_a_file() -> None:
    """As any long code is, with its entities replaced."""
    transcript = Transcript(Style(long_code_lines=10))
    transcript.apply(Text("<pre>\n" + "a &amp; <b>b</b>\n" * 50 + "</pre>\nbehind"))
    transcript.end()
    (page,) = transcript.pages()
    assert page.endswith("50 lines\nbehind")
    (file,) = transcript.files()
    assert file.source().decode() == "a & b\n" * 50


TAGS = ["<!--", "-->", "<pre>", "<pre><code>", "</pre>", "<table>", "</table>", "<tr>", "<td>", "</td>", "&lt;"]
OTHERS = ["\n", "\n\n", "- ", "> ", "|", "```\n", "word ", "`", "**", "x" * 650]
PIECES = st.lists(st.sampled_from(TAGS + OTHERS), max_size=40).map("".join)


@given(PIECES, st.sampled_from([1, 3, 50]))
def test_html_in_any_order_makes_the_same_pages_in_any_chunks(text: str, size: int) -> None:
    """They can be posted, and no backtick is left open."""
    whole = pages(text)
    assert_postable(whole)
    assert pages(text, size) == whole


UNITS = [
    *("<!--", "<!-- x\n", "<!-- x -->", "<!-- x -->\n", "-->\n", "<pre>", "<pre>\n", "<pre>x</pre>", "</pre>\n"),
    *("<table>", "<table>\n", "<table></table>", "<tr><td>x", "<pre <pre ", "<table <table "),
    "<table><tr><td>x</td></tr></table>\n",
]


@pytest.mark.parametrize("unit", UNITS)
def test_the_cost_of_html_grows_with_the_length(unit: str) -> None:
    """Counted in calls of functions; nothing nests as deep as the text is long."""

    def convert(size: int) -> None:
        converter = MarkdownConverter(Style(), UploadShelf())
        for at in range(0, size, 500):
            converter.feed((unit * size)[at : at + 500])
        converter.close()

    few, many = (calls(lambda size=size: convert(size)) for size in (8_000, 16_000))  # type: ignore[misc]
    assert many <= 2.3 * few + 200
