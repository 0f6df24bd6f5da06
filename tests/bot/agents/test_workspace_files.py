"""What an agent may have posted: files of its session's directories, and no others, despite all tricks.

Reading them blocks no other turn, even on a file system that does not answer.
"""

import asyncio
import os
import threading
from pathlib import Path

import pytest

import acp.paths
from acp import FileProblem, FileRefused
from acp.paths import Lanes
from acp.places.readable_files import ReadableFiles
from bot.agents.workspace_files import LinkedFiles, LocalFiles, WorkspaceFiles
from bot.text.sizes import MAX_FILE_BYTES
from bot.user_messages import files
from bot.user_messages.files import NO_ANSWER, OUTSIDE
from tests.acp.child_processes import PATIENCE


def refused(found: bytes | str) -> str:
    """Return the reason for the refusal."""
    assert isinstance(found, str)
    return found


def test_a_file_of_the_session_is_read(tmp_path: Path) -> None:
    """By its address or its path, also through links that stay inside."""
    (tmp_path / "a b.txt").write_bytes(b"data")
    (tmp_path / "link").symlink_to("a b.txt")
    outbox = WorkspaceFiles([tmp_path])
    assert outbox.read_now((tmp_path / "a b.txt").as_uri()) == b"data"
    assert outbox.read_now(f"file://localhost{tmp_path}/a%20b.txt") == b"data"
    assert outbox.read_now(str(tmp_path / "link")) == b"data"


@pytest.mark.parametrize(
    "uri",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "file:///proc/self/environ",
        "/proc/self/environ",
        "/dev/zero",
        "file://{home}/.ssh/id_ed25519",
        "file://{work}/../.ssh/id_ed25519",
        "{work}/%2e%2e/secret",
        "file://{work}/%2e%2e/secret",
        "{work}/out",
        "{work}/out/secret",
        "{work}/.env",
        "{work}/.git/config",
        "{work}/hidden-link",
        "{work}",
        "{work}/missing",
        "{work}/pipe",
        "{work}/empty",
        "file://other.example{work}/good",
        "https://example.org/x",
        "data:text/plain,x",
        "relative/good",
        "file:good",
        "http://[",
        "{work}/nul\0",
        "",
    ],
)
def test_everything_else_is_refused_with_words(uri: str, tmp_path: Path) -> None:
    """Outside, hidden, not regular, missing, or not a file's address."""
    home = tmp_path
    work = home / "work"
    (home / ".ssh").mkdir()
    (home / ".ssh/id_ed25519").write_text("key")
    (home / "secret").write_text("secret")
    (work / ".git").mkdir(parents=True)
    (work / ".git/config").write_text("secret")
    (work / ".env").write_text("secret")
    (work / "good").write_text("good")
    (work / "empty").touch()
    (work / "out").symlink_to(home)
    (work / "hidden-link").symlink_to(".env")
    os.mkfifo(work / "pipe")
    outbox = WorkspaceFiles([work])
    assert outbox.read_now(f"{work}/good") == b"good"
    words = refused(outbox.read_now(uri.format(home=home, work=work)))
    assert words
    assert "\n" not in words
    assert str(tmp_path) not in words


def test_a_refusal_says_what_a_person_can_act_on(tmp_path: Path) -> None:
    """A missing file, one outside the directories, and one that the system does not open."""
    outbox = WorkspaceFiles([tmp_path])
    assert outbox.read_now(f"{tmp_path}/missing") == "it does not exist"
    assert outbox.read_now("/etc/passwd") == OUTSIDE
    (tmp_path / "loop").symlink_to("loop")
    assert outbox.read_now(f"{tmp_path}/loop") == OUTSIDE
    assert files.unreadable(FileRefused(FileProblem.UNREADABLE, "x", "Permission denied"), 1) == "Permission denied"


def test_the_kernels_files_are_refused_even_where_everything_is_the_session() -> None:
    """A session may work in `/`; the environment of its process stays private."""
    assert refused(WorkspaceFiles([Path("/")]).read_now("/proc/self/environ")) == "it is not a regular file"


def test_the_bots_own_files_are_not_sent(tmp_path: Path) -> None:
    """Its configuration and its journal, under any name; also where the session works in the same folder."""
    (tmp_path / "threadline.toml").write_text("token")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/threadline.db").write_text("rows")
    (tmp_path / "other.txt").hardlink_to(tmp_path / "threadline.toml")
    (tmp_path / "link.txt").symlink_to("state/threadline.db")
    outbox = WorkspaceFiles([tmp_path], withheld=[tmp_path / "threadline.toml", tmp_path / "state", tmp_path / "gone"])
    for name in ("threadline.toml", "state/threadline.db", "other.txt", "link.txt"):
        assert refused(outbox.read_now(str(tmp_path / name))) == "it belongs to the bot"


def test_a_link_that_is_swapped_after_the_check_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the check and the opening, the agent replaces the file with a link to a secret."""
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "secret").write_text("secret")
    (work / "a").write_text("good")
    outbox = WorkspaceFiles([work])
    check = ReadableFiles._check

    def swap(self: ReadableFiles, entry: object) -> None:
        check(self, entry)  # type: ignore[arg-type]
        (work / "a").unlink()
        (work / "a").symlink_to(tmp_path / "secret")

    monkeypatch.setattr(ReadableFiles, "_check", swap)
    assert refused(outbox.read_now(str(work / "a")))


def test_a_directory_that_is_swapped_leads_nowhere(tmp_path: Path) -> None:
    """The session's directory stays the one from its start."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "passwd").write_text("mine")
    outbox = WorkspaceFiles([work])
    work.rename(tmp_path / "moved")
    work.symlink_to("/etc")
    assert refused(outbox.read_now(str(work / "passwd")))


def test_a_file_that_discord_would_not_take_is_not_read(tmp_path: Path) -> None:
    """By its stated size."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert refused(WorkspaceFiles([tmp_path]).read_now(str(tmp_path / "large"))) == "larger than 10 MiB"


class Mount(WorkspaceFiles):
    """An outbox whose files named `gone` lie on a file system that does not answer until `answers` is set."""

    def __init__(self, directory: Path) -> None:
        super().__init__([directory])
        self.answers = threading.Event()
        self.read: list[str] = []
        self.asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def read_now(self, uri: str) -> bytes | str:
        name = Path(uri).name
        self.read.append(name)
        self._loop.call_soon_threadsafe(self.asked.set)
        if name == "gone":
            assert self.answers.wait(PATIENCE)
        return super().read_now(uri)


@pytest.mark.real_time
async def test_a_file_that_does_not_answer_delays_only_its_own_turn_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop continues, and other threads get their files. Only the turn's further links are skipped."""
    mount, lanes = Mount(tmp_path), Lanes("links")
    (tmp_path / "here").write_text("here")
    here, gone = str(tmp_path / "here"), str(tmp_path / "gone")
    try:
        first = LinkedFiles(LocalFiles(lanes, 1, lambda: mount))
        reading = asyncio.create_task(first.read(gone))
        await mount.asked.wait()
        assert await LinkedFiles(LocalFiles(lanes, 2, lambda: mount)).read(here) == b"here"
        assert not reading.done()
        reading.cancel()
        monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", 0.05)
        assert await first.read(here) == NO_ANSWER
        assert await first.read(here) == NO_ANSWER
        assert mount.read == ["gone", "here"]  # One thread waits for the file system, however many links there are.
    finally:
        mount.answers.set()
    monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", PATIENCE)
    assert await LinkedFiles(LocalFiles(lanes, 1, lambda: mount)).read(here) == b"here"


@pytest.mark.real_time
async def test_directories_that_cannot_be_looked_at_are_a_refusal(tmp_path: Path) -> None:
    """An agent's own damage ends no turn."""

    def outbox() -> WorkspaceFiles:
        raise PermissionError(13, "Permission denied")

    assert await LinkedFiles(LocalFiles(Lanes("links"), 1, outbox)).read(str(tmp_path / "a")) == "Permission denied"
