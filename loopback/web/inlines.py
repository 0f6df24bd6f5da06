"""The inline rules of Discord's Markdown for markdown-it: mentions, times, emoji, spoilers, links. Pure.

Source: Discord's developer documentation, "Message Formatting".
"""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.helpers import parseLinkLabel
from markdown_it.rules_inline import StateInline, link

# The last second of both JavaScript's and Python's dates.
LAST_SECOND: Final = 253_402_300_799

_ANGLE: Final = re.compile(
    r"<(?:"
    r"@!?(?P<user>[0-9]{1,20})"
    r"|@&(?P<role>[0-9]{1,20})"
    r"|\#(?P<channel>[0-9]{1,20})"
    r"|t:(?P<time>-?[0-9]{1,13})(?::(?P<style>[tTdDfFRsS]))?"
    r"|a?:(?P<emoji>\w{2,32}):[0-9]{1,20}"
    r"|/(?P<command>[-_\w ]{1,100}):[0-9]{1,20}"
    r"|(?P<url>https?://[^\s<>]+)"
    r")>"
)
_EVERYONE: Final = re.compile(r"@(?:everyone|here)\b")
_URL: Final = re.compile(r"https?://[^\s<]*[^\s<.,:;\"'\])*_~|]", re.IGNORECASE)
_SCHEME: Final = re.compile(r"(?:^|\W)(https?)$", re.IGNORECASE)
_TARGET: Final = re.compile(r"\(\s*<?https?://[^\s<>)]", re.IGNORECASE)
_PLACE: Final = re.compile(
    r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/channels/(?:[0-9]{1,20}|@me)"
    r"/(?P<channel>[0-9]{1,20})(?:/(?P<message>[0-9]{1,20}))?/?"
)
_ESCAPE: Final = re.compile(r"\\([^0-9A-Za-z\s])")


def install(parser: MarkdownIt) -> None:
    """Add the rules before those of CommonMark."""
    parser.inline.add_terminator_char("|")
    ruler = parser.inline.ruler
    ruler.after("text", "discord_escape", _escape)
    ruler.after("discord_escape", "discord_angle", _angle)
    ruler.after("discord_angle", "discord_everyone", _everyone)
    ruler.after("discord_everyone", "discord_spoiler", _spoiler)
    ruler.after("discord_spoiler", "discord_url", _url)
    ruler.at("link", _masked)


def _push(state: StateInline, kind: str, content: str, info: str = "") -> None:
    token = state.push(kind, "", 0)
    token.content = content
    token.info = info


def _escape(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    found = _ESCAPE.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        _push(state, "text", found[1])
    state.pos = found.end()
    return True


def _angle(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    found = _ANGLE.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if found["time"] and abs(int(found["time"])) > LAST_SECOND:
        return False
    if not silent:
        kind = next(name for name in _ANGLE.groupindex if found[name] is not None)
        if kind == "url":
            _link(state, found["url"])
        else:
            _push(state, f"discord_{kind}", found[kind], found["style"] or "")
    state.pos = found.end()
    return True


def _everyone(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    found = _EVERYONE.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        _push(state, "discord_everyone", found[0])
    state.pos = found.end()
    return True


def _spoiler(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    if not state.src.startswith("||", state.pos):
        return False
    first = state.pos + 2
    last = state.src.find("||", first + 1, state.posMax)
    if last < 0:
        return False
    if not silent:
        end = state.posMax
        state.push("spoiler_open", "span", 1).attrSet("class", "spoiler")
        state.pos, state.posMax = first, last
        state.md.inline.tokenize(state)
        state.push("spoiler_close", "span", -1)
        state.posMax = end
    state.pos = last + 2
    return True


def _url(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    """Match at the colon, because letters begin no rule."""
    if state.src[state.pos] != ":" or state.linkLevel > 0:
        return False
    scheme = _SCHEME.search(state.pending)
    if scheme is None:
        return False
    begin = state.pos - len(scheme[1])
    found = _URL.match(state.src, begin, state.posMax)
    if found is None:
        return False
    url = found[0]
    # A closing bracket belongs to the address that opened it.
    if state.src.startswith(")", found.end()) and url.count("(") > url.count(")") and found.end() < state.posMax:
        url += ")"
    if not silent:
        state.pending = state.pending[: -len(scheme[1])]
        _link(state, url)
    state.pos = begin + len(url)
    return True


def _masked(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    """Match CommonMark's link, if it leads to a web address and its label names no other."""
    if state.src[state.pos] != "[":
        return False
    end = parseLinkLabel(state, state.pos, disableNested=True)
    if end < 0 or _TARGET.match(state.src, end + 1) is None or _URL.search(state.src, state.pos, end):
        return False
    return link(state, silent)


def _link(state: StateInline, url: str) -> None:
    address = state.md.normalizeLink(url)
    if not state.md.validateLink(address):
        _push(state, "text", url)
        return
    if place_of(address):
        _push(state, "discord_place", address)
        return
    state.push("link_open", "a", 1).attrSet("href", address)
    _push(state, "text", url)
    state.push("link_close", "a", -1)


def place_of(url: str) -> tuple[int, int | None] | None:
    """Return the ids of the channel and the message to which a link of Discord leads; None for any other link."""
    found = _PLACE.fullmatch(url)
    if found is None:
        return None
    return int(found["channel"]), int(found["message"]) if found["message"] else None
