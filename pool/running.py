"""An exchange whose prompt is with the agent: its turn, its clock, and who or what cut it short."""

import asyncio

from acp import Elicitation, Event, Question, Turn
from acp.jsonrpc import RequestId

from .exchange import Ending, Exchange, Unanswered
from .watch import Bounds, Due, Watch

__all__ = ["Running"]


class Running:
    """One exchange and its turn. Everything here is synchronous."""

    def __init__(self, exchange: Exchange, turn: Turn, bounds: Bounds) -> None:
        """Start the turn's clock."""
        self.exchange = exchange
        self.turn = turn
        self._bounds = bounds
        self._watch = Watch(bounds, _now())
        self._asked: dict[RequestId, float] = {}
        self._reminded: set[RequestId] = set()
        self.cancelled_by: int | None = None
        """The person who cancelled it."""
        self.made_way = False
        """Whether a question of it was ended for others."""
        self._over = False

    def event(self, event: Event) -> None:
        """Pass on an event of the turn."""
        now = _now()
        if isinstance(event, Question | Elicitation):
            self._asked.pop(event.request_id, None)  # An id that is used again is another question.
            self._reminded.discard(event.request_id)
        self._watch.event(event, now)
        self._note_questions(now)
        self.exchange.event(event)

    def _note_questions(self, now: float) -> None:
        self._asked = {each.request_id: self._asked.get(each.request_id, now) for each in self.turn.unanswered}
        self._reminded &= self._asked.keys()
        self._watch.questions(waiting=bool(self._asked), now=now)

    def look(self) -> None:
        """Do what time calls for: tell the thread, end a question that nobody answers, end the turn."""
        now = _now()
        if self.turn.ended:
            return
        self._note_questions(now)
        for question in self.turn.unanswered:
            self._look_at(question, now - self._asked[question.request_id])
        due = self._watch.due(now)
        if due is Due.CEILING:
            self._over = True
            self.turn.cancel()
        elif due is not None:
            self.exchange.due(due, self._watch.silent_for(now))

    def _look_at(self, question: Question | Elicitation, age: float) -> None:
        bounds = self._bounds
        if age >= bounds.question:
            self._reject(question, Unanswered.TIME)
        elif bounds.reminder and age >= bounds.reminder and question.request_id not in self._reminded:
            self._reminded.add(question.request_id)
            self.exchange.remind(question.request_id, bounds.question - age)

    @property
    def asked_since(self) -> float | None:
        """When the oldest open question was asked, in the loop's time; None when none is open."""
        return min(self._asked.values(), default=None)

    def make_way(self) -> None:
        """End the open questions before their time is over, for others wait."""
        for question in self.turn.unanswered:
            self.made_way = True
            self._reject(question, Unanswered.OTHERS)
        self._note_questions(_now())

    def _reject(self, question: Question | Elicitation, why: Unanswered) -> None:
        """Answer for the person who did not: by the agent's own reject option, else by `cancelled`."""
        option_id = question.rejection if isinstance(question, Question) else None
        if option_id is None:
            self.turn.withdraw(question.request_id)
        else:
            self.turn.answer(question.request_id, option_id)
        self.exchange.unanswered(question.request_id, why)

    def cancel(self, by: int) -> bool:
        """Cancel for a person. False: it is ending already."""
        if self.turn.cancelled or self.turn.ended:
            return self.turn.cancelled
        self.cancelled_by = by
        self.turn.cancel()
        return True

    def ending(self, *, shutdown: bool) -> Ending:
        """Say how it ended. `shutdown`: the bot stops, and what cut the turn short was that."""
        turn = self.turn
        return Ending(
            turn.stop_reason,
            turn.error,
            self.cancelled_by,
            shutdown=shutdown and turn.cancelled,
            ceiling=self._over,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
