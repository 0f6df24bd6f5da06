"""The questions of one exchange's agent, on cards in its thread: in its turn, and outside the agent's turns."""

from collections.abc import Callable, Sequence
from pathlib import Path

from acp import (
    Elicitation,
    ElicitationCompleted,
    Event,
    OpenQuestions,
    OutOfTurnEvent,
    Place,
    Question,
    Subagent,
    Turn,
    Unreadable,
    Withdrawn,
)
from acp.jsonrpc import RequestId
from acp.schema import ToolCallUpdate
from bot.interactions.cards import Cards, QuestionOrigin
from bot.text.redaction import Redactor, redact_value
from bot.user_messages import questions as texts

from .broker import QuestionBroker

Complete = Callable[[ToolCallUpdate, Subagent | None], ToolCallUpdate]
"""Returns all that is known of a tool call, which may be a subagent's."""


class AgentQuestions:
    """The questions of one exchange's agent."""

    def __init__(self, cards: Cards, *, redact: Redactor, tell: Callable[[int, str], None]) -> None:
        """`tell` posts into a channel; `redact` takes secrets out of text for people."""
        self._cards = cards
        self._redact = redact
        self._tell = tell
        self._directories: Sequence[Path] = ()
        self._place: Place | None = None
        self._in_turn: QuestionBroker | None = None
        self._out_of_turn: tuple[OpenQuestions, QuestionBroker] | None = None

    def begin_turn(
        self,
        turn: Turn,
        where: QuestionOrigin,
        *,
        directories: Sequence[Path],
        place: Place,
        add_line: Callable[[str], None],
    ) -> None:
        """Take the questions of a turn from now on. `add_line` adds a line to the reply."""
        self._directories, self._place = directories, place
        self._in_turn = QuestionBroker(self._cards, turn, where, directories=directories, place=place, tell=add_line)

    def name(self, link: str) -> None:
        """Name a message, which the turn has taken in, on later questions."""
        if self._in_turn is not None:
            self._in_turn.name(link)

    def take(self, event: Event, where: QuestionOrigin, complete: Complete) -> bool:
        """Open or close the question of a turn's event; return whether it was about a question."""
        broker = self._in_turn
        match event:
            case ElicitationCompleted(elicitation_id):
                self._cards.page_completed(where.channel_id, elicitation_id)
            case _ if broker is None:
                return False
            case Question():
                broker.ask(event, complete(event.tool_call, event.subagent))
            case Elicitation():
                broker.elicit(event)
            case Unreadable(defect):
                broker.unreadable(defect)
            case Withdrawn(request_id):
                broker.close(texts.WITHDRAWN, request_id)
            case _:
                return False
        return True

    def tool_changed(self, update: ToolCallUpdate, subagent: Subagent | None = None) -> None:
        """Ask again where an open question is about a tool call that has changed, which may be a subagent's."""
        for broker in self._brokers:
            broker.changed(update, subagent)

    def end_turn(self) -> None:
        """Close the questions of the turn."""
        if self._in_turn is not None:
            self._in_turn.close(texts.TURN_ENDED)

    def take_out_of_turn(
        self, event: OutOfTurnEvent, questions: OpenQuestions, where: QuestionOrigin, complete: Complete
    ) -> None:
        """Open or close a question outside the turns, unless the agent has withdrawn it since."""
        if self._out_of_turn is None or self._out_of_turn[0] is not questions:  # Another agent has its own questions.
            broker = QuestionBroker(
                self._cards,
                questions,
                where,
                directories=self._directories,
                place=self._place,
                tell=lambda line: self._tell(where.channel_id, line),
            )
            self._out_of_turn = questions, broker
        broker = self._out_of_turn[1]
        match redact_value(event, self._redact):
            case Question() | Elicitation() as asked if _is_open(asked, questions):
                if isinstance(asked, Question):
                    broker.ask(asked, complete(asked.tool_call, asked.subagent))
                else:
                    broker.elicit(asked)
            case Withdrawn(request_id):
                broker.close(texts.NOT_NEEDED, request_id)
            case ElicitationCompleted(elicitation_id):
                self._cards.page_completed(where.channel_id, elicitation_id)

    def remind(self, request_id: RequestId, seconds_left: float) -> None:
        """Ping those who may answer once more."""
        for broker in self._brokers:
            broker.remind(request_id, seconds_left)

    def unanswered(self, request_id: RequestId, why: str) -> None:
        """Close an unanswered question with the reason; the agent's next prompt reports it."""
        for broker in self._brokers:
            broker.unanswered(request_id, why)

    @property
    def _brokers(self) -> list[QuestionBroker]:
        out_of_turn = None if self._out_of_turn is None else self._out_of_turn[1]
        return [broker for broker in (out_of_turn, self._in_turn) if broker is not None]


def _is_open(asked: Question | Elicitation, questions: OpenQuestions) -> bool:
    return any(each.request_id == asked.request_id for each in questions.unanswered)
