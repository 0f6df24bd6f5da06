"""The questions of a thread's agent outside its turns: about its session, or about opening one."""

from collections.abc import Callable

import structlog

from acp import Agent, Elicitation, OutOfTurnEvent, Withdrawn
from pool.exchange import Exchange
from pool.question_deadlines import QuestionDeadlines
from pool.turn_watchdog import TurnLimits

__all__ = ["OutOfTurnQuestions"]

log = structlog.stdlib.get_logger("pool")


class OutOfTurnQuestions:
    """Brings it to the exchange that is being worked on, or was last: its asker is asked."""

    def __init__(self, agent: Agent, bounds: TurnLimits, whose: Callable[[], Exchange]) -> None:
        """Take what `agent` asks from now on; `whose` names that exchange."""
        self._questions = agent.out_of_turn
        self._bounds = bounds
        self._whose = whose
        self._deadlines: QuestionDeadlines | None = None
        agent.listen_out_of_turn(self._take)

    def _take(self, event: OutOfTurnEvent) -> None:
        """Pass it on, from the agent's reader: nothing may raise."""
        try:
            self._pass_on(event)
        except Exception:  # the isolation boundary of a conversation
            log.exception("a question outside a turn failed")

    def _pass_on(self, event: OutOfTurnEvent) -> None:
        deadlines, alone = self._deadlines, len(self._questions.unanswered) == 1
        if deadlines is None or (isinstance(event, Elicitation) and alone):  # All that is open together is one's.
            deadlines = self._deadlines = QuestionDeadlines(self._questions, self._whose(), self._bounds)
        if isinstance(event, Elicitation):
            deadlines.begin(event.request_id)
        deadlines.exchange.on_out_of_turn(event, self._questions)

    @property
    def asked_since(self) -> float | None:
        """When the oldest open one was asked, in the loop's time; None when none is open."""
        if self._deadlines is None:
            return None
        self._deadlines.note()
        return self._deadlines.asked_since

    def tick(self) -> None:
        """Do what time calls for."""
        if self._deadlines is not None:
            self._deadlines.tick()

    def preempt(self) -> None:
        """End what is open, for others wait."""
        if self._deadlines is not None:
            self._deadlines.preempt()

    def end(self) -> None:
        """End what is open, for nobody wants to know any more."""
        for asked in self._questions.unanswered:
            self._questions.withdraw(asked.request_id)
            self._take(Withdrawn(asked.request_id))
