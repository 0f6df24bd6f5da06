"""Real agents on a scripted model in a sandbox from which only that model is reached, through the whole bot.

The model has them run commands by `RUN(command)`; here the command is the program that tries to break out.
"""

import json
import shutil
from pathlib import Path

import pytest

from bot.agents.breakout import SCRIPT
from bot.agents.decoys import lay_decoys
from bot.config.load import load
from bot.user_messages.sandbox import BREAKOUTS
from loopback import Message
from loopback.state.entities import Thread
from tests.support.real_agents import needs_real_agents, real_agents

from .live_bot import BotLab, idle_lab, running_bot

PATIENCE = 120.0
"""Seconds for each step: a real agent takes many to start on a busy machine."""

ADDRESS = "127.0.0.2"
"""Where the model listens: agents reach 127.0.0.1, their own servers, without the proxy."""

pytestmark = [
    needs_real_agents,
    pytest.mark.skipif(shutil.which("srt") is None, reason="srt is not installed"),
    pytest.mark.timeout(600),
]


async def model_says(lab: BotLab, thread: Thread, words: str, after: Message | None = None) -> Message:
    """Wait for the end of an answer of the model with these words."""
    return await lab.ann.sees(
        thread, lambda each: words in each.content and not each.components, by=lab.bot, after=after, timeout=PATIENCE
    )


@pytest.mark.parametrize("name", ["claude", "codex", "opencode"])
async def test_a_real_agent_works_in_the_sandbox_and_its_commands_do_not_get_out(tmp_path: Path, name: str) -> None:
    """Each try to break out fails; a restart finds its session again; what it needs is there."""
    with real_agents(tmp_path, ADDRESS) as agents:
        options = agents.boxed(name, tmp_path / "threadline.homes" / "default")
        async with idle_lab(tmp_path, **options) as lab:
            for each in ("hooks", "objects"):
                (lab.project / ".git" / each).mkdir(parents=True)
            (lab.project / ".git" / "HEAD").touch()
            config = load(lab.config)
            launch = config.agents.default.launch()
            async with running_bot(lab), lay_decoys(config, launch) as (files, targets):
                (lab.project / "targets.json").write_text(json.dumps({**targets, "work": [str(lab.project)]}))
                (lab.project / "tries.py").write_text(SCRIPT.read_text())
                thread = await lab.thread("RUN(python3 -I -S tries.py < targets.json > found.jsonl; echo all tried)")
                await model_says(lab, thread, "all tried")
                assert files.planted() == []
            found = map(json.loads, (lab.project / "found.jsonl").read_text().splitlines())
            assert {each["try"]: each["reached"] for each in found} == {each: [] for each in BREAKOUTS}
            async with running_bot(lab):
                asked = await lab.ann.say(thread, "after a restart")
                await model_says(lab, thread, "fake model", after=asked)
            assert "all tried" in agents.requests("after a restart")[-1]
