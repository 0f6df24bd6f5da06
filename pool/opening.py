"""How a thread's session is opened: taken up again where that is possible, and put into the mode and options it had."""

from dataclasses import dataclass
from pathlib import Path

import structlog

from acp import Agent, AuthRequired, RemoteError, Session

from .exchange import Notice
from .journal import Journal

__all__ = ["MODE", "Opened", "Settings", "open_session", "settle"]

MODE = "mode"
"""The name under which a thread's chosen mode is remembered; other choices have their option's id."""

log = structlog.stdlib.get_logger("pool")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a thread's session is to be: its directory, and its mode (empty: the agent's asking mode)."""

    cwd: Path
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, whether it is another one than the thread had, and what the thread must know of that."""

    session: Session
    new: bool
    notices: tuple[Notice, ...] = ()


async def open_session(agent: Agent, thread_id: int, settings: Settings, journal: Journal) -> Opened:
    """Take up the thread's session, or open a new one. Raises `AcpError`.

    A load that times out is no refusal, nor is the wish for a login: it fails here, and the id stays in the journal.
    """
    session_id = journal.session_id(thread_id)
    if session_id is not None and agent.can_load:
        try:
            return Opened(await agent.load_session(session_id, settings.cwd), new=False)
        except AuthRequired:
            raise
        except RemoteError as error:
            log.warning("agent cannot load a session", session_id=session_id, reason=str(error))
    session = await agent.new_session(settings.cwd)
    return Opened(session, new=True, notices=() if session_id is None else (Notice.FORGOTTEN,))


async def settle(session: Session, settings: Settings, choices: dict[str, str]) -> list[Notice]:
    """Put the session into the mode that a person chose, else the asking mode. Returns what the thread must know."""
    if await session.ask_first(choices.get(MODE, settings.mode)):
        return []
    log.warning("agent may act without asking: its asking mode could not be set", session_id=session.session_id)
    return [Notice.UNASKED]
