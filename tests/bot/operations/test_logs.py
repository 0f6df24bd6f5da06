"""Log lines: readable for people and machines, and without secrets in every part."""

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.operations import logs
from bot.operations.logs import Form, configure, keep_log_file
from bot.text.redaction import SHORTEST, Redactor

SECRET = 'MTIz.se"cr\\et\n.value'


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def logging_to(stream: io.StringIO) -> Iterator[io.StringIO]:
    """Configure logging as the command line does, and restore it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("discord", "asyncio")}
    structure = structlog.get_config()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        try:
            configure([SECRET])
            yield stream
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            for name, before in levels.items():
                logging.getLogger(name).setLevel(before)
            structlog.configure(**structure)


class Talkative:
    """An object whose text contains the secret."""

    def __repr__(self) -> str:
        return f"<Talkative {SECRET}>"


def fail() -> None:
    """Fail with the secret in the message, in the cause, and in a local variable."""
    token = SECRET
    raise RuntimeError(f"outer {token}") from ValueError(f"inner {token}")


def in_context() -> None:
    """Log a line with the secret bound to the context."""
    with structlog.contextvars.bound_contextvars(token=SECRET):
        structlog.stdlib.get_logger("x").info("e")


def log_failure(logger: Any) -> None:
    """Log a failure as one does."""
    try:
        fail()
    except RuntimeError:
        logger.exception("it failed")


SAYINGS: dict[str, Callable[[], None]] = {
    "in the event": lambda: structlog.stdlib.get_logger("x").info(f"token {SECRET}"),
    "in a field": lambda: structlog.stdlib.get_logger("x").info("e", token=SECRET),
    "inside other text": lambda: structlog.stdlib.get_logger("x").info("e", url=f"http://{SECRET}@x/"),
    "deep in a field": lambda: structlog.stdlib.get_logger("x").info("e", a={"b": [{"c": (SECRET,)}]}),
    "in a key": lambda: structlog.stdlib.get_logger("x").info("e", a={SECRET: 1}),
    "in bytes": lambda: structlog.stdlib.get_logger("x").info("e", a=SECRET.encode()),
    "in an object": lambda: structlog.stdlib.get_logger("x").info("e", a=Talkative()),
    "in an exception": lambda: log_failure(structlog.stdlib.get_logger("x")),
    "in an exception as a field": lambda: structlog.stdlib.get_logger("x").info("e", error=ValueError(SECRET)),
    "bound to the context": in_context,
    "in a library's message": lambda: logging.getLogger("library").warning("token %s", SECRET),
    "in a library's exception": lambda: log_failure(logging.getLogger("library")),
}


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("place", SAYINGS)
def test_a_secret_is_in_no_part_of_a_log_line(place: str, stream: type[io.StringIO]) -> None:
    """On a terminal and elsewhere; in text, fields, exceptions and lines of libraries."""
    with logging_to(stream()) as written:
        SAYINGS[place]()
    text = written.getvalue()
    assert text
    assert "MTIz" not in text
    assert "[secret]" in text


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("get_logger", [structlog.stdlib.get_logger, logging.getLogger])
def test_an_exception_is_logged_with_its_traceback(stream: type[io.StringIO], get_logger: Callable[..., Any]) -> None:
    """The log shows where it failed, without local variables."""
    with logging_to(stream()) as written:
        log_failure(get_logger("x"))
    text = written.getvalue()
    assert "RuntimeError: outer [secret]" in text
    assert "ValueError: inner [secret]" in text
    assert "in fail" in text
    assert "locals" not in text


def test_each_line_is_json_except_on_a_terminal() -> None:
    """With time, level, logger, event and bound values; numbers stay numbers."""
    with logging_to(io.StringIO()) as written, structlog.contextvars.bound_contextvars(thread_id=7):
        structlog.stdlib.get_logger("x").warning("something", count=2, flag=True, nothing=None, items=(1, "a"))
        logging.getLogger("library").error("it %s", "broke")
    first, second = map(json.loads, written.getvalue().splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "something",
        "level": "warning",
        "logger": "x",
        "thread_id": 7,
        "count": 2,
        "flag": True,
        "nothing": None,
        "items": [1, "a"],
    }
    assert (second["event"], second["level"], second["logger"], second["thread_id"]) == (
        "it broke",
        "error",
        "library",
        7,
    )


def test_an_agents_text_cannot_control_the_terminal() -> None:
    """Control characters appear as codes, in values, in keys, in a library's lines; JSON escapes them itself."""
    for stream in (Terminal(), io.StringIO()):
        with logging_to(stream):
            structlog.stdlib.get_logger("bot").info("asked", method="\x1b]0;evil\x07", told={"k\x1b[2J": ["\u202e"]})
            logging.getLogger("library").warning("a line \x1b[2J of two\r\n")
        assert "evil" in stream.getvalue()
        plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())  # The renderer's own colours.
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(plain)


def test_only_warnings_of_libraries_are_logged() -> None:
    """Their warnings are logged, not their routine; our own debug lines are not."""
    with logging_to(io.StringIO()) as written:
        structlog.stdlib.get_logger("x").debug("detail")
        for name in ("discord.gateway", "asyncio"):
            logging.getLogger(name).info("routine")
            logging.getLogger(name).warning("trouble")
    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == ["trouble", "trouble"]


@given(st.lists(st.text(min_size=SHORTEST, max_size=20), min_size=1, max_size=4), st.lists(st.integers(0, 9)))
def test_every_secret_is_redacted(secrets: list[str], order: list[int]) -> None:
    """A secret that contains another one is redacted whole."""
    text = " ".join(secrets[number % len(secrets)] for number in order)
    redacted = Redactor(secrets)(text)
    marks = redacted.replace("[secret]", "")
    assert not any(secret in marks for secret in secrets if "[secret]" not in secret)


def test_a_longer_secret_is_taken_out_before_its_beginning() -> None:
    """Its end does not remain."""
    assert Redactor(["secret", "secret-and-more"])("a secret-and-more, a secret") == "a [secret], a [secret]"


def test_a_very_short_value_is_not_redacted() -> None:
    """Lines stay readable; an empty value does no harm."""
    assert Redactor(["", "abc"])("abc") == "abc"


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("pretty", False), ("auto", False)])
def test_the_format_can_be_chosen_for_any_stream(form: Form, is_json: bool) -> None:  # noqa: FBT001
    """A terminal can have JSON; `auto` decides by the stream."""
    with logging_to(Terminal()) as stream:
        configure([SECRET], form=form)
        structlog.stdlib.get_logger("x").info("something", a=1)
    assert stream.getvalue().startswith("{") == is_json
    assert "something" in stream.getvalue()


def test_the_last_lines_are_kept_in_a_bounded_private_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON without secrets, mode 0600, one older file; a failed write stays silent."""
    monkeypatch.setattr(logs, "KEPT_BYTES", 2000)
    path = tmp_path / "state" / "threadline.log"
    with logging_to(io.StringIO()) as stream:
        keep_log_file(path, [SECRET])
        for number in range(100):
            structlog.stdlib.get_logger("x").info(f"line {number} {SECRET}")
        handler = logging.getLogger().handlers[-1]
        with monkeypatch.context() as patch:
            patch.setattr(handler, "stream", gone := io.StringIO())
            gone.close()
            structlog.stdlib.get_logger("x").info("lost there")
        handler.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[-1]["event"] == "line 99 [secret]"
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["threadline.log", "threadline.log.1"]
    assert path.stat().st_size <= 2000
    assert "lost there" in stream.getvalue()
    assert "Traceback" not in stream.getvalue()
