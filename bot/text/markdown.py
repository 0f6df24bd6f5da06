"""Discord's Markdown: converts lines of CommonMark, and escapes foreign text. Pure.

Discord opens a code block at any three backticks, and closes it at the next three. So in a text that is to be cut into
pages, three backticks stand only at the start of a line, where a block begins or ends. Zero-width spaces break up every
other run of three, and code spans with three backticks get one.
"""

import re

LIMIT = 2000
"""Characters of a bot's message (Discord, Create Message)."""

FENCE = "```"

QUOTE, SUBTEXT = "> ", "-# "
"""The prefixes of a quoted line, and of a line in small grey text."""

RULE = "─" * 12

_MARKUP = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_~|>[]()#@<"})
_QUOTE = re.compile(r" {0,3}(?:> ?)+")
_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)([^\n]*?[^`\n])\1(?!`)")
_IMAGE = re.compile(r"!\[([^\[\]\n]*+)\](\([^()\s]+(?:\([^()\s]*\)[^()\s]*)?(?: +\"[^\"\n]*\")?\))")
_HEADING = re.compile(r" {0,3}#{4,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_RULE_LINE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_ITEM = re.compile(r"([ \t]*)([-*+]|\d{1,9}[.)])([ \t]+)(?:\[([ xX])\][ \t]+)?")
_TWO_OF_RUN = re.compile(r"``(?=`)")
_SPAN_OR_TAG = re.compile(_SPAN.pattern + r"|(?<!\\)<(?=[A-Za-z/!?])(?!/?[\w .+-]+:)")


def break_fences(text: str) -> str:
    """Break up runs of three and more backticks without a visible change."""
    if FENCE not in text:
        return text
    return _TWO_OF_RUN.sub("``\u200b", text)


def code_block(text: str, info: str = "") -> str:
    """Wrap `text` in a code block that it cannot end."""
    return f"{FENCE}{info}\n{break_fences(text)}\n{FENCE}"


def escape(text: str) -> str:
    """Make foreign text plain, on one line: no markup, no mention, no line feed."""
    plain = " ".join(text.split())
    marked = plain.translate(_MARKUP).replace("://", "\\://")
    return f"\\{marked}" if plain.startswith(("-", "+")) else marked


def shortened(text: str, most: int) -> str:
    """Return at most `most` characters of a text, with an ellipsis where it was longer."""
    return text if len(text) <= most else text[: most - 1] + "…"


def escape_html(line: str) -> str:
    """Escape what CommonMark reads as HTML and Discord as text; addresses, mentions and the like stay."""
    return _SPAN_OR_TAG.sub(lambda found: "\\<" if found[0] == "<" else found[0], line)


def quote_prefix(line: str) -> str:
    """Return the quote marks at the beginning of a line as written; empty without any."""
    match = _QUOTE.match(line)
    return match[0] if match else ""


def convert_line(line: str) -> str:
    """Convert one line of CommonMark, outside of code, to Discord's Markdown.

    Discord has one level of quotes and three of headings, and neither rules, task lists nor inline images.
    """
    quote = quote_prefix(line)
    if quote:
        return QUOTE + convert_line(line[len(quote) :])
    if match := _HEADING.match(line):
        title = match[1].replace("**", "")
        return f"**{convert_inline(title)}**" if title else ""
    if _RULE_LINE.match(line):
        return RULE
    if match := _ITEM.match(line):
        indent, mark, gap, box = match.groups()
        mark = "-" if mark == "+" else mark
        box = "" if box is None else "☐ " if box == " " else "☑ "
        return f"{indent}{mark}{gap}{box}{convert_inline(line[match.end() :])}"
    return convert_inline(line)


def convert_inline(text: str) -> str:
    """Convert words inside a line: images become links, code spans with three backticks get one."""
    if "`" not in text:
        return _IMAGE.sub(_link, text)
    pieces, at = [], 0
    for span in _SPAN.finditer(text):
        pieces += [_IMAGE.sub(_link, text[at : span.start()]), _code_span(span[1], span[2])]
        at = span.end()
    pieces.append(_IMAGE.sub(_link, text[at:]))
    return break_fences("".join(pieces))


def _link(image: re.Match[str]) -> str:
    return f"[{image[1] or 'image'}]{image[2]}"


def _code_span(marker: str, code: str) -> str:
    if len(marker) >= len(FENCE) and "`" not in code:
        return f"`{code}`"
    return f"{marker}{code}{marker}"
