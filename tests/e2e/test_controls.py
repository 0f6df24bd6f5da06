"""The commands, against the whole bot: ask, choose, run, look."""

import asyncio
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import discord
import pytest
from markdown_it import MarkdownIt

from loopback import Outcome
from loopback.state.entities import Message, Thread
from loopback.state.permissions import Permission
from pool.session_setup import MODE

from .bot_process import GENEROUS
from .live_bot import SCRIPTED, BotLab, bot_lab, idle_lab, nothing_written, other_agent, running_bot, said


def git(*args: str, at: Path) -> None:
    """Run git in a directory."""
    subprocess.run(["git", "-C", str(at), *args], check=True)  # noqa: S607 - the git of whoever runs the tests


async def attached(lab: BotLab, outcome: Outcome) -> str:
    """Wait for the file of an answer, and return its text."""
    await lab.discord.until(lambda: outcome.message is not None and bool(outcome.message.attachments))
    assert outcome.message is not None
    return (outcome.message.attachments[0].content or b"").decode()


async def test_asking_by_a_command_opens_a_thread_on_the_posted_request(tmp_path: Path) -> None:
    """The chosen agent answers there, its first reply names it, and the conversation continues in the thread."""
    async with bot_lab(tmp_path, extra=other_agent(tmp_path) + "[threads]\nintroduction = true\n") as lab:
        offered = await lab.ann.autocomplete(lab.channel, "ask", "agent", "oth", request="cwd")
        (choice,) = offered.choices
        assert (choice["value"], choice["name"]) == ("other", "other")
        refused = await lab.ann.slash(lab.channel, "ask", request="cwd", agent="nobody")
        assert "no such agent" in said(refused)
        await lab.ann.slash(lab.channel, "ask", request="cwd\n@everyone", agent="other")
        posted = await lab.ann.sees(lab.channel, "asks:", by=lab.bot)
        assert f"<@{lab.ann.id}> asks:\n>>> cwd" in posted.content
        thread = await lab.ann.sees_thread(posted)
        answer = await lab.ann.sees(thread, "elsewhere\n", by=lab.bot)
        first, second = answer.content.splitlines()[:2]
        assert first == "-# other · Scripted agent · Small and quick · elsewhere"
        assert second == str(tmp_path / "elsewhere")
        await lab.ann.slash(thread, "ask", request="say once more")
        again = await lab.ann.sees(thread, re.compile("^once more"), by=lab.bot)
        assert "Scripted agent" not in again.content
        assert "another agent" in said(await lab.ann.slash(thread, "ask", request="cwd", agent="default"))


async def test_an_unsafe_mode_is_named_where_the_agent_is_introduced(tmp_path: Path) -> None:
    """The asking mode is not: every thread has it."""
    extra = "[threads]\nintroduction = true\n"
    async with bot_lab(tmp_path, agent_extra='mode = "auto"', extra=extra) as lab:
        thread = await lab.thread("say hello")
        answer = await lab.ann.sees(thread, "hello", by=lab.bot)
        assert answer.content.startswith(f"-# Scripted agent · Small and quick · {lab.project.name} · Auto mode\nhello")


async def test_a_thread_gets_another_agent_and_a_new_session(tmp_path: Path) -> None:
    """The running turn stops. The new agent works in its own directory and knows no earlier message."""
    async with bot_lab(tmp_path, extra=other_agent(tmp_path)) as lab:
        thread = await lab.conversation("say first\nhang", "first")
        assert "You don't have permission" in said(await lab.ben.slash(thread, "agent", name="other"))
        assert "already" in said(await lab.ann.slash(thread, "agent", name="default"))
        assert "no such agent" in said(await lab.ann.slash(thread, "agent", name="nobody"))
        done = await lab.ann.slash(thread, "agent", name="other")
        assert "other" in said(done)
        assert "no memory of this one" in said(done)
        await lab.ann.say(thread, "recall\ncwd")
        answer = await lab.ann.sees(thread, "elsewhere", by=lab.bot)
        assert answer.content.startswith("1 prompts")
        await lab.ann.say(lab.channel, "hello")
        assert "No conversation here" in said(await lab.ann.slash(lab.channel, "agent", name="other"))


async def test_whoever_chooses_or_commands_while_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    """Changes without a journal entry happen, others do not, and no answer promises more."""
    async with bot_lab(tmp_path, extra=other_agent(tmp_path)) as lab:
        thread = await lab.conversation("say begun", "begun")
        chosen = await lab.ann.slash(thread, "model")
        assert chosen.message is not None
        with nothing_written(tmp_path):
            await lab.ann.pick(chosen.message, ["Large and careful"])
            told = "set the model to Large and careful · Until the agent sleeps: I can't save changes right now"
            await lab.ann.sees(thread, told, by=lab.bot)
            assert "nothing was done" in said(await lab.ann.slash(thread, "agent", name="other"))
            assert "its file was moved or deleted" in said(await lab.ann.slash(thread, "status"))
            await lab.ann.slash(thread, "close")
            await lab.asleep(thread)
            listed = await lab.ann.slash(thread, "model")
            assert listed.message is not None
            await lab.ann.pick(listed.message, ["Large and careful"])
            assert "nothing was done" in listed.message.content
        assert lab.client.journal.threads.choices(thread.id) == {}
        await lab.ann.say(thread, "say and so on\ncwd")
        answer = await lab.ann.sees(thread, "and so on", by=lab.bot)
        assert "elsewhere" not in answer.content


async def test_the_agents_own_commands_are_offered_and_run(tmp_path: Path) -> None:
    """Without the slash, each with its hint; unknown commands are not sent to the agent."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say ready", "ready")
        offered = await lab.ann.autocomplete(thread, "run", "command", "/we")
        (choice,) = [each for each in offered.choices or () if each["value"] == "web"]
        assert choice["name"] == "web [what] — Look something up"
        assert "no such command" in said(await lab.ann.slash(thread, "run", command="rm"))
        await lab.ann.slash(thread, "run", command="web", text="the weather")
        await lab.ann.sees(thread, "Looked up: the weather", by=lab.bot)


async def test_a_request_is_retried_and_a_message_asked_about(tmp_path: Path) -> None:
    """From the menu of a message: Retry on a request or its answer, and a form for a question about any message.

    Messages that were answered together are retried together. The bot waits for a message that Discord cannot give at
    the moment; one that is deleted before the form is sent cannot be quoted.
    """
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("hang")
        first = await lab.ann.say(thread, "say one")
        await lab.ann.say(thread, "say two\nstop refusal")
        await lab.ann.sees(thread, "2 waiting", by=lab.bot)
        assert "already queued" in said(await lab.ann.menu(first, "Retry request"))
        await lab.ann.slash(thread, "cancel")
        await lab.ann.slash(thread, "resume")
        answer = await lab.ann.sees(thread, "declined to continue", by=lab.bot)
        for message in (answer, first):
            await lab.client.context.replies.settled(GENEROUS, thread.id)  # Until then it already queued or running.
            await lab.ann.menu(message, "Retry request")
            posted = await lab.ann.sees(thread, "asks:\n>>> say one\n\nsay two", by=lab.bot, after=answer)
            answer = await lab.ann.sees(thread, "declined to continue", by=lab.bot, after=posted)
            assert "one" in answer.content
        remark = await lab.mallory.say(thread, "the build is red", files=[("log.txt", b"what went wrong")])
        assert "not a request" in said(await lab.ann.menu(remark, "Retry request"))
        form, late = [await lab.ann.menu(remark, "Ask about this message") for _ in range(2)]
        lab.discord.fault(method="GET", path=re.compile(rf"/messages/{remark.id}$"), status=503)
        await lab.ann.fill(form, {"What do you want to know?": "echo"})
        answer = await lab.ann.sees(thread, "threadline-context", by=lab.bot, after=answer)
        assert all(text in answer.content for text in ("the build is red", "what went wrong"))
        await lab.mallory.delete(remark)
        await lab.ann.fill(late, {"What do you want to know?": "echo"})
        await lab.ann.sees(thread, "can no longer be read", by=lab.bot, after=answer)
        unquoted = await lab.ann.sees(thread, "threadline-context", by=lab.bot, after=answer)
        assert "the build is red" not in unquoted.content


@pytest.mark.parametrize("slow", ["the message that it is about", "the answer to the interaction"])
async def test_a_request_by_a_command_keeps_its_place_before_what_others_say_next(tmp_path: Path, slow: str) -> None:
    """Its place is that of Discord's order, even if the bot reads, or Discord confirms, slowly."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say begun")
        await lab.answer(thread, "begun")
        remark = await lab.mallory.say(thread, "the build is red")
        form = await lab.ann.menu(remark, "Ask about this message")
        path = f"/messages/{remark.id}" if slow == "the message that it is about" else "/interactions/"
        lab.discord.fault(path=re.compile(path), slow=1.0)
        filled = asyncio.create_task(lab.ann.fill(form, {"What do you want to know?": "say the first"}))
        await lab.ann.sees(thread, "asks:\n>>> say the first", by=lab.bot)
        await lab.ben.say(thread, "say the second")
        second = await lab.ann.sees(thread, re.compile("^the second"), by=lab.bot)
        first = await lab.ann.sees(thread, re.compile("^the first"), by=lab.bot)
        assert first.id < second.id
        await filled


async def test_a_request_that_opened_a_thread_is_retried_there(tmp_path: Path) -> None:
    """From the menu of its message in the channel, even if the thread is archived; if deleted, in a new one."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say begun")
        answer = await lab.answer(thread, "begun")
        (opening,) = [each for each in lab.discord.messages(lab.channel) if each.author_id == lab.ann.id]
        context = lab.client.context
        assert "You don't have access to this bot. Ask <@" in said(await lab.mallory.menu(opening, "Retry request"))
        for archived in (False, True):
            await context.replies.settled(GENEROUS, thread.id)  # Until then it already queued or running.
            if archived:
                await lab.ann.slash(thread, "close")
                await lab.discord.until(lambda: thread.archived)
            retried = await lab.ben.menu(opening, "Retry request")
            await retried.settled(f"Asked again in <#{thread.id}>")
            posted = await lab.ann.sees(thread, f"<@{lab.ben.id}> asks:\n>>> say begun", by=lab.bot, after=answer)
            answer = await lab.answer(thread, "begun", after=posted)
        assert [each for each in lab.said_by_bot(lab.channel) if each.ephemeral_to is None] == []
        await context.replies.settled(GENEROUS, thread.id)
        lab.discord.fault(method="POST", path=re.compile(rf"/channels/{thread.id}/messages"), status=403)
        refused = await lab.ann.menu(opening, "Retry request")
        await refused.settled("could not be sent again")
        lab.discord.world.delete_channel(thread)
        elsewhere = await lab.ann.menu(opening, "Retry request")
        assert elsewhere.message is not None
        await lab.answer(await lab.ann.sees_thread(elsewhere.message), "begun")


async def test_help_names_every_command(tmp_path: Path) -> None:
    """Each person sees the commands that they may use."""
    async with bot_lab(tmp_path) as lab:
        told = said(await lab.ben.slash(lab.channel, "help"))
        assert all(f"`/{name}`" in told for name in ("ask", "agent", "cancel", "run", "status", "help"))
        assert "Ask about this message, Retry request" in told
        assert isinstance(await lab.thread("say hello"), Thread)


async def test_model_and_mode_are_chosen_while_a_turn_runs_and_while_the_agent_sleeps(tmp_path: Path) -> None:
    """The menus begin with the current value. A sleeping agent gets the choice on waking. A mode needs an approver."""
    agent = (*SCRIPTED, "--state", str(tmp_path / "agent"))
    async with bot_lab(tmp_path, agent=agent) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        assert "have permission" in said(await lab.ben.slash(thread, "mode"))
        shown = await lab.ann.slash(thread, "model")
        assert shown.message is not None
        (menu,) = shown.message.components[0]["components"]
        assert [(each["label"], each.get("default", False)) for each in menu["options"]] == [
            ("Small and quick", True),
            ("Large and careful", False),
        ]
        chosen = await lab.ben.slash(thread, "model")
        assert chosen.message is not None
        await lab.ben.pick(chosen.message, ["Large and careful"])
        told = f"-# 🔀 <@{lab.ben.id}> set the model to Large and careful"
        line = await lab.ann.sees(thread, lambda each: each.content == told, by=lab.bot)
        assert line.mentions == []
        await lab.discord.until(lambda: chosen.message is not None and chosen.message.deleted)
        await lab.ann.slash(thread, "close")
        await lab.discord.until(lambda: thread.archived)
        await lab.ann.say(thread, "say awake")
        await lab.ann.sees(thread, "awake", by=lab.bot)
        await lab.ann.slash(thread, "close")
        client = lab.client
        await lab.asleep(thread)
        listed = await lab.ann.slash(thread, "config")
        assert listed.message is not None
        assert "now: Large and careful" in str(listed.message.components)
        await lab.ann.pick(listed.message, ["Mode"])
        await lab.ann.pick(listed.message, ["Auto"])
        told = f"-# 🔀 <@{lab.ann.id}> set the mode to Auto · Acts without asking · Applies when the agent wakes up"
        await lab.ben.sees(thread, lambda each: each.content == told, by=lab.bot)
        await lab.discord.until(lambda: listed.message is not None and listed.message.deleted)
        assert client.journal.threads.choices(thread.id) == {"model": "large", MODE: "auto"}
        again = await lab.ann.slash(thread, "config")
        assert again.message is not None
        assert "now: Auto" in str(again.message.components)
        await lab.ann.say(thread, "mode")
        await lab.ann.sees(thread, re.compile("^auto"), by=lab.bot)


async def test_a_mode_that_is_set_between_turns_is_told_once_and_not_below_the_last_answer(tmp_path: Path) -> None:
    """The agent reports it too, to the reply that has ended."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say one", "one")
        chosen = await lab.ann.slash(thread, "mode")
        await lab.ann.pick(await chosen.settled(), ["Auto"])
        told = f"-# 🔀 <@{lab.ann.id}> set the mode to Auto · Acts without asking"
        await lab.ben.sees(thread, lambda each: each.content == told, by=lab.bot)
        await lab.ann.say(thread, "mode")
        await lab.ann.sees(thread, re.compile("^auto"), by=lab.bot)
        assert "Mode: Auto" not in "\n".join(each.content for each in lab.said_by_bot(thread))


async def test_a_menu_of_more_than_twenty_five_has_pages_and_begins_with_the_current_entry(tmp_path: Path) -> None:
    """A menu of Discord holds 25. Every entry is on exactly one page, and one of the last page can be chosen."""
    agent = (sys.executable, "-I", "-S", str(Path(__file__).parents[1] / "peers/wide_agent.py"))
    async with bot_lab(tmp_path, agent=agent) as lab:
        thread = await lab.conversation("hello", "I am model 30")
        menu = (await lab.ann.slash(thread, "model")).message
        assert menu is not None
        pages = [labels(menu)]
        for _ in range(2):
            await lab.ann.click(menu, "More")
            pages.append(labels(menu))
        assert [len(page) for page in pages] == [25, 25, 10]
        listed = [label for page in pages for label in page]
        assert listed[0] == "Model 30"
        assert sorted(listed) == [f"Model {number:02}" for number in range(1, 61)]
        await lab.ann.pick(menu, [pages[-1][-1]])
        await lab.ann.sees(thread, "set the model to Model 60", by=lab.bot)
        odd = (await lab.ann.slash(thread, "config")).message
        assert odd is not None
        assert labels(odd) == ["Model", "(no name)"]
        await lab.ann.pick(odd, ["(no name)"])
        assert labels(odd) == [r"\u{202e}no"]
        await lab.ann.say(thread, "and now?")
        await lab.ann.sees(thread, "I am model 60", by=lab.bot)


def labels(menu: Message) -> list[str]:
    """Return the entries of the menu in a message."""
    (select,) = menu.components[0]["components"]
    return [option["label"] for option in select["options"]]


async def test_the_diff_shows_new_and_changed_files_and_runs_nothing(tmp_path: Path) -> None:
    """The repository's filters, file system monitor and external diff never start."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello", "hello")
        nothing = await lab.ann.slash(thread, "diff")
        await lab.discord.until(lambda: "the agent's folder is not in a git repository" in said(nothing))
        trap = tmp_path / "trap"
        git("init", "--quiet", at=lab.project)
        (lab.project / "a.txt").write_text("one\n")
        git("add", ".", at=lab.project)
        git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first", at=lab.project)
        for key in ("filter.x.clean", "filter.x.process", "core.fsmonitor", "diff.external", "core.pager"):
            git("config", key, f"touch {trap}; cat", at=lab.project)
        (lab.project / ".gitattributes").write_text("* filter=x diff=x\n")
        (lab.project / "a.txt").write_text("two\n")
        (lab.project / "new.txt").write_text("new\n")
        shown = await lab.ben.slash(thread, "diff")
        await lab.discord.until(lambda: shown.message is not None and "a.txt" in said(shown))
        assert shown.message is not None
        (patch,) = shown.message.attachments
        assert all(line in (patch.content or b"").decode() for line in ("-one", "+two", "+new"))
        assert not trap.exists()
        (lab.project / ".git" / "index").unlink()
        (lab.project / ".git" / "index").symlink_to("/dev/zero")
        endless = await lab.ben.slash(thread, "diff")
        await lab.discord.until(lambda: "the repository's file index is not a regular file" in said(endless))


async def test_the_diff_can_be_applied_and_leaves_out_what_the_repository_excludes(tmp_path: Path) -> None:
    """Binary files, another encoding, a renamed file, and git's local list of excluded files."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello", "hello")
        work = lab.project
        git("init", "--quiet", at=work)
        (work / "old.txt").write_text("the same\n" * 20)
        (work / "binary").write_bytes(bytes(range(256)))
        git("add", ".", at=work)
        git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first", at=work)
        git("clone", "--quiet", str(work), str(tmp_path / "clone"), at=work)
        (work / "old.txt").rename(work / "new.txt")
        (work / "binary").write_bytes(bytes(reversed(range(256))))
        (work / "latin.txt").write_bytes("né\n".encode("latin-1"))
        (work / "own.txt").write_text("nobody's business\n")
        (work / ".git" / "info" / "exclude").write_text("own.txt\n")
        shown = await lab.ann.slash(thread, "diff")
        await lab.discord.until(lambda: shown.message is not None and bool(shown.message.attachments))
        assert said(shown) == "```\nM binary\nA latin.txt\nR old.txt → new.txt\n```"
        assert shown.message is not None
        (tmp_path / "changes.patch").write_bytes(shown.message.attachments[0].content or b"")
        git("apply", str(tmp_path / "changes.patch"), at=tmp_path / "clone")
        for name in ("binary", "latin.txt", "new.txt"):
            assert (tmp_path / "clone" / name).read_bytes() == (work / name).read_bytes()


async def test_a_command_that_fails_while_discord_shows_it_thinking_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person reads about the failure."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello", "hello")
        git("init", "--quiet", at=lab.project)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        failed = await lab.ann.slash(thread, "diff")
        await lab.discord.until(lambda: failed.message is not None and "Something went wrong" in said(failed))


async def test_a_command_whose_answer_is_on_its_way_when_the_bot_stops_does_no_harm(tmp_path: Path) -> None:
    """The answer and the report of its failure share the closed connection. The same goes for a refusal."""
    async with bot_lab(tmp_path) as lab:
        lab.discord.fault(method="POST", path=re.compile("/callback$"), slow=GENEROUS, times=2)
        assert "`/ask`" in said(await lab.ann.slash(lab.channel, "help"))
        assert "have access" in said(await lab.mallory.slash(lab.channel, "help"))
        invoked = [task for task in asyncio.all_tasks() if task.get_name() == "CommandTree-invoker"]
    await asyncio.wait(invoked)
    assert [task.exception() for task in invoked] == [None, None]


async def test_a_thread_is_exported_as_markdown_for_who_asks_alone(tmp_path: Path) -> None:
    """All messages with their authors, oldest first."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello", "hello")
        exported = await lab.ben.slash(thread, "export")
        text = await attached(lab, exported)
        assert exported.message is not None
        assert exported.message.ephemeral_to == lab.ben.id
        heads = re.findall(r"^## (\w+), [\d-]+T[\d:]+Z\n\n(.*)$", text, re.MULTILINE)
        assert text.startswith("# say hello\n")
        assert heads == [("ann", "@threadline say hello"), ("threadline", "hello")]
        assert said(exported) == "The thread as it is now."


async def test_an_export_is_written_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand messages of the worst kind take seconds, so a thread does it."""
    threads: set[int] = set()

    def noted(text: str) -> str:
        threads.add(threading.get_ident())
        return text

    monkeypatch.setattr("bot.commands.export.balanced", noted)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello", "hello")
        exported = await lab.ben.slash(thread, "export")
        await attached(lab, exported)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_in_an_export_no_message_swallows_those_behind_it(tmp_path: Path) -> None:
    """An open code block ends with its message, one after text stays one, and HTML is escaped."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say hello")
        await lab.answer(thread, "hello")
        for text in ("```\nnever closed", "look: ```py\ncode\n```", "<!-- hidden", "seen"):
            await lab.mallory.say(thread, text)
        exported = await lab.ben.slash(thread, "export")
        tokens = MarkdownIt().parse(await attached(lab, exported))
        heads = [inline.content for at, inline in enumerate(tokens) if at and tokens[at - 1].type == "heading_open"]
        assert [head.split(",")[0] for head in heads[1:]] == ["ann", "threadline", *["mallory"] * 4]
        assert [each.content for each in tokens if each.type == "fence"] == ["never closed\n", "code\n"]
        assert not any(each.type == "html_block" for each in tokens)


async def test_what_does_not_fit_into_an_export_is_left_out_from_the_beginning_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole messages, counted in bytes."""
    monkeypatch.setattr("bot.commands.export.WIDTH", 200)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say hello", "hello")
        for number in range(1, 4):
            await lab.mallory.say(thread, f"{number} " + "ü" * 30)
        exported = await lab.ben.slash(thread, "export")
        text = await attached(lab, exported)
        assert re.findall(r"^(\d) ü{30}$", text, re.MULTILINE) == ["2", "3"]
        assert "Older messages did not fit" in said(exported)


async def test_commands_are_told_to_discord_only_when_they_have_changed(tmp_path: Path) -> None:
    """A second start finds them unchanged, and they work."""
    async with idle_lab(tmp_path) as lab:
        for _ in range(2):
            async with running_bot(lab):
                assert "`/ask`" in said(await lab.ann.slash(lab.channel, "help"))
        assert len([call for call in lab.discord.record if call.path.endswith("/commands")]) == 1


async def test_a_place_that_vanishes_ends_its_turn_and_nothing_more_is_written(tmp_path: Path) -> None:
    """A deleted thread, a channel deleted with its thread, and a lost permission, noticed at the first call."""
    async with bot_lab(tmp_path) as lab:
        world, client = lab.discord.world, lab.client
        thread, other, third = [await lab.thread(f"say begun\nhang {word}") for word in ("", "", "")]
        for each in (thread, other, third):
            await lab.ann.sees(each, "begun", by=lab.bot)
            await lab.ann.say(each, "say behind")
            await lab.ann.sees(each, "1 waiting", by=lab.bot)
        world.delete_channel(thread)
        await lab.asleep(thread)
        assert client.journal.messages.open_rows() == [
            row for row in client.journal.messages.open_rows() if row.thread_id != thread.id
        ]
        before = len(lab.discord.record)
        client.context.tell(thread.id, "nobody is to see this")
        world.overwrite(lab.channel, lab.bot.id, deny=int(Permission.VIEW_CHANNEL))
        client.context.tell(other.id, "nor this")
        await lab.asleep(other)
        refused = [call for call in lab.discord.record[before:] if f"/channels/{thread.id}/" in call.path]
        assert refused == []
        world.overwrite(lab.channel, lab.bot.id)
        world.delete_channel(lab.channel)
        await lab.asleep(third)
        assert client.pool.load.held == 0


async def test_a_thread_takes_the_agents_title_once_unless_a_person_has_named_it(tmp_path: Path) -> None:
    """The scripted agent's title is the first 60 characters of its first prompt."""
    async with bot_lab(tmp_path) as lab:
        text = "say " + "many words about it " * 5
        thread = await lab.thread(text)
        assert thread.name.endswith("…")
        await lab.discord.until(lambda: thread.name == text[:60].strip())
        lab.discord.world.overwrite(lab.channel, lab.ann.id, allow=int(Permission.MANAGE_THREADS))
        own = await lab.thread(f"hang\n{text}")
        await lab.ann.rename(own, "mine")
        await lab.ann.slash(own, "cancel")
        await lab.ann.say(own, "say done")
        await lab.ann.sees(own, re.compile("^done"), by=lab.bot)
        await lab.ann.rename(thread, "mine too")
        await lab.ann.say(thread, "say again")
        await lab.ann.sees(thread, re.compile("^again"), by=lab.bot)
        assert (own.name, thread.name) == ("mine", "mine too")


async def test_the_commands_are_a_servers_and_no_account_takes_them_elsewhere(tmp_path: Path) -> None:
    """They exist in servers and, if allowed, in direct messages with the bot; never between other users."""
    async with bot_lab(tmp_path) as lab:
        told = lab.bot.commands[None]
        assert len(told) > 10
        assert {(tuple(each["integration_types"]), tuple(each["contexts"])) for each in told} == {((0,), (0,))}


@pytest.mark.parametrize("granted", [True, False])
async def test_closing_a_persons_thread_says_when_it_cannot_be_archived(tmp_path: Path, *, granted: bool) -> None:
    """Discord lets only its creator and moderators archive it; the conversation is closed in any case."""
    async with bot_lab(tmp_path) as lab:
        if not granted:
            lab.discord.world.overwrite(lab.channel, lab.bot.id, deny=int(Permission.MANAGE_THREADS))
        thread = await lab.ann.open_thread(lab.channel, "mine")
        await lab.ann.say(thread, f"{lab.bot.mention} say hello")
        await lab.answer(thread, re.compile("^hello"))
        closed = await lab.ann.slash(thread, "close")
        await lab.asleep(thread)
        if granted:
            await lab.discord.until(lambda: thread.archived)
            assert "can't" not in said(closed)
        else:
            await lab.discord.until(lambda: "can't archive this thread" in said(closed))
            assert "I'm missing the permission Manage Threads." in said(closed)
            assert not thread.archived


async def test_a_menu_works_by_its_former_name_and_discord_hides_commands_from_who_cannot_use_them(
    tmp_path: Path,
) -> None:
    """A person's client may still show a name from before an upgrade. The gate judges each use in any case."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun", "begun")
        (request,) = [each for each in lab.discord.messages(lab.channel) if each.author_id == lab.ann.id]
        registered = {str(each["name"]): each for each in lab.bot.commands[None]}
        registered["Retry request"]["name"] = "Retry"
        await lab.client.context.replies.settled(GENEROUS, thread.id)
        await lab.ann.menu(request, "Retry")
        await lab.ann.sees(thread, "asks:\n>>> say begun", by=lab.bot)
        hidden = {name: each["default_member_permissions"] for name, each in registered.items()}
        assert hidden["reload"] == str(discord.Permissions(manage_guild=True).value)
        assert hidden["close"] == hidden["reset"] == str(discord.Permissions(send_messages_in_threads=True).value)
        assert hidden["ask"] is None
