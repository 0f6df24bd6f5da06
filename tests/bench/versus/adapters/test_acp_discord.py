"""The adapter writes what acp-discord documents, and the installed acp-discord answers on loopback."""

import os
import shutil
import tomllib
from pathlib import Path

import pytest

from bench.versus.adapter import NotInstalled
from bench.versus.adapters.acp_discord import ADAPTER, PROGRAM

from .workplaces import answers, workplace


def test_the_configuration_has_the_channel_and_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All else is acp-discord's default."""
    monkeypatch.setenv(PROGRAM, "/bin/sh")
    place = workplace(tmp_path, channel="42")
    launch = ADAPTER.launch(place)
    assert list(launch.argv) == ["/bin/sh", "daemon", "run"]
    assert launch.env["HOME"] == place.folder
    assert "node.cjs" in launch.env["NODE_OPTIONS"]
    assert tomllib.loads(Path(place.folder, ".acp-discord", "config.toml").read_text()) == {
        "discord": {"token": "T"},
        "agents": {"scripted": {"command": place.agent, "cwd": place.project}},
        "channels": {"42": {"agent": "scripted"}},
    }


def test_an_absent_acp_discord_is_named_with_the_variable_that_can_name_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line tells it to the person."""
    monkeypatch.setenv(PROGRAM, str(tmp_path / "absent"))
    with pytest.raises(NotInstalled, match=f"absent is not installed; {PROGRAM}"):
        ADAPTER.launch(workplace(tmp_path))


async def test_the_installed_acp_discord_answers_a_mention(tmp_path: Path) -> None:
    """With the whole way: Node's preload, its configuration, its channel, and our agent."""
    if shutil.which(os.environ.get(PROGRAM, "acp-discord")) is None:
        pytest.skip(f"no acp-discord on this machine: it is not tried; {PROGRAM} can name one")
    await answers(ADAPTER, tmp_path, "say hello from the agent", "hello from the agent")
