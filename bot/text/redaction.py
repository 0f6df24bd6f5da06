"""Redacts secrets in texts for people and in the agent's events, also a secret that is split over two of them."""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from acp import Elicitation, Event, Question, Skipped, Text, Thought, Unreadable
from acp.schema import AudioBlock, ImageBlock, PermissionOption

__all__ = ["MARK", "SHORTEST", "Redactor", "StreamRedactor", "redact_tokens", "redact_value"]

SHORTEST = 6
"""A shorter secret is no secret, and taking it out would make lines unreadable."""

MARK = "[secret]"

BEGINNING = 4
"""Characters of a secret by which its beginning is known, at the end of a piece; fewer give nothing away."""


SHORT = 1000
"""Up to so many characters one pass for all secrets costs less than one for each."""


class Redactor:
    """A function that takes secrets out of a text, as they are and as code would write them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Short ones are left out, see `SHORTEST`."""
        known = [secret for secret in secrets if len(secret) >= SHORTEST]
        forms = {form for secret in known for form in _forms(secret)}
        # The longest first: one that another begins with would leave the other's end behind.
        self._forms = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._forms)) or r"(?!)")
        self._encoded = sorted({_encode(form)[1:-1] for form in forms}, key=len, reverse=True)
        self._shortest = min(map(len, self._forms), default=SHORTEST)

    def __call__(self, text: str) -> str:
        """Return the text without them; the same where it has none."""
        if len(text) < self._shortest:
            return text
        if len(text) < SHORT:
            return self._pattern.sub(MARK, text)
        for form in self._forms:  # The pattern tries each of them at each character, which takes ten times as long.
            text = text.replace(form, MARK)
        return text

    def in_json(self, value: Any) -> Any:
        """Return a list or dict as JSON has them without secrets; the same where it has none.

        By way of its JSON, which costs a tenth of a look at each value. What is cut out of the middle of an escape, or
        of a number, leaves no JSON: then this raises ValueError, as for what is not JSON.
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
        """Return where secrets begin and end in a text."""
        return [match.span() for match in self._pattern.finditer(text)] if self._has(text) else []

    def _has(self, text: str) -> bool:
        return any(form in text for form in self._forms)  # Mostly not, and this is much faster than the pattern.

    def begun(self, text: str) -> int:
        """Return how many characters at the end of a text may be the beginning of a secret."""
        return max((_overlap(text, form) for form in self._forms), default=0)


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def _forms(secret: str) -> tuple[str, ...]:
    """Return how a text stands in itself, in Python and in JSON."""
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
    """The events of one turn without secrets. What may be the beginning of one is held back until more is known."""

    def __init__(self, redact: Redactor) -> None:
        """Start with no text held back."""
        self._redact = redact
        self._kind: type[Text | Thought] = Text
        self._held = ""
        self._shown = ""
        """The end of what was shown of this kind: too short to be held back, a secret may have begun in it."""

    def take(self, event: Event) -> Iterator[Event]:
        """Return what may be shown now."""
        if type(event) is not self._kind:
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
        """Return what was held back, when no more of it will come."""
        if self._held:
            yield self._kind(self._held)
        self._held = self._shown = ""

    def _next(self, text: str) -> str:
        """Return what may be shown of the text that goes on here."""
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
    """Take secrets out of a value and all that is in it. What has none is returned as it is."""
    if type(value) in _PLAIN:  # To find that it is no model takes longer than all else.
        return value
    match value:
        case str():
            return redact(value)
        case dict() | list():
            try:
                return redact.in_json(value)
            except ValueError:
                return _without(value, redact)
        case PermissionOption():  # By its id the agent is answered.
            return value.model_copy(update={"name": redact(value.name)})
        case BaseModel():
            fields = {**vars(value), **(value.model_extra or {})}
            if isinstance(value, ImageBlock | AudioBlock):
                del fields["data"]  # It is shown as what it is, and long.
            changed = {name: new for name, old in fields.items() if (new := redact_value(old, redact)) is not old}
            return value.model_copy(update=changed) if changed else value
        case Question():
            options = tuple(redact_value(each, redact) for each in value.options)
            return dataclasses.replace(value, tool_call=redact_value(value.tool_call, redact), options=options)
        case Elicitation():
            schema = _without_in_words(value.schema, redact)
            return dataclasses.replace(value, message=redact(value.message), schema=schema)
        case Unreadable() | Skipped():
            return dataclasses.replace(value, reason=redact(value.reason))
        case _:
            return value


def _without(value: Any, redact: Redactor) -> Any:
    """Do so for a list or dict, which may hold tens of thousands of values: by their types, each looked at once."""
    changed: Any = None
    for at, old in enumerate(value) if type(value) is list else value.items():
        kind = type(old)
        if kind is str:
            new = redact(old)
        elif kind in _PLAIN:
            continue
        else:
            new = _without(old, redact) if kind is list or kind is dict else redact_value(old, redact)
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


def _without_in_words(schema: Any, redact: Redactor) -> Any:
    """Take secrets out of what people read of a form; its names and values go back to the agent as they are."""
    match schema:
        case dict():  # Not any mapping: to ask for that takes ten times as long, and a form may have thousands.
            plain = schema.get("enum")
            named = {"enumNames": plain} if isinstance(plain, list) and "enumNames" not in schema else {}
            return {
                key: redact_value(each, redact)
                if key in _WORDS and not isinstance(each, dict)
                else _without_in_words(each, redact)
                if isinstance(each, dict | list)
                else each
                for key, each in (schema | named if named else schema).items()
            }
        case list():
            return [_without_in_words(each, redact) for each in schema]
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
"""Secrets that nobody has told the bot of, known by their shape: what services call their keys."""


def redact_tokens(text: str) -> str:
    """Take out what looks like a key. For short texts that more people see than meant to: names, errors."""
    return _SHAPES.sub(MARK, text)
