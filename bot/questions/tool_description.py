"""Describes a tool call in full, for the question about it. Pure."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from acp.schema import (
    AudioBlock,
    ContentBlock,
    Diff,
    EmbeddedResource,
    ImageBlock,
    OtherBlock,
    OtherToolContent,
    ResourceLink,
    TextBlock,
    ToolCallUpdate,
    ToolContent,
    ToolTerminal,
)
from bot.render.diffs import change_of
from bot.render.line_diff import DiffBudget
from bot.text.markdown import code_block, escape
from bot.text.printable import is_visible, visible
from bot.text.sizes import MAX_FILE_BYTES, format_size
from bot.user_messages import questions as texts
from bot.user_messages import reply_lines

from .description_size import CODED

TITLE = 150
"""Characters of a command, a path or a title in the first line; a longer one is below it in full."""

DETAIL = 900
"""Characters of the request in the message itself; a longer request is attached in full.

With a title full of markup, every note and five mentions the message stays below 2,000.
"""

WORDS = 100
"""Words of a command that is given as a list; a longer list is shown as one."""

MOST_PARTS = 500
"""Changes, and other parts of a call's content, that are described: each change takes some hundredths of a
millisecond. Of thousands an update holds only the first."""

_SAYS = {
    "read": frozenset({"", "read"}),
    "edit": frozenset({"", "edit", "write", "create", "update"}),
    "delete": frozenset({"", "delete"}),
}
"""Kinds of calls that concern one file, and what their titles say of it without adding anything."""

_NO_COMMAND = frozenset({*_SAYS, "move", "search", "fetch", "think", "switch_mode"})
"""Kinds of calls whose `command`, if they have one, is not for a shell."""

_REPEATING = re.compile(r"command|path|file|old|new|content|text|title|diff|patch|amendment|id$", re.IGNORECASE)
"""Names of values that other parts of a call often repeat."""

_PATCH = re.compile(r"^@@ -[0-9]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Description:
    """A request for people: what is to be done, and to what, in Discord's Markdown; the rest as plain text."""

    action: str
    subject: str
    rest: str
    language: str
    """The language of a code block with the rest."""


class TooLong(Exception):
    """The description of a request is too large for Discord, or takes too long."""


def command_of(call: ToolCallUpdate) -> str | None:
    """Return the command that a call runs, as it is typed in a shell."""
    raw = call.raw_input
    if call.kind in _NO_COMMAND:
        return None
    command = raw.get("command") if isinstance(raw, dict) else raw if call.kind == "execute" else None
    if isinstance(command, list) and len(command) <= WORDS and all(isinstance(word, str) for word in command):
        command = shlex.join(command)
    return command if isinstance(command, str) and command.strip() else None


def headline(call: ToolCallUpdate) -> str:
    """Return the command, or else the title, on one line, cut to `TITLE`."""
    words = re.split(r"[\n\t ]+", command_of(call) or call.title or "", maxsplit=TITLE)  # More words cannot fit.
    return visible(" ".join(words).strip() or texts.NO_TITLE, TITLE)


def describe(call: ToolCallUpdate, directory: str = "", more: Iterable[str] = ()) -> Description:
    """Describe a whole request, and then the lines `more`. Paths inside `directory` are relative to it.

    Raises `TooLong`.
    """
    if len(call.content or ()) > MOST_PARTS:
        raise TooLong
    request = _Request(call, directory)
    rest = "\n".join([*request.parts(), *more])
    if len(rest) * (1 if is_visible(rest[: MAX_FILE_BYTES + 1]) else CODED) > MAX_FILE_BYTES:
        raise TooLong
    return Description(request.action, request.subject, visible(rest), "diff" if request.has_patch else "")


def _inline_code(text: str | None) -> str:
    """Return a short plain line as code; nothing for any other text, which Discord might show differently."""
    plain = text and len(text) <= TITLE and text == " ".join(text.split()) and "`" not in text and is_visible(text)
    return f"`{text}`" if plain else ""


class _Request:
    """A tool call in parts: its first line, and what that leaves out."""

    def __init__(self, call: ToolCallUpdate, directory: str) -> None:
        self._call = call
        self._directory = directory
        self._command = command_of(call)
        self._diffs = [part for part in call.content or () if isinstance(part, Diff)]
        self._file = None if self._command is not None else self._only_file()
        self._code = _inline_code(self._file if self._command is None else self._command)
        self._shown = {call.tool_call_id}
        """The texts that need not be repeated."""
        self._changed: list[str] = []
        """The lines that the changes so far remove and add."""
        self.has_patch = False

    @property
    def subject(self) -> str:
        """The command, the file or the title, in Discord's Markdown."""
        return self._code or escape(headline(self._call))

    @property
    def action(self) -> str:
        """What is to be done, in Discord's Markdown."""
        if self._code:
            return texts.action(self._call.kind, self._code)
        return texts.titled(self.subject, escape(visible(self._call.kind or "", 40)))

    def parts(self) -> Iterator[str]:
        """Yield what the first line leaves out. A value that stands above is not repeated."""
        if self._command is not None and not self._code:
            yield f"$ {self._command}"
        if self._adds_title():
            yield f"title: {self._call.title}" if self._code or self._command else self._call.title or ""
        paths = {each.path for each in self._diffs}
        for location in self._call.locations or ():
            if not (self._code and self._file) and (location.line or location.path not in paths):
                yield self._place(location.path, location.line)
        self._shown |= {self._call.title or "", self._command or "", *paths}
        self._shown |= {each.path for each in self._call.locations or ()}
        budget = DiffBudget()
        for content in self._call.content or ():
            yield self._change(content, budget) if isinstance(content, Diff) else self._content(content)
        yield from self._input()

    def _only_file(self) -> str | None:
        """Return the file that a call reads, edits or deletes, if that is all that it concerns."""
        places = {(each.path, each.line) for each in self._call.locations or ()}
        paths = {path for path, _ in places} | {each.path for each in self._diffs}
        if self._call.kind not in _SAYS or len(paths) != 1 or len(places) > 1:
            return None
        return self._place(*(places.pop() if places else (paths.pop(), None)))

    def _place(self, path: str, line: int | None = None) -> str:
        """Return a place on one line, relative to the directory if it is plainly inside."""
        top = self._directory.rstrip("/") + "/"
        inside = path.removeprefix(top).lstrip("/") if self._directory and path.startswith(top) else ""
        # Only the file system knows where `..` leads, and a `~` at the beginning would mean another place.
        plain = inside and not inside.startswith("~") and ".." not in inside.split("/")
        return _on_one_line(inside if plain else path) + (f":{line}" if line else "")

    def _adds_title(self) -> bool:
        """Whether the title says more than the first line."""
        title = " ".join((self._call.title or "").replace("`", "").split())
        if self._command is not None:
            return not " ".join(self._command.replace("`", "").split()).startswith(title.rstrip("….").rstrip())
        if self._code:
            verb, _, rest = title.partition(" ")
            names = {"", self._file, *(each.path for each in (*(self._call.locations or ()), *self._diffs))}
            return title not in names and (rest not in names or verb.casefold() not in _SAYS[self._call.kind or ""])
        return headline(self._call) != (visible(self._call.title or "", TITLE + 1) or texts.NO_TITLE)

    def _change(self, diff: Diff, budget: DiffBudget) -> str:
        """Return a change as a patch, below its path unless the first line names that."""
        path, change = self._place(diff.path), change_of(diff, budget=budget)
        self._shown |= {diff.old_text or "", diff.new_text}
        if change is None:
            return reply_lines.unchanged(path)
        if not (change.added or change.removed):
            return reply_lines.new_and_empty(path)
        self.has_patch = True
        _, _, hunks = change.patch.rstrip("\n").split("\n", maxsplit=2)
        self._changed += _changed_lines(hunks)
        return hunks if self._code and self._file else f"--- {path}\n+++ {path}\n{hunks}"

    def _content(self, content: ToolContent | ToolTerminal | OtherToolContent) -> str:
        """Return a part of a call: text in full, other content as a note."""
        match content:
            case ToolTerminal(terminal_id=terminal_id):
                return f"[terminal {_on_one_line(terminal_id)}]"
            case ToolContent(content=TextBlock(text=text)):
                self._shown.add(text)
                return text
            case ToolContent(content=block):
                return _block(block)
            case _:
                return _as_json(content)

    def _input(self) -> Iterator[str]:
        """Yield the values of the input, a line each with its name."""
        raw = self._call.raw_input
        if isinstance(raw, dict):
            for name, value in raw.items():
                if not self._repeats(name, value):
                    yield self._named(_on_one_line(name), value)
        elif raw not in (None, "", [], self._command):
            yield raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, default=str)

    def _repeats(self, name: str, value: Any) -> bool:
        """Whether a value stands above, or is none."""
        if value in (None, "", [], {}):
            return True
        if not _REPEATING.search(name):
            return False
        if not isinstance(value, str):
            return self._command is not None and value == self._call.raw_input.get("command")
        return value in self._shown or (bool(self._changed) and _changed_lines(value) == self._changed)

    def _named(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            return f"{name}: {json.dumps(value, ensure_ascii=False, default=str)}"
        if _PATCH.search(value):
            self.has_patch = True
            return f"{name}:\n{value}"
        return f"{name}: " + value.replace("\n", "\n  ")


def _block(block: ContentBlock) -> str:
    match block:
        case TextBlock(text=text):
            return text
        case ImageBlock(data=data, mime_type=kind) | AudioBlock(data=data, mime_type=kind):
            return f"[{_on_one_line(kind)}, {format_size(len(data) * 3 // 4)}]"
        case ResourceLink(name=name, uri=uri):
            return f"[link {_on_one_line(name)}: {_on_one_line(uri)}]"
        case EmbeddedResource(resource={"text": str(text), **rest}):
            return f"[{_on_one_line(str(rest.get('uri', 'resource')))}]\n{text}"
        case EmbeddedResource(resource=resource):
            size = format_size(len(str(resource.get("blob", ""))) * 3 // 4)
            return f"[{_on_one_line(str(resource.get('uri', 'resource')))}, {size}]"
        case _:
            return _as_json(block)


def _as_json(part: OtherBlock | OtherToolContent) -> str:
    """Return an unknown part as JSON."""
    return json.dumps(part.model_dump(by_alias=True), ensure_ascii=False, default=str)


def excerpt(detail: str) -> str:
    """Return the beginning that fits the message; a long run of backticks needs a longer fence."""
    shown = detail[:DETAIL]
    while len(code_block(shown)) > DETAIL + 100:
        shown = shown[: len(shown) // 2]
    return shown


def _changed_lines(patch: str) -> list[str]:
    return [line for line in patch.split("\n") if line[:1] in ("+", "-") and line[:4] not in ("+++ ", "--- ")]


def _on_one_line(path: str) -> str:
    return path.replace("\n", r"\u{a}")
