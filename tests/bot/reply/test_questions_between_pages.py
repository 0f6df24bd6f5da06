"""Pages and questions of a reply stand in the order in which the agent said and asked them, whatever Discord does."""

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp import Text
from bot.render.transcript import Transcript
from bot.reply.page_state import PageState
from bot.reply.reply import Reply
from bot.rest.errors import PermanentError, TryLater
from bot.rest.live_message import LiveMessage
from bot.user_messages import notices, outcomes
from pool.journal.trailers import Trailer
from tests.bot.fake_discord import AnswerLost, settle
from tests.bot.render.test_transcript import tool
from tests.support.virtual_time import elapse

from .test_reply import KEY, THREAD, Stage, ended, stage, stop_button

pytestmark = pytest.mark.virtual_time

_numbers: Iterator[int] = count()


def ask(it: Stage, reply: Reply, text: str) -> LiveMessage:
    """Ask a question in a reply, as `Cards.open` does."""
    card = LiveMessage(
        THREAD,
        api=it.board,
        nonce=f"card{next(_numbers)}",
        held=True,
        on_posted=lambda _: stood(),
        on_refused=lambda: stood(),  # noqa: PLW0108 - it is known below
    )
    card.show(text)
    stood = reply.ask(card.release)
    return card


async def test_each_question_stands_between_what_was_said_before_and_after_it() -> None:
    """Also two questions in a row, and where all of it is there before the first page is written."""
    async with stage() as it:
        reply = it.started()
        for number in range(3):
            reply.apply(Text(f"text {number}"))
            ask(it, reply, f"question {number}")
            ask(it, reply, f"another {number}")
        reply.apply(Text("the end"))
        await ended(reply)
        expected = [f"{what} {number}" for number in range(3) for what in ("text", "question", "another")]
        assert it.board.shown == [*expected, "the end"]


async def test_the_placeholder_moves_below_a_question_and_becomes_the_first_text() -> None:
    """Where no text stands above, only its button can stop the turn."""
    async with stage() as it:
        reply = it.started(stop=stop_button)
        await settle()
        assert it.board.shown == ["⏳"]
        for number in (1, 2):
            ask(it, reply, f"question {number}")
            await elapse(10)
            assert it.board.shown == [*["question 1", "question 2"][:number], notices.UNDER_WAY]
            assert [len(each.buttons) for _, each in sorted(it.board.messages.items())] == [0] * number + [1]
        reply.apply(Text("text"))
        await elapse(10)
        assert it.board.whats[-1] == "edit"
        assert await ended(reply) == ["text"]
        assert it.board.shown == ["question 1", "question 2", "text"]


async def test_a_turn_that_ends_after_its_question_leaves_no_placeholder() -> None:
    """It has nothing to say."""
    async with stage() as it:
        reply = it.started()
        ask(it, reply, "question")
        await elapse(10)
        assert it.board.shown == ["question", notices.UNDER_WAY]
        assert await ended(reply) == []
        assert it.board.shown == ["question"]


async def test_a_running_tool_call_moves_from_above_the_question_to_below_it() -> None:
    """Its line above is removed before the card comes; below, the same line is shown again."""
    async with stage() as it:
        reply = it.started()
        reply.apply(tool("a", "tool_call", title="make", status="in_progress"))
        await settle()
        assert it.board.shown == ["-# ▸ make"]
        ask(it, reply, "question")
        await elapse(10)
        assert it.board.shown == ["question", notices.UNDER_WAY]
        reply.apply(tool("a", status="in_progress"))
        await elapse(10)
        assert it.board.shown == ["question", "-# ▸ make"]


async def test_a_page_that_was_begun_too_early_moves_below_the_question() -> None:
    """A page above that a person has deleted stays deleted, and one that has to go may be gone already."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("text"))
        reply.apply(tool("a", "tool_call", title="make", status="in_progress"))
        await settle()
        it.board.messages.clear()
        ask(it, reply, "question")
        reply.apply(Text("below"))
        await ended(reply)
        assert it.board.shown == ["question", "below"]


async def test_a_question_that_is_refused_holds_up_nothing() -> None:
    """What follows is posted."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("above"))
        await settle()
        it.board.refused = ("question", "no such words")
        ask(it, reply, "question")
        reply.apply(Text("below"))
        await ended(reply)
        assert it.board.shown == ["above", "below"]


async def test_a_question_that_is_refused_for_its_rate_stands_between_its_pages_all_the_same() -> None:
    """Nothing is written below it until it stands (429)."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("above"))
        await elapse(10)
        it.board.faults.extend([TryLater("429", 30.0)] * 2)
        ask(it, reply, "question")
        reply.apply(Text("below"))
        await elapse(20)
        assert it.board.shown == ["above"]
        await ended(reply)
        assert it.board.shown == ["above", "question", "below"]


async def test_a_thread_that_is_archived_between_a_page_and_its_question_keeps_their_order() -> None:
    """The last edit of the page above opens it, and so does the edit of the question."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("above"))
        await elapse(10)
        it.board.archived = True
        reply.apply(Text(" all"))
        card = ask(it, reply, "question")
        reply.apply(Text("below"))
        await elapse(10)
        assert it.board.shown == ["above all", "question", "below"]
        it.board.archived = True
        card.show("answered")
        await elapse(10)
        await ended(reply)
        assert it.board.shown == ["above all", "answered", "below"]
        assert it.board.whats.count("reopen") == 2


async def test_a_question_does_not_wait_for_a_reply_that_cannot_be_written() -> None:
    """One that is asked later does not either; the agent would wait for hours."""
    async with stage() as it:
        reply = it.started()
        await settle()
        it.board.faults.append(PermanentError("Missing Permissions"))
        reply.apply(Text("above"))
        ask(it, reply, "first")
        await settle()
        ask(it, reply, "second")
        await settle()
        assert it.board.shown == ["⏳", "first", "second"]


async def test_a_question_of_a_reply_that_is_given_up_is_posted() -> None:
    """So is one that comes after that."""
    async with stage() as it:
        before, reply = await it.two_replies()
        ask(it, reply, "first")
        reply.give_up()
        ask(it, reply, "second")
        await settle()
        assert it.board.shown == ["words", "first", "second"]
        await ended(before)


async def test_an_answer_settles_when_its_questions_stand_and_the_next_reply_follows_them() -> None:
    """Files and the word about the end come below all of it; a question from behind the end, below them."""
    async with stage() as it:
        reply, after = await it.two_replies()
        after.apply(Text("next"))
        for number in range(3):
            ask(it, reply, f"question {number}")
        it.board.faults.extend([TryLater("503")] * 5)
        reply.end(Trailer("-# done"))
        ask(it, reply, "after the end")
        await elapse(0.2)
        assert not reply.settled.is_set()
        await reply.settled.wait()
        await settle()
        assert it.board.shown[:5] == ["words", "question 0", "question 1", "question 2", "-# done"]
        assert {*it.board.shown[5:]} == {"after the end", "next"}


async def test_the_stop_button_stays_above_an_open_question_until_the_next_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The turn can be stopped while it asks; a reply that cannot be rendered keeps the order too."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("above"))
        ask(it, reply, "question")
        await settle()
        with monkeypatch.context() as patch:
            patch.setattr(Transcript, "apply", lambda *_: 1 / 0)
            reply.apply(Text("lost"))
        ask(it, reply, "another")
        reply.line("-# ⏹ stopped")
        await ended(reply)
        assert it.board.shown == ["above", "question", outcomes.NOT_RENDERED, "another", "-# ⏹ stopped"]


FAULTS = st.lists(st.sampled_from([None, None, TryLater("503"), AnswerLost("reset")]), max_size=25)
SCRIPT = st.lists(st.sampled_from(["say", "ask", "tool", "done", "wait"]), max_size=25)


@settings(max_examples=60)
@given(script=SCRIPT, faults=FAULTS, latency=st.sampled_from([0.05, 1.5]))
async def test_nothing_stands_above_what_came_before_it_whatever_fails(
    script: list[str], faults: list[Exception | None], latency: float
) -> None:
    """Each word is there once, each question in its place."""
    async with stage() as it:
        it.board.faults.extend(faults)
        it.board.latency = latency
        reply, expected = it.started(), list[str]()
        for number, what in enumerate(script):
            match what:
                case "say":
                    reply.apply(Text(f"said{number} "))
                    expected.append(f"said{number}")
                case "ask":
                    ask(it, reply, f"asked{number}")
                    expected.append(f"asked{number}")
                case "tool":
                    reply.apply(tool("a", "tool_call", title="make", status="in_progress"))
                case "done":
                    reply.apply(tool("a", status="completed"))
                case _:
                    await elapse(0.7)
        await ended(reply)
        await settle()
        found = [word for each in it.board.shown for word in each.split() if word.startswith(("said", "asked"))]
        assert found == expected
        assert sum("asked" in each for each in it.board.shown) == script.count("ask")


async def test_the_pages_above_questions_are_not_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With twice as many questions a reply looks twice as often at a page, and not four times."""
    looks = 0
    original = PageState.differs

    def counted(self: PageState, page: str) -> bool:
        nonlocal looks
        looks += 1
        return original(self, page)

    monkeypatch.setattr(PageState, "differs", counted)

    async def asked(times: int, key: int) -> int:
        nonlocal looks
        looks = 0
        reply = it.started(key)
        for number in range(times):
            reply.apply(Text(f"text {number}"))
            ask(it, reply, f"question {number}")
            await settle()
        await ended(reply)
        return looks

    async with stage() as it:
        assert await asked(60, KEY + 1) < 3 * await asked(30, KEY)


async def test_the_journal_knows_that_what_follows_stands_below_a_question() -> None:
    """The next run adds no line above it, whether or not there was a page."""
    async with stage() as it:
        reply = it.started()
        reply.placeholder("")
        ask(it, reply, "first")
        await settle()
        assert [(each.number, each.message_id) for each in it.journal.sent_pages.of(KEY)] == [(0, None)]
        reply.apply(Text("text"))
        ask(it, reply, "second")
        await settle()
        assert [each.number for each in it.journal.sent_pages.of(KEY)] == [0, 1]
