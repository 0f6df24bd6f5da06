"""Cards: an agent's questions as messages, numbered, with reminders, each answered or closed once."""

import secrets
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import discord

from acp import OpenQuestions
from acp.jsonrpc import RequestId
from bot.access.audit import Audit
from bot.config.appearance import Components
from bot.config.values import Permission
from bot.rest.api import DiscordApi
from bot.rest.components_v2 import CARD
from bot.rest.live_message import LiveMessage
from bot.rest.mentions import NO_MENTIONS, Mentions
from bot.user_messages import questions as texts
from bot.user_messages import steering
from pool.journal.journal import Journal
from pool.journal.questions import OpenQuestion

from .components import view_of

MOST_UNANSWERED = 10
"""Unanswered questions of a thread to report to its agent with the next prompt."""

MOST_PAGES = 1000
"""Pages to remember in all threads; beyond them the oldest are forgotten."""

MOST_ENDED = 1000
"""Answered and closed questions to remember, for people who press a moment later."""

Item = discord.ui.Item[Any]


@dataclass(frozen=True, slots=True)
class QuestionOrigin:
    """The thread of a question, the exchange in which it was asked, and who wrote that exchange's message.

    `also_read` are the addresses of the messages that the turn had taken in by then.
    """

    channel_id: int
    exchange_id: int
    asker_id: int
    also_read: tuple[str, ...] = ()


def post_immediately(_exchange_id: int, post: Callable[[], None]) -> Callable[[], None]:
    """Post a question that no reply waits for."""
    post()
    return lambda: None


class Card(ABC):
    """One open question and its message. `token` is its secret name in the ids of its buttons."""

    heading = ""
    """The beginning of the message."""

    def __init__(self, questions: OpenQuestions, request_id: RequestId, where: QuestionOrigin) -> None:
        """Answer through `questions`; `Cards.open` posts it."""
        self.token = secrets.token_hex(8)
        self.questions = questions
        self.request_id = request_id
        self.origin = where
        self.asked_by = ""
        """The line that names the subagent that asks, if it is one."""
        self.mentions = NO_MENTIONS
        self.number: int | None = None
        """Its number, if several are open."""
        self.answered = False
        """Whether a person has answered."""
        self.last_line = ""
        """What the message becomes when it is no longer open."""
        self.components_v2 = False
        """Whether its message consists of components."""
        self.message_id: int | None = None
        self.post: LiveMessage | None = None
        self.on_closed: Callable[[Card], None] = lambda _card: None
        self.on_refused: Callable[[], None] = lambda: None
        """Called if Discord refuses the message."""
        self.on_stands: Callable[[], None] = lambda: None
        """Called when the message stands, or never will."""

    @property
    def request_ids(self) -> Sequence[RequestId]:
        """The requests that an answer ends: equal questions share a card."""
        return (self.request_id,)

    def drop(self, _request_id: RequestId) -> bool:
        """Stop answering one of several requests. Return False if it is the only one."""
        return False

    # ---- its message

    @property
    @abstractmethod
    def title(self) -> str:
        """A short plain title."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """What it is about, in Discord's Markdown on one line."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The question in Discord's Markdown."""

    @property
    @abstractmethod
    def request(self) -> str:
        """The whole question in plain text, for the audit log."""

    @property
    def notes(self) -> Sequence[str]:
        """Remarks while it is open, a line each."""
        return ()

    @property
    def files(self) -> Sequence[tuple[str, bytes]]:
        """The full text of parts that the message cuts short."""
        return ()

    @abstractmethod
    def items(self) -> Iterable[Item]:
        """Return new buttons and menus."""

    @property
    def content(self) -> str:
        """The message while the question is open."""
        number = f"**{self.number}.** " if self.number is not None else ""
        notes = [*filter(None, [self.asked_by]), *self.notes]
        if self.origin.asker_id not in self.mentions.user_ids:
            notes.append(texts.asked_for(self.origin.asker_id))
        if self.origin.also_read:
            notes.append(steering.also_read(self.origin.also_read))
        return "\n".join(
            [f"{self.mentions} {number}**{self.heading}** · {self.text}", *(f"-# {note}" for note in notes)]
        )

    def view(self) -> discord.ui.View:
        """Return a view of the items."""
        return view_of(*self.items())

    def renumber(self, number: int) -> None:
        """Change the number that it shows."""
        self.number = number
        self.refresh()

    def refresh(self) -> None:
        """Show the open question as it is now."""
        if self.post is not None:
            self.post.show(self.content, self.view)

    # ---- its end

    def mark_answered(self, verdict: str, *, here: bool = True) -> str:
        """Record that a person has answered; return the line that the message becomes.

        `here`: the caller shows it by `answer_press`.
        """
        self.answered = True
        self.last_line = texts.answered(verdict, self.subject)
        self.on_closed(self)
        if self.post is not None:
            (self.post.pressed if here else self.post.show)(self.last_line)
        return self.last_line

    def close(self, reason: str) -> None:
        """Leave one line that says why, unless the question was answered."""
        if not self.answered:
            self.last_line = texts.closed(reason, self.subject)
            self.on_closed(self)
            if self.post is not None:
                self.post.show(self.last_line)


class Cards:
    """All open questions by token."""

    def __init__(
        self,
        *,
        journal: Journal,
        api: DiscordApi,
        permission: Callable[[int], Permission] = lambda _: "ask",
        recipients: Callable[[int], Mentions] = lambda asker_id: Mentions((asker_id,)),
        place: Callable[[int, Callable[[], None]], Callable[[], None]] = post_immediately,
        audit: Audit | None = None,
        components: Callable[[], Components] = lambda: "v2",
    ) -> None:
        """`permission` returns the configured permission of a thread, `recipients` who may answer an asker's agent.

        `place` posts a question in its place in the reply, see `ReplyOrder.ask`; `components` is its message's form.
        """
        self.permission = permission
        self.audit = audit or Audit()
        self._components = components
        self._journal = journal
        self._api = api
        self._recipients = recipients
        self._place = place
        self._open: dict[str, Card] = {}
        self._left = {each.token: each for each in journal.questions.all()}
        """The questions that an earlier run left open."""
        self._unanswered: dict[int, list[str]] = {}
        self._ended: OrderedDict[str, tuple[bool, str]] = OrderedDict()
        """Whether a question was answered, and its last line."""
        self._pages: OrderedDict[tuple[int, str], Callable[[], None]] = OrderedDict()
        self.answered = 0
        """The number of answered questions."""

    def __len__(self) -> int:
        """Return the number of open questions."""
        return len(self._open)

    def open(self, card: Card) -> None:
        """Post a question."""
        where = card.origin
        card.mentions = self._recipients(where.asker_id)
        card.on_closed = self._forget
        card.components_v2 = self._components() == "v2"
        card.post = self._post(
            card,
            nonce=card.token,
            held=True,
            files=card.files,
            accent=CARD if card.components_v2 else None,
            on_first=partial(self._first, card),
            on_posted=lambda id_: self._posted(card, id_),
            on_refused=lambda: self._refused(card),
            on_done=lambda: self._shown(card),
        )
        self._open[card.token] = card
        card.post.show(card.content, card.view)
        card.on_stands = self._place(where.exchange_id, card.post.release)

    def find(self, token: str) -> Card | None:
        """Return the open question with this token."""
        return self._open.get(token)

    def is_answered(self, token: str) -> bool:
        """Whether a person has answered the question: its message says so, or is about to."""
        answered, _ = self._ended.get(token, (False, ""))
        return answered

    def shows(self, message_id: int) -> bool:
        """Whether a message shows an open question."""
        return any(card.message_id == message_id for card in self._open.values())

    def remind(self, card: Card, seconds_left: float) -> None:
        """Ping those who may answer once more, with a link; the question is closed in `seconds_left`."""
        place = self._journal.threads.place(card.origin.channel_id)
        guild_id = place[0] if place is not None else None
        if card.message_id is not None:
            text = texts.reminder(card.title, guild_id, card.origin.channel_id, card.message_id, seconds_left)
            self._post(card, nonce=secrets.token_hex(8)).show(f"{card.mentions} {text}")

    def remember_page(self, thread_id: int, elicitation_id: str, on_completed: Callable[[], None]) -> None:
        """Remember a page to visit until the agent reports the visit as completed."""
        self._pages[thread_id, elicitation_id] = on_completed
        if len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)

    def page_completed(self, thread_id: int, elicitation_id: str) -> None:
        """Show on a page's card that the visit is completed, also after its turn. Ignores unknown pages."""
        on_completed = self._pages.pop((thread_id, elicitation_id), None)
        if on_completed is not None:
            on_completed()

    def rules(self, thread_id: int) -> list[str]:
        """Return the rules that allow commands in a thread without a question."""
        return [each.rule for each in self._journal.command_rules.of(thread_id)]

    def closed_reason(self, token: str) -> str:
        """Return why a question is not open, also for one of an earlier run."""
        if self.is_answered(token):
            return texts.ANSWERED
        left = self._left.get(token)
        return texts.became(None if left is None else self._journal.messages.state(left.exchange_id))

    def last_line(self, token: str) -> str:
        """Return the line that a card becomes which is no longer open; an empty one if it is unknown."""
        if token in self._ended:
            _, line = self._ended[token]
            return line
        left = self._left.get(token)
        return texts.closed(self.closed_reason(token), left.subject) if left is not None and left.subject else ""

    # ---- unanswered questions, for the agent's next prompt

    def note_unanswered(self, card: Card, why: str) -> None:
        """Record a question that ended without an answer."""
        self.audit.record(
            "denied", f"{why}: {card.title}", user_id=None, thread_id=card.origin.channel_id, request=card.request
        )
        missed = self._unanswered.setdefault(card.origin.channel_id, [])
        missed.append(f"{card.title}: {why}")
        del missed[:-MOST_UNANSWERED]

    def take_unanswered(self, thread_id: int) -> list[str]:
        """Return the unanswered questions of a thread with the reasons, once."""
        return self._unanswered.pop(thread_id, [])

    # ----

    def _post(self, card: Card, **options: Any) -> LiveMessage:
        channel_id = card.origin.channel_id
        return LiveMessage(channel_id, api=self._api, mention=card.mentions, **options)

    def _first(self, card: Card, content: str) -> None:
        where = card.origin
        v2 = card.components_v2
        self._journal.questions.asked(
            OpenQuestion(card.token, where.channel_id, where.exchange_id, content, None, card.subject, v2)
        )

    def _posted(self, card: Card, message_id: int) -> None:
        card.message_id = message_id
        self._journal.questions.posted(card.token, message_id)
        card.on_stands()

    def _refused(self, card: Card) -> None:
        card.on_stands()
        card.on_refused()

    def _shown(self, card: Card) -> None:
        """Settle the journal's row when the message of a closed question has lost its buttons."""
        card.on_stands()
        if card.token not in self._open:
            self._journal.questions.settled(card.token)

    def _forget(self, card: Card) -> None:
        if self._open.pop(card.token, None) is not None:
            self.answered += card.answered
            self._ended[card.token] = card.answered, card.last_line
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)
