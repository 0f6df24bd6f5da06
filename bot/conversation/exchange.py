"""An exchange: one request or several, the prompt, and the reply."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import structlog
from pydantic import BaseModel

from acp import (
    AuthRequired,
    Elicitation,
    Event,
    OpenQuestions,
    OutOfTurnEvent,
    Question,
    Session,
    Skipped,
    SubagentToolCall,
    Text,
    Turn,
)
from acp.jsonrpc import RequestId
from acp.schema import (
    ConfigOptionUpdate,
    CurrentModeUpdate,
    Plan,
    PromptCapabilities,
    SessionInfoUpdate,
    ToolCallUpdate,
)
from bot.access.gate import Place
from bot.agents.workspace_files import LinkedFiles
from bot.config.appearance import EYE, WAITING
from bot.interactions.stop_button import stop_view
from bot.prompt.builder import PromptBuilder
from bot.prompt.request import Request, belong_together, write_request
from bot.questions.agent_questions import AgentQuestions
from bot.reply.completion import TurnTiming, complete
from bot.reply.notices import WARNING
from bot.reply.reply import Reply
from bot.reply.status_reactions import StatusReactions
from bot.reply.typing_indicator import TypingIndicator
from bot.text.redaction import StreamRedactor
from bot.user_messages import files, layout, notices, outcomes, places, questions, steering, to_agents
from pool.exchange import (
    Cancelled,
    Completed,
    Dropped,
    ExchangeRefused,
    Failed,
    LinkLost,
    Notice,
    Outcome,
    ShutDown,
    TakenBack,
    TimedOut,
    Unanswered,
)
from pool.exchange import Exchange as PooledExchange
from pool.journal.trailers import Trailer
from pool.place_news import HeldForPlace, Moved, PlaceNews
from pool.turn_watchdog import WatchdogAlert

from .exchange_context import ExchangeContext
from .reply_destination import ReplyDestination
from .session_lines import SessionLines
from .turn_log import TurnLog

log = structlog.stdlib.get_logger("bot")

T = TypeVar("T")


class Exchange:
    """A request, or several that were taken together, and the reply; fulfils `pool.exchange.Exchange`.

    `request` is the last one: the reply, its nonces and its rows in the journal go by that.
    """

    def __init__(
        self, request: Request, context: ExchangeContext, *, before: Sequence[Request] = (), again: str | None = None
    ) -> None:
        """Take a request, with those `before` it that belong to it.

        `again` is the prompt that an earlier run of the bot had sent, see `stored_prompt`.
        """
        self._context = context
        self.again = again is not None
        self._prompt = PromptBuilder(
            (*before, request),
            journal=context.journal,
            api=context.api,
            attachments=context.attachments,
            far_files=lambda: context.agents.far_files(self.request.thread_id),
            again=again,
        )
        self._style = context.agents.style(request.thread_id)
        self.reply = Reply(
            request.message_id,
            api=context.api,
            journal=context.journal,
            generation=0 if again is None else 1 + secrets.randbelow(0xFFF),
            on_settled=self._reply_settled,
            on_broken=self._cut_short,
            stop=lambda: stop_view(self._destination.where.channel_id, self.request.message_id),
            style=self._style,
        )
        threads, redact = context.journal.threads, context.redact
        self._destination = ReplyDestination(request, self.reply, threads)
        self.reactions = StatusReactions(
            (context.status_reaction(each.channel_id, each.message_id) for each in self.requests), context.reactions
        )
        self.behind = False
        """Whether it is known to wait behind another exchange."""
        self._timing = TurnTiming(asyncio.get_running_loop().time())
        self._turn: Turn | None = None
        self._typing: TypingIndicator | None = None
        self._linked_files: LinkedFiles | None = None
        self._session_lines = SessionLines(self.reply, context.agents, threads, redact)
        self._questions = AgentQuestions(context.cards, redact=redact, tell=context.tell)
        self._redacting = StreamRedactor(redact)
        self._turn_log = TurnLog(request.thread_id, request.message_id, request.author_id)
        self._reason: str | None = None
        """Why it ended, as the journal says it."""
        self._steered: list[int] = []
        """The messages that were sent into its turn."""
        self._is_unfinished = False
        """Whether the next run of the bot answers it, or people are asked what to do."""

    @property
    def request(self) -> Request:
        """The last request."""
        return self._destination.request

    @property
    def author_id(self) -> int:
        """Who asked."""
        return self.request.author_id

    @property
    def summary(self) -> str:
        """The words of all requests."""
        return " ".join(request.text for request in self.requests if request.text)

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The messages of the requests; the last one is that of `request`."""
        return (*(each.message_id for each in self.requests[:-1]), *self._steered, self.request.message_id)

    @property
    def requests(self) -> tuple[Request, ...]:
        """What was asked, oldest first; what was taken back is empty."""
        return self._prompt.requests

    def merge_earlier(self, earlier: PooledExchange) -> bool:
        """Take the requests of the exchange before this one, where both are one person's and short enough."""
        if not isinstance(earlier, Exchange) or not earlier.is_open or earlier.again or self.again:
            return False
        # Its messages would stay, and so would its place before the replies that follow it.
        if earlier.reply.begun or earlier._destination.turn_came:  # noqa: SLF001 - the same class
            return False
        together = (*earlier.requests, *self.requests)
        if not belong_together(together):
            return False
        self._prompt.requests = together
        self.reactions.merge_earlier(earlier.reactions)
        return True

    def amend(self, request: Request) -> bool:
        """Replace the request that has the same message; return whether anything is left to ask."""
        changed = (request if each.message_id == request.message_id else each for each in self.requests)
        self._prompt.requests = tuple(changed)
        return not all(each.is_empty for each in self.requests)

    # ---- before its turn

    def show_accepted(self) -> None:
        """Show on its messages that they are accepted."""
        self.reactions.show(EYE)

    def show_waiting(self) -> None:
        """Show on its messages that the thread cannot be opened yet, or that another exchange is before them."""
        self.behind = True
        self.reactions.show(WAITING)

    @property
    def is_open(self) -> bool:
        """Whether it is decided where the reply goes."""
        return self._destination.is_decided

    def opened(self, channel_id: int) -> None:
        """Reply in this channel: it is there."""
        self.behind = False
        self.show_accepted()
        self._destination.open(channel_id)

    def not_opened(self, reason: str) -> None:
        """Say in the request's channel that there is no thread; the exchange fails."""
        self._destination.fail(notices.cannot_open_thread(reason))

    def message_deleted(self) -> None:
        """Give the reply up: its message is gone, and with it the thread."""
        self._destination.discard(notices.MESSAGE_GONE)

    def moved(self, request: Request) -> None:
        """Wait once more, as `request` says, in the conversation of the channel: there is no thread."""
        self._context.left_thread(self)
        self._prompt.requests = (request,)
        self._turn_log = TurnLog(request.thread_id, request.message_id, request.author_id)
        self.behind = False
        self.show_accepted()
        self._destination.move(request)

    async def ended_before_restart(self, reason: str | None) -> int:
        """Finish an exchange that an earlier run of the bot has ended for `reason`; return where its reply goes."""
        channel_id = await self._destination.decided()
        self._reason = reason
        self._destination.name_request()
        return channel_id

    # ---- what the pool calls

    async def blocks(self, capabilities: PromptCapabilities) -> Sequence[BaseModel]:
        """Return the prompt, see `PromptBuilder`; the pool may ask several times before it sends one."""
        await self._destination.opened()
        await self._context.stale_messages.settled(self.message_ids)
        if missed := self._context.cards.take_unanswered(self.request.thread_id):
            self._prompt.unanswered = to_agents.missed(missed)
        return await self._prompt.blocks(capabilities)

    async def admitted(self) -> None:
        """Ask the gate again: its author may have lost the right to talk to the agent since the message came."""
        context, request = self._context, self.request
        place = context.journal.threads.place(request.thread_id)
        guild_id, channel_id = place or (request.guild_id, request.channel_id)
        parent_id = channel_id if channel_id != request.thread_id else None
        refusal = await context.membership.refusal(request.author_id, Place(guild_id, request.thread_id, parent_id))
        if refusal is not None:
            action = "a message that waited"
            context.audit.record("refused", action, user_id=request.author_id, thread_id=request.thread_id)
            raise ExchangeRefused(refusal.reason)

    def stored_prompt(self) -> str:
        """Return the prompt as it can be sent again."""
        return self._prompt.stored_prompt()

    def on_starting(self, *, awake: bool = False) -> None:
        """Show that its turn has come, and whether the agent is started first."""
        if not self._destination.turn_came:  # It may come twice; the first time decides the place among the replies.
            self._context.replies.append(self.request.thread_id, self.reply)
            if self.request.no_thread:
                self.reply.line(notices.no_thread(self.request.no_thread))
        if self.behind and self._destination.channel_id == self.request.channel_id:
            self.reply.name_request()  # Other messages are between the request and the reply.
        self.behind = False
        self.reactions.show(EYE)
        self._context.started(self)
        self.reply.placeholder(notices.WORKING if awake else notices.STARTING)
        self._destination.start()

    def steered_prompt(self, other: PooledExchange) -> str:
        """Return the prompt as it can be sent again, with the other one's behind it."""
        return self._prompt.stored_with(_own(other)._prompt)  # noqa: SLF001 - the same class

    def on_steered(self, other: PooledExchange, *, certain: bool) -> None:
        """Name the messages where the turn got them; without `certain` the thread is offered to send them again."""
        taken = _own(other)
        self._steered += taken.message_ids
        self._prompt.append(taken._prompt)  # noqa: SLF001 - the same class
        for skipped in taken._prompt.take_skipped():  # noqa: SLF001 - the same class
            self.reply.line(files.not_sent(skipped))
        for request in taken.requests:
            link = layout.link(request.guild_id, request.channel_id, request.message_id)
            if certain:
                self.reply.line(steering.taken_in(request.author_id, link))
                self._questions.name(link)
            else:
                self.reply.line(steering.uncertain(request.author_id, link))
                self._context.offer_again(request, link)
        if certain:
            self.reactions.join(taken.reactions)
        else:
            taken.reactions.show(None)

    def on_returned(self) -> bool:
        """Write down what has become of its messages in the meantime; return whether anything is left to ask."""
        left = not all(each.is_empty for each in self.requests)
        for request in self.requests if left else ():
            self._context.journal.messages.amend(request.message_id, write_request(request))
        return left

    def on_interrupted(self, lost: str = "") -> float:
        """Ask what becomes of it, as after a restart; below its reply, if the connection to `lost` ended its turn."""
        self._context.keep_reactions(self.reactions)
        return self._context.on_interrupted(self.message_ids, self.stored_prompt(), lost)

    @property
    def can_join(self) -> bool:
        """Whether a running turn may take it in: no message of its own reply is in the thread, or will be."""
        return not (self.reply.begun or self._destination.turn_came)

    def on_queued(self, place: int, asking: Sequence[int]) -> None:
        """Show the place in line, and the threads where a person's answer would let it move."""
        self.reply.placeholder(notices.in_line(place, asking) if place else notices.STARTING)

    def on_place(self, news: PlaceNews) -> None:
        """Show it where the answer will be; ask about a message that is held."""
        self.reply.placeholder(places.news(news))
        if isinstance(news, HeldForPlace):
            self._context.show_unreachable(self.request, news)

    def on_neighbours(self, thread_ids: Sequence[int], *, waits: bool) -> None:
        """Name the threads that work in the same directory."""
        if waits:
            self.reply.placeholder(notices.outside(thread_ids))
        else:
            self.reply.line(notices.beside(thread_ids))

    def on_notice(self, notice: Notice | Moved) -> None:
        """Say it above the answer."""
        if isinstance(notice, Moved):
            self._prompt.forgotten, self._prompt.moved = True, places.to_agent(notice)
            self.reply.line(places.moved(notice, len(self._prompt.earlier())))
        elif notice is Notice.NEW:
            self._session_lines.is_new = self._prompt.begins = True
        elif notice is Notice.LOGGED_OUT:
            self._show_logged_out()
        elif notice is Notice.FORGOTTEN:
            self._prompt.forgotten = True
            self.reply.line(notices.forgotten(len(self._prompt.earlier())))
        else:
            self.reply.line(notices.NOTICES[notice])

    def on_prompted(self, session: Session, turn: Turn) -> None:
        """Show that the agent has it."""
        context, thread_id, where = self._context, self.request.thread_id, self._destination.where
        self._turn = turn
        self._linked_files = LinkedFiles(context.agents.files(thread_id, context.link_lanes))
        self._timing.begin(asyncio.get_running_loop().time(), session.usage, fresh=self._session_lines.is_new)
        self._session_lines.begin(thread_id, session)
        self._turn_log.began()
        for skipped in self._prompt.take_skipped():
            self.reply.line(files.not_sent(skipped))
        self.reply.placeholder(notices.WORKING)
        self._questions.begin_turn(
            turn,
            where,
            directories=session.directories,
            place=context.agents.place(thread_id),
            add_line=self.reply.line,
        )
        if self._typing is None:  # Another agent may follow one that died before it got a byte.
            self._typing = TypingIndicator(where.channel_id, api=context.api, wanted=self._is_working)
            self._typing.start()

    def on_event(self, event: Event) -> None:
        """Show it, or ask it, without secrets."""
        self._turn_log.event(event)
        if self._is_working():
            self.reactions.event(event)
        for each in self._redacting.take(event):
            if isinstance(each, Question | Elicitation):
                self._session_lines.introduce()
            if not self._questions.take(each, self._destination.where, self.reply.tool_call):
                self._show(each)

    def expect_mode(self, mode: str | None) -> None:
        """Do not show this mode as the agent's own change while a person sets it; None: see `SessionLines`."""
        self._session_lines.expect_mode(mode)

    def _show(self, event: Event) -> None:
        match event:
            case CurrentModeUpdate() | ConfigOptionUpdate():
                self._session_lines.show_mode()
            case SessionInfoUpdate(title=str(title)):
                self._context.thread_names.title(self.request.thread_id, title)
            case Skipped(defect):
                self.reply.line(notices.skipped(defect))
            case _:
                if isinstance(event, Text | ToolCallUpdate | Plan):
                    self._session_lines.introduce()
                self.reply.apply(event)
                match event:
                    case ToolCallUpdate():
                        self._questions.tool_changed(event)
                    case SubagentToolCall(subagent, update):
                        self._questions.tool_changed(update, subagent)
                if self.reply.too_long:
                    self._cut_short(outcomes.TOO_LONG)

    async def linked(self) -> None:
        """Read the files that the agent has linked to, in order."""
        if self._linked_files is not None:
            for link in self.reply.links():
                self.reply.supply(link, await self._linked_files.read(link.uri))

    def on_alert(self, due: WatchdogAlert, silent_seconds: float) -> None:
        """Say below the reply that the turn is silent, or long, with a way to stop it."""
        if due is WatchdogAlert.SILENT:
            self.reactions.silent()
        where, taken_in = self._destination.where, self._turn is not None and self._turn.taken_in
        text = notices.due(due, silent_seconds, taken_in=taken_in)
        self._context.warn(WARNING, where.channel_id, where.exchange_id, text)

    def on_out_of_turn(self, event: OutOfTurnEvent, questions: OpenQuestions) -> None:
        """Ask it, or say on its card what came of it, as soon as the thread is there."""
        destination, complete = self._destination, self.reply.tool_call
        take = self._questions.take_out_of_turn
        destination.when_decided(lambda: take(event, questions, destination.where, complete))

    def remind(self, request_id: RequestId, seconds_left: float) -> None:
        """Ping those who may answer a question once more."""
        self._questions.remind(request_id, seconds_left)

    def on_unanswered(self, request_id: RequestId, why: Unanswered) -> None:
        """Say on the card why it ends without an answer, and to the agent with the next prompt."""
        self._questions.unanswered(request_id, questions.UNANSWERED[why])

    async def settled(self) -> None:
        """Wait for the reply."""
        await self.reply.settled.wait()

    # ---- its end

    def on_ended(self, outcome: Outcome) -> Sequence[str]:
        """Say how it ended. Each step is isolated, so that the reply ends and settles although one fails."""
        for step in (
            partial(self._turn_log.ended, outcome),
            partial(self._context.ended, self, interrupted=isinstance(outcome, ShutDown | LinkLost)),
            self._show_held_back,
            self._session_lines.introduce,
            self._session_lines.remember_offers,
            self._stop_typing,
            self.reactions.keep_eye if isinstance(outcome, ShutDown | LinkLost) else self.reactions.stop_activity,
            self._questions.end_turn,
            self._session_lines.show_last_mode,
            partial(self._say_end, outcome),
        ):
            self._isolated(step)
        pages = self.reply.end(self._isolated(partial(self._complete, outcome)))
        match outcome:
            case Failed() | TimedOut(stop_reason=None):
                self._reason = "failed"
            case Completed(reason) | Cancelled(_, reason) | TimedOut(stop_reason=reason):
                self._reason = reason
        self._is_unfinished = isinstance(outcome, ShutDown | LinkLost)
        if not self._destination.has_begun:  # There is no reply that the reaction could wait for.
            self._isolated(self._show_end)
        return pages

    def _isolated(self, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except Exception:  # the isolation boundary of an exchange's end
            log.exception("a part of an exchange's end failed", message_id=self.request.message_id)
            return None

    def _show_held_back(self) -> None:
        for event in self._redacting.rest():
            self.reply.apply(event)

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.stop()

    def _say_end(self, outcome: Outcome) -> None:
        # A message that was taken back before its reply began leaves no line.
        if self.reply.begun or not isinstance(outcome, TakenBack):
            for line in outcomes.closing(outcome, said=self.reply.has_text, redact=self._context.redact):
                self.reply.line(line)
        if self.reply.begun and isinstance(outcome, Dropped):
            self.reply.line(outcomes.DROPPED)
            self._destination.start()
        if isinstance(outcome, Failed) and isinstance(outcome.error, AuthRequired):
            self._show_logged_out()

    def _show_logged_out(self) -> None:
        """Tell the thread, as soon as it is there, that the agent is logged out."""
        destination = self._destination
        destination.when_decided(lambda: self._context.show_logged_out(destination.where.channel_id))

    def _complete(self, outcome: Outcome) -> Trailer | None:
        """Say what the turn came to, where the asker notices it; return the message that calls them."""
        now, timing, receipt = asyncio.get_running_loop().time(), self._timing, None
        if timing.prompted is not None:
            receipt = self.reply.receipt(now - timing.prompted, cost_before=timing.cost_before)
            usage = None if self._turn is None else self._turn.usage
            if receipt.tokens is None and usage is not None:
                receipt = replace(receipt, tokens=usage.total_tokens)
        waited, asker_id, scarce = now - timing.asked, self.request.author_id, self._context.api.pacer.busy
        completion = complete(self._style.finish, outcome, receipt, waited=waited, asker_id=asker_id, scarce=scarce)
        if completion.line:
            self.reply.line(completion.line)
        return completion.message

    def _reply_settled(self, confirmed: bool) -> None:  # noqa: FBT001 - a callback
        self._show_end()  # Only now: the answer can be seen.
        self._context.settled(self, confirmed=confirmed)

    def _show_end(self) -> None:
        if not self._is_unfinished:
            self.reactions.end(self._reason)

    def _cut_short(self, why: str = "") -> None:
        """Stop a turn whose further output will not be shown."""
        if self._turn is not None and not self._turn.cancelled:
            if why:
                self.reply.line(why)
            self._turn.cancel()

    def _is_working(self) -> bool:
        return self._turn is not None and not self._turn.ended and not self._turn.unanswered


def _own(exchange: PooledExchange) -> Exchange:
    if not isinstance(exchange, Exchange):
        raise TypeError(exchange)
    return exchange
