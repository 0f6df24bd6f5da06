"""The agent of a thread: the configuration, the channel, and the journal's memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from acp.paths import Lanes
from bot.agents.registry import Agents
from bot.config.schema import Config
from pool.journal.journal import Journal
from pool.journal.threads import Assignment

PROJECT, ELSEWHERE = 1, 2
"""Two channels: the first has an agent, a directory and a mode of its own."""


def config(folder: Path, **channel: Any) -> Config:
    """Configure two agents, `default` and `other`, in directories of those names."""
    return Config.model_validate(
        {
            "discord": {"token": "t"},
            "agents": {
                "default": {"command": "one", "cwd": folder / "default", "mode": "ask", "warm": 2},
                "other": {"command": "two", "cwd": folder / "other", "ceiling_minutes": 5},
            },
            "channels": {PROJECT: channel},
            "journal": {"path": str(folder / "journal.db")},
        }
    )


@contextmanager
def agents(folder: Path, **channel: Any) -> Iterator[tuple[Agents, Journal]]:
    """Open the agents of that configuration."""
    for name in ("default", "other", "project"):
        (folder / name).mkdir(exist_ok=True)
    with Journal.open(folder / "journal.db") as journal:
        yield Agents(config(folder, **channel), journal), journal


def begin(it: Agents, journal: Journal, thread_id: int, channel_id: int, name: str = "") -> None:
    """Start a conversation in a thread of a channel."""
    assignment = it.begin(channel_id, name)
    journal.messages.receive(
        thread_id, thread_id=thread_id, channel_id=channel_id, guild_id=9, author_id=7, assignment=assignment
    )


def test_a_channel_decides_agent_directory_and_mode(tmp_path: Path) -> None:
    """Elsewhere the default agent's own settings apply."""
    with agents(tmp_path, agent="other", cwd=str(tmp_path / "project"), mode="careful") as (it, journal):
        begin(it, journal, 10, PROJECT)
        begin(it, journal, 20, ELSEWHERE)
        here, there = it.settings(10), it.settings(20)
        assert (here.agent, here.launch.command, here.mode) == ("other", "two", "careful")
        assert (there.agent, there.launch.command, there.mode) == ("default", "one", "ask")
        assert (here.cwd, there.cwd) == (tmp_path / "project", tmp_path / "default")
        assert (here.bounds.ceiling, there.bounds.ceiling) == (300, 7200)
        assert it.style(10).directory == str(tmp_path / "project")
        assert here.additional_directories != there.additional_directories
        assert [(settings.agent, count) for settings, count in it.warm] == [("default", 2)]


def test_a_thread_keeps_its_agent_and_directory_when_the_configuration_changes(tmp_path: Path) -> None:
    """Its session lives there; the agent's command and bounds are always the current ones."""
    with agents(tmp_path) as (it, journal):
        begin(it, journal, 10, PROJECT)
        it.config = config(tmp_path, agent="other", cwd=str(tmp_path / "project"))
        assert (it.name(10), it.of(10).cwd) == ("default", tmp_path / "default")
        it.assign(10, "default")
        assert it.of(10).cwd == tmp_path / "project"


def test_an_agent_that_is_gone_from_the_configuration_is_the_channels_instead(tmp_path: Path) -> None:
    """With that agent's directory; the same for a thread without a recorded agent."""
    with agents(tmp_path, agent="other") as (it, journal):
        journal.messages.receive(
            10, thread_id=10, channel_id=PROJECT, guild_id=9, author_id=7, assignment=Assignment("gone", "/gone")
        )
        journal.messages.receive(11, thread_id=11, channel_id=PROJECT, guild_id=9, author_id=7)
        for thread_id in (10, 11):
            assert (it.name(thread_id), it.of(thread_id).cwd) == ("other", tmp_path / "other")


def test_another_agent_begins_anew_with_nothing_of_the_first(tmp_path: Path) -> None:
    """Session, mode and choices belong to the first agent; the channel's mode too."""
    with agents(tmp_path, mode="plan", permission="ask") as (it, journal):
        begin(it, journal, 10, PROJECT)
        assert it.of(10).mode == "plan"
        journal.threads.set_session(10, "s1")
        journal.threads.choose(10, "model", "large")
        it.assign(10, "other")
        assert (it.name(10), it.of(10).mode, it.of(10).permission) == ("other", "", "ask")
        assert (journal.threads.session_id(10), journal.threads.choices(10)) == (None, {})


def test_a_channel_may_offer_some_agents_only(tmp_path: Path) -> None:
    """Its own comes first; without a list all are offered."""
    with agents(tmp_path, agent="other") as (it, _):
        assert it.choices(PROJECT) == ("other", "default")
        assert it.choices(ELSEWHERE) == ("default", "other")
        it.config = config(tmp_path, agents=["default"])
        assert it.choices(PROJECT) == ("default",)


def test_an_unknown_thread_has_the_default_agent(tmp_path: Path) -> None:
    """The pool asks before the thread is recorded."""
    with agents(tmp_path) as (it, _):
        assert it.settings(99).agent == "default"


def test_the_files_of_a_thread_can_be_posted_there_and_nowhere_else(tmp_path: Path) -> None:
    """Also not through a link that its agent puts in place of their directory."""
    with agents(tmp_path) as (it, journal):
        begin(it, journal, 10, PROJECT)
        begin(it, journal, 20, PROJECT)
        (directory,) = it.settings(10).additional_directories
        directory.mkdir(parents=True)
        (directory / "a.txt").write_text("a")
        assert it.workspace_files(10)().read_now(str(directory / "a.txt")) == b"a"
        assert isinstance(it.workspace_files(20)().read_now(str(directory / "a.txt")), str)
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "key").write_text("secret")
        directory.rename(directory.with_name("away"))
        directory.symlink_to(tmp_path / "outside")
        assert isinstance(it.workspace_files(10)().read_now(str(directory / "key")), str)


def far_agents(folder: Path, journal: Journal, *places: str) -> Agents:
    """Return agents that run at `places`: on this machine or on worker1, where people's files are in /srv/files."""
    given: dict[str, Any] = {"discord": {"token": "t"}, "journal": {"path": str(folder / "journal.db")}}
    servers = [{"name": "tools", "command": "tools"}]
    there = {"command": "one", "cwd": "/srv/project", "places": [*places] or ["here", "worker1"], "client": ["fs"]}
    given["agents"] = {"default": {**there, "mcp_servers": servers}}
    given["places"] = {"worker1": {"host": "worker1", "files": "/srv/files"}}
    return Agents(Config.model_validate(given), journal)


def test_a_thread_on_another_machine_has_its_files_there(tmp_path: Path) -> None:
    """In a directory of its own, which belongs to its session; the one here does not."""
    with Journal.open(tmp_path / "journal.db") as journal:
        it = far_agents(tmp_path, journal)
        begin(it, journal, 10, ELSEWHERE)
        there = Path("/srv/files", journal.journal_id, "10")
        settings = it.settings(10)
        assert settings.directories_at("worker1") == (there,)
        assert settings.directories_at("here") == settings.additional_directories
        assert (it.place(10).name, it.far_files(10)) == ("here", None)
        journal.threads.set_agent_place(10, "worker1")
        far = it.far_files(10)
        assert far is not None
        assert (it.place(10).name, far.place.name) == ("worker1", "worker1")
        assert (far.roots, Path(far.directory)) == ((Path("/srv/project"), there), there)
        assert it.files(10, Lanes("links")) == far


@pytest.mark.parametrize("kept", ["", "removed"])
def test_an_agent_that_runs_only_elsewhere_has_no_files_here(tmp_path: Path, kept: str) -> None:
    """Nor changes to show: what this machine has at its path is another directory. Its thread may know no place yet."""
    with Journal.open(tmp_path / "journal.db") as journal:
        it = far_agents(tmp_path, journal, "worker1")
        begin(it, journal, 10, ELSEWHERE)
        journal.threads.set_agent_place(10, kept)
        far = it.far_files(10)
        assert far is not None
        assert (it.place(10).name, far.place.name) == ("worker1", "worker1")
        assert it.far_place(10) == ""


def test_an_agent_on_another_machine_is_offered_nothing_of_this_one(tmp_path: Path) -> None:
    """Neither our files, nor a program of ours as its server."""
    with Journal.open(tmp_path / "journal.db") as journal:
        it = far_agents(tmp_path, journal)
        begin(it, journal, 10, ELSEWHERE)
        near, far = (it.client_offer(it.settings(10), "m/1", place) for place in ("here", "worker1"))
        assert near.file_system is not None
        assert far.file_system is None
        assert [each.name for each in far.mcp_servers] == ["tools"]
        assert far.subagents
