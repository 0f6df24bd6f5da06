"""Parses code blocks as agents write them, and formats each for Discord. Pure.

The rules are CommonMark's (section 4.5), and where agents write otherwise, Discord's: a block may also begin at the
end of a line of words and end at the end of a line of code. A block is always shown with three backticks.
"""

import re
from dataclasses import dataclass

from bot.text.markdown import FENCE, break_fences, code_block, escape, escape_html, quote_prefix

from .html import unescaped

_OPENING = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([^\n]*)$")
_INFO_BEHIND_WORDS = re.compile(r"[A-Za-z0-9_+\-.#]*[ \t]*$")
_LANGUAGE = re.compile(r"\{?\.?([A-Za-z0-9_+\-.#]{1,30})(?=[\s,:;{}]|$)")

PRE = re.compile(r"[ \t]*+<pre(?:[ \t][^<>\n]{0,300}+)?>(?:[ \t]*+<code(?:[ \t][^<>\n]{0,300}+)?>)?", re.IGNORECASE)
"""The beginning of code in HTML."""

PRE_END = re.compile(r"(?:</code[ \t]*+>[ \t]*+)?</pre[ \t]*+>", re.IGNORECASE)
_MARKUP = re.compile(
    r"</?(?:code|span|b|i|u|em|strong|a|var|kbd|samp|mark|font)(?:[ \t][^<>\n]{0,300}+)?>|<br[ \t]*+/?>", re.IGNORECASE
)
"""Tags that only format code."""

_TITLE = re.compile(r"\b(?:title|file|filename|path)=[\"']?([^\"'{}\n]{1,200})")


@dataclass(frozen=True, slots=True)
class Fence:
    """The beginning of a code block: its run of marks, its info string, its indentation, and whether it is quoted."""

    marker: str
    info: str = ""
    indent: str = ""
    quoted: bool = False
    in_line: bool = False
    """Whether it began behind words: then it ends at the next three backticks wherever they are, as on Discord."""
    indented: bool = False
    """Whether its lines have `indent` before them and nothing else marks it."""
    html: bool = False
    """Whether it is preformatted text of HTML, with tags and entities in it."""

    @property
    def language(self) -> str:
        """The language, as Discord understands it; empty where the info string has none."""
        found = _LANGUAGE.match(self.info)
        return found[1] if found else ""

    def content_of(self, line: str) -> str:
        """Return a line of the block without the block's own indentation and quote marks."""
        if self.quoted:
            line = line[len(quote_prefix(line)) :]
        return self.without_indent(line)

    def without_indent(self, lines: str) -> str:
        """Return lines without the indentation of the block, or without HTML's marks."""
        if self.html:
            return unescaped(_MARKUP.sub("", lines))
        if self.indented:
            return re.sub(rf"^(?: {{1,{len(self.indent)}}}|\t)", "", lines, flags=re.MULTILINE)
        return re.sub(rf"^{self.indent}", "", lines, flags=re.MULTILINE) if self.indent else lines

    def holds(self, line: str) -> bool:
        """Whether a line belongs to an indented block."""
        return self.unindented.match(line) is None

    @property
    def unindented(self) -> re.Pattern[str]:
        """The beginning of a line that ends an indented block."""
        return re.compile(rf"^(?! {{{len(self.indent)}}}|\t|[ \t\r]*$)", re.MULTILINE)

    @property
    def title(self) -> str:
        """The title, or else the info string, as a line above the block; empty where it is just a language."""
        if self.info == self.language:
            return ""
        named = _TITLE.search(self.info)
        return f"*{escape(named[1] if named else self.info)}*\n"

    @property
    def opening(self) -> str:
        """The lines with which the block begins on Discord."""
        return f"{self.title}{FENCE}{self.language}\n"

    def shown(self, code: str) -> str:
        """Return the whole block as it is shown; without code only its title: Discord has no empty blocks."""
        return self.title + code_block(code, self.language) if code.strip() else self.title.rstrip("\n")


def opening(line: str) -> tuple[str, Fence] | None:
    """Return the words before a code block that begins in this line, and its beginning; None if none does."""
    if FENCE not in line and "~~~" not in line:
        return None
    quote = quote_prefix(line)
    if match := _OPENING.match(line, len(quote)):
        indent, marker, info = match.groups()
        if marker[0] == "~" or "`" not in info:
            return "", Fence(marker, info.strip(), indent, quoted=bool(quote))
    words, marker, info = line.rpartition(FENCE)
    begins = words.strip() and not words.endswith(("`", "\\")) and words.count(FENCE) % 2 == 0
    if marker and begins and _INFO_BEHIND_WORDS.match(info):
        return words.rstrip(), Fence(FENCE, info.rstrip(), quoted=bool(quote), in_line=True)
    return None


def closing(line: str, fence: Fence) -> tuple[str | None, str | None] | None:
    """Return the last line of code and the words behind the block, each None where there is none.

    None alone: the block does not end in this line.
    """
    if fence.indented:
        return None if fence.holds(line) else (None, line)
    if fence.html:
        found = PRE_END.search(line)
        return None if found is None else (fence.content_of(line[: found.start()]) or None, line[found.end() :])
    if fence.quoted and not quote_prefix(line):
        return None, line
    text = line[len(quote_prefix(line)) :] if fence.quoted else line
    bare = text.strip()
    if len(bare) >= len(fence.marker) and bare == fence.marker[0] * len(bare):
        return None, None
    if fence.marker != FENCE or FENCE not in text:
        return None
    if fence.in_line:
        code, _, words = text.partition(FENCE)
        return code, words.lstrip("`") or None
    if bare.endswith(FENCE) and not bare.endswith("````") and text.count(FENCE) % 2 == 1:
        return fence.content_of(line).rstrip().removesuffix(FENCE).rstrip(), None
    return None


def unfenced(text: str) -> str:
    """Return a text that is one code block without its fence: some agents put a tool's output into one."""
    text = text.strip()
    first, _, rest = text.partition("\n")
    found = _OPENING.match(first) if text.endswith(FENCE) else None
    code = rest.removesuffix(found[2]) if found and rest else ""
    return text if not found or code == rest or (code and not code.endswith("\n")) else code.rstrip("\n")


def balanced(text: str) -> str:
    """Return a Discord message as CommonMark that is complete: no code block and no HTML continues behind it.

    Each block begins and ends with a line of its own; what only CommonMark takes for HTML is escaped.
    """
    lines: list[str] = []
    block: Fence | None = None
    for line in text.split("\n"):
        block = _take(lines, block, line)
    if block is not None and not block.quoted:
        lines.append(block.marker)
    return "\n".join(lines)


def _take(lines: list[str], block: Fence | None, line: str) -> Fence | None:
    """Add a line to the `lines` of a message; return the code block that is open behind it."""
    if block is None:
        found = opening(line)
        if found is None:
            lines.append(escape_html(line))
            return None
        words, block = found
        words = escape_html(words if opening(words) is None else break_fences(words))
        gap = " " if block.info.startswith("~") else ""
        lines += [each for each in (words, f"{_mark(block)}{block.marker}{gap}{block.info}") if each]
        return block
    ended = closing(line, block)
    if ended is None:
        lines.append(_mark(block) + block.content_of(line))
        return block
    code, behind = ended
    lines += [_mark(block) + each for each in (code, block.marker) if each]
    return None if behind is None else _take(lines, None, behind)


def _mark(block: Fence) -> str:
    return "> " if block.quoted else ""
