"""Opening a thread: a request shows its wait, and is answered without a thread only after a bounded time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from acp.schema import PromptCapabilities
from bot.config.appearance import EYE, WAITING, Reactions
from bot.conversation.exchange import Exchange
from bot.conversation.thread_names import LOOKED_AT, NEUTRAL, thread_name
from bot.intake.thread_opener import OPEN_SECONDS, NotOpened, open_thread
from bot.prompt.request import Request
from bot.rest.calls import Bucket, Urgency
from bot.rest.errors import ContentRefused, Gone, PermanentError, RestError, TryLater
from pool.journal.journal import Journal
from tests.bot.exchange_context import context_of_one
from tests.bot.fake_discord import FakeDiscord, pacing
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

CHANNEL, MESSAGE, ADA = 10, 20, 42


class OpeningBoard(FakeDiscord):
    """A board that opens threads, or refuses to."""

    async def open_thread(
        self, channel_id: int, message_id: int, name: str, *, auto_archive_minutes: int, urgency: Urgency
    ) -> None:
        fault = await self._call("open", name, urgency, channel_id, Bucket.THREAD)
        if fault is not None:
            raise fault

    async def add_member(self, thread_id: int, user_id: int, *, urgency: Urgency) -> None:
        fault = await self._call("add", str(user_id), urgency)
        if fault is not None:
            raise fault


@dataclass
class Stage:
    """A board and one request."""

    board: OpeningBoard
    exchange: Exchange

    async def open(self) -> None:
        await open_thread(self.exchange, api=self.board, auto_archive_minutes=60)


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Start with an accepted request, with reactions on."""
    board = OpeningBoard()
    with Journal.open(folder / "journal.db") as journal:
        async with pacing(board):
            context = context_of_one(folder, journal, board=board, reactions=Reactions(enabled=True))
            exchange = Exchange(Request(MESSAGE, CHANNEL, MESSAGE, ADA, "please do it"), context)
            exchange.show_accepted()
            yield Stage(board, exchange)


async def test_a_thread_is_opened_at_once_and_its_author_is_added(tmp_path: Path) -> None:
    """Its name is the first words of the request."""
    async with stage(tmp_path) as it:
        await it.open()
        await elapse(1)
        assert sorted(it.board.whats) == ["add", "open", "react"]
        assert await it.exchange.blocks(PromptCapabilities())


async def test_an_author_is_added_when_a_later_try_succeeds(tmp_path: Path) -> None:
    """Otherwise the thread would not be in their list."""
    async with stage(tmp_path) as it:
        await elapse(1)  # The reaction is there.
        it.board.faults.extend([None, TryLater("503")])
        await it.open()
        assert it.board.whats == ["react", "open", "add", "add"]


async def test_a_request_waits_for_minutes_and_shows_it(tmp_path: Path) -> None:
    """Discord asks for 250 s; then the reaction is the usual one."""
    async with stage(tmp_path) as it:
        await elapse(1)
        it.board.faults.extend([TryLater("429", 250.0)])
        await it.open()
        await elapse(20)
        assert it.board.whats.count("open") == 2
        assert it.board.reactions == {(MESSAGE, EYE)}
        assert [call.content for call in it.board.calls if call.what == "react"] == [EYE, WAITING, EYE]


async def test_a_request_that_gets_no_thread_in_the_end_is_told_so(tmp_path: Path) -> None:
    """The channel says so, after a longer time than Discord has been seen to ask for."""
    async with stage(tmp_path) as it:
        await elapse(1)
        it.board.faults.extend([TryLater("429", 280.0)] * 10)
        with pytest.raises(NotOpened, match="Discord refused for 14 minutes: 429"):
            await it.open()
        it.board.faults[0] = TryLater("too many", OPEN_SECONDS + 1)
        with pytest.raises(NotOpened, match=r"^too many$"):
            await it.open()


async def test_an_outage_does_not_count_against_the_time_that_a_thread_may_take(tmp_path: Path) -> None:
    """After two hours without any answer the thread is opened."""
    async with stage(tmp_path) as it:
        await elapse(1)
        it.board.faults.extend([TryLater("503")] * 500)
        await it.open()
        assert it.board.whats.count("open") > 400
        assert it.exchange.is_open


async def test_a_discord_that_answers_others_and_opens_no_thread_is_given_up(tmp_path: Path) -> None:
    """That is not an outage."""
    async with stage(tmp_path) as it:
        await elapse(1)
        it.board.faults.extend([TryLater("503")] * 500)

        async def others() -> None:
            while True:
                it.board.pacer.answers += 1
                await elapse(1)

        answered = asyncio.create_task(others())
        with pytest.raises(NotOpened):
            await it.open()
        answered.cancel()


async def test_a_name_with_words_that_are_not_allowed_costs_no_thread(tmp_path: Path) -> None:
    """Discord refuses names (20031, AutoMod); a neutral one replaces it, and later the agent's title."""
    async with stage(tmp_path) as it:
        await elapse(1)
        it.board.faults.append(ContentRefused("Thread name contains words that are not allowed"))
        named: list[str] = []
        await open_thread(it.exchange, api=it.board, auto_archive_minutes=60, on_named=named.append)
        assert [call.content for call in it.board.calls if call.what == "open"] == ["please do it", NEUTRAL]
        assert named == ["please do it", NEUTRAL]
        assert it.exchange.is_open


@pytest.mark.parametrize(
    ("fault", "raised"), [(PermanentError("Missing Permissions"), NotOpened), (Gone("Unknown Message"), Gone)]
)
async def test_a_request_whose_thread_is_refused_is_told_so_immediately(
    tmp_path: Path, fault: RestError, raised: type[Exception]
) -> None:
    """A missing permission, or a deleted message, does not come with time."""
    async with stage(tmp_path) as it:
        await elapse(1)
        it.board.faults.append(fault)
        with pytest.raises(raised, match=str(fault)):
            await it.open()
        assert not it.exchange.is_open


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("short", "short"),
        ("  two\n lines ", "two lines"),
        ("x" * 80, "x" * 60 + "…"),
        ("word " * 30, "word " * 11 + "word…"),
        ("\u202efdp.exe\u202c \u200bis\u00ad \u2066it\u2069", "fdp.exe is it"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
        ),
        ("\u200b\u2060 \u200d\ufe0f", ""),
        (" " * (LOOKED_AT - 4) + "name of a megabyte", "name"),
    ],
)
def test_a_thread_is_named_by_the_first_words(text: str, name: str) -> None:
    """The name has about 60 characters, is cut at a word, and contains no direction marks."""
    assert thread_name(text) == name
