"""An agent built on the official Python SDK, through the whole bot."""

from pathlib import Path

import pytest

from loopback.state.components import text_of, walk

from .live_bot import bot_lab

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-sdk" / "bin" / "python"
AGENT = ROOT / "tests" / "peers" / "sdk_agent.py"


pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the SDK's environment is made by `make test`")


async def test_an_agent_on_the_official_sdk_streams_asks_and_is_cancelled(tmp_path: Path) -> None:
    """A streamed answer, a permission by button, a cancel by command."""
    async with bot_lab(tmp_path, agent=(str(PYTHON), str(AGENT))) as lab:
        thread = await lab.conversation("tell me something nice", "tell me something nice")
        await lab.ann.say(thread, "now with permission please")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        labels = [part["label"] for _, part in walk(card.components) if "label" in part]
        assert labels[:3] == ["Allow once", "Always allow", "Reject"]
        await lab.ann.click(card, labels[0])
        await lab.ann.sees(thread, "You chose once", by=lab.bot)
        await lab.ann.say(thread, "wait for me")
        await lab.ann.sees(thread, "Waiting", by=lab.bot)
        await lab.ann.slash(thread, "cancel")
        await lab.ann.sees(thread, "Stopped by", by=lab.bot)


OFFERED = """\
permission = "allow_reads"
client = ["fs", "terminal"]
mcp_servers = [{ name = "shell", command = "sh" }, { name = "wiki", url = "http://127.0.0.1:9/mcp" }]
additional_directories = ["library"]
"""


async def test_an_agent_has_files_and_commands_done_for_it_after_a_question_each(tmp_path: Path) -> None:
    """The policy is that of its own questions: here reading needs none. A path outside is refused."""
    (tmp_path / "library").mkdir()
    async with bot_lab(tmp_path, agent=(str(PYTHON), str(AGENT)), agent_extra=OFFERED) as lab:
        (lab.project / "note.txt").write_text("a secret plan")
        thread = await lab.conversation("what were you given?", f"Servers ['shell'], besides ['{tmp_path}/library'")
        await lab.ann.say(thread, "copy the note")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        assert "+A SECRET PLAN" in text_of(card)
        assert not (lab.project / "NOTE.txt").exists()
        await lab.ann.click(card, "Allow")
        await lab.ann.sees(thread, "Copied.", by=lab.bot)
        assert (lab.project / "NOTE.txt").read_text() == "A SECRET PLAN"
        for choice, answer in (("Allow", "Exit 3: from there."), ("Reject", "Refused with -32603.")):
            await lab.ann.say(thread, "use the shell")
            card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
            assert "run `sh -c 'echo from; echo there >&2; exit 3'`" in text_of(card)
            await lab.ann.click(card, choice)
            await lab.ann.sees(thread, answer, by=lab.bot)


async def test_an_agent_that_is_offered_nothing_gets_nothing_done(tmp_path: Path) -> None:
    """Files and commands are off by default: the agent gets "method not found", and no person is asked."""
    async with bot_lab(tmp_path, agent=(str(PYTHON), str(AGENT))) as lab:
        thread = await lab.conversation("copy the note", "Refused with -32601.")
        await lab.ann.say(thread, "use the shell")
        await lab.ann.sees(thread, "Refused with -32601.", by=lab.bot)
