"""What the agent of a thread asks aside from its turns: about its session, or about what is needed to open one."""

from collections.abc import Callable

import structlog

from acp import Agent, Aside, Elicitation, Withdrawn
from pool.exchange import Exchange
from pool.question_deadlines import Deadlines
from pool.turn_watchdog import Bounds

__all__ = ["Asides"]

log = structlog.stdlib.get_logger("pool")


class Asides:
    """Brings it to the exchange that is being worked on, or was last: its asker is asked."""

    def __init__(self, agent: Agent, bounds: Bounds, whose: Callable[[], Exchange]) -> None:
        """Take what `agent` asks from now on; `whose` names that exchange."""
        self._questions = agent.asides
        self._bounds = bounds
        self._whose = whose
        self._deadlines: Deadlines | None = None
        agent.ask_aside(self._take)

    def _take(self, event: Aside) -> None:
        """Pass it on, from the agent's reader: nothing may raise."""
        try:
            self._pass_on(event)
        except Exception:  # the isolation boundary of a conversation
            log.exception("a question aside failed")

    def _pass_on(self, event: Aside) -> None:
        deadlines, alone = self._deadlines, len(self._questions.unanswered) == 1
        if deadlines is None or (isinstance(event, Elicitation) and alone):  # All that is open together is one's.
            deadlines = self._deadlines = Deadlines(self._questions, self._whose(), self._bounds)
        if isinstance(event, Elicitation):
            deadlines.begin(event.request_id)
        deadlines.exchange.aside(event, self._questions)

    @property
    def asked_since(self) -> float | None:
        """When the oldest open one was asked, in the loop's time; None when none is open."""
        if self._deadlines is None:
            return None
        self._deadlines.note()
        return self._deadlines.asked_since

    def look(self) -> None:
        """Do what time calls for."""
        if self._deadlines is not None:
            self._deadlines.look()

    def make_way(self) -> None:
        """End what is open, for others wait."""
        if self._deadlines is not None:
            self._deadlines.make_way()

    def end(self) -> None:
        """End what is open, for nobody wants to know any more."""
        for asked in self._questions.unanswered:
            self._questions.withdraw(asked.request_id)
            self._take(Withdrawn(asked.request_id))
