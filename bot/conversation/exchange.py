"""An exchange: one request or several, the prompt, and the reply."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import discord
import structlog
from pydantic import BaseModel

from acp import (
    AuthRequired,
    Elicitation,
    ElicitationCompleted,
    Event,
    OpenQuestions,
    OutOfTurnEvent,
    Question,
    Session,
    Skipped,
    Text,
    Turn,
    Unreadable,
    Withdrawn,
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
from bot import user_messages as words
from bot.access.gate import Place
from bot.agents.login import login_words
from bot.agents.options import AgentOptions, introduction, write_offers
from bot.agents.workspace_files import LinkedFiles
from bot.config.appearance import EYE, WAITING
from bot.interactions.cards import Where
from bot.interactions.stop_button import stop_view
from bot.prompt.builder import PromptBuilder
from bot.prompt.request import Request, belong_together
from bot.questions.broker import QuestionBroker
from bot.questions.out_of_turn import OutOfTurnCards
from bot.reply.completion import TurnTiming, complete
from bot.reply.notices import WARNING
from bot.reply.reply import Reply
from bot.reply.status_reactions import StatusReactions
from bot.reply.typing_indicator import TypingIndicator
from bot.text.markdown import escape
from bot.text.redaction import Redacting
from pool.exchange import (
    Cancelled,
    Completed,
    Dropped,
    ExchangeFailed,
    ExchangeRefused,
    Failed,
    Notice,
    Outcome,
    ShutDown,
    TakenBack,
    TimedOut,
    Unanswered,
)
from pool.exchange import Exchange as PooledExchange
from pool.journal.trailers import Trailer
from pool.turn_watchdog import WatchdogAlert

from .exchange_context import ExchangeContext
from .turn_log import TurnLog

__all__ = ["Exchange"]

MODES = 20
"""Changes of the agent's mode after which a reply tells of the last one alone: each line is shown, however many."""

log = structlog.stdlib.get_logger("bot")

T = TypeVar("T")


class Exchange:
    """A request, or several that were taken together, and the reply; fulfils `pool.exchange.Exchange`.

    `request` is the last one: the reply, its nonces and what the journal has of it go by that.
    """

    def __init__(
        self, request: Request, context: ExchangeContext, *, before: Sequence[Request] = (), again: str | None = None
    ) -> None:
        """Take up a request, with those `before` it that belong to it.

        `again` is the prompt that an earlier run of the bot had sent, see `stored_prompt`.
        """
        self.request = request
        self._introduces = False
        self._context = context
        self.again = again is not None
        self._briefing = PromptBuilder(
            (*before, request),
            journal=context.journal,
            pacer=context.pacer,
            rest=context.rest,
            attachments=context.attachments,
            again=again,
        )
        self._style = context.agents.style(request.thread_id)
        self.reply = Reply(
            request.message_id,
            pacer=context.pacer,
            rest=context.rest,
            journal=context.journal,
            generation=0 if again is None else 1 + secrets.randbelow(0xFFF),
            on_settled=self._settled,
            on_broken=self._cut_short,
            stop=self._stop_view,
            style=self._style,
        )
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._place: int | None = None
        self._started = False
        self._reason: str | None = None
        """Why it ended."""
        self._goes_on = False
        """Whether the next run of the bot answers it, or asks what to do."""
        self.behind = False
        """Whether it is known to wait behind another exchange."""
        self._timing = TurnTiming(asyncio.get_running_loop().time())
        self._turn: Turn | None = None
        self._session: Session | None = None
        self._mode: str | None = None
        self._modes = 0
        """How often it has changed."""
        self._linked_files: LinkedFiles | None = None
        self._questions: QuestionBroker | None = None
        self._out_of_turn = OutOfTurnCards(context.cards, redact=context.redact, tell=context.tell)
        self._redacting = Redacting(context.redact)
        self._typing: TypingIndicator | None = None
        signs = (context.sign(each.channel_id, each.message_id) for each in self.requests)
        self.signs = StatusReactions(signs, context.reactions)
        self._record = TurnLog(request.thread_id, request.message_id, request.author_id)
        self.signs.show(EYE)

    @property
    def author_id(self) -> int:
        """Who asked."""
        return self.request.author_id

    @property
    def summary(self) -> str:
        """What was asked, in the words of all requests."""
        return " ".join(request.text for request in self.requests if request.text)

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The messages, the last one is the `request`."""
        return tuple(request.message_id for request in self.requests)

    @property
    def requests(self) -> tuple[Request, ...]:
        """What was asked, oldest first; what was taken back is empty."""
        return self._briefing.requests

    def merge_earlier(self, earlier: PooledExchange) -> bool:
        """Take the requests of the exchange before this one, where both are one person's and short enough."""
        if not isinstance(earlier, Exchange) or not earlier.is_open or earlier.again or self.again:
            return False
        # What stands of it would stay, and so would its place, with all replies behind it.
        if earlier.reply.begun or earlier._started:  # noqa: SLF001 - one of its own kind
            return False
        together = (*earlier.requests, *self.requests)
        if not belong_together(together):
            return False
        self._briefing.requests = together
        self.signs.take_in(earlier.signs)
        return True

    def amend(self, request: Request) -> bool:
        """Put another request in the place of the one with its id; return whether anything is left to ask."""
        changed = (request if each.message_id == request.message_id else each for each in self.requests)
        self._briefing.requests = tuple(changed)
        return not all(each.is_empty for each in self.requests)

    # ---- its thread

    @property
    def is_open(self) -> bool:
        """Whether the place of the answer is known."""
        return self._opened.done()

    def over(self, reason: str | None) -> None:
        """Learn that it ended in an earlier run, for `reason`, and that only its reply is still to be posted."""
        self._reason = reason
        self._name_request(self._place or self.request.thread_id)

    def waits(self) -> None:
        """Learn that its thread cannot be opened yet, or that it is behind another exchange."""
        self.behind = True
        self.signs.show(WAITING)

    def opened(self, channel_id: int) -> None:
        """Learn that the thread is there."""
        self.behind = False
        self.signs.show(EYE)
        self._place = channel_id
        self._opened.set_result(None)
        self._begin()

    def not_opened(self, reason: str) -> None:
        """Learn that there will be no thread, and nobody to answer in the channel; that is said in the channel."""
        self._place = self.request.channel_id
        self._opened.set_exception(ExchangeFailed(f"I could not open a thread: {reason}"))
        self._opened.exception()  # Also where the exchange was cancelled meanwhile, nothing is left unasked for.
        self._begin()

    def lost(self) -> None:
        """Learn that its message is gone: there is no thread, and no place for an answer."""
        if not self.is_open:
            self._opened.set_exception(ExchangeFailed("The message is gone."))
            self._opened.exception()
        self.reply.give_up()

    def moved(self, request: Request) -> None:
        """Learn that there is no thread: it waits again, as `request` says in the channel's conversation."""
        self._context.stepped_out(self)
        self._started = False
        self.request = request
        self._briefing.requests = (request,)
        self._record = TurnLog(request.thread_id, request.message_id, request.author_id)
        self.opened(request.channel_id)

    async def place(self) -> int:
        """Wait until the thread is open, or was given up; return the channel where the reply goes."""
        await asyncio.wait((self._opened,))
        return self._place or self.request.thread_id

    def _begin(self) -> None:
        if self._started and self._place is not None:
            self._name_request(self._place)
            self.reply.start(self._place)

    def _name_request(self, place: int) -> None:
        """Let the answer name its request in a channel, where others talk too."""
        request, lives = self.request, self._context.journal.threads.place(place)
        if request.guild_id is not None and (place != request.thread_id or (lives is not None and lives[1] == place)):
            self.reply.name_request()

    # ---- what the pool tells

    async def blocks(self, capabilities: PromptCapabilities) -> Sequence[BaseModel]:
        """Return the prompt, see `PromptBuilder`; it may be asked for again and again before one is sent."""
        await asyncio.shield(self._opened)
        await self._context.doubts.settled(self.message_ids)
        if missed := self._context.cards.take_missed(self.request.thread_id):
            self._briefing.unanswered = words.missed(missed)
        return await self._briefing.blocks(capabilities)

    async def admitted(self) -> None:
        """Ask the gate again: since the message came its author may have lost the right to talk to the agent."""
        context, request = self._context, self.request
        lives = context.journal.threads.place(request.thread_id)
        guild_id, channel_id = lives or (request.guild_id, request.channel_id)
        place = Place(guild_id, request.thread_id, channel_id if channel_id != request.thread_id else None)
        refusal = await context.membership.refusal(request.author_id, place)
        if refusal is not None:
            deed = "a message that waited"
            context.audit.record("refused", deed, user_id=request.author_id, thread_id=request.thread_id)
            raise ExchangeRefused(refusal.reason)

    def stored_prompt(self) -> str:
        """Return the prompt as it can be sent again."""
        return self._briefing.stored_prompt()

    def on_starting(self) -> None:
        """Show that it is this message's turn."""
        if not self._started:  # It may start twice; its place among the replies is that of the first time.
            self._started = True
            self._context.line_up(self.request.thread_id, self.reply)
            if self.request.no_thread:
                self.reply.line(words.no_thread(self.request.no_thread))
        if self.behind and self._place == self.request.channel_id:
            self.reply.name_request()  # Between the two stand others.
        self.behind = False
        self.signs.show(EYE)
        self._context.began(self)
        self.reply.placeholder("-# ⏳ starting")
        self._begin()

    def on_queued(self, place: int, asking: Sequence[int]) -> None:
        """Show the place in line, and the threads where a person's answer would let it move."""
        self.reply.placeholder(words.in_line(place, asking) if place else "-# ⏳ starting")

    def on_neighbours(self, thread_ids: Sequence[int], *, waits: bool) -> None:
        """Name the threads that work in the same directory."""
        if waits:
            self.reply.placeholder(words.outside(thread_ids))
        else:
            self.reply.line(words.beside(thread_ids))

    def on_notice(self, notice: Notice) -> None:
        """Say it above the answer."""
        match notice:
            case Notice.NEW:
                self._introduces = True
            case _:
                self._briefing.forgotten |= notice is Notice.FORGOTTEN
                self.reply.line(words.NOTICES[notice])

    def on_prompted(self, session: Session, turn: Turn) -> None:
        """Show that the agent has it."""
        self._turn, self._session, self._mode = turn, session, session.mode
        thread_id = self.request.thread_id
        self._linked_files = LinkedFiles(self._context.link_lanes, thread_id, self._context.agents.outbox(thread_id))
        self._timing.begin(asyncio.get_running_loop().time(), session.usage, fresh=self._introduces)
        self._record.began()
        for skipped in self._briefing.take_skipped():
            self.reply.line(f"-# ⚠ not passed on: {escape(skipped)}")
        self.reply.placeholder("-# ⏳ working")
        if self._place is not None:
            context, directories = self._context, session.directories
            self._questions = QuestionBroker(
                context.cards, turn, self._where, directories=directories, tell=self.reply.line
            )
            self._typing = TypingIndicator(self._place, pacer=context.pacer, rest=context.rest, wanted=self._is_working)
            self._typing.start()

    @property
    def _where(self) -> Where:
        request = self.request
        return Where(self._place or request.thread_id, request.message_id, request.author_id)

    def on_event(self, event: Event) -> None:
        """Show it, or ask it, without secrets."""
        self._record.event(event)
        if self._is_working():
            self.signs.event(event)
        for each in self._redacting.take(event):
            self._show_or_ask(each)

    def _show_or_ask(self, event: Event) -> None:
        match event:
            case Question():
                if self._questions is not None:
                    self._questions.ask(event, self.reply.tool_call(event.tool_call))
            case Elicitation():
                if self._questions is not None:
                    self._questions.elicit(event)
            case CurrentModeUpdate() | ConfigOptionUpdate():
                self._say_mode()
            case Unreadable(reason):
                if self._questions is not None:
                    self._questions.unreadable(reason)
            case ElicitationCompleted(elicitation_id):
                self._context.cards.completed(self._where.channel_id, elicitation_id)
            case SessionInfoUpdate(title=str(title)):
                self._context.naming.title(self.request.thread_id, title)
            case Skipped(reason):
                self.reply.line(words.skipped(reason))
            case Withdrawn(request_id):
                self._close_questions("withdrawn by the agent", request_id)
            case _:
                if isinstance(event, Text | ToolCallUpdate | Plan):
                    self._introduce()
                self.reply.apply(event)
                if isinstance(event, ToolCallUpdate) and self._questions is not None:
                    self._questions.changed(event)
                if self.reply.too_long:
                    self._cut_short(words.TOO_LONG)

    async def linked(self) -> None:
        """Read what the agent has linked to, in order."""
        if self._linked_files is not None:
            for link in self.reply.links():
                self.reply.supply(link, await self._linked_files.read(link.uri))

    def _cut_short(self, why: str = "") -> None:
        """Stop a turn whose further output will not be shown."""
        if self._turn is not None and not self._turn.cancelled:
            if why:
                self.reply.line(why)
            self._turn.cancel()

    def _say_mode(self) -> None:
        """Say that the agent is in another mode, whoever has put it there: by `/mode`, by a command of its own."""
        if self._session is not None and self._session.mode != self._mode:
            self._mode = self._session.mode
            self._modes += 1
            if self._modes < MODES:
                self.reply.line(self._mode_words(self._session))
            elif self._modes == MODES:
                self.reply.line(words.MODES)

    def _say_last_mode(self) -> None:
        """Say which mode it has ended up in, where not each was told of."""
        if self._session is not None and self._modes >= MODES:
            self.reply.line(self._mode_words(self._session))

    def _mode_words(self, session: Session) -> str:
        return words.mode(self._context.redact(AgentOptions.of(session).current("mode") or self._mode or ""))

    def _introduce(self) -> None:
        """Say once, above a new session's first answer, who answers. Before it has come that would only delay it."""
        agents, thread_id = self._context.agents, self.request.thread_id
        if self._introduces and self._session is not None and agents.introduces:
            title, offers, cwd = agents.title(thread_id), AgentOptions.of(self._session), agents.of(thread_id).cwd
            self.reply.line(introduction(title, offers, cwd, redact=self._context.redact))
        self._introduces = False

    def _remember_offers(self) -> None:
        """Write down what the agent offers, for when it sleeps."""
        if self._session is not None:
            threads, thread_id = self._context.journal.threads, self.request.thread_id
            offers = write_offers(AgentOptions.of(self._session))
            if offers != threads.offers(thread_id):
                threads.set_offers(thread_id, offers)

    def _close_questions(self, reason: str, *request_ids: RequestId) -> None:
        if self._questions is not None:
            self._questions.close(reason, *request_ids)

    def on_ended(self, outcome: Outcome) -> Sequence[str]:
        """Say how it ended. What fails in it leaves out no other part of it: the reply ends, and settles."""
        for step in (
            partial(self._record.ended, outcome),
            partial(self._context.ended, self),
            self._show_rest,
            self._introduce,
            self._remember_offers,
            self._stop_typing,
            self.signs.stay if isinstance(outcome, ShutDown) else self.signs.rest,
            partial(self._close_questions, "no longer open: the turn has ended"),
            self._say_last_mode,
            partial(self._say_end, outcome),
        ):
            self._isolated(step)
        pages = self.reply.end(self._isolated(partial(self._seal, outcome)))
        match outcome:
            case Failed() | TimedOut(None):
                self._reason = "failed"
            case Completed(reason) | Cancelled(_, reason) | TimedOut(reason):
                self._reason = reason
        self._goes_on = isinstance(outcome, ShutDown)
        if not self._started or self._place is None:  # There is no reply that the sign could wait for.
            self._isolated(self._end_signs)
        return pages

    def _end_signs(self) -> None:
        if not self._goes_on:
            self.signs.end(self._reason)

    def _settled(self, confirmed: bool) -> None:  # noqa: FBT001 - a callback
        """Show how it ended: not before the answer can be seen."""
        self._end_signs()
        self._context.settled(self, confirmed=confirmed)

    def _isolated(self, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except Exception:  # the isolation boundary of an exchange's end
            log.exception("a part of an exchange's end failed", message_id=self.request.message_id)
            return None

    def _show_rest(self) -> None:
        for event in self._redacting.rest():
            self.reply.apply(event)

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.stop()

    def _say_end(self, outcome: Outcome) -> None:
        if self.reply.begun or not isinstance(
            outcome, TakenBack
        ):  # Of what was taken back before there was a word, none is said.
            for line in words.closing(outcome, said=self.reply.has_text, redact=self._context.redact):
                self.reply.line(line)
        if self.reply.begun and isinstance(outcome, Dropped):
            self.reply.line(words.DROPPED)
            self._started = True
            self._begin()
        if isinstance(outcome, Failed) and isinstance(outcome.error, AuthRequired):
            self.reply.line(f"-# {login_words(self._context.agents.name(self.request.thread_id))}")

    def _seal(self, outcome: Outcome) -> Trailer | None:
        """Say what the turn came to, where the asker notices it; return what calls them."""
        now, timing, receipt = asyncio.get_running_loop().time(), self._timing, None
        if timing.prompted is not None:
            receipt = self.reply.receipt(now - timing.prompted, cost_before=timing.cost_before)
            usage = None if self._turn is None else self._turn.usage
            if receipt.tokens is None and usage is not None:
                receipt = replace(receipt, tokens=usage.total_tokens)
        seal = complete(
            self._style.finish, outcome, receipt, waited=now - timing.asked, asker_id=self.request.author_id
        )
        if seal.line:
            self.reply.line(seal.line)
        return seal.message

    def on_alert(self, due: WatchdogAlert, silent_seconds: float) -> None:
        """Say below the reply that the turn is silent, or long, with a way to stop it."""
        if due is WatchdogAlert.SILENT:
            self.signs.silent()
        if self._place is not None:
            self._context.warn(WARNING, self._place, self.request.message_id, words.due(due, silent_seconds))

    def on_out_of_turn(self, event: OutOfTurnEvent, questions: OpenQuestions) -> None:
        """Ask it, or say on its card what came of it, as soon as the thread is there."""
        self._opened.add_done_callback(lambda _: self._out_of_turn.take(event, questions, self._where))

    def remind(self, request_id: RequestId, seconds_left: float) -> None:
        """Ping those who may answer a question once more."""
        self._out_of_turn.remind(request_id, seconds_left)
        if self._questions is not None:
            self._questions.remind(request_id, seconds_left)

    def on_unanswered(self, request_id: RequestId, why: Unanswered) -> None:
        """Say on the card why nobody can answer any more, and to the agent with the next prompt."""
        self._out_of_turn.unanswered(request_id, words.UNANSWERED[why])
        if self._questions is not None:
            self._questions.unanswered(request_id, words.UNANSWERED[why])

    async def settled(self) -> None:
        """Wait for the reply."""
        await self.reply.settled.wait()

    def _is_working(self) -> bool:
        return self._turn is not None and not self._turn.ended and not self._turn.unanswered

    def _stop_view(self) -> discord.ui.View:
        return stop_view(self._place or self.request.thread_id, self.request.message_id)
