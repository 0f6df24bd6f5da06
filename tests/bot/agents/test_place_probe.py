"""What a check finds about a place, over command lines on this machine."""

import os
import sys
from pathlib import Path

import pytest

import acp.places.far_place
import bot.agents.place_probe
from acp import PlaceUnreachable, QueuedTooLong
from bot.agents.place_probe import FilesProblem, PlaceReport, probe_places
from bot.config.load import read_config
from loopback.harness import in_toml
from tests.e2e.live_bot import SCRIPTED

ENTER = 'exec "$@"'


async def report(folder: Path, *, enter: str = ENTER, rest: str = "", agent: str = "") -> PlaceReport:
    """Examine a place behind a line of a shell, at which the scripted agent works in `folder`/project."""
    path = folder / "threadline.toml"
    path.write_text(
        f"""\
[discord]
token = "t0ken"
[agents.default]
command = {in_toml(SCRIPTED[0])}
args = {in_toml(list(SCRIPTED[1:]))}
cwd = {in_toml(str(folder / "project"))}
places = ["worker1"]
env = {{ PYTHONPATH = {in_toml(os.pathsep.join(sys.path))} }}
{agent}
[places.worker1]
enter = ["/bin/sh", "-c", {in_toml(enter)}, "sh"]
runner = [{in_toml(sys.executable)}]
files = {in_toml(str(folder / "files"))}
{rest}
"""
    )
    (found,) = await probe_places(read_config(path))
    return found


async def test_a_place_in_order_answers_has_the_directories_and_starts_the_agent(tmp_path: Path) -> None:
    """The directory for people's files is made, and nothing else is left."""
    (tmp_path / "project").mkdir()
    found = await report(tmp_path)
    assert found.error is None
    assert found.python == sys.version.split()[0]
    assert (found.missing, found.files_problem) == ((), None)
    assert found.free is not None
    assert found.free > 0
    (agent,) = found.agents
    assert agent.error is None
    assert agent.asks
    assert agent.name
    assert list((tmp_path / "files").iterdir()) == []
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("digits", [20, 5000])
async def test_a_number_that_no_disk_has_is_not_read(tmp_path: Path, digits: int) -> None:
    """What the other machine says ends no check."""
    program = tmp_path / "bin" / "df"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf 'head\\na b c %0{digits}d\\n' 7 | tr 0 9\n")
    program.chmod(0o755)
    found = await report(tmp_path, enter=f'PATH="{program.parent}:$PATH" exec "$@"')
    assert (found.files_problem, found.free) == (None, None)


async def test_directories_that_do_not_exist_there_are_named_each_once(tmp_path: Path) -> None:
    """Those of agents and of channels; the agent does not start then."""
    (tmp_path / "project").mkdir()
    gone = tmp_path / "gone"
    channels = f"[channels.5]\ncwd = {in_toml(str(gone))}\n[channels.6]\ncwd = {in_toml(str(gone))}\n"
    found = await report(tmp_path, rest=channels, agent='additional_directories = ["/nowhere"]')
    assert set(found.missing) == {str(gone), "/nowhere"}
    assert len(found.missing) == 2
    channels = f'[channels.5]\nplaces = ["here"]\ncwd = {in_toml(str(gone))}\n'
    assert (await report(tmp_path, rest=channels)).missing == ()


async def test_a_directory_for_files_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """It cannot be written, or others may write there too."""
    (tmp_path / "project").mkdir()
    (tmp_path / "files").write_text("")
    assert (await report(tmp_path)).files_problem is FilesProblem.NOT_WRITABLE
    (tmp_path / "files").unlink()
    (tmp_path / "files").mkdir()
    (tmp_path / "files").chmod(0o777)
    assert (await report(tmp_path)).files_problem is FilesProblem.NOT_PRIVATE


async def test_a_place_that_cannot_be_reached_is_told_with_what_its_client_said(tmp_path: Path) -> None:
    """Nothing more is tried there."""
    found = await report(tmp_path, enter="echo 'Host key verification failed.' >&2; exit 255")
    assert isinstance(found.error, PlaceUnreachable)
    assert found.error.detail == "Host key verification failed."
    assert found.agents == []


@pytest.mark.parametrize("asked", ["hello", "start"])
async def test_what_got_no_answer_is_ended_before_the_check_is_over(tmp_path: Path, asked: str) -> None:
    """The engine may have queued it, and no later run knows its name."""
    (tmp_path / "project").mkdir()
    log = tmp_path / "log"
    enter = f"""
        read -r header
        case $header in *'"do": "{asked}"'*) echo {asked} >> {log}; exit 255;; esac
        {{ printf '%s\\n' "$header"; cat; }} | "$@"
    """
    found = await report(tmp_path, enter=enter, rest=f'reap = ["/bin/sh", "-c", "echo ended >> {log}"]')
    assert log.read_text().splitlines()[-1] == "ended"
    assert isinstance(found.error or found.agents[0].error, PlaceUnreachable)


async def test_a_place_whose_engine_cannot_end_its_jobs_is_told(tmp_path: Path) -> None:
    """As where a key starts the runner alone, whatever command line it is sent: no container would be around agents."""
    (tmp_path / "project").mkdir()
    found = await report(tmp_path, rest="reap = ['sh', '-c', 'echo no header on stdin >&2; exit 1']\n")
    assert isinstance(found.error, PlaceUnreachable)
    assert found.error.detail == "no header on stdin"
    assert found.agents == []


async def test_an_agent_that_is_queued_there_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check does not wait as long as the bot does."""
    (tmp_path / "project").mkdir()
    monkeypatch.setattr(bot.agents.place_probe, "START_MINUTES", 0.02)
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.0)
    rest = 'inside = ["env"]\nwaiting = ["echo", "PENDING: Resources"]\nreap = ["true"]\n'
    found = await report(tmp_path, enter="exec sleep 600", rest=rest)
    (agent,) = found.agents
    assert isinstance(agent.error, QueuedTooLong)
    assert agent.error.detail == "PENDING: Resources"


async def test_an_agent_whose_program_is_missing_there_is_told(tmp_path: Path) -> None:
    """By the words of the start."""
    (tmp_path / "project").mkdir()
    found = await report(tmp_path, agent='wrap = ["no-such-program"]')
    (agent,) = found.agents
    assert str(agent.error) == "command not found: no-such-program"
