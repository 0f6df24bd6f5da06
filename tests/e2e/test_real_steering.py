"""Messages into a running turn with real agents on a scripted model, which runs a command for `RUN(command)`."""

from pathlib import Path

import pytest

from loopback import Message
from loopback.state.components import text_of
from loopback.state.entities import Thread
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState as Row
from tests.support.real_agents import needs_real_agents, real_agents

from .live_bot import BotLab, bot_lab
from .puppet_script import labels

pytestmark = [needs_real_agents, pytest.mark.real_time, pytest.mark.timeout(300)]


async def allowed(lab: BotLab, thread: Thread, command: str) -> str:
    """Allow a command once, and return the text of the question. An agent may change its question before the press."""

    def asks(message: Message) -> bool:
        return "Permission needed" in text_of(message) and command in text_of(message) and bool(labels(message))

    while True:
        card = await lab.ann.sees(thread, asks, by=lab.bot, timeout=90)
        asked = text_of(card)
        await lab.ann.click(card, next(label for label in labels(card) if label.startswith(("Allow", "Yes"))))
        await lab.discord.until(lambda card=card: not labels(card))  # type: ignore[misc]
        if "Allowed" in text_of(card):
            return asked


@pytest.mark.parametrize(("name", "asks"), [("claude", False), ("codex", True)])
async def test_a_message_is_taken_into_the_turn_while_a_command_runs(tmp_path: Path, name: str, *, asks: bool) -> None:
    """The agent acts on it in the same turn, and nothing is cancelled."""
    with real_agents(tmp_path) as agents:
        async with bot_lab(tmp_path, **agents.lab(name, tmp_path)) as lab:
            thread = await lab.thread("RUN(sleep 6)")
            if asks:
                await allowed(lab, thread, "sleep 6")
            else:
                await lab.ann.sees(thread, "💻 sleep 6", by=lab.bot, timeout=90)
            asked = await lab.ann.say(thread, "RUN(echo bananas)")
            await lab.ann.sees(thread, "📥 Read a message", by=lab.bot)
            if asks:
                link = f"https://discord.com/channels/{asked.guild_id}/{thread.id}/{asked.id}"
                assert f"This turn also read {link}." in await allowed(lab, thread, "echo bananas")
            reply = await lab.ann.sees(thread, "💻 echo bananas", by=lab.bot, timeout=60)
            await lab.discord.until(lambda: list(asked.reactions) == ["✅"])
            assert asks or "📥 Read a message" in reply.content
            shown = "\n".join(each.content for each in lab.said_by_bot(thread))
            assert "Stopped" not in shown
            assert "cancelled" not in shown
            assert "waiting" not in shown
    with Journal.open(lab.config.with_name("threadline.db")) as journal:
        assert journal.messages.state(asked.id) is Row.ANSWERED
        (other,) = [row for row in journal.messages.exchange(asked.id) if row.message_id != asked.id]
        assert other.reason == "end_turn"


async def test_an_agent_that_cannot_be_steered_is_interrupted(tmp_path: Path) -> None:
    """The button says so, and the message is sent when the turn has ended."""
    with real_agents(tmp_path) as agents:
        async with bot_lab(tmp_path, **agents.lab("opencode", tmp_path)) as lab:
            thread = await lab.thread("RUN(sleep 60)")
            await allowed(lab, thread, "sleep 60")
            asked = await lab.ann.say(thread, "and now something else")
            notice = await lab.ann.sees(thread, "1 waiting", by=lab.bot)
            assert labels(notice) == ["Interrupt and send", "Drop"]
            await lab.ann.click(notice, "Interrupt and send")
            await lab.ann.sees(thread, f"Stopped by <@{lab.ann.id}>", by=lab.bot)
            await lab.discord.until(lambda: lab.client.journal.messages.state(asked.id) is Row.PROMPTED)
            # It answers the cancelled request too, so the model may ask to run the command once more.
            await lab.ann.sees(thread, lambda each: "Stop" in labels(each), by=lab.bot, after=asked)
