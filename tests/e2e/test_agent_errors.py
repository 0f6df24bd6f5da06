"""What a thread shows of an agent's errors, from the wire to the page."""

import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from .live_bot import bot_lab


async def test_an_agents_error_is_told_in_its_own_words_with_the_way_to_log_in(tmp_path: Path) -> None:
    """The data is JSON; the method and the code are in the log alone."""
    with capture_logs() as logs:
        async with bot_lab(tmp_path) as lab:
            thread = await lab.thread("say so far\nerror -32000 Authentication required")
            reply = await lab.ann.sees(thread, "Authentication required", by=lab.bot)
            assert reply.content.startswith(
                "so far\n❌ The agent reported an error: Authentication required\n"
                '```json\n{\n  "reason": "the prompt asked for this error"\n}\n```'
            )
            notice = await lab.ann.sees(thread, "Scripted agent is logged out", by=lab.bot)
            assert "run `threadline login default` on the machine that runs Threadline" in notice.content
    (ended,) = [entry for entry in logs if entry["event"] == "turn ended"]
    assert ended["error"].startswith("session/prompt failed with -32000 Authentication required: ")


async def test_of_a_dead_agents_last_words_only_the_error_is_shown(tmp_path: Path) -> None:
    """It writes two lines; the next message starts another one."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say so far\ncrash 7")
        ended = await lab.ann.sees(thread, "exit code 7", by=lab.bot)
        assert "```\nfatal: crashed on purpose\n```\n-# Your next message starts the agent again." in ended.content
        assert "told to crash" not in ended.content
        await lab.ann.say(thread, "say well again")
        await lab.ann.sees(thread, "well again", by=lab.bot)


async def test_a_killed_agent_that_has_said_no_error_is_not_quoted(tmp_path: Path) -> None:
    """Its log is no reason."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("stderr 2000\npid\nsay steady\nhang")
        told = await lab.ann.sees(thread, "steady", by=lab.bot)
        before = told.content
        os.kill(int(before.splitlines()[1]), signal.SIGKILL)
        ended = await lab.ann.sees(thread, "killed by signal 9", by=lab.bot)
        error = "❌ The agent was killed by signal 9 \\(SIGKILL\\).\n-# Your next message starts the agent again."
        assert ended.content.startswith(f"{before}\n{error}")
        assert "```" not in ended.content


async def test_a_sandbox_that_cannot_be_made_keeps_its_agent_from_starting_and_the_thread_says_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not started without one."""
    programs = tmp_path / "programs"
    programs.mkdir()
    engine = programs / "bwrap"
    engine.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    engine.chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    box = '[agents.default.sandbox]\nengine = "bwrap"\n'
    async with bot_lab(tmp_path, agent=("touch", str(tmp_path / "started")), agent_extra=box) as lab:
        thread = await lab.thread("hello")
        reply = await lab.ann.sees(thread, "could not start", by=lab.bot)
        assert "On Ubuntu 23.10 and later, give bwrap an AppArmor profile" in reply.content
        assert not (tmp_path / "started").exists()


async def test_an_agent_that_is_no_longer_installed_is_named(tmp_path: Path) -> None:
    """The program disappears while the bot runs."""
    program = tmp_path / "my-agent"
    program.symlink_to("/bin/cat")
    async with bot_lab(tmp_path, agent=(str(program),)) as lab:
        program.unlink()
        thread = await lab.thread("hello")
        reply = await lab.ann.sees(thread, "The agent could not start", by=lab.bot)
        assert f"the command '{program}' was not found. Is it installed and on PATH?" in reply.content.replace("\\", "")
