"""JSON-RPC 2.0 as ACP carries it: one object a line. Pure: bytes in, frozen messages out, and back.

Parsing never raises. A line that is no message becomes `Junk`, which the reader logs and skips. ACP v1 has no batches,
so an array is `Junk` too.

A message costs time by its bytes and by its values, because each value becomes an object that later code visits. Both
are bounded before parsing, so that no line holds the event loop. A message that is broken or beyond the bounds is
`Unread`: the agent may wait for an answer to it, or we may wait for it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from acp.defects import Defect, LineTooLong, NotJson, TooManyValues
from acp.envelope import BEGINNING, END, Envelope, envelope
from acp.excerpt import excerpt
from acp.line_splitter import MAX_LINE, Line, LongLine

MAX_VALUES = 30_000
"""Most values (texts, numbers, objects, arrays and so on) of a line that is read: a megabyte of table cells. Each costs
a microsecond or two until it is shown. Real agents write lines with some hundreds."""

MAX_ID = 1000
"""Longest id, in characters, because each answer repeats it. Real agents use 36."""

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800

_EXCERPT = 200

_ERROR = 10_000
"""Characters kept of an error's message; people see fewer."""

_DEPTH = 200
"""Deepest nesting, as the strict parser has it. Deeper values are left out."""

RequestId = int | str | None
"""An id as ACP v1 has it: integer, string or null. 0 and null are ids like any other."""

SHORTEST = 13
"""Bytes of the shortest message, `{"method":""}`."""

# More quotes mean too many values in any case, as at most half of the texts are keys.
_QUOTES = 4 * MAX_VALUES

_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")

_HALF = re.compile("[\ud800-\udfff]")

# A tuple, because isinstance() would build a union for each line.
_ID_TYPES = (int, str, type(None))


@dataclass(frozen=True, slots=True)
class Request:
    """A call that must be answered with the same `request_id`. `size` as in `Notification`."""

    request_id: RequestId
    method: str
    params: Any
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Notification:
    """A call without an answer. `size` is the length of its line in bytes, for the bounds of queues."""

    method: str
    params: Any
    size: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """A successful answer. `request_id` is None where the peer omits it."""

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


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that was not read because of its `defect`. `about` is what its two ends identify, if anything."""

    about: Envelope | None
    defect: Defect


Message = Request | Notification | Result | Failure | Junk | Unread


def parse(line: Line) -> Message | None:
    """Read one line. Returns None for a blank one."""
    if isinstance(line, LongLine):
        return _unread(line.beginning, line.end, LineTooLong(MAX_LINE))
    if len(line) < SHORTEST or (line[0] != ord("{") and not _OBJECT.match(line)):
        return _junk(line, "not a JSON object") if line.strip() else None
    if len(line) > MAX_VALUES and _values(line) > MAX_VALUES:
        return _unread(line, line, TooManyValues(MAX_VALUES))
    try:
        return _classify(from_json(line), line)
    except ValueError:
        pass
    try:
        return _classify(_parse_lenient(line), line)
    except (ValueError, RecursionError) as error:
        defect = NotJson(str(error))
        about = envelope(line[:BEGINNING], line[-END:])
        return Unread(about, defect) if about is not None else _junk(line, str(defect))


def _unread(beginning: bytes | bytearray, end: bytes | bytearray, defect: Defect) -> Unread | Junk:
    if not _OBJECT.match(beginning):
        return _junk(beginning, str(defect))
    return Unread(envelope(beginning[:BEGINNING], end[-END:]), defect)


def _values(line: bytes | bytearray) -> int:
    """Count a line's values, which follow commas and opening brackets; an upper bound if that is low enough."""
    most = _marks(line)
    if most > MAX_VALUES:
        # Those inside texts do not count. Without escapes, each quote begins or ends a key or a text value.
        bare = line.replace(b"\\\\", b"").replace(b'\\"', b"")
        quotes = bare.count(b'"')
        most = quotes // 4 if quotes > _QUOTES else _marks(b"".join(bare.split(b'"')[::2]))
    return most


def _marks(data: bytes | bytearray) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _parse_lenient(line: bytes | bytearray) -> Any:
    """Parse what the strict parser refuses and agents write: lone surrogates, invalid UTF-8, a byte order mark.

    A JavaScript agent that cuts its text between two UTF-16 units writes each half as an escape of its own. A text
    chunk keeps its half, for the next chunk may complete it. Everywhere else the half is replaced, because no file or
    database accepts it.
    """
    return _mended(json.loads(line.decode("utf-8-sig", errors="replace")), _DEPTH)


def _mended(value: Any, depth: int) -> Any:
    """Replace lone surrogates, in place where possible. Compares types for speed, as it visits every value."""
    kind = type(value)
    if kind is str:
        return _without_halves(value)
    if not depth:
        return None
    piece = value.get("content") if kind is dict and "sessionUpdate" in value else None
    kept = piece.get("text") if isinstance(piece, dict) and depth > 1 else None
    for at, each in value.items() if kind is dict else enumerate(value):
        inner = type(each)
        if inner is list or inner is dict or (inner is str and not each.isascii()):
            value[at] = _mended(each, depth - 1)
    if isinstance(kept, str):
        value["content"]["text"] = kept
    if kind is dict and not all(map(str.isascii, value)):
        return {_without_halves(name): each for name, each in value.items()}
    return value


def _without_halves(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return _HALF.sub("\ufffd", text)
    return text


def _classify(message: dict[str, Any], line: bytes | bytearray) -> Message:
    request_id = message.get("id")
    if isinstance(request_id, float) and request_id.is_integer():
        request_id = int(request_id)  # JSON has one kind of number, as some languages do.
    if isinstance(request_id, bool) or not isinstance(request_id, _ID_TYPES):
        return _junk(line, "the id is neither integer, string nor null")
    if isinstance(request_id, str) and len(request_id) > MAX_ID:
        return _junk(line, f"the id has more than {MAX_ID:,} characters")
    if "method" in message:
        method = message["method"]
        if not isinstance(method, str):
            return _junk(line, "the method is not a string")
        if "id" in message:
            return Request(request_id, method, message.get("params"), len(line))
        return Notification(method, message.get("params"), len(line))
    error = message.get("error")
    if error is not None:
        return _failure(request_id, error)
    if "result" in message:
        return Result(request_id, message["result"])
    return _junk(line, "neither a call nor an answer")


def _failure(request_id: RequestId, error: Any) -> Failure:
    if not isinstance(error, dict):
        return Failure(request_id, INTERNAL_ERROR, excerpt(error, _ERROR), None)
    code = error.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        code = INTERNAL_ERROR
    return Failure(request_id, code, excerpt(error.get("message", ""), _ERROR), error.get("data"))


def _junk(line: bytes | bytearray, reason: str) -> Junk:
    return Junk(line[:_EXCERPT].decode("utf-8", errors="replace"), reason)


def encode_request(request_id: RequestId, method: str, params: Mapping[str, Any]) -> bytes:
    """Encode a call that wants an answer."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def encode_notification(method: str, params: Mapping[str, Any]) -> bytes:
    """Encode a call without an answer."""
    return _encode({"jsonrpc": "2.0", "method": method, "params": params})


def encode_result(request_id: RequestId, result: Any) -> bytes:
    """Encode the answer to `request_id`."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def encode_failure(request_id: RequestId, code: int, message: str) -> bytes:
    """Encode an error answer to `request_id`."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}})


def _encode(message: dict[str, Any]) -> bytes:
    try:
        return to_json(message) + b"\n"
    except PydanticSerializationError:
        # A lone surrogate is valid in a Python string and in a JSON escape, but not in UTF-8.
        return json.dumps(message, separators=(",", ":")).encode() + b"\n"
