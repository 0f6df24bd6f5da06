"""A crash before and after every transition of a message's row, and what the next start makes of it. Virtual time.

The journal's file is copied just before a move is committed and just after, with the messages of the thread at that
moment: a kill would leave the same. `tests/e2e/test_recovery.py` and `make chaos` kill for real.
"""

import asyncio
import copy
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from bot.conversation.exchange import Exchange
from bot.intake.interrupted_turns import CHOICE_SECONDS
from bot.intake.queue_notice import QueueNotices
from bot.intake.recovery import Recovery
from bot.rest.errors import PermanentError
from bot.user_messages import queue
from pool.conversation import Conversation
from pool.journal.journal import Journal
from pool.journal.message_states import BEFORE, MessageState
from pool.journal.messages import MessageRows
from tests.bot.fake_discord import FakeDiscord, Message, settle
from tests.bot.restarted_bot import ADA, ASKED, CHANNEL, THREAD, RestartedBot, left, restarted
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

WATCHED = 100
ANSWER = f"request {WATCHED}"

Move = tuple[MessageState, MessageState]


@dataclass
class Scene:
    """What a kill would leave: a journal, and a thread."""

    journal: Path
    messages: dict[int, Message]
    nonces: dict[str, int]

    def set_up(self, board: FakeDiscord) -> None:
        """Restore the thread."""
        board.messages, board._nonces = self.messages, self.nonces
        board._ids = count(max(self.messages, default=0) + 1)


class FilmedMessages(MessageRows):
    """Keeps the scene before and after each move of the watched row; of equal moves the first one's."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal._writer, journal.marks, journal.trailers, lambda _state, _reason, _count: None)
        self.board = FakeDiscord()
        self.path = journal.path
        self.scenes: dict[tuple[Move, str], Scene] = {}
        self.moved: list[Move] = []

    def _move(self, message_ids: Sequence[int], state: MessageState, reason: str | None = None) -> None:
        if WATCHED in message_ids:
            before = self.state(WATCHED)
            assert before is not None
            self._film((before, state), "before")
            self.moved.append((before, state))
        super()._move(message_ids, state, reason)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with super()._transaction():
            yield
        while self.moved:
            self._film(self.moved.pop(), "after")

    def _film(self, move: Move, side: str) -> None:
        if (move, side) not in self.scenes:
            path = self.path.with_name(f"{move[0]}-{move[1]}-{side}.db")
            # Another connection sees only what is committed, not a transaction in progress.
            with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(path)) as target:
                source.backup(target)
            messages = {message_id: copy.copy(message) for message_id, message in self.board.messages.items()}
            self.scenes[move, side] = Scene(path, messages, dict(self.board._nonces))


# ---- what leads to each move


def talk(it: RestartedBot) -> Conversation:
    """The conversation of the thread."""
    conversation = it.pool.conversation(THREAD)
    assert conversation is not None
    return conversation


async def recovered(it: RestartedBot) -> list[Exchange]:
    """Recover what the journal has."""
    waiting = QueueNotices(it.context.notices)
    it.recovery = Recovery(pool=it.pool, context=it.context, queue_notices=waiting, begun=asyncio.Event())
    it.context.on_turn_started = it.recovery.interruptions.thread_continued
    waiting.asks = it.recovery.interruptions.queue_changed
    return await it.recovered()


async def answered(it: RestartedBot) -> None:
    """The agent answers."""
    left(it.journal, WATCHED, MessageState.RECEIVED)
    await recovered(it)


async def behind(it: RestartedBot) -> None:
    """It waits behind a turn that hangs, and the turn is cancelled: it is held."""
    left(it.journal, WATCHED - 1, MessageState.RECEIVED, "hang")
    left(it.journal, WATCHED, MessageState.RECEIVED)
    await recovered(it)
    talk(it).cancel(ADA)


async def continued(it: RestartedBot) -> None:
    """It is held, and then continued."""
    await behind(it)
    await settle()
    talk(it).resume()


async def dropped_when_held(it: RestartedBot) -> None:
    """It is held, and then dropped."""
    await behind(it)
    await settle()
    talk(it).drop()


async def dropped(it: RestartedBot) -> None:
    """It waits behind a turn that hangs, and is dropped."""
    left(it.journal, WATCHED - 1, MessageState.RECEIVED, "hang")
    left(it.journal, WATCHED, MessageState.RECEIVED)
    await recovered(it)
    talk(it).drop()


async def never_handed(it: RestartedBot) -> None:
    """Its agent dies before it gets a byte."""
    left(it.journal, WATCHED, MessageState.RECEIVED, channel_id=CHANNEL)
    (exchange,) = await recovered(it)
    it.factory.agents[0].die(1)
    exchange.opened(THREAD)


async def skipped(it: RestartedBot) -> None:
    """It was interrupted, and a person skips it."""
    left(it.journal, WATCHED, MessageState.PROMPTED)
    await recovered(it)
    it.decide(WATCHED, retry=False)


async def undeliverable(it: RestartedBot) -> None:
    """Discord refuses its reply."""
    left(it.journal, WATCHED, MessageState.RECEIVED)
    it.board.faults.extend([PermanentError("Missing Permissions")] * 100)  # More than there are calls, of any kind.
    await recovered(it)


STORIES: dict[Move, Callable[[RestartedBot], Awaitable[None]]] = {
    (MessageState.RECEIVED, MessageState.PROMPTED): answered,
    (MessageState.PROMPTED, MessageState.FINISHED): answered,
    (MessageState.FINISHED, MessageState.ANSWERED): answered,
    (MessageState.RECEIVED, MessageState.HELD): behind,
    (MessageState.HELD, MessageState.RECEIVED): continued,
    (MessageState.HELD, MessageState.CLOSED): dropped_when_held,
    (MessageState.RECEIVED, MessageState.CLOSED): dropped,
    (MessageState.PROMPTED, MessageState.RECEIVED): never_handed,
    (MessageState.PROMPTED, MessageState.CLOSED): skipped,
    (MessageState.FINISHED, MessageState.CLOSED): undeliverable,
}


# ---- what the next start makes of it


async def is_answered(it: RestartedBot) -> None:
    """It is answered once without a person; behind an interrupted turn when the time for a choice is over."""
    await elapse(CHOICE_SECONDS)
    assert it.prompts == [ANSWER]


async def is_held(it: RestartedBot) -> None:
    """It is held, and one notice or question says so; it is answered when a person continues."""
    await elapse(CHOICE_SECONDS)
    assert it.prompts == []
    assert it.state(WATCHED) is MessageState.HELD
    assert sum(queue.held(1) in each or "1 message waits" in each for each in it.board.shown) == 1
    talk(it).resume()
    await settle()
    assert it.prompts == [ANSWER]


async def is_asked_about(it: RestartedBot) -> None:
    """It is sent again only when a person says so."""
    await elapse(CHOICE_SECONDS)
    assert it.prompts == []
    assert it.state(WATCHED) is MessageState.PROMPTED
    assert it.board.shown.count(ASKED) == 1
    it.decide(WATCHED, retry=True)
    await settle()
    assert it.prompts == [ANSWER]


async def is_posted(it: RestartedBot) -> None:
    """Its reply is posted to the end, without the agent."""
    assert it.prompts == []
    assert it.shown.count(ANSWER) == 1
    assert it.state(WATCHED) is MessageState.ANSWERED


async def is_over(it: RestartedBot) -> None:
    """It needs no further work."""
    await elapse(CHOICE_SECONDS)
    assert it.prompts == []
    assert it.state(WATCHED) in {MessageState.ANSWERED, MessageState.CLOSED}


NEXT_START: dict[MessageState, Callable[[RestartedBot], Awaitable[None]]] = {
    MessageState.RECEIVED: is_answered,
    MessageState.HELD: is_held,
    MessageState.PROMPTED: is_asked_about,
    MessageState.FINISHED: is_posted,
    MessageState.ANSWERED: is_over,
    MessageState.CLOSED: is_over,
}


def test_there_is_a_story_for_every_transition() -> None:
    """As the journal has them."""
    assert set(STORIES) == {(before, after) for after, befores in BEFORE.items() for before in befores}


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("move", STORIES, ids=lambda move: f"{move[0]} to {move[1]}")
async def test_a_crash_next_to_a_transition_loses_nothing_and_repeats_nothing(
    tmp_path: Path, move: Move, side: str
) -> None:
    """Invariant 7: only the row counts, and it is written before its effect."""
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.messages = filmed = FilmedMessages(journal)
        async with restarted(journal, tmp_path) as it:
            filmed.board = it.board
            await STORIES[move](it)
            await settle()
        scene = filmed.scenes[move, side]
    with Journal.open(scene.journal) as journal:
        state = move[0] if side == "before" else move[1]
        assert journal.messages.state(WATCHED) is state
        async with restarted(journal, tmp_path) as it:
            scene.set_up(it.board)
            for exchange in await it.recovered():
                exchange.opened(THREAD)
            await NEXT_START[state](it)
            assert it.shown.count(ANSWER) <= 1
        assert all(row.message_id != WATCHED for row in journal.messages.open_rows())
