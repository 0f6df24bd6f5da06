"""Discord's rate limits as fixed windows, which are always counted and enforced where switched on. Pure.

Two layers decide about a request: the bot's 50 a second, and the windows of the limits that its route names. A refused
request is charged to neither. Too many refusals that are the bot's own fault lead to a ban.

Source: Discord's developer documentation, "Rate Limits". Figures that it does not give are observations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import Final

WINDOWS_KEPT: Final = 10_000
BAN_SECONDS: Final = 3600.0
OLD_EDIT_CODE: Final = 30046


class Limit(StrEnum):
    """What can be limited. Each limit can be switched on by itself."""

    GLOBAL = "global"
    MESSAGES = "messages"
    REACTIONS = "reactions"
    CHANNELS = "channels"
    RENAMES = "renames"
    OLD_EDITS = "old_edits"
    THREADS = "threads"
    INVALID = "invalid"
    IDENTIFIES = "identifies"
    IDENTIFY_RATE = "identify_rate"


class Scope(StrEnum):
    """Whose limit it is, in Discord's words. A shared one is not the bot's fault."""

    USER = "user"
    GLOBAL = "global"
    SHARED = "shared"


@dataclass(frozen=True)
class Rule:
    """At most `limit` requests in `seconds`. A `hidden` rule shows no headers before it refuses."""

    limit: int
    seconds: float
    scope: Scope = Scope.USER
    hidden: bool = False
    code: int = 0
    message: str = "You are being rate limited."


RULES: Final = MappingProxyType(
    {
        Limit.GLOBAL: Rule(50, 1.0, Scope.GLOBAL, hidden=True),
        Limit.MESSAGES: Rule(5, 5.0),
        Limit.REACTIONS: Rule(1, 0.25),
        Limit.CHANNELS: Rule(5, 5.0),
        Limit.RENAMES: Rule(2, 600.0, hidden=True),
        Limit.OLD_EDITS: Rule(
            3,
            6.0,
            hidden=True,
            code=OLD_EDIT_CODE,
            message="Maximum number of edits to messages older than 1 hour reached. Try again later.",
        ),
        Limit.THREADS: Rule(50, 300.0, Scope.SHARED),
        Limit.INVALID: Rule(10_000, 600.0, hidden=True),
        Limit.IDENTIFIES: Rule(1_000, 24 * 3600.0, hidden=True),
        Limit.IDENTIFY_RATE: Rule(1, 5.0, hidden=True),
    }
)


class Start(Enum):
    """The result of an IDENTIFY. After `TOO_MANY` Discord ends all sessions and revokes the token."""

    ALLOWED = auto()
    TOO_SOON = auto()
    TOO_MANY = auto()


@dataclass(frozen=True)
class Verdict:
    """Whether a request is admitted, the headers of its answer, and the rule and the wait of a refused one."""

    headers: dict[str, str] = field(default_factory=dict)
    broken: Rule | None = None
    retry_after: float = 0.0

    @property
    def refused(self) -> bool:
        """Whether the answer is 429."""
        return self.broken is not None

    @property
    def shared(self) -> bool:
        """Whether a shared limit refuses it."""
        return self.broken is not None and self.broken.scope is Scope.SHARED


UNLIMITED: Final = Verdict()


@dataclass
class Window:
    """What is `left` until `ends`, in seconds since the epoch. `left` is below 0 for an exceeded limit that is off.

    `bot_id` is None for a shared limit. Each `method` and `major` (the id in the path) has its own window.
    """

    limit: Limit
    bot_id: int | None
    major: str
    method: str
    ends: float
    left: int


_Key = tuple[Limit, int | None, str, str]


class Limits:
    """Counts requests per bot. `clock` gives seconds since the epoch, `active` are the enforced limits."""

    def __init__(self, clock: Callable[[], float], active: bool | Collection[Limit] = False) -> None:  # noqa: FBT001, FBT002 -- all or nothing is the common wish
        chosen: Collection[Limit] = tuple(Limit) if active is True else active or ()
        self.active: set[Limit] = {Limit(one) for one in chosen}
        self.refusals = 0
        self._clock = clock
        self._rules = dict(RULES)
        self._windows: dict[_Key, Window] = {}
        self._banned_until = 0.0

    def __repr__(self) -> str:
        switched = ", ".join(sorted(self.active)) or "none"
        return f"<Limits: {switched} enforced, {self.refusals} refused>"

    def rule(self, limit: Limit) -> Rule:
        """Return the current rule of a limit."""
        return self._rules[limit]

    def change(self, limit: Limit, requests: int, seconds: float) -> None:
        """Switch the limit on, with other figures than Discord's from the next window on."""
        self._rules[limit] = replace(self._rules[limit], limit=requests, seconds=seconds)
        self._windows = {key: window for key, window in self._windows.items() if window.limit is not limit}
        self.active.add(limit)

    def windows(self) -> list[Window]:
        """Return the windows that are running now, oldest first."""
        now = self._clock()
        return [window for window in self._windows.values() if window.ends > now]

    @property
    def banned(self) -> bool:
        """Whether a ban for too many invalid requests is in force."""
        return Limit.INVALID in self.active and self._clock() < self._banned_until

    def admit(self, bot_id: int, method: str, major: str, limits: Iterable[Limit]) -> Verdict:
        """Charge one request to the bot's global window and to `limits`. The first of `limits` gives the headers.

        Like Discord, it counts methods apart although the headers name the same bucket.
        """
        now = self._clock()
        charged = [self._window((Limit.GLOBAL, bot_id, "", ""), now)]
        for limit in limits:
            shared = self._rules[limit].scope is Scope.SHARED
            charged.append(self._window((limit, None if shared else bot_id, major, method), now))
        for window in charged:
            if window.left <= 0 and window.limit in self.active:
                self.refusals += 1
                return self._refusal(window, now)
        for window in charged:
            window.left -= 1
        shown = charged[1] if len(charged) > 1 else charged[0]
        if shown.limit not in self.active or self._rules[shown.limit].hidden:
            return UNLIMITED
        return Verdict(self._headers(shown, now))

    def identify(self, bot_id: int) -> Start:
        """Charge an IDENTIFY of a bot, also a refused one. A RESUME costs nothing."""
        now = self._clock()
        day, rate = (self._window((one, bot_id, "", ""), now) for one in (Limit.IDENTIFIES, Limit.IDENTIFY_RATE))
        day.left -= 1
        rate.left -= 1
        if day.left < 0 and Limit.IDENTIFIES in self.active:
            return Start.TOO_MANY
        return Start.TOO_SOON if rate.left < 0 and Limit.IDENTIFY_RATE in self.active else Start.ALLOWED

    def starts_left(self, bot_id: int) -> tuple[int, float]:
        """Return how many identifies a bot has left, and the seconds until it has all of them again."""
        window, now = self._windows.get((Limit.IDENTIFIES, bot_id, "", "")), self._clock()
        if window is None or window.ends <= now:
            return self._rules[Limit.IDENTIFIES].limit, 0.0
        return max(0, window.left), window.ends - now

    def note(self, status: int, *, shared: bool = False) -> None:
        """Count an answer that Discord would call invalid: 401, 403, and 429 unless the limit was shared."""
        if status not in (401, 403, 429) or shared:
            return
        now = self._clock()
        window = self._window((Limit.INVALID, None, "", ""), now)
        window.left -= 1
        if window.left <= 0:
            self._banned_until = now + BAN_SECONDS

    def _refusal(self, window: Window, now: float) -> Verdict:
        rule = self._rules[window.limit]
        wait = window.ends - now
        headers = {"Retry-After": str(math.ceil(wait)), "X-RateLimit-Scope": str(rule.scope)}
        if rule.scope is Scope.GLOBAL:
            headers["X-RateLimit-Global"] = "true"
        elif not rule.hidden:
            headers |= self._headers(window, now)
        return Verdict(headers, rule, wait)

    def _headers(self, window: Window, now: float) -> dict[str, str]:
        return {
            "X-RateLimit-Bucket": window.limit,
            "X-RateLimit-Limit": str(self._rules[window.limit].limit),
            "X-RateLimit-Remaining": str(max(0, window.left)),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{window.ends - now:.3f}",
        }

    def _window(self, key: _Key, now: float) -> Window:
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            rule = self._rules[key[0]]
            self._windows.pop(key, None)
            window = self._windows[key] = Window(*key, now + rule.seconds, rule.limit)
            if len(self._windows) > WINDOWS_KEPT:
                del self._windows[next(iter(self._windows))]
        return window
