"""Converts people's entries into the values of the agent's form, or says why it cannot. Pure."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from urllib.parse import urlsplit

from bot.user_messages import form_errors as texts

from .form_schema import Choice, Entered, Field, Value

INTEGERS = 2**63
"""The bound on integers, on both sides of zero (ACP, ElicitationContentValue)."""

LIKE = 5
QUOTED = 50
"""Similar choices to suggest, and characters of each to show."""


class InvalidValue(Exception):
    """An entry does not fit; the text says what would."""


def parse_value(field: Field, given: Entered) -> Value | None:
    """Return the value of an entry; None for an empty optional field. Raises `InvalidValue`."""
    if not given or (isinstance(given, str) and not given.strip()):
        if not field.may_be_empty:
            raise InvalidValue(texts.EMPTY)
        return [] if field.required else None
    match field.kind:
        case "text":
            return _read_text(field, given if isinstance(given, str) else "")
        case "integer" | "number":
            return _read_number(field, str(given).strip())
        case "boolean":
            return _chosen(field, given)[0] == "true"
        case "one":
            return _one(_chosen(field, given))
        case "many":
            return _some(field, _chosen(field, given))
        case "lines":
            return _lines(field, lines_of(given))


def lines_of(given: Entered) -> list[str]:
    """Return the lines of an entry, without empty ones."""
    return [line.strip() for line in given.split("\n") if line.strip()] if isinstance(given, str) else []


def _lines(field: Field, lines: list[str]) -> list[str]:
    if len(lines) < (field.least or 0) or len(lines) > (math.inf if field.most is None else field.most):
        raise InvalidValue(texts.wrong_count(len(lines), "line", field.bounds))
    twice = next((line for place, line in enumerate(lines) if line in lines[:place]), None)
    if field.unique and twice is not None:
        raise InvalidValue(texts.repeated(_quoted(twice)))
    if field.item is None:
        return lines
    values = []
    for number, line in enumerate(lines, 1):
        try:
            values.append(_read_text(field.item, line))
        except InvalidValue as wrong:
            raise InvalidValue(texts.in_line(number, wrong)) from None
    return values


def _read_text(field: Field, text: str) -> str:
    low, high = field.least or 0, field.most if field.most is not None else math.inf
    if not low <= len(text) <= high:
        raise InvalidValue(texts.wrong_count(len(text), "character", field.bounds))
    fits = _FORMAT_CHECKS.get(field.format)
    if fits is not None and not fits(text.strip()):
        raise InvalidValue(texts.must_be(field.hint))
    return text.strip() if fits is not None else text


def _read_number(field: Field, text: str) -> int | float:
    if field.kind == "integer":
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", text) or not -INTEGERS <= int(text) < INTEGERS:
            raise InvalidValue(texts.must_be(field.hint))
        number: int | float = int(text)
    elif not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text) or math.isinf(float(text)):
        raise InvalidValue(texts.must_be(field.hint))
    else:
        number = float(text)
    low = field.least if field.least is not None else -math.inf
    high = field.most if field.most is not None else math.inf
    if not low <= number <= high:
        raise InvalidValue(texts.must_be(field.hint))
    return number


def _chosen(field: Field, given: str | Sequence[str]) -> list[str]:
    """Return the values of choices by number, or of typed ones."""
    if not isinstance(given, str):
        places = [int(place) for place in given if place.isdecimal() and int(place) < len(field.choices)]
        return [field.choices[place].value for place in dict.fromkeys(places)]
    names, named = given.split("\n") if field.kind == "many" else [given], _Named(field.choices)
    found = [choice for name in names if name.strip() for choice in _typed(field, named, name)]
    return list(dict.fromkeys(choice.value for choice in found))


class _Named:
    """A field's choices by what people may type: people name hundreds of them, of thousands."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        self._choices = choices
        self._values = _by(choices, lambda each: (each.value,))
        self._titles = _by(choices, lambda each: (each.title.strip(),))
        self._plain = _by(choices, lambda each: (_plain(each.value), _plain(each.title)))

    def called(self, name: str) -> list[Choice]:
        """Find choices by value, title, either in another case, or the number in the attached file."""
        name = name.strip()
        found = self._values.get(name) or self._titles.get(name) or self._plain.get(_plain(name))
        if found:
            return [*found.values()]
        number = re.fullmatch(r"#([0-9]{1,6})", name)
        return [] if number is None else [*self._choices[int(number[1]) - 1 : int(number[1])]]


def _by(choices: Sequence[Choice], names: Callable[[Choice], Iterable[str]]) -> dict[str, dict[str, Choice]]:
    found: dict[str, dict[str, Choice]] = {}
    for each in choices:
        for name in names(each):
            found.setdefault(name, {})[each.value] = each
    return found


def _typed(field: Field, named: _Named, line: str) -> list[Choice]:
    """Find the choice that a line names, or several with commas if the field takes many."""
    found = named.called(line)
    if not found and field.kind == "many" and "," in line:
        names = (name.replace(",", "") for name in line.split(",") if name.strip())
        return [choice for name in names for choice in _typed(field, named, name)]
    if len(found) > 1:
        raise InvalidValue(texts.ambiguous(len(found), _quoted(line)))
    if not found:
        like = [choice for choice in field.choices if _plain(line) in _plain(f"{choice.title} {choice.value}")]
        raise InvalidValue(texts.no_such_choice(_quoted(line), [_quoted(each.title) for each in like[:LIKE]]))
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= QUOTED else f"{line[:QUOTED]}…")


def _one(values: list[str]) -> str:
    if len(values) != 1:
        raise InvalidValue(texts.NOT_A_CHOICE)
    return values[0]


def _some(field: Field, values: list[str]) -> list[str]:
    low, high = field.least or 0, field.most if field.most is not None else math.inf
    if not low <= len(values) <= high:
        raise InvalidValue(texts.wrong_count(len(values), "choice", field.bounds))
    return values


def _is_email(text: str) -> bool:
    return re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text) is not None


def _is_uri(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme) and not re.search(r"\s", text)
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_date_time(text: str) -> bool:
    try:
        return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


_FORMAT_CHECKS = {"email": _is_email, "uri": _is_uri, "date": _is_date, "date-time": _is_date_time}
