"""Injected faults: rules that strike REST calls, gateway connects and gateway events. Pure.

A rule has a target (method, path, a text of the body, bot, or an event's name), a frequency (`after`, `times`,
`probability` with a `seed`), and an effect. The oldest rule that fits strikes. It ends after its `times`.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, TypedDict, Unpack

from .entities import Bot
from .refusals import EDGE, Answer, Edge, by_code

JSON_TYPE: Final = "application/json"

# The method of a gateway connect, whose path is /gateway/.
CONNECT: Final = "CONNECT"


@dataclass(frozen=True)
class RestFault:
    """The fault of a REST call.

    `reset` and `status` replace the effect. After the effect, `answer_lost` ends the connection or sends the `body`
    instead of the answer, and `slow` delays the answer by seconds. `body` is JSON, or text of any `content_type`.
    `retry_after` is in the header and, if the body is an object, in the body. An answer without `via` comes from the
    edge before Discord.
    """

    status: int | None = None
    reset: bool = False
    answer_lost: bool = False
    slow: float = 0.0
    body: Any = None
    content_type: str | None = None
    via: bool = True
    retry_after: float | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        if sum((self.status is not None, self.reset, self.answer_lost)) > 1:
            raise ValueError("one of status, reset and answer_lost")
        if self.status is None and not (self.reset or self.answer_lost or self.slow):
            raise ValueError("a fault that does nothing")

    def __str__(self) -> str:
        words = [str(self.status)] if self.status is not None else []
        words += ["reset"] if self.reset else []
        words += ["answer lost"] if self.answer_lost else []
        words += [f"{self.slow:g} s slow"] if self.slow else []
        return ", ".join(words)

    @property
    def spares_the_effect(self) -> bool:
        """Whether the call has its effect."""
        return not self.reset and self.status is None

    @property
    def cuts(self) -> bool:
        """Whether the connection ends without an answer."""
        return self.reset or (self.answer_lost and self.body is None)

    @property
    def payload(self) -> tuple[bytes, str]:
        """The body of the answer and its type, by default Discord's form for the status."""
        if isinstance(self.body, str):
            return self.body.encode(), self.content_type or "text/html"
        body = self.body if self.body is not None else {"message": f"{self.status}: made up", "code": 0}
        if self.retry_after is not None and isinstance(body, dict):
            body = {**body, "retry_after": self.retry_after, "global": False}
        return json.dumps(body).encode(), self.content_type or JSON_TYPE

    @property
    def headers(self) -> dict[str, str]:
        """The headers, besides the type, of an answer that replaces the effect."""
        found = {"Via": "1.1 loopback"} if self.via else {"Server": "cloudflare"}
        if self.retry_after is not None:
            found["Retry-After"] = str(math.ceil(self.retry_after))
        if self.shared:
            found["X-RateLimit-Scope"] = "shared"
        return found


class GatewayFault(StrEnum):
    """The fault of a gateway event."""

    LOST = "lost"
    TWICE = "twice"
    SWAPPED = "swapped with the next"


@dataclass(eq=False, repr=False)
class Fault:
    """One rule. `hits` counts its strikes, `times` are the remaining ones, None for no end.

    It spares the first `after` that fit, and strikes each of the others with `probability`.
    """

    effect: RestFault | GatewayFault
    method: str | None = None
    path: str | re.Pattern[str] | None = None
    says: str | re.Pattern[str] | None = None
    event: str | None = None
    bot: Bot | None = None
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    seed: int = 0
    hits: int = field(default=0, init=False)
    number: int = field(default_factory=itertools.count(1).__next__, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"a probability is between 0 and 1: {self.probability:g}")
        self._random = random.Random(self.seed)

    def __repr__(self) -> str:
        path = self.path.pattern if isinstance(self.path, re.Pattern) else self.path
        text = self.says.pattern if isinstance(self.says, re.Pattern) else self.says
        said = "" if text is None else f"saying {text!r}"
        target = " ".join(filter(None, (self.method, path, said, self.event))) or "everything"
        who = f" of {self.bot.name}" if self.bot else ""
        odds = "" if self.probability == 1 else f" with p={self.probability:g}"
        left = "" if self.times is None else f", {self.times} left"
        return f"<{target}{who}: {self.effect}{odds}, {self.hits} hits{left}>"

    @property
    def spent(self) -> bool:
        """Whether its `times` are used up."""
        return self.times == 0

    def remove(self) -> None:
        """End the rule."""
        self.times = 0

    def fits_call(self, method: str, path: str, bot: Bot | None, body: Any) -> bool:
        """Return whether a call fits the method, the bot, the path's beginning or pattern, and what the body `says`."""
        match self.path:
            case None:
                there = True
            case str(prefix):
                there = path.startswith(prefix)
            case pattern:
                there = pattern.search(path) is not None
        meant = there and self.method in (None, method) and self.bot in (None, bot)
        return meant and (self.says is None or any(re.search(self._wording, text) for text in _texts(body)))

    @property
    def _wording(self) -> str | re.Pattern[str]:
        return re.escape(self.says) if isinstance(self.says, str) else self.says or ""

    def fits_event(self, name: str, bot: Bot) -> bool:
        """Return whether an event fits."""
        return self.event in (None, name) and self.bot in (None, bot)

    def takes(self) -> bool:
        """Count a call or event that fits, and return whether the rule strikes it."""
        if self.spent:
            return False
        if self.after:
            self.after -= 1
            return False
        if self._random.random() >= self.probability:
            return False
        self.hits += 1
        if self.times is not None:
            self.times -= 1
        return True


class FaultTarget(TypedDict, total=False):
    """The target and frequency of a rule: fields of `Fault`."""

    bot: Bot | None
    times: int | None
    after: int
    probability: float
    seed: int


class FaultOptions(FaultTarget, total=False):
    """A rule for REST calls: its target, and fields of `RestFault`."""

    method: str | None
    path: str | re.Pattern[str] | None
    says: str | re.Pattern[str] | None
    code: int
    edge: str
    status: int | None
    reset: bool
    answer_lost: bool
    slow: float
    body: Any
    content_type: str | None
    via: bool
    retry_after: float | None
    shared: bool


def for_calls(**rule: Unpack[FaultOptions]) -> Fault:
    """Return a rule for REST calls. Raises TypeError for unknown options, and ValueError for contradictory ones.

    `code` stands for Discord's answer with that JSON error code, `edge` for one of the edge's. Explicit fields of the
    answer override theirs.
    """
    aim: dict[str, Any] = dict(rule)
    if aim.get("method"):
        aim["method"] = aim["method"].upper()
    effect = _ready_made(aim.pop("code", None), aim.pop("edge", None))
    effect |= {name: aim.pop(name) for name in _EFFECTS if name in aim}
    return Fault(RestFault(**effect), **aim)


def _ready_made(code: int | None, edge: str | None) -> dict[str, Any]:
    """Return the fields of `RestFault` for a code or an answer of the edge."""
    if code is not None and edge is not None:
        raise ValueError("one of code and edge")
    if code is not None:
        return _fields(by_code(code))
    return {} if edge is None else {**_fields(EDGE[Edge(edge)]), "via": False}


def _fields(answer: Answer) -> dict[str, Any]:
    return {one.name: getattr(answer, one.name) for one in fields(answer)}


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in parsed JSON except keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


_EFFECTS: Final = tuple(one.name for one in fields(RestFault))


class Faults:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def __repr__(self) -> str:
        return f"<Faults: {', '.join(map(repr, self)) or 'none'}>"

    def __iter__(self) -> Iterator[Fault]:
        return (rule for rule in self._rules if not rule.spent)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def add(self, fault: Fault) -> Fault:
        """Add a rule."""
        self._rules = [*self, fault]
        return fault

    def clear(self) -> None:
        """End all rules."""
        for rule in self._rules:
            rule.remove()
        self._rules = []

    def strike_call(self, method: str, path: str, bot: Bot | None, body: Any = None) -> RestFault | None:
        """Return the fault of this call, if a rule strikes it."""
        for rule in self._rules:
            if isinstance(rule.effect, RestFault) and rule.fits_call(method, path, bot, body) and rule.takes():
                return rule.effect
        return None

    def strike_event(self, name: str, bot: Bot) -> GatewayFault | None:
        """Return the fault of this event, if a rule strikes it."""
        for rule in self._rules:
            if isinstance(rule.effect, GatewayFault) and rule.fits_event(name, bot) and rule.takes():
                return rule.effect
        return None
