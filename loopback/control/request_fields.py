"""Reads a request's JSON object field by field; a wrong one raises `BadRequest` with the field's name."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

from loopback.state.entities import Account, Bot, Channel, Guild, Json, Message, Thread
from loopback.state.field_types import id_in
from loopback.state.outcome import WAIT, Wanted
from loopback.state.world import World

LONGEST_WAIT: Final = 600.0

T = TypeVar("T")
E = TypeVar("E", Account, Channel, Guild)


class BadRequest(Exception):
    """The request cannot be understood; the text says which field and why."""


class NotThere(Exception):
    """The request names something that does not exist."""


class RequestFields:
    """The fields of one request. People, channels and guilds go by their id, or by their name if only one has it."""

    def __init__(self, world: World, fields: Json, known: frozenset[str]) -> None:
        if unknown := fields.keys() - known:
            raise BadRequest(f"unknown field {min(unknown)!r}; there are {sorted(known)}")
        self.world = world
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """A string; required without a default."""
        value = self._fields.get(name, default)
        if not isinstance(value, str):
            raise BadRequest(f"{name!r} is to be a string")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A number; required without a default."""
        value = self._fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadRequest(f"{name!r} is to be a number")
        return value

    def truth(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise BadRequest(f"{name!r} is to be true or false")
        return value

    def many(self, name: str) -> list[Any]:
        """A list; empty when it is not there."""
        value = self._fields.get(name) or []
        if not isinstance(value, list):
            raise BadRequest(f"{name!r} is to be a list")
        return value

    def object(self, name: str) -> Json:
        """An object; empty when it is not there."""
        value = self._fields.get(name) or {}
        if not isinstance(value, dict):
            raise BadRequest(f"{name!r} is to be an object")
        return value

    @property
    def timeout(self) -> float:
        """How long to wait for a condition, in seconds: WAIT unless told, LONGEST_WAIT at most."""
        return min(self.number("timeout", WAIT), LONGEST_WAIT)

    @property
    def wanted(self) -> Wanted:
        """What a message is to say: the `text`, or a match of the `pattern`; without both, anything."""
        if "pattern" not in self:
            return self.text("text", "")
        try:
            return re.compile(self.text("pattern"))
        except re.error as error:
            raise BadRequest(f"'pattern' is no regular expression: {error}") from None

    @property
    def files(self) -> list[tuple[str, bytes]]:
        """Files as objects with a `name` and either `text` or `base64`."""
        found = []
        for one in self.many("files"):
            if not isinstance(one, dict) or not isinstance(one.get("name"), str):
                raise BadRequest("each of 'files' is to have a 'name', and 'text' or 'base64'")
            try:
                content = base64.b64decode(str(one.get("base64") or ""), validate=True)
            except binascii.Error:
                raise BadRequest(f"the 'base64' of {one['name']!r} is none") from None
            found.append((one["name"], content or str(one.get("text") or "").encode()))
        return found

    def message(self, name: str) -> Message:
        """A message by its id."""
        named = str(self._fields.get(name))
        message = self.world.archive.find(id_in(named))
        if message is None:
            raise NotThere(f"no message {named!r}")
        return message

    def channel(self, name: str) -> Channel:
        """A channel, thread or DM."""
        return _one("channel", self.world.channels, self._fields.get(name))

    def thread(self, name: str) -> Thread:
        """A thread."""
        channel = self.channel(name)
        if not isinstance(channel, Thread):
            raise BadRequest(f"{channel.name!r} is no thread")
        return channel

    def guild(self, name: str) -> Guild:
        """A guild."""
        return _one("guild", self.world.guilds, self._fields.get(name))

    def guilds(self, name: str) -> list[Guild]:
        """Several guilds."""
        return [_one("guild", self.world.guilds, one) for one in self.many(name)]

    def account(self, name: str) -> Account:
        """A person or a bot."""
        return account(self.world, self._fields.get(name))

    def bot(self, name: str) -> Bot:
        """A bot."""
        found = self.account(name)
        if not isinstance(found, Bot):
            raise BadRequest(f"{found.name!r} is no bot")
        return found


@dataclass(frozen=True)
class Action(Generic[T]):
    """Something that a request can ask for, and the fields that it takes.

    `perform` gets what it acts on: the world's server, or a person with it.
    """

    perform: Callable[[T, RequestFields], Awaitable[Any]]
    fields: frozenset[str]

    @classmethod
    def of(cls, perform: Callable[[T, RequestFields], Awaitable[Any]], *fields: str) -> Self:
        """Return the action with these fields."""
        return cls(perform, frozenset(fields))


def account(world: World, named: object) -> Account:
    """A person or a bot, by id or name; raises NotThere, BadRequest for a name that several have."""
    return _one("user", world.accounts, named)


def _one(kind: str, there: Mapping[int, E], named: object) -> E:
    text = str(named)
    if id_in(text) in there:
        return there[id_in(text)]
    found = [one for one in there.values() if one.name == text]
    if len(found) > 1:
        raise BadRequest(f"{len(found)} {kind}s are called {text!r}; give the id")
    if not found:
        raise NotThere(f"no {kind} {text!r}")
    return found[0]
