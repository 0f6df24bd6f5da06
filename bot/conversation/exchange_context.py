"""The services that exchanges share."""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from acp import LoginState
from acp.paths import Lanes
from bot.access.audit import Audit
from bot.access.membership import Membership
from bot.agents.registry import Agents
from bot.config.appearance import Reactions
from bot.interactions.cards import Cards
from bot.interactions.login_button import login_view
from bot.interactions.place_buttons import unreachable_view
from bot.interactions.resend_button import again_view
from bot.interactions.thread_buttons import warning_view
from bot.prompt.attachments import Attachments
from bot.prompt.request import Request
from bot.reply.notices import LOGGED_OUT, OFFER, OVER_MEMORY, PREEMPTED, UNCONFIRMED, UNREACHABLE, WARNING, Notices
from bot.reply.order import ReplyOrder
from bot.reply.reply import Reply
from bot.reply.status_reactions import StatusReaction, StatusReactions
from bot.rest.api import DiscordApi
from bot.rest.live_message import LiveMessage
from bot.text.redaction import Redactor
from bot.user_messages import logins, notices, places, steering
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.place_news import HeldForPlace

from .stale_messages import StaleMessages
from .thread_names import ThreadNames


class Answering(Protocol):
    """An exchange, as this part knows it."""

    reply: Reply
    reactions: StatusReactions

    @property
    def request(self) -> Request:
        """The last request."""

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The messages of the requests; the last one is that of `request`."""


class ExchangeContext:
    """What exchanges are made with, and what their beginnings and ends change for others."""

    def __init__(  # noqa: PLR0913 - what an exchange is made with
        self,
        *,
        journal: Journal,
        api: DiscordApi,
        cards: Cards,
        replies: ReplyOrder,
        agents: Agents,
        attachments: Attachments,
        redact: Redactor,
        reactions: Reactions,
        membership: Membership,
        audit: Audit,
    ) -> None:
        """`agents` knows each thread's agent, `attachments` has people's files, `audit` records who did what.

        `redact` takes secrets out of text for people; `reactions` says which reactions messages get; `replies` orders
        the replies of each thread.
        """
        self.journal = journal
        self.api = api
        self.cards = cards
        self.replies = replies
        self.agents = agents
        self.attachments = attachments
        self.redact = redact
        self.reactions = reactions
        self.membership = membership
        self.audit = audit
        self.thread_names = ThreadNames(threads=journal.threads, api=api, redact=redact)
        self.notices = Notices(journal.notices, api=api, components=lambda: agents.config.reply.components)
        self.link_lanes = Lanes("links")
        self.stale_messages = StaleMessages()
        """The messages that waited while the gateway was away."""
        self.on_turn_started: Callable[[int], None] = lambda _thread_id: None
        """Called with the thread in which a turn begins; `App` sets it."""
        self.on_interrupted: Callable[[Sequence[int], str, str], float] = lambda _message_ids, _prompt, _lost: 0.0
        """Called with the messages of an exchange, its prompt, and the place whose link was lost in its turn.

        Without a place, the agent began that turn by itself. Returns for how many seconds the thread waits for a
        choice. `App` sets it.
        """
        self.on_settled: Callable[[int, int], None] = lambda _thread_id, _message_id: None
        """Called with the thread and the last message of an exchange whose reply is confirmed, or given up.

        `App` sets it.
        """
        self._left_reactions = journal.reactions.all()
        """What an earlier run may have left on messages; the messages that come now have none."""
        self._kept_reactions: dict[int, StatusReaction] = {}
        """The reactions of messages whose next exchange people have yet to choose."""

    def status_reaction(self, channel_id: int, message_id: int) -> StatusReaction:
        """Make the status reaction of a message."""
        if (kept := self._kept_reactions.pop(message_id, None)) is not None:
            return kept
        _, left = self._left_reactions.pop(message_id, (channel_id, ()))
        return StatusReaction(channel_id, message_id, api=self.api, kept=self.journal.reactions, left=left)

    def end_reactions(self, message_ids: Collection[int]) -> None:
        """Show on messages that have ended without an exchange how, in place of what was left on them."""
        for message_id in (self._left_reactions.keys() | self._kept_reactions.keys()).intersection(message_ids):
            channel_id, _ = self._left_reactions.get(message_id, (0, ()))
            row = self.journal.messages.row(message_id)
            self.status_reaction(channel_id, message_id).show(self.reactions.end(None if row is None else row.reason))

    def keep_reactions(self, reactions: StatusReactions) -> None:
        """Leave the reactions of messages to the exchange that answers them next, or to `end_reactions`."""
        self._kept_reactions |= {each.message_id: each for each in reactions.each}

    def started(self, exchange: Answering) -> None:
        """End what waited in its thread for the exchange's turn."""
        self.replies.begin_turn(exchange.request.message_id, exchange.reply)
        for kind in (PREEMPTED, OVER_MEMORY):
            self.notices.end(exchange.request.thread_id, kind)
        self.on_turn_started(exchange.request.thread_id)

    def ended(self, exchange: Answering, *, interrupted: bool) -> None:
        """End what goes with the exchange's turn; if it is `interrupted`, people are asked about all its messages."""
        for kind in (WARNING, OFFER):
            self.notices.end(exchange.request.thread_id, kind, exchange.request.message_id)
        for message_id in exchange.message_ids if interrupted else ():
            self.notices.end(exchange.request.thread_id, UNCONFIRMED, message_id)

    def over_memory(self, thread_id: int, bound: int) -> None:
        """Tell a thread that its idle agent was stopped because it used more than `bound` bytes of memory."""
        self.notices.show(thread_id, OVER_MEMORY, notices.over_memory(bound), None)

    def offer_again(self, request: Request, link: str) -> None:
        """Offer to send a message again that the agent may not have taken in."""
        text, message_id = steering.may_be_lost(link), request.message_id
        self.notices.show(request.thread_id, UNCONFIRMED, text, lambda: again_view(message_id), about=message_id)

    def show_unreachable(self, request: Request, held: HeldForPlace) -> None:
        """Ask what becomes of a message that is held because its agent's place cannot be reached."""
        detail = self.redact(held.detail)
        text = places.unreachable(request.author_id, replace(held, detail=detail))
        elsewhere = held.elsewhere[0] if held.elsewhere else ""
        thread_id = request.thread_id
        view = partial(unreachable_view, thread_id, held.place, elsewhere)
        self.notices.show(thread_id, UNREACHABLE, text, view, first=(held.place, elsewhere))

    def left_thread(self, exchange: Answering) -> None:
        """Take the exchange out of its thread: it waits for its turn in another place."""
        self._forget_reply(exchange)

    def settled(self, exchange: Answering, *, confirmed: bool) -> None:
        """Record that a reply is confirmed, or given up."""
        self._forget_reply(exchange)
        if not confirmed and self.journal.messages.state(exchange.request.message_id) is MessageState.FINISHED:
            self._undelivered(exchange)
        self.journal.messages.settle(exchange.message_ids, confirmed=confirmed)
        self.on_settled(exchange.request.thread_id, exchange.request.message_id)

    def _forget_reply(self, exchange: Answering) -> None:
        self.replies.forget(exchange.request.message_id)
        self.replies.remove(exchange.request.thread_id, exchange.reply)

    def _undelivered(self, exchange: Answering) -> None:
        """Say in the channel above that an answer could not be posted: the thread is locked. Not if it is gone."""
        exchange.reactions.end("failed")
        thread_id = exchange.request.thread_id
        place = self.journal.threads.place(thread_id)
        if place is not None and place[1] != thread_id and thread_id not in self.api.gone:
            self.tell(place[1], notices.undelivered(thread_id, exchange.reply.given_up))

    def tell(self, channel_id: int, text: str) -> None:
        """Post a notice."""
        LiveMessage(channel_id, api=self.api, nonce=secrets.token_hex(8)).show(text)

    def warn(self, kind: str, thread_id: int, message_id: int, text: str) -> None:
        """Post a notice about the running turn that answers a message, with a button that stops the turn.

        It ends with the turn; a newer one of its kind replaces it.
        """
        self.notices.end(thread_id, kind, message_id)
        self.notices.show(thread_id, kind, text, lambda: warning_view(thread_id, message_id), about=message_id)

    # ---- logins

    def title(self, thread_id: int) -> str:
        """Return the title of a thread's agent for the middle of a message; it may be the agent's own words."""
        return logins.shown_title(self.agents.own_title(thread_id), redact=self.redact)

    def show_logged_out(self, thread_id: int) -> None:
        """Tell a thread that its agent is logged out, and how to log in, until a login."""
        if self.journal.threads.knows(thread_id):
            by_page = self.agents.of(thread_id).may_have_page_login
            text = logins.logged_out(self.title(thread_id), self.agents.name(thread_id), by_page=by_page)
            self.notices.show(thread_id, LOGGED_OUT, text, (lambda: login_view(thread_id)) if by_page else None)

    def login_changed(self, agent: str, place: str, login: LoginState) -> None:
        """Delete the notices that an agent, by its name, is logged out at a place, when it is logged in there."""
        for thread_id, _ in self.notices.of(LOGGED_OUT) if login is LoginState.LOGGED_IN else ():
            if self.agents.name(thread_id) == agent and self.journal.threads.agent_place(thread_id) == place:
                self.notices.end(thread_id, LOGGED_OUT)
