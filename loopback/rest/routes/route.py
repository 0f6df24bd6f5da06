"""A route, and the REST call that its function gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loopback.rest.rate_limits import Limit, Limits
from loopback.state import drafts
from loopback.state.drafts import Draft, Upload
from loopback.state.entities import Bot, Channel, Json, Message
from loopback.state.errors import invalid
from loopback.state.field_types import is_snowflake
from loopback.state.world import World


@dataclass(frozen=True)
class Call:
    """One request: the caller, the names in its path, its query, its parsed body and its files."""

    world: World
    limits: Limits
    caller: Bot | None
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    uploads: tuple[Upload, ...] = ()

    @property
    def bot(self) -> Bot:
        """The calling bot, on routes that need a token."""
        if self.caller is None:
            raise LookupError("a route without a token has no caller")
        return self.caller

    @property
    def fields(self) -> Json:
        """The body as an object. Raises 50035 for any other."""
        if not isinstance(self.body, dict):
            raise invalid((), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return self.body

    @property
    def draft(self) -> Draft:
        """The body as a message."""
        return drafts.read(self.fields, self.uploads, self.world.rules)

    def id(self, name: str) -> int:
        """Return an id from the path. `@me` is the caller, if there is one."""
        text = self.names[name]
        return self.caller.id if text == "@me" and self.caller is not None else _snowflake(name, text)

    def given(self, name: str) -> int:
        """Return an id from the body. Raises 50035."""
        return _snowflake(name, str(self.fields.get(name)))

    def asked(self, name: str) -> int | None:
        """Return an id or number from the query."""
        return _snowflake(name, self.query[name]) if name in self.query else None

    def limit(self, default: int, most: int) -> int:
        """Return the query's `limit`, from 1 to `most`. Raises 50035."""
        limit = self.asked("limit")
        if limit is None:
            return default
        if not 1 <= limit <= most:
            raise invalid(("limit",), "NUMBER_TYPE_MAX", f"int value should be between 1 and {most}.")
        return limit

    def flag(self, name: str) -> bool:
        """Return a boolean from the query."""
        return self.query.get(name, "").lower() in ("1", "true")

    def channel(self, needs: int = 0) -> Channel:
        """Return the path's channel, if the caller has the permissions in `needs` there."""
        return self.world.channel(self.id("channel_id"), self.bot.id, needs)

    def message(self, needs: int = 0) -> Message:
        """Return the path's message."""
        return self.world.message(self.channel(needs), self.id("message_id"))


def _snowflake(name: str, text: str) -> int:
    if not is_snowflake(text):
        raise invalid((name,), "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')
    return int(text)


@dataclass(frozen=True)
class Route:
    """A method and path below /api/v10, and its function, which returns JSON for `status` or None for 204.

    `needs_token` is False where the path itself holds the secret, as with interactions and webhooks. `limit` is in the
    answer's headers. `also` finds, without raising, the hidden limit of a call.
    """

    method: str
    path: str
    act: Callable[[Call], Any]
    status: int = 200
    needs_token: bool = True
    limit: Limit | None = None
    also: Callable[[Call], Limit | None] | None = None

    def limits_of(self, call: Call) -> tuple[Limit, ...]:
        """Return the limits of one call, that of the headers first."""
        hidden = None if self.also is None else self.also(call)
        return tuple(one for one in (self.limit, hidden) if one is not None)
