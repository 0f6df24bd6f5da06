"""The files that an agent on another machine links to, and how long people's files stay there."""

import asyncio
import os
import time
from pathlib import Path, PurePosixPath

import pytest

import bot.agents.far_files
from acp import AcpError, FileProblem, FileRefused, PlaceUnreachable, ProtocolError, RequestTimeout
from acp.defects import Invalid
from bot.agents.far_files import KEPT_DAYS, FarFiles, no_copy
from bot.agents.workspace_files import LinkedFiles
from bot.text.sizes import MAX_FILE_BYTES
from bot.user_messages import files
from tests.support.other_machine import OtherMachine

pytestmark = pytest.mark.real_time

DAY = 24 * 3600.0


@pytest.fixture
def machine(tmp_path: Path) -> OtherMachine:
    """Another machine, with a directory for a session."""
    there = OtherMachine(tmp_path)
    (there.root / "work").mkdir()
    return there


def far(machine: OtherMachine) -> FarFiles:
    """Return the files of a thread there."""
    directory = PurePosixPath(machine.path, "files", "journal", "20")
    return FarFiles(machine, (machine.path / "work", Path(directory)), directory)


async def test_files_of_the_session_come_from_there(machine: OtherMachine) -> None:
    """Those that people have sent to the agent too; this machine has none of them."""
    (machine.root / "work/a b.txt").write_bytes(b"data")
    linked = LinkedFiles(far(machine))
    assert await linked.read(f"file://{machine.path}/work/a%20b.txt") == b"data"
    address = await far(machine).put(b"sent", PurePosixPath("30/c d.txt"))
    assert await linked.read(address) == b"sent"
    assert not (machine.path / "work").exists()


async def test_what_is_refused_here_is_refused_there(machine: OtherMachine) -> None:
    """In the same words, and without a connection where the address says enough."""
    work = machine.root / "work"
    (work / ".env").write_text("secret")
    (work / "out").symlink_to("/etc/passwd")
    (work / "empty").touch()
    (work / "directory").mkdir()
    with (work / "large").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    linked, there = LinkedFiles(far(machine)), machine.path / "work"
    for name, words in (
        ("gone", "it does not exist"),
        ("out", files.OUTSIDE),
        (".env", files.HIDDEN),
        ("empty", files.EMPTY),
        ("directory", files.NOT_REGULAR),
        ("large", "larger than 10 MiB"),
    ):
        assert await linked.read(f"{there}/{name}") == words
    asked = len(machine.files)
    assert await linked.read("https://example.org/x") == files.OUTSIDE
    assert await linked.read("http://[") == files.BAD_ADDRESS
    assert len(machine.files) == asked


async def test_a_machine_that_is_not_reached_is_tried_once_in_a_turn(machine: OtherMachine) -> None:
    """A turn waits once, and each of its links says why it was not sent."""
    machine.is_reachable = False
    linked = LinkedFiles(far(machine))
    assert await linked.read(f"{machine.path}/work/a") == "worker1 cannot be reached"
    machine.is_reachable = True
    assert await linked.read(f"{machine.path}/work/a") == "worker1 cannot be reached"
    assert machine.files == []


class Failing(OtherMachine):
    """Another machine that answers with an error."""

    error: AcpError

    async def get(self, *_: object, **__: object) -> bytes:
        """See `Place.get`."""
        raise self.error


class Silent(OtherMachine):
    """Another machine that never sends a file."""

    async def get(self, *_: object, **__: object) -> bytes:
        """See `Place.get`."""
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


async def test_a_machine_that_sends_nothing_is_waited_for_once_and_within_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn's next events wait for its file, and for no other one."""
    monkeypatch.setattr(bot.agents.far_files, "GET_SECONDS", 0.0)
    linked = LinkedFiles(far(Silent(tmp_path)))
    assert await linked.read("/a") == "worker1 did not send it in time"
    monkeypatch.setattr(bot.agents.far_files, "GET_SECONDS", 3600.0)
    assert await linked.read("/b") == "worker1 did not send it in time"


async def test_other_failures_are_told_in_words_too(tmp_path: Path) -> None:
    """A file system there that does not answer, and a runner that fails."""
    machine = Failing(tmp_path)
    machine.error = RequestTimeout("get", 10)
    assert await LinkedFiles(far(machine)).read("/a") == files.NO_ANSWER
    machine.error = ProtocolError(Invalid("x"), "get")
    assert await LinkedFiles(far(machine)).read("/a") == files.NOT_FETCHED


def test_people_learn_why_a_file_did_not_get_there() -> None:
    """The disk, the way, the time, or something else."""
    assert no_copy(FileRefused(FileProblem.UNWRITABLE, "x", "No space left on device"), 1) == "No space left on device"
    assert no_copy(PlaceUnreachable("worker1"), 1) == "worker1 cannot be reached"
    assert no_copy(RequestTimeout("put", 10), 1) == files.NO_ANSWER
    assert no_copy(ProtocolError(Invalid("x"), "put"), 1) == files.NOT_COPIED


async def test_old_files_are_removed_there_and_new_ones_stay(machine: OtherMachine) -> None:
    """By the age of a message's directory; a thread's directory goes when it is empty. Nothing else goes."""
    there = far(machine)
    await there.clean()  # Nothing is there yet.
    for name in ("30/old", "31/new"):
        await there.put(b"data", PurePosixPath(name))
    threads = machine.root / "files/journal"
    (threads / "21").mkdir()
    (threads / "file").touch()
    past = time.time() - (KEPT_DAYS + 1) * DAY
    for each in (threads / "20/30", threads / "21", threads / "file"):
        os.utime(each, (past, past))
    await there.clean()
    assert {str(each.relative_to(threads)) for each in threads.rglob("*")} == {"20", "20/31", "20/31/new", "file"}
