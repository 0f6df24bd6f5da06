"""An agent that others wrote: built on the official Python SDK, through the whole bot."""

from pathlib import Path

import pytest

from tests.e2e.stage import stage

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-sdk" / "bin" / "python"
AGENT = ROOT / "tests" / "peers" / "sdk_agent.py"


@pytest.mark.skipif(not PYTHON.exists(), reason="the SDK's environment is made by `make test`")
async def test_an_agent_on_the_official_sdk_streams_asks_and_is_cancelled(tmp_path: Path) -> None:
    """A streamed answer, a permission by button, a cancel by command."""
    async with stage(tmp_path, agent=(str(PYTHON), str(AGENT))) as place:
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
