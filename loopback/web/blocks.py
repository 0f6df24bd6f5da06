"""The block rules of Discord's Markdown for markdown-it. Pure.

Source: Discord's help centre, "Markdown Text 101", and what its clients show.
"""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.parser_block import RuleFuncBlockType
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, list_block

from . import preprocess

_HEADING: Final = re.compile(r"(#{1,3})[ \t]+(\S.*)")
_SUBTEXT: Final = re.compile(r"-#[ \t]+(\S.*)")
_ITEM: Final = re.compile(r"(?:[-*]|[0-9]{1,9}\.)[ \t]+\S")
# A list in a list adds two levels. Deeper lines are shown as text, and the parser must not drop them.
_DEEPEST_LIST: Final = 22

_ENDS_PARAGRAPH: Final[RuleOptionsType] = {"alt": ["paragraph", "list"]}


def install(parser: MarkdownIt) -> None:
    """Replace the parser's block rules by Discord's."""
    ruler = parser.block.ruler
    ruler.before("paragraph", "discord_code", _code, _ENDS_PARAGRAPH)
    quote = _enclosed("blockquote", "blockquote", preprocess.QUOTE, preprocess.QUOTE_END)
    ruler.before("paragraph", "discord_quote", quote, _ENDS_PARAGRAPH)
    spoiler = _enclosed("spoiler", "div", preprocess.SPOILER, preprocess.SPOILER_END, "spoiler block")
    ruler.before("paragraph", "discord_spoiler", spoiler, _ENDS_PARAGRAPH)
    ruler.before("paragraph", "discord_heading", _heading, _ENDS_PARAGRAPH)
    ruler.before("paragraph", "discord_subtext", _subtext, _ENDS_PARAGRAPH)
    ruler.before("paragraph", "discord_list", _list, {"alt": ["paragraph"]})
    ruler.at("paragraph", _paragraph)


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _closing(state: StateBlock, first: int, mark: str) -> int:
    """Return the line of the closing mark, which `preprocess.marked` always sets."""
    return next(number for number in range(first + 1, state.lineMax) if _line(state, number) == mark)


def _code(state: StateBlock, start: int, _end: int, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    line = _line(state, start)
    if not line.startswith(preprocess.CODE):
        return False
    if silent:
        return True
    last = _closing(state, start, preprocess.CODE_END)
    token = state.push("discord_code", "pre", 0)
    token.info = line[1:]
    token.content = state.getLines(start + 1, last, state.sCount[start], keepLastLF=False).rstrip()
    state.line = last + 1
    _gap(state)
    return True


def _enclosed(kind: str, tag: str, begin: str, end: str, css: str = "") -> RuleFuncBlockType:
    """Return a rule for blocks between two marks."""

    def rule(state: StateBlock, start: int, _end: int, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
        if _line(state, start) != begin:
            return False
        if silent:
            return True
        last = _closing(state, start, end)
        outer = state.lineMax, state.blkIndent
        state.lineMax, state.blkIndent = last, 0
        opening = state.push(f"{kind}_open", tag, 1)
        if css:
            opening.attrSet("class", css)
        state.md.block.tokenize(state, start + 1, last)
        state.push(f"{kind}_close", tag, -1)
        state.lineMax, state.blkIndent = outer
        state.line = last + 1
        _gap(state)
        return True

    return rule


def _heading(state: StateBlock, start: int, _end: int, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    found = _HEADING.fullmatch(_line(state, start))
    if found and not silent:
        # One level for all three, because a message is no part of the page's outline.
        state.push("heading_open", "h3", 1).attrSet("class", f"h{len(found[1])}")
        _inline(state, found[2])
        state.push("heading_close", "h3", -1)
        state.line = start + 1
        _gap(state)
    return found is not None


def _subtext(state: StateBlock, start: int, _end: int, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    found = _SUBTEXT.fullmatch(_line(state, start))
    if found and not silent:
        state.push("subtext_open", "p", 1).attrSet("class", "subtext")
        _inline(state, found[1])
        state.push("subtext_close", "p", -1)
        state.line = start + 1
        _gap(state)
    return found is not None


def _list(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    if state.level >= _DEEPEST_LIST or not _ITEM.match(_line(state, start)):
        return False
    return silent or list_block(state, start, end, silent)


def _paragraph(state: StateBlock, start: int, _end: int, silent: bool) -> bool:  # noqa: FBT001 -- a rule's signature
    """Parse all other text, with its empty lines: Discord shows them all."""
    del silent  # only asked of rules that end a paragraph
    rules = state.md.block.ruler.getRules("paragraph")
    outer, state.parentType = state.parentType, "paragraph"
    last, looking = start + 1, True
    while last < state.lineMax:
        if not state.isEmpty(last) and (
            state.sCount[last] < state.blkIndent or any(rule(state, last, state.lineMax, looking) for rule in rules)
        ):
            break
        last += 1
    state.parentType = outer
    text = state.getLines(start, last, state.blkIndent, keepLastLF=False)
    state.push("paragraph_open", "p", 1)
    ends_list = outer == "list" and not (last < state.lineMax and _ITEM.match(_line(state, last)))
    empty = 0 if ends_list else text[len(text.rstrip()) :].count("\n")
    # The last line break of a block is invisible.
    _inline(state, text.rstrip() + "\n" * (empty + 1 if empty else 0))
    state.push("paragraph_close", "p", -1)
    state.line = last
    return True


def _gap(state: StateBlock) -> None:
    """Show the empty lines below a block. Discord shows all line breaks but those below a list."""
    end = state.skipEmptyLines(state.line)
    if state.line < end < state.lineMax:
        state.push("discord_gap", "br", 0).content = "<br/>" * (end - state.line)


def _inline(state: StateBlock, text: str) -> None:
    token = state.push("inline", "", 0)
    token.content = text
    token.children = []
