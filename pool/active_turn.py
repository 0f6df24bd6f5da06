"""An exchange whose prompt is sent: its turn, its deadlines, and its outcome."""

import asyncio

from acp import AgentClosed, CloseReason, Elicitation, Event, Question, Turn
from pool.exchange import Cancelled, Completed, Exchange, Failed, LinkLost, Outcome, ShutDown, TimedOut
from pool.question_deadlines import QuestionDeadlines
from pool.turn_watchdog import TurnLimits, Watchdog, WatchdogAlert


class ActiveTurn:
    """One exchange and its turn. Synchronous."""

    def __init__(self, exchange: Exchange, turn: Turn, bounds: TurnLimits) -> None:
        """Start the turn's clock."""
        self.exchange = exchange
        self.turn = turn
        self._ceiling = bounds.ceiling
        self._watch = Watchdog(bounds, _now())
        self._deadlines = QuestionDeadlines(turn, exchange, bounds)
        self.cancelled_by: int | None = None
        """The person who cancelled it."""
        self.preempted = False
        """Whether a question of it was rejected because others wait in line."""
        self._over = False

    def event(self, event: Event) -> None:
        """Note an event of the turn, and pass it on to the exchange."""
        if isinstance(event, Question | Elicitation):
            self._deadlines.begin(event.request_id)
        self._watch.event(event, _now())
        self._note_questions()
        self.exchange.on_event(event)

    def _note_questions(self) -> None:
        self._deadlines.note()
        self._watch.questions(waiting=self.asked_since is not None, now=_now())

    def tick(self) -> None:
        """Check deadlines: alert the thread, reject old questions, or cancel the turn."""
        if self.turn.ended:
            return
        self._note_questions()
        self._deadlines.tick()
        due = self._watch.due(_now())
        if due is WatchdogAlert.CEILING:
            self._over = True
            self.turn.cancel()
        elif due is not None:
            self.exchange.on_alert(due, self._watch.silent_for(_now()))

    @property
    def asked_since(self) -> float | None:
        """When the oldest open question was asked, in the loop's time; None when none is open."""
        return self._deadlines.asked_since

    def preempt(self) -> None:
        """Reject the open questions before their deadline."""
        self.preempted = self._deadlines.preempt() or self.preempted
        self._note_questions()

    def cancel(self, by: int) -> bool:
        """Cancel for a person. Return False when the turn has ended by itself."""
        if self.turn.cancelled or self.turn.ended:
            return self.turn.cancelled
        self.cancelled_by = by
        self.turn.cancel()
        return True

    def outcome(self, *, stopping: bool) -> Outcome:
        """Return how the turn ended. While the bot is `stopping`, a turn without an end of its own is `ShutDown`."""
        turn = self.turn
        lost = stopping and (not turn.ended or isinstance(turn.error, AgentClosed))
        cut = lost or (stopping and turn.cancelled and turn.stop_reason in {None, "cancelled"})
        if self._over:
            return TimedOut(self._ceiling, turn.stop_reason)
        if cut and self.cancelled_by is None:
            return ShutDown(turn.stop_reason)
        if isinstance(turn.error, AgentClosed) and turn.error.reason is CloseReason.LINK_LOST and not turn.cancelled:
            return LinkLost(turn.error.place)
        if turn.error is not None and not cut:
            return Failed(turn.error, self.cancelled_by)
        if self.cancelled_by is not None:
            return Cancelled(self.cancelled_by, turn.stop_reason)
        return Completed(turn.stop_reason or "")


def _now() -> float:
    return asyncio.get_running_loop().time()
