"""The command line: bots side by side, a bot by its command, the files that are written."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.agent_command import ROOT
from bench.versus.adapter import Workplace
from bench.versus.adapters import ADAPTERS
from bench.versus.command import main

NAIVE = ("env", "DISCORD_TOKEN={token}", sys.executable, "-m", "bench.versus.naive_bot", "{endpoint}", "{agent}")


def versus(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, [*map(str, words)])


def test_bots_stand_side_by_side_with_a_recording_of_each_scene(tmp_path: Path) -> None:
    """The naive bot plays by name, and once more by its command with placeholders, from another directory."""
    target = tmp_path / "results.json"
    command = ("env", f"PYTHONPATH={ROOT}", *NAIVE, "{project}")
    done = versus("--bot", "naive", "--scene", "mentions", "--quick", "--json", target, "--", *command)
    assert done.exit_code == 0, done.stderr
    columns = next(line.split() for line in done.stdout.splitlines() if "scene" in line)
    assert columns == ["scene", "naive", "env"]
    played = json.loads(target.read_text())["scenes"]
    assert [(each["bot"], [check["passed"] for check in each["checks"]]) for each in played] == [
        ("naive", [True] * 4),
        ("env", [True] * 4),
    ]
    for each in played:
        recording = json.loads((tmp_path / each["recording"]).read_text())
        said = [(message["by"], message["contents"][-1]["text"]) for message in recording["messages"]]
        assert any(by == "bot" and "FINISH" in text for by, text in said)


def test_without_a_bot_it_says_how_to_name_one() -> None:
    """Such a run would print an empty table."""
    done = versus("--quick")
    assert done.exit_code == 2
    assert "--bot" in done.stderr


def test_a_command_is_meant_from_where_it_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot itself is started in another directory, where a relative path would lead nowhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-bot").write_text("#!/bin/sh\necho started; exit 1\n")
    (tmp_path / "my-bot").chmod(0o700)
    done = versus("--scene", "mentions", "--quick", "--json", "results.json", "--", "./my-bot")
    assert done.exit_code == 0, done.stderr
    assert "the end of its log:\nstarted" in done.stdout


def test_a_command_that_does_not_exist_is_named() -> None:
    """A slip of the pen is no traceback."""
    done = versus("--scene", "mentions", "--quick", "--", "no-such-bot")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        2,
        "Error: no-such-bot was not found; give the path of a program, or a name on PATH",
    )


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_is_found_by_its_own_name(name: str) -> None:
    """The table's columns are these names."""
    assert ADAPTERS[name].name == name


def test_a_workplace_fills_its_own_words_and_leaves_other_braces() -> None:
    """A command may hold JSON."""
    fields = dict.fromkeys(("bot", "application", "guild", "channel", "person", "agent", "project", "folder"), "x")
    workplace = Workplace(endpoint="http://here", token="T", threads=2, **fields)
    assert workplace.filled('{"url": "{endpoint}", "n": {threads}, "other": {no}}') == (
        '{"url": "http://here", "n": 2, "other": {no}}'
    )
    assert workplace.environment()["THREADLINE_VERSUS_ENDPOINT"] == "http://here"
