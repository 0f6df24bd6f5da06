"""The adapter writes what openab documents, and the installed openab answers on loopback."""

import asyncio
import os
import shutil
import stat
import sys
import tomllib
from pathlib import Path

import pytest

from bench.agent_command import ROOT
from bench.versus.adapter import NotInstalled, Workplace
from bench.versus.adapters.openab import ADAPTER, PROGRAM
from loopback import Loopback


def workplace(tmp_path: Path, endpoint: str = "http://127.0.0.1:8123", **ids: object) -> Workplace:
    """Return a workplace with directories of its own, and an agent."""
    folder, project, agent = tmp_path / "folder", tmp_path / "project", tmp_path / "agent"
    folder.mkdir()
    project.mkdir()
    agent.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m loopback.agent\n", "utf-8")
    agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
    fields = dict.fromkeys(("bot", "application", "guild", "channel", "person"), "1") | {
        name: str(value) for name, value in ids.items()
    }
    return Workplace(
        **fields, endpoint=endpoint, token="T", agent=str(agent), project=str(project), folder=str(folder), threads=3
    )


def test_the_configuration_has_the_channel_the_agent_and_enough_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All else is openab's default."""
    program = tmp_path / "openab-1"
    program.write_bytes(b"\x7fELF\0https://discord.com/api/v10\0")
    program.chmod(0o755)
    monkeypatch.setenv(PROGRAM, str(program))
    place = workplace(tmp_path, channel="42")
    launch = ADAPTER.launch(place)
    config = Path(place.folder, "openab.toml")
    assert list(launch.argv) == [f"{place.folder}/openab-1", "run", "--config", str(config)]
    assert launch.env["HOME"] == place.folder
    assert tomllib.loads(config.read_text()) == {
        "discord": {"bot_token": "T", "allowed_channels": ["42"]},
        "agent": {"command": place.agent, "working_dir": place.project},
        "pool": {"max_sessions": 5},
    }


def test_an_absent_openab_is_named_with_the_variable_that_can_name_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line tells it to the person."""
    monkeypatch.setenv(PROGRAM, str(tmp_path / "absent"))
    with pytest.raises(NotInstalled, match=f"absent is not installed; {PROGRAM}"):
        ADAPTER.launch(workplace(tmp_path))


async def test_the_installed_openab_answers_a_mention(tmp_path: Path) -> None:
    """With the whole way: the copy, its configuration, its thread, and our agent."""
    if shutil.which(os.environ.get(PROGRAM, "openab")) is None:
        pytest.skip(f"no openab on this machine: it is not tried; {PROGRAM} can name one")
    async with Loopback() as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("openab", token="T", guilds=(guild,))
        launch = ADAPTER.launch(workplace(tmp_path, server.endpoint, channel=channel.id))
        process = await asyncio.create_subprocess_exec(*launch.argv, env={**os.environ, **launch.env})
        try:
            await server.connected(bot)
            said = await ann.say(channel, f"{bot.mention} say hello from the agent")
            thread = await server.until(lambda: said.thread_id)
            await ann.sees(thread, "hello from the agent", by=bot)
        finally:
            process.terminate()
            await process.wait()
