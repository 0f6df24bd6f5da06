"""The doctor with the agents that most people use: what the page about agents says of them is what they do."""

import re
from pathlib import Path

import pytest

from bot.agents import probe, tries
from bot.agents.probe import WRITE_NAME, Depth, probe_agent
from bot.agents.probe_result import Verdict
from tests.support.real_agents import needs_real_agents, real_agents

PAGE = Path(__file__).parents[3] / "docs" / "agents.md"

COLUMNS = ("restart", "crash", "fork", "image", "cancel", "steering")


def documented() -> dict[str, tuple[str, list[str]]]:
    """Return the page's rows: by the first word of the agent's name, its version and its results."""
    table = PAGE.read_text().partition("## What works with which agent")[2]
    rows = re.findall(r"^\| (\w+)[^|]*?([\d.]+)\)? \| yes \| (.+) \|$", table, re.MULTILINE)
    return {name: (version, results.split(" | ")) for name, version, results in rows}


def test_the_page_has_a_row_for_each_agent_that_was_tried() -> None:
    """With a result for every try."""
    rows = documented()
    assert list(rows) == ["Claude", "Codex", "OpenCode"]
    assert {len(results) for _, results in rows.values()} == {len(COLUMNS)}


@needs_real_agents
@pytest.mark.timeout(600)  # Seven starts of an agent that takes seconds for each.
@pytest.mark.parametrize(("preset", "row"), [("claude", "Claude"), ("codex", "Codex"), ("opencode", "OpenCode")])
async def test_a_real_agent_does_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str, row: str
) -> None:
    """It asks first, and each try ends as in its row. The prompts are words that the scripted model knows."""
    monkeypatch.setattr(probe, "WRITE_PROMPT", f"WRITE({WRITE_NAME})")
    monkeypatch.setattr(tries, "LONG_PROMPT", "SLOW")
    for name in ("FORK_WORD", "IMAGE_WORD"):
        monkeypatch.setattr(tries, name, "hello")  # It begins every answer with that.
    with real_agents(tmp_path) as agents:
        (tmp_path / "project").mkdir()
        found = await probe_agent(preset, agents.config(preset, tmp_path / "project"), Depth.EVERYTHING)
    version, results = documented()[row]
    assert (found.failure, found.write, found.asking_mode) == ("", Verdict.ASKED, True)
    assert found.name.endswith(f" {version}")
    made = {name: each.result.value for name, each in found.tries.items()}
    assert made.pop("crash_idle") == made["crash_turn"], found.tries
    made["crash"] = made.pop("crash_turn")
    assert [made[column] for column in COLUMNS] == results, found.tries
    assert not [fault for fault in found.faults if "outlived" in fault or "delete" in fault]
