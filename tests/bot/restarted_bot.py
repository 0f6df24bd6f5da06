"""The bot after a restart: a real journal and pool, agents in memory, and a Discord in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.config.appearance import Reactions
from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.intake.queue_notice import QueueNotices
from bot.intake.recovery import Recovery
from bot.prompt.request import Request, write_request
from bot.user_messages import restarts
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.pool import Pool, PoolEvents
from tests.bot.exchange_context import context_of_one
from tests.bot.fake_discord import FakeDiscord, Message, pacing, settle
from tests.pool.pool_harness import LIMITS, AgentFactory, every, obey
from tests.support.memory_agent import MemoryAgent

CHANNEL, THREAD, ADA = 10, 20, 42
ASKED = restarts.interrupted(ADA, f"https://discord.com/channels/1/{THREAD}/100")
"""The question about message 100, whose turn a restart has interrupted."""
UNDECIDED = restarts.undecided(f"https://discord.com/channels/1/{THREAD}/100")
"""The text of that question after the thread has continued without a decision."""

KEPT = '[{"type": "text", "text": "%s"}]'
"""A stored prompt."""


@dataclass
class RestartedBot:
    """The bot after a restart, without a client."""

    journal: Journal
    board: FakeDiscord
    pool: Pool
    context: ExchangeContext
    factory: AgentFactory
    recovery: Recovery

    def state(self, message_id: int) -> MessageState | None:
        """Return the state of a message's row."""
        return self.journal.messages.state(message_id)

    def decide(self, message_id: int, *, retry: bool, thread_id: int = THREAD) -> str:
        """Decide about an interrupted turn; return the text that replaces the question, without the person."""
        told = self.recovery.interruptions.decide(thread_id, message_id, retry=retry, by=ADA)
        return told.removeprefix("-# ").removeprefix(f"<@{ADA}> ")

    async def recovered(self) -> list[Exchange]:
        """Recover everything, as at READY, and wait for the immediate effects."""
        unopened = await self.recovery.begin()
        await self.recovery.finish()
        await settle()
        return unopened

    @property
    def prompts(self) -> list[str]:
        """The text of each prompt in order: its last block that a person wrote."""
        asked = [message for agent in self.factory.agents for message in agent.received]
        prompts = [each["params"]["prompt"] for each in asked if each.get("method") == "session/prompt"]
        return [[block["text"] for block in prompt if "annotations" not in block][-1] for prompt in prompts]

    @property
    def shown(self) -> list[str]:
        """What a reader sees, without the durations of turns."""
        return list(self.board.shown)

    @property
    def notice(self) -> Message:
        """The question about an interrupted turn, or the text that replaced it."""
        (notice,) = (each for each in self.board.messages.values() if "restarted" in each.content)
        return notice

    def say(self, message_id: int) -> Exchange:
        """Record a new message; return its exchange, not submitted yet."""
        left(self.journal, message_id, MessageState.RECEIVED)
        request = Request(message_id, THREAD, THREAD, ADA + message_id % 2, f"request {message_id}")
        exchange = Exchange(request, self.context)
        exchange.opened(THREAD)
        return exchange

    def stands(self, message_id: int, content: str, **fields: object) -> None:
        """Put a message of the earlier run into the thread."""
        self.board.messages[message_id] = Message(content, **fields)  # type: ignore[arg-type]


def left(
    journal: Journal, message_id: int, state: MessageState, text: str | None = None, *, pages: list[str] | None = None,
    channel_id: int = THREAD, thread_id: int = THREAD,
) -> None:  # fmt: skip
    """Record a message of a thread as a run leaves it that was killed in this state.

    Two people write by turns, so that messages are not merged.
    """
    author_id = ADA + message_id % 2
    request = Request(message_id, channel_id, thread_id, author_id, text or f"request {message_id}")
    place: dict[str, Any] = {"thread_id": thread_id, "channel_id": CHANNEL, "guild_id": 1, "author_id": author_id}
    journal.messages.receive(message_id, **place, request=write_request(request))
    match state:
        case MessageState.HELD:
            journal.messages.hold((message_id,), held=True)
        case MessageState.PROMPTED:
            journal.messages.prompted((message_id,), KEPT % request.text)
        case MessageState.FINISHED:
            journal.messages.prompted((message_id,), KEPT % request.text)
            journal.messages.finish((message_id,), "end_turn", pages or ["answer"])
        case MessageState.CLOSED:
            journal.messages.close((message_id,), "failed", pages or [])


@asynccontextmanager
async def restarted(
    journal: Journal, folder: Path, *, reactions: bool = False, board: FakeDiscord | None = None
) -> AsyncIterator[RestartedBot]:
    """Start the bot with the journal and the `board`; every agent does what its prompts say."""
    board = board or FakeDiscord()
    factory, players = AgentFactory(every()), list[asyncio.Task[None]]()

    def play(agent: MemoryAgent) -> None:
        players.append(asyncio.create_task(obey(agent), name=repr(agent)))

    factory.after_start = play
    async with pacing(board):
        context = context_of_one(folder, journal, board=board, reactions=Reactions(enabled=reactions))
        waiting = QueueNotices(context.notices)
        pool = Pool(
            context.agents.settings,
            spawn=factory.spawn,
            journal=journal,
            limits=LIMITS,
            events=PoolEvents(on_queue=waiting.update),
        )
        recovery = Recovery(pool=pool, context=context, queue_notices=waiting, begun=asyncio.Event())
        context.on_turn_started = recovery.interruptions.thread_continued
        waiting.asks = recovery.interruptions.queue_changed
        async with pool:
            yield RestartedBot(journal, board, pool, context, factory, recovery)
        for player in players:
            player.cancel()
        await asyncio.gather(*players, return_exceptions=True)
