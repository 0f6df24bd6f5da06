"""Redacts secrets in texts for people and in the agent's events, even a secret that is split over two events."""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from acp import Elicitation, Event, Question, Skipped, Subagent, SubagentToolCall, Text, Thought, Unreadable
from acp.defects import Invalid, NotJson
from acp.schema import AudioBlock, ImageBlock, PermissionOption

SHORTEST = 6
"""A shorter secret is not redacted: that would make lines unreadable."""

MARK = "[secret]"

BEGINNING = 4
"""Characters that identify the beginning of a secret at the end of a piece; fewer reveal too little."""


SHORT = 1000
"""Up to this length, one pass for all secrets is faster than one pass each."""


class Redactor:
    """A function that redacts secrets in a text, both literally and as code would write them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Secrets shorter than `SHORTEST` are ignored."""
        known = [secret for secret in secrets if len(secret) >= SHORTEST]
        forms = {form for secret in known for form in _forms(secret)}
        # Longest first, since a secret may be the beginning of a longer one.
        self._forms = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._forms)) or r"(?!)")
        self._encoded = sorted({_encode(form)[1:-1] for form in forms}, key=len, reverse=True)
        self._shortest = min(map(len, self._forms), default=SHORTEST)

    def __call__(self, text: str) -> str:
        """Return the text without secrets; the same object where it has none."""
        if len(text) < self._shortest:
            return text
        if len(text) < SHORT:
            return self._pattern.sub(MARK, text)
        for form in self._forms:  # The pattern tries each form at each character, ten times slower.
            text = text.replace(form, MARK)
        return text

    def in_json(self, value: Any) -> Any:
        """Return a list or dict of JSON values without secrets; the same object where it has none.

        It works on the serialized JSON, a tenth of the cost of visiting each value. Raises ValueError where the value
        is no JSON, and where a redaction inside an escape or a number leaves no valid JSON.
        """
        try:
            text = _encode(value)
        except (TypeError, RecursionError) as error:
            raise ValueError from error
        found = [form for form in self._encoded if form in text]
        if not found:
            return value
        for form in found:
            text = text.replace(form, MARK)
        return json.loads(text)

    def places(self, text: str) -> list[tuple[int, int]]:
        """Return the start and end of each secret in a text."""
        return [match.span() for match in self._pattern.finditer(text)] if self._has(text) else []

    def _has(self, text: str) -> bool:
        return any(form in text for form in self._forms)  # Usually false, and much faster than the pattern.

    def begun(self, text: str) -> int:
        """Return how many characters at the end of a text may be the beginning of a secret."""
        return max((_overlap(text, form) for form in self._forms), default=0)


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def _forms(secret: str) -> tuple[str, ...]:
    """Return how a text is written literally, in Python and in JSON."""
    quoted = (repr(secret), ascii(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False))
    return secret, *(form[1:-1] for form in quoted)


def _overlap(text: str, form: str) -> int:
    at = text.find(form[:BEGINNING], max(0, len(text) - len(form) + 1))
    while at >= 0:
        if form.startswith(text[at:]):
            return len(text) - at
        at = text.find(form[:BEGINNING], at + 1)
    return 0


class StreamRedactor:
    """Redacts the events of one turn. Text that may be the beginning of a secret is held back until more is known."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._kind: type[Text | Thought] = Text
        self._held = ""
        self._shown = ""
        """The end of the shown text of this kind, in which a secret may have begun: it was too short to hold back."""

    def take(self, event: Event) -> Iterator[Event]:
        """Return the events that may be shown now."""
        # A subagent works beside the agent, which may be in the middle of a word.
        if type(event) is not self._kind and not isinstance(event, Subagent | SubagentToolCall):
            yield from self.rest()
        match event:
            case Text(text) | Thought(text):
                self._kind = type(event)
                text = self._next(text)
                if text:
                    yield self._kind(text)
            case _:
                yield redact_value(event, self._redact)

    def rest(self) -> Iterator[Event]:
        """Return the text that was held back, when no more of it will come."""
        if self._held:
            yield self._kind(self._held)
        self._held = self._shown = ""

    def _next(self, text: str) -> str:
        """Return the part of a text's continuation that may be shown."""
        whole = self._shown + self._held + text
        at, shown = len(self._shown), ""
        for start, end in self._redact.places(whole):
            shown += whole[at:start] + MARK
            at = end
        count = min(self._redact.begun(whole), len(whole) - at)
        until = len(whole) - count
        self._held = whole[until:]
        self._shown = whole[max(0, until - BEGINNING + 1) : until]
        return shown + whole[at:until]


def redact_value(value: Any, redact: Redactor) -> Any:
    """Redact secrets in a value and everything inside it. A value without any is returned as the same object."""
    if type(value) in _PLAIN:  # Checking for a model takes longer than all else.
        return value
    match value:
        case str():
            return redact(value)
        case dict() | list():
            try:
                return redact.in_json(value)
            except ValueError:
                return _redact_container(value, redact)
        case PermissionOption():  # Its id is the agent's answer.
            return value.model_copy(update={"name": redact(value.name)})
        case BaseModel():
            fields = {**vars(value), **(value.model_extra or {})}
            if isinstance(value, ImageBlock | AudioBlock):
                del fields["data"]  # Long, and never shown as text.
            changed = {name: new for name, old in fields.items() if (new := redact_value(old, redact)) is not old}
            return value.model_copy(update=changed) if changed else value
        case Question():
            options = tuple(redact_value(each, redact) for each in value.options)
            tool_call, subagent = redact_value(value.tool_call, redact), redact_value(value.subagent, redact)
            return dataclasses.replace(value, tool_call=tool_call, options=options, subagent=subagent)
        case Elicitation():
            schema, subagent = _redact_form(value.schema, redact), redact_value(value.subagent, redact)
            return dataclasses.replace(value, message=redact(value.message), schema=schema, subagent=subagent)
        case Subagent():
            title, description, reason = map(redact, (value.title, value.description, value.reason))
            return dataclasses.replace(
                value, title=title, description=description, reason=reason, cwd=redact(value.cwd)
            )
        case SubagentToolCall():
            update = redact_value(value.update, redact)
            return SubagentToolCall(redact_value(value.subagent, redact), update)
        case Unreadable() | Skipped():
            return dataclasses.replace(value, defect=redact_value(value.defect, redact))
        case Invalid() | NotJson():
            return dataclasses.replace(value, detail=redact(value.detail))
        case _:
            return value


def _redact_container(value: Any, redact: Redactor) -> Any:
    """Redact a list or dict of up to tens of thousands of values: each is dispatched by its exact type, once."""
    changed: Any = None
    for at, old in enumerate(value) if type(value) is list else value.items():
        kind = type(old)
        if kind is str:
            new = redact(old)
        elif kind in _PLAIN:
            continue
        else:
            new = _redact_container(old, redact) if kind is list or kind is dict else redact_value(old, redact)
        if new is not old:
            changed = value.copy() if changed is None else changed
            changed[at] = new
    found = value if changed is None else changed
    if type(value) is dict:
        renamed = {name: new for name in value if (new := redact(name)) is not name}
        return {renamed.get(name, name): each for name, each in found.items()} if renamed else found
    return found


_PLAIN = frozenset({int, float, bool, type(None)})

_WORDS = frozenset({"title", "description", "enumNames"})


def _redact_form(schema: Any, redact: Redactor) -> Any:
    """Redact the texts of a form that people read; names and values go back to the agent unchanged."""
    match schema:
        case dict():  # Matching any mapping takes ten times as long, and a form may have thousands.
            plain = schema.get("enum")
            named = {"enumNames": plain} if isinstance(plain, list) and "enumNames" not in schema else {}
            return {
                key: redact_value(each, redact)
                if key in _WORDS and not isinstance(each, dict)
                else _redact_form(each, redact)
                if isinstance(each, dict | list)
                else each
                for key, each in (schema | named if named else schema).items()
            }
        case list():
            return [_redact_form(each, redact) for each in schema]
        case _:
            return schema


_SHAPES = re.compile(
    r"\b(?:"
    r"sk-[\w-]{20,}|[rs]k_(?:live|test)_\w{16,}"  # Anthropic, OpenAI and others; Stripe
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"  # GitHub, GitLab
    r"|xox[abeoprs]-[\w-]{10,}|hf_\w{20,}|npm_\w{20,}|pypi-[\w-]{20,}"  # Slack, Hugging Face, npm, PyPI
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,}"  # AWS, Google
    r"|[MNO][\w-]{22,28}\.[\w-]{6}\.[\w-]{27,}"  # Discord
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"  # JSON Web Token
    r")",
    re.ASCII,
)
"""Secrets outside the bot's configuration, recognized by the shape of services' keys."""


def redact_tokens(text: str) -> str:
    """Redact what looks like a key, in short texts with a wide audience: names and errors."""
    return _SHAPES.sub(MARK, text)
