"""Discord's own OpenAPI description as loopback's inspector, and the exceptions from it with their reasons."""

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from jsonschema.protocols import Validator

OPENAPI = Path(__file__).parents[3] / "shared" / "discord" / "openapi.json"

# The payloads of gateway events: the schema, and the keys that only the gateway adds.
EVENTS: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "MESSAGE_CREATE": ("MessageResponse", frozenset({"guild_id", "member"})),
    "MESSAGE_UPDATE": ("MessageResponse", frozenset({"guild_id", "member"})),
    "CHANNEL_CREATE": ("GuildChannelResponse", frozenset()),
    "CHANNEL_UPDATE": ("GuildChannelResponse", frozenset()),
    "CHANNEL_DELETE": ("GuildChannelResponse", frozenset()),
    "THREAD_CREATE": ("ThreadResponse", frozenset({"newly_created"})),
    "THREAD_UPDATE": ("ThreadResponse", frozenset()),
    "GUILD_CREATE": (
        "GuildResponse",
        frozenset(
            {
                "joined_at",
                "large",
                "unavailable",
                "member_count",
                "members",
                "channels",
                "threads",
                "voice_states",
                "presences",
                "stage_instances",
                "guild_scheduled_events",
                "soundboard_sounds",
            }
        ),
    ),
    "GUILD_MEMBER_ADD": ("GuildMemberResponse", frozenset({"guild_id"})),
    "GUILD_MEMBER_UPDATE": ("GuildMemberResponse", frozenset({"guild_id"})),
}

# Where Discord differs from its description: the schema, the place in it, the replacement, and the reason.
_TEXT_OR_NUMBER: Final = ["string", "integer"]
EXCEPTIONS: Final[tuple[tuple[str, tuple[str | int, ...], Any, str], ...]] = (
    ("SnowflakeType", ("type",), _TEXT_OR_NUMBER, "libraries send ids as numbers, which Discord takes"),
    (
        "MessageReferenceType",
        ("oneOf",),
        [{"const": 0}, {"const": 1}],
        "a message that is passed on is referred to with type 1",
    ),
    ("Error", ("properties", "code", "type"), _TEXT_OR_NUMBER, "a form's error codes are words"),
    (
        "CreateMessageInteractionCallbackResponse",
        ("properties", "type", "enum"),
        [4, 5],
        "a deferred answer comes back as what it is",
    ),
    (
        "UpdateMessageInteractionCallbackResponse",
        ("properties", "type", "enum"),
        [6, 7],
        "a deferred update comes back as what it is",
    ),
)

# Undescribed keys that requests may have, with the reasons.
BESIDE: Final[dict[str, str]] = {
    "tts": "libraries send it also with edits and answers",
    "enforce_nonce": "discord.js sends it also with edits",
    "nsfw": "discord.py says it of each command; described for what Discord answers",
    "type": "discord.py names the kind of a thread also where it is on a message",
}


@cache
def description() -> dict[str, Any]:
    """Return the parsed file with the exceptions. Skips the test if the file is missing."""
    if not OPENAPI.exists():
        pytest.skip("Discord's OpenAPI description is not beside this repository")
    found: dict[str, Any] = json.loads(OPENAPI.read_text())
    for schema, (*way, last), instead, _ in EXCEPTIONS:
        node = found["components"]["schemas"][schema]
        for step in way:
            node = node[step]
        assert last in node, f"the exception of {schema} has no place any more"
        node[last] = instead
    shorter: dict[str, Any] = _without_constants(found)
    return shorter


MOST_REMEMBERED = 10_000
"""The bound on remembered valid values of each schema, some megabytes."""


def _without_constants(node: Any) -> Any:
    """Turn choices among constants into enumerations, which are validated in one step."""
    if isinstance(node, list):
        return [_without_constants(each) for each in node]
    if not isinstance(node, dict):
        return node
    inner = {key: _without_constants(value) for key, value in node.items()}
    shapes = inner.get("oneOf")
    if isinstance(shapes, list) and "enum" not in inner and all("const" in shape for shape in shapes):
        inner["enum"] = [shape["const"] for shape in inner.pop("oneOf")]
    return inner


def _one_of(validator: Any, shapes: list[Any], instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    """Validate oneOf. The library's function also collects the errors of the other shapes where one fits."""
    fitting = (shape for shape in shapes if validator.evolve(schema=shape).is_valid(instance))
    if len(list(islice(fitting, 2))) != 1:
        yield from jsonschema.Draft202012Validator.VALIDATORS["oneOf"](validator, shapes, instance, schema)


@cache
def _validator(schema: str, *, closed: bool) -> Validator:
    """Return the validator of a schema in JSON, whose references lead into the description."""
    asked = json.loads(schema)
    whole = {**(_closed(asked) if closed else asked), "components": _components(closed=closed)}
    named = whole["components"]["schemas"]
    right: set[tuple[str, str]] = set()

    def follow(validator: Any, reference: str, instance: Any, _: Any) -> Iterator[jsonschema.ValidationError]:
        # Most payloads repeat users, channels and guilds, so valid values are remembered.
        looked_at = (reference, json.dumps(instance))
        if looked_at in right:
            return
        is_right = True
        # The library would resolve the reference from the root each time.
        for error in validator.descend(instance, named[reference.removeprefix("#/components/schemas/")]):
            is_right = False
            yield error
        if is_right and len(right) < MOST_REMEMBERED:
            right.add(looked_at)

    keywords = {"oneOf": _one_of, "$ref": follow}
    draft: type[Validator] = jsonschema.validators.extend(  # type: ignore[no-untyped-call] # the stubs' lack
        jsonschema.Draft202012Validator, keywords
    )
    return draft(whole)


@cache
def _components(*, closed: bool) -> Any:
    components = description()["components"]
    return _closed(components) if closed else components


def _closed(node: Any) -> Any:
    """Forbid the properties of objects that neither the schema nor BESIDE names."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    inner = {key: _closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        inner["properties"] = {**dict.fromkeys(BESIDE, True), **inner["properties"]}
        inner.setdefault("additionalProperties", False)
    return inner


def problem(schema: dict[str, Any], payload: Any, *, closed: bool = False) -> str | None:
    """Describe a problem of the payload: with several allowed shapes, of the most similar one."""
    found = next(_validator(json.dumps(schema), closed=closed).iter_errors(payload), None)
    while found is not None and found.context:
        shapes: dict[Any, list[jsonschema.ValidationError]] = {}
        for error in found.context:
            shapes.setdefault(error.relative_schema_path[0], []).append(error)
        found = min(shapes.values(), key=_distance)[0]
    return None if found is None else f"{found.message[:300]} at {list(found.absolute_path)}"


def _distance(errors: list[jsonschema.ValidationError]) -> tuple[bool, int]:
    """Return the distance of a payload from a shape, which is largest for another `type`."""
    return any((error.validator == "type" and not error.path) or "type" in error.path for error in errors), len(errors)


def _named(schema: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{schema}"}


def check(schema: str, payload: Any) -> None:
    """Fail with the deepest problem if the payload differs from Discord's description."""
    wrong = problem(_named(schema), payload)
    assert wrong is None, f"{schema}: {wrong}"


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    # Paths with more literal parts come first: @original before {message_id}.
    ordered = sorted(description()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in ordered]


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, template in _paths():
        operation: dict[str, Any] | None = description()["paths"][template].get(method.lower())
        if operation is not None and pattern.fullmatch(path):
            return operation
    return None


class Description:
    """Inspects requests, answers and events; see `loopback.rest.conformance.Inspector`."""

    def request(self, method: str, path: str, body: Any) -> str | None:
        """Describe what is undescribed in a request's body."""
        operation = _operation(method, path)
        if operation is None:
            return "no such operation"
        kinds = operation.get("requestBody", {}).get("content", {})
        if body is None or not kinds:
            return None
        described = kinds.get("application/json") or next(iter(kinds.values()))
        return problem(described["schema"], body, closed=True)

    def answer(self, method: str, path: str, status: int, body: Any) -> str | None:
        """Describe what is undescribed in an answer's status and body."""
        operation = _operation(method, path)
        if status >= 400:
            schema = "RatelimitedResponse" if status == 429 else "ErrorResponse"
            return None if body is None else problem(_named(schema), body)
        if operation is None:
            return None
        described = operation["responses"].get(str(status))
        if described is None:
            return f"the statuses are {sorted(operation['responses'])}"
        content = described.get("content", {}).get("application/json")
        return None if body is None or content is None else problem(content["schema"], body)

    def event(self, name: str, payload: Any) -> str | None:
        """Describe what is undescribed in an event, if its payload has a schema."""
        if name not in EVENTS:
            return None
        schema, added = EVENTS[name]
        return problem(_named(schema), {key: payload[key] for key in payload.keys() - added})


def strictly() -> Description | None:
    """Return the inspector for a strict server, None without the file."""
    return Description() if OPENAPI.exists() else None
