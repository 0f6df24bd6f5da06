"""Reads the fields of a request's JSON object. A wrong one raises `BadRequest` with the field's name."""

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
    """The request cannot be understood. The text names the field and the reason."""


class NotThere(Exception):
    """The request names something that does not exist."""


class RequestFields:
    """The fields of one request. People, channels and guilds are named by their id, or by a unique name."""

    def __init__(self, world: World, fields: Json, known: frozenset[str]) -> None:
        if unknown := fields.keys() - known:
            raise BadRequest(f"unknown field {min(unknown)!r}; there are {sorted(known)}")
        self.world = world
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string, which is required without a default."""
        value = self._fields.get(name, default)
        if not isinstance(value, str):
            raise BadRequest(f"{name!r} is to be a string")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number, which is required without a default."""
        value = self._fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadRequest(f"{name!r} is to be a number")
        return value

    def truth(self, name: str, *, default: bool) -> bool:
        """Return a boolean."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise BadRequest(f"{name!r} is to be true or false")
        return value

    def many(self, name: str) -> list[Any]:
        """Return a list, empty if it is absent."""
        value = self._fields.get(name) or []
        if not isinstance(value, list):
            raise BadRequest(f"{name!r} is to be a list")
        return value

    def object(self, name: str) -> Json:
        """Return an object, empty if it is absent."""
        value = self._fields.get(name) or {}
        if not isinstance(value, dict):
            raise BadRequest(f"{name!r} is to be an object")
        return value

    @property
    def timeout(self) -> float:
        """The bound on a wait in seconds: WAIT by default, LONGEST_WAIT at most."""
        return min(self.number("timeout", WAIT), LONGEST_WAIT)

    @property
    def wanted(self) -> Wanted:
        """The content to wait for: the `text`, or a match of the `pattern`; by default any."""
        if "pattern" not in self:
            return self.text("text", "")
        try:
            return re.compile(self.text("pattern"))
        except re.error as error:
            raise BadRequest(f"'pattern' is no regular expression: {error}") from None

    @property
    def files(self) -> list[tuple[str, bytes]]:
        """The files, which are objects with a `name` and either `text` or `base64`."""
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
        """Return a message by its id. Raises NotThere."""
        named = str(self._fields.get(name))
        message = self.world.archive.find(id_in(named))
        if message is None:
            raise NotThere(f"no message {named!r}")
        return message

    def channel(self, name: str) -> Channel:
        """Return a channel, thread or DM."""
        return _one("channel", self.world.channels, self._fields.get(name))

    def thread(self, name: str) -> Thread:
        """Return a thread."""
        channel = self.channel(name)
        if not isinstance(channel, Thread):
            raise BadRequest(f"{channel.name!r} is no thread")
        return channel

    def guild(self, name: str) -> Guild:
        """Return a guild."""
        return _one("guild", self.world.guilds, self._fields.get(name))

    def guilds(self, name: str) -> list[Guild]:
        """Return a list of guilds."""
        return [_one("guild", self.world.guilds, one) for one in self.many(name)]

    def account(self, name: str) -> Account:
        """Return a person or a bot."""
        return account(self.world, self._fields.get(name))

    def bot(self, name: str) -> Bot:
        """Return a bot."""
        found = self.account(name)
        if not isinstance(found, Bot):
            raise BadRequest(f"{found.name!r} is no bot")
        return found


@dataclass(frozen=True)
class Action(Generic[T]):
    """Something that a request can ask for, and the fields that it takes.

    `perform` gets what it acts on: the server, or a person with it.
    """

    perform: Callable[[T, RequestFields], Awaitable[Any]]
    fields: frozenset[str]

    @classmethod
    def of(cls, perform: Callable[[T, RequestFields], Awaitable[Any]], *fields: str) -> Self:
        """Return the action with these fields."""
        return cls(perform, frozenset(fields))


def account(world: World, named: object) -> Account:
    """Return a person or a bot by id or name. Raises NotThere, and BadRequest for an ambiguous name."""
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
