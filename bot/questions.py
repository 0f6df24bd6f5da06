"""What an agent asks while one message is answered: decided by the configuration, or put to people on cards."""

from collections.abc import Callable

import structlog

from acp import Question, Session, Turn
from acp.jsonrpc import RequestId
from acp.schema import ToolCallUpdate

from .markdown import escape
from .permission import Card, Cards
from .policy import Allow, Ask, Deny, decide
from .visible import visible

__all__ = ["Questions"]

TITLE = 150
"""Characters of a title in the line that says what was denied."""

log = structlog.stdlib.get_logger("bot")


class Questions:
    """The questions of one turn, in the thread `channel_id`."""

    def __init__(
        self,
        cards: Cards,
        session: Session,
        turn: Turn,
        *,
        channel_id: int,
        exchange_id: int,
        asker_id: int,
        tell: Callable[[str], None],
    ) -> None:
        """`tell` adds a line to the reply."""
        self._cards = cards
        self._session = session
        self._turn = turn
        self._channel_id = channel_id
        self._exchange_id = exchange_id
        self._asker_id = asker_id
        self._tell = tell
        self._open: list[Card] = []

    def ask(self, question: Question, call: ToolCallUpdate) -> None:
        """Decide, or ask; `call` is all that is known of the tool call."""
        permission = self._cards.permission(self._channel_id)
        decision = decide(permission, question, call, self._session.directories)
        if not isinstance(decision, Ask):
            log.info("question decided", permission=permission, decision=type(decision).__name__, title=call.title)
        match decision:
            case Allow(option_id):
                self._turn.answer(question.request_id, option_id)
            case Deny(option_id):
                self._tell(f"-# 🚫 denied, as configured: {escape(visible(call.title or 'a tool')[:TITLE])}")
                if option_id is None:
                    self._turn.withdraw(question.request_id)
                else:
                    self._turn.answer(question.request_id, option_id)
            case Ask():
                card = self._cards.open(
                    question,
                    self._turn,
                    call,
                    channel_id=self._channel_id,
                    exchange_id=self._exchange_id,
                    asker_id=self._asker_id,
                )
                self._open.append(card)

    def close(self, reason: str, *request_ids: RequestId) -> None:
        """Close the cards of these, or without ids all that are open."""
        for card in [card for card in self._open if not request_ids or card.question.request_id in request_ids]:
            card.close(reason)
            self._open.remove(card)
