"""The agent's end of the JSON-RPC link: one object a line, from any thread."""

import json
import os
import threading
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_FOUND = -32002


class RpcError(Exception):
    """An error response to a request: `code`, `message` and `data` of JSON-RPC."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class JsonRpcLink:
    """Writes messages to a file descriptor, and matches responses to requests. Methods are thread-safe.

    `on_broken` is called after each failed write.
    """

    def __init__(self, descriptor: int, on_broken: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._writing = threading.Lock()
        self._waiting: dict[int, Callable[[Message], None]] = {}
        self._next_id = 0  # real agents start at 0 too

    def write_line(self, line: bytes) -> None:
        """Write these bytes and a newline as one line."""
        left = memoryview(line + b"\n")
        with self._writing:
            try:
                while left:
                    left = left[os.write(self._descriptor, left) :]
            except OSError:
                self._on_broken()

    def _send(self, message: Message) -> None:
        text = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":"))
        self.write_line(text.encode("utf-8", "replace"))

    def notify(self, method: str, params: Message) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def request(self, method: str, params: Message, settle: Callable[[Message], None]) -> None:
        """Send a request. `settle` is called with the whole response, on the reading thread."""
        with self._writing:
            request_id, self._next_id = self._next_id, self._next_id + 1
            self._waiting[request_id] = settle
        self._send({"id": request_id, "method": method, "params": params})

    def settle(self, response: Message) -> None:
        """Pass a response to its request. Unexpected responses are ignored."""
        match response.get("id"):
            case int(request_id) if request_id in self._waiting:
                self._waiting.pop(request_id)(response)

    def answer(self, request_id: object, result: Message) -> None:
        """Answer a request with its result."""
        self._send({"id": request_id, "result": result})

    def refuse(self, request_id: object, refused: RpcError) -> None:
        """Answer a request with an error. The id is None for an unreadable request."""
        error = {"code": refused.code, "message": refused.message}
        self._send({"id": request_id, "error": error if refused.data is None else {**error, "data": refused.data}})
