"""Code blocks: where they begin and end, by CommonMark's rules and by Discord's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from acp import Text
from bot.render.code_blocks import Fence, balanced, closing, opening
from bot.render.transcript import Transcript


def shown(text: str) -> str:
    """The only page of a text."""
    transcript = Transcript()
    transcript.apply(Text(text))
    transcript.end()
    (page,) = transcript.pages()
    return page


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("```", ("", Fence("```"))),
        ("```py", ("", Fence("```", "py"))),
        ("   ~~~ a `b`", ("", Fence("~~~", "a `b`", "   "))),
        ("      ```js", ("", Fence("```", "js", "      "))),
        ("> ```py", ("", Fence("```", "py", quoted=True))),
        ("words ```py", ("words", Fence("```", "py", in_line=True))),
        ("words: ```", ("words:", Fence("```", in_line=True))),
        ("``", None),
        ("```a`b", None),
        ("```code```", None),
        ("words ```code```", None),
        ("words ``` more words", None),
        ("words", None),
    ],
)
def test_a_code_block_begins_at_a_line_or_behind_words(line: str, found: object) -> None:
    """CommonMark, section 4.5, and the places where agents write as Discord reads."""
    assert opening(line) == found


@pytest.mark.parametrize(
    ("line", "fence", "ended"),
    [
        ("```", Fence("```"), (None, None)),
        ("````", Fence("```"), (None, None)),
        ("  ```  ", Fence("```"), (None, None)),
        ("```", Fence("````"), None),
        ("~~~", Fence("```"), None),
        ("``` py", Fence("```"), None),
        ("code```", Fence("```"), ("code", None)),
        ("a ```b``` c", Fence("```"), None),
        ("code``` words", Fence("```"), None),
        ("code``` words", Fence("```", in_line=True), ("code", " words")),
        ("> ```", Fence("```", quoted=True), (None, None)),
        ("words", Fence("```", quoted=True), (None, "words")),
        ("", Fence("```"), None),
    ],
)
def test_a_code_block_ends_at_its_own_marks(line: str, fence: Fence, ended: object) -> None:
    """They may be longer, but not shorter; a quoted block ends with its quote."""
    assert closing(line, fence) == ended


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("~~~py\na\n~~~", "```py\na\n```"),
        ("````md\n```py\na\n```\n````\nb", "```md\n``\u200b`py\na\n``\u200b`\n```\nb"),
        ("- item\n  ```py\n  a\n    b\n  ```\n- next", "- item\n```py\na\n  b\n```\n- next"),
        ("> ```\n> a\n> ```\n> b", "```\na\n```\n> b"),
        ("> ```\n> a\nb", "```\na\n```\nb"),
        ("see ```py\na```\nb", "see\n```py\na\n```\nb"),
        ("see ```py\na``` b", "see\n```py\na\n```\nb"),
        ('```py title="a.py"\nb\n```', "*a.py*\n```py\nb\n```"),
        ("```{.python}\nb\n```", "*{.python}*\n```python\nb\n```"),
        ("```rust,ignore\nb\n```", "*rust,ignore*\n```rust\nb\n```"),
        ("```⚠ Not the bot\nb\n```", "*⚠ Not the bot*\n```\nb\n```"),
        ("a\n\n    b\n      c\n\n    d\n\ne", "a\n\n```\nb\n  c\n\nd\n```\ne"),
        ("a\n    b", "a\nb"),
        ("a\n\n\tb\nc", "a\n\n```\nb\n```\nc"),
        ("    a", "a"),
        ("- a\n\n      b\n- c", "- a\n\n```\nb\n```\n- c"),
        ("- a\n\n    b\n- c", "- a\n  b\n- c"),
        ("```\n\n```\nb", "b"),
        ("```py\na", "```py\na\n```"),
        ("```\n`a`\n```", "```\n`a`\n```"),
    ],
)
def test_a_code_block_is_shown_with_three_backticks(text: str, page: str) -> None:
    """Whatever its own marks were; its content never ends it."""
    assert shown(text) == page


# ---- a message among others


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("words", "words"),
        ("```py\ncode\n```\nwords", "```py\ncode\n```\nwords"),
        ("````\n```\n````", "````\n```\n````"),
        ("```\nnever closed", "```\nnever closed\n```"),
        ("~~~ a b\nnever closed", "~~~a b\nnever closed\n~~~"),
        ("look: ```js\ncode\n```", "look:\n```js\ncode\n```"),
        ("```js\ncode``` and so on", "```js\ncode``` and so on\n```"),
        ("see ```\na``` then ```\nb", "see\n```\na\n```\n then\n```\nb\n```"),
        ("     ```\n     deep\n     ```", "```\ndeep\n```"),
        ("~~~ ~~~\na", "~~~ ~~~\na\n~~~"),
        ("`````` ```\na", "``\u200b``\u200b``\n```\na\n```"),
        ("> ```\n> quoted", "> ```\n> quoted"),
        ("> ```\n> quoted\nbehind", "> ```\n> quoted\n> ```\nbehind"),
        ("one ```line```", "one ```line```"),
        ("<!-- and `<!--` <@1> <https://a.b> <b>", "\\<!-- and `<!--` <@1> <https://a.b> \\<b>"),
    ],
)
def test_a_message_is_written_so_that_its_code_ends_with_it(text: str, written: str) -> None:
    """A block that only Discord knows becomes one of CommonMark; its last line would open another one there."""
    assert balanced(text) == written


MARKS = [
    "```",
    "````",
    "~~~",
    "```py",
    "> ",
    "- ",
    "  ",
    "    ",
    "\t",
    "`",
    "\\",
    "<!--",
    "<pre>",
    "<details>",
    "words",
    " ",
]


@given(st.lists(st.one_of(st.sampled_from(MARKS), st.just("\n")), max_size=14).map("".join))
def test_whatever_a_message_says_the_next_heading_is_a_heading(text: str) -> None:
    """Checked by a CommonMark parser."""
    tokens = MarkdownIt().parse(f"## one\n\n{balanced(text)}\n\n## two, later")
    heads = [inline.content for at, inline in enumerate(tokens) if at and tokens[at - 1].type == "heading_open"]
    assert heads[-1] == "two, later"
    assert tokens[-3].level == 0
