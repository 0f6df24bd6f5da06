"""Messages into a running turn with real agents, whose model is a fake one. They skip where none are installed.

`AGENTS_HOME` has the agents (`npm/NAME/node_modules`) and a home for each (`home/NAME`), and `FAKELLM_PORT` a model on
this machine that does what the last message says: `RUN(command)` runs a command.
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from loopback import Message
from loopback.state.components import text_of
from loopback.state.entities import Thread
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState as Row

from .live_bot import BotLab, bot_lab
from .puppet_script import labels

AGENTS_HOME = os.environ.get("AGENTS_HOME", "")
PORT = int(os.environ.get("FAKELLM_PORT", "18080"))


def _answers() -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", PORT)) == 0


pytestmark = [
    pytest.mark.real_time,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not AGENTS_HOME, reason="AGENTS_HOME is not set: there are no real agents"),
    pytest.mark.skipif(bool(AGENTS_HOME) and not _answers(), reason=f"no model answers on port {PORT}"),
]


def agent(name: str) -> Sequence[str]:
    """Return the command of an agent, with nothing of this process's environment."""
    root, model = Path(AGENTS_HOME).resolve(), f"http://127.0.0.1:{PORT}"
    home, programs = root / "home" / name, root / "npm" / name / "node_modules" / ".bin"
    program, more = {
        "claude": (
            "claude-agent-acp",
            {
                "IS_SANDBOX": "1",
                "CLAUDE_CONFIG_DIR": f"{home}/.claude",
                "ANTHROPIC_BASE_URL": model,
                "ANTHROPIC_API_KEY": "sk-ant-fake",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            },
        ),
        "codex": (
            "codex-acp",
            {"CODEX_HOME": f"{home}/.codex", "FAKE_KEY": "x", "NO_BROWSER": "1", "INITIAL_AGENT_MODE": "read-only"},
        ),
        "opencode": (
            "opencode",
            {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
        ),
    }[name]
    nobody = "http://127.0.0.1:9"
    variables = {
        "HOME": str(home),
        "PATH": f"{root}/npm/node/node_modules/.bin:/usr/local/bin:/usr/bin:/bin",
        "NO_PROXY": "127.0.0.1,localhost",
        "HTTP_PROXY": nobody,
        "HTTPS_PROXY": nobody,
        **more,
    }
    settings = (f"{key}={value}" for key, value in variables.items())
    return ("/usr/bin/env", "-i", *settings, str(programs / program), *(["acp"] if name == "opencode" else []))


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
    async with bot_lab(tmp_path, agent=agent(name)) as lab:
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
    async with bot_lab(tmp_path, agent=agent("opencode")) as lab:
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
