import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

import acp.connection
from acp.connection import SHORT_LINES, UNREAD_ANSWERS, WRITE_SECONDS, Connection
from acp.defects import LineTooLong, TooManyValues
from acp.errors import AgentClosed, CloseReason, ProtocolError, RemoteError, RequestTimeout
from acp.jsonrpc import MAX_VALUES, Message, Notification, Request, Result, encode_notification, parse
from acp.line_splitter import MAX_LINE, Line
from acp.pending import Reply
from acp.protocol_violations import LOGGED, WIDTH
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse

KNOWN_METHOD = "session/request_permission"

Heard = Request | Notification | Reply | str


class Client:
    """A connection to an agent in memory, and all its callbacks' arguments, in order."""

    def __init__(self) -> None:
        self.peer = MemoryAgent(manual={"initialize", "session/new", "session/load"})
        self.heard: list[Heard] = []
        self.connection = Connection(
            self.peer,
            on_request=self._ask,
            on_notification=self.hear,
            on_text=self._hear_text,
            on_unread=lambda method, reason: self.hear(f"{method} unread: {reason}"),
        )
        self.connection.on_closed = lambda: self.hear("closed")
        self.peer.attach(self.connection)
        self._awaited: tuple[Any, asyncio.Future[None]] | None = None

    def hear(self, heard: Heard) -> None:
        """Return a callback that records its arguments."""
        self.heard.append(heard)
        if self._awaited is not None and self._awaited[0] == _name(heard):
            self._awaited[1].set_result(None)

    def _hear_text(self, session_id: str, kind: str, text: str) -> None:
        self.hear(f"{session_id} {kind} {text}")

    def _ask(self, request: Request) -> bool:
        self.hear(request)
        return request.method == KNOWN_METHOD

    async def start(self, method: str, params: Mapping[str, Any]) -> Json:
        """Send a request whose reply goes to `heard`; return it as the agent got it."""
        await self.connection.start(method, params, self.hear)
        return await self.peer.expect(method)

    async def until(self, name: str) -> list[Any]:
        """Return what was heard, by name, as soon as `name` is heard for the next time."""
        self._awaited = (name, asyncio.get_running_loop().create_future())
        async with asyncio.timeout(60):
            await self._awaited[1]
        self._awaited = None
        return [_name(each) for each in self.heard]


async def test_a_request_is_answered_by_its_result() -> None:
    """The agent's result comes back, as any JSON value."""
    client = Client()
    async with asyncio.TaskGroup() as tasks:
        results: tuple[Any, ...] = ({"a": 1}, None, [], 0)
        for result in results:
            task = tasks.create_task(client.connection.request("m", {"x": 1}, seconds=5))
            request = await client.peer.expect("m")
            assert request["params"] == {"x": 1}
            client.peer.reply(request, result)
            assert await task == result


async def test_a_refusal_carries_the_agents_own_reason() -> None:
    """Code, message and data reach the caller."""
    client = Client()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_failing(client.connection.request("session/new", {}, seconds=5)))
        client.peer.fail(await client.peer.expect("session/new"), 500, "Internal error", {"details": "no model"})
        error = await task
    assert isinstance(error, RemoteError)
    assert (error.method, error.code, error.data) == ("session/new", 500, {"details": "no model"})
    assert str(error) == "session/new failed with 500 Internal error: {'details': 'no model'}"


def test_of_a_refusal_of_a_million_characters_the_text_shows_the_beginning() -> None:
    """The text goes into a log, on one line."""
    error = RemoteError("session/new", 500, "Internal error", ["x" * 1_000_000])
    assert str(error).startswith("session/new failed with 500 Internal error: ['xxx")
    assert len(str(error)) == 4000


async def test_ids_are_integers_that_never_repeat() -> None:
    """Answered ids are not reused."""
    client = Client()
    for _ in range(3):
        client.peer.reply(await client.start("m", {}), {})
        await client.start("m", {})
    ids = [message["id"] for message in client.peer.received]
    assert ids == sorted(set(ids))


async def test_what_the_agent_says_is_heard_in_its_order() -> None:
    """Updates before and after a response keep their places, in one read or in many."""
    client = Client()
    prompt = await client.start("session/prompt", {})
    expected = ["a", "b", "response", "c"]
    for pieces in (1, 7, 10_000):
        client.heard.clear()
        stream = b"".join(
            json.dumps(message).encode() + b"\n"
            for message in (
                {"method": "a"},
                {"method": "b", "params": {"x": "y" * 500}},
                {"id": prompt["id"], "result": "response"},
                {"method": "c"},
            )
        )
        size = len(stream) // pieces + 1
        client.peer.raw(*(stream[at : at + size] for at in range(0, len(stream), size)))
        client.peer.notify("end", {})
        assert await client.until("end") == [*expected, "end"]
        prompt = await client.start("session/prompt", {})


async def test_a_late_answer_to_a_request_given_up_belongs_to_nobody() -> None:
    """It neither ends the next request nor raises."""
    client = Client()
    with pytest.raises(RequestTimeout, match=r"session/load within 5 s"):
        await client.connection.request("session/load", {}, seconds=5)
    late = await client.peer.expect("session/load")
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(client.connection.request("session/load", {}, seconds=5))
        request = await client.peer.expect("session/load")
        client.peer.reply(late, "late")
        client.peer.reply(request, "mine")
        assert await task == "mine"


@pytest.mark.parametrize("request_id", [99, "01", "", None, 0], ids=repr)
async def test_an_answer_to_nothing_we_asked_is_passed_over(request_id: int | str | None) -> None:
    """A foreign or missing id ends no request."""
    client = Client()
    request = await client.start("m", {})
    assert request["id"] == 1
    client.peer.say({"id": request_id, "result": {}})
    client.peer.say({"error": {"code": -32700, "message": "Parse error"}})
    client.peer.notify("end", {})
    assert await client.until("end") == ["end"]
    assert "1 pending" in repr(client.connection)


async def test_an_answer_that_has_our_id_as_text_is_taken_with_a_warning() -> None:
    """It breaks the specification but is unambiguous, and a turn must not hang for it."""
    client = Client()
    await client.start("first", {})
    await client.start("second", {})
    with capture_logs() as logged:
        client.peer.say({"id": "2", "error": {"code": 5, "message": "no"}})
        client.peer.say({"id": "1", "result": "yes"})
        client.peer.say({"id": "1", "result": "again"})
        client.peer.notify("end", {})
        refused, *rest = await client.until("end")
    assert (refused.method, refused.code, rest) == ("second", 5, ["yes", "end"])
    assert [(each["log_level"], each["request_id"]) for each in logged] == [
        ("warning", "2"),
        ("warning", "1"),
        ("info", "1"),
    ]


async def test_a_second_answer_is_passed_over() -> None:
    """A request ends once."""
    client = Client()
    request = await client.start("m", {})
    client.peer.reply(request, "first")
    client.peer.reply(request, "second")
    client.peer.notify("end", {})
    assert await client.until("end") == ["first", "end"]


@pytest.mark.parametrize("request_id", [0, None, "", "7e5f0038-4826", 2**40], ids=repr)
async def test_an_agents_request_is_answered_with_its_own_id(request_id: int | str | None) -> None:
    """0, null and strings are ids like any other."""
    client = Client()
    client.peer.say({"id": request_id, "method": KNOWN_METHOD, "params": {}})
    await client.until(KNOWN_METHOD)
    client.connection.answer(request_id, {"yes": True})
    assert await client.peer.answer_to(request_id) == {"jsonrpc": "2.0", "id": request_id, "result": {"yes": True}}


@pytest.mark.parametrize("request_id", [0, None, "a"], ids=repr)
async def test_an_unknown_request_is_refused_at_once(request_id: int | str | None) -> None:
    """With "method not found"."""
    client = Client()
    client.peer.say({"id": request_id, "method": "craft/drainMidTurnQueue", "params": {}})
    answer = await client.peer.answer_to(request_id)
    assert answer["error"] == {"code": -32601, "message": "Method not found: craft/drainMidTurnQueue"}


async def test_lines_that_are_no_messages_are_passed_over() -> None:
    """Later lines are read."""
    client = Client()
    client.peer.raw(b"Debugger listening\n", b"\n", b"[1,2]\n", b'{"id":[]}\n', b"\xff\xfe\n")
    client.peer.notify("end", {})
    assert await client.until("end") == ["end"]


MANY = [0] * (MAX_VALUES + 1)


async def test_an_answer_that_is_not_read_ends_its_request_alone() -> None:
    """Its caller gets the reason, and the connection stays open."""
    client = Client()
    request = await client.start("m", {})
    other = await client.start("n", {})
    client.peer.reply(request, MANY)
    client.peer.reply(other, "mine")
    client.peer.notify("end", {})
    await client.until("end")
    error, *others = client.heard
    assert isinstance(error, ProtocolError)
    assert (error.method, error.defect) == ("m", TooManyValues(30_000))
    assert str(error) == "answer to m not readable: more than 30,000 values"
    assert others[0] == Result(other["id"], "mine")


async def test_an_answer_that_is_not_read_and_that_nobody_waits_for_is_passed_over() -> None:
    """It counts as a late answer."""
    client = Client()
    client.peer.say({"id": 99, "result": MANY})
    client.peer.notify("end", {})
    assert await client.until("end") == ["end"]


async def test_requests_that_are_not_read_are_not_refused_without_end() -> None:
    """Refusals fill our memory as answers do, if the agent reads none."""
    client = Client()
    client.peer.stop_reading()
    client.connection.notify("big", {"x": "y" * 100_000})
    client.peer.raw(b'{"id":1,"method":"m","params":}\n' * (UNREAD_ANSWERS + 1))
    await client.until("closed")
    assert client.connection.error is not None
    assert client.connection.error.reason is CloseReason.ANSWERS_UNREAD
    assert len(client.heard) == UNREAD_ANSWERS + 1


async def test_a_request_that_is_not_read_is_refused() -> None:
    """The agent gets an answer, and `on_unread` gets its method."""
    client = Client()
    client.peer.say({"id": "a", "method": "session/request_permission", "params": MANY})
    answer = await client.peer.answer_to("a")
    assert answer["error"] == {"code": -32600, "message": "Invalid Request: more than 30,000 values"}
    assert client.heard == ["session/request_permission unread: more than 30,000 values"]


async def test_a_notification_that_is_not_read_costs_nothing_else() -> None:
    """`on_unread` gets its method."""
    client = Client()
    client.peer.notify("session/update", MANY)
    client.peer.notify("end", {})
    assert await client.until("end") == ["session/update unread: more than 30,000 values", "end"]
    assert client.peer.received == []


async def test_a_line_beyond_the_limit_is_a_message_that_is_not_read() -> None:
    """Its two ends suffice to end its request; an oversized line that is no message is skipped."""
    client = Client()
    request = await client.start("m", {})
    client.peer.raw(b"x" * (MAX_LINE + 1), b"\n")
    head = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": "x"})[:-2].encode()
    client.peer.raw(head, b"x" * MAX_LINE, b'x"}\n')
    client.peer.notify("end", {})
    await client.until("end")
    error, *_ = client.heard
    assert isinstance(error, ProtocolError)
    assert error.defect == LineTooLong(16 * 2**20)


def test_of_the_lines_of_a_read_that_are_too_short_for_a_message_few_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are skipped, and the message behind them is read."""
    looked_at: list[Line] = []

    def look(line: Line) -> Message | None:
        looked_at.append(line)
        return parse(line)

    monkeypatch.setattr(acp.connection, "parse", look)
    client = Client()
    client.connection.feed(b"x\n" * SHORT_LINES * 3 + encode_notification("end", {}))
    assert looked_at.count(b"x") == SHORT_LINES
    assert [_name(each) for each in client.heard] == ["end"]


async def test_a_message_that_may_be_any_answer_closes_the_connection() -> None:
    """Skipping it could lose a response and leave its caller waiting for ever."""
    client = Client()
    await client.start("m", {})
    client.peer.raw(json.dumps({"jsonrpc": "2.0", "x": MANY}).encode() + b"\n")
    client.peer.notify("too late", {})
    await client.until("closed")
    error = client.connection.error
    assert error is not None
    assert (error.reason, error.defect) == (CloseReason.PROTOCOL, TooManyValues(30_000))
    failed, closed = client.heard
    assert isinstance(failed, AgentClosed)
    assert (failed.method, failed.defect, closed) == ("m", error.defect, "closed")
    assert client.peer.aborted


async def test_nothing_is_heard_after_the_connection_was_closed() -> None:
    """The rest of the read that closed it is dropped too."""
    client = Client()

    def close_at_first(notification: Notification) -> None:
        client.hear(notification)
        client.connection.close(AgentClosed(CloseReason.STOPPED))

    client.connection = Connection(
        client.peer,
        on_request=lambda _: False,
        on_notification=close_at_first,
        on_text=lambda *_: None,
        on_unread=lambda *_: None,
    )
    client.connection.feed(b'{"method":"first"}\n{"method":"second"}\n')
    client.connection.feed(b'{"method":"third"}\n')
    assert client.heard == [Notification("first", None, 18)]


async def test_every_pending_request_ends_when_the_agent_dies() -> None:
    """In their order, with the exit status and the last stderr lines, before `on_closed`."""
    client = Client()
    for name in ("first", "second", "third"):
        await client.connection.start("m", {}, lambda _, name=name: client.hear(name))  # type: ignore[misc]
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_failing(client.connection.request("b", {}, seconds=5)))
        await client.peer.expect("b")
        client.peer.notify("last words", {})
        client.peer.die(3, ["Traceback", "KeyError: 'model'"])
        error = await task
    assert isinstance(error, AgentClosed)
    assert (error.exit_status, error.stderr) == (3, ("Traceback", "KeyError: 'model'"))
    assert str(error) == "process ended (exit status 3)\nTraceback\nKeyError: 'model'"
    assert [_name(each) for each in client.heard] == ["last words", "first", "second", "third", "closed"]
    assert repr(client.connection) == "<Connection closed: AgentClosed, 0 pending>"


async def test_a_request_on_a_dead_connection_was_never_handed_over() -> None:
    """Its caller may send it to another agent; the error has the reason of the death."""
    client = Client()
    client.peer.die(1, ["no key"])
    await client.until("closed")
    with pytest.raises(AgentClosed, match="no key"):
        await client.connection.start("session/prompt", {}, client.hear)
    assert client.heard == ["closed"]


async def test_a_request_after_the_agent_broke_the_protocol_was_never_handed_over() -> None:
    """The error names the violation; for the caller, the agent is gone."""
    client = Client()
    client.connection.close(AgentClosed(CloseReason.PROTOCOL, defect=LineTooLong(2**24)))
    with pytest.raises(AgentClosed, match="longer than 16 MiB"):
        await client.connection.start("session/prompt", {}, client.hear)


async def test_a_request_into_a_broken_pipe_was_never_handed_over() -> None:
    """The same when the write itself fails; the callback is not called in addition to the exception."""
    client = Client()
    client.peer.die(1)
    with pytest.raises(AgentClosed):
        await client.connection.start("session/prompt", {}, client.hear)
    assert client.heard == ["closed"]


async def test_whatever_is_said_on_a_dead_connection_does_nothing() -> None:
    """Callers of `notify` and `answer` need no check."""
    client = Client()
    client.connection.close(AgentClosed(CloseReason.STOPPED))
    client.connection.notify("session/cancel", {})
    client.connection.answer(0, {})
    client.connection.refuse(0, -32601, "no")
    client.connection.resume_reading()
    assert client.peer.received == []


async def test_a_connection_is_closed_once_and_keeps_its_first_reason() -> None:
    """Later reasons are ignored."""
    client = Client()
    first = AgentClosed(CloseReason.PROTOCOL)
    client.connection.close(first)
    client.connection.close(AgentClosed(CloseReason.STOPPED))
    client.connection.closed(AgentClosed(CloseReason.ENDED))
    assert client.connection.error is first
    assert client.heard == ["closed"]


async def test_a_connection_that_nobody_watches_may_close() -> None:
    """`on_closed` is optional."""
    client = Client()
    client.connection.on_closed = None
    client.connection.close(AgentClosed(CloseReason.STOPPED))
    assert client.connection.error is not None


async def test_an_agent_that_never_reads_its_input_is_cut_off() -> None:
    """Writing never blocks, and after the bound the pending request ends."""
    client = Client()
    client.peer.stop_reading()
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_failing(client.connection.request("m", {"x": "y" * 100_000}, seconds=600)))
        error = await task
    assert asyncio.get_running_loop().time() - began == pytest.approx(WRITE_SECONDS)
    assert isinstance(error, AgentClosed)
    assert isinstance(error, AgentClosed)
    assert (error.reason, error.seconds) == (CloseReason.INPUT_UNREAD, 30)
    assert client.peer.aborted


async def test_an_agent_that_reads_late_is_not_cut_off() -> None:
    """Reading within the bound resets it."""
    client = Client()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            client.peer.stop_reading()
            task = tasks.create_task(client.connection.request("m", {"x": "y" * 100_000}, seconds=600))
            await elapse(WRITE_SECONDS - 1)
            client.peer.start_reading()
            client.peer.reply(await client.peer.expect("m"), "ok")
            assert await task == "ok"
    assert client.connection.error is None


async def test_an_agent_whose_time_to_read_is_judged_elsewhere_is_cut_off_only_if_it_asks_on() -> None:
    """A slow link takes long, and our memory still holds the answers."""
    client = Client()
    client.connection.pause_writing(bounded=False)
    await elapse(10 * WRITE_SECONDS)
    assert client.connection.error is None
    for _ in range(UNREAD_ANSWERS + 1):
        client.peer.say({"id": 0, "method": "unknown", "params": {}})
    await client.until("closed")
    assert client.connection.error is not None
    assert client.connection.error.reason is CloseReason.ANSWERS_UNREAD


async def test_a_small_message_may_stay_unread() -> None:
    """The clock starts only when the pipe is full: a working agent need not read."""
    client = Client()
    client.peer.stop_reading()
    client.connection.notify("session/cancel", {})
    await elapse(10 * WRITE_SECONDS)
    assert client.connection.error is None


async def test_a_flood_of_lines_that_are_no_messages_floods_no_log() -> None:
    """The first ones are logged, and later messages are read."""
    client = Client()
    with capture_logs() as logs:
        client.peer.raw(b"kimi-cli is no longer maintained\n" * 1000)
        client.peer.notify("end", {})
        await client.until("end")
    assert len(logs) == LOGGED


async def test_whatever_an_agent_repeats_floods_no_log() -> None:
    """Each kind has its short log lines; the end counts the rest."""
    client = Client()
    giant = "x" * 100_000
    with capture_logs() as logs:
        for number in range(LOGGED + 3):
            client.peer.say({"id": number, "method": giant})
            client.peer.say({"id": giant[:900], "result": {giant: [giant] * 3}})
            client.peer.say({"id": 999, "error": {"code": 1, "message": giant}})
            client.peer.raw(b'{"id":1,"method":"m","params":}\n')
        client.peer.notify("end", {})
        await client.until("end")
        client.connection.close(AgentClosed(CloseReason.STOPPED))
    kinds = [entry["event"] for entry in logs]
    assert sorted(kinds.count(kind) for kind in set(kinds)) == [3, LOGGED, LOGGED, LOGGED]
    assert sorted(entry["count"] for entry in logs if "count" in entry) == [3, 3, LOGGED + 6]
    assert max(len(str(value)) for entry in logs for value in entry.values()) <= WIDTH
    answer = await client.peer.answer_to(0)
    assert answer["error"]["message"] == f"Method not found: {giant[:WIDTH]}"


async def test_an_agent_that_asks_on_and_reads_no_answer_is_cut_off() -> None:
    """Our memory would hold the answers. An agent that reads again has the whole bound."""
    client = Client()
    ask = {"id": 0, "method": "unknown", "params": {}}
    for _ in range(2):
        client.peer.stop_reading()
        client.connection.notify("big", {"x": "y" * 100_000})
        for _ in range(UNREAD_ANSWERS):
            client.peer.say(ask)
        client.peer.notify("end", {})
        await client.until("end")
        client.peer.start_reading()
    assert client.connection.error is None
    client.peer.stop_reading()
    client.connection.notify("big", {"x": "y" * 100_000})
    for _ in range(UNREAD_ANSWERS + 1):
        client.peer.say(ask)
    await client.until("closed")
    assert client.connection.error is not None
    assert client.connection.error.reason is CloseReason.ANSWERS_UNREAD


async def test_an_agent_that_leaves_large_answers_unread_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our memory would hold them: each may be a whole file. An agent that reads again has the whole bound."""
    monkeypatch.setattr(acp.connection, "UNREAD_BYTES", 1_000_000)
    client = Client()
    for _ in range(2):
        client.peer.stop_reading()
        client.connection.notify("big", {"x": "y" * 100_000})
        for number in range(9):
            client.connection.answer(number, "x" * 100_000)
        client.peer.start_reading()
    assert client.connection.error is None
    client.peer.stop_reading()
    client.connection.notify("big", {"x": "y" * 100_000})
    for number in range(11):
        client.connection.answer(number, "x" * 100_000)
    assert client.connection.error is not None
    assert client.connection.error.reason is CloseReason.ANSWERS_UNREAD


async def test_a_failure_names_its_request_and_has_the_last_words() -> None:
    """Method, code, message, data, exit status and stderr, for each kind of failure."""
    client = Client()
    client.peer.stderr = ("warning: slow",)
    with pytest.raises(RequestTimeout, match=r"within 1 s\nwarning: slow") as late:
        await client.connection.request("session/new", {}, seconds=1)
    assert (late.value.method, late.value.stderr) == ("session/new", ("warning: slow",))
    assert (await client.peer.expect("$/cancel_request"))["params"] == {"requestId": 1}
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_failing(client.connection.request("session/load", {}, seconds=5)))
        await client.peer.expect("session/load")
        client.peer.die(3, ["panic"])
        error = await task
    assert isinstance(error, AgentClosed)
    assert (error.method, error.exit_status, error.stderr) == ("session/load", 3, ("panic",))


async def test_a_task_that_gives_up_waiting_leaves_the_connection_whole() -> None:
    """The answer to its request is dropped; other requests are not affected."""
    client = Client()
    task = asyncio.create_task(client.connection.request("m", {}, seconds=5))
    request = await client.peer.expect("m")
    task.cancel()
    await asyncio.wait([task])
    client.peer.reply(request, "late")
    other = await client.start("m", {})
    client.peer.reply(other, "mine")
    client.peer.notify("end", {})
    assert await client.until("end") == ["mine", "end"]


async def test_the_representation_reads_like_a_status_line() -> None:
    """Its state and its open work."""
    client = Client()
    assert repr(client.connection) == "<Connection open, 0 pending>"
    async with client.connection.lock:
        await client.start("m", {})
        assert repr(client.connection) == "<Connection open, 1 pending, prompting>"


def _name(heard: Heard) -> Any:
    match heard:
        case Request(_, name) | Notification(name) | Result(_, name):
            return name
    return heard


async def _failing(request: Any) -> BaseException:
    try:
        await request
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error
    raise AssertionError("it did not fail")
