"""An agent in memory with one open session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from acp import Agent, Session
from acp.schema import TextBlock
from tests.support.memory_agent import MemoryAgent

CWD = Path("/srv/project")
HELLO = [TextBlock(text="hello")]


class Opened(NamedTuple):
    """The peer, our agent, and its session."""

    peer: MemoryAgent
    agent: Agent
    session: Session


@asynccontextmanager
async def opened(peer: MemoryAgent | None = None) -> AsyncIterator[Opened]:
    """Start an agent and open a session; stop it at the end."""
    peer = peer or MemoryAgent()
    agent = await Agent.start(peer)
    try:
        yield Opened(peer, agent, await agent.new_session(CWD))
    finally:
        await agent.stop()
