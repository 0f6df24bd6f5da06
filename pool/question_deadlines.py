"""The deadlines of an agent's open questions: one reminder, then a rejection."""

import asyncio

from acp import Elicitation, OpenQuestions, Question
from acp.jsonrpc import RequestId
from pool.exchange import Exchange, Unanswered
from pool.turn_watchdog import TurnLimits


class QuestionDeadlines:
    """The deadlines of the open `questions`, on behalf of one exchange. Synchronous."""

    def __init__(self, questions: OpenQuestions, exchange: Exchange, bounds: TurnLimits) -> None:
        """Start with no open question."""
        self.exchange = exchange
        self._questions = questions
        self._bounds = bounds
        self._asked: dict[RequestId, float] = {}
        self._reminded: set[RequestId] = set()

    @property
    def asked_since(self) -> float | None:
        """When the oldest open question was asked, in the loop's time; None when none is open."""
        return min(self._asked.values(), default=None)

    def begin(self, request_id: RequestId) -> None:
        """Start a new question's time, also when an earlier question had its id."""
        self._asked.pop(request_id, None)
        self._reminded.discard(request_id)
        self.note()

    def note(self) -> None:
        """Note which questions are open now."""
        now = asyncio.get_running_loop().time()
        self._asked = {each.request_id: self._asked.get(each.request_id, now) for each in self._questions.unanswered}
        self._reminded &= self._asked.keys()

    def tick(self) -> None:
        """Remind of, or reject, each question whose time has come."""
        self.note()
        now = asyncio.get_running_loop().time()
        for question in self._questions.unanswered:
            self._tick_one(question, now - self._asked[question.request_id])

    def _tick_one(self, question: Question | Elicitation, age: float) -> None:
        bounds = self._bounds
        if age >= bounds.question:
            self._reject(question, Unanswered.TIME)
        elif bounds.reminder and age >= bounds.reminder and question.request_id not in self._reminded:
            self._reminded.add(question.request_id)
            self.exchange.remind(question.request_id, bounds.question - age)

    def preempt(self) -> bool:
        """Reject the open questions before their deadline. Return whether there were any."""
        questions = self._questions.unanswered
        for question in questions:
            self._reject(question, Unanswered.OTHERS)
        self.note()
        return bool(questions)

    def _reject(self, question: Question | Elicitation, why: Unanswered) -> None:
        """Answer in place of a person: by the agent's own reject option, else by `cancelled`."""
        option_id = question.rejection if isinstance(question, Question) else None
        if option_id is None:
            self._questions.withdraw(question.request_id)
        else:
            self._questions.answer(question.request_id, option_id)
        self.exchange.on_unanswered(question.request_id, why)
