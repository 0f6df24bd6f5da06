"""What every place does alike, near or far: a class of tests, which each kind of place inherits."""

import asyncio
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from acp import (
    Agent,
    AgentClosed,
    FileProblem,
    FileRefused,
    Launch,
    Place,
    RequestTimeout,
    SpawnFailed,
    StartProblem,
    Text,
    environment,
)
from acp.places.engine import Engine
from acp.places.far_place import FarPlace
from acp.places.place import RUN_SECONDS
from acp.schema import TextBlock
from tests.acp.child_processes import PATIENCE, RUN, launch

LIMIT = 1000


def far(name: str, engine: Engine, *, env: Mapping[str, str] | None = None) -> FarPlace:
    """Return a place that an engine reaches, whose client has these variables besides those that every agent gets."""
    return FarPlace(name, engine, RUN, run="", env=environment(os.environ, inherit=(), env=env or {}), keep_alive=6)


async def shell(place: Place, line: str, cwd: Path, *arguments: str, seconds: float = RUN_SECONDS) -> bytes:
    """Run a line of a shell; return its output."""
    ran = await place.run(["sh", "-c", line, "sh", *arguments], cwd=cwd, seconds=seconds)
    assert ran.exit_status == 0
    return ran.output


def names(directory: Path) -> set[str]:
    """Return what is in a directory."""
    return {each.name for each in directory.iterdir()}


class Roll:
    """A FIFO in which processes write their names, and which they hold open. Their ids differ inside a container."""

    def __init__(self, path: Path) -> None:
        """Make it."""
        os.mkfifo(path)
        self._file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)

    async def of_the_ended(self) -> list[str]:
        """Wait until there was a process and all have ended; return the names."""
        reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._file)
        try:
            async with asyncio.timeout(PATIENCE):
                return (await reader.read()).decode().split()
        finally:
            transport.close()


class PlaceContract:
    """The tests. A kind of place has a class of its own with a fixture `place`, which sees this machine's `tmp_path`.

    `python` is the Python there; it has the scripted agent's modules.
    """

    python: ClassVar[str] = sys.executable

    # ---- run

    async def test_a_command_runs_in_its_directory_and_its_output_and_exit_status_come_back(
        self, place: Place, tmp_path: Path
    ) -> None:
        """Its input is what it is given; its errors are not part of the output."""
        ran = await place.run(["sh", "-c", "cat; echo wrong >&2; exit 3"], cwd=tmp_path, stdin=b"in\0put\n")
        assert (ran.exit_status, ran.output, ran.cut) == (3, b"in\0put\n", False)
        assert await shell(place, "pwd -P", tmp_path) == os.fsencode(tmp_path) + b"\n"

    async def test_arguments_arrive_as_they_are(self, place: Place, tmp_path: Path) -> None:
        """No shell on the way reads them."""
        hostile = ["a b", "", "$HOME", "`id`", "'\"\\", "*", "line\nfeed", "ö", "-n"]
        assert await shell(place, 'printf "%s\\0" "$@"', tmp_path, *hostile) == "\0".join([*hostile, ""]).encode()

    async def test_a_command_gets_none_of_our_variables_but_those_that_every_agent_gets(
        self, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The bot's own environment holds its secrets."""
        monkeypatch.setenv("DISCORD_TOKEN", "secret")
        names = {line.partition(b"=")[0] for line in (await shell(place, "env", tmp_path)).splitlines()}
        assert b"PATH" in names
        assert b"DISCORD_TOKEN" not in names

    async def test_what_cannot_start_is_named(self, place: Place, tmp_path: Path) -> None:
        """The command, and its directory."""
        with pytest.raises(SpawnFailed) as missing:
            await place.run(["no-such-command"], cwd=tmp_path)
        assert (missing.value.problem, missing.value.path) == (StartProblem.COMMAND_MISSING, "no-such-command")
        with pytest.raises(SpawnFailed) as nowhere:
            await place.run(["true"], cwd=tmp_path / "gone")
        assert (nowhere.value.problem, nowhere.value.path) == (StartProblem.DIRECTORY_MISSING, str(tmp_path / "gone"))

    async def test_a_flood_is_cut_and_its_command_ended(self, place: Place, tmp_path: Path) -> None:
        """What is beyond the bound is neither read nor waited for."""
        roll = Roll(tmp_path / "roll")
        ran = await place.run(["sh", "-c", "exec 9>roll; echo here >&9; exec yes"], cwd=tmp_path, max_output=LIMIT)
        assert (ran.output, ran.cut) == (b"y\n" * (LIMIT // 2), True)
        assert await roll.of_the_ended() == ["here"]

    async def test_output_up_to_the_bound_is_whole(self, place: Place, tmp_path: Path) -> None:
        """It is not taken for more."""
        ran = await place.run(["sh", "-c", f"yes | head -c {LIMIT}"], cwd=tmp_path, max_output=LIMIT)
        assert (len(ran.output), ran.cut, ran.exit_status) == (LIMIT, False, 0)

    async def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(
        self, place: Place, tmp_path: Path
    ) -> None:
        """Also a child that ignores signals, in a session of its own."""
        roll = Roll(tmp_path / "roll")
        child = "setsid sh -c 'echo child >&9; exec sleep 600'"
        line = f"exec 9>roll; trap '' TERM HUP INT; echo leader >&9; {child} & wait; sleep 600"
        with pytest.raises(RequestTimeout):
            await place.run(["sh", "-c", line], cwd=tmp_path, seconds=2)
        assert await roll.of_the_ended() == ["leader", "child"]

    async def test_what_a_finished_command_left_running_is_ended_and_not_waited_for(
        self, place: Place, tmp_path: Path
    ) -> None:
        """Although it holds the output open."""
        roll = Roll(tmp_path / "roll")
        line = "exec 9>roll; setsid sleep 600 & echo child >&9; echo said"
        assert await shell(place, line, tmp_path, seconds=PATIENCE) == b"said\n"
        assert await roll.of_the_ended() == ["child"]

    async def test_a_command_that_reads_no_input_gets_its_answer_through(self, place: Place, tmp_path: Path) -> None:
        """However much it was given."""
        ran = await place.run(["echo", "done"], cwd=tmp_path, stdin=b"x" * 1_000_000)
        assert ran.output == b"done\n"

    # ---- put and get

    async def test_a_file_arrives_whole_for_nobody_else_and_comes_back(self, place: Place, tmp_path: Path) -> None:
        """With the missing directories, each closed to others."""
        data = bytes(range(256)) * 5000
        target = tmp_path / "a" / "b" / "file"
        await place.put(data, target)
        assert await place.get(target, [tmp_path], max_size=len(data)) == data
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert [stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "a", tmp_path / "a/b")] == [0o700, 0o700]
        assert names(target.parent) == {"file"}

    async def test_a_file_takes_the_place_of_an_earlier_one(self, place: Place, tmp_path: Path) -> None:
        """A link is replaced, and what it leads to stays."""
        (tmp_path / "outside").write_bytes(b"stays")
        (tmp_path / "file").symlink_to("outside")
        for data in (b"first", b""):
            await place.put(data, tmp_path / "file")
            assert (tmp_path / "file").read_bytes() == data
        assert (tmp_path / "outside").read_bytes() == b"stays"

    async def test_a_file_that_cannot_be_written_is_refused_with_the_reason(self, place: Place, tmp_path: Path) -> None:
        """A file is where a directory must be; nothing is left of the attempt."""
        (tmp_path / "file").write_bytes(b"")
        (tmp_path / "directory").mkdir()
        for target in (tmp_path / "file" / "below", tmp_path / "directory"):
            with pytest.raises(FileRefused) as refused:
                await place.put(b"data", target)
            assert refused.value.problem is FileProblem.UNWRITABLE
            assert refused.value.detail
        assert names(tmp_path) == {"file", "directory"}

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another account")
    async def test_no_file_is_put_where_another_account_has_laid_a_directory(
        self, place: Place, tmp_path: Path
    ) -> None:
        """In a directory that is open to all, whose name for files is known: it could exchange what is put there."""
        (tmp_path / "tmp").mkdir()
        (tmp_path / "tmp").chmod(0o1777)
        laid = tmp_path / "tmp" / "threadline"
        await place.put(b"data", laid / "thread" / "file")
        laid.chmod(0o777)
        os.chown(laid, 65534, 65534)
        with pytest.raises(FileRefused) as refused:
            await place.put(b"data", laid / "thread" / "other")
        assert refused.value.problem is FileProblem.UNWRITABLE
        assert refused.value.detail == f"{laid} belongs to another account"
        assert not (laid / "thread" / "other").exists()

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("gone", FileProblem.MISSING),
            ("out", FileProblem.OUTSIDE),
            ("../outside", FileProblem.OUTSIDE),
            ("no\0path", FileProblem.OUTSIDE),
            ("no\ud800path", FileProblem.OUTSIDE),
            (".env", FileProblem.HIDDEN),
            ("to-env", FileProblem.HIDDEN),
            (".git/config", FileProblem.HIDDEN),
            ("directory", FileProblem.NOT_REGULAR),
            ("fifo", FileProblem.NOT_REGULAR),
            ("large", FileProblem.TOO_LARGE),
        ],
    )
    async def test_a_file_that_people_must_not_see_is_not_read(
        self, place: Place, tmp_path: Path, name: str, problem: FileProblem
    ) -> None:
        """Links are resolved first. A file with as many bytes as are wanted is read."""
        work = tmp_path / ".work"  # The names above the directory do not count.
        (work / ".git").mkdir(parents=True)
        (work / "directory").mkdir()
        for path in (tmp_path / "outside", work / ".env", work / ".git/config"):
            path.write_text("secret")
        (work / "out").symlink_to(tmp_path / "outside")
        (work / "to-env").symlink_to(".env")
        os.mkfifo(work / "fifo")
        (work / "large").write_bytes(b"x" * (LIMIT + 1))
        (work / "good").write_bytes(b"x" * LIMIT)
        (work / "to-good").symlink_to(work / "good")
        assert await place.get(work / "to-good", [work], max_size=LIMIT) == b"x" * LIMIT
        with pytest.raises(FileRefused) as refused:
            await place.get(work / name, [work], max_size=LIMIT)
        assert refused.value.problem is problem

    async def test_a_file_of_each_root_is_read_also_by_the_name_of_a_link_to_it(
        self, place: Place, tmp_path: Path
    ) -> None:
        """A session may have several directories, and a directory several names."""
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "file").write_text(name)
        (tmp_path / "alias").symlink_to("two")
        roots = [tmp_path / "one", tmp_path / "alias"]
        for path, text in (("one/file", b"one"), ("alias/file", b"two"), ("two/file", b"two")):
            assert await place.get(tmp_path / path, roots, max_size=LIMIT) == text

    async def test_a_directory_of_the_session_inside_another_one_may_have_a_hidden_name(
        self, place: Place, tmp_path: Path
    ) -> None:
        """A person has chosen it; what is hidden inside it is still not read."""
        inner = tmp_path / ".inner"
        inner.mkdir()
        for name in ("file", ".hidden"):
            (inner / name).write_text("text")
        assert await place.get(inner / "file", [tmp_path, inner], max_size=LIMIT) == b"text"
        with pytest.raises(FileRefused) as refused:
            await place.get(inner / ".hidden", [tmp_path, inner], max_size=LIMIT)
        assert refused.value.problem is FileProblem.HIDDEN

    # ---- start and reap

    async def test_an_agent_answers_and_is_stopped(self, place: Place, tmp_path: Path) -> None:
        """Loopback's scripted agent, from its start to its end."""
        env = environment(os.environ, inherit=(), env={})
        scripted = Launch(self.python, ("-m", "loopback.agent"), tmp_path, env)
        started = await Agent.spawn(scripted, marker=f"{RUN}/1", place=place)
        try:
            session = await started.new_session(tmp_path)
            async with asyncio.timeout(PATIENCE), session.prompt([TextBlock(text="hello")]) as turn:
                said = [event.text async for event in turn if isinstance(event, Text)]
            assert said
        finally:
            await started.stop()
        assert isinstance(started.connection.error, AgentClosed)

    async def test_what_an_earlier_run_left_is_found_by_the_beginning_of_its_marker_and_ended(
        self, place: Place, tmp_path: Path
    ) -> None:
        """All agents of a journal, although they ignore signals, and no others."""
        deaf = replace(launch("signal.signal(signal.SIGTERM, signal.SIG_IGN); hang()", tmp_path), command=self.python)
        own = await place.start(deaf, f"{RUN}-reap/1")
        other = await place.start(deaf, f"{RUN}-other/1")
        try:
            assert await place.reap(f"{RUN}-reap/") >= 1
            assert await place.reap(f"{RUN}-reap/") == 0
            assert await place.reap(f"{RUN}-other/") >= 1
        finally:
            await own.stop()
            await other.stop()
