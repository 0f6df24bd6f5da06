"""The names of threads: what the bot's own renames are, and what a person's."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.conversation.thread_names import MOST_OWN, ThreadNames
from bot.rest.calls import ApiCall, Urgency
from pool.journal.journal import Journal
from pool.session_setup import TITLE
from tests.bot.fake_discord import FakeDiscord, accepted, pacing, scratch_journal, settle

pytestmark = pytest.mark.virtual_time

THREAD = 7


class Board(FakeDiscord):
    """Discord, as far as it renames threads."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed: list[tuple[int, str, str]] = []

    async def rename(self, thread_id: int, given: str, name: str) -> None:
        """See `DiscordApi.rename`."""
        self.renamed.append((thread_id, given, name))


@contextmanager
def named(board: Board) -> Iterator[tuple[ThreadNames, Journal]]:
    """A thread that the bot has named."""
    with scratch_journal() as journal:
        accepted(journal, 70, thread_id=THREAD)
        names = ThreadNames(threads=journal.threads, api=board, redact=lambda text: text)
        names.opened(THREAD, "fix the dates")
        yield names, journal


async def test_the_title_of_the_agent_does_not_come_back_to_it_as_a_persons_name() -> None:
    """Discord reports the bot's own rename too; only once, as a person may choose the same name later."""
    board = Board()
    async with pacing(board):
        with named(board) as (names, journal):
            names.title(THREAD, "Fixing dates")
            await settle()
            assert board.renamed == [(THREAD, "fix the dates", "Fixing dates")]
            assert not names.renamed(THREAD, "Fixing dates")
            assert TITLE not in journal.threads.choices(THREAD)
            assert names.renamed(THREAD, "Fixing dates")
            assert journal.threads.choices(THREAD)[TITLE] == "Fixing dates"


async def test_the_name_of_a_person_is_noted_and_the_agents_title_ignored_from_then_on() -> None:
    """Without invisible characters and keys; a name without any other leaves the session alone."""
    board = Board()
    async with pacing(board):
        with named(board) as (names, journal):
            assert names.renamed(THREAD, "our \u202edates  sk-ant-REDACTED")
            title = journal.threads.choices(THREAD)[TITLE]
            assert title.startswith("our dates")
            assert "abcdefghijklmnop" not in title
            assert not names.renamed(THREAD, "\u200b")
            assert not names.renamed(8, "not a conversation")
            names.title(THREAD, "Fixing dates")
            await settle()
            assert board.renamed == []


async def test_the_names_that_the_bot_is_giving_are_remembered_within_a_bound() -> None:
    """Of very many threads."""
    board = Board()
    async with pacing(board):
        with named(board) as (names, _):
            for number in range(MOST_OWN + 10):
                await names._rename(ApiCall(number, lambda: None, Urgency.LOW), "", "x")
            assert len(names._own) == MOST_OWN
