"""A request of ours that waits, for a bounded time, for the agent's reply."""

import asyncio
from collections.abc import Callable

from acp.errors import AcpError
from acp.jsonrpc import Result

__all__ = ["Pending", "Reply"]

Reply = Result | AcpError
"""How a request ends: with its result, or with the reason why there is none."""


class Pending:
    """One request. While a person is asked about it its clock stands still: they need longer than agents do."""

    def __init__(self, method: str, on_reply: Callable[[Reply], None]) -> None:
        """It has no bound until `bound` gives it one."""
        self.method = method
        self._on_reply = on_reply
        self._tied: list[Callable[[], None]] = []
        self._bound: asyncio.Timeout | None = None
        self._seconds = 0.0

    def bound(self, bound: asyncio.Timeout, seconds: float) -> None:
        """Let `bound`, of so many seconds, end the wait."""
        self._bound, self._seconds = bound, seconds

    def tie(self, on_end: Callable[[], None]) -> None:
        """Stop the clock until `untie`; `on_end` is called if the request ends before that."""
        self._tied.append(on_end)
        self._set(None)

    def untie(self, on_end: Callable[[], None]) -> None:
        """Take back one `tie`; after the last one the whole time is there again."""
        if on_end in self._tied:
            self._tied.remove(on_end)
            if not self._tied:
                self._set(asyncio.get_running_loop().time() + self._seconds)

    def _set(self, when: float | None) -> None:
        if self._bound is not None and not self._bound.expired():
            self._bound.reschedule(when)

    def end(self) -> None:
        """Learn that no reply is waited for any more."""
        tied, self._tied = self._tied, []
        for on_end in tied:
            on_end()

    def reply(self, reply: Reply) -> None:
        """End with that reply."""
        self.end()
        self._on_reply(reply)
