"""Turns pydantic's errors into problems in the words of the file's reader, with the spelling that may be meant."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from . import error_texts as texts

Keys = tuple[str, ...]
"""The parts of a dotted key."""

Problem = tuple[Keys, str]
"""The parts of a dotted key, and what is wrong there."""

_FIXED = {
    "frozen_set_type": texts.NOT_A_LIST,
    "tuple_type": texts.NOT_A_LIST,
    "list_type": texts.NOT_A_LIST,
    "dict_type": texts.NOT_A_TABLE,
    "string_type": texts.NOT_TEXT,
    "string_too_short": texts.EMPTY,
    "string_pattern_mismatch": texts.NOT_AN_ADDRESS,
    "path_type": texts.NOT_A_PATH,
    "int_type": texts.NOT_WHOLE,
    "int_parsing": texts.NOT_WHOLE,
    "int_parsing_size": texts.NOT_WHOLE,
    "int_from_float": texts.NOT_WHOLE,
    "float_type": texts.NOT_A_NUMBER,
    "float_parsing": texts.NOT_A_NUMBER,
    "bool_type": texts.NOT_A_SWITCH,
    "bool_parsing": texts.NOT_A_SWITCH,
}
"""Sentences for pydantic's kinds of errors that need no value."""


def closest(word: object, known: Iterable[str]) -> str:
    """Return the known word that is nearest to a misspelled one; empty if none is near."""
    return next(iter(get_close_matches(str(word).lower(), list(known), n=1)), "")


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return what is wrong with the values of a file that `model` describes."""
    return [(_keys(each), _words(each, model)) for each in error.errors()]


def _keys(error: Any) -> Keys:
    keys = tuple(map(str, error["loc"]))
    return keys[:-1] if keys[-1:] == ("[key]",) else keys  # pydantic's mark of a table whose name is wrong


def _words(error: Any, model: type[BaseModel]) -> str:
    keys = _keys(error)
    match error["type"]:
        case "extra_forbidden":
            return _unknown(keys, error["input"], model)
        case "missing":
            return texts.MISSING_TABLE if _is_table(keys) else texts.missing_key(keys[-1])
        case "value_error":
            return str(error["ctx"]["error"])
        case "literal_error":
            return texts.not_a_choice(re.split(", | or ", error["ctx"]["expected"].replace("'", '"')))
        case "model_type" | "model_attributes_type":
            return texts.AGENT_NEEDS_TABLE if keys[0] == "agents" and _is_table(keys) else texts.NOT_A_TABLE
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" as kind:
            return texts.out_of_bounds(kind, next(iter(error["ctx"].values())))
        case kind:
            return _FIXED.get(kind) or str(error["msg"])


def _is_table(keys: Keys) -> bool:
    return len(keys) == (2 if keys[0] in texts.NAMED_TABLES else 1) or keys == ("agents",)


def _unknown(keys: Keys, value: object, model: type[BaseModel]) -> str:
    """Say what may be meant by a key or a table that does not exist."""
    *above, name = keys
    known = _model_at(model, tuple(above)).model_fields
    home = next((table for table, fields in _tables(model) if name in fields), "")
    if above:
        return texts.unknown_key(known, closest(name, known), home)
    if isinstance(value, dict):
        return texts.unknown_table(known, closest(name, known))
    return texts.key_outside_tables(home)


def _tables(model: type[BaseModel]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the header and the keys of each table of the file, first of those that it has only once."""
    for name in sorted(model.model_fields, key=texts.NAMED_TABLES.__contains__):
        keys = (name, texts.NAMED_TABLES[name]) if name in texts.NAMED_TABLES else (name,)
        yield f"[{'.'.join(keys)}]", _model_at(model, keys).model_fields


def _model_at(model: type[BaseModel], keys: Keys) -> type[BaseModel]:
    """Return the model of a table, by its keys; names of agents, IDs and indices lead to the model of each element."""
    for key in keys:
        field = model.model_fields.get(key)
        inner = model.model_fields["default"] if field is None and "default" in model.model_fields else field
        if inner is not None:
            model = next(_models(inner.annotation), model)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)
