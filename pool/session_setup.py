"""Loads or opens a thread's session, and restores its mode and options."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from acp import (
    AcpError,
    Agent,
    AuthRequired,
    Launch,
    ProtocolError,
    RemoteError,
    Session,
    SpawnFailed,
    StartProblem,
    Unsupported,
)
from acp.paths import look
from acp.places.here import HERE
from acp.session_options import Option, Value
from pool.exchange import Notice
from pool.journal.journal import Journal
from pool.place_news import Moved
from pool.turn_watchdog import TurnLimits

MODE = "threadline:mode"
"""The name of a thread's chosen mode in the journal. Other choices have their option's id, which may be `mode` too."""

TITLE = "threadline:title"
"""The name of a thread's own name in the journal, where a person gave it: its session gets that name too."""

log = structlog.stdlib.get_logger("pool")


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """A thread's agent: its name, start, limits, and mode (empty for its asking mode)."""

    launch: Launch
    agent: str = "default"
    mode: str = ""
    bounds: TurnLimits = field(default_factory=TurnLimits)
    additional_directories: tuple[Path, ...] = ()
    """Additional directories of this thread's session; they are created when it is opened on this machine."""
    places: tuple[str, ...] = (HERE,)
    """The names of the places at which it may run; at least one."""
    memory: int = 0
    """The bytes that it reserves there."""
    far_directories: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Additional directories of this thread's session at other places, by the place. They are made with its agent."""

    @property
    def cwd(self) -> Path:
        """The session's directory."""
        return self.launch.cwd

    def directories_at(self, place: str) -> tuple[Path, ...]:
        """Return the additional directories of a session at a place: those of this machine are not on others."""
        return self.additional_directories if place == HERE else self.far_directories.get(place, ())

    def launch_at(self, place: str) -> Launch:
        """Return how to start the agent at a place."""
        return self.launch if place == HERE else replace(self.launch, made=self.directories_at(place))

    def same_process(self, other: "AgentSettings") -> bool:
        """Whether a process started for `other` is the same agent, started in the same way."""
        return (self.agent, self.launch) == (other.agent, other.launch)


async def open_session(
    agent: Agent, thread_id: int, settings: AgentSettings, journal: Journal, place: str = HERE
) -> tuple[Session, tuple[Notice | Moved, ...]]:
    """Load the thread's session, or open a new one; return it with the notices of a new one. Raises `AcpError`.

    A load that times out or needs a login raises too, and the session's id stays in the journal: only a refusal of the
    session leads to a new one, or another `place` than that at which the session is.
    """
    also = settings.directories_at(place)
    for directory in also if place == HERE else ():
        try:
            await look(_make, directory)
        except OSError as error:
            raise SpawnFailed(StartProblem.DIRECTORY_NOT_MADE, str(directory), error.strerror or "") from None
    session_id, earlier = journal.threads.session_id(thread_id), journal.threads.session_place(thread_id)
    if session_id is not None and earlier != place:
        session = await agent.new_session(settings.cwd, also)
        return session, (Moved(earlier, place), Notice.NEW)
    if session_id is not None and agent.can_load:
        try:
            return await agent.load_session(session_id, settings.cwd, also), ()
        except AuthRequired:
            raise
        except RemoteError as error:
            log.warning("agent cannot load a session", session_id=session_id, reason=str(error))
    session = await agent.new_session(settings.cwd, also)
    return session, (Notice.NEW,) if session_id is None else (Notice.FORGOTTEN, Notice.NEW)


def _make(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


async def apply_settings(session: Session, settings: AgentSettings, choices: dict[str, str]) -> list[Notice]:
    """Set the options and the mode that people chose, or the asking mode. Return the notices for the thread.

    The mode comes last, because an option may change it.
    """
    notices = [] if await _all_set(session, choices) else [Notice.UNSET]
    if await session.ask_first(choices.get(MODE, settings.mode)):
        return notices
    log.warning("agent may act without asking: its asking mode could not be set", session_id=session.session_id)
    return [*notices, Notice.UNASKED]


async def send_title(agent: Agent, session: Session, title: str) -> None:
    """Name a session as a person has named its thread, where the agent takes names. A failure goes into the log."""
    if title in {"", session.title}:
        return
    try:
        await agent.set_title(session, title)
    except Unsupported:
        return
    except AcpError as error:
        log.info("the agent did not take the thread's name", session_id=session.session_id, reason=str(error))


async def _all_set(session: Session, choices: dict[str, str]) -> bool:
    done = True
    for option_id, chosen in choices.items():
        option = next((each for each in session.options if each.option_id == option_id), None)
        if option_id in {MODE, TITLE} or (option is not None and choice_value(option.current) == chosen):
            continue
        try:
            done = option is not None and await session.set_option(option_id, _read(option, chosen)) and done
        except (RemoteError, ProtocolError) as error:
            log.warning("a choice could not be set again", option=option_id, reason=str(error))
            done = False
    return done


def choice_value(value: Value) -> str:
    """Return an option's value as the journal has it."""
    return str(value).lower() if isinstance(value, bool) else value


def _read(option: Option, chosen: str) -> Value:
    return chosen == "true" if isinstance(option.current, bool) else chosen
