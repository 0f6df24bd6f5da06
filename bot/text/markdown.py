"""Discord's Markdown: what its marks are, and how foreign text is kept from being read as marks. Pure.

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
    match = _QUOTE.match(line) if ">" in line else None
    return match[0] if match else ""
