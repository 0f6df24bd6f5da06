"""Discord's Markdown as HTML: texts look as on Discord, and never become markup."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.web.markdown import to_html


class Names:
    """The names of two people, one of which looks like markup."""

    def user(self, user_id: int) -> str | None:
        return {1: "ann", 2: "<img src=x onerror=alert(1)>"}.get(user_id)

    def role(self, role_id: int) -> str | None:
        return "staff" if role_id == 3 else None

    def channel(self, channel_id: int) -> str | None:
        return "general" if channel_id == 4 else None


def shown(text: str) -> str:
    """Return the HTML of a text."""
    return to_html(text, Names())


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**b** *i* _i_ __u__ ~~s~~", "<strong>b</strong> <em>i</em> <em>i</em> <u>u</u> <s>s</s>"),
        ("***both***", "<em><strong>both</strong></em>"),
        ("snake_case_name 2 * 3 * 4", "snake_case_name 2 * 3 * 4"),
        ("||a **b**||", '<span class="spoiler">a <strong>b</strong></span>'),
        ("|| a | b", "|| a | b"),
        ("`a *b*` and `` c ` d ``", "<code>a *b*</code> and <code>c ` d</code>"),
        (r"\*a\* \_b\_ \<@1>", "*a* _b_ &lt;@1&gt;"),
        ("&amp; &lt;b&gt;", "&amp;amp; &amp;lt;b&amp;gt;"),
        ("a\n\n\nb\n  c", "a\n\n\nb\n  c"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("<:party:123> <a:dance:45>", '<span class="emoji">:party:</span> <span class="emoji">:dance:</span>'),
        ("</config set:77>", '<span class="mention">/config set</span>'),
        (
            "@everyone, @here",
            '<span class="mention everyone">@everyone</span>, <span class="mention everyone">@here</span>',
        ),
        ("#### four", "#### four"),
        ("#no", "#no"),
        ("5) no", "5) no"),
        ("<@5>", '<span class="mention" data-user="5">@unknown</span>'),
        ("<#6>", '<span class="mention" data-channel="6">#unknown</span>'),
    ],
)
def test_a_line_is_shown_as_discord_shows_it(text: str, html: str) -> None:
    """Cases of inline marks, escapes, and text that is no mark on Discord."""
    assert shown(text) == f"<p>{html}</p>"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# one\n## two\n### three", '<h3 class="h1">one</h3><h3 class="h2">two</h3><h3 class="h3">three</h3>'),
        ("-# small **print**", '<p class="subtext">small <strong>print</strong></p>'),
        ("> a\n> b\nc", "<blockquote><p>a\nb</p></blockquote><p>c</p>"),
        (">>> a\n# b\nc", '<blockquote><p>a</p><h3 class="h1">b</h3><p>c</p></blockquote>'),
        ("> > a", "<blockquote><p>&gt; a</p></blockquote>"),
        ("- a\n  - b\n- c\nd", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul><p>d</p>"),
        (
            "* a\n    * b\n    * c\n    * d\n* e",
            "<ul><li>a<ul><li>b<ul><li>c</li><li>d</li></ul></li></ul></li><li>e</li></ul>",
        ),
        (
            "- a\n    - b\n        - c\n    - d",
            "<ul><li>a<ul><li>b<ul><li>c</li><li>d</li></ul></li></ul></li></ul>",
        ),
        ("1. a\n   - b\n   - c\n2. d", "<ol><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ol>"),
        ("1. a\n  - b\n  - c", "<ol><li>a<ul><li>b</li><li>c</li></ul></li></ol>"),
        ("- a\n  - b\n  - c\n    - d", "<ul><li>a<ul><li>b</li><li>c<ul><li>d</li></ul></li></ul></li></ul>"),
        ("- a\n  more\n  - b\n- c", "<ul><li>a\nmore<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("- a\n  ```\n  - b\n      - c\n  ```", "<ul><li>a<pre><code>- b\n    - c</code></pre></li></ul>"),
        ("text\n2. a\n3. b", '<p>text</p><ol start="2"><li>a</li><li>b</li></ol>'),
        ("```py\nx = 1\n\ny\n```", '<pre><code data-language="py">x = 1\n\ny</code></pre>'),
        ("a ```b``` c", "<p>a</p><pre><code>b</code></pre><p> c</p>"),
        ("```\n**a** <b>\n```", "<pre><code>**a** &lt;b&gt;</code></pre>"),
        ("- a\n  ```\n  b\n    c\n  ```\n- d", "<ul><li>a<pre><code>b\n  c</code></pre></li><li>d</li></ul>"),
        ("> ```js\n> a\n> ```", '<blockquote><pre><code data-language="js">a</code></pre></blockquote>'),
        ("- a\n\nb", "<ul><li>a</li></ul><p>b</p>"),
        ("||a\n- b||", "<p>||a</p><ul><li>b||</li></ul>"),
        (
            "-# a\n\nb\n\n> c\n\n\n- d",
            '<p class="subtext">a</p><br/><p>b\n\n</p><blockquote><p>c</p></blockquote><br/><br/><ul><li>d</li></ul>',
        ),
        (
            "x ||see\n```py\ny\n```||\nz",
            '<p>x</p><div class="spoiler block"><p>see</p><pre><code data-language="py">y</code></pre></div><p>z</p>',
        ),
        ("a || b\n```\nx || y\n```", '<p>a <span class="spoiler"> b\n```\nx </span> y\n```</p>'),
        ("```open", "<p>```open</p>"),
        ("`` ``` ``", "<p><code>```</code></p>"),
    ],
)
def test_blocks_are_shown_as_discord_shows_them(text: str, html: str) -> None:
    """Cases of headings, subtext, quotes, lists, and code in any place."""
    assert shown(text) == html


def test_mentions_are_shown_by_name_and_keep_their_ids() -> None:
    """A name that looks like markup is text."""
    assert shown("<@1> <@!1> <@&3> <#4>") == (
        '<p><span class="mention" data-user="1">@ann</span> <span class="mention" data-user="1">@ann</span> '
        '<span class="mention" data-role="3">@staff</span> <span class="mention" data-channel="4">#general</span></p>'
    )
    assert "@&lt;img src=x onerror=alert(1)&gt;" in shown("<@2>")


def test_timestamps_carry_their_moment_and_style() -> None:
    """The page shows it in the reader's time zone. A time outside the calendar stays text."""
    assert shown("<t:1700000000:R>") == (
        '<p><time datetime="2023-11-14T22:13:20Z" data-style="R">14 November 2023 22:13</time></p>'
    )
    assert 'data-style="f"' in shown("<t:0>")
    assert shown("<t:9999999999999:R>") == "<p>&lt;t:9999999999999:R&gt;</p>"
    assert "<time" not in shown("<t:-99999999999:R>")


def test_only_web_addresses_become_links() -> None:
    """Bare, suppressed and masked links work. Other schemes stay text."""
    link = '<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{1}</a>'
    assert shown("see https://a.example/b_c_d.") == f"<p>see {link.format(*['https://a.example/b_c_d'] * 2)}.</p>"
    assert shown("https://a.example/x_(y)") == f"<p>{link.format(*['https://a.example/x_(y)'] * 2)}</p>"
    assert shown("<https://a.example>") == f"<p>{link.format(*['https://a.example'] * 2)}</p>"
    assert shown("[t **b**](https://a.example)") == f"<p>{link.format('https://a.example', 't <strong>b</strong>')}</p>"
    for scheme in ("javascript", "data", "vbscript", "file", "JaVaScRiPt"):
        assert "<a" not in shown(f"[a]({scheme}:alert(1)) {scheme}://a.example <{scheme}:alert(1)>")


def test_a_link_whose_label_is_another_address_stays_text() -> None:
    """Discord shows both addresses, so that no label lies about where a link leads."""
    shown_links = read(shown("[https://a.example](https://b.example)"))
    assert shown_links.text == "[https://a.example](https://b.example)"


def test_a_link_to_a_message_is_shown_by_its_place() -> None:
    """A masked one keeps its label, an unknown place its address, and all carry the ids that the page needs."""
    url, ids = "https://discord.com/channels/1/4/9", 'data-channel="4" data-message="9"'
    chip = f'<span class="mention" {ids}>#general</span>'
    assert shown(f"see {url} <{url}>") == f"<p>see {chip} {chip}</p>"
    assert (
        shown("https://ptb.discord.com/channels/1/4") == '<p><span class="mention" data-channel="4">#general</span></p>'
    )
    rest = 'target="_blank" rel="noopener noreferrer nofollow"'
    assert shown(f"[there]({url})") == f'<p><a href="{url}" {ids} {rest}>there</a></p>'
    unknown = url.replace("/4/", "/5/")
    assert shown(unknown) == f'<p><a href="{unknown}" data-channel="5" data-message="9" {rest}>{unknown}</a></p>'
    assert "data-" not in shown("https://discord.com.evil.example/channels/1/4/9")


TAGS: dict[str, frozenset[str]] = {
    "a": frozenset({"href", "target", "rel", "data-channel", "data-message"}),
    "blockquote": frozenset(),
    "br": frozenset(),
    "code": frozenset({"data-language"}),
    "div": frozenset({"class"}),
    "em": frozenset(),
    "h3": frozenset({"class"}),
    "li": frozenset(),
    "ol": frozenset({"start"}),
    "p": frozenset({"class"}),
    "pre": frozenset(),
    "s": frozenset(),
    "span": frozenset({"class", "data-user", "data-role", "data-channel", "data-message"}),
    "strong": frozenset(),
    "time": frozenset({"datetime", "data-style"}),
    "u": frozenset(),
    "ul": frozenset(),
}
"""Every possible tag with its attributes."""


@dataclass
class Found(HTMLParser):
    """Parses HTML like a browser, and collects what is not allowed."""

    wrong: list[str] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.stack.append(tag)
        for name, value in attrs:
            if name == "data-language":
                self.text += str(value)
            if name not in TAGS.get(tag, frozenset()):
                self.wrong.append(f"{tag} {name}")
            if name == "href" and not str(value).lower().startswith(("http://", "https://")):
                self.wrong.append(f"href {value}")
        if tag not in TAGS:
            self.wrong.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"instruction {data}")


def read(html: str) -> Found:
    """Parse HTML."""
    found = Found()
    found.feed(html)
    found.close()
    return found


PIECES = st.sampled_from(
    [
        *"*_~|`<>()[]!#-\\\"'&:/@=.0 \t\n",
        *("**", "__", "~~", "||", "```", "``", ">>> ", "> ", "- ", "1. ", "# ", "-# ", "\n\n", "    "),
        *("<script>", "</script>", "<img src=x onerror=alert(1)>", "<!--", "-->", "<![CDATA[", "javascript:", "&lt;"),
        *(
            "<@1>",
            "<@2>",
            "<#4>",
            "<t:1:R>",
            "https://discord.com/channels/1/4/9",
            "https://discord.com/channels/1/5",
            "<t:-1>",
            "<:a_b:1>",
            "</a b:1>",
            "https://a.example/",
            "http://",
            "[a](",
            "a",
            "é",
        ),
        *("\x00", "\x02", "\x03", "\x0e", "\x0f", "\r\n", "\u2028", "\ufeff", "style=", 'href="', "onload="),
    ]
)
TEXTS = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join))


@given(TEXTS)
def test_no_text_produces_another_tag_or_attribute(text: str) -> None:
    """For any text the tags are balanced and allowed, and addresses are of the web."""
    found = read(to_html(text, Names()))
    assert found.wrong == []
    assert found.stack == []


@given(
    st.lists(
        st.sampled_from([*"abcxyz", " ", "\n", "*", "_", "-", "# ", "> ", ">>> ", "- ", "`", "```", "||", "~~"]),
        max_size=80,
    )
)
def test_no_letter_is_lost(pieces: list[str]) -> None:
    """All words stay in their order, the language of a code block included."""
    text = "".join(pieces)
    assert [one for one in read(to_html(text, Names())).text if one.isalpha()] == [one for one in text if one.isalpha()]


def test_lists_deeper_than_discord_has_them_keep_their_text() -> None:
    """The parser drops text at its own bound on nesting, which lists never reach."""
    assert "end" in shown("- " * 200 + "end")
    assert "end" in shown("".join(f"{'  ' * depth}- {depth}\n" for depth in range(100)) + "end")
