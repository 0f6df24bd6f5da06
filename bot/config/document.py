"""Reads a TOML file into a model: replaces `${NAME}` in values, and reports each mistake by line and dotted key."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

VARIABLE = re.compile(r"\$(\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_HEADER = re.compile(r"\s*\[(\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"))*)\s*=""")


Problem = tuple[tuple[str, ...], str]
"""The parts of a dotted key, and what is wrong there."""

Variable = tuple[tuple[str, ...], str]
"""The parts of a dotted key, and the value that replaced a `${NAME}` there."""

M = TypeVar("M", bound=BaseModel)


class ConfigError(Exception):
    """The configuration cannot be used. The text has a line for each problem."""


@dataclass(frozen=True)
class Document(Generic[M]):
    """A file's content, and its text, in which keys are located. Documents with equal content are equal."""

    path: Path
    text: str = field(compare=False)
    content: M
    variables: tuple[Variable, ...] = ()

    def located(self, keys: tuple[str, ...], words: str) -> str:
        """Return a problem as a line with the file, the line number and the dotted key."""
        return _located(self.path, self.text, keys, words)


def read(path: Path, environ: Mapping[str, str], model: type[M]) -> Document[M]:
    """Read the file as `model` describes it, with `${NAME}` replaced from `environ`. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    variables = _Variables(environ)
    expanded = variables.expand(raw)
    _raise_problems(path, text, variables.problems)
    try:
        return Document(path, text, model.model_validate(expanded), tuple(variables.found))
    except ValidationError as error:
        _raise_problems(path, text, [(tuple(map(str, each["loc"])), _describe(each)) for each in error.errors()])
        raise


def _raise_problems(path: Path, text: str, problems: Sequence[Problem]) -> None:
    if problems:
        raise ConfigError("\n".join(_located(path, text, keys, message) for keys, message in problems))


class _Variables:
    """Replaces variables in text values, after parsing: a quote in a value is harmless."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []
        self.found: list[Variable] = []

    def expand(self, value: Any, keys: tuple[str, ...] = ()) -> Any:
        """Replace `${NAME}` in every text; `$${` is a literal `${`."""
        if isinstance(value, dict):
            return {key: self.expand(each, (*keys, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.expand(each, keys) for each in value]
        if not isinstance(value, str):
            return value
        return VARIABLE.sub(lambda match: self._value(match[2], keys), value)

    def _value(self, name: str | None, keys: tuple[str, ...]) -> str:
        if name is None:
            return "${"
        if name not in self._environ:
            self.problems.append((keys, f"the environment variable {name} is not set"))
        self.found.append((keys, self._environ.get(name, "")))
        return self._environ.get(name, "")


def _describe(error: Any) -> str:
    """Return a pydantic error in the words of the file's reader."""
    match error["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "path_type":
            return "must be a path, written as text"
        case "string_pattern_mismatch":
            return 'must be an address like "http://127.0.0.1:8377"'
        case "frozen_set_type" | "tuple_type" | "list_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a table"
        case _:
            return str(error["msg"])


def _located(path: Path, text: str, keys: tuple[str, ...], message: str) -> str:
    line = _line_of(text, keys)
    where = f"{path}:{line}" if line else f"{path}"
    return f"{where}: {'.'.join(map(_bare, keys))}: {_one_line(message)}"


def _bare(key: str) -> str:
    """Return a part of a dotted key, quoted unless it is a bare key in TOML."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """Return the line of the assignment or table header that is closest to the dotted key; None if there is none."""
    best, best_line = 0, None
    table: tuple[str, ...] = ()
    listed: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _numbered(_split_key(header[2]), listed, begins=bool(header[1]))
            found = table
        elif assignment := _ASSIGNMENT.match(line):
            found = (*table, *_split_key(assignment[1]))
        else:
            continue
        if found == keys[: len(found)] and len(found) > best:
            best, best_line = len(found), number
    return best_line


def _numbered(keys: tuple[str, ...], listed: dict[tuple[str, ...], int], *, begins: bool) -> tuple[str, ...]:
    """Insert the element's index behind each key of a list of tables; `begins`: `[[keys]]` starts another element."""
    numbered: tuple[str, ...] = ()
    for count, key in enumerate(keys, start=1):
        numbered += (key,)
        if begins and count == len(keys):
            listed[numbered] = listed.get(numbered, -1) + 1
        if numbered in listed:
            numbered += (str(listed[numbered]),)
    return numbered


def _split_key(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
