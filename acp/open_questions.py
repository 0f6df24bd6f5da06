"""The questions of an agent that wait for a person; the first answer to each counts."""

from collections.abc import Callable
from dataclasses import dataclass

from acp.events import Answer, Elicitation, Question
from acp.jsonrpc import RequestId


@dataclass(frozen=True, slots=True)
class _Open:
    """A question, and the callback for its answer; None means that there will be none."""

    question: Question | Elicitation
    on_answer: Callable[[Answer | None], None]


class OpenQuestions:
    """The questions of a turn, or those that an agent asks outside its turns. All methods are synchronous."""

    def __init__(self) -> None:
        """Start with no open question."""
        self._open: dict[RequestId, _Open] = {}
        self._closed = False

    @property
    def unanswered(self) -> tuple[Question | Elicitation, ...]:
        """The questions that the agent waits for, oldest first."""
        return tuple(each.question for each in self._open.values())

    def open(self, question: Question | Elicitation, on_answer: Callable[[Answer | None], None]) -> bool:
        """Add a question; `on_answer` is called once, with None if the question ends without an answer.

        Returns False after `close_questions`, which ends a further question immediately.
        """
        if self._closed:
            on_answer(None)
            return False
        self.withdraw(question.request_id)  # The agent has reused an id that is still open.
        self._open[question.request_id] = _Open(question, on_answer)
        return True

    def answer(self, request_id: RequestId, answer: Answer) -> bool:
        """Answer an open question. Returns False if it is no longer open.

        Raises TypeError for an answer of the wrong type; the question then stays open.
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
        """End an open question without an answer. Returns False if it is no longer open."""
        asked = self._open.pop(request_id, None)
        if asked is not None:
            asked.on_answer(None)
        return asked is not None

    def close_questions(self) -> None:
        """End all open questions without an answer, and every further one immediately."""
        self._closed = True
        for request_id in [*self._open]:
            self.withdraw(request_id)
