"""Code blocks: where they begin and end, by CommonMark's rules and by Discord's."""

import pytest

from acp import Text
from bot.fences import Fence, closing, opening
from bot.transcript import Transcript


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
    """CommonMark, section 4.5; and where agents write as Discord reads."""
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
    """Which may be longer, not shorter; and a quoted block ends with its quote."""
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
        ("see ```py\na``` b", "see\n```py\na\n```\n b"),
        ('```py title="a.py"\nb\n```', '-# py title="a.py"\n```py\nb\n```'),
        ("```{.python}\nb\n```", "-# {.python}\n```python\nb\n```"),
        ("```\n\n```\nb", "b"),
        ("```py\na", "```py\na\n```"),
        ("```\n`a`\n```", "```\n`a`\n```"),
    ],
)
def test_a_code_block_is_shown_with_three_backticks(text: str, page: str) -> None:
    """Whatever its own marks were; what is inside never ends it."""
    assert shown(text) == page
