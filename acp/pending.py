"""A request of ours that waits for the agent's reply, for a bounded time."""

import asyncio
from collections.abc import Callable

from acp.errors import AcpError
from acp.jsonrpc import Result

Reply = Result | AcpError
"""The end of a request: its result, or the error in its place."""


class Pending:
    """One request. Its clock stops while a person is asked about it, since people need longer than agents."""

    def __init__(self, method: str, on_reply: Callable[[Reply], None]) -> None:
        """Start without a bound, until `bound` sets one."""
        self.method = method
        self._on_reply = on_reply
        self._tied: list[Callable[[], None]] = []
        self._bound: asyncio.Timeout | None = None
        self._seconds = 0.0

    def bound(self, bound: asyncio.Timeout, seconds: float) -> None:
        """Let `bound`, of `seconds`, end the wait."""
        self._bound, self._seconds = bound, seconds

    def tie(self, on_end: Callable[[], None]) -> None:
        """Stop the clock until `untie`; `on_end` is called if the request ends before that."""
        self._tied.append(on_end)
        self._set(None)

    def untie(self, on_end: Callable[[], None]) -> None:
        """Undo one `tie`; after the last one the clock starts again from zero."""
        if on_end in self._tied:
            self._tied.remove(on_end)
            if not self._tied:
                self._set(asyncio.get_running_loop().time() + self._seconds)

    def _set(self, when: float | None) -> None:
        if self._bound is not None and not self._bound.expired():
            self._bound.reschedule(when)

    def end(self) -> None:
        """End the wait and call every tied `on_end`."""
        tied, self._tied = self._tied, []
        for on_end in tied:
            on_end()

    def reply(self, reply: Reply) -> None:
        """End the wait with `reply`."""
        self.end()
        self._on_reply(reply)
