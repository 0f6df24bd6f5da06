"""Lines of CommonMark, and where Discord has them: lists, quotes, headings, rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp import Text
from bot.render.inline import Inline
from bot.render.lines import line_of
from bot.render.transcript import Transcript
from bot.text.markdown import RULE


def shown(text: str) -> str:
    """The only page of a text."""
    transcript = Transcript()
    transcript.apply(Text(text))
    transcript.end()
    (page,) = transcript.pages()
    return page


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain words", "plain words"),
        ("# One", "# One"),
        ("## Two ##", "## Two"),
        ("### Three", "### Three"),
        ("#### Four", "**Four**"),
        ("###### Six **bold** `words` ##", "**Six bold `words`**"),
        ("#### ", ""),
        ("#hashtag", "#hashtag"),
        ("---", RULE),
        ("* * *", RULE),
        ("___", RULE),
        ("--", "--"),
        ("- [ ] open", "- ☐ open"),
        ("  1. [x] done", "1. ☑ done"),
        ("* [X] done", "* ☑ done"),
        ("+ item", "- item"),
        ("1) item", "1. item"),
        ("*   item", "* item"),
        ("> quote", "> quote"),
        (">> deep", "> deep"),
        ("> > deep", "> deep"),
        (">>> all the rest", "> all the rest"),
        ("> #### Four", "> **Four**"),
        ("> [!WARNING]", "> **Warning**"),
        ("-# small", "\\-# small"),
        ("- -# small", "- \\-# small"),
        ("> -# small", "> \\-# small"),
        ("[1]: https://a.b 'title'", "[1]: <https://a.b>"),
        ("[^1]: the note", "¹ the note"),
        ("[^a]: the note", "[a] the note"),
        ("a line break\\", "a line break"),
        ("- a<br>b", "- a\n  b"),
        ("> a<br>b", "> a\n> b"),
        ("# a<br>b", "# a b"),
        ("<div>", ""),
    ],
)
def test_a_line_becomes_what_shows_the_same_on_discord(line: str, expected: str) -> None:
    """Headings, rules, items, quotes and definitions, case by case."""
    assert line_of(line).shown(Inline()) == expected


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("- a\n  - b\n    - c\n- d", "- a\n  - b\n    - c\n- d"),
        ("* a\n    * b\n        * c\n    * d\n* e", "* a\n  * b\n    * c\n  * d\n* e"),
        ("*   a\n    *   b\n", "* a\n  * b"),
        ("- a\n   - b\n      - c", "- a\n  - b\n    - c"),
        ("- a\n\t- b\n\t\t- c", "- a\n  - b\n    - c"),
        ("1. a\n   - b\n   - c\n2. d", "1. a\n  - b\n  - c\n2. d"),
        ("1. a\n  - b\n2. c", "1. a\n  - b\n2. c"),
        ("10. a\n    1. b\n    2. c\n11. d", "10. a\n  1. b\n  2. c\n11. d"),
        (" 9. a\n10. b", "9. a\n10. b"),
        ("1. a\n1. b\n1. c", "1. a\n2. b\n3. c"),
        ("- a\n  more\n  - b\n    more", "- a\n  more\n  - b\n    more"),
        ("- a\n\n  more\n\n  - b\n- c", "- a\n  more\n  - b\n- c"),
        ("1. a\n\n2. b", "1. a\n\n2. b"),
        ("1. a\n\n   ```\n   x\n   ```\n\n   more\n1. b", "1. a\n```\nx\n```\n  more\n2. b"),
        ("- a\n\nwords\n    - b", "- a\n\nwords\n- b"),
        ("> - a\n>     - b", "> - a\n>   - b"),
        ("- a\n- b\nwords", "- a\n- b\nwords"),
    ],
)
def test_a_list_is_indented_by_two_spaces_a_level(text: str, page: str) -> None:
    """However the agent indents it. Blank lines inside an item would end its list on Discord."""
    assert shown(text) == page


def test_very_deep_lists_stay_lists() -> None:
    """Discord has eleven levels."""
    page = shown("".join(f"{'  ' * depth}- a\n" for depth in range(40)))
    assert page.split("\n")[-1] == f"{'  ' * 9}- a"


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("Title\n=====\nwords", "# Title\nwords"),
        ("Sub **b**\n---\nwords", "## Sub **b**\nwords"),
        ("A sentence.\n---\nwords", f"A sentence.\n{RULE}\nwords"),
        ("one\ntwo\n---", f"one\ntwo\n{RULE}"),
        ("one\n\n---", f"one\n\n{RULE}"),
        ("- item\n---", f"- item\n{RULE}"),
        ("a\n--- b", "a\n--- b"),
    ],
)
def test_an_underlined_line_is_a_heading(text: str, page: str) -> None:
    """Unless it is a sentence, or part of a longer paragraph: agents mean a rule then."""
    assert shown(text) == page


def test_emphasis_and_code_may_end_in_a_later_line() -> None:
    """Of the same paragraph, and not behind a blank line."""
    assert shown("**bold\nwords** and `co\nde`") == "**bold\nwords** and `co de`"
    assert shown("a *b\n\nc* d") == "a \\*b\n\nc\\* d"


def test_a_tag_that_only_arranges_has_no_line() -> None:
    """What is inside is shown."""
    text = "<details>\n<summary>More</summary>\n\nhidden\n</details>\nbehind"
    assert shown(text) == "**More**\n\nhidden\nbehind"
    assert shown("one\n\n<details>\n\n</details>\n\ntwo") == "one\n\ntwo"
    assert shown("one\n</div>\n\ntwo") == "one\n\ntwo"


@pytest.mark.parametrize("line", ["42", "42.", "2024", "  7", "1)"])
def test_a_last_line_of_digits_is_shown_before_more_comes(line: str) -> None:
    """It may become an item of a list, and may as well be the whole answer."""
    transcript = Transcript()
    transcript.apply(Text(f"The answer is\n{line}"))
    (page,) = transcript.pages()
    assert page.split("\n")[-1].strip() == line.strip().replace(")", ".")


@given(
    st.lists(st.sampled_from(["- a\n", "  ", "    ", "1. b\n", "c\n", "\n", "\t", "> ", "```\n", "# d\n"]), max_size=30)
)
def test_an_item_is_at_most_one_level_below_the_one_before(pieces: list[str]) -> None:
    """On Discord, wherever the agent has put it."""
    levels = []
    items: tuple[object, ...] = ()
    for text in "".join(pieces).split("\n"):
        line = line_of(text, items)  # type: ignore[arg-type]
        if line.kind == "item":
            levels.append(len(line.items))
            assert line.before.removeprefix("> ").startswith("  " * (len(line.items) - 1))
            assert len(line.items) <= len(items) + 1
        items = line.items
    assert all(level <= 10 for level in levels)
