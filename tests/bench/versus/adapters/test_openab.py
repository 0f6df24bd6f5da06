"""The adapter writes what openab documents, and the installed openab answers on loopback."""

import os
import shutil
import tomllib
from pathlib import Path

import pytest

from bench.versus.adapter import NotInstalled
from bench.versus.adapters.openab import ADAPTER, PROGRAM

from .workplaces import answers, workplace


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
    await answers(ADAPTER, tmp_path, "say hello from the agent", "hello from the agent")
