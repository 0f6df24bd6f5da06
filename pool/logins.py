"""The agents' logins: which agents say that they are logged out, and the processes in which people log in.

A login belongs to an agent of the configuration at one place: all its processes there share it. What one of them says
last, or shows by a turn, counts for all. A login takes effect in the next process only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from enum import Enum, auto
from typing import Any

import structlog

from acp import Agent, LoginState
from acp.places.here import HERE
from pool.conversation_context import Spawn
from pool.placement import Placement
from pool.session_setup import AgentSettings

LOGIN_SECONDS = 840.0
"""Bound of a login, with its wait for a slot. A person has to find a browser, a password and a second factor, and page
codes live 15 minutes; so long may a person be shown what becomes of it, too."""

log = structlog.stdlib.get_logger("pool")


class GivenUp(Enum):
    """Why a login ended without a result of the agent's."""

    TIME = auto()
    """Its time is over."""
    PERSON = auto()
    """A person cancelled it."""
    SHUTDOWN = auto()
    """The bot stops."""


class LoginGivenUp(Exception):
    """A login was given up."""

    def __init__(self, why: GivenUp) -> None:
        super().__init__(why.name.lower())
        self.why = why


class LoginBusy(Exception):
    """Somebody is logging in to this agent already."""


class _Login:
    """One login in progress. `give_up` ends its work, but not the stop of its process."""

    def __init__(self, settings: AgentSettings, place: str) -> None:
        self.settings = settings
        self.place = place
        self.agent: Agent | None = None
        self.result: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.given_up: GivenUp | None = None
        self.bound: asyncio.Timeout | None = None
        """Bounds the work, while it lasts."""

    def give_up(self, why: GivenUp) -> None:
        self.given_up = self.given_up or why
        if self.bound is not None and not self.bound.expired():
            self.bound.reschedule(asyncio.get_running_loop().time())


class Logins:
    """The logins of all agents, by the agents' names in the configuration."""

    def __init__(
        self,
        *,
        placement: Placement,
        spawn: Spawn,
        create_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_changed: Callable[[str, str], None],
        on_logged_in: Callable[[str, str], None],
    ) -> None:
        """`on_changed` gets the name of an agent and a place when there is news of the login there.

        That is at most once in a round of the loop. `on_logged_in` gets those of a login by `log_in`.
        """
        self._placement = placement
        self._spawn = spawn
        self._create_task = create_task
        self._on_changed = on_changed
        self._on_logged_in = on_logged_in
        self._states: dict[tuple[str, str], LoginState] = {}
        self._changed: set[tuple[str, str]] = set()
        self._running: dict[str, _Login] = {}
        self._closed = False

    @property
    def agents(self) -> list[Agent]:
        """The processes in which people log in now."""
        return [login.agent for login in self._running.values() if login.agent is not None]

    # ---- what the agents say

    def state(self, name: str, place: str = HERE) -> LoginState:
        """Return what is known of an agent's login at a place."""
        return self._states.get((name, place), LoginState.UNKNOWN)

    @property
    def logged_out(self) -> list[str]:
        """The names of the agents that are known to be logged out at some place."""
        return [*dict.fromkeys(name for (name, _), state in self._states.items() if state is LoginState.LOGGED_OUT)]

    def watch(self, name: str, place: str, agent: Agent) -> None:
        """Listen to what a process of an agent at a place says about its login."""
        agent.listen_login(lambda: self._note(name, place, agent.login))
        self._note(name, place, agent.login)

    def _note(self, name: str, place: str, login: LoginState) -> None:
        """Keep the newest word. An agent may change it with every line, so what follows from it waits for the last."""
        if login is LoginState.UNKNOWN:
            return
        self._states[name, place] = login
        if not self._changed:
            asyncio.get_running_loop().call_soon(self._tell)
        self._changed.add((name, place))

    def _tell(self) -> None:
        changed, self._changed = self._changed, set()
        for name, place in changed:
            self._on_changed(name, place)

    # ---- people log in

    async def log_in(self, settings: AgentSettings, place: str, work: Callable[[Agent], Awaitable[None]]) -> None:
        """Start a process of an agent at a place, in a slot of its own, and let `work` log in to it.

        Raises what `work` raises, `AcpError` where the process does not start, `LoginGivenUp` after `LOGIN_SECONDS` or
        `cancel`, and `LoginBusy`: there is one login at a time to an agent.
        """
        if settings.agent in self._running:
            raise LoginBusy
        if self._closed:
            raise LoginGivenUp(GivenUp.SHUTDOWN)
        login = self._running[settings.agent] = _Login(settings, place)
        self._create_task(self._run(login, work))
        try:
            await asyncio.shield(login.result)
        except asyncio.CancelledError:
            login.give_up(GivenUp.SHUTDOWN)
            raise

    def cancel(self, name: str) -> bool:
        """Give up the login to an agent; return whether there was one without a result."""
        login = self._running.get(name)
        if login is None or login.result.done():
            return False
        login.give_up(GivenUp.PERSON)
        return True

    def close(self) -> None:
        """Give up all logins, and begin no other."""
        self._closed = True
        for login in self._running.values():
            login.give_up(GivenUp.SHUTDOWN)

    async def _run(self, login: _Login, work: Callable[[Agent], Awaitable[None]]) -> None:
        try:
            self._end(login, await self._work(login, work))
        finally:
            login.result.cancel()
            try:
                if login.agent is not None:
                    await login.agent.stop()
            except Exception:  # an isolation boundary: a login must not end the pool
                log.exception("a process for a login could not be stopped", agent=login.settings.agent)
            finally:
                del self._running[login.settings.agent]
                self._placement.slots(login.place).release(login)

    async def _work(self, login: _Login, work: Callable[[Agent], Awaitable[None]]) -> Exception | None:
        """Return the error that the login ended with; None for a success."""
        try:
            async with asyncio.timeout(LOGIN_SECONDS if login.given_up is None else 0.0) as login.bound:
                await self._placement.slots(login.place).acquire(login, login.settings.memory)
                login.agent = await self._spawn(_silent(login.settings), login.place)
                await work(login.agent)
        except TimeoutError:
            return LoginGivenUp(login.given_up or GivenUp.TIME)
        except Exception as error:  # noqa: BLE001 - the person who logs in gets it
            return error
        finally:
            login.bound = None
        return None

    def _end(self, login: _Login, error: Exception | None) -> None:
        """Pass the result on before the process is stopped, which may take long."""
        if error is not None:
            login.result.set_exception(error)
            login.result.exception()  # Marks it as retrieved: who waited for it may be gone.
            return
        self._note(login.settings.agent, login.place, LoginState.LOGGED_IN)
        self._on_logged_in(login.settings.agent, login.place)
        login.result.set_result(None)


def _silent(settings: AgentSettings) -> AgentSettings:
    """Keep the stderr of a login out of the log: it may hold a code."""
    return replace(settings, launch=replace(settings.launch, log_stderr=False))
