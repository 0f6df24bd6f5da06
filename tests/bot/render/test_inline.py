"""Words inside a line: emphasis, code, links, files, HTML and entities, as Discord shows them best."""

import re
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.render.inline import Inline
from tests.bot.page_checks import HOSTILE, words_of
from tests.support.call_count import calls


def converted(text: str) -> str:
    """The words of an agent that works in `/srv/p`."""
    return Inline("/srv/p").convert(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("**b** *i* ***both*** ~~s~~", "**b** *i* ***both*** ~~s~~"),
        ("_i_ and __bold words__", "*i* and **bold words**"),
        ("**a *b* c** and *a **b** c*", "**a *b* c** and *a **b** c*"),
        ("**中文：**后面", "**中文：**后面"),
        ("x**2**", "x**2**"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("2 ** 3 ** 4", r"2 \*\* 3 \*\* 4"),
        ("*args and **kwargs", r"\*args and \*\*kwargs"),
        ("f(*a)(*b)", r"f(\*a)(\*b)"),
        ("**/*.py and **/b", r"\*\*/\*.py and \*\*/b"),
        ("snake_case_name", "snake_case_name"),
        ("a_b and c_ d", r"a_b and c\_ d"),
        ("__init__.py", r"\_\_init\_\_.py"),
        ("a__b__c", r"a\_\_b\_\_c"),
        ("a || b || c", r"a \|\| b \|\| c"),
        ("a||b||c", r"a\|\|b\|\|c"),
        ("a ||spoiler|| b", "a ||spoiler|| b"),
        ("a ~~ b", r"a \~\~ b"),
        ("*a _b_ c* **a __b c__ d**", "*a b c* **a b c d**"),
        ("**a _b** c_", r"**a \_b** c\_"),
        ("*a*_b_", "*a*\u200b*b*"),
        ("****", r"\*\*\*\*"),
        (r"\*a\* \_", r"\*a\* \_"),
        ("**Note: not closed", "**Note: not closed**"),
        ("<@123> <:name:456> <t:1:R>", "<@123> <:name:456> <t:1:R>"),
    ],
)
def test_marks_of_emphasis_mean_what_they_mean_in_commonmark(text: str, shown: str) -> None:
    """Those without a partner are escaped where Discord would read them as marks."""
    assert converted(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`a**b` `__init__` `x||y`", "`a**b` `__init__` `x||y`"),
        ("`` ` `` stays", "`` ` `` stays"),
        ("a ```code``` b", "a `code` b"),
        ("a ```one``` ```two``` b", "a `one` `two` b"),
        ("a ``` b", r"a \`\`\` b"),
        ("a ` b", r"a \` b"),
        ("`a```b` c", "``a`\u200b`\u200b`b`` c"),
        ("```a`b``c``` d", "``a`b`\u200b`c`` d"),
        ("`a`<kbd>b</kbd>", "`a`\u200b`b`"),
        (r"`C:\*` and `<br>` and `&lt;`", r"`C:\*` and `<br>` and `&lt;`"),
    ],
)
def test_code_stays_as_it_is(text: str, shown: str) -> None:
    """Backticks that begin none are text."""
    assert converted(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[main.py:12](src/main.py#L12)", "`src/main.py:12`"),
        ("[`main.py`](/srv/p/src/main.py#L3-L9)", "`src/main.py:3-9`"),
        ("[src/main.py:12](/srv/p/src/main.py:12)", "`src/main.py:12`"),
        ("[main.py:5](main.py)", "`main.py:5`"),
        ("[main.py](./main.py#L5C2)", "`main.py:5`"),
        ("[a b.py](</srv/p/a b.py>)", "`a b.py`"),
        ("[a.py](file:///srv/p/a%20b/a.py#L1)", "`a b/a.py:1`"),
        ("[hosts](file:///etc/hosts)", "`/etc/hosts`"),
        ("[a.py](vscode://file/srv/p/a.py:3:1)", "`a.py:3:1`"),
        ("see file:///srv/p/a.py:3 and <file:///etc/x>", "see `a.py:3` and `/etc/x`"),
        ("【F:src/main.py†L12-L20】", "`src/main.py:12-20`"),
        ("[the loader](src/load.py)", "the loader (`src/load.py`)"),
        ("[**the** loader](src/load.py#L7)", "**the** loader (`src/load.py:7`)"),
        ("![](shot.png) ![the page](out/page.png)", "image (`shot.png`) the page (`out/page.png`)"),
        ("[below](#usage)", "below"),
        ("[usage](README.md#usage)", "usage (`README.md#usage`)"),
        ("[Makefile](Makefile)", "`Makefile`"),
        ("[mail us](mailto:a@b.example)", "mail us (`a@b.example`)"),
        ("handlers[name](argument) matrix[i][j]", "handlers[name](argument) matrix[i][j]"),
    ],
)
def test_a_link_to_a_file_is_code_relative_to_the_directory(text: str, shown: str) -> None:
    """Discord opens only web addresses; the words stay where they say more than the file's name."""
    assert converted(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a](http://b)", "[a](http://b)"),
        ("[a](https://b/c_d_(e)_f)", "[a](https://b/c_d_(e)_f)"),
        ("[a](<https://b/c>)", "[a](https://b/c)"),
        ("![alt](http://p/q.png)", "[alt](http://p/q.png)"),
        ("a ![](http://p/q(1).png) b", "a [image](http://p/q(1).png) b"),
        ('![a](http://p "title")', '[a](http://p "title")'),
        ("[![badge](https://i/b.png)](https://u)", "[badge](https://u)"),
        ("`![a](http://p)`", "`![a](http://p)`"),
        ("wow! [a](http://p)", "wow! [a](http://p)"),
        ("[https://a.b/](https://a.b)", "<https://a.b>"),
        ("[see https://a.b](https://c.d)", "see https://a.b (<https://c.d>)"),
        ("https://a.b/_c_/**d**_e <https://a/*b*c>", "https://a.b/_c_/**d**_e <https://a/*b*c>"),
        ("**https://a.b/c_d**", "**https://a.b/c_d**"),
        ("[the docs][1], read", "the docs [1], read"),
        ("a[^1] b[^note]", "a¹ b[note]"),
    ],
)
def test_only_links_to_the_web_stay_links(text: str, shown: str) -> None:
    """Images become links, and a link whose words hold an address shows both: Discord would show its source."""
    assert converted(text) == shown


def test_a_reference_link_leads_where_it_was_defined() -> None:
    """With its own words, with its label, or with the label alone."""
    inline = Inline("/srv/p")
    assert inline.define("The Docs", "https://a.b") == "<https://a.b>"
    assert inline.define("code", "/srv/p/c.py#L2") == "`c.py:2`"
    assert inline.convert("[x][the docs]") == "[x](https://a.b)"
    assert inline.convert("[the docs][], [the docs]") == "[the docs](https://a.b), [the docs](https://a.b)"
    assert inline.convert("[c.py][code] [other]") == "`c.py:2` [other]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>b</b> <em>i</em> <u>u</u> <del>s</del>", "**b** *i* __u__ ~~s~~"),
        ("<kbd>Ctrl</kbd>+<kbd>C</kbd> <code>a_b</code>", "`Ctrl`+`C` `a_b`"),
        ("<details><summary>More</summary>", "**More**"),
        ("x<sup>2</sup> H<sub>2</sub>O x<sup>a</sup>", "x² H₂O x^a"),
        ('<a href="https://a.b">x</a> <img src="i.png" alt="i">', "[x](https://a.b) i (`i.png`)"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("a" + "<br>" * 50 + "b", "a\n\n\nb"),
        ("a<!-- b -->c", "ac"),
        ("use the <b> tag", "use the <b> tag"),
        ("Vec<String> <T> a<b and c>d", "Vec<String> <T> a<b and c>d"),
        ("&lt;b&gt; &amp; &quot;x&quot;&nbsp;&#8594; &copy;", '\\<b\\> & "x" → ©'),
        ("&#42;a&#42; &#64;here &unknown; AT&T", r"\*a\* \@here &unknown; AT&T"),
    ],
)
def test_html_and_entities_become_what_they_mean(text: str, shown: str) -> None:
    """Tags that are not HTML's, and those without an end, stay; an entity is never a mark."""
    assert converted(text) == shown


@pytest.mark.parametrize("text", ["-# small", "&#45;# small", "a<br>-# small", "<span>-# small</span>", "  -# small"])
def test_no_words_become_small_grey_text(text: str) -> None:
    """The bot's own lines look so."""
    assert not re.search(r"^ *-#", converted(text), re.MULTILINE)
    assert r"\-# small" in converted(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**bo", "**bo**"),
        ("**bold*", "**bold**"),
        ("**", ""),
        ("a *i", "a *i*"),
        ("***x", "***x***"),
        ("**a *b", "**a *b***"),
        ("**a `b", "**a `b`**"),
        ("`co", "`co`"),
        ("a `", "a "),
        ("~~s", "~~s~~"),
        ("||s", "||s||"),
        ("<b>x", "**x**"),
        ("[main.py:12](src/ma", "main.py:12"),
        ("[main.py", "main.py"),
        ("a <det", "a "),
        ("a <!-- hid", "a "),
        ("a\\", "a"),
        ("2 * 3", "2 * 3"),
        ("__init", r"\_\_init"),
    ],
)
def test_what_has_begun_is_closed_while_a_line_is_written(text: str, shown: str) -> None:
    """Nobody sees marks that are about to become emphasis, code or a link."""
    assert Inline().convert(text, draft=True) == shown


MARKS = st.lists(
    st.sampled_from([*"`*_~|[]()<>!&;\\#- ab", "**", "||", "<b>", "</b>", "&lt;", "[a](b.c)", "http://x", "\n"]),
    max_size=40,
).map("".join)


@given(MARKS | HOSTILE.map(lambda text: text[:600]), st.booleans())
def test_no_words_open_a_code_block(text: str, draft: bool) -> None:  # noqa: FBT001 - a parameter
    """Discord would read three backticks as one, and swallow the rest."""
    assert "```" not in Inline().convert(text, draft=draft)
    assert "```" not in Inline().plain(text)


@given(st.text("`*_~|ab 漢.\\", max_size=60))
@example("`\\```.`")
@example("```a`b```")
@example("\\``b`")
@example("\\```x ``y``")
@example(".`*~*~")
def test_marks_that_stay_are_in_pairs(text: str) -> None:
    """Whatever else is not escaped cannot begin anything on Discord."""
    bare = re.sub(r"\\[^0-9A-Za-z\s]|(`+)(?!`).*?(?<!`)\1(?!`)", "x", converted(text), flags=re.DOTALL)
    assert "`" not in bare
    assert len(re.findall(r"\*\*", bare)) % 2 == 0 or "***" in bare
    assert bare.count("~~") % 2 == 0
    assert bare.count("||") % 2 == 0
    assert "__" not in bare


@given(MARKS, st.integers(1, 60))
def test_a_beginning_cuts_nothing_that_belongs_together(text: str, end: int) -> None:
    """Its words and those of the rest are all words; it takes at least a character."""
    if not text:
        return
    inline = Inline()
    words, cut = inline.beginning(text, min(end, len(text)))
    assert 0 < cut <= len(text)
    assert inline.beginning(text, len(text)) == (inline.convert(text), len(text))
    if not re.search(r"[&\[<:]", text):
        assert words_of(words) + words_of(inline.convert(text[cut:])) == words_of(text[:cut]) + words_of(text[cut:])


@pytest.mark.parametrize(
    "unit",
    [
        "`",
        "*",
        "**a ",
        "*a*",
        "__a ",
        "||a",
        "~~a",
        "[",
        "[a](",
        "![",
        "<",
        "<b>",
        "<!--",
        "&amp;",
        "``a`",
        "[x[a]",
        "<a b",
    ],
)
def test_the_cost_grows_with_the_length(unit: str) -> None:
    """Counted in calls of functions."""
    few, many = (calls(partial(Inline().convert, (unit * size)[:size])) for size in (600, 1200))
    assert many <= 2.3 * few + 50
