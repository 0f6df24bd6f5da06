"""An agent that others wrote: built on the official Python SDK, through the whole bot."""

from pathlib import Path

import pytest

from .live_bot import bot_lab

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-sdk" / "bin" / "python"
AGENT = ROOT / "tests" / "peers" / "sdk_agent.py"


pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the SDK's environment is made by `make test`")


async def test_an_agent_on_the_official_sdk_streams_asks_and_is_cancelled(tmp_path: Path) -> None:
    """A streamed answer, a permission by button, a cancel by command."""
    async with bot_lab(tmp_path, agent=(str(PYTHON), str(AGENT))) as place:
        thread = await place.thread("tell me something nice")
        await place.ann.sees(thread, "tell me something nice", by=place.bot)
        await place.ann.say(thread, "now with permission please")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        labels = [button["label"] for row in card.components for button in row["components"]]
        assert len(labels) == 3
        await place.ann.click(card, labels[0])
        await place.ann.sees(thread, "You chose once", by=place.bot)
        await place.ann.say(thread, "wait for me")
        await place.ann.sees(thread, "Waiting", by=place.bot)
        await place.ann.slash(thread, "cancel")
        await place.ann.sees(thread, "cancelled by", by=place.bot)


OFFERED = """\
permission = "allow_reads"
client = ["fs", "terminal"]
mcp_servers = [{ name = "shell", command = "sh" }, { name = "wiki", url = "http://127.0.0.1:9/mcp" }]
additional_directories = ["library"]
"""


async def test_an_agent_has_files_and_commands_done_for_it_after_a_question_each(tmp_path: Path) -> None:
    """By the same policy as what it asks itself: here reading needs none. What it cannot reach it is not given."""
    (tmp_path / "library").mkdir()
    async with bot_lab(tmp_path, agent=(str(PYTHON), str(AGENT)), agent_extra=OFFERED) as place:
        (place.project / "note.txt").write_text("a secret plan")
        thread = await place.thread("what were you given?")
        await place.ann.sees(thread, f"Servers ['shell'], besides ['{tmp_path}/library'", by=place.bot)
        await place.ann.say(thread, "copy the note")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        assert "+A SECRET PLAN" in card.content
        assert not (place.project / "NOTE.txt").exists()
        await place.ann.click(card, "Allow")
        await place.ann.sees(thread, "Copied.", by=place.bot)
        assert (place.project / "NOTE.txt").read_text() == "A SECRET PLAN"
        for choice, answer in (("Allow", "Exit 3: from there."), ("Reject", "Refused with -32603.")):
            await place.ann.say(thread, "use the shell")
            card = await place.ann.sees(thread, "May I", by=place.bot)
            assert "$ sh -c 'echo from; echo there >&2; exit 3'" in card.content
            await place.ann.click(card, choice)
            await place.ann.sees(thread, answer, by=place.bot)


async def test_an_agent_that_is_offered_nothing_gets_nothing_done(tmp_path: Path) -> None:
    """Files and commands are off by default: no question, and the agent is told that the method is unknown."""
    async with bot_lab(tmp_path, agent=(str(PYTHON), str(AGENT))) as place:
        thread = await place.thread("copy the note")
        await place.ann.sees(thread, "Refused with -32601.", by=place.bot)
        await place.ann.say(thread, "use the shell")
        await place.ann.sees(thread, "Refused with -32601.", by=place.bot)
