"""The steps that the doctor's examinations share: start an agent, hold a turn, refuse what the agent asks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
from pydantic import BaseModel

from acp import Agent, Event, Question, RequestTimeout, Session, Turn
from bot.config.agents import AgentConfig

READY_SECONDS = 120.0
"""Bound of a turn that answers in a word. Agents that repeat a failed model call take a minute and more."""

READY_PROMPT = "Reply with the single word: ready"

ANSWER_WIDTH = 200
"""Characters kept of an agent's answer."""


async def start(agent: AgentConfig, folder: Path | None) -> Agent:
    """Start the agent as the bot would, under a marker of its own; a sandbox shows the `folder` too.

    Raises `AcpError`, and leaves no process then.
    """
    marker, launch = f"doctor-{uuid4().hex}/1", agent.launch(() if folder is None else (folder,))
    return await Agent.spawn(launch, marker=marker, client=agent.client_offer(marker, launch, terminal_login=True))


def descendants(agent: Agent) -> list[psutil.Process]:
    """Return the processes that the agent has started, and those that they have started."""
    with suppress(psutil.Error):  # It has ended.
        return psutil.Process(agent.pid).children(recursive=True)
    return []


async def stop(agent: Agent, started: Sequence[psutil.Process] | None = None) -> int:
    """Stop the agent, and end what is left of its descendants; return how many of them were left.

    Of an agent that was killed the caller names those that it had `started`.
    """
    started = descendants(agent) if started is None else started
    try:
        await agent.stop()
    finally:
        left = end(started)
    return left


def end(processes: Iterable[psutil.Process]) -> int:
    """Kill the processes; return how many of them were running."""
    return sum(map(_end, processes))


def _end(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            process.kill()
            return True
    return False


async def hold_turn(
    session: Session,
    blocks: Sequence[BaseModel],
    seconds: float,
    on_event: Callable[[Turn, Event], Awaitable[None]],
) -> Turn:
    """Prompt the session and pass on every event of the turn, which must end within `seconds`.

    Returns the ended turn. Raises `AcpError`, also the one that ended the turn.
    """
    try:
        async with asyncio.timeout(seconds), session.prompt(blocks) as turn:
            async for event in turn:
                await on_event(turn, event)
    except TimeoutError:
        raise RequestTimeout("session/prompt", seconds) from None
    if turn.error is not None:
        raise turn.error
    return turn


def refuse(turn: Turn, question: Question) -> None:
    """Reject with the mildest option that the agent offers: a cancel would end the whole turn."""
    for kind in ("reject_once", "reject_always"):
        for option in question.options:
            if option.kind == kind and turn.answer(question.request_id, option.option_id):
                return
    turn.cancel()
