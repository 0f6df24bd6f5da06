"""One message's exchange: what the thread shows at each step, and the words for every way it can end."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from acp import AgentClosed, CloseReason, Question, RemoteError, SpawnFailed, StartProblem, Text, Thought, Withdrawn
from acp.schema import PromptCapabilities, TextBlock, ToolCall, parse_update
from bot.agents.workspace_files import WorkspaceFiles
from bot.config.appearance import DONE, EYE, FAILED, Reactions
from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.conversation.session_lines import MODES
from bot.prompt.attachments import Attachments, Fetched, Fresh
from bot.prompt.request import Attachment, Request
from bot.reply.completion import FRESH_SECONDS
from bot.reply.typing_indicator import TYPING_SECONDS
from bot.rest.errors import PermanentError, TryLater
from bot.user_messages import agent_errors, notices
from pool.exchange import Cancelled, Completed, Dropped, ExchangeFailed, Failed, Notice, Outcome, ShutDown, TakenBack
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.turn_watchdog import WatchdogAlert
from tests.acp.opened import HELLO, opened
from tests.bot.exchange_context import context_of_one
from tests.bot.fake_discord import FakeDiscord, pacing, rush, settle
from tests.support.virtual_time import elapse, step

pytestmark = pytest.mark.virtual_time

CHANNEL, THREAD, ADA = 10, 20, 42
SECRET = "MTIz.secret.value"
COMPLETED = Completed("end_turn")


@dataclass
class Stage:
    """A context with its journal and its board."""

    context: ExchangeContext
    journal: Journal
    board: FakeDiscord

    def exchange(self, message_id: int = THREAD, text: str = "hello", *files: Attachment) -> Exchange:
        """A message in CHANNEL whose answer goes to THREAD; its row is in the journal."""
        self.journal.messages.receive(message_id, thread_id=THREAD, channel_id=CHANNEL, guild_id=1, author_id=ADA)
        exchange = Exchange(Request(message_id, CHANNEL, THREAD, ADA, text, files), self.context)
        exchange.show_accepted()
        return exchange

    def begun(self, message_id: int = THREAD, text: str = "hello", *files: Attachment) -> Exchange:
        """An exchange whose thread is open and whose turn has come."""
        exchange = self.exchange(message_id, text, *files)
        self.begin(exchange)
        return exchange

    @staticmethod
    def begin(exchange: Exchange) -> None:
        """Open the thread of an exchange, and let its turn come."""
        exchange.opened(THREAD)
        exchange.on_starting()

    def finish(self, exchange: Exchange, outcome: Outcome = COMPLETED) -> None:
        """End an exchange as the pool does: the words first, then the journal."""
        pages = exchange.on_ended(outcome)
        self.journal.messages.prompted(exchange.message_ids, "")
        self.journal.messages.finish(exchange.message_ids, "ended", pages)

    async def finished(self, exchange: Exchange, outcome: Outcome = COMPLETED) -> None:
        """End an exchange, and wait until its reply has settled."""
        self.finish(exchange, outcome)
        await exchange.settled()


@asynccontextmanager
async def stage(
    folder: Path, *, reactions: bool = False, keep: bool = True, progress: bool = False, finish: str = "edit"
) -> AsyncIterator[Stage]:
    """Set everything up around a journal in `folder`."""
    board = FakeDiscord()
    with Journal.open(folder / "journal.db") as journal:
        async with pacing(board):
            wanted = Reactions(enabled=reactions, keep=keep, progress=progress)
            context = context_of_one(folder, journal, board=board, reactions=wanted, secrets=[SECRET], finish=finish)
            yield Stage(context, journal, board)


async def test_the_thread_sees_every_step(tmp_path: Path) -> None:
    """In line, starting, working, the answer: one message that changes."""
    async with stage(tmp_path) as it, opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        exchange = it.exchange()
        exchange.opened(THREAD)
        await settle()
        assert it.board.shown == []  # Its turn has not come.
        exchange.on_starting()
        await settle()
        assert it.board.shown == [notices.STARTING]
        exchange.on_queued(2, [])
        await settle()
        assert it.board.shown == ["-# ⏳ All agents are busy. You are number 2 in the queue"]
        exchange.on_queued(0, [])
        await settle()
        assert it.board.shown == [notices.STARTING]
        exchange.on_prompted(session, turn)
        await settle()
        assert it.board.shown == [notices.WORKING]
        exchange.on_event(Text("answer"))
        peer.end_turn(prompt)
        assert [event async for event in turn] == []
        await it.finished(exchange)
        assert it.board.shown == ["answer\n-# 30 s"]
        assert it.journal.messages.state(THREAD) is MessageState.ANSWERED


async def test_an_agent_that_is_awake_is_not_said_to_be_started(tmp_path: Path) -> None:
    """It can take long until the prompt is sent: files are fetched first."""
    async with stage(tmp_path) as it:
        exchange = it.exchange()
        exchange.opened(THREAD)
        exchange.on_starting(awake=True)
        await settle()
        assert it.board.shown == [notices.WORKING]
        it.finish(exchange)
        await exchange.settled()


@pytest.mark.parametrize(("scarce", "messages"), [(False, 2), (True, 1)])
async def test_a_turn_ends_with_one_write_while_calls_are_scarce(tmp_path: Path, scarce: bool, messages: int) -> None:  # noqa: FBT001 - a parameter of the test
    """What it took stands on the last page then, and else in a message that marks the thread as unread."""
    async with (
        stage(tmp_path, finish="auto") as it,
        opened() as (peer, _, session),
        session.prompt(HELLO) as turn,
        AsyncExitStack() as stack,
    ):
        prompt = await peer.expect("session/prompt")
        exchange = it.begun()
        exchange.on_prompted(session, turn)
        if scarce:
            await stack.enter_async_context(rush(it.board))
        await elapse(FRESH_SECONDS)
        exchange.on_event(Text("answer"))
        peer.end_turn(prompt)
        assert [event async for event in turn] == []
        await it.finished(exchange)
        assert len(it.board.shown) == messages
        assert it.board.shown[-1].endswith("22 s" if scarce else "20 s")


async def test_an_agent_that_keeps_changing_its_mode_does_not_fill_the_thread_with_that(tmp_path: Path) -> None:
    """Each change is a line that a page shows, also where the answer goes into a file; the last mode is named."""
    async with stage(tmp_path) as it, opened() as (_, __, session), session.prompt(HELLO) as turn:
        exchange = it.begun()
        exchange.on_prompted(session, turn)
        for number in range(100):
            change = {"sessionUpdate": "current_mode_update", "currentModeId": f"m{number}"}
            session.update(change, 0)
            exchange.on_event(parse_update(change))
        it.finish(exchange)
        told = re.findall("Mode: (.*)|keeps changing", "\n".join(exchange.reply.pages()))
        assert told == [*(f"m{number}" for number in range(MODES - 1)), "", "m99"]


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (["agent m1"], ["m1"]),
        (["person m1", "agent m1", "done"], []),
        (["person m1", "done", "agent m1"], ["m1"]),  # It could not be set, and the agent chooses it later.
        (["agent m1", "person m2", "set m2", "done", "agent m2"], ["m1"]),  # The agent confirms it afterwards.
        (["agent m1", "person m2", "set m2", "done", "agent m1"], ["m1", "m1"]),
        (["person m1", "agent m2", "agent m1", "done"], ["m2"]),
        (["person m1", "agent m1", "done", "agent m2", "agent m1"], ["m2", "m1"]),
    ],
)
async def test_a_mode_that_a_person_sets_is_not_told_as_the_agents_own_change(
    tmp_path: Path, happens: list[str], told: list[str]
) -> None:
    """The command tells it, once; what the agent changes by itself is told each time."""
    async with stage(tmp_path) as it, opened() as (_, __, session), session.prompt(HELLO) as turn:
        exchange = it.begun()
        exchange.on_prompted(session, turn)
        for each in happens:
            what, _, mode = each.partition(" ")
            change = {"sessionUpdate": "current_mode_update", "currentModeId": mode}
            match what:
                case "person":
                    exchange.expect_mode(mode)
                case "done":
                    exchange.expect_mode(None)
                case "set":
                    session.update(change, 0)
                case "agent":
                    session.update(change, 0)
                    exchange.on_event(parse_update(change))
        it.finish(exchange)
        assert re.findall("Mode: (.*)", "\n".join(exchange.reply.pages())) == told


async def test_replies_stand_in_the_order_in_which_their_turns_began(tmp_path: Path) -> None:
    """Not in the order of the messages; a turn that begins twice because an agent died keeps its first place."""
    async with stage(tmp_path) as it:
        early, late = it.exchange(20), it.exchange(21)
        for exchange in (early, late):
            exchange.opened(THREAD)
        for exchange in (late, early, late):
            exchange.on_starting()
        for exchange, text in ((early, "second"), (late, "first")):
            exchange.on_event(Text(text))
            it.finish(exchange)
        await asyncio.gather(early.settled(), late.settled())
        assert it.board.shown == ["first", "second"]


async def test_an_exchange_whose_turn_has_begun_is_not_merged_into_another(tmp_path: Path) -> None:
    """Its agent died before it got a byte: the next reply waits for the exchange's own, which must come."""
    async with stage(tmp_path) as it:
        first, second = it.exchange(20), it.exchange(21)
        for exchange in (first, second):
            exchange.opened(THREAD)
        first.on_starting()
        assert not second.merge_earlier(first)
        for exchange, text in ((first, "first"), (second, "second")):
            exchange.on_starting()
            exchange.on_event(Text(text))
            it.finish(exchange)
        await second.settled()
        assert it.board.shown == ["first", "second"]


async def test_notices_stand_above_the_answer(tmp_path: Path) -> None:
    """A forgotten session and an agent that acts unasked come before the agent's words (P43)."""
    async with stage(tmp_path) as it:
        exchange = it.begun()
        exchange.on_notice(Notice.FORGOTTEN)
        exchange.on_notice(Notice.UNASKED)
        exchange.on_event(Text("answer"))
        await it.finished(exchange)
        first, second, last = it.board.shown[0].splitlines()
        assert "knows nothing of this thread" in first
        assert second == notices.NOTICES[Notice.UNASKED]
        assert last == "answer"


# ---- the prompt


async def test_a_file_that_cannot_be_passed_on_is_named_above_the_answer_and_to_the_agent(tmp_path: Path) -> None:
    """A skipped file is always named (P69)."""
    file = Attachment("a*b.bin", "http://127.0.0.1/a.bin", None, 10**9)
    async with stage(tmp_path) as it, opened() as (_, _, session), session.prompt(HELLO) as turn:
        exchange = it.begun(THREAD, "look", file)
        asked, context = await exchange.blocks(PromptCapabilities())
        assert asked == TextBlock(text="look")
        assert "a*b.bin (larger than 25 MiB)" in str(context)
        exchange.on_prompted(session, turn)
        exchange.on_event(Text("answer"))
        await it.finished(exchange)
        assert it.board.shown == ["-# ⚠ not sent to the agent: a\\*b.bin \\(larger than 25 MiB\\)\nanswer"]


async def test_a_prompt_that_cannot_be_sent_yet_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the journal cannot be written the pool asks each second: files are fetched and named once."""
    fetch, fetches = Attachments.fetch, []

    async def counted(self: Attachments, requests: Sequence[Request], fresh: Fresh) -> Fetched:
        fetches.append([request.text for request in requests])
        return await fetch(self, requests, fresh)

    monkeypatch.setattr(Attachments, "fetch", counted)
    file = Attachment("a.bin", "http://127.0.0.1/a.bin", None, 10**9)
    async with stage(tmp_path) as it, opened() as (_, _, session), session.prompt(HELLO) as turn:
        exchange = it.begun(THREAD, "look", file)
        made = [await exchange.blocks(PromptCapabilities()) for _ in range(100)]
        assert all(each == made[0] for each in made)
        assert fetches == [["look"]]
        exchange.amend(Request(THREAD, CHANNEL, THREAD, ADA, "look again", (file,)))
        await exchange.blocks(PromptCapabilities())
        assert fetches == [["look"], ["look again"]]
        exchange.on_prompted(session, turn)
        exchange.on_prompted(session, turn)  # An agent that died before it got a byte is followed by another.
        await it.finished(exchange)
        assert it.board.shown[0].count("not sent to the agent") == 1


async def test_typing_is_shown_once_although_a_second_agent_gets_the_prompt(tmp_path: Path) -> None:
    """The first agent died before it got a byte; its indicator must not outlive the turn."""
    async with stage(tmp_path) as it, opened() as (_, _, session), session.prompt(HELLO) as turn:
        exchange = it.begun()
        for _ in range(2):
            exchange.on_prompted(session, turn)
        await elapse(2.5 * TYPING_SECONDS)
        assert it.board.whats.count("typing") == 3
        await it.finished(exchange)
        await elapse(3 * TYPING_SECONDS)
        assert it.board.whats.count("typing") == 3


async def test_the_prompt_waits_for_the_thread(tmp_path: Path) -> None:
    """A cancelled wait does not stop the thread from being opened."""
    async with stage(tmp_path) as it:
        exchange = it.exchange()
        first, second = (asyncio.ensure_future(exchange.blocks(PromptCapabilities())) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        assert not second.done()
        exchange.opened(THREAD)
        asked, _context = await second
        assert asked == TextBlock(text="hello")


async def test_a_thread_that_cannot_be_opened_is_reported_in_the_channel(tmp_path: Path) -> None:
    """The person learns why, where they wrote (P67)."""
    async with stage(tmp_path) as it:
        exchange = it.exchange()
        exchange.on_starting()
        exchange.not_opened("Missing Permissions")
        with pytest.raises(ExchangeFailed) as failed:
            await exchange.blocks(PromptCapabilities())
        await it.finished(exchange, Failed(failed.value))
        assert it.board.shown == ["❌ I can't open a thread: Missing Permissions"]


async def test_a_request_without_a_thread_waits_again_and_then_says_why(tmp_path: Path) -> None:
    """Its turn in the thread's conversation does not count: in the channel others may be before it."""
    async with stage(tmp_path) as it:
        exchange = it.exchange()
        exchange.on_starting()
        it.journal.messages.move(THREAD, CHANNEL, "")
        exchange.moved(replace(exchange.request, thread_id=CHANNEL, no_thread="No room."))
        await settle()
        asked = list[int]()
        it.context.replies.ask(THREAD, partial(asked.append, THREAD))  # It is called immediately: no turn runs.
        assert asked == [THREAD]
        assert it.board.shown == []
        exchange.on_starting()
        exchange.on_event(Text("answer"))
        await it.finished(exchange)
        assert it.board.shown == ["-# ⚠ I can't open a thread: No room.\nanswer"]


async def test_a_message_that_is_taken_back_before_the_reply_begins_leaves_no_word(tmp_path: Path) -> None:
    """The message is gone, and perhaps there is no thread; a reply that has begun says what became of it."""
    async with stage(tmp_path) as it:
        first, second = it.exchange(THREAD), it.exchange(THREAD + 1)
        first.on_starting()
        assert first.on_ended(TakenBack()) == []
        it.begin(second)
        await settle()
        assert second.on_ended(TakenBack()) == ["-# ⏹ Deleted before it was sent."]


# ---- the end

ENDINGS = [
    (COMPLETED, "said", "said"),
    (COMPLETED, "", "-# The agent finished without an answer."),
    (COMPLETED, "\n", "-# The agent finished without an answer."),
    (Completed("refusal"), "said", "said\n-# ⚠ The agent declined to continue."),
    (Completed("max_tokens"), "said", "said\n-# ⚠ The agent reached its token limit."),
    (
        Completed("max_turn_requests"),
        *("said", "said\n-# ⚠ The agent reached the limit of requests per turn."),
    ),
    (Completed("cancelled"), "said", "said\n-# ⏹ The agent cancelled the turn."),
    (Cancelled(ADA, "cancelled"), "said", f"said\n-# ⏹ Stopped by <@{ADA}>"),
    (Cancelled(ADA), "", f"-# ⏹ Stopped by <@{ADA}>"),
    (Cancelled(ADA, "end_turn"), "said", "said"),
    (Completed("invented_later"), "said", "said\n-# The turn ended: invented\\_later"),
    (Completed("x" * 5_000), "said", f"said\n-# The turn ended: {'x' * 100}"),
    (Completed(f"for {SECRET}"), "said", "said\n-# The turn ended: for [secret]"),
    (ShutDown(), "said", "said\n-# ⏹ Threadline stopped before this was finished."),
    (
        Failed(SpawnFailed(StartProblem.DIRECTORY_MISSING, f"/{SECRET}/<@1>")),
        *("", "❌ The agent could not start: its directory /\\[secret\\]/\\<\\@1\\> does not exist."),
    ),
    (
        Failed(AgentClosed(CloseReason.ENDED, 3, ("one", f"KeyError: {SECRET}"))),
        *("said", "said\n❌ The agent ended unexpectedly with exit code 3.\n```\nKeyError: [secret]\n```"),
    ),
    (
        Failed(RemoteError("session/prompt", -32603, "Internal error", {"details": SECRET})),
        *("", '❌ The agent reported an error: Internal error\n```json\n{\n  "details": "[secret]"\n}\n```'),
    ),
]


@pytest.mark.parametrize(("ending", "said", "shown"), ENDINGS, ids=lambda part: str(part)[:60])
async def test_every_end_has_its_words(tmp_path: Path, ending: Outcome, said: str, shown: str) -> None:
    """Stop reasons, errors with exit code and stderr, a cancel, a stop of the bot (P21, P39, P67), without secrets."""
    async with stage(tmp_path) as it:
        exchange = it.begun()
        await settle()
        exchange.on_event(Text(said))
        await it.finished(exchange, ending)
        (page,) = it.board.shown
        assert plain(page).strip().startswith(plain(shown))
        extra = agent_errors.NEXT_STARTS if isinstance(ending, Failed) and isinstance(ending.error, AgentClosed) else ""
        assert plain(page).strip().removeprefix(plain(shown)).strip() == plain(extra)


def plain(text: str) -> str:
    """Without the escapes that only keep Markdown quiet."""
    return text.replace("\\", "")


async def test_an_exchange_that_is_dropped_shows_nothing(tmp_path: Path) -> None:
    """It was never begun."""
    async with stage(tmp_path) as it:
        exchange = it.exchange()
        exchange.opened(THREAD)
        it.journal.messages.close(exchange.message_ids, "dropped")
        assert exchange.on_ended(Dropped()) == []
        await exchange.settled()
        await settle()
        assert it.board.calls == []
        assert it.journal.messages.state(THREAD) is MessageState.CLOSED


async def test_a_reply_that_cannot_be_delivered_is_closed_in_the_journal(tmp_path: Path) -> None:
    """Every row ends (P20)."""
    async with stage(tmp_path) as it:
        exchange = it.begun()
        exchange.on_event(Text("answer"))
        it.board.faults.extend([PermanentError("Missing Access")] * 2)
        await it.finished(exchange)
        assert it.journal.messages.state(THREAD) is MessageState.CLOSED


async def test_a_late_word_of_the_agent_is_shown(tmp_path: Path) -> None:
    """A chunk behind the response belongs to the answer (P23)."""
    async with stage(tmp_path) as it:
        exchange = it.begun()
        exchange.on_event(Text("answer"))
        await it.finished(exchange)
        exchange.on_event(Text(", late"))
        await settle()
        assert it.board.shown == ["answer\n, late"]


async def test_replies_of_one_thread_come_one_after_the_other(tmp_path: Path) -> None:
    """The second waits until the first is confirmed; a third one after a pause does not wait."""
    async with stage(tmp_path) as it:
        first, second = it.exchange(20), it.exchange(21)
        for exchange, text in ((first, "one"), (second, "two")):
            it.begin(exchange)
            exchange.on_event(Text(text))
        it.finish(second)
        await settle()
        assert it.board.shown == ["one"]
        it.finish(first)
        await second.settled()
        third = it.exchange(22)
        it.begin(third)
        third.on_event(Text("three"))
        await it.finished(third)
        assert it.board.shown == ["one", "two", "three"]


async def test_the_stop_waits_for_replies_that_have_ended_for_a_bounded_time(tmp_path: Path) -> None:
    """A reply that has ended is posted; one that hangs is left; a turn that runs is not awaited."""
    async with stage(tmp_path) as it:
        done, waiting = it.exchange(20), it.exchange(21)
        it.journal.messages.receive(99, thread_id=99, channel_id=CHANNEL, guild_id=1, author_id=ADA)
        live = Exchange(Request(99, CHANNEL, 99, ADA, "x"), it.context)
        start = asyncio.get_running_loop().time()
        it.board.held = asyncio.Event()
        for exchange in (done, live):
            exchange.opened(exchange.request.thread_id)
            exchange.on_starting()
            exchange.on_event(Text("answer"))
        await it.context.replies.settled(8.0)
        assert asyncio.get_running_loop().time() == start
        it.finish(done)
        await it.context.replies.settled(8.0)
        assert asyncio.get_running_loop().time() - start == pytest.approx(8.0)
        assert not done.reply.settled.is_set()
        it.board.held.set()
        await it.context.replies.settled(8.0)
        assert done.reply.settled.is_set()
        assert not live.reply.ended
        assert not waiting.reply.ended


@pytest.mark.parametrize(
    ("reason", "reaction"), [("end_turn", {DONE}), ("failed", {FAILED}), ("cancelled", set[str]())]
)
async def test_a_reply_that_is_posted_after_a_restart_gets_the_reaction_of_its_end(
    tmp_path: Path, reason: str, reaction: set[str]
) -> None:
    """As it would have had before; the eye of the earlier run goes (P70)."""
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.reactions.put(THREAD, THREAD, EYE)
    async with stage(tmp_path, reactions=True) as it:
        it.board.reactions.add((THREAD, EYE))
        exchange = it.exchange()
        exchange.opened(THREAD)
        assert await exchange.ended_before_restart(reason) == THREAD
        exchange.reply.restore(THREAD, ["the end of it"], [], {})
        await exchange.settled()
        await settle()
        assert it.board.reactions == {(THREAD, each) for each in reaction}


@pytest.mark.parametrize("progress", [True, False])
async def test_a_message_whose_turn_the_bots_stop_cuts_off_keeps_its_eye(tmp_path: Path, *, progress: bool) -> None:
    """As after a kill: the next run of the bot answers it, or asks what to do. The agent's activity does not show."""
    async with stage(tmp_path, reactions=True, progress=progress) as it:
        exchange = it.begun()
        exchange.reactions.silent()
        exchange.on_ended(ShutDown())
        await settle()
        assert it.board.reactions == {(THREAD, EYE)}


async def test_a_reply_whose_thread_is_not_open_is_not_waited_for_and_settles_when_there_will_be_none(
    tmp_path: Path,
) -> None:
    """It was cancelled before; a wait for all replies, or for this one, ends."""
    async with stage(tmp_path) as it:
        exchange = it.exchange()
        exchange.on_starting()
        ending = Cancelled(ADA)
        it.journal.messages.close(exchange.message_ids, "cancelled", exchange.on_ended(ending))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await it.context.replies.settled(60)
        assert loop.time() == began
        assert [row.message_id for row in it.journal.messages.open_rows()] == [
            THREAD
        ]  # The line about it is still to be posted.
        exchange.message_deleted()
        await exchange.settled()
        assert await exchange.ended_before_restart("cancelled") == THREAD
        with pytest.raises(ExchangeFailed):
            await exchange.blocks(PromptCapabilities())
        assert (it.board.shown, it.journal.messages.open_rows()) == ([], [])
        exchange.message_deleted()


# ---- links


async def test_links_are_read_in_order_behind_the_event_and_never_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event returns although the file system does not answer; links that are unread at the end are named."""
    answers, asked = threading.Event(), list[str]()

    def read_now(_: WorkspaceFiles, uri: str) -> bytes | str:
        asked.append(uri)
        assert answers.wait(60)
        return f"no {Path(uri).name}"

    monkeypatch.setattr(WorkspaceFiles, "read_now", read_now)
    async with stage(tmp_path) as it, opened() as (_, __, session), session.prompt(HELLO) as turn:
        exchange = it.begun()
        exchange.on_prompted(session, turn)
        for name in ("a", "b"):
            link = {"type": "resource_link", "name": name, "uri": f"/p/{name}"}
            exchange.on_event(parse_update({"sessionUpdate": "agent_message_chunk", "content": link}))
        assert asked == []
        reading = asyncio.create_task(exchange.linked())
        await step()
        answers.set()
        await reading
        assert asked == ["/p/a", "/p/b"]
        exchange.on_event(parse_update({"sessionUpdate": "agent_message_chunk", "content": link | {"name": "c"}}))
        it.finish(exchange)
        exchange.on_event(parse_update({"sessionUpdate": "agent_message_chunk", "content": link | {"name": "d"}}))
        await exchange.settled()
        (shown,) = it.board.shown
        assert re.findall("🚫 (.*)", shown) == [
            "a was not sent: no a",
            "b was not sent: no b",
            "c was not sent: it had not been read when the turn ended",
            "d was not sent: it came after the end of the turn",
        ]


# ---- questions


async def test_a_question_is_asked_with_all_that_is_known_and_closed_with_the_turn(tmp_path: Path) -> None:
    """The request may bring only the id of a call that was announced; the turn's end removes the buttons (P51, P54)."""
    async with stage(tmp_path) as it, opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        exchange = it.begun()
        exchange.on_prompted(session, turn)
        for name in "cd":
            exchange.on_event(ToolCall(tool_call_id=name, title="Run", raw_input={"command": f"make {name}"}))
            peer.ask(session.session_id, {"toolCallId": name})
            question = await anext(turn)
            assert isinstance(question, Question)
            exchange.on_event(question)
        await settle()
        assert it.board.shown == [
            f"<@{ADA}> **{n}.** **Permission needed** · run `make {name}`\n```\ntitle: Run\n```"
            for n, name in enumerate("cd", 1)
        ] + [notices.UNDER_WAY]
        exchange.on_event(Withdrawn(0))
        await settle()
        assert it.board.shown[0] == "-# closed: withdrawn by the agent · `make c`"
        assert it.board.shown[1].startswith(f"<@{ADA}>")
        peer.end_turn(prompt)
        assert [event async for event in turn] == []
        it.finish(exchange)
        await settle()
        assert it.board.shown[1] == "-# closed: the turn has ended · `make d`"
        assert it.board.shown[2].startswith("-# The agent finished without an answer.")
        assert all(not message.buttons for message in it.board.messages.values())


# ---- reactions


async def test_an_accepted_message_has_an_eye_until_its_exchange_ends(tmp_path: Path) -> None:
    """Before its turn begins; at the end another reaction replaces it (P70)."""
    async with stage(tmp_path, reactions=True) as it:
        exchange = it.exchange()
        await settle()
        assert it.board.reactions == {(THREAD, EYE)}
        it.begin(exchange)
        exchange.on_event(Text("answer"))
        it.finish(exchange)
        await settle()
        assert it.board.reactions == {(THREAD, DONE)}


async def test_the_reaction_of_the_end_waits_for_the_answer(tmp_path: Path) -> None:
    """Discord counts reactions separately, so it would come first."""
    async with stage(tmp_path, reactions=True) as it:
        exchange = it.begun()
        await settle()
        it.board.held = asyncio.Event()
        exchange.on_event(Text("answer"))
        it.finish(exchange)
        await settle()
        assert [call.content for call in it.board.calls if call.what == "react"] == [EYE]
        it.board.held.set()
        await settle()
        assert it.board.reactions == {(THREAD, DONE)}


async def test_a_question_comes_below_the_answer_before_it(tmp_path: Path) -> None:
    """The last page of a turn may take seconds under real limits; the next turn's agent asks immediately."""
    options = ({"optionId": "no", "name": "Reject", "kind": "reject_once"},)
    async with stage(tmp_path) as it, opened() as (peer, _, session), session.prompt(HELLO) as turn:
        await peer.expect("session/prompt")
        first, second = it.exchange(20), it.exchange(21)
        first.opened(THREAD)
        it.board.faults.append(TryLater("503"))
        first.on_starting()
        await elapse(0.05)
        first.on_event(Text("first"))
        it.finish(first)
        it.begin(second)
        second.on_prompted(session, turn)
        peer.ask(session.session_id, {"toolCallId": "c", "title": "Run it"}, options, 7)
        second.on_event(await anext(turn))
        await settle()
        shown = it.board.shown
    assert shown[0] == "first"
    assert sum("Run it" in each for each in shown[1:]) == 1


@pytest.mark.parametrize(
    ("ending", "reactions"),
    [
        (COMPLETED, {(THREAD, DONE)}),
        (Failed(SpawnFailed(StartProblem.COMMAND_MISSING, "agent")), {(THREAD, FAILED)}),
        (Cancelled(ADA, "cancelled"), set()),
    ],
    ids=["done", "failed", "cancelled"],
)
async def test_the_reaction_at_the_end_says_how_it_went(
    tmp_path: Path, ending: Outcome, reactions: set[tuple[int, str]]
) -> None:
    """What a person cancelled needs none."""
    async with stage(tmp_path, reactions=True) as it:
        exchange = it.exchange()
        await settle()
        it.begin(exchange)
        it.finish(exchange, ending)
        await settle()
        assert it.board.reactions == reactions


async def test_no_reaction_stays_where_the_configuration_says_so(tmp_path: Path) -> None:
    """The eye goes, and no other reaction replaces it (P70)."""
    async with stage(tmp_path, reactions=True, keep=False) as it:
        exchange = it.exchange()
        await settle()
        it.begin(exchange)
        it.finish(exchange)
        await settle()
        assert it.board.reactions == set()


async def test_the_reaction_shows_what_the_agent_does_where_that_is_wanted(tmp_path: Path) -> None:
    """While it works, and not afterwards; the next text ends the silence (P70)."""
    async with (
        stage(tmp_path, reactions=True, progress=True) as it,
        opened() as (peer, _, session),
        session.prompt(HELLO) as turn,
    ):
        prompt = await peer.expect("session/prompt")
        exchange = it.begun()
        exchange.on_prompted(session, turn)
        exchange.on_event(ToolCall(tool_call_id="c", title="Run", kind="execute"))
        await settle()
        assert it.board.reactions == {(THREAD, "💻")}
        exchange.on_alert(WatchdogAlert.SILENT, 120)
        await settle()
        assert it.board.reactions == {(THREAD, "💤")}
        exchange.on_event(Text("answer"))
        await settle()
        assert it.board.reactions == {(THREAD, "✍️")}
        exchange.on_event(Thought("more"))
        peer.end_turn(prompt)
        assert [event async for event in turn] == []
        it.finish(exchange)
        await settle()
        assert it.board.reactions == {(THREAD, DONE)}


async def test_an_eye_that_is_no_longer_wanted_while_it_is_added_is_removed(tmp_path: Path) -> None:
    """A turn may be over before Discord has the reaction (P70)."""
    async with stage(tmp_path, reactions=True) as it:
        it.board.held = asyncio.Event()
        exchange = it.exchange()
        await settle()
        assert it.board.in_flight == 1
        exchange.on_ended(Dropped())
        it.board.held.set()
        await settle()
        assert it.board.whats == ["react", "unreact"]
        assert it.board.reactions == set()


async def test_no_eye_where_reactions_are_off_or_refused(tmp_path: Path) -> None:
    """A refused reaction does not affect the answer."""
    async with stage(tmp_path / "off") as it:
        it.exchange()
        await settle()
        assert it.board.calls == []
    async with stage(tmp_path / "refused", reactions=True) as it:
        it.board.faults.append(PermanentError("Reaction blocked"))
        exchange = it.exchange()
        await settle()
        it.begin(exchange)
        exchange.on_event(Text("answer"))
        await it.finished(exchange)
        assert it.board.shown == ["answer"]
