"""JSON-RPC 2.0 as ACP carries it: one object a line. Pure: bytes in, frozen messages out, and back.

Nothing that an agent writes raises here. What is no message is `Junk`, so that the reader can say so and go on.
ACP v1 knows no batches; an array is `Junk` too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "MAX_LINE",
    "METHOD_NOT_FOUND",
    "REQUEST_CANCELLED",
    "Failure",
    "Junk",
    "LineSplitter",
    "LineTooLong",
    "Message",
    "Notification",
    "Request",
    "RequestId",
    "Result",
    "encode_failure",
    "encode_notification",
    "encode_request",
    "encode_result",
    "parse",
]

MAX_LINE = 64 * 1024 * 1024
"""Longest line taken, in bytes. Real agents write 0.6 MB lines; the official Python SDK allows 50 MiB."""

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800

_EXCERPT = 200

_DEPTH = 200
"""Objects and arrays in each other, as many as the strict parser takes. What is deeper is left out."""

RequestId = int | str | None
"""An id as ACP v1 has it: integer, string or null. 0 and null are ids like any other."""

# A union here would be built anew at each line.
_ID_TYPES = (int, str, type(None))


@dataclass(frozen=True, slots=True)
class Request:
    """A call that must be answered with the same `request_id`."""

    request_id: RequestId
    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Notification:
    """A call that is never answered. `size` is the length of its line in bytes, for whoever bounds what waits."""

    method: str
    params: Any
    size: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """A successful answer. `request_id` is None where the peer left it out."""

    request_id: RequestId
    result: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer. `request_id` is None where the peer could not tell which request failed."""

    request_id: RequestId
    code: int
    message: str
    data: Any


@dataclass(frozen=True, slots=True)
class Junk:
    """A line that is no JSON-RPC message; `excerpt` is its beginning, at most 200 characters."""

    excerpt: str
    reason: str


Message = Request | Notification | Result | Failure | Junk


class LineTooLong(Exception):
    """A line grew beyond the splitter's limit. Skipping it could lose a response, so the peer must be stopped."""


class LineSplitter:
    """Cuts a byte stream into lines, whatever the sizes of the reads. Linear in the bytes fed.

    An unfinished line is held once, and the line made of it is the same bytes, not a copy.
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        """`limit` bounds an unfinished line, in bytes."""
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes | bytearray]:
        """Return the lines that `data` completes, without their line feeds. Raises `LineTooLong`."""
        lines: list[bytes | bytearray] = [*data.split(b"\n")]
        rest = lines.pop()
        if lines and self._rest:
            self._rest += lines[0]
            lines[0], self._rest = self._rest, bytearray()
        if rest:
            self._rest += rest
            if len(self._rest) > self._limit:
                raise LineTooLong
        return lines


def parse(line: bytes | bytearray) -> Message | None:
    """Read one line. Returns None for a blank one."""
    try:
        message = from_json(line)
    except ValueError:
        if not line.strip():
            return None
        try:
            message = _parse_lenient(line)
        except (ValueError, RecursionError) as error:
            return _junk(line, f"not JSON: {error}")
    if not isinstance(message, dict):
        return _junk(line, "not a JSON object")
    return _classify(message, line)


def _parse_lenient(line: bytes | bytearray) -> Any:
    """Take what the strict parser refuses and agents write: half a surrogate, what is not UTF-8, a byte order mark.

    A JavaScript agent that cuts its text between two UTF-16 units writes each half as an escape of its own. A piece of
    text may go on in the next update and keeps its half; everywhere else, as no file or database takes it, it is
    replaced.
    """
    return _mended(json.loads(line.decode("utf-8-sig", errors="replace")), _DEPTH)


def _mended(value: Any, depth: int, *, piece: bool = False) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict() | list() if depth == 0:
            return None
        case dict():
            return {
                _mended(key, depth): each
                if piece and key == "text" and isinstance(each, str)
                else _mended(each, depth - 1, piece=key == "content" and "sessionUpdate" in value)
                for key, each in value.items()
            }
        case list():
            return [_mended(each, depth - 1) for each in value]
        case _:
            return value


def _classify(message: dict[str, Any], line: bytes | bytearray) -> Message:
    request_id = message.get("id")
    if isinstance(request_id, float) and request_id.is_integer():
        request_id = int(request_id)  # JSON has one kind of number, and so have some languages.
    if isinstance(request_id, bool) or not isinstance(request_id, _ID_TYPES):
        return _junk(line, "the id is neither integer, string nor null")
    if "method" in message:
        method = message["method"]
        if not isinstance(method, str):
            return _junk(line, "the method is not a string")
        if "id" in message:
            return Request(request_id, method, message.get("params"))
        return Notification(method, message.get("params"), len(line))
    error = message.get("error")
    if error is not None:
        return _failure(request_id, error)
    if "result" in message:
        return Result(request_id, message["result"])
    return _junk(line, "neither a call nor an answer")


def _failure(request_id: RequestId, error: Any) -> Failure:
    if not isinstance(error, dict):
        return Failure(request_id, INTERNAL_ERROR, str(error), None)
    code = error.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        code = INTERNAL_ERROR
    return Failure(request_id, code, str(error.get("message", "")), error.get("data"))


def _junk(line: bytes | bytearray, reason: str) -> Junk:
    return Junk(line[:_EXCERPT].decode("utf-8", errors="replace"), reason)


def encode_request(request_id: RequestId, method: str, params: Mapping[str, Any]) -> bytes:
    """Write a call that wants an answer."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def encode_notification(method: str, params: Mapping[str, Any]) -> bytes:
    """Write a call that wants none."""
    return _encode({"jsonrpc": "2.0", "method": method, "params": params})


def encode_result(request_id: RequestId, result: Any) -> bytes:
    """Write the answer to `request_id`."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def encode_failure(request_id: RequestId, code: int, message: str) -> bytes:
    """Write the refusal of `request_id`."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}})


def _encode(message: dict[str, Any]) -> bytes:
    try:
        return to_json(message) + b"\n"
    except PydanticSerializationError:
        # Half a surrogate pair is valid in a Python string and in a JSON escape, but in no UTF-8 text.
        return json.dumps(message, separators=(",", ":")).encode() + b"\n"
