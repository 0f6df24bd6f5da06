"""Agents on other machines through the whole bot: the machines are shells on this one that can be cut off."""

import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acp.process.orphans import MARKER
from bot.access.gate import Right
from bot.user_messages.access import not_permitted
from loopback import Message
from loopback.harness import lines
from loopback.state.components import text_of
from loopback.state.entities import Thread
from tests.e2e.bot_process import agent_pids, bot_process
from tests.e2e.live_bot import BotLab, idle_lab, running_bot, said
from tests.e2e.puppet_script import labels

ONE, TWO = "worker1", "worker2"

GATE = 'test -e "$1" || { echo "no route to host" >&2; exit 255; }; shift; "$@"'
"""A way to a machine that is there while a file is. The shell stays before the runner, as a client of SSH does."""

QUEUED = 'while test -e "$1"; do sleep 0.05; done; shift; exec "$@"'
"""A way that queues a start while a file is there."""


class Machines:
    """The lab's machines: files by which they can be cut off, and their tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (ONE, TWO):
            self.bring_back(name)

    def cut_off(self, name: str) -> None:
        """Let the machine be out of reach from now on."""
        (self.folder / name).unlink()

    def bring_back(self, name: str) -> None:
        """Let it be reached again."""
        (self.folder / name).touch()

    @property
    def queue(self) -> Path:
        """The file that keeps starts on the first machine waiting."""
        return self.folder / "queue"

    def tables(self, *names: str) -> str:
        """Return the tables of the configuration."""
        found = ""
        for name in names:
            way = ["sh", "-c", GATE, "sh", str(self.folder / name)]
            queue = ["sh", "-c", QUEUED, "sh", str(self.queue)] if name == ONE else []
            table = {
                "enter": [*way, *queue],
                "inside": way,
                "waiting": ["sh", "-c", f"test ! -e {self.queue} || echo 'Pending: no node is free'"],
                "runner": [sys.executable],
                "keep_alive_seconds": 3,
            }
            found += f"[places.{name}]\n{lines(table)}\n"
        return found


@asynccontextmanager
async def machines_lab(
    folder: Path, *names: str, extra: str = "", pauses: Sequence[float] = (0.05, 0.05)
) -> AsyncIterator[tuple[BotLab, Machines]]:
    """Provide the lab with its agent on these machines, and short pauses between the tries to reach one."""
    machines = Machines(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pool.agent_lease.TRY_SECONDS", tuple(pauses))
        patch.setattr("acp.places.far_place.POLL_SECONDS", 0.05)
        async with idle_lab(
            folder,
            remembers=True,
            extra=f"{extra}\n{machines.tables(*names)}",
            agent_extra=lines({"places": list(names)}),
        ) as lab:
            yield lab, machines


async def lose_link(lab: BotLab) -> None:
    """Kill the client of the only agent."""
    (agent,) = lab.client.pool.agents
    os.kill(agent.pid, signal.SIGKILL)


def client_pids(lab: BotLab) -> list[int]:
    """Return the clients that lead to agents: they have the plain marker, the agents one with the machine's name."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                environ = (entry / "environ").read_bytes()
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if (
                MARKER.encode() + b"=" in environ
                and line.startswith(b"sh\0-c\0")
                and str(lab.config.parent).encode() in line
            ):
                found.append(int(entry.name))
    return found


async def asleep(lab: BotLab, thread: Thread) -> None:
    """Close a thread, and wait until its agent has ended."""
    await lab.ann.slash(thread, "close")
    await lab.asleep(thread)


async def question(lab: BotLab, thread: Thread) -> Message:
    """Return the card about a machine that cannot be reached."""
    return await lab.ann.sees(thread, "Your message is on hold.", by=lab.bot)


async def on_hold(lab: BotLab, machines: Machines) -> tuple[Thread, Message]:
    """Have a thread of the first machine whose second message cannot reach it; return the thread and its card."""
    thread = await lab.conversation("say one", "one")
    await asleep(lab, thread)
    machines.cut_off(ONE)
    await lab.ann.say(thread, "say two")
    return thread, await question(lab, thread)


# ---- a lost link


async def test_a_link_lost_in_a_turn_is_told_and_a_person_decides(tmp_path: Path) -> None:
    """What was said stays; Retry sends the request again, at the same machine and in the same session."""
    async with machines_lab(tmp_path, ONE) as (lab, _), running_bot(lab):
        thread = await lab.conversation("say half of it\nhang", "half of it")
        await lose_link(lab)
        reply = await lab.ann.sees(thread, "The connection to worker1 was lost.", by=lab.bot)
        assert reply.content.startswith("half of it")
        card = await lab.ann.sees(thread, "the connection to worker1 was lost while the agent was", by=lab.bot)
        assert labels(card) == ["Retry", "Skip"]
        assert lab.client.journal.threads.agent_place(thread.id) == ONE
        await lab.ann.click(card, "Retry")
        again = await lab.ann.sees(thread, "half of it", by=lab.bot, after=card)
        await lab.ann.click(again, "Stop")
        asked = await lab.ann.say(thread, "recall")
        await lab.ann.sees(thread, re.compile("^3 prompts"), by=lab.bot, after=asked)


async def test_the_question_about_a_lost_link_outlives_the_bot(tmp_path: Path) -> None:
    """It says the same as before, and its buttons work."""
    async with machines_lab(tmp_path, ONE) as (lab, _):
        async with running_bot(lab):
            thread = await lab.conversation("say half of it\nhang", "half of it")
            await lose_link(lab)
            card = await lab.ann.sees(thread, "the connection to worker1 was lost while the agent was", by=lab.bot)
        async with running_bot(lab):
            await lab.ann.click(card, "Skip")
            await lab.ann.sees(thread, "skipped the interrupted request", by=lab.bot)
            asked = await lab.ann.say(thread, "recall")
            await lab.ann.sees(thread, re.compile("^2 prompts"), by=lab.bot, after=asked)
            texts = [each.content for each in lab.discord.messages(thread)]
            assert not any("Threadline stopped" in text or "I restarted" in text for text in texts)


async def test_a_killed_bot_asks_about_a_link_that_was_lost_before(tmp_path: Path) -> None:
    """In the same words: the journal knows why the turn ended."""
    async with machines_lab(tmp_path, ONE) as (lab, _):
        async with bot_process(lab) as process:
            thread = await lab.conversation("say half of it\nhang", "half of it")
            for pid in client_pids(lab):
                os.kill(pid, signal.SIGKILL)
            await lab.ann.sees(thread, "The connection to worker1 was lost.", by=lab.bot)
            process.kill()
            await process.communicate()
        async with running_bot(lab):
            card = await lab.ann.sees(thread, "the connection to worker1 was lost while the agent was", by=lab.bot)
            await lab.ann.click(card, "Skip")
            await lab.ann.sees(thread, "skipped the interrupted request", by=lab.bot)


async def test_messages_wait_behind_a_lost_turn_for_the_choice(tmp_path: Path) -> None:
    """The question counts them; they are sent after it."""
    async with machines_lab(tmp_path, ONE) as (lab, _), running_bot(lab):
        thread = await lab.conversation("say half of it\nhang", "half of it")
        await lab.ann.say(thread, "say behind")
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await lose_link(lab)
        card = await lab.ann.sees(thread, "1 message waits behind it", by=lab.bot)
        await lab.ann.click(card, "Skip")
        await lab.answer(thread, re.compile("^behind"))


async def test_a_message_waits_until_the_machine_confirms_that_the_earlier_agent_has_ended(tmp_path: Path) -> None:
    """The thread says so, until it is sent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pool.thread_place.CONFIRM_SECONDS", 0.1)
        patch.setattr("acp.places.reaps.REAP_PAUSE", 0.1)
        patch.setattr("acp.places.reaps.MAX_PAUSE", 0.1)
        async with machines_lab(tmp_path, ONE) as (lab, machines), running_bot(lab):
            thread = await lab.conversation("say one\nhang", "one")
            machines.cut_off(ONE)  # It cannot be asked whether the agent has ended.
            await lose_link(lab)
            await lab.ann.sees(thread, "The connection to worker1 was lost.", by=lab.bot)
            await lab.ann.say(thread, "say two")
            await lab.ann.sees(thread, "Waiting until worker1 confirms that the earlier agent has ended", by=lab.bot)
            machines.bring_back(ONE)
            await lab.answer(thread, re.compile("^two"))
            texts = [each.content for each in lab.discord.messages(thread)]
            assert not any("confirms" in text for text in texts)


# ---- a machine that is not reached


async def test_try_again_sends_what_is_on_hold(tmp_path: Path) -> None:
    """With the session that the thread had; a press after that does nothing."""
    async with machines_lab(tmp_path, ONE) as (lab, machines), running_bot(lab):
        thread, card = await on_hold(lab, machines)
        assert labels(card) == ["Try again"]
        assert "worker1 cannot be reached: no route to host" in text_of(card)
        assert "1 message on hold" in said(await lab.ann.slash(thread, "status"))
        assert not any("Press Continue" in each.content for each in lab.discord.messages(thread))
        machines.bring_back(ONE)
        buttons = card.components
        await lab.ann.click(card, "Try again")
        await lab.answer(thread, re.compile("^two"))
        await lab.ann.sees(thread, "tried worker1 again for 1 message", by=lab.bot)
        asked = await lab.ann.say(thread, "recall")
        await lab.ann.sees(thread, re.compile("^3 prompts"), by=lab.bot, after=asked)
        card.components = buttons  # As a person sees it whose client has not got the change.
        assert (await lab.ann.click(card, "Try again")).acknowledged
        assert "out of date" in text_of(card)


async def test_a_message_is_on_hold_although_its_thread_cannot_be_opened_yet(tmp_path: Path) -> None:
    """The question comes when the thread is there: that it is not there before does not end the work in it."""
    async with machines_lab(tmp_path, ONE) as (lab, machines), running_bot(lab):
        machines.cut_off(ONE)
        lab.discord.fault(method="POST", path=re.compile("/threads$"), status=429, shared=True, retry_after=8.0)
        thread = await lab.thread("say one")
        card = await question(lab, thread)
        machines.bring_back(ONE)
        await lab.ann.click(card, "Try again")
        await lab.answer(thread, re.compile("^one"))


async def test_a_new_message_tries_again_too(tmp_path: Path) -> None:
    """What was on hold goes first, and the card disappears."""
    async with machines_lab(tmp_path, ONE) as (lab, machines), running_bot(lab):
        thread, card = await on_hold(lab, machines)
        machines.bring_back(ONE)
        await lab.ann.say(thread, "say three")
        await lab.answer(thread, re.compile("^three"))
        await lab.discord.until(lambda: card.id not in {each.id for each in lab.discord.messages(thread)})
        texts = [each.content for each in lab.discord.messages(thread) if each.author_id == lab.bot.id]
        assert next(i for i, text in enumerate(texts) if text.startswith("two")) < next(
            i for i, text in enumerate(texts) if text.startswith("three")
        )


async def test_go_on_elsewhere_begins_a_session_that_is_told_what_was_said(tmp_path: Path) -> None:
    """And that the files are not there. /status and the audit log name the machine."""
    extra = f'[audit]\npath = "{tmp_path / "audit.jsonl"}"'
    async with machines_lab(tmp_path, ONE, TWO, extra=extra) as (lab, machines), running_bot(lab):
        thread, card = await on_hold(lab, machines)
        assert labels(card) == ["Try again", "Go on elsewhere"]
        assert "starts it on worker2 with a new session" in text_of(card)
        await lab.ann.click(card, "Go on elsewhere")
        reply = await lab.answer(thread, re.compile("two"))
        assert "This thread continues on worker2 with a new session" in reply.content
        assert "only the last request and answer. Files that were changed on worker1 are not there." in reply.content
        await lab.ann.sees(thread, "continued this thread on worker2", by=lab.bot)
        assert "Machine: worker2" in said(await lab.ann.slash(thread, "status"))
        asked = await lab.ann.say(thread, "recall")
        await lab.ann.sees(thread, re.compile("^2 prompts"), by=lab.bot, after=asked)
        rows = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
        assert "the thread's agent now runs on worker2" in [row["what"] for row in rows if row["deed"] == "changed"]
        assert [row.get("place") for row in rows if row["what"] == "a message"] == [None, ONE, TWO]


async def test_a_request_that_is_sent_again_elsewhere_is_followed_by_what_was_said(tmp_path: Path) -> None:
    """The agent learns what its thread says: that the session is a new one, and on another machine."""
    async with machines_lab(tmp_path, ONE, TWO) as (lab, machines), running_bot(lab):
        thread = await lab.conversation("say the word is pineapple", "pineapple")
        asked = await lab.ann.say(thread, "echo\nsay half of it\nhang")
        await lab.ann.sees(thread, "half of it", by=lab.bot, after=asked)
        machines.cut_off(ONE)
        await lose_link(lab)
        lost = await lab.ann.sees(thread, "the connection to worker1 was lost while the agent was", by=lab.bot)
        await lab.ann.click(lost, "Retry")
        await lab.ann.click(await question(lab, thread), "Go on elsewhere")
        reply = await lab.ann.sees(thread, "half of it", by=lab.bot, after=lost)
        shown = [each for each in lab.discord.messages(thread) if each.id > lost.id and each.author_id == lab.bot.id]
        said = "\n".join(each.content for each in shown).replace("\\", "")
        assert "only the last request and answer. Files that were changed on worker1 are not there." in said
        assert '"earlier":[{"request":"say the word is pineapple"' in said
        assert '"moved":"This conversation began on another machine (worker1). This is worker2' in said
        await lab.ann.click(reply, "Stop")


async def test_a_machine_without_the_directory_is_not_offered(tmp_path: Path) -> None:
    """Nor is one that cannot be reached either."""
    async with machines_lab(tmp_path, ONE, TWO) as (lab, machines), running_bot(lab):
        thread = await lab.conversation("say one", "one")
        await asleep(lab, thread)
        for name in (ONE, TWO):
            machines.cut_off(name)
        await lab.ann.say(thread, "say two")
        assert labels(await question(lab, thread)) == ["Try again"]


async def test_only_who_may_continue_the_thread_may_press(tmp_path: Path) -> None:
    """As with the buttons of an interrupted turn."""
    async with machines_lab(tmp_path, ONE, TWO) as (lab, machines), running_bot(lab):
        thread, card = await on_hold(lab, machines)
        for label in ("Try again", "Go on elsewhere"):
            assert "have access to this bot" in said(await lab.mallory.click(card, label))
            assert not_permitted(Right.CONTINUE.value) in said(await lab.ben.click(card, label))
        assert lab.client.pool.conversation(thread.id) is not None
        assert lab.client.journal.threads.agent_place(thread.id) == ONE


async def test_stop_drops_the_message_that_is_on_hold(tmp_path: Path) -> None:
    """Its reply says so, and the question goes with it; another message is tried as usual."""
    async with machines_lab(tmp_path, ONE) as (lab, machines), running_bot(lab):
        thread, card = await on_hold(lab, machines)
        reply = await lab.ann.sees(thread, "On hold: worker1 cannot be reached.", by=lab.bot)
        await lab.ann.click(reply, "Stop")
        await lab.ann.sees(thread, "Dropped before it was sent", by=lab.bot)
        await lab.discord.until(lambda: card.id not in {each.id for each in lab.discord.messages(thread)})
        machines.bring_back(ONE)
        await lab.ann.say(thread, "say three")
        await lab.answer(thread, re.compile("^three"))
        assert not any(each.content.startswith("two") for each in lab.discord.messages(thread))


@pytest.mark.parametrize("label", ["Try again", "Go on elsewhere"])
async def test_a_message_on_hold_outlives_the_bot_with_its_buttons(tmp_path: Path, label: str) -> None:
    """It is sent once, by a press in the next run."""
    async with machines_lab(tmp_path, ONE, TWO) as (lab, machines):
        async with running_bot(lab):
            thread, card = await on_hold(lab, machines)
        async with running_bot(lab):
            if label == "Try again":
                machines.bring_back(ONE)
            await lab.ann.click(card, label)
            await lab.answer(thread, re.compile("two"))
            assert lab.client.pool.place_of(thread.id) == (ONE if label == "Try again" else TWO)
        shown = [text_of(each) for each in lab.discord.messages(thread)]
        assert not any("cannot be reached" in text or "Press Continue" in text for text in shown)


async def test_a_message_whose_machine_is_being_tried_outlives_the_bot(tmp_path: Path) -> None:
    """The next run tries again by itself."""
    async with machines_lab(tmp_path, ONE, pauses=(600, 600)) as (lab, machines):
        async with running_bot(lab):
            thread = await lab.conversation("say one", "one")
            await asleep(lab, thread)
            machines.cut_off(ONE)
            await lab.ann.say(thread, "say two")
            await lab.ann.sees(thread, "worker1 cannot be reached. The next try is in 600 s.", by=lab.bot)
        machines.bring_back(ONE)
        async with running_bot(lab):
            await lab.answer(thread, re.compile("^two"))


# ---- queued


async def test_a_queued_start_shows_the_reason_and_outlives_the_bot(tmp_path: Path) -> None:
    """It is queued again by the next run, and is answered when its turn comes."""
    async with machines_lab(tmp_path, ONE) as (lab, machines):
        machines.queue.touch()
        async with running_bot(lab):
            thread = await lab.thread("say hello")
            await lab.ann.sees(thread, "Queued on worker1: Pending: no node is free", by=lab.bot)
        async with running_bot(lab):
            again = await lab.ann.say(thread, "say behind")
            await lab.ann.sees(thread, "1 waiting", by=lab.bot, after=again)
            machines.queue.unlink()
            await lab.answer(thread, re.compile("^hello"))
            await lab.answer(thread, re.compile("^behind"))


async def test_a_queued_start_can_be_stopped(tmp_path: Path) -> None:
    """Its client is ended, and the thread is free for the next message."""
    async with machines_lab(tmp_path, ONE) as (lab, machines), running_bot(lab):
        machines.queue.touch()
        thread = await lab.thread("say hello")
        reply = await lab.ann.sees(thread, "Queued on worker1: Pending: no node is free", by=lab.bot)
        await lab.ann.click(reply, "Stop")
        await lab.ann.sees(thread, "Stopped by", by=lab.bot)
        machines.queue.unlink()
        await lab.ann.say(thread, "say again")
        await lab.answer(thread, re.compile("^again"))


# ---- a killed bot


async def test_a_killed_bot_leaves_no_agent_and_its_thread_waits_for_that(tmp_path: Path) -> None:
    """A deaf agent at a machine that cannot be asked at first."""
    async with machines_lab(tmp_path, ONE) as (lab, machines):
        async with bot_process(lab) as process:
            thread = await lab.conversation("child deaf setsid\nsay begun", "begun")
            process.kill()
            await process.communicate()
        machines.cut_off(ONE)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("acp.places.reaps.REAP_PAUSE", 0.1)
            patch.setattr("acp.places.reaps.MAX_PAUSE", 0.1)
            async with running_bot(lab):
                await lab.ann.say(thread, "say two")
                await lab.ann.sees(thread, "Waiting until worker1 confirms", by=lab.bot)
                machines.bring_back(ONE)
                await lab.answer(thread, re.compile("^two"))
                assert len(agent_pids(lab.config)) <= 3
