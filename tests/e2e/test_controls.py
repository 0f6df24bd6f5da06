"""What people do with commands: ask, choose, run, look. By hands, against the whole bot."""

import re
from pathlib import Path

from loopback.entities import Thread
from tests.e2e.stage import SCRIPTED, said, stage, toml

OTHER = """
[agents.other]
command = {command}
args = ["-m", "loopback.agent"]
cwd = {cwd}
"""


def other(folder: Path) -> str:
    """A second agent, which works in another directory."""
    (folder / "elsewhere").mkdir()
    return OTHER.format(command=toml(SCRIPTED[0]), cwd=toml(str(folder / "elsewhere")))


async def test_asking_by_a_command_opens_a_thread_on_the_posted_request(tmp_path: Path) -> None:
    """With the agent that was chosen; the thread's first answer says whose it is, and in the thread it goes on."""
    async with stage(tmp_path, extra=other(tmp_path) + "[threads]\nintroduction = true\n") as place:
        offered = await place.ann.autocomplete(place.channel, "ask", "agent", "oth", request="cwd")
        assert [choice["value"] for choice in offered.choices or ()] == ["other"]
        refused = await place.ann.slash(place.channel, "ask", request="cwd", agent="nobody")
        assert "no such agent" in said(refused)
        await place.ann.slash(place.channel, "ask", request="cwd\n@everyone", agent="other")
        posted = await place.ann.sees(place.channel, "asks:", by=place.bot)
        assert f"<@{place.ann.id}> asks:\n>>> cwd" in posted.content
        thread = await place.ann.sees_thread(posted)
        answer = await place.ann.sees(thread, "elsewhere\n", by=place.bot)
        first, second = answer.content.splitlines()[:2]
        assert first.startswith("-# other · python")
        assert "Small and quick · Default mode · " in first
        assert second == str(tmp_path / "elsewhere")
        await place.ann.slash(thread, "ask", request="say once more")
        again = await place.ann.sees(thread, re.compile("^once more"), by=place.bot)
        assert "-#" not in again.content
        assert "another agent" in said(await place.ann.slash(thread, "ask", request="cwd", agent="default"))


async def test_a_thread_gets_another_agent_and_a_new_session(tmp_path: Path) -> None:
    """What runs is stopped, the new agent works in its own directory and knows nothing of what was said."""
    async with stage(tmp_path, extra=other(tmp_path)) as place:
        thread = await place.thread("say first\nhang")
        await place.ann.sees(thread, "first", by=place.bot)
        assert "You may not" in said(await place.ben.slash(thread, "agent", name="other"))
        assert "already" in said(await place.ann.slash(thread, "agent", name="default"))
        assert "no such agent" in said(await place.ann.slash(thread, "agent", name="nobody"))
        done = await place.ann.slash(thread, "agent", name="other")
        assert "other" in said(done)
        assert "knows nothing" in said(done)
        await place.ann.say(thread, "recall\ncwd")
        answer = await place.ann.sees(thread, "elsewhere", by=place.bot)
        assert answer.content.startswith("1 prompts")
        await place.ann.say(place.channel, "hello")
        assert "no conversation here" in said(await place.ann.slash(place.channel, "agent", name="other"))


async def test_the_agents_own_commands_are_offered_and_run(tmp_path: Path) -> None:
    """Typed without the slash; what the agent does not have is not sent to it."""
    async with stage(tmp_path) as place:
        thread = await place.thread("say ready")
        await place.ann.sees(thread, "ready", by=place.bot)
        offered = await place.ann.autocomplete(thread, "run", "command", "/we")
        (choice,) = [each for each in offered.choices or () if each["value"] == "web"]
        assert choice["name"] == "web — Look something up"
        assert "no such command" in said(await place.ann.slash(thread, "run", command="rm"))
        await place.ann.slash(thread, "run", command="web", text="the weather")
        await place.ann.sees(thread, "Looked up: the weather", by=place.bot)


async def test_a_request_is_retried_and_a_message_asked_about(tmp_path: Path) -> None:
    """From the menu of a message: of the request or of its answer; and a form for a question about any message."""
    async with stage(tmp_path) as place:
        thread = await place.thread("say well\nstop refusal")
        answer = await place.ann.sees(thread, "refused to go on", by=place.bot)
        await place.ann.menu(answer, "Retry")
        posted = await place.ann.sees(thread, "asks:", by=place.bot)
        await place.ann.sees(thread, "refused to go on", by=place.bot, after=posted)
        remark = await place.mallory.say(thread, "the build is red")
        assert "no request" in said(await place.ann.menu(remark, "Retry"))
        form = await place.ann.menu(remark, "Ask about this")
        sent = await place.ann.fill(form, {"What do you want to know?": "echo"})
        assert sent.acknowledged
        await place.ann.sees(thread, re.compile("the build is red"), by=place.bot, after=posted)


async def test_help_names_every_command(tmp_path: Path) -> None:
    """To those who may use them, wherever they are."""
    async with stage(tmp_path) as place:
        told = said(await place.ben.slash(place.channel, "help"))
        assert all(f"`/{name}`" in told for name in ("ask", "agent", "cancel", "run", "status", "help"))
        assert "Ask about this, Retry" in told
        assert isinstance(await place.thread("say hello"), Thread)
