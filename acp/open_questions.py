"""The questions of an agent that wait for a person; the first answer to each counts."""

from collections.abc import Callable
from dataclasses import dataclass

from acp.events import Answer, Elicitation, Question
from acp.jsonrpc import RequestId

__all__ = ["OpenQuestions"]


@dataclass(frozen=True, slots=True)
class _Open:
    """A question and what takes its answer; None: there is none, and none will come."""

    question: Question | Elicitation
    on_answer: Callable[[Answer | None], None]


class OpenQuestions:
    """The questions of a turn, or those that an agent asks outside its turns. Everything here is synchronous."""

    def __init__(self) -> None:
        """Start with no open question."""
        self._open: dict[RequestId, _Open] = {}
        self._closed = False

    @property
    def unanswered(self) -> tuple[Question | Elicitation, ...]:
        """All that the agent waits for, oldest first."""
        return tuple(each.question for each in self._open.values())

    def open(self, question: Question | Elicitation, on_answer: Callable[[Answer | None], None]) -> bool:
        """Take a question; `on_answer` is called once, with None if it ends without an answer.

        False: that was at once, for no more questions are taken.
        """
        if self._closed:
            on_answer(None)
            return False
        self.withdraw(question.request_id)  # The agent uses an id that is still open.
        self._open[question.request_id] = _Open(question, on_answer)
        return True

    def answer(self, request_id: RequestId, answer: Answer) -> bool:
        """Answer an open question. False: somebody was first, or it is no longer open.

        Raises TypeError for an answer that does not go with the question; it then stays open.
        """
        asked = self._open.get(request_id)
        if asked is None:
            return False
        if isinstance(asked.question, Question) != isinstance(answer, str):
            raise TypeError(f"{answer!r} is no answer to {type(asked.question).__name__} {request_id!r}")
        del self._open[request_id]
        asked.on_answer(answer)
        return True

    def withdraw(self, request_id: RequestId) -> bool:
        """End an open question without an answer. False: it is no longer open."""
        asked = self._open.pop(request_id, None)
        if asked is not None:
            asked.on_answer(None)
        return asked is not None

    def close_questions(self) -> None:
        """End all that are open without an answer, and from now on every further one at once."""
        self._closed = True
        for request_id in [*self._open]:
            self.withdraw(request_id)
