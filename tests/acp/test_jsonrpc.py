import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import acp.jsonrpc
from acp.defects import LineTooLong, NotJson, TooManyValues
from acp.envelope import BEGINNING, END, Envelope
from acp.jsonrpc import (
    INTERNAL_ERROR,
    MAX_ID,
    MAX_VALUES,
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
from acp.line_splitter import MAX_LINE, Line, LineSplitter, LongLine

LEAVES = 10
"""Of one generated value: with these it has every shape, and its making takes less time than what is tested."""
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=LEAVES,
)
PARAMS = st.dictionaries(st.text(), VALUES, max_size=4)
IDS = st.none() | st.text() | st.integers(-(2**63), 2**63)
KEYS = st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "code", "message", "data"])
ALMOST_MESSAGES = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=4))


def _line(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


# ---- lines to messages


@pytest.mark.bulk
@given(st.binary() | st.text().map(str.encode) | VALUES.map(json.dumps).map(str.encode))
def test_no_line_raises(data: bytes) -> None:
    """Every line is a message, `Junk` or blank."""
    parse(data)


@pytest.mark.bulk
@given(ALMOST_MESSAGES.map(json.dumps).map(str.encode))
def test_no_object_that_is_almost_a_message_raises(data: bytes) -> None:
    """Members of the wrong type do not raise, and the result's id is hashable."""
    match parse(data):
        case Request(request_id) | Result(request_id) | Failure(request_id):
            assert hash(request_id) is not None
        case Notification(method):
            assert isinstance(method, str)
        case Junk() as junk:
            assert junk.reason
        case None:
            pytest.fail("an object is not blank")


@pytest.mark.bulk
@given(IDS, st.text(), PARAMS)
def test_a_request_survives_the_wire(request_id: RequestId, method: str, params: dict[str, Any]) -> None:
    """Encoding and parsing a request gives the same request, on one line."""
    data = encode_request(request_id, method, params)
    assert data.count(b"\n") == 1
    assert parse(data[:-1]) == Request(request_id, method, params)


@pytest.mark.bulk
@given(st.text(), PARAMS)
def test_a_notification_survives_the_wire(method: str, params: dict[str, Any]) -> None:
    """The same for a notification, with the length of its line."""
    data = encode_notification(method, params)
    assert data.count(b"\n") == 1
    assert parse(data[:-1]) == Notification(method, params, len(data) - 1)


@pytest.mark.bulk
@given(IDS, VALUES)
def test_a_result_survives_the_wire(request_id: RequestId, result: Any) -> None:
    """The same for a result, also null."""
    data = encode_result(request_id, result)
    assert data.count(b"\n") == 1
    assert parse(data[:-1]) == Result(request_id, result)


@pytest.mark.bulk
@given(IDS, st.integers(-40000, 40000), st.text())
def test_a_failure_survives_the_wire(request_id: RequestId, code: int, message: str) -> None:
    """The same for a refusal."""
    data = encode_failure(request_id, code, message)
    assert data.count(b"\n") == 1
    assert parse(data[:-1]) == Failure(request_id, code, message, None)


@pytest.mark.parametrize("request_id", [0, -1, 2**40, "", "0", "7e5f0038-4826", None], ids=repr)
def test_every_id_that_acp_allows_is_a_request(request_id: RequestId) -> None:
    """Zero, the empty string and null are ids; only a missing one makes a notification."""
    assert parse(_line(id=request_id, method="m", params={})) == Request(request_id, "m", {})
    assert isinstance(parse(_line(method="m", params={})), Notification)


def test_an_id_may_be_an_integer_that_is_written_as_a_fraction() -> None:
    """JSON has one kind of number, as some languages do."""
    assert parse(b'{"id":7.0,"result":{}}') == Result(7, {})


@pytest.mark.parametrize("request_id", [True, 1.5, [], {}], ids=repr)
def test_other_ids_are_junk(request_id: Any) -> None:
    """An id that cannot be answered, or that Python would confuse with a number, is refused."""
    assert isinstance(parse(_line(id=request_id, method="m")), Junk)


@pytest.mark.parametrize("blank", [b"", b" ", b"\r", b"\t \r"], ids=repr)
def test_a_blank_line_is_nothing(blank: bytes) -> None:
    """Blank lines, also those of CR LF, are not reported."""
    assert parse(blank) is None


def test_a_line_may_end_with_a_carriage_return() -> None:
    """CR LF ends a line as well as LF."""
    assert parse(_line(id=1, result={}) + b"\r") == Result(1, {})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"kimi-cli is no longer maintained", "not a JSON object"),
        (b'{"jsonrpc":"2.0","id":1,"resu', "not JSON"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"a":' + b"[" * 20_000, "not JSON"),
        (b'["a", "b", "c", "d"]', "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"5", "not a JSON object"),
        (b"{}", "not a JSON object"),
        (b'{"id":1000000}', "neither a call nor an answer"),
        (b'{"method":50}', "the method is not a string"),
        (b'{"id":"' + b"x" * (MAX_ID + 1) + b'","method":"m"}', "the id has more than 1,000 characters"),
    ],
)
def test_junk_says_why(data: bytes, reason: str) -> None:
    """The excerpt and the reason are kept."""
    junk = parse(data)
    assert isinstance(junk, Junk)
    assert junk.reason.startswith(reason)
    assert data.decode().startswith(junk.excerpt)
    assert len(junk.excerpt) <= 200


def test_an_error_without_an_id_is_a_failure_of_nobody() -> None:
    """Some agents answer an unreadable line by an error with a null or missing id."""
    error = {"code": -32700, "message": "Parse error", "data": {"line": "x"}}
    assert (
        parse(_line(error=error))
        == parse(_line(id=None, error=error))
        == Failure(None, -32700, "Parse error", {"line": "x"})
    )


@pytest.mark.parametrize("data", [None, "text", [1], {"details": "x"}, 0], ids=repr)
def test_the_data_of_an_error_is_kept_whatever_it_is(data: Any) -> None:
    """Agents put strings, lists and objects there, which often hold the only reason."""
    assert parse(_line(id=1, error={"code": 500, "message": "no", "data": data})) == Failure(1, 500, "no", data)


@pytest.mark.parametrize("code", [None, "500", 1.5, True], ids=repr)
def test_an_error_with_a_malformed_code_is_still_a_failure(code: Any) -> None:
    """The request has failed in any case."""
    assert parse(_line(id=1, error={"code": code, "message": "no"})) == Failure(1, INTERNAL_ERROR, "no", None)


def test_an_error_that_is_no_object_is_still_a_failure() -> None:
    """Its text becomes the message."""
    assert parse(_line(id=1, error="broken")) == Failure(1, INTERNAL_ERROR, "broken", None)


def test_a_null_error_beside_a_result_is_no_error() -> None:
    """Some libraries write both members and set one to null."""
    assert parse(_line(id=1, error=None, result={"a": 1})) == Result(1, {"a": 1})


@pytest.mark.parametrize(
    ("data", "about"),
    [
        (b'{"id":7,"result":{"text":"\t"}}', Envelope(None, 7, has_id=True)),
        (b'{"id":null,"method":"m","params":{"a":}}', Envelope("m", None, has_id=True)),
        (b'{"method":"session/update","params":{"a":}}', Envelope("session/update", None, has_id=False)),
    ],
    ids=["answer", "request", "notification"],
)
def test_of_a_message_that_is_broken_the_ends_tell_what_it_is(data: bytes, about: Envelope) -> None:
    """So that neither side waits for ever."""
    unread = parse(data)
    assert isinstance(unread, Unread)
    assert unread.about == about
    assert isinstance(unread.defect, NotJson)


# ---- what would take too long


def _update(raw: bytes) -> bytes:
    """Return a notification with this content."""
    return b'{"method":"session/update","params":{"update":' + raw + b"}}"


@pytest.mark.parametrize("value", [b"[]", b"{}", b"0", b'""', b'{"a":0}', b"[[[0]]]"], ids=repr)
def test_a_message_of_too_many_values_is_not_read(value: bytes) -> None:
    """Parsing would create an object for each; a third of a megabyte holds a hundred thousand."""
    few = _update(b"[" + b",".join([value] * (MAX_VALUES // 10)) + b"]")
    many = _update(b"[" + b",".join([value] * MAX_VALUES) + b"]")
    assert isinstance(parse(few), Notification)
    assert parse(many) == Unread(Envelope("session/update", None, has_id=False), TooManyValues(30_000))


@pytest.mark.parametrize("text", ["a,b,c\n", "[{,", '"', "\\", '\\",', '",\\', "\u4e2d,"], ids=repr)
def test_marks_inside_of_a_text_are_no_values(text: str) -> None:
    """A table or a source file of some megabytes is one value."""
    params = {"update": [text * MAX_VALUES * 2, text * 3, "end"]}
    line = json.dumps({"method": "session/update", "params": params}).encode()
    assert parse(line) == Notification("session/update", params, len(line))


@pytest.mark.bulk
@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=3 * LEAVES,
    )
)
def test_values_are_never_counted_as_fewer_than_they_are(value: Any) -> None:
    """The count is at most twice the true number."""
    line = json.dumps({"a": value}, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acp.jsonrpc, "MAX_VALUES", 0)
        patch.setattr(acp.jsonrpc, "_QUOTES", len(line))
        counted = acp.jsonrpc._values(line) + 1
    assert _count({"a": value}) <= counted <= 2 * _count({"a": value})


def _count(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_count, inner))


def test_half_a_surrogate_pair_at_the_end_of_a_piece_is_kept() -> None:
    """A JavaScript agent cuts its text between two UTF-16 units; the next chunk has the other half."""
    content = {"type": "text", "text": "a\ud83d"}
    params = {"update": {"sessionUpdate": "agent_message_chunk", "content": content}}
    line = encode_notification("session/update", params)[:-1]
    assert parse(line) == Notification("session/update", params, len(line))


def test_half_a_surrogate_pair_in_another_text_is_replaced() -> None:
    """The text of a tool or a question has no continuation, and databases refuse the half."""

    def call(text: str) -> dict[str, Any]:
        content = {"type": "content", "content": {"type": "text", "text": text}}
        return {"sessionUpdate": "tool_call", "content": [content]}

    assert parse(encode_result(1, call("a\ud83d"))[:-1]) == Result(1, call("a\ufffd"))
    assert parse(encode_result(1, {"text": "\ud83d"})[:-1]) == Result(1, {"text": "\ufffd"})


def test_a_line_may_begin_with_a_byte_order_mark() -> None:
    """Some consoles add it; a reader may skip it (RFC 8259, section 8.1)."""
    assert parse(b"\xef\xbb\xbf" + _line(id=1, result={})) == Result(1, {})
    assert isinstance(parse(b"\xef\xbb\xbfready"), Junk)


def test_half_a_surrogate_pair_outside_a_text_is_replaced() -> None:
    """Ids, names and errors go into the journal, which refuses halves."""
    message = b'{"id":1,"error":{"code":1,"message":"a\\ud83d","data":[{"\\ude00":"\\ud83d\\ude00"}]}}'
    assert parse(message) == Failure(1, 1, "a\ufffd", [{"\ufffd": "\U0001f600"}])


def test_what_is_nested_too_deep_is_left_out_and_the_rest_stays() -> None:
    """Code that walks the message later must not exhaust the stack."""
    message = parse(b'{"method":"m","params":{"a":' + b"[" * 500 + b"]" * 500 + b',"b":1}}')
    assert isinstance(message, Notification)
    assert message.params["b"] == 1
    assert repr(message.params["a"]).count("[") == 198


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    """A tool's output in another encoding damages its own characters only."""
    assert parse(b'{"id":1,"result":"caf\xe9"}') == Result(1, "caf\N{REPLACEMENT CHARACTER}")


# ---- bytes to lines


@pytest.mark.bulk
@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")), max_size=10), st.data())
def test_any_cut_of_the_bytes_gives_the_same_lines(lines: list[bytes], data: st.DataObject) -> None:
    """The pipe may cut the output anywhere."""
    stream = b"".join(each + b"\n" for each in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    splitter = LineSplitter()
    found: list[Line] = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += splitter.feed(stream[begin:end])
    assert found == lines


def test_the_end_of_a_stream_in_the_middle_of_a_line_gives_no_line() -> None:
    """Half a message is never taken for a whole one."""
    splitter = LineSplitter()
    assert splitter.feed(b"one\ntw") == [b"one"]
    assert splitter.feed(b"") == []


def test_a_line_of_a_megabyte_arrives_whole() -> None:
    """Real agents write lines of 0.6 MB, far beyond asyncio's own 64 KiB."""
    splitter = LineSplitter()
    long = b"x" * 1_000_000
    found = [each for at in range(0, len(long), 65_536) for each in splitter.feed(long[at : at + 65_536])]
    assert found == []
    assert splitter.feed(b"\nnext\n") == [long, b"next"]


def test_of_a_line_beyond_the_limit_the_two_ends_are_kept() -> None:
    """An unfinished line takes bounded memory; a complete line resets the count."""
    splitter = LineSplitter(limit=10_000)
    for _ in range(5):
        assert splitter.feed(b"\n" + b"1" * 9000) in ([b""], [b"1" * 9000])
    for _ in range(50):
        assert splitter.feed(b"2" * 1000) == []
    long, after = splitter.feed(b"34\nafter\n")
    assert isinstance(long, LongLine)
    assert long.beginning == b"1" * BEGINNING
    assert len(long) == 59_002
    assert long.end == b"2" * (END - 2) + b"34"
    assert after == b"after"


@pytest.mark.parametrize(("size", "kind"), [(10_000, bytearray), (10_001, LongLine)])
def test_a_line_is_kept_up_to_the_limit_and_no_longer(size: int, kind: type[Line]) -> None:
    """The bound of an unfinished line is exact."""
    splitter = LineSplitter(limit=10_000)
    assert splitter.feed(b"1" * size) == []
    (line,) = splitter.feed(b"\n")
    assert isinstance(line, kind)
    assert len(line) == size


def test_of_a_line_that_is_too_long_the_ends_tell_what_it_is() -> None:
    """An oversized line of other content is junk."""
    answer = LongLine(b'{"id":1,"result":"' + b"x" * 10_000)
    assert parse(answer) == Unread(Envelope(None, 1, has_id=True), LineTooLong(16 * 2**20))
    nothing = LongLine(b'{"x":"' + b"x" * 10_000)
    assert parse(nothing) == Unread(None, LineTooLong(16 * 2**20))
    junk = parse(LongLine(b"x" * 10_000))
    assert junk == Junk("x" * 200, "longer than 16 MiB")


def test_the_limit_is_that_of_the_documentation() -> None:
    """16 MiB: an image of 10 MB has 13.4 MB as text."""
    assert MAX_LINE == 16 * 1024 * 1024
