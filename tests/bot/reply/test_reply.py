"""One reply: whatever Discord does, its messages equal the pages in the end, and never show an older text again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp import Text
from acp.schema import parse_update
from bot.render.transcript import Transcript
from bot.reply.delivery import Delivery
from bot.reply.edit_cadence import PLACEHOLDER_SECONDS
from bot.reply.page_state import OLD_SECONDS, PageState
from bot.reply.refused_content import ENCLOSED
from bot.reply.reply import Reply
from bot.rest.backoff import ATTEMPTS, LONGEST_WAIT
from bot.rest.calls import ApiCall, Urgency
from bot.rest.errors import ContentRefused, PermanentError, TryLater
from bot.rest.mentions import NO_MENTIONS, Mentions
from bot.rest.rate_limits import EDIT_GAP
from bot.user_messages import outcomes
from pool.journal.journal import Journal
from pool.journal.sent_pages import SentPage
from pool.journal.trailers import Trailer
from tests.bot.fake_discord import AnswerLost, FakeDiscord, accepted, pacing, scratch_journal, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

THREAD = 7
HOURS = 3 * 3600.0
KEY = 1_234_567_890_123_456_789
LONG_CODE = "```py\n" + "line\n" * 300 + "```\n"
"""It becomes a file."""


@dataclass
class Stage:
    """A board, and replies on it."""

    board: FakeDiscord
    journal: Journal
    told: list[bool] = field(default_factory=list)
    """Of each reply that has settled, whether it is confirmed."""

    def reply(
        self,
        key: int = KEY,
        *,
        on_settled: Callable[[bool], None] | None = None,
        stop: Callable[[], discord.ui.View] | None = None,
    ) -> Reply:
        accepted(self.journal, key, thread_id=THREAD)
        reply = Reply(key, api=self.board, journal=self.journal, on_settled=on_settled or self.told.append, stop=stop)
        reply.placeholder("⏳")
        return reply

    async def two_replies(self, **given: Any) -> tuple[Reply, Reply]:
        """A reply that shows "words", and one that waits for it."""
        reply, after = self.reply(**given), self.reply(KEY + 1)
        after.follow(reply)
        for each in (reply, after):
            each.start(THREAD)
        reply.apply(Text("words"))
        await settle()
        return reply, after

    def started(self, key: int = KEY, **given: Any) -> Reply:
        """A reply that has its thread."""
        reply = self.reply(key, **given)
        reply.start(THREAD)
        return reply


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """An empty board, and a running schedule."""
    board = FakeDiscord()
    with scratch_journal() as journal:
        async with pacing(board):
            yield Stage(board, journal)


async def ended(reply: Reply, closing: Trailer | None = None) -> list[str]:
    """End a reply, and wait until it has settled; return its pages."""
    pages = reply.end(closing)
    await reply.settled.wait()
    return pages


async def posted(reply: Reply) -> None:
    """Begin to post a reply, and wait until it has settled."""
    reply.start(THREAD)
    await reply.settled.wait()


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def plan(*steps: str) -> Any:
    """A plan with these steps, all pending."""
    return parse_update({"sessionUpdate": "plan", "entries": [{"content": step} for step in steps]})


def picture(number: int) -> Any:
    """An image."""
    image = {"type": "image", "data": "AAAA", "mimeType": "image/png", "uri": f"file:///{number}.png"}
    return parse_update({"sessionUpdate": "agent_message_chunk", "content": image})


# ---- streaming


async def test_the_first_text_comes_right_behind_the_placeholder() -> None:
    """Pacing does not delay it: a person waits for it. The rest of the budget is then spread over its window."""
    async with stage() as it:
        reply = it.reply()
        start = now()
        reply.start(THREAD)
        await elapse(PLACEHOLDER_SECONDS + 0.01)
        reply.apply(Text("first"))
        await elapse(0.5)
        reply.apply(Text(" second"))
        await settle()
    assert [(round(call.at - start - PLACEHOLDER_SECONDS, 1), call.what, call.content) for call in it.board.calls] == [
        (0.0, "send", "⏳"),
        (0.1, "edit", "first"),
        (1.4, "edit", "first second"),
    ]


async def test_a_text_that_comes_at_once_is_the_first_message() -> None:
    """It costs one call instead of two, and waits for no answer to a placeholder."""
    async with stage() as it:
        reply = it.reply()
        start = now()
        reply.start(THREAD)
        await elapse(PLACEHOLDER_SECONDS / 2)
        reply.placeholder("other")
        reply.apply(Text("first"))
        await settle()
    assert [(call.what, call.content) for call in it.board.calls] == [("send", "first")]
    assert it.board.calls[0].at - start == pytest.approx(PLACEHOLDER_SECONDS / 2)


async def test_a_text_that_comes_at_once_waits_for_no_change_of_the_placeholder() -> None:
    """The agent has started, and answers: the message says so by the text."""
    async with stage() as it:
        reply = it.started()
        await settle()
        reply.placeholder("other")
        await elapse(PLACEHOLDER_SECONDS / 2)
        reply.apply(Text("first"))
        await settle()
    assert [(call.what, call.content) for call in it.board.calls] == [("send", "⏳"), ("edit", "first")]


async def test_where_calls_are_scarce_a_text_costs_no_placeholder() -> None:
    """Placeholders leave half of all calls to texts, and come after a second at the latest."""
    async with stage() as it:
        for number in range(30):
            it.board.pacer.put(ApiCall(number, lambda: elapse(0.07), Urgency.NOTICE))
        await elapse(0.01)
        waiting = it.reply(KEY + 1)
        reply = it.reply()
        for each in (waiting, reply):
            each.start(THREAD)
        await elapse(0.2)
        assert it.board.calls == []
        reply.apply(Text("words"))
        await elapse(0.2)
        assert it.board.shown == ["words"]
        await elapse(1.0)
        assert it.board.shown == ["words", "⏳"]


async def test_a_stream_becomes_few_edits_and_the_last_shows_all() -> None:
    """A hundred chunks a second, one edit in 1.25 s, the final text complete and once (P11, P12)."""
    async with stage() as it:
        reply = it.started()
        for number in range(1_000):
            reply.apply(Text(f"{number} "))
            await elapse(0.01)
        pages = await ended(reply)
    assert it.board.shown == pages == [" ".join(map(str, range(1_000)))[:2000].rpartition(" ")[0], pages[1]]
    assert " ".join(pages).split() == list(map(str, range(1_000)))
    assert len(it.board.calls) <= 12
    assert it.board.overlaps == 0


async def test_a_text_of_many_pages_is_posted_page_by_page_in_order() -> None:
    """Each page is sent once."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("".join(f"line {number} of a long answer\n" for number in range(500))))
        pages = await ended(reply)
    assert len(pages) > 6
    assert it.board.shown == pages
    assert it.board.whats.count("send") == len(pages)


async def test_only_the_message_that_pings_makes_a_sound_and_it_comes_last() -> None:
    """Placeholder, pages and files are silent; the message that pings the asker follows them (P19)."""
    async with stage() as it:
        reply = it.started()
        await settle()
        reply.apply(Text("x" * 3_000))
        reply.apply(Text("\n```py\n" + "line\n" * 300 + "```\n"))
        await ended(reply, Trailer("<@42> done", mention=42))
        messages = [message for _, message in sorted(it.board.messages.items())]
        assert it.journal.trailers.of(KEY)
    assert [message.silent for message in messages] == [True, True, True, False]
    assert [message.mention for message in messages] == [NO_MENTIONS, NO_MENTIONS, NO_MENTIONS, Mentions((42,))]
    assert [[name for name, _ in message.files] for message in messages] == [[], [], ["code.py"], []]
    assert messages[-1].content == "<@42> done"


async def test_files_that_discord_refuses_are_replaced_by_a_line_and_the_end_is_announced() -> None:
    """A missing permission to attach files costs neither the answer nor the news of its end (P20)."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text(LONG_CODE))
        reply.end(Trailer("<@42> done", mention=42))
        it.board.faults.extend([None, PermanentError("Missing Permissions")])
        await posted(reply)
    assert it.board.shown[1:] == ["-# 🚫 code.py could not be attached: Missing Permissions", "<@42> done"]
    assert it.told == [True]


@pytest.mark.parametrize(
    ("faults", "shown"),
    [
        ([PermanentError("Blocked")], ["-# ✅ done\n-# 2 s\n-# 🔕 I couldn't ping you: Blocked"]),
        ([PermanentError("Blocked"), PermanentError("Blocked")], []),
    ],
    ids=["the call", "the word too"],
)
async def test_an_answer_that_is_posted_is_delivered_although_the_message_about_its_end_is_refused(
    faults: list[Exception], shown: list[str]
) -> None:
    """All that the agent said is in the thread (P20)."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text("text"))
        reply.end(Trailer("<@42> ✅ done\n-# 2 s", mention=42))
        it.board.faults.extend([None, *faults])
        await posted(reply)
    assert it.board.shown == ["text", *shown]
    assert it.told == [True]


@pytest.mark.parametrize("lost", range(5))
async def test_what_follows_the_pages_is_sent_once_whatever_answer_is_lost(lost: int) -> None:
    """Each message has one nonce for all its tries (P12)."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text(LONG_CODE))
        reply.end(Trailer("done"))
        it.board.faults.extend([*[None] * lost, AnswerLost("reset"), TryLater("503"), AnswerLost("reset")])
        await posted(reply)
    assert it.board.shown == ["📎 `code.py` · 300 lines", "", "done"]


async def test_where_a_page_is_full_the_next_one_follows_immediately_although_text_keeps_coming() -> None:
    """It is sent, and a send need not wait as long as an edit."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("word " * 380))
        await settle()
        reply.apply(Text("more " * 40))
        await elapse(0.05)
        assert it.board.in_flight == 1
        reply.apply(Text("and more"))
        await elapse(0.3)
        assert it.board.whats[-2:] == ["edit", "send"]
        assert it.board.shown[-1].endswith("and more")


async def test_where_calls_are_scarce_a_page_costs_no_call_more_than_an_edit() -> None:
    """It ends before it is full, and the next one replaces the next edit; else there would be two calls (P12)."""
    async with stage() as it:
        reply = it.started()
        for number in range(1_400):
            if number % 3 == 0:  # More than half of all calls are others'.
                it.board.pacer.put(ApiCall(number, lambda: elapse(0.07), Urgency.NOTICE))
            reply.apply(Text(f"{number} "))
            await elapse(0.01)
        pages = await ended(reply)
    assert it.board.shown == pages
    assert " ".join(pages).split() == list(map(str, range(1_400)))
    assert len(pages) > 3
    writes = [call for call in it.board.calls if call.what in {"send", "edit"}]
    assert len(writes) <= 14 / EDIT_GAP + 3
    assert [call.what for call in writes].count("send") == len(pages)


async def test_a_page_that_was_begun_too_early_is_deleted_in_the_end() -> None:
    """Words that have not settled may go over a page's end, and fit again once their markup is known."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text("x" * 1_900 + "\n| wide" + " " * 200 + "| b |\n"))
        reply.start(THREAD)
        await settle()
        assert len(it.board.shown) == 2
        reply.apply(Text("|---|---|\n"))
        await settle()
        pages = await ended(reply)
        assert reply.settled.is_set()
    assert len(pages) == 1
    assert it.board.shown == pages


async def test_a_page_too_many_that_cannot_be_deleted_holds_up_nothing() -> None:
    """What follows the pages is sent; the answer is complete."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text("x" * 1_900 + "\n| wide" + " " * 200 + "| b |\n"))
        reply.start(THREAD)
        await settle()
        reply.apply(Text("|---|---|\n"))
        await settle()
        pages = reply.end(Trailer("done"))
        it.board.faults.append(PermanentError("Missing Permissions"))
        await reply.settled.wait()
    assert it.board.whats[-2:] == ["delete", "send"]
    assert [it.board.shown[0], it.board.shown[-1]] == [*pages, "done"]
    assert it.told == [True]


async def test_an_event_that_changes_no_page_makes_no_call() -> None:
    """Empty text, white space and a placeholder behind the text (P15)."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("text"))
        await settle()
        made = len(it.board.calls)
        for _ in range(5):
            reply.apply(Text(""))
            reply.apply(Text("\n"))
            reply.placeholder("⏳ working")
            await settle()
        await ended(reply)
    assert len(it.board.calls) == made
    assert it.board.shown == ["text"]


async def test_an_older_text_never_overwrites_a_newer_one() -> None:
    """The final text follows the edit in flight, whatever came during that (P13, invariant 6)."""
    async with stage() as it:
        reply = it.started()
        await settle()
        it.board.held = asyncio.Event()
        reply.apply(Text("draft"))
        await settle()
        assert it.board.in_flight == 1
        reply.apply(Text(" and more"))
        reply.end()
        await settle()
        assert it.board.calls[-1].content == "draft"
        assert not reply.settled.is_set()
        it.board.held.set()
        await reply.settled.wait()
        await settle()
    assert it.board.shown == ["draft and more"]
    assert it.board.overlaps == 0


async def test_an_end_that_changes_nothing_waits_for_the_edit_in_flight() -> None:
    """A text that is the confirmed one again is not confirmed while another one is being written."""
    async with stage() as it:
        reply = it.started()
        reply.apply(plan("one"))
        await settle()
        it.board.held = asyncio.Event()
        reply.apply(plan("two"))
        await settle()
        reply.apply(plan("one"))
        reply.end()
        await settle()
        assert not reply.settled.is_set()
        it.board.held.set()
        await reply.settled.wait()
    assert it.board.shown == ["☐ one"]


async def test_a_change_that_is_taken_back_before_its_edit_settles_all_the_same() -> None:
    """There is no difference left, and the reply settles."""
    async with stage() as it:
        reply = it.started()
        reply.apply(plan("one"))
        await elapse(0.2)
        reply.apply(plan("two"))
        reply.end()
        reply.apply(plan("one"))
        await reply.settled.wait()
    assert it.board.shown == ["☐ one"]


async def test_what_comes_after_the_end_is_shown_too() -> None:
    """Chunks behind the response belong to the answer (P23)."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("answer"))
        await ended(reply)
        reply.apply(Text(", late"))
        await settle()
    assert it.board.shown == ["answer\n, late"]
    assert it.told == [True]


# ---- what Discord does


@pytest.mark.parametrize("failing", [1, 2, 3])
async def test_a_rate_limit_or_a_server_error_is_tried_again(failing: int) -> None:
    """After the time that Discord asks for, and all text arrives (P16, P20)."""
    async with stage() as it:
        reply = it.reply()
        it.board.faults.extend([*[None] * (failing - 1), TryLater("429", 20.0), TryLater("503")])
        reply.start(THREAD)
        start = now()
        reply.apply(Text("text" * 1_200))
        await ended(reply)
        calls = it.board.calls
        assert calls[failing].at - calls[failing - 1].at >= 20.0
    assert it.board.shown == reply.pages()
    assert now() - start < 60


async def test_a_message_that_a_person_deleted_stays_deleted() -> None:
    """A new one continues with what was not shown yet; the other pages stay where they are (P14)."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("x" * 2_500))
        await settle()
        it.board.messages.pop(min(it.board.messages))
        reply.apply(Text(" and more"))
        await settle()
        (last,) = it.board.messages
        del it.board.messages[last]
        reply.apply(Text(", and the end"))
        await ended(reply)
    assert it.board.shown == [", and the end"]


async def test_a_deleted_placeholder_hides_no_text() -> None:
    """It showed no part of the answer."""
    async with stage() as it:
        reply = it.started()
        await settle()
        it.board.messages.clear()
        reply.apply(Text("answer"))
        await ended(reply)
    assert it.board.shown == ["answer"]


async def test_code_continues_as_code_in_a_new_message() -> None:
    """The fence that was closed to end the deleted message is opened again."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("```py\na = 1\n"))
        await settle()
        it.board.messages.clear()
        reply.apply(Text("b = 2\n```"))
        await ended(reply)
    assert it.board.shown == ["```py\nb = 2\n```"]


async def test_a_message_older_than_an_hour_is_not_edited_but_followed() -> None:
    """Discord limits edits of old messages far more (30046); each word is shown once."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("early"))
        await elapse(OLD_SECONDS)
        reply.apply(Text(" and late"))
        await settle()
        reply.apply(Text(", and later"))
        await ended(reply)
    assert it.board.shown == ["early", " and late, and later"]


async def test_a_change_inside_an_old_message_is_edited_at_a_slow_pace() -> None:
    """A new message cannot continue it; three edits in six seconds are allowed."""
    async with stage() as it:
        reply = it.started()
        reply.apply(plan("one"))
        await elapse(OLD_SECONDS)
        made = len(it.board.calls)
        for number in range(60):
            reply.apply(plan(str(number)))
            await elapse(0.5)
        await ended(reply)
        times = [call.at for call in it.board.calls[made:]]
    assert it.board.shown == ["☐ 59"]
    assert {call.what for call in it.board.calls[made:]} == {"edit"}
    assert all(after - before >= 5.9 for before, after in pairwise(times))


async def test_a_thread_that_was_archived_is_opened_again() -> None:
    """By the bot: an edit does not open it as a new message does (50083)."""
    async with stage() as it:
        reply = it.started()
        await settle()
        it.board.archived = True
        reply.apply(Text("answer"))
        await ended(reply)
    assert it.board.shown == ["answer"]
    assert it.board.whats == ["send", "edit", "reopen", "edit"]


async def test_in_a_thread_that_is_locked_the_reply_is_given_up() -> None:
    """After one try: the thread is not asked again and again."""
    async with stage() as it:
        reply = it.started()
        await settle()
        it.board.archived = it.board.locked = True
        reply.apply(Text("answer"))
        await ended(reply)
        await elapse(1_000)
    assert it.told == [False]
    assert it.board.whats == ["send", "edit", "reopen"]


async def test_a_text_that_discord_stored_otherwise_is_written_again() -> None:
    """The text that each answer returns is compared with the one that was meant."""
    async with stage() as it:
        reply = it.started()
        await settle()
        it.board.mangle = lambda content: content[:3]
        reply.apply(Text("answer"))
        await elapse(1.0)
        assert it.board.shown == ["ans"]
        it.board.mangle = str
        await ended(reply)
    assert it.board.shown == ["answer"]
    assert [call.content for call in it.board.calls] == ["⏳", "answer", "answer"]


async def test_a_text_that_discord_never_stores_as_meant_is_not_written_for_ever() -> None:
    """After two repairs Discord's version is accepted, and the reply settles."""
    async with stage() as it:
        it.board.mangle = str.upper
        reply = it.reply()
        reply.apply(Text("answer"))
        reply.end()
        await posted(reply)
    assert it.told == [True]
    assert it.board.shown == ["ANSWER"]
    assert len(it.board.calls) == 3


async def test_white_space_that_discord_strips_is_no_difference() -> None:
    """It strips every text; that needs no repair."""
    async with stage() as it:
        it.board.mangle = str.strip
        reply = it.reply()
        reply.apply(Text("  answer  "))
        reply.end()
        await posted(reply)
    assert len(it.board.calls) == 1


async def test_a_wait_that_discord_asks_for_is_kept_although_more_text_comes() -> None:
    """One try follows a 429, after its time and with the newest text."""
    async with stage() as it:
        reply = it.reply()
        it.board.faults.extend([None, TryLater("429", 20.0)])
        reply.start(THREAD)
        for number in range(40):
            reply.apply(Text(f"{number} "))
            await elapse(0.5)
        await ended(reply)
        refused, again = it.board.calls[1:3]
        assert again.at - refused.at >= 20.0
    assert it.board.shown == reply.pages()


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_lost_answer_makes_no_second_message_and_hides_no_newer_text(lost: int) -> None:
    """Discord answers a known nonce with the old message, whose text is then edited (P12)."""
    async with stage() as it:
        reply = it.reply()
        it.board.faults.extend([AnswerLost("reset by peer")] * lost)
        reply.start(THREAD)
        await elapse(0.05)
        reply.apply(Text("newer"))
        await elapse(0.5)
        reply.apply(Text(" and newest"))
        await ended(reply)
    assert it.board.shown == ["newer and newest"]


async def test_a_page_is_written_down_before_it_is_sent_and_with_its_message_after() -> None:
    """After a kill in between the next run knows what may be there (invariant 7)."""
    async with stage() as it:
        reply = it.reply()
        it.board.held = asyncio.Event()
        reply.start(THREAD)
        await elapse(1.0)
        assert it.journal.sent_pages.of(KEY) == [SentPage(0, "⏳", None)]
        it.board.held.set()
        reply.apply(Text("words"))
        await ended(reply)
        (message_id,) = it.board.messages
        assert it.journal.sent_pages.of(KEY) == [SentPage(0, "⏳", message_id)]


async def test_an_edit_whose_answer_was_lost_is_undone_where_the_text_goes_back() -> None:
    """It may have been made, so the text that was last confirmed may not be the one that the message shows."""
    async with stage() as it:
        reply = it.started()
        await settle()
        it.board.faults.append(AnswerLost("no answer in time"))
        reply.placeholder("another")
        await elapse(PLACEHOLDER_SECONDS + 0.05)
        reply.placeholder("⏳")
        await settle()
    assert it.board.whats == ["send", "edit", "edit"]
    assert it.board.shown == ["⏳"]


async def test_a_try_that_was_never_taken_ends_in_the_newest_text_too() -> None:
    """Whether the first try arrived is unknown; both cases end in the same way."""
    async with stage() as it:
        reply = it.reply()
        it.board.faults.extend([TryLater("503"), AnswerLost("reset"), TryLater("503")])
        reply.start(THREAD)
        await elapse(0.05)
        reply.apply(Text("newest"))
        await ended(reply)
    assert it.board.shown == ["newest"]


faults = st.lists(
    st.none() | st.just(TryLater("503")) | st.just(TryLater("429", 3.0)) | st.just(AnswerLost("reset")), max_size=10
)


@settings(max_examples=40)
@given(
    pieces=st.lists(st.sampled_from(["word ", "x" * 1_500, "\n\n", "```\n", "漢字"]), min_size=1, max_size=12),
    faults=faults,
    pauses=st.lists(st.sampled_from([0.0, 0.05, 0.5, 2.0, 8.0]), min_size=12, max_size=12),
)
async def test_the_final_text_is_complete_and_there_once_whatever_fails(
    pieces: list[str], faults: list[Exception | None], pauses: list[float]
) -> None:
    """Any stream, any faults: in the end each page is there once, in order (invariants 5 and 6, P11, P12, P20)."""
    async with stage() as it:
        it.board.faults.extend(faults)
        reply = it.started()
        for piece, pause in zip(pieces, pauses, strict=False):
            reply.apply(Text(piece))
            await elapse(pause)
        reply.line("-# the end")
        pages = await ended(reply)
        await settle()
        assert it.board.shown == pages
        assert it.told == [True]
        assert it.board.overlaps == 0
        assert repr(reply) == f"<Reply {KEY} settled, {len(pages)} posted>"


# ---- giving up


@pytest.mark.parametrize("fault", [PermanentError("Missing Permissions"), ValueError("a mistake of ours")], ids=repr)
async def test_a_reply_that_is_refused_is_given_up_and_says_so(fault: Exception) -> None:
    """It settles, so that the next reply can be posted (P20)."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text("text"))
        reply.end()
        it.board.faults.append(fault)
        await posted(reply)
        reply.apply(Text("late"))
        await settle()
    assert it.told == [False]
    assert it.board.whats == ["send"]


@pytest.mark.parametrize("step", ["apply", "line", "pages", "receipt", "end", "files"])
async def test_a_reply_that_cannot_be_rendered_says_so_and_the_next_one_is_posted(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it fails: what was shown stays, the bot's own lines follow, and the reply settles."""
    async with stage() as it:
        reply, after = await it.two_replies()
        with monkeypatch.context() as broken:
            broken.setattr(Transcript, step, _fails)
            reply.apply(Text(" and more"))
            await settle()
            reply.line("-# the end")
            reply.receipt(1.0)
            reply.end()
        await settle()
        after.apply(Text("next"))
        await ended(after)
        reply.apply(Text("late"))
        reply.line("-# late")
        await settle()
    assert it.told == [True, True]
    assert reply.broken
    broken_page, next_page = it.board.shown
    assert broken_page.startswith("words")
    assert outcomes.NOT_RENDERED in broken_page
    assert "late" in broken_page
    assert next_page == "next"


def _fails(*_: object, **__: object) -> Any:
    raise ValueError("a mistake of ours")


@pytest.mark.parametrize("step", ["_next_write", "_first_difference", "_bucket"])
async def test_a_write_that_cannot_be_begun_ends_its_reply_and_the_next_one_is_posted(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error before the write must not hold the thread for ever."""
    async with stage() as it:
        reply, after = await it.two_replies()
        with monkeypatch.context() as broken:
            broken.setattr(Delivery, step, _fails)
            reply.apply(Text(" and more"))
            reply.end()
            await settle()
        after.apply(Text("next"))
        await ended(after)
    assert it.told == [False, True]
    assert it.board.shown == ["words", "next"]


async def test_an_error_at_the_end_of_a_reply_does_not_stop_the_next_one() -> None:
    """Each reply settles by itself."""
    async with stage() as it:
        reply, after = await it.two_replies(on_settled=_fails)
        after.apply(Text("next"))
        reply.end()
        await ended(after)
    assert it.board.shown == ["words", "next"]


async def test_an_outage_of_any_length_gives_up_nothing() -> None:
    """Hours of it; a try in 15 s at most, and the first that succeeds posts the answer (P20)."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text("text"))
        reply.end()
        tries = int(HOURS / LONGEST_WAIT)
        it.board.faults.extend([TryLater("503")] * tries)
        start = now()
        await posted(reply)
        assert now() - start > HOURS - 60
    assert it.told == [True]
    assert it.board.shown == ["text"]
    assert it.board.whats[tries:] == ["read", "send"]


@pytest.mark.parametrize("long", [False, True], ids=["a short outage", "longer than a nonce holds"])
async def test_a_send_whose_answer_an_outage_has_taken_stands_once(*, long: bool) -> None:
    """A nonce holds for minutes only: after that the message is looked for before it is posted again (P12)."""
    async with stage() as it:
        it.board.nonce_seconds = 120.0
        reply = it.reply()
        reply.apply(Text(LONG_CODE))
        pages = reply.end(Trailer("done"))
        away = [TryLater("503")] * (60 if long else 3)
        it.board.faults.extend([AnswerLost("reset"), *away, None, None, AnswerLost("reset"), *away, None, None])
        it.board.faults.extend([AnswerLost("reset"), *away])
        await posted(reply)
    assert it.board.shown == [*pages, "", "done"]
    assert [len(message.files) for message in it.board.messages.values()] == [0, 1, 0]


async def test_a_text_that_discord_does_not_take_comes_as_a_file() -> None:
    """AutoMod, the filter of harmful links: a line says why, and the other pages stay as they are."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text("fine " * 380 + "\n\n" + "bad " * 400))
        pages = reply.end(Trailer("done"))
        it.board.refused = ("bad", "Contains harmful links")
        await posted(reply)
        said = {post.number: post.content for post in it.journal.sent_pages.of(KEY)}
    line = "-# 🚫 Discord refused this part of the answer: Contains harmful links\n-# It is attached as part-2.md."
    assert it.board.shown == [pages[0], line, "done", ""]
    assert [*it.board.messages.values()][-1].files == (("part-2.md", pages[1].encode()),)
    assert said[1] == line  # By which another run of the bot would know the message.
    assert it.told == [True]


@pytest.mark.parametrize("known", [True, False], ids=["its message is known", "its answer was lost"])
async def test_a_file_with_a_refused_text_that_an_earlier_run_has_sent_is_not_sent_again(*, known: bool) -> None:
    """The text is refused once more; the message that is there is enough."""
    async with stage() as it:
        page = (await it.board.send(THREAD, "⏳")).message_id
        file = (await it.board.send(THREAD, "", files=[("part-1.md", b"bad words")])).message_id
        reply = it.reply()
        it.journal.sent_pages.intend(KEY, ENCLOSED, "")
        if known:
            it.journal.sent_pages.posted(KEY, ENCLOSED, file)
        it.board.refused = ("bad", "Blocked")
        reply.restore(THREAD, ["bad words"], [PageState.of_earlier_run(page, "", "")], {})
        await reply.settled.wait()
        assert reply.given_up == ""
    assert [*it.board.messages] == [page, file]
    assert it.board.messages[page].content.startswith("-# 🚫 Discord refused this part of the answer")


async def test_a_text_that_is_refused_while_it_grows_comes_as_a_file_at_the_end() -> None:
    """What was shown before stays until the line replaces it; further chunks cause no further try."""
    async with stage() as it:
        reply = it.started()
        reply.apply(Text("good"))
        await settle()
        it.board.refused = ("bad", "Blocked")
        for _ in range(10):
            reply.apply(Text(" bad"))
            await settle()
        assert it.board.shown == ["good"]
        tries = len(it.board.calls)
        await ended(reply)
    assert it.board.shown[0].startswith("-# 🚫 Discord refused this part of the answer: Blocked")
    assert [*it.board.messages.values()][-1].files == (("part-1.md", b"good" + b" bad" * 10),)
    assert tries == 2
    assert len(it.board.calls) == tries + 3


async def test_a_reply_is_given_up_where_even_the_line_is_refused() -> None:
    """Then the content is not the reason."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text("text"))
        reply.end()
        it.board.faults.extend([ContentRefused("Blocked")] * 2)
        await posted(reply)
        await settle()
    assert it.told == [False]
    assert it.board.shown == []


async def test_files_that_the_connection_is_too_slow_for_are_replaced_by_a_line() -> None:
    """Their tries count only while Discord takes other messages."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text(LONG_CODE))
        pages = reply.end(Trailer("done"))
        it.board.slow_files = True
        reply.start(THREAD)
        await elapse(HOURS)
        assert not reply.settled.is_set()
        for _ in range(ATTEMPTS):
            it.board.pacer.messages_sent += 1
            await elapse(LONGEST_WAIT + 1)
        await reply.settled.wait()
    assert it.board.shown == [*pages, "-# 🚫 code.py could not be attached: Discord did not answer in time", "done"]
    assert it.told == [True]


async def test_each_message_of_files_has_as_many_slow_tries_as_any_other() -> None:
    """The tries of the message before it do not count."""
    async with stage() as it:
        reply = it.reply()
        for number in range(11):
            reply.apply(picture(number))
        pages = reply.end()
        reply.start(THREAD)
        for _ in range(2):
            it.board.slow_files = True
            for _ in range(ATTEMPTS - 1):
                it.board.pacer.messages_sent += 1
                await elapse(LONGEST_WAIT + 1)
            it.board.slow_files = False
            sent = len(it.board.messages)
            while len(it.board.messages) == sent:
                await elapse(0.05)
        await reply.settled.wait()
    assert it.board.shown == [*pages, "", ""]


@pytest.mark.parametrize(("pictures", "refusals"), [(1, 2), (11, 2), (11, 3)])
async def test_a_reply_whose_files_and_the_line_about_them_are_refused_was_not_delivered(
    pictures: int, refusals: int
) -> None:
    """All pages are there, but the files that they announce are missing."""
    async with stage() as it:
        reply = it.reply()
        for number in range(pictures):
            reply.apply(picture(number))
        pages = reply.end(Trailer("done"))
        it.board.faults.extend([None, *[PermanentError("no")] * refusals])
        await posted(reply)
    assert it.board.shown == pages
    assert it.told == [False]


async def test_an_earlier_runs_message_is_not_taken_for_the_one_that_continues_it() -> None:
    """Its nonce may still be known, and it is unknown how many messages that run had begun."""
    async with stage() as it:
        await it.board.send(THREAD, "old", nonce=f"{KEY:x}.0.0")
        await it.board.send(THREAD, " and older", nonce=f"{KEY:x}.0.1")
        reply = it.reply()
        reply.restore(THREAD, ["old and new"], [PageState.of_earlier_run(None, "old", "")], {})
        await reply.settled.wait()
    assert it.board.shown == ["old", " and older", " and new"]


async def test_a_reply_that_was_refused_in_the_middle_is_tried_once_more_at_its_end() -> None:
    """The turn continues, so the reply settles only at its end, and its final text is tried."""
    async with stage() as it:
        reply = it.reply()
        it.board.faults.append(PermanentError("Missing Access"))
        reply.start(THREAD)
        await elapse(1_000)
        reply.apply(Text("text"))
        await settle()
        assert not reply.settled.is_set()
        assert it.board.shown == []
        reply.apply(Text(", all of it"))
        await ended(reply)
    assert it.board.shown == ["text, all of it"]
    assert it.told == [True]


# ---- one after another


async def test_a_reply_waits_for_the_one_before_it() -> None:
    """Its first message comes when the earlier reply is confirmed, and the thread reads in order."""
    async with stage() as it:
        first = it.reply(1)
        second = it.reply(2)
        second.follow(first)
        third = it.reply(3)
        third.follow(second)
        for reply, text in ((third, "three"), (second, "two"), (first, "one")):
            reply.start(THREAD)
            reply.apply(Text(text))
        await settle()
        assert it.board.shown == ["one"]
        second.end()
        third.end()
        await settle()
        assert it.board.shown == ["one"]
        first.end()
        await asyncio.gather(*(reply.settled.wait() for reply in (first, second, third)))
    assert it.board.shown == ["one", "two", "three"]


async def test_after_a_reply_that_is_given_up_the_next_one_is_posted() -> None:
    """One lost reply does not silence its thread."""
    async with stage() as it:
        first = it.reply(1)
        second = it.reply(2)
        second.follow(first)
        for reply, text in ((first, "one"), (second, "two")):
            reply.start(THREAD)
            reply.apply(Text(text))
            reply.end()
        it.board.faults.append(PermanentError("no"))
        await asyncio.gather(first.settled.wait(), second.settled.wait())
    assert it.board.shown == ["two"]


async def test_an_empty_reply_that_was_never_begun_settles() -> None:
    """An exchange that is dropped from the inbox leaves no message."""
    async with stage() as it:
        reply = it.reply()
        assert reply.end() == []
        assert it.told == []  # The caller first writes down that the reply has ended.
        await reply.settled.wait()
    assert it.told == [True]
    assert it.board.calls == []


async def test_white_space_is_no_text() -> None:
    """Whether the agent said anything is answered rightly, so that the placeholder does not stay."""
    async with stage() as it:
        reply = it.reply()
        reply.apply(Text("\n"))
        reply.apply(plan())
        assert not reply.has_text
        reply.apply(Text("x"))
        assert reply.has_text


# ---- the Stop button


def stop_button() -> discord.ui.View:
    """A view of one button."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Stop"))
    return view


async def test_the_stop_button_is_on_the_page_that_grows_and_gone_at_the_end() -> None:
    """From the placeholder on; from a full page it moves to the next one."""
    async with stage() as it:
        reply = it.started(stop=stop_button)
        await settle()
        assert [len(message.buttons) for _, message in sorted(it.board.messages.items())] == [1]
        reply.apply(Text("x" * 2_500))
        await settle()
        assert [len(message.buttons) for _, message in sorted(it.board.messages.items())] == [0, 1]
        await ended(reply)
        assert it.board.shown == reply.pages()
        assert not any(message.buttons for message in it.board.messages.values())


@pytest.mark.parametrize("files", [False, True])
async def test_a_reply_whose_button_stays_is_delivered_if_nothing_else_is_missing(*, files: bool) -> None:
    """Its files have not been sent then."""
    async with stage() as it:
        reply = it.reply(stop=stop_button)
        reply.apply(Text("all of it"))
        if files:
            reply.apply(picture(1))
        reply.start(THREAD)
        await settle()
        it.board.faults.append(PermanentError("no"))
        await ended(reply)
    assert it.told == [not files]


async def test_a_button_of_a_message_whose_answer_was_lost_is_removed_too() -> None:
    """The message exists with its button although its first try seemed to fail."""
    async with stage() as it:
        it.board.faults.append(AnswerLost("reset by peer"))
        reply = it.started(stop=stop_button)
        await elapse(0.2)
        reply.apply(Text("answer"))
        await ended(reply)
    assert it.board.shown == ["answer"]
    assert not any(message.buttons for message in it.board.messages.values())


@pytest.mark.parametrize("draft", ["", "answer"])
async def test_a_message_of_an_earlier_run_that_its_nonce_finds_loses_its_button(draft: str) -> None:
    """The reply has ended before it is posted; the message shows the draft of the earlier run, whatever that is."""
    async with stage() as it:
        before = it.reply(stop=stop_button)
        before.start(THREAD)
        before.apply(Text(draft))
        await settle()
        assert [len(message.buttons) for message in it.board.messages.values()] == [1]
        again = it.reply(stop=stop_button)
        again.adopt(None)
        again.apply(Text("answer"))
        again.end()
        again.start(THREAD)
        await again.settled.wait()
    assert it.board.shown == ["answer"]
    assert not any(message.buttons for message in it.board.messages.values())


async def test_the_button_moves_from_a_message_too_old_to_be_edited_to_the_one_that_follows() -> None:
    """The old text stays; at the end the button is gone."""
    async with stage() as it:
        reply = it.started(stop=stop_button)
        reply.apply(Text("early"))
        await elapse(OLD_SECONDS)
        reply.apply(Text(" and late"))
        await settle()
        assert [len(message.buttons) for _, message in sorted(it.board.messages.items())] == [0, 1]
        await ended(reply)
    assert it.board.shown == ["early", " and late"]
    assert not any(message.buttons for message in it.board.messages.values())


async def test_a_reply_that_is_posted_whole_has_no_button() -> None:
    """Its turn has ended."""
    async with stage() as it:
        reply = it.reply(stop=stop_button)
        reply.apply(Text("answer"))
        reply.end()
        await posted(reply)
        assert it.board.whats == ["send"]
        assert not any(message.buttons for message in it.board.messages.values())
