"""The questions that a thread's agent asks outside its turns: about opening a session, or for a subagent at work."""

from collections.abc import Callable

import structlog

from acp import Agent, Elicitation, OutOfTurnEvent, Question, Withdrawn
from pool.exchange import Exchange
from pool.question_deadlines import QuestionDeadlines
from pool.turn_watchdog import TurnLimits

log = structlog.stdlib.get_logger("pool")


class OutOfTurnQuestions:
    """Asks the author of the current or latest exchange."""

    def __init__(self, agent: Agent, bounds: TurnLimits, latest_exchange: Callable[[], Exchange]) -> None:
        """Listen to `agent`; `latest_exchange` returns the current or latest exchange."""
        self._questions = agent.out_of_turn
        self._bounds = bounds
        self._latest_exchange = latest_exchange
        self._deadlines: QuestionDeadlines | None = None
        agent.listen_out_of_turn(self._take)

    def _take(self, event: OutOfTurnEvent) -> None:
        """Pass an event on. The agent's reader calls this, so it must not raise."""
        try:
            self._pass_on(event)
        except Exception:  # the isolation boundary of a conversation
            log.exception("a question outside a turn failed")

    def _pass_on(self, event: OutOfTurnEvent) -> None:
        deadlines, alone = self._deadlines, len(self._questions.unanswered) == 1
        # Questions that are open together belong to one exchange.
        if deadlines is None or (isinstance(event, Question | Elicitation) and alone):
            deadlines = self._deadlines = QuestionDeadlines(self._questions, self._latest_exchange(), self._bounds)
        if isinstance(event, Question | Elicitation):
            deadlines.begin(event.request_id)
        deadlines.exchange.on_out_of_turn(event, self._questions)

    @property
    def asked_since(self) -> float | None:
        """When the oldest open question was asked, in the loop's time; None when none is open."""
        if self._deadlines is None:
            return None
        self._deadlines.note()
        return self._deadlines.asked_since

    def tick(self) -> None:
        """Remind of, or reject, each question whose time has come."""
        if self._deadlines is not None:
            self._deadlines.tick()

    def preempt(self) -> None:
        """Reject the open questions before their deadline."""
        if self._deadlines is not None:
            self._deadlines.preempt()

    def end(self) -> None:
        """Withdraw the open questions: the exchange they belong to is given up."""
        for asked in self._questions.unanswered:
            self._questions.withdraw(asked.request_id)
            self._take(Withdrawn(asked.request_id))
