"""One JSON-RPC link to an agent: ids, pending requests, dispatch in order, one send method, and the lock.

The reader calls `feed` with the bytes that arrived. Every complete line is dispatched immediately, synchronously and
in order, so that an update that the agent wrote before a response is seen before it. This module never awaits a
person, Discord or a turn.

Holding the lock means "this connection's prompt is in flight". Cancel, status, mode changes and closing neither take
it nor wait for it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from acp.chunk_fast_path import ChunkFastPath, Kind
from acp.defects import Defect
from acp.errors import (
    AUTH_REQUIRED,
    TOLD_LENGTH,
    AcpError,
    AgentClosed,
    AuthRequired,
    CloseReason,
    ProtocolError,
    RemoteError,
    RequestTimeout,
)
from acp.jsonrpc import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    SHORTEST,
    Failure,
    Junk,
    Notification,
    Request,
    RequestId,
    Result,
    Unread,
    encode_failure,
    encode_notification,
    encode_request,
    encode_result,
    parse,
)
from acp.line_splitter import Line, LineSplitter
from acp.pending import Pending, Reply
from acp.protocol_violations import WIDTH, ViolationLog

WRITE_SECONDS = 30.0
"""How long an agent may leave its input unread while we have something for it, before it counts as wedged."""

UNREAD_ANSWERS = 1000
"""Requests that we answer while an agent does not read its input. Our memory holds the answers, so an agent that asks
more is cut off."""

UNREAD_BYTES = 128 * 1024 * 1024
"""Bytes of those answers together: one answer may hold a file, or a command's output, of 10 MB."""

LAST_WORDS_SECONDS = 2.0
"""How long an agent that has closed its input may take to end, and so to say why. Most have ended already."""

SHORT_LINES = 100
"""Lines of one read that are parsed, for the log, though too short for a message: one read may bring 65,536."""


class Transport(Protocol):
    """The two byte streams under a connection: a local process, or a pipe in memory."""

    def write(self, data: bytes) -> bool:
        """Hand `data` over without blocking. False means that the peer is gone and that it got no byte of this."""

    def pause_reading(self) -> None:
        """Stop calling `Connection.feed`."""

    def resume_reading(self) -> None:
        """Call `Connection.feed` again."""

    def abort(self) -> None:
        """Cut both streams now."""

    @property
    def stderr(self) -> tuple[str, ...]:
        """The last lines of the agent's stderr, for its errors."""


class Connection:
    """The client's end of the link.

    All callbacks are synchronous, in the agent's order.
    `on_request` answers an agent's request, now or later, through `answer` or `refuse`, and returns True. It returns
    False for an unknown method, which the connection refuses.
    `on_unread` gets the method of a request or notification that was not read, and its defect.
    `on_text` gets the text chunks that the fast path reads, adjacent ones of one read as one.
    `on_notification` gets all other notifications.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        on_request: Callable[[Request], bool],
        on_notification: Callable[[Notification], None],
        on_text: Callable[[str, Kind, str], None],
        on_unread: Callable[[str, Defect], None],
    ) -> None:
        """Use `transport`, whose owner calls `feed`, `pause_writing`, `resume_writing` and, at the end, `closed`."""
        self._transport = transport
        self._on_request = on_request
        self._on_notification = on_notification
        self._on_text = on_text
        self._on_unread = on_unread
        self._splitter = LineSplitter()
        self._fast_path = ChunkFastPath()
        self._pending: dict[RequestId, Pending] = {}
        self._last_id = 0
        self._unread: asyncio.TimerHandle | None = None
        self._unread_answers: int | None = None
        """How many there are since the agent does not read its input; None while it does."""
        self._unread_bytes = 0
        """The size of those that were written."""
        self.violations = ViolationLog()
        self._gone = asyncio.Event()
        self.lock = asyncio.Lock()
        self.error: AgentClosed | None = None
        """Why the connection is gone; None while it is open."""
        self.on_closed: Callable[[], None] | None = None
        """Called synchronously when the connection goes away."""

    def __repr__(self) -> str:
        """Read like a status line."""
        state = f"closed: {type(self.error).__name__}" if self.error else "open"
        return f"<Connection {state}, {len(self._pending)} pending{', prompting' if self.lock.locked() else ''}>"

    # ---- what the agent says

    def feed(self, data: bytes) -> None:
        """Take bytes that the agent wrote."""
        lines = self._splitter.feed(data)
        index, short, fast_path = 0, 0, self._fast_path
        while index < len(lines) and self.error is None:
            if len(lines[index]) < SHORTEST and (short := short + 1) > SHORT_LINES:
                index += 1
                continue
            texts = fast_path.texts(lines, index)
            if texts:
                self._on_text(fast_path.session_id, fast_path.kind, "".join(texts))
                index += len(texts)
            else:
                self._dispatch(lines[index])
                index += 1

    def _dispatch(self, line: Line) -> None:
        match parse(line):
            case Notification(method, params) as notification:
                if method == "session/update":
                    self._fast_path.learn(line, params)
                self._on_notification(notification)
            case Result(request_id) | Failure(request_id) as reply:
                self._settle(request_id, reply)
            case Request() as request:
                self._take_request(request)
            case Unread() as unread:
                self._pass_over(unread)
            case Junk(excerpt, reason):
                self.violations.note("warning", "agent wrote a line that is not a message", reason=reason, line=excerpt)

    def _pass_over(self, unread: Unread) -> None:
        """Fail only the request that an unread message belongs to, ours or the agent's, and continue."""
        about, defect = unread.about, unread.defect
        method = about and about.method
        self.violations.note("warning", "agent wrote a message that is not read", reason=str(defect), method=method)
        if about is None:  # It may be an answer to a pending request.
            self.close(AgentClosed(CloseReason.PROTOCOL, defect=defect))
        elif about.method is None:
            self._settle(about.request_id, unread)
        elif not about.has_id or self._may_be_answered():
            if about.has_id:
                self.refuse(about.request_id, INVALID_REQUEST, f"Invalid Request: {defect}")
            self._on_unread(about.method, defect)

    def _take_request(self, request: Request) -> None:
        if self._may_be_answered() and not self._on_request(request):
            self.violations.note("info", "agent asked for an unknown method", method=request.method)
            self.refuse(request.request_id, METHOD_NOT_FOUND, f"Method not found: {request.method[:WIDTH]}")

    def _may_be_answered(self) -> bool:
        """Whether the agent reads our answers. Cuts off one that asks on without reading them."""
        if self._unread_answers is not None:
            self._unread_answers += 1
            if self._unread_answers > UNREAD_ANSWERS:
                self.close(AgentClosed(CloseReason.ANSWERS_UNREAD))
        return self.error is None

    def _settle(self, request_id: RequestId, reply: Result | Failure | Unread) -> None:
        ours = next((each for each in self._pending if str(each) == request_id), request_id)
        if ours != request_id:
            # JSON-RPC (Response) wants the same value; as our ids are numbers, the text can mean no other request.
            event = "agent answered with the request's id as text; it is taken all the same"
            self.violations.note("warning", event, request_id=request_id)
        pending = self._pending.pop(ours, None)
        if pending is None:
            # A late answer to a request given up, or an error without an id.
            self.violations.note(
                "info",
                "agent answered a request that has ended",
                request_id=request_id,
                reply=_core(reply),
            )
        else:
            pending.reply(self._read_reply(pending.method, reply))

    def _read_reply(self, method: str, reply: Result | Failure | Unread) -> Reply:
        match reply:
            case Failure():
                return self._remote_error(method, reply)
            case Unread(_, defect):
                return ProtocolError(defect, method)
            case result:
                return result

    def _remote_error(self, method: str, failure: Failure) -> RemoteError:
        kind = AuthRequired if failure.code == AUTH_REQUIRED else RemoteError
        return kind(method, failure.code, failure.message, failure.data, self._transport.stderr)

    # ---- what we say

    async def start(self, method: str, params: Mapping[str, Any], on_reply: Callable[[Reply], None]) -> RequestId:
        """Send a request and return its id; `on_reply` is called once, in the order of the agent's lines.

        Raises `AgentClosed` when the agent is gone. Then no byte was sent, so the agent cannot have acted on it. The
        error has the exit status and the last stderr lines, for which this waits `LAST_WORDS_SECONDS` at most.
        """
        error = self.error
        if error is None:
            self._last_id = request_id = self._last_id + 1
            self._pending[request_id] = Pending(method, on_reply)
            if self._transport.write(encode_request(request_id, method, params)):
                return request_id
            del self._pending[request_id]
            error = await self._last_words()
        raise replace(error, method=method)

    async def _last_words(self) -> AgentClosed:
        """Return why the agent is gone, which has closed its input."""
        closed = AgentClosed(CloseReason.INPUT_CLOSED)
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            self.close(closed)
        return self.error or closed

    async def request(self, method: str, params: Mapping[str, Any], *, seconds: float) -> Any:
        """Send a request and return its result.

        Raises `RemoteError`, `AgentClosed`, or `RequestTimeout` after `seconds`. A time-out or a cancelled task sends
        $/cancel_request; a later answer is dropped.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        request_id = await self.start(method, params, lambda reply: None if future.done() else future.set_result(reply))
        try:
            async with asyncio.timeout(seconds) as bound:
                self._pending[request_id].bound(bound, seconds)
                reply = await future
        except TimeoutError:
            raise RequestTimeout(method, seconds, self._transport.stderr) from None
        finally:
            if (given_up := self._pending.pop(request_id, None)) is not None:
                given_up.end()
                self.notify("$/cancel_request", {"requestId": request_id})
        if isinstance(reply, AcpError):
            raise reply
        return reply.result

    def pending(self, request_id: RequestId) -> Pending | None:
        """Return the request of ours that waits for its reply, if any."""
        return self._pending.get(request_id)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification; a no-op on a closed connection."""
        if self.error is None:
            self._transport.write(encode_notification(method, params))

    def answer(self, request_id: RequestId, result: Any) -> None:
        """Answer an agent's request; a no-op on a closed connection. Cuts off an agent that leaves too much unread."""
        if self.error is not None:
            return
        line = encode_result(request_id, result)
        self._transport.write(line)
        if self._unread_answers is not None:
            self._unread_bytes += len(line)
            if self._unread_bytes > UNREAD_BYTES:
                self.close(AgentClosed(CloseReason.ANSWERS_UNREAD))

    def refuse(self, request_id: RequestId, code: int, message: str) -> None:
        """Answer an agent's request with an error; a no-op on a closed connection."""
        if self.error is None:
            self._transport.write(encode_failure(request_id, code, message[:TOLD_LENGTH]))

    def pause_writing(self, *, bounded: bool = True) -> None:
        """Note that the agent does not read what we send. If `bounded`, cut it off after `WRITE_SECONDS` of that."""
        self._unread_answers = self._unread_bytes = 0
        if bounded:
            self._unread = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._cut_off)

    def resume_writing(self) -> None:
        """Note that the agent reads again."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        self._unread_answers = None

    def _cut_off(self) -> None:
        self.close(AgentClosed(CloseReason.INPUT_UNREAD, seconds=WRITE_SECONDS))

    def pause_reading(self) -> None:
        """Leave the agent's output in its pipe, because its reader cannot keep up."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read the agent's output again."""
        self._transport.resume_reading()

    # ---- the end

    def close(self, error: AgentClosed) -> None:
        """Cut the connection from our side, for the reason `error`. The owner of the process stops it."""
        if self.error is None:
            self._transport.abort()
            self.closed(error)

    def closed(self, error: AgentClosed) -> None:
        """Note that the streams have ended: every pending request ends with `error`, in order. Idempotent."""
        if self.error is not None:
            return
        self.error = error
        self.violations.end()
        self._gone.set()
        self.resume_writing()
        pending, self._pending = self._pending, {}
        for each in pending.values():
            each.reply(replace(error, method=each.method))
        if self.on_closed is not None:
            self.on_closed()


def _core(reply: Result | Failure | Unread) -> object:
    match reply:
        case Result(_, result):
            return result
        case Failure(_, _, message):
            return message
        case unread:
            return str(unread.defect)
