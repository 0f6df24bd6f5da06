"""Decides which tool calls the configuration's `permission` allows without a person. Facts in, a decision out.

    ask           every question goes to a person
    allow_reads   reading and searching inside the session's directories is allowed, all else is asked
    allow_all     everything is allowed once, except what could extend the agent's power
    deny          everything is rejected

In doubt a person is asked: about calls that do not say what they do, about leaving a mode, about files that change what
an agent may do. The judgement rests on what the agent says of its call; only a sandbox stops one that lies. Links in
paths are resolved as they are now, not as they may be later. A command is searched for sensitive names, and for
programs known to write such files without naming them; its effect cannot be predicted.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from acp import Question
from acp.schema import Diff, OtherToolContent, TextBlock, ToolCallUpdate, ToolContent
from bot.config.values import Permission
from bot.user_messages import questions as texts
from bot.user_messages.reply_lines import FORGOTTEN

from .description_size import exceeds
from .session_paths import ADDRESS, LONGEST_PATH, MOST_LOOKUPS, SENSITIVE, RealPath, SessionPaths, path_parts
from .tool_description import command_of

SENSITIVE_COMMANDS = {
    "git": ("config", "-c", "--config-env", "clone -c", "clone --config", "submodule add", "lfs install"),
    "gh": ("auth setup-git",),
    "direnv": ("allow",),
    "husky": ("init", "install"),
    "lefthook": ("install",),
    "npm": ("config",),
    "pre-commit": ("install",),
    **dict.fromkeys(
        ("claude", "codex", "gemini", "goose", "opencode", "qwen"), ("config", "extensions", "mcp", "plugin")
    ),
}
"""Programs, and the arguments with which each writes such a file without naming it, or acts as such a file says."""

LONGEST_INPUT = 200_000
"""Characters of a call's input to search for names; that takes some hundredths of a second."""

_KINDS = frozenset({"read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"})
_READS = frozenset({"read", "search"})
_CHANGES = frozenset({"edit", "delete", "move"})
_HARMLESS = _READS | {"think", "fetch"}

_PLACE_KEY = re.compile(r"path|file|dir|cwd|source|dest|dst|target|^(?:to|from)$", re.IGNORECASE)
_PLACE = re.compile(rf"[/~]|(?:.*/)?\.\.(?:/|$)|{ADDRESS.pattern}", re.IGNORECASE)
_COMMAND_KEY = re.compile(r"command|cmd|^(?:script|args|argv)$", re.IGNORECASE)
_NAMED = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, sorted(SENSITIVE)))})(?![\w-])", re.IGNORECASE)


_COMMAND_PLACES = frozenset({"cwd", "workdir", "working_directory"})
_COMMAND_INPUT = _COMMAND_PLACES | {"command", "description", "timeout", "timeout_ms"}
"""The input of a command that runs where it says, as it is written, and nothing else."""

_QUOTING = str.maketrans("", "", "\"'\\")
_APART = re.compile(r"[\s;|&()<>`$={}]+")
"""The characters that a shell removes from a word, and those that end one."""

_PROGRAM = re.compile(rf"git_config_|(?<![\w-])(?:{'|'.join(sorted(SENSITIVE_COMMANDS))})(?![\w-])", re.IGNORECASE)
_REACH = 1000
"""Characters after a program's name to search."""


@dataclass(frozen=True, slots=True)
class AskPerson:
    """A person decides. `reason` says why the configuration did not, if it might have; otherwise it is empty."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Allow:
    """The configuration allows it once."""

    option_id: str


@dataclass(frozen=True, slots=True)
class Deny:
    """The configuration forbids it. Without an option to reject, the answer is `cancelled`."""

    option_id: str | None


Decision = AskPerson | Allow | Deny


def decide(
    permission: Permission,
    question: Question,
    call: ToolCallUpdate,
    directories: Sequence[Path],
    real: RealPath = os.path.realpath,
) -> Decision:
    """Judge a question, or a request to the client for a file or a command. Reads the file system by `real`.

    `call` has everything known of the tool call, `directories` are the session's, cwd first. `real` is asked about the
    paths of `paths_of` alone.
    """
    if permission == "deny":
        return Deny(question.rejection)
    if permission == "ask":
        return AskPerson()
    reason = _why_ask(permission, call, SessionPaths(directories, real))
    allow = next((option.option_id for option in question.options if option.kind == "allow_once"), None)
    if reason is None and allow is None:
        reason = texts.NO_ALLOW_ONCE
    return AskPerson(reason or "") if allow is None or reason is not None else Allow(allow)


def lone_command(call: ToolCallUpdate, directories: Sequence[Path], real: RealPath = os.path.realpath) -> str | None:
    """Return the command that a call runs in the session's directories, if it does nothing else.

    None for a call with other effects or unknown parts, and for a command that may change what an agent may do: the
    rules of a thread must not allow it. Reads the file system by `real`.
    """
    command = _stated_command(call)
    inside = bool(directories) and SessionPaths(directories, real).all_inside(_command_places(call))
    return command if inside else None


def paths_of(permission: Permission, call: ToolCallUpdate, directories: Sequence[Path]) -> tuple[str, ...]:
    """Return the paths that `decide` and `lone_command` look up; none if they look up nothing."""
    places: list[str] = []
    if permission in {"ask", "allow_reads"} and _stated_command(call) is not None:
        places += _command_places(call)
    if permission in {"allow_reads", "allow_all"} and isinstance(facts := _facts_of(call), _CallFacts):
        places += facts.places
    if not directories or len(places) > 2 * MOST_LOOKUPS or any(len(place) > LONGEST_PATH for place in places):
        return ()
    below = [str(directories[0] / place) for place in places]
    return tuple(dict.fromkeys([*map(str, directories), *below])) if below else ()


def _stated_command(call: ToolCallUpdate) -> str | None:
    """Return the command of a call that does nothing else, wherever it runs."""
    command, raw = command_of(call), call.raw_input
    named = raw if isinstance(raw, dict) else {}
    unknown = any(not isinstance(part, ToolContent) for part in call.content or ())
    if command is None or len(command) > LONGEST_PATH or unknown or not named.keys() <= _COMMAND_INPUT:
        return None
    if any(not isinstance(named[key], str) for key in named.keys() & _COMMAND_PLACES):
        return None
    return None if _mentions_sensitive(command) else command


def _command_places(call: ToolCallUpdate) -> list[str]:
    named = call.raw_input if isinstance(call.raw_input, dict) else {}
    stated = [named[key] for key in named.keys() & _COMMAND_PLACES]
    return [each.path for each in call.locations or ()] + [place for place in stated if isinstance(place, str)]


def _why_ask(permission: Permission, call: ToolCallUpdate, paths: SessionPaths) -> str | None:
    facts = _facts_of(call)
    if not isinstance(facts, _CallFacts):
        return facts
    return facts.why_not_read(paths) if permission == "allow_reads" else facts.why_sensitive(paths)


def _facts_of(call: ToolCallUpdate) -> "_CallFacts | str":
    """Return the facts of a call, or why they cannot be known."""
    if call.raw_input == FORGOTTEN:
        return texts.PARTLY_FORGOTTEN
    unknown = [part for part in call.content or () if isinstance(part, OtherToolContent)]
    if exceeds((call.raw_input, unknown), 2 * LONGEST_INPUT):  # To find the texts of very many parts takes long.
        return texts.TOO_LONG
    inputs = [*_leaves(call.raw_input), *_leaves([part.model_dump() for part in unknown])]
    if sum(len(text) for _, text in inputs) > LONGEST_INPUT:
        return texts.TOO_LONG
    return _CallFacts(call, inputs)


class _CallFacts:
    """The facts that a tool call states about itself."""

    def __init__(self, call: ToolCallUpdate, inputs: Sequence[tuple[str, str]]) -> None:
        self._kind = call.kind
        self._has_diff = any(isinstance(part, Diff) for part in call.content or ())
        self._has_command = any(_COMMAND_KEY.search(key) for key, _ in inputs)
        said = [text for _, text in inputs] + [call.title or ""]
        said += [
            part.content.text
            for part in call.content or ()
            if isinstance(part, ToolContent) and isinstance(part.content, TextBlock)
        ]
        self._text = "\n".join(said)
        """One text, as a program and its arguments may be in different parts."""
        self._keys = "\n;\n".join({key for key, _ in inputs})
        self.places = [location.path for location in call.locations or ()]
        self.places += [part.path for part in call.content or () if isinstance(part, Diff)]
        self.places += [text for key, text in inputs if _PLACE_KEY.search(key) or _PLACE.match(text.strip())]
        self._words = {text for _, text in inputs if len(text) <= LONGEST_PATH and not re.search(r"\s", text)}
        self._words.difference_update(self.places)

    def why_not_read(self, paths: SessionPaths) -> str | None:
        """Return why this is more than reading inside the session's directories, or None."""
        if self._kind not in _READS or self._has_diff or self._has_command:
            return texts.ONLY_READING
        if not self.places:
            return texts.UNKNOWN_READING
        if not paths.all_inside(self.places):
            return texts.OUTSIDE
        return None

    def why_sensitive(self, paths: SessionPaths) -> str | None:
        """Return why a person must see this although everything is allowed, or None."""
        if self._kind == "switch_mode":
            return texts.CHANGES_MODE
        if self._kind not in _KINDS:
            return texts.UNKNOWN_KIND
        if self._kind in _HARMLESS and not self._has_diff and not self._has_command:
            return None
        if not self.places and (self._kind in _CHANGES or not self._text.strip()):
            return texts.UNKNOWN_CHANGE
        # A command is searched for the names; a change is judged by its places, as its text may mention them.
        searched = f"{self._text}\n;\n{self._keys}" if self._kind not in _CHANGES or self._has_command else ""
        if len(searched) > 2 * LONGEST_INPUT:  # The title, and texts next to the input.
            return texts.TOO_LONG
        by_name = _mentions_sensitive(searched) or any(
            not SENSITIVE.isdisjoint(path_parts(word)) for word in self._words
        )
        if by_name or not paths.none_sensitive(self.places):
            return texts.CHANGES_RIGHTS
        return None


def _mentions_sensitive(text: str) -> bool:
    bare = text.translate(_QUOTING)
    return any(map(_names_sensitive, {text, bare})) or _writes_sensitive(bare)


def _names_sensitive(text: str) -> bool:
    folded = text.casefold()  # Usually there is none, and this is much faster than the pattern.
    return any(name in folded for name in SENSITIVE) and _NAMED.search(text) is not None


def _writes_sensitive(text: str) -> bool:
    for count, program in enumerate(_PROGRAM.finditer(text)):
        ways = SENSITIVE_COMMANDS.get(program[0].casefold())
        if (
            ways is None
            or count == MOST_LOOKUPS
            or _matches_command(ways, _APART.split(text[program.start() : program.end() + _REACH]))
        ):
            return True
    return False


def _matches_command(ways: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a program's words match one of `ways`. A word after an option is its value or the subcommand."""
    subcommand = ""
    for before, word in pairwise(words):
        argument = word if word.startswith("-") else word.casefold()
        if f"{subcommand} {argument}".lstrip() in ways:
            return True
        if not subcommand and not word.startswith("-") and not before.startswith("-"):
            subcommand = argument
            if not any(way.startswith(f"{subcommand} ") for way in ways):
                break
    return False


def _leaves(raw: Any) -> Iterator[tuple[str, str]]:
    """Yield all texts of a JSON value in order, each with the nearest key above it."""
    waiting = [("", raw)]
    while waiting:
        key, value = waiting.pop()
        match value:
            case str():
                yield key, value
            case dict():
                waiting.extend((str(name), each) for name, each in reversed(value.items()))
            case list():
                waiting.extend((key, each) for each in reversed(value))
