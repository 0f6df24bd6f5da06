"""The protocol's official schema, for checks of our messages."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from tests.acp.recorded import SCHEMA

by_the_schema = pytest.mark.usefixtures("_by_the_schema")
"""For modules whose client must write nothing that the schema does not allow; see `conftest`."""


@cache
def _definitions() -> dict[str, Any]:
    definitions: dict[str, Any] = json.loads(SCHEMA.read_text())["$defs"]
    return definitions


@cache
def _validator(name: str) -> Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": _definitions()})


@cache
def _names(method: str) -> dict[str, str]:
    """Return the schema's names of a method's `params` and `result`."""
    found = {}
    for name, definition in _definitions().items():
        if definition.get("x-method") == method:
            found["result" if name.endswith("Response") else "params"] = name
    return found


def check(message: dict[str, Any], asked: Callable[[Any], str | None] = lambda _: None) -> None:
    """Check a message of ours against the schema. Raises `jsonschema.ValidationError`.

    `asked` returns the method of the agent's request with an id, for the check of our answer. Answers to unknown
    requests and methods outside the schema are checked against JSON-RPC only.
    """
    assert message["jsonrpc"] == "2.0"
    method = message["method"] if "method" in message else asked(message["id"])
    names = {} if method is None else _names(method)
    if "error" in message:
        _validator("Error").validate(message["error"])
        return
    part = "params" if "method" in message else "result"
    if part in names:
        _validator(names[part]).validate(message[part])
