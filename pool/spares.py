"""Warm spares: agents on this machine that are started and initialized, and not yet leased to a thread.

A spare holds a slot like any other process. The next conversation that needs an agent of its kind claims it. When a
conversation that cannot use it needs a slot, a spare is stopped first.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from acp import AcpError, Agent, LoginState
from pool.conversation_context import Spawn
from pool.session_setup import AgentSettings
from pool.slots import Slots

AGAIN_SECONDS = 60.0
"""How long until the next start, after a spare failed to start or died before it was claimed."""

log = structlog.stdlib.get_logger("pool")


class _Spare:
    """One spare. Its task acts on `claimed` and `dismissed`."""

    def __init__(self, settings: AgentSettings) -> None:
        self.settings = settings
        self.agent: Agent | None = None
        self.claimed = False
        self.dismissed = False
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be claimed: initialized, and not known to be dead."""
        return self.agent is not None and self.agent.connection.error is None and not self.dismissed


class Spares:
    """Keeps as many spares of each kind as `wanted` says. Each has a task that starts and stops it."""

    def __init__(
        self,
        wanted: Sequence[tuple[AgentSettings, int]],
        *,
        slots: Slots[object],
        spawn: Spawn,
        create_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        """Begin without spares; `fill` starts them in tasks of `create_task`."""
        self._wanted = wanted
        self._slots = slots
        self._spawn = spawn
        self._create_task = create_task
        self._spares: list[_Spare] = []
        self._not_before = 0.0

    def __repr__(self) -> str:
        """Read like a status line."""
        ready = sum(spare.ready for spare in self._spares)
        return f"<Spares {ready} of {sum(count for _, count in self._wanted)} ready>"

    def fill(self) -> None:
        """Start the missing spares, as far as slots are free."""
        now = asyncio.get_running_loop().time()
        for settings, count in self._wanted if now >= self._not_before else ():
            for _ in range(count - sum(spare.settings is settings for spare in self._spares)):
                spare = _Spare(settings)
                if not self._slots.take_free(spare):
                    return
                self._spares.append(spare)
                spare.task = self._create_task(self._live(spare))

    def claim(self, claimant: object, settings: AgentSettings) -> Agent | None:
        """Give a ready spare that suits `settings`, and its slot, to `claimant`; return None without one.

        A spare that is logged out is replaced instead: only a new process notices a login.
        """
        for spare in self._spares:
            if spare.ready and settings.same_process(spare.settings):
                if spare.agent is not None and spare.agent.login is LoginState.LOGGED_OUT:
                    self._dismiss([spare])
                    continue
                spare.claimed = True
                self._spares.remove(spare)
                self._slots.pass_on(spare, claimant)
                spare.changed.set()
                return spare.agent
        return None

    def dismiss(self, most: int) -> int:
        """Stop up to `most` spares for their slots. Return how many."""
        leaving = [spare for spare in self._spares if not spare.dismissed][:most]
        self._dismiss(leaving)
        return len(leaving)

    def replace(self, agent: str) -> None:
        """Stop all spares of that name; `fill` starts others."""
        self._dismiss([spare for spare in self._spares if spare.settings.agent == agent])

    def _dismiss(self, leaving: Sequence[_Spare]) -> None:
        for spare in leaving:
            spare.dismissed = True
            spare.changed.set()

    @property
    def staying(self) -> int:
        """How many spares can be stopped for their slots."""
        return sum(not spare.dismissed for spare in self._spares)

    @property
    def leaving(self) -> int:
        """How many spares are being stopped now."""
        return sum(spare.dismissed for spare in self._spares)

    def close(self) -> None:
        """Stop all spares, and cancel those that start. `fill` must not follow."""
        self.dismiss(len(self._spares))
        for spare in self._spares:
            if spare.agent is None and spare.task is not None:
                spare.task.cancel()

    @property
    def agents(self) -> list[Agent]:
        """The running agents, without claimed ones."""
        return [spare.agent for spare in self._spares if spare.agent is not None]

    def of(self, agent: str) -> list[Agent]:
        """Return the agents of that name that can be claimed."""
        return [spare.agent for spare in self._spares if spare.agent and spare.ready and spare.settings.agent == agent]

    async def _live(self, spare: _Spare) -> None:
        try:
            spare.agent = await self._spawn(spare.settings)
            spare.agent.connection.on_closed = spare.changed.set
            if not spare.dismissed:
                await spare.changed.wait()
            if spare.agent.connection.error is not None and not spare.claimed:
                self._fail(spare.agent.connection.error)
        except Exception as error:  # noqa: BLE001 - an isolation boundary: a spare only saves time
            self._fail(error)
        finally:
            if not spare.claimed:
                await self._end(spare)

    async def _end(self, spare: _Spare) -> None:
        spare.dismissed = True
        try:
            if spare.agent is not None:
                await spare.agent.stop()
        except Exception:  # the same boundary
            log.exception("a warm spare could not be stopped")
        finally:
            self._spares.remove(spare)
            self._slots.release(spare)

    def _fail(self, error: Exception) -> None:
        self._not_before = asyncio.get_running_loop().time() + AGAIN_SECONDS
        unexpected = error if not isinstance(error, AcpError) else None
        log.warning("there is no warm spare for a while", reason=str(error), exc_info=unexpected)
