"""The demo's configuration."""

from pathlib import Path

import pytest

from bot.cli.demo import NoAgent, agent_lines
from bot.config.load import load
from bot.config.presets import PRESETS
from loopback import Loopback
from loopback.demo import DemoLab
from loopback.harness import Lab, configuration


def written(folder: Path, agent: list[str]) -> Path:
    """Write the file for a Discord that is not running."""
    lab, path = Lab.furnish(Loopback(), "ann", token="token"), folder / "threadline.toml"
    path.write_text(configuration(lab, folder, "\n".join(agent), access={"users": ["3", "4"]}))
    return path


@pytest.mark.parametrize("choice", ["", 'python3 -c "print(1)"'])
def test_the_demos_configuration_reads_well(tmp_path: Path, choice: str) -> None:
    """For any agent, also one whose arguments need quotes."""
    config = load(written(tmp_path, agent_lines(choice)))
    assert config.agents.default.cwd == tmp_path / "project"
    assert config.rules.users.user_ids == {3, 4}
    assert config.agents.default.args[-1] == ("loopback.agent" if not choice else "print(1)")


def test_each_of_the_demos_projects_has_a_directory(tmp_path: Path) -> None:
    """So no thread of the story is warned of another agent in its directory."""
    lab, path = DemoLab.furnish(Loopback(), "ann", "ben", token="token", workdir=tmp_path), tmp_path / "threadline.toml"
    path.write_text(configuration(lab, tmp_path, "\n".join(agent_lines("")), channels=[lab.billing]))
    config = load(path)
    assert config.rules.channels == frozenset((lab.channel.id, lab.billing.id))
    assert {config.agents.default.cwd, Path(config.channels[lab.billing.id].cwd)} == {
        tmp_path / "project",
        tmp_path / "billing",
    }


def test_auto_takes_the_first_known_agent_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its preset, and so in its asking mode."""
    monkeypatch.setenv("PATH", str(tmp_path))
    name, preset = list(PRESETS.items())[2]
    (tmp_path / preset.command).write_text("#!/bin/sh\n")
    (tmp_path / preset.command).chmod(0o755)
    assert agent_lines("auto") == [f'preset = "{name}"']
    assert load(written(tmp_path, agent_lines("auto"))).agents.default.command == preset.command


@pytest.mark.parametrize("choice", ["claude", "claude-agent-acp", "claude-agent-acp --flag", "/no/such/agent"])
def test_an_agent_that_is_not_installed_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    """With the install command of a known agent."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoAgent, match="was not found") as caught:
        agent_lines(choice)
    assert ("npm install" in str(caught.value)) == choice.startswith("claude")


def test_auto_says_which_agents_it_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer learns what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoAgent, match="claude, codex"):
        agent_lines("auto")
