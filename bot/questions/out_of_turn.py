"""The agent's questions outside its turns, on cards in its thread."""

from collections.abc import Callable

from acp import Elicitation, ElicitationCompleted, OpenQuestions, OutOfTurnEvent, Withdrawn
from acp.jsonrpc import RequestId
from bot.interactions.cards import Cards, Where
from bot.text.redaction import Redactor, without

from .broker import QuestionBroker

__all__ = ["OutOfTurnCards"]


class OutOfTurnCards:
    """Those that are asked in the name of one exchange."""

    def __init__(self, cards: Cards, *, redact: Redactor, tell: Callable[[int, str], None]) -> None:
        """Start without a question. `tell` posts into a channel; `redact` takes secrets out of text for people."""
        self._cards = cards
        self._redact = redact
        self._tell = tell
        self._asked: tuple[OpenQuestions, QuestionBroker] | None = None

    def take(self, event: OutOfTurnEvent, questions: OpenQuestions, where: Where) -> None:
        """Ask, or say on its card what came of it. What was taken back meanwhile is not asked."""
        if self._asked is None or self._asked[0] is not questions:  # Another agent has questions of its own.
            put = QuestionBroker(self._cards, questions, where, tell=lambda line: self._tell(where.channel_id, line))
            self._asked = questions, put
        put = self._asked[1]
        match without(event, self._redact):
            case Elicitation() as asked:
                if any(each.request_id == asked.request_id for each in questions.unanswered):
                    put.elicit(asked)
            case Withdrawn(request_id):
                put.close("no longer open: nobody waits for it any more", request_id)
            case ElicitationCompleted(elicitation_id):
                self._cards.completed(where.channel_id, elicitation_id)

    def remind(self, request_id: RequestId, seconds_left: float) -> None:
        """Ping those who may answer once more."""
        if self._asked is not None:
            self._asked[1].remind(request_id, seconds_left)

    def unanswered(self, request_id: RequestId, why: str) -> None:
        """Say on the card why it ends without an answer, and with the next prompt to the agent."""
        if self._asked is not None:
            self._asked[1].unanswered(request_id, why)
