"""Converts the words inside a line from CommonMark to Discord's Markdown. Pure.

Discord pairs marks of emphasis and backticks over any distance, also across lines. So every mark without a partner in
its own line is escaped, as far as Discord could read it as one. Costs a few regular expressions for each mark.
"""

import re
from dataclasses import dataclass, field

from bot.text.markdown import FENCE, break_fences

from .emphasis import APART, Pair, Run, ended, paired, run_of, show_marks, tag_of
from .file_links import WEB, file_of, is_elsewhere, leads_to_file
from .html import attributes, character_of, escaped, lowered, raised, shown_tag

MOST_DEFINED = 200
"""Reference links of one text whose targets are known."""

MOST_BREAKS = 3
"""Line breaks in a row that are shown: two empty lines."""

# Quantifiers that end in + are possessive: to give characters back never helps here, and costs the square.
_LABEL = r"(?:[^\[\]\n\\]|\\.|\[[^\[\]\n]{0,200}+\](?:\([^\s()]{0,400}+\))?){0,500}+"
_TARGET = r"(?:<[^<>\n]{0,1400}+>|(?:[^\s()\\<>]|\\.|\([^\s()]{0,200}+\)){0,1400}+)"
_TITLE = r"(?:[ \t]{1,9}+(?:\"[^\"\n]{0,200}+\"|'[^'\n]{0,200}+'))?"
_TOKEN = re.compile(
    r"(?P<escape>\\[^0-9A-Za-z\s])"
    r"|(?P<ticks>`+)"
    rf"|(?P<link>!?\[(?P<label>{_LABEL})\](?:\([ \t]*(?P<target>{_TARGET})(?P<title>{_TITLE})[ \t]*\)"
    r"|\[(?P<reference>[^\[\]\n]{0,100}+)\]))"
    r"|(?P<note>\[\^(?P<number>[^\s\[\]]{1,40}+)\])"
    r"|(?P<shortcut>\[(?P<name>[^\[\]\n]{1,100}+)\])"
    r"|(?P<quoted>【F:(?P<file>[^†】\n]{1,300}+)†L(?P<first>\d{1,7})(?:-L(?P<last>\d{1,7}))?】)"
    r"|(?P<code><(?P<tag>code|kbd|samp|tt)>(?P<content>[^<\n`]{1,300}+)</(?P=tag)>)"
    r"|(?P<script><(?P<level>sup|sub)>(?P<digits>[^<\n]{1,40}+)</(?P=level)>)"
    r"|(?P<anchor><a[ \t][^<>\n]{1,1400}+>(?P<inside>[^<\n]{0,300}+)</a>)"
    r"|(?P<picture><img[ \t][^<>\n]{1,1400}+>)"
    r"|(?P<comment><!--(?:[^-<\n]++|-(?!->)|<(?!!--)){0,100}+-->)"
    r"|(?P<address><https?://[^\s<>]{1,1800}+>|(?<![\w/])https?://[^\s<>`]{0,1800}[^\s<>`*_~|.,:;\"')\]])"
    r"|(?P<local><?(?<![\w/])file:///[^\s<>`)\]]{1,1400}+>?)"
    r"|(?P<break>(?:<[bB][rR][ \t]*+/?>[ \t]*+)++)"
    r"|(?P<html></?(?P<element>[A-Za-z][A-Za-z0-9]{0,9})(?:[ \t][^<>\n]{0,300}+)?/?>)"
    r"|(?P<entity>&(?:\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
    r"|(?P<run>\*+|_+|~~+|\|\|+)"
)
_BEGINS = re.compile(r"[\\`!\[【<&~|*_]")
"""What every token but an address begins with. It is found many times faster than the tokens themselves."""
_BEGINS_OR_ADDRESS = re.compile(r"[\\`!\[【<&~|*_hf]")
_SPECIAL = re.compile(r"[\\`\[<&*_【]|~~|\|\||://|-#")
_TICKS = re.compile(r"`+")
_IMAGE = re.compile(r"!\[([^\[\]\n]{0,400}+)\]\([^()\n]{0,1400}+\)")
_SUBTEXT = re.compile(r"^([ \t]*)-(?=#)", re.MULTILINE)
_BEGUN_LINK = re.compile(r"!?\[(?P<label>[^\[\]\n]{0,400}+)(?:\](?:\([^()\s]{0,1400}+)?)?$")
_BEGUN_TAG = re.compile(r"<(?:/?[A-Za-z]{0,10}|!(?:-(?:-[^\n]{0,600})?)?)$")


@dataclass(slots=True)
class _Parsed:
    """The parts of a line, where each begins, and which of its characters belong together."""

    parts: list[str | Run] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    atoms: list[tuple[int, int]] = field(default_factory=list)
    unpaired: list[Run] = field(default_factory=list)
    """Marks that could begin emphasis, and do not."""
    stray_code: int = -1
    """Where backticks stand that begin no code; negative without any."""
    seen: int = -1
    """Where the visible part of the text ends, if that is not its end."""


class Inline:
    """Converts words of one text, whose reference links it remembers."""

    def __init__(self, directory: str = "") -> None:
        """Show files relative to `directory`."""
        self._directory = directory
        self._targets: dict[str, str] = {}
        self._last: tuple[str, _Parsed] | None = None
        """The text that `_read` parsed last. Each line is asked about, shown in drafts, and shown."""

    def define(self, label: str, target: str) -> str:
        """Remember where a reference link leads; return the target as it is shown."""
        if len(self._targets) < MOST_DEFINED:
            self._targets.setdefault(_key(label), target)
            self._last = None
        return self.bare(target)

    def convert(self, text: str, *, draft: bool = False, in_bold: bool = False) -> str:
        """Return the words as Discord shows them best.

        A `draft` continues behind its end: what has begun is closed there, and a mark that may be half is left out.
        Words that are `in_bold` already get no marks of bold.
        """
        if not _SPECIAL.search(text):
            return text
        if draft or in_bold:
            parsed = self._parse(_without_half(text) if draft else text, draft=draft, in_bold=in_bold)
        else:
            parsed = self._read(text)
        return _shown(parsed.parts)

    def plain(self, text: str) -> str:
        """Return the words without any marks, as code shows them."""
        if not _SPECIAL.search(text):
            return text
        parsed = self._parse(text, plain=True)
        shown = "".join(part if isinstance(part, str) else part.plain_text() for part in parsed.parts)
        return break_fences(" ".join(shown.split("\n")))

    def is_open(self, text: str) -> bool:
        """Whether emphasis or code begins here that may end in the next line."""
        if "`" not in text and "*" not in text:
            return False
        parsed = self._read(text)
        return parsed.stray_code >= 0 or any(run.left and run.mark == "*" for run in parsed.unpaired)

    def beginning(self, text: str, end: int) -> tuple[str, int]:
        """Convert the text up to about `end`; return also where the rest begins.

        Nothing that belongs together is cut, as far as `text` shows it.
        """
        if not _SPECIAL.search(text):
            return text[:end], end
        parsed = self._read(text)
        start, stop = _whole_at(parsed.atoms, end)
        cut = start or stop
        parts: list[str | Run] = []
        for part, at, after in zip(parsed.parts, parsed.starts, [*parsed.starts[1:], len(text)], strict=True):
            if at < cut:
                parts.append(part if after <= cut else text[at:cut])  # Only plain words can be divided.
        return _shown(parts), cut

    def decided(self, text: str, end: int) -> int:
        """Return the last place up to `end` from which on nothing changes what is before it; 0 if there is none."""
        if not _SPECIAL.search(text):
            return end
        parsed = self._read(text)
        begun = [run.start for run in parsed.unpaired] + [parsed.stray_code] * (parsed.stray_code >= 0)
        return min([_whole_at(parsed.atoms, end)[0], *begun])

    # ---- parts

    def _read(self, text: str) -> _Parsed:
        """Parse a whole text; its result is only read."""
        if self._last is None or self._last[0] != text:
            self._last = text, self._parse(text)
        return self._last[1]

    def _parse(self, text: str, *, draft: bool = False, in_bold: bool = False, plain: bool = False) -> _Parsed:
        parsed = _Parsed()
        runs: list[Run] = []
        closers: dict[int, list[int]] | None = None
        at = 0
        begins = _BEGINS_OR_ADDRESS if "://" in text else _BEGINS
        while found := _token(text, at, begins):
            if found.start() > at:
                parsed.parts.append(text[at : found.start()])
                parsed.starts.append(at)
            parsed.starts.append(found.start())
            at = found.end()
            match found.lastgroup:
                case "ticks":
                    closers = _ticks_of(text) if closers is None else closers
                    at = self._code(text, found, closers, parsed, draft=draft, plain=plain)
                    continue
                case "run":
                    runs.append(run := run_of(text, found))
                    parsed.parts.append(run)
                case "html" if (tag := tag_of(found)) is not None:
                    runs.append(tag)
                    parsed.parts.append(tag)
                case _:
                    parsed.parts.append(self._token(found, plain=plain))
            parsed.atoms.append((found.start(), at))
        parsed.parts.append(text[at:])
        parsed.starts.append(at)
        if runs:
            pairs, parsed.unpaired = paired(runs, len(text) if draft else -1)
            if not plain:
                pairs += _end_marks(text, parsed, draft=draft)
                show_marks(pairs, in_bold=in_bold)
            parsed.atoms += [(opener.start, closer.end) for opener, closer, _ in pairs]
        return parsed

    def _code(
        self,
        text: str,
        found: re.Match[str],
        closers: dict[int, list[int]],
        parsed: _Parsed,
        *,
        draft: bool,
        plain: bool,
    ) -> int:
        """Take a code span, or backticks that begin none; return where it ends."""
        start, end, ticks = found.start(), found.end(), found[0]
        ends = closers.get(len(ticks), [])
        while ends and ends[-1] < end:
            ends.pop()
        if ends:
            close = ends[-1]
            code = text[end:close]
            parsed.parts.append(code.strip() if plain else _span(ticks, code))
            parsed.atoms.append((start, close + len(ticks)))
            return close + len(ticks)
        if draft:
            code = text[end:].rstrip("` ")
            parsed.seen = len(text) if code else start
            parsed.parts.append(_span(ticks, code) if code else "")
            return len(text)
        parsed.stray_code = start if parsed.stray_code < 0 else parsed.stray_code
        parsed.atoms.append((start, end))
        parsed.parts.append(ticks if plain else "\\`" * len(ticks))
        return end

    def _token(self, found: re.Match[str], *, plain: bool) -> str:
        """Return what is shown of a token that is neither emphasis nor code."""
        match found.lastgroup:
            case "escape":
                return found[0][1] if plain else found[0]
            case "link":
                return self._link(found, plain=plain)
            case "note":
                return raised(found["number"]) if found["number"].isdigit() else f"[{found['number']}]"
            case "shortcut":
                target = self._targets.get(_key(found["name"]))
                return found[0] if target is None else self._linked(found["name"], target, "", plain=plain)
            case "quoted":
                last = f"-{found['last']}" if found["last"] and found["last"] != found["first"] else ""
                return self._file(f"{found['file']}:{found['first']}{last}", "", plain=plain)
            case "code":
                return self._as_code(_text_of(found["content"]), plain=plain)
            case "script":
                return (raised if found["level"] == "sup" else lowered)(found["digits"])
            case "anchor":
                return self._linked(found["inside"], attributes(found[0]).get("href", ""), "", plain=plain)
            case "picture":
                named = attributes(found[0])
                return self._linked(named.get("alt") or "image", named.get("src", ""), "", plain=plain)
            case "local":
                return self._file(found[0].strip("<>"), "", plain=plain)
            case "entity":
                character = character_of(found[0])
                return character if plain else escaped(character)
            case "html":
                return shown_tag(found["element"], found[0])
            case "break":
                return " " if plain else "\n" * min(found[0].count("<"), MOST_BREAKS)
            case "comment":
                return ""
            case _:
                return found[0]

    # ---- links

    def _link(self, found: re.Match[str], *, plain: bool) -> str:
        label = _IMAGE.sub(lambda image: image[1] or "image", found["label"])
        if found["target"] is not None:
            raw = found["target"]
            target = _text_of(raw[1:-1] if raw.startswith("<") else raw)
            if found[0].startswith("!"):
                label = label or "image"
            if not WEB.match(target) and not is_elsewhere(target) and not leads_to_file(target, label):
                return found[0] if plain else self._around(found)
            return self._linked(label, target, found["title"], plain=plain)
        defined = self._targets.get(_key(found["reference"] or label))
        if defined is not None:
            return self._linked(label, defined, "", plain=plain)
        before = found.string[found.start() - 1 : found.start()]
        if before.isalnum() or before in {"_", "]", ")"} or len(label) < len("abc"):
            return found[0] if plain else self._around(found)
        words = self.plain(label) if plain else self.convert(label)
        return f"{words} [{found['reference']}]" if found["reference"] else words

    def _around(self, found: re.Match[str]) -> str:
        """Return what only looks like a link, with the words in its brackets converted."""
        start = found.start("label") - found.start()
        return found[0][:start] + self.convert(found["label"]) + found[0][start + len(found["label"]) :]

    def _linked(self, label: str, target: str, title: str, *, plain: bool) -> str:
        """Return words that lead somewhere. Discord leaves a link as it is whose words hold an address."""
        words = self.plain(label) if plain else self.convert(label)
        if WEB.match(target):
            address = target.replace(" ", "%20")
            if "://" in words or not words.strip():
                same = not words.strip() or words.strip("<>").rstrip("/") == target.rstrip("/")
                return f"<{address}>" if same else f"{words} (<{address}>)"
            return f"{words} ({address})" if plain else f"[{words}]({address}{title})"
        if not target:
            return words
        if is_elsewhere(target):
            address = target.removeprefix("mailto:")
            return words if address in words else f"{words} ({self._as_code(address, plain=plain)})"
        return self._file(target, label, plain=plain)

    def bare(self, target: str) -> str:
        """Return a link's target as it is shown by itself."""
        return f"<{target}>" if WEB.match(target) else self._file(target, "", plain=False)

    def _file(self, target: str, label: str, *, plain: bool) -> str:
        before, name = file_of(target, label, self._directory)
        words = self.plain(before) if plain else self.convert(before)
        if not name:
            return words
        return f"{words} ({self._as_code(name, plain=plain)})" if words else self._as_code(name, plain=plain)

    def _as_code(self, text: str, *, plain: bool) -> str:
        return text if plain else f"`{text}`"


def _token(text: str, at: int, begins: re.Pattern[str]) -> re.Match[str] | None:
    """Return the first token from a place on."""
    while first := begins.search(text, at):
        at = first.start()
        if found := _TOKEN.match(text, at):
            return found
        at += 1
    return None


def _end_marks(text: str, parsed: _Parsed, *, draft: bool) -> list[Pair]:
    """End what has begun, where that is shown: behind the last words of the text."""
    last = Run("", 0, len(text), len(text), "", opens=False, closes=False)
    seen = text if parsed.seen < 0 else text[: parsed.seen]
    pairs = ended(parsed.unpaired, seen, last, draft=draft)
    if pairs:
        words = text[parsed.starts[-1] :]
        kept = words.rstrip()
        parsed.parts[-1:] = [kept, last, words[len(kept) :]]
        parsed.starts += [len(text)] * 2
    return pairs


def _text_of(text: str) -> str:
    """Return a text with its entities replaced."""
    return re.sub(r"&#?\w{1,32};", lambda found: character_of(found[0]), text) if "&" in text else text


def _key(label: str) -> str:
    return " ".join(label.split()).casefold()


def _span(ticks: str, code: str) -> str:
    """Return a code span. Three backticks together may not stay: neither as its marks nor inside.

    Then code with backticks inside gets two as its marks, and those inside are put apart.
    """
    marks = ticks
    if FENCE in ticks or FENCE in code:
        marks = "``" if "`" in code else "`"
        code = _TICKS.sub(lambda run: APART.join(run[0]), code)
    return f"{marks}{code.replace(chr(10), ' ')}{marks}"


def _ticks_of(text: str) -> dict[int, list[int]]:
    """Return where runs of backticks begin, by their length, the last ones first."""
    found: dict[int, list[int]] = {}
    for run in reversed(list(_TICKS.finditer(text))):
        found.setdefault(run.end() - run.start(), []).append(run.start())
    return found


def _without_half(text: str) -> str:
    """Remove what has begun at the end of a draft, and shows nothing yet: a tag, a link's address, an escape."""
    if (at := text.rfind("<")) >= 0 and _BEGUN_TAG.match(text, at):
        text = text[:at]
    if (at := text.rfind("[")) >= 0 and (begun := _BEGUN_LINK.match(text, at)):
        text = text[: at - (text[at - 1 : at] == "!")] + begun["label"]
    return text[:-1] if text.endswith("\\") and not text.endswith("\\\\") else text


def _shown(parts: list[str | Run]) -> str:
    """Join the parts. Backticks that were apart stay so, and no line becomes small grey text as the bot's own ones."""
    pieces: list[str] = []
    last: str | Run = ""
    for part in parts:
        shown = part if isinstance(part, str) else part.shown()
        if not shown:
            continue
        if isinstance(part, Run) and isinstance(last, Run):
            is_one = bool(last.closing and part.opening)
        elif (first := shown[0]) == "`":
            before = pieces[-1] if pieces else ""
            # An escaped backtick in front of two would make three, which are broken up.
            is_one = before.endswith("`") and (not before.endswith("\\`") or shown.startswith("``"))
        else:  # Marks that are not shown stood between the two.
            is_one = first in "~|" and bool(pieces) and pieces[-1].endswith(first)
        if is_one:
            pieces.append(APART)
        pieces.append(shown)
        last = part
    whole = break_fences("".join(pieces))
    return _SUBTEXT.sub(r"\1\\-", whole) if "-#" in whole else whole


def _whole_at(atoms: list[tuple[int, int]], at: int) -> tuple[int, int]:
    """Return where what belongs together around a place begins and ends; the place itself where nothing does."""
    around = [atom for atom in atoms if atom[0] < at < atom[1]]
    return min(around) if around else (at, at)
