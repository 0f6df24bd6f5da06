"""A card: an agent's question as a message, numbered, reminded of, and answered or closed once."""

import secrets
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import discord

from acp import OpenQuestions
from acp.jsonrpc import RequestId
from bot import user_messages as words
from bot.access.audit import Audit
from bot.config.values import Permission
from bot.rest.api import DiscordApi
from bot.rest.live_message import LiveMessage
from bot.rest.pings import NOBODY, Mentions
from pool.journal.journal import Journal

from .components import view_of

__all__ = ["Card", "Cards", "QuestionOrigin"]

MOST_UNANSWERED = 10
"""Unanswered questions of a thread that its agent is told of with the next prompt."""

MOST_PAGES = 1000
"""Pages that were to be visited and are remembered, in all threads; of more the oldest are forgotten."""

MOST_ANSWERED = 1000
"""Questions that were answered and are remembered, for whoever presses a moment later."""

Item = discord.ui.Item[Any]


@dataclass(frozen=True, slots=True)
class QuestionOrigin:
    """The thread of a question, the exchange in which it was asked, and who wrote that exchange's message."""

    channel_id: int
    exchange_id: int
    asker_id: int


class Card(ABC):
    """One open question and its message. `token` names it in the buttons; nobody can guess it."""

    heading = ""
    """How the message begins."""

    def __init__(self, questions: OpenQuestions, request_id: RequestId, where: QuestionOrigin) -> None:
        """`Cards.open` posts it; it is answered through `questions`."""
        self.token = secrets.token_hex(8)
        self.questions = questions
        self.request_id = request_id
        self.origin = where
        self.mentions = NOBODY
        self.number: int | None = None
        """Its number, where several are open."""
        self.answered = False
        """Whether a person has answered."""
        self.message_id: int | None = None
        self.post: LiveMessage | None = None
        self.on_closed: Callable[[Card], None] = lambda _card: None
        self.on_refused: Callable[[], None] = lambda: None
        """Learns that it cannot be shown."""

    # ---- what it says

    @property
    @abstractmethod
    def title(self) -> str:
        """What is asked, in a few plain words."""

    @property
    @abstractmethod
    def text(self) -> str:
        """What is asked, as Discord shows it."""

    @property
    def notes(self) -> Sequence[str]:
        """What is to be known while it is open, a line each."""
        return ()

    @property
    def files(self) -> Sequence[tuple[str, bytes]]:
        """What the message has no room for, in full."""
        return ()

    @abstractmethod
    def items(self) -> Iterable[Item]:
        """Make the buttons and menus."""

    @property
    def content(self) -> str:
        """What the message says while the question is open."""
        number = f"**{self.number}.** " if self.number is not None else ""
        lines = [f"{self.mentions} {number}**{self.heading}** {self.text}", *(f"-# {note}" for note in self.notes)]
        return "\n".join(lines)

    def view(self) -> discord.ui.View:
        """Put the buttons together."""
        return view_of(*self.items())

    def renumber(self, number: int) -> None:
        """Show a number from now on."""
        self.number = number
        if self.post is not None:
            self.post.show(self.content, self.view)

    # ---- how it ends

    def mark_answered(self, line: str, *, here: bool = True) -> str:
        """Take note that a person has answered; return what the message says then.

        `here`: the caller makes it say so, by `answer_press`.
        """
        self.answered = True
        content = self._closed(line)
        self.on_closed(self)
        if self.post is not None:
            (self.post.pressed if here else self.post.show)(content)
        return content

    def close(self, reason: str) -> None:
        """Take the buttons away and say why, unless the question was answered."""
        if not self.answered:
            self.on_closed(self)
            if self.post is not None:
                self.post.show(self._closed(reason))

    def _closed(self, line: str) -> str:
        return f"{self.text}\n-# {line}"


class Cards:
    """All open questions, by token; and what is the same for all of them."""

    def __init__(
        self,
        *,
        journal: Journal,
        api: DiscordApi,
        permission: Callable[[int], Permission] = lambda _: "ask",
        recipients: Callable[[int], Mentions] = lambda asker_id: Mentions((asker_id,)),
        in_turn: Callable[[int, Callable[[], None]], None] = lambda _exchange_id, post: post(),
        audit: Audit | None = None,
    ) -> None:
        """Start with none.

        `permission` is what the configuration says of a thread, `recipients` who may answer the agent of an asker.
        `in_turn` posts a question in its place among the replies, see `ReplyOrder.in_turn`. `audit` is where it is
        written down what became of each.
        """
        self.permission = permission
        self.audit = audit or Audit()
        self._journal = journal
        self._api = api
        self._recipients = recipients
        self._in_turn = in_turn
        self._open: dict[str, Card] = {}
        self._left = {each.token: each.exchange_id for each in journal.questions.all()}
        self._missed: dict[int, list[str]] = {}
        self._answered: deque[str] = deque(maxlen=MOST_ANSWERED)
        self._visits: OrderedDict[tuple[int, str], Callable[[], None]] = OrderedDict()
        self.answered = 0
        """How many a person has answered."""

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def open(self, card: Card) -> None:
        """Post a question."""
        where = card.origin
        card.mentions = self._recipients(where.asker_id)
        card.on_closed = self._forget
        card.post = self._post(
            card,
            nonce=card.token,
            held=True,
            files=card.files,
            on_first=partial(self._first, card),
            on_posted=lambda id_: self._posted(card, id_),
            on_refused=card.on_refused,
            on_done=lambda: self._shown(card),
        )
        self._open[card.token] = card
        card.post.show(card.content, card.view)
        self._in_turn(where.exchange_id, card.post.release)

    def find(self, token: str) -> Card | None:
        """Return the open question of a button."""
        return self._open.get(token)

    def is_answered(self, token: str) -> bool:
        """Whether a person has answered that question a while ago: its message says so, or is about to."""
        return token in self._answered

    def shows(self, message_id: int) -> bool:
        """Whether an open question stands in that message."""
        return any(card.message_id == message_id for card in self._open.values())

    def remind(self, card: Card, seconds_left: float) -> None:
        """Ping those who may answer once more, with a link to the question; it is closed in `seconds_left`."""
        place = self._journal.threads.place(card.origin.channel_id)
        guild_id = place[0] if place is not None else None
        if card.message_id is not None:
            text = words.reminder(card.title, guild_id, card.origin.channel_id, card.message_id, seconds_left)
            self._post(card, nonce=secrets.token_hex(8)).show(f"{card.mentions} {text}")

    def remember_page(self, thread_id: int, elicitation_id: str, on_completed: Callable[[], None]) -> None:
        """Remember a page that somebody is to visit, for as long as the agent may say that this has been done."""
        self._visits[thread_id, elicitation_id] = on_completed
        if len(self._visits) > MOST_PAGES:
            self._visits.popitem(last=False)

    def page_completed(self, thread_id: int, elicitation_id: str) -> None:
        """Say on a page's card that the visit has come to something, also after its turn; of an unknown one nothing."""
        on_completed = self._visits.pop((thread_id, elicitation_id), None)
        if on_completed is not None:
            on_completed()

    def closed_reason(self, token: str) -> str:
        """Say of a question that is not open what has become of its turn, also of one that an earlier run has left."""
        if self.is_answered(token):
            return words.ANSWERED
        exchange_id = self._left.get(token)
        return words.became(None if exchange_id is None else self._journal.messages.state(exchange_id))

    # ---- questions that nobody has answered, to be told with the next prompt

    def note_unanswered(self, card: Card, why: str) -> None:
        """Take note of a question that was ended without an answer."""
        self.audit.record("denied", f"{why}: {card.title}", user_id=None, thread_id=card.origin.channel_id)
        missed = self._missed.setdefault(card.origin.channel_id, [])
        missed.append(f"{card.title}: {why}")
        del missed[:-MOST_UNANSWERED]

    def take_unanswered(self, thread_id: int) -> list[str]:
        """Return, once, what nobody has answered in a thread, and why."""
        return self._missed.pop(thread_id, [])

    # ----

    def _post(self, card: Card, **options: Any) -> LiveMessage:
        channel_id = card.origin.channel_id
        return LiveMessage(channel_id, api=self._api, mention=card.mentions, **options)

    def _first(self, card: Card, content: str) -> None:
        where = card.origin
        self._journal.questions.asked(
            card.token, thread_id=where.channel_id, exchange_id=where.exchange_id, content=content
        )

    def _posted(self, card: Card, message_id: int) -> None:
        card.message_id = message_id
        self._journal.questions.posted(card.token, message_id)

    def _shown(self, card: Card) -> None:
        """Learn that a question's message says what it is to say; of one that is closed it has no buttons any more."""
        if card.token not in self._open:
            self._journal.questions.settled(card.token)

    def _forget(self, card: Card) -> None:
        if self._open.pop(card.token, None) is not None:
            self.answered += card.answered
            if card.answered:
                self._answered.append(card.token)
