"""Reads a TOML file into a model: replaces `${NAME}` in values, and reports each mistake by line, table and key."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from . import error_texts as texts
from .mistakes import Keys, Problem, problems_of
from .positions import is_assigned, line_of, syntax_error

VARIABLE = re.compile(r"\$(\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\})")

Variable = tuple[Keys, str]
"""The parts of a dotted key, and the value that replaced a `${NAME}` there."""

M = TypeVar("M", bound=BaseModel)


class ConfigError(Exception):
    """The configuration cannot be used. The text has a line for each problem."""


@dataclass(frozen=True)
class Document(Generic[M]):
    """A file's content, and its text, in which keys are located. Documents with equal content are equal.

    With `problems` the content lacks the keys that have them, and only serves to find further problems.
    """

    path: Path
    text: str = field(compare=False)
    content: M
    variables: tuple[Variable, ...] = ()
    problems: tuple[Problem, ...] = ()

    def located(self, keys: Keys, words: str) -> str:
        """Return a problem as a line with the file, the line number, the table and the key."""
        return _located(self.path, self.text, keys, words)

    def raise_problems(self, more: Iterable[Problem] = ()) -> None:
        """Raise `ConfigError` with a line for each of its problems and of `more`, unless there are none.

        A key has its first problem only: what follows from that one helps no reader.
        """
        found = dict(self.problems)
        for keys, words in more:
            found.setdefault(keys, words)
        if found:
            raise _error(self.path, self.text, found.items())


def read(path: Path, environ: Mapping[str, str], model: type[M]) -> Document[M]:
    """Read the file as `model` describes it, with `${NAME}` replaced from `environ`.

    Raises `ConfigError` where not even a part of the content can be used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(texts.line(path, None, "", texts.unreadable(reason_of(error)))) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        number, reason = syntax_error(text, error)
        raise ConfigError(texts.line(path, number, "", texts.not_toml(reason))) from None
    variables = _Variables(environ)
    expanded = variables.expand(raw)
    content, mistakes = _validated(model, expanded)
    unset = {keys for keys, _ in variables.problems}
    problems = [*variables.problems, *(each for each in mistakes if unset.isdisjoint(_above(each[0])))]
    if content is None:
        raise _error(path, text, problems)
    return Document(path, text, content, tuple(variables.found), tuple(problems))


def reason_of(error: OSError | UnicodeDecodeError) -> str:
    """Return why a file cannot be used, without numbers and paths."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _validated(model: type[M], raw: dict[str, Any]) -> tuple[M | None, list[Problem]]:
    """Return the content and its problems; without the keys that have some, or None where even then it is none."""
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        problems = problems_of(error, model)
    try:
        return model.model_validate(_without(raw, {keys for keys, _ in problems})), problems
    except ValidationError:
        return None, problems


def _without(value: Any, wrong: set[Keys], keys: Keys = ()) -> Any:
    """Return a parsed value without the elements at these places."""
    match value:
        case dict():
            return {
                key: _without(each, wrong, (*keys, key)) for key, each in value.items() if (*keys, key) not in wrong
            }
        case list():
            listed = [(each, (*keys, str(number))) for number, each in enumerate(value)]
            return [_without(each, wrong, place) for each, place in listed if place not in wrong]
        case _:
            return value


def _above(keys: Keys) -> Iterator[Keys]:
    """Yield a dotted key and all that contain it."""
    return (keys[:count] for count in range(len(keys) + 1))


class _Variables:
    """Replaces variables in text values, after parsing: a quote in a value is harmless."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []
        self.found: list[Variable] = []

    def expand(self, value: Any, keys: Keys = ()) -> Any:
        """Replace `${NAME}` in every text; `$${` is a literal `${`. An unset variable stays as it is written."""
        if isinstance(value, dict):
            return {key: self.expand(each, (*keys, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.expand(each, keys) for each in value]
        if not isinstance(value, str):
            return value
        return VARIABLE.sub(lambda match: self._value(match[0], match[2], keys), value)

    def _value(self, reference: str, name: str | None, keys: Keys) -> str:
        if name is None:
            return "${"
        if name not in self._environ:
            self.problems.append((keys, texts.variable_not_set(name)))
        self.found.append((keys, self._environ.get(name, "")))
        return self._environ.get(name, reference)


def _error(path: Path, text: str, problems: Iterable[Problem]) -> ConfigError:
    """Return the problems as one error, in the order of the file."""
    numbered = sorted(problems, key=lambda problem: line_of(text, problem[0]) if problem[0] else 0)
    return ConfigError("\n".join(_located(path, text, keys, words) for keys, words in numbered))


def _located(path: Path, text: str, keys: Keys, words: str) -> str:
    if not keys:
        return texts.line(path, None, "", words)
    number = line_of(text, keys)
    outside = len(keys) == 1 and is_assigned(text, number, keys[0])
    return texts.line(path, number, keys[0] if outside else texts.place(keys), words)
