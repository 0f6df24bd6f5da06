"""One JSON-RPC link to an agent: ids, pending requests, dispatch in order, one send method, and the lock.

The reader calls `feed` with whatever bytes arrived. Every complete line is dispatched at once, synchronously and in
order, so that an update which the agent wrote before a response is seen before it. Nothing here awaits a person,
Discord or a turn.

The lock: holding it means "this connection's prompt is in flight". Cancel, status, mode changes and closing never
take it and never wait for it.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from .errors import AcpError, AgentClosed, ProtocolError, RemoteError, RequestTimeout
from .jsonrpc import (
    METHOD_NOT_FOUND,
    Failure,
    Junk,
    LineSplitter,
    LineTooLong,
    Notification,
    Request,
    RequestId,
    Result,
    encode_failure,
    encode_notification,
    encode_request,
    encode_result,
    parse,
)

__all__ = ["WRITE_SECONDS", "Connection", "Reply", "Wire"]

WRITE_SECONDS = 30.0
"""How long an agent may leave its input unread while we have something for it. Then it is taken for wedged."""

Reply = Result | Failure | AcpError
"""How a request ends: answered, refused, or the connection is gone."""

log = structlog.stdlib.get_logger("acp")


class Wire(Protocol):
    """The two byte streams under a connection: a local process, or a pipe in memory."""

    def write(self, data: bytes) -> bool:
        """Hand `data` over, never blocking. False means that the peer is gone and no byte of it was handed over."""

    def pause_reading(self) -> None:
        """Stop calling `Connection.feed`."""

    def resume_reading(self) -> None:
        """Go on calling `Connection.feed`."""

    def abort(self) -> None:
        """Cut both streams now."""


class Connection:
    """The client's end of the link.

    `on_request` answers an agent's request, now or later, through `answer` or `refuse`, and returns True; False means
    that the method is not known here, and the connection refuses it. `on_notification` takes the rest. Both are
    synchronous.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        on_request: Callable[[Request], bool],
        on_notification: Callable[[Notification], None],
    ) -> None:
        """Join `wire`, whose owner calls `feed`, `pause_writing`, `resume_writing` and, at the end, `closed`."""
        self._wire = wire
        self._on_request = on_request
        self._on_notification = on_notification
        self._splitter = LineSplitter()
        self._pending: dict[RequestId, Callable[[Reply], None]] = {}
        self._last_id = 0
        self._unread: asyncio.TimerHandle | None = None
        self.lock = asyncio.Lock()
        self.error: AcpError | None = None
        """Why the connection is gone; None while it lives."""
        self.on_closed: Callable[[], None] | None = None
        """Called, synchronously, when the connection goes away."""

    def __repr__(self) -> str:
        """Read like a status line."""
        state = f"closed: {type(self.error).__name__}" if self.error else "open"
        return f"<Connection {state}, {len(self._pending)} pending{', prompting' if self.lock.locked() else ''}>"

    # ---- what the agent says

    def feed(self, data: bytes) -> None:
        """Take bytes that the agent wrote."""
        try:
            lines = self._splitter.feed(data)
        except LineTooLong:
            self.close(ProtocolError("the agent wrote a line of more than 64 MiB"))
            return
        for line in lines:
            if self.error is not None:
                return
            self._dispatch(line)

    def _dispatch(self, line: bytes) -> None:
        match parse(line):
            case Notification() as notification:
                self._on_notification(notification)
            case Result(request_id) | Failure(request_id) as reply:
                self._settle(request_id, reply)
            case Request(request_id, method) as request:
                if not self._on_request(request):
                    log.info("agent asked for an unknown method", method=method)
                    self.refuse(request_id, METHOD_NOT_FOUND, f"Method not found: {method}")
            case Junk(excerpt, reason):
                log.warning("agent wrote a line that is no message", reason=reason, line=excerpt)

    def _settle(self, request_id: RequestId, reply: Result | Failure) -> None:
        on_reply = self._pending.pop(request_id, None)
        if on_reply is None:
            # A late answer to a request given up, or an error without an id: it belongs to nobody who still waits.
            log.info("agent answered a request that nobody waits for", request_id=request_id, reply=repr(reply)[:200])
            return
        on_reply(reply)

    # ---- what we say

    def start(self, method: str, params: Mapping[str, Any], on_reply: Callable[[Reply], None]) -> None:
        """Send a request; `on_reply` is called once, in the order of the agent's lines.

        Raises `AgentClosed` with `handed=False` when the connection is already gone: then nothing was sent.
        """
        if self.error is not None:
            raise AgentClosed(str(self.error), handed=False)
        self._last_id += 1
        self._pending[self._last_id] = on_reply
        if not self._wire.write(encode_request(self._last_id, method, params)):
            del self._pending[self._last_id]
            self.close(AgentClosed("the agent no longer reads its input"))
            raise AgentClosed(str(self.error), handed=False)

    async def request(self, method: str, params: Mapping[str, Any], *, seconds: float) -> Any:
        """Send a request and return its result.

        Raises `RemoteError`, `AgentClosed`, or `RequestTimeout` after `seconds`; an answer that comes later is dropped.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.start(method, params, lambda reply: None if future.done() else future.set_result(reply))
        try:
            async with asyncio.timeout(seconds):
                reply = await future
        except TimeoutError:
            raise RequestTimeout(method, seconds) from None
        match reply:
            case Result(_, result):
                return result
            case Failure(_, code, message, data):
                raise RemoteError(method, code, message, data)
            case error:
                raise error

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification. On a connection that is gone this does nothing."""
        if self.error is None:
            self._wire.write(encode_notification(method, params))

    def answer(self, request_id: RequestId, result: Any) -> None:
        """Answer an agent's request. On a connection that is gone this does nothing."""
        if self.error is None:
            self._wire.write(encode_result(request_id, result))

    def refuse(self, request_id: RequestId, code: int, message: str) -> None:
        """Answer an agent's request with an error. On a connection that is gone this does nothing."""
        if self.error is None:
            self._wire.write(encode_failure(request_id, code, message))

    def pause_writing(self) -> None:
        """Take note that the agent does not read what we send; after `WRITE_SECONDS` of that it is cut off."""
        self._unread = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._cut_off)

    def resume_writing(self) -> None:
        """Take note that the agent reads again."""
        if self._unread is not None:
            self._unread.cancel()

    def _cut_off(self) -> None:
        self.close(AgentClosed(f"the agent has not read its input for {WRITE_SECONDS:g} s"))

    def pause_reading(self) -> None:
        """Let the agent's output wait in its pipe: somebody cannot keep up."""
        self._wire.pause_reading()

    def resume_reading(self) -> None:
        """Take the agent's output again."""
        self._wire.resume_reading()

    # ---- the end

    def close(self, error: AcpError) -> None:
        """Cut the connection from our side, for the reason `error`. The process is stopped by who owns it."""
        if self.error is None:
            self._wire.abort()
            self.closed(error)

    def closed(self, error: AcpError) -> None:
        """Take note that the streams have ended: every pending request ends with `error`, in order. Once."""
        if self.error is not None:
            return
        self.error = error
        self.resume_writing()
        pending, self._pending = self._pending, {}
        for on_reply in pending.values():
            on_reply(error)
        if self.on_closed is not None:
            self.on_closed()
