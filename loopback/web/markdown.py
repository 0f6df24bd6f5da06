"""Renders Discord's Markdown as HTML. Pure.

Only this renderer writes tags and attributes. It escapes all text.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from loopback.web.lists import nested

from . import blocks, inlines
from .preprocess import marked

_FORMATS: Final = {
    "t": "%H:%M",
    "T": "%H:%M:%S",
    "d": "%Y-%m-%d",
    "D": "%d %B %Y",
    "f": "%d %B %Y %H:%M",
    "F": "%A, %d %B %Y %H:%M",
}
_BLOCKS: Final = "(?:ul|ol|li|p|blockquote|div|pre|h3)"
_BETWEEN_BLOCKS: Final = re.compile(rf"(</?{_BLOCKS}(?: [^<>]*)?>)\n|\n(<{_BLOCKS}[ >])")
_Env = MutableMapping[str, Any]


class Names(Protocol):
    """The names for the ids in a text, None for an unknown id."""

    def user(self, user_id: int) -> str | None:
        """Return a user's name."""

    def role(self, role_id: int) -> str | None:
        """Return a role's name."""

    def channel(self, channel_id: int) -> str | None:
        """Return a channel's or thread's name."""


def to_html(text: str, names: Names) -> str:
    """Return the text as HTML."""
    html: str = _PARSER.render(nested(marked(text)), {"names": names})
    # The page shows all line breaks, so those that the renderer adds between blocks must go.
    return _BETWEEN_BLOCKS.sub(r"\1\2", html)


def _parser() -> MarkdownIt:
    # Deeper than lists can be, because beyond it the parser drops text.
    parser = MarkdownIt("zero", {"maxNesting": 60})
    parser.enable(["emphasis", "strikethrough", "backticks", "link"])
    blocks.install(parser)
    inlines.install(parser)
    parser.validateLink = _is_web_address  # type: ignore[method-assign]
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _is_web_address(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _code(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Env) -> str:
    del self, options, env
    language = f' data-language="{escapeHtml(tokens[at].info)}"' if tokens[at].info else ""
    return f"<pre><code{language}>{escapeHtml(tokens[at].content)}</code></pre>\n"


def _gap(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Env) -> str:
    del self, options, env
    return tokens[at].content


def _link(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Env) -> str:
    del self, options, env
    return _anchor(str(tokens[at].attrGet("href")))


def _anchor(url: str) -> str:
    return f'<a href="{escapeHtml(url)}"{_place(url)} target="_blank" rel="noopener noreferrer nofollow">'


def _place(url: str) -> str:
    """Return the attributes by which the page finds the channel or message of a link."""
    place = inlines.place_of(url)
    if place is None:
        return ""
    channel, message = place
    return f' data-channel="{channel}"' + (f' data-message="{message}"' if message else "")


def _jump(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Env) -> str:
    """Render a link to a channel or a message as the name of its place, or as it is if the place is unknown."""
    del self, options
    url = tokens[at].content
    place = inlines.place_of(url)
    named = env["names"].channel(place[0]) if place else None
    if not named:
        return f"{_anchor(url)}{escapeHtml(url)}</a>"
    return f'<span class="mention"{_place(url)}>#{escapeHtml(named)}</span>'


def _strong(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Env) -> str:
    """Render two underscores as underline."""
    del self, options, env
    tag = "u" if tokens[at].markup == "__" else "strong"
    return f"<{tag}>" if tokens[at].nesting > 0 else f"</{tag}>"


def _time(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Env) -> str:
    del self, options, env
    style = tokens[at].info or "f"
    try:
        when = datetime.fromtimestamp(int(tokens[at].content), UTC)
    except (OverflowError, OSError, ValueError):  # before the year 1
        return escapeHtml(f"<t:{tokens[at].content}>")
    shown = when.strftime(_FORMATS.get(style, _FORMATS["f"]))
    return f'<time datetime="{when:%Y-%m-%dT%H:%M:%SZ}" data-style="{style}">{shown}</time>'


def _mention(kind: str, sign: str) -> Any:
    def render(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Env) -> str:
        del self, options
        named = getattr(env["names"], kind)(int(tokens[at].content))
        text = f"{sign}{named if named is not None else 'unknown'}"
        return f'<span class="mention" data-{kind}="{int(tokens[at].content)}">{escapeHtml(text)}</span>'

    return render


def _span(css: str, before: str = "", after: str = "") -> Any:
    def render(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Env) -> str:
        del self, options, env
        return f'<span class="{css}">{before}{escapeHtml(tokens[at].content)}{after}</span>'

    return render


_RULES: Final = {
    "discord_code": _code,
    "discord_gap": _gap,
    "link_open": _link,
    "discord_place": _jump,
    "strong_open": _strong,
    "strong_close": _strong,
    "discord_user": _mention("user", "@"),
    "discord_role": _mention("role", "@"),
    "discord_channel": _mention("channel", "#"),
    "discord_time": _time,
    "discord_everyone": _span("mention everyone"),
    "discord_emoji": _span("emoji", ":", ":"),
    "discord_command": _span("mention", "/"),
}

_PARSER: Final = _parser()
