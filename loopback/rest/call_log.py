"""The log of REST calls: one entry for each, with its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from loopback.state.entities import Bot

CALLS_KEPT: Final = 20_000


@dataclass(frozen=True)
class RestCall:
    """One answered request. `path` is below /api/v10, times are monotonic seconds, `files` are (name, size in bytes).

    `fault` describes an injected fault, and `status` is 0 where it reset the connection instead of the effect. `bot` is
    None for an unknown token. `body` is the parsed JSON, of a form its `payload_json`.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    files: tuple[tuple[str, int], ...]
    status: int
    started: float
    finished: float
    bot: Bot | None
    error: Any = field(default=None)
    fault: str | None = None


class CallLog(list[RestCall]):
    """The calls so far, oldest first. Beyond CALLS_KEPT the older half is dropped."""

    def note(self, call: RestCall) -> None:
        """Add a call."""
        self.append(call)
        if len(self) > CALLS_KEPT:
            del self[: CALLS_KEPT // 2]
