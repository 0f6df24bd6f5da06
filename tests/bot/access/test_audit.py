"""The audit log: one line of JSON for each action, readable by its owner only."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.access.audit import LONGEST, LONGEST_REQUEST, MINUTE, PER_MINUTE, Audit
from bot.text.redaction import Redactor
from tests.support.virtual_time import elapse


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of the log, without their times."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


pytestmark = pytest.mark.virtual_time


async def test_an_action_is_a_line_with_who_where_and_what(tmp_path: Path) -> None:
    """Ids are strings, as some JSON readers round numbers."""
    path = tmp_path / "folder" / "audit.jsonl"
    audit = Audit(path)
    audit.open()
    assert path.read_bytes() == b""
    audit.record("stopped", "/cancel", user_id=2**60, thread_id=7)
    audit.record("denied", "write .envrc", user_id=None, thread_id=None)
    first, second = lines(path)
    assert first.pop("time").endswith("+00:00")
    assert first == {"deed": "stopped", "user_id": str(2**60), "thread_id": "7", "what": "/cancel"}
    assert (second["user_id"], second["thread_id"]) == (None, None)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_an_answered_question_is_kept_with_its_whole_request(tmp_path: Path) -> None:
    """Its message in the thread becomes one line. Secrets are taken out, and its length is bounded."""
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, redact=Redactor(["hunter22"]))
    audit.record("approved", "Allow: make", user_id=1, thread_id=2, request="make\nhunter22 " + "y" * LONGEST_REQUEST)
    (line,) = lines(path)
    assert line["request"].startswith("make\n")
    assert "hunter22" not in line["request"]
    assert len(line["request"]) == LONGEST_REQUEST


async def test_a_rotated_log_continues_in_a_new_file(tmp_path: Path) -> None:
    """The bot needs no signal."""
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    audit.record("started", "before", user_id=1, thread_id=2)
    path.rename(tmp_path / "audit.jsonl.1")
    audit.record("started", "after", user_id=1, thread_id=2)
    assert [line["what"] for line in lines(path)] == ["after"]
    assert [line["what"] for line in lines(tmp_path / "audit.jsonl.1")] == ["before"]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_what_comes_from_outside_makes_no_second_line_and_shows_no_secret(tmp_path: Path) -> None:
    """Line ends, quotes, direction marks and very long texts stay inside their field."""
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, redact=Redactor(["hunter22"]))
    audit.record("changed", 'x"}\n{"deed": "approved"\u2028\u202e hunter22 ' + "y" * 10_000, user_id=1, thread_id=2)
    (line,) = lines(path)
    assert line["deed"] == "changed"
    assert "hunter22" not in line["what"]
    assert len(line["what"]) == LONGEST
    assert path.read_text(encoding="ascii").count("\n") == 1


async def test_a_log_that_cannot_be_written_stops_only_the_start(tmp_path: Path) -> None:
    """At the start it is an error that names the reason; later the action is in the other log."""
    audit = Audit(tmp_path)
    with pytest.raises(OSError, match="directory"):
        audit.open()
    audit.record("started", "a message", user_id=1, thread_id=2)


def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is the default."""
    monkeypatch.chdir(tmp_path)
    audit = Audit()
    audit.open()
    audit.record("started", "a message", user_id=1, thread_id=2)
    assert list(tmp_path.iterdir()) == []


async def test_a_flood_is_counted_and_hides_no_other_persons_action(tmp_path: Path) -> None:
    """An action of one person in one thread has sixty lines a minute, then one with the number of the others."""
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    for number in range(1_000):
        audit.record("denied", f"question {number}", user_id=None, thread_id=7)
    audit.record("approved", "make", user_id=3, thread_id=7)
    assert [line["what"] for line in lines(path)][PER_MINUTE - 1 :] == [f"question {PER_MINUTE - 1}", "make"]
    await elapse(MINUTE + 1)
    (told,) = lines(path)[PER_MINUTE + 1 :]
    assert (told["deed"], told["user_id"], told["thread_id"]) == ("omitted", None, "7")
    assert told["what"] == f"{1_000 - PER_MINUTE} more lines of one minute: denied"
    audit.record("denied", "again", user_id=None, thread_id=7)
    await elapse(MINUTE + 1)
    assert [line["what"] for line in lines(path)][PER_MINUTE + 2 :] == ["again"]


async def test_what_was_left_out_is_counted_at_the_end_too(tmp_path: Path) -> None:
    """The bot may stop before the minute ends."""
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    for _ in range(PER_MINUTE + 1):
        audit.record("refused", "Stop", user_id=1, thread_id=2)
    audit.close()
    audit.close()
    assert [line["what"] for line in lines(path)][PER_MINUTE:] == ["1 more lines of one minute: refused"]
