"""One thread: its inbox, its agent lease, and the turn that runs.

A conversation is one task, which also starts and stops the agent (see `lease`). Everything else here is synchronous
and is called from outside while that task waits. Cancel, status and eviction therefore never wait for a turn.

The ways to stop:

| method: cause                      | running turn            | inbox                 | session   | agent             |
|------------------------------------|-------------------------|-----------------------|-----------|-------------------|
| `cancel`: /cancel, Stop            | cancelled               | held                  | kept      | runs on           |
| `reset`: /reset, /resume           | cancelled               | held                  | forgotten | runs on           |
| `close`: /close                    | cancelled               | held                  | kept      | stops when idle   |
| `thread_deleted`: or access lost   | cancelled               | closed                | kept      | stops when idle   |
| `send_into_turn`: Send now, `busy` | takes that one in       | unchanged             | kept      | runs on           |
| `send_now`: Interrupt and send     | cancelled               | that one runs next    | kept      | runs on           |
| `steer`: `threads.busy = "steer"`  | cancelled               | that one runs next    | kept      | runs on           |
| `drop`: Drop all                   | continues               | closed                | kept      | runs on           |
| `withdraw`: Drop, message deleted  | continues               | that one is closed    | kept      | runs on           |
| `release`: it gets no thread       | continues               | moves to its channel  | kept      | stops when idle   |
| `preempt`: others wait in line     | its questions end       | waits for a slot      | kept      | stops after it    |
| the ceiling of a turn (`tick`)     | cancelled               | continues             | kept      | runs on           |
| `AgentLease.evict`: slot, memory   | there is none           | unchanged             | kept      | stops now         |
| `login_changed`: logged out        | continues               | unchanged             | kept      | stops when idle   |
| `finish_and_stop`: shutdown        | ends by itself          | left for the restart  | kept      | stops after it    |
| `disconnect`: shutdown takes long  | ended                   | left for the restart  | kept      | stops now         |
| the link to its machine is lost    | interrupted             | waits for a choice    | kept      | ends there        |
| the machine is not reached         | there is none           | held, the first too   | kept      | there is none     |

`cancel`, `reset`, `close` and `thread_deleted` also close the current exchange if its prompt is not sent yet.
`withdraw` and `release` act on the current exchange only in that case, and not on one that the agent has been sent.
What a turn does not take in is first in the inbox again, see `steering`; after one of those four it is held, or closed
with the thread. `send_into_turn` is for agents that take messages into a turn (`can_steer`), the two below it for all
others. A cancelled turn ends when the agent says so. An
agent that takes longer than `acp.timeouts.CANCEL_SECONDS` loses its connection; the next exchange starts another one.
`preempt` keeps an agent that cannot load its session. `finish_and_stop` cancels a turn that waits for an answer.
A turn whose link is lost is not sent again without a person. Until its machine confirms that the agent has ended, the
slot stays taken, and the next exchange waits. A machine is tried several times before the exchange is held (see
`unreached`), and once if its queue takes too long; the thread may then be given another place, where a new session is
told what was said.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel
from structlog.contextvars import bind_contextvars, bound_contextvars

from acp import (
    AcpError,
    AgentClosed,
    AuthRequired,
    CloseReason,
    Event,
    LoginState,
    PlaceUnreachable,
    QueuedTooLong,
    Session,
    Turn,
)
from pool.active_turn import ActiveTurn
from pool.agent_lease import AgentLease
from pool.conversation_context import CancelResult, ConversationContext, ConversationState
from pool.exchange import (
    Cancelled,
    Completed,
    Dropped,
    Exchange,
    ExchangeFailed,
    Failed,
    LinkLost,
    Notice,
    Outcome,
    ShutDown,
    TakenBack,
)
from pool.inbox import Inbox, close_exchange
from pool.journal.errors import JournalUnwritable
from pool.journal.forks import ForkPoint
from pool.journal.message_states import MessageState as RowState
from pool.place_news import HeldForPlace, unreached
from pool.steering import Steering

FAILED_STARTS = 3
"""After this many failed starts in a row, the inbox is held for a person."""

UNWRITABLE_SECONDS = 1.0
"""How long a prompt waits before the journal is tried again, when the disk is full."""

UNSETTLED = 2
"""With more unfinished replies than this, Discord is far behind, and the thread's next prompt waits."""

T = TypeVar("T")

log = structlog.stdlib.get_logger("pool")


class Conversation:
    """A thread and its session while an exchange waits or runs, or the agent lives."""

    def __init__(self, thread_id: int, context: ConversationContext) -> None:
        """Begin asleep, with an empty inbox."""
        self.thread_id = thread_id
        self._context = context
        self._journal = context.journal
        self._wake = asyncio.Event()
        self._inbox = Inbox(context.journal, on_time=self.resume, on_closed=self._wake.set)
        self.current: Exchange | None = None
        """The exchange whose turn runs, or is being prepared."""
        self.prompted: Exchange | None = None
        """The exchange whose prompt was sent last: it gets what the agent reports, until another prompt is sent."""
        self._latest: Exchange  # Set by the first exchange, before an agent starts.
        self._retried: Exchange | None = None
        self._unsettled: deque[Exchange] = deque()
        self._finishing = False
        self._preparing: asyncio.Timeout | None = None
        """Ends the wait for an exchange's own checks and prompt as soon as the exchange is given up."""
        self.lease = AgentLease(
            thread_id,
            context,
            wake=self._wake,
            has_work=lambda: self._inbox.ready,
            latest_exchange=lambda: self._latest,
        )
        """The thread's agent and session."""
        self.running: ActiveTurn | None = None
        self._steering: Steering | None = None
        """What is sent into the running turn."""

    def __repr__(self) -> str:
        """Read like a status line."""
        waiting = f", {self._inbox!r}" if self._inbox else ""
        return f"<{self.thread_id} {self.lease.state}{waiting}>"

    @property
    def held(self) -> bool:
        """Whether the inbox is held for a person."""
        return self._inbox.held

    @property
    def held_until(self) -> float | None:
        """When a hold ends by itself, in Unix time; None where only a person ends it, or there is none."""
        return self._inbox.held_until

    @property
    def waiting(self) -> int:
        """How many exchanges wait behind the current one."""
        return len(self._inbox)

    @property
    def queue(self) -> tuple[Exchange, ...]:
        """The exchanges that wait behind the current one, in order."""
        return tuple(self._inbox)

    @property
    def steering(self) -> int:
        """How many exchanges are being sent into the running turn."""
        return 0 if self._steering is None else len(self._steering)

    @property
    def can_steer(self) -> bool:
        """Whether a message can be sent without a turn's end: the running turn takes it in, or none runs."""
        if self._steering is not None:
            return self._steering.is_open
        return self.lease.session is not None and self.lease.session.can_steer

    @property
    def takes_more(self) -> bool:
        """Whether a message can be sent into the running turn and overtakes none, nor one without an answer."""
        return self._steering is not None and self.can_steer and not (self.steering or self._inbox)

    def find_unsent(self, message_id: int) -> Exchange | None:
        """Return a message's exchange while its prompt is not sent; None otherwise."""
        current = () if self.current is None or self.running is not None else (self.current,)
        waiting = chain(current, self._steering or (), self._inbox)
        return next((each for each in waiting if message_id in each.message_ids), None)

    def find_sent_into_turn(self, message_id: int) -> Exchange | None:
        """Return a message's exchange while the agent has not answered whether the turn takes it in."""
        sent = None if self._steering is None else self._steering.sent
        return sent if sent is not None and message_id in sent.message_ids else None

    def serves(self, author_id: int) -> bool:
        """Whether an exchange of this author runs or waits here."""
        current = () if self.current is None else (self.current,)
        return any(each.author_id == author_id for each in chain(current, self._steering or (), self._inbox))

    @property
    def asked_since(self) -> float | None:
        """When the oldest open question was asked, in the loop's time; None when none is open."""
        asked = (each.asked_since for each in (self.running, self.lease.out_of_turn) if each is not None)
        return min((since for since in asked if since is not None), default=None)

    # ---- called from outside; never waits

    def submit(self, exchange: Exchange) -> None:
        """Put an exchange behind all others, and end a hold: those that were held run first."""
        self._inbox.put(exchange)
        self.resume()
        self._changed()

    def restore(self, exchanges: Iterable[Exchange], *, held: bool, seconds: float | None = None) -> None:
        """Put exchanges that an earlier run of the bot accepted before all others.

        `held` holds the inbox, with `seconds` for no longer than that.
        """
        self._inbox.put_first(*exchanges)
        if held:
            self._inbox.hold_again(seconds)
        self._changed()
        self._wake.set()

    def wait(self, exchange: Exchange, seconds: float) -> None:
        """Put an exchange behind all others, and hold the inbox for at most `seconds`, unless it is held already."""
        self._inbox.put(exchange)
        if not self._inbox.held:
            self._inbox.hold_again(seconds)
        self._changed()
        self._wake.set()

    def go_first(self, exchange: Exchange) -> None:
        """Put an exchange before all others, and end a hold."""
        self._inbox.put_first(exchange)
        self.resume()
        self._changed()

    def send_into_turn(self, exchange: Exchange) -> None:
        """Send an exchange, new or waiting, into the running turn. Where none runs that takes it in, it runs next."""
        self.resume()
        if exchange not in self._inbox:
            self._inbox.put(exchange)
        self._inbox.advance(exchange)
        if self._steering is not None and self._steering.is_open:
            self._inbox.remove(exchange)
            self._steering.put(exchange)
        self._changed()

    def send_now(self, exchange: Exchange, by: int) -> None:
        """Run a waiting exchange next, in place of the running turn."""
        self._inbox.advance(exchange)
        if self.running is not None:
            self.running.cancel(by)
        self.resume()

    def steer(self, exchange: Exchange, by: int) -> None:
        """Run a new exchange before those that wait already, in place of the running turn."""
        self._inbox.steer(exchange)
        if self.running is not None:
            self.running.cancel(by)

    def withdraw(self, exchange: Exchange, reason: str) -> None:
        """Close an unsent exchange (see `find_unsent`); `reason` is for the journal."""
        if exchange is self.current:
            self._give_up(exchange, TakenBack(), reason)
        else:
            self._remove(exchange)
            close_exchange(self._journal, exchange, Dropped(), reason)
        self._changed()
        self._wake.set()

    def release(self, exchange: Exchange) -> None:
        """Remove an unsent exchange (see `find_unsent`) that moves to another conversation."""
        if exchange is self.current:
            self._leave_current()
        else:
            self._remove(exchange)
        self.lease.release_when_idle()
        self._changed()

    def _remove(self, exchange: Exchange) -> None:
        """Remove an unsent exchange behind the current one."""
        (self._steering if self._steering is not None and exchange in self._steering else self._inbox).remove(exchange)

    def cancel(self, by: int) -> CancelResult:
        """Stop the current exchange, in any step, and hold the inbox."""
        current, stopped = self.current, False
        if self._steering is not None:
            self._steering.close()
            self._steering.holds = True
        if self.running is not None:
            stopped = self.running.cancel(by)
        elif current is not None:
            stopped = True
            self._give_up(current, Cancelled(by), "cancelled")
        self._inbox.hold()
        self._changed()
        return CancelResult(stopped=stopped, held=len(self._inbox))

    def _give_up(self, current: Exchange, outcome: Outcome, reason: str) -> None:
        """Close the current exchange before its prompt is sent."""
        self._leave_current()
        close_exchange(self._journal, current, outcome, reason)

    def _leave_current(self) -> None:
        self.current = None
        if self.lease.out_of_turn is not None:
            self.lease.out_of_turn.end()
        self.lease.give_up_start()
        self._wake.set()
        if self._preparing is not None:
            self._preparing.reschedule(asyncio.get_running_loop().time())

    def reset(self, by: int) -> CancelResult:
        """Cancel, and forget the session: the next exchange opens a new one."""
        done = self.cancel(by)
        self.lease.forget()
        return done

    def close(self, by: int) -> CancelResult:
        """Cancel, and stop the agent as soon as it is idle. The session is kept."""
        done = self.cancel(by)
        self.lease.release_when_idle()
        return done

    def thread_deleted(self) -> None:
        """Close all exchanges and cancel the turn: the thread is deleted, or out of the bot's reach."""
        if self._steering is not None:
            self._steering.close()
            self._steering.is_gone = True
        self._inbox.close_all("gone")
        self._changed()
        if self.running is not None:
            self.running.turn.cancel()
        elif self.current is not None:
            self._give_up(self.current, Dropped(), "gone")
        self.lease.release_when_idle()

    def resume(self) -> None:
        """End a hold of the inbox."""
        if self._steering is not None:
            self._steering.holds = False
        if self._inbox.resume():
            self.lease.failed_starts = 0
            self._changed()
        self._wake.set()

    def drop(self) -> int:
        """Close all waiting exchanges. Return how many there are."""
        count = self._inbox.close_all("dropped")
        self._changed()
        return count

    def placed(self, place: int, asking: Sequence[int]) -> None:
        """Pass on the place in line, from 1, and the threads that hold slots while they wait for an answer."""
        if self.current is not None:
            self.current.on_queued(place, asking)

    def tick(self) -> None:
        """Check deadlines; called about once a second."""
        try:
            if self.running is not None:
                self.running.tick()
            self.lease.tick()
        except Exception:  # an isolation boundary: the caller checks all threads
            log.exception("a check of deadlines failed", thread_id=self.thread_id)

    def login_changed(self) -> None:
        """Show in the running turn that the agent is logged out. Stop an idle one: a login needs a new process."""
        if not self.lease.is_logged_out:
            return
        if self.running is not None and not self.running.turn.ended:
            self.running.exchange.on_notice(Notice.LOGGED_OUT)
        elif self.lease.evictable:
            self.lease.evict()

    def preempt(self) -> None:
        """Give up the slot to threads in line: reject open questions, and stop the agent after the turn."""
        self.lease.preempt()
        if self.running is not None:
            self.running.preempt()

    def finish_and_stop(self) -> None:
        """Stop the agent and end the task after the running turn."""
        self._finishing = True
        self._wake.set()
        if self._steering is not None:
            self._steering.close()
        if self.running is not None and self.running.turn.unanswered:
            self.running.turn.cancel()  # The bot no longer takes answers.

    def disconnect(self) -> None:
        """End the running turn now. The caller cancels this conversation's task next."""
        if self.lease.agent is not None:
            self.lease.agent.connection.close(AgentClosed(CloseReason.SHUTDOWN))

    def _changed(self) -> None:
        self._context.on_queue(self.thread_id)

    # ---- the task

    async def run(self) -> None:
        """Work until the conversation is asleep and its inbox empty. Cancelled only when the bot stops."""
        bind_contextvars(thread_id=self.thread_id)
        try:
            while await self._step():
                pass
        finally:
            try:
                self._inbox.finish_closing()
                if self.current is not None:
                    self._interrupt(self.current)
            finally:
                await self.lease.sleep()

    async def _step(self) -> bool:
        """Take one step; return whether another follows. An error ends the current exchange only."""
        try:
            if self._finishing:
                return False
            if self.lease.is_lost:
                await self.lease.sleep()
            elif self._inbox.ready:
                await self._serve(self._inbox.take())
            elif self.lease.agent is not None:
                await self.lease.idle()
            elif self._inbox or self._inbox.is_closing:
                await self._wake.wait()
                self._wake.clear()
            else:
                return False
        except (AcpError, ExchangeFailed) as error:
            log.warning("exchange failed", thread_id=self.thread_id, reason=str(error))
            await self._hold_or_fail(error)
        except Exception as error:  # the isolation boundary of a conversation
            log.exception("conversation failed", thread_id=self.thread_id)
            self._fail(error)
        return True

    # ---- one exchange

    async def _serve(self, exchange: Exchange) -> None:
        def wanted() -> bool:
            return self.current is exchange and not self._finishing

        self.current = self._latest = exchange
        exchange.on_starting(awake=self.lease.session is not None)
        self._changed()
        try:
            self.lease.state = ConversationState.STARTING
            # Checked before the start too: an author without the right must not take a slot from others.
            await self._unless_given_up(exchange, exchange.admitted())
            session = await self.lease.acquire(exchange, wanted)
            if session is not None:
                with bound_contextvars(session_id=session.session_id, turn=exchange.message_ids[-1]):
                    await self._converse(session, exchange)
        finally:
            self.lease.leave_workdir()
        self.current = None
        self.lease.yield_if_due()

    async def _converse(self, session: Session, exchange: Exchange) -> None:
        while len(self._unsettled) > UNSETTLED:
            await self._unsettled.popleft().settled()
        while (blocks := await self._blocks(session, exchange)) is not None and self.current is exchange:
            try:
                earlier = self._journal.messages.prompted(exchange.message_ids, exchange.stored_prompt())
                break
            except JournalUnwritable:  # A prompt is written down before it is sent. The blocks may change until then.
                await asyncio.sleep(UNWRITABLE_SECONDS)
        else:
            return
        self.lease.begin_turn()
        try:
            async with session.prompt(blocks) as turn:
                running = self.running = ActiveTurn(exchange, turn, self.lease.settings.bounds)
                steering = self._steering = self._steer(exchange, session, turn)
                self.prompted = exchange
                self.lease.prompted()
                session.on_late = partial(self._late, exchange)
                exchange.on_prompted(session, turn)
                if steering.is_open and self._inbox:
                    self._changed()  # What waits can be sent in another way now.
                try:
                    await self._follow(running, steering)
                finally:
                    await steering.stop()
            self.running = self._steering = None
        except AgentClosed as error:
            self._retry_once(exchange, error, earlier)

    def _steer(self, exchange: Exchange, session: Session, turn: Turn) -> Steering:
        return Steering(exchange, session, turn, inbox=self._inbox, journal=self._journal, on_changed=self._changed)

    async def _blocks(self, session: Session, exchange: Exchange) -> Sequence[BaseModel] | None:
        """Return an exchange's prompt; None when the exchange is given up. Raises `ExchangeFailed`."""

        async def made() -> Sequence[BaseModel]:
            blocks = await exchange.blocks(session.capabilities)
            await exchange.admitted()  # Checked last, after a possibly long wait for the slot, the thread and files.
            return blocks

        return await self._unless_given_up(exchange, made())

    async def _unless_given_up(self, exchange: Exchange, work: Coroutine[Any, Any, T]) -> T | None:
        """Return the result of `work`; cancel it and return None when the exchange is given up."""
        try:
            async with asyncio.timeout(None) as self._preparing:
                return await work
        except TimeoutError:
            if self.current is exchange:
                raise
            return None
        finally:
            self._preparing = None

    async def _follow(self, running: ActiveTurn, steering: Steering) -> None:
        """Pass on the turn's events until it ends, and it is known what it has taken in."""
        turn = running.turn
        try:
            async for event in turn:
                running.event(event)
                await running.exchange.linked()
            await steering.end()
        except asyncio.CancelledError:
            await steering.stop()
            if turn.ended and not isinstance(turn.error, AgentClosed):
                # The turn ended as the bot stopped: its remaining events count, but no file is waited for.
                for event in turn.unread():
                    running.event(event)
                self._finish(running)
            raise
        self._finish(running)

    def _late(self, exchange: Exchange, event: Event) -> None:
        """Pass on an event that came after the turn's end. The agent's reader calls this, so it must not raise."""
        try:
            exchange.on_event(event)
        except Exception:  # the isolation boundary of a conversation, for the reader
            log.exception("a late event failed", thread_id=self.thread_id)

    def _finish(self, running: ActiveTurn) -> None:
        """Write down the turn's end, before the session's lock is released."""
        exchange, turn = running.exchange, running.turn
        outcome = running.outcome(stopping=self._finishing)
        pages = exchange.on_ended(outcome)
        self.current = None
        if isinstance(turn.error, AuthRequired):
            self.lease.note_login(LoginState.LOGGED_OUT)
            self.lease.yields = True  # A login takes effect in the next process only.
        elif isinstance(outcome, Completed):
            self.lease.worked()
        point = ForkPoint(turn.session_id, turn.message_id or "")
        self._journal.forks.note_point(exchange.message_ids[-1], point)
        if isinstance(outcome, ShutDown | LinkLost):
            lost = outcome.place if isinstance(outcome, LinkLost) else ""
            self._journal.messages.interrupt(exchange.message_ids, pages, lost=lost)
            if lost:
                self._await_choice(exchange, lost)
        else:
            self._journal.messages.finish(exchange.message_ids, turn.stop_reason or "failed", pages)
        self._unsettled.append(exchange)
        if running.preempted and running.cancelled_by is None and not self._finishing:
            self._context.on_preempted(self.thread_id)

    def _await_choice(self, exchange: Exchange, lost: str) -> None:
        """Let people decide about a turn whose link was lost; what waits behind it waits for that."""
        seconds = exchange.on_interrupted(lost)
        if not self._inbox.held:
            self._inbox.hold_again(seconds)
        self._changed()

    async def _hold_or_fail(self, error: AcpError | ExchangeFailed) -> None:
        try:
            lost, exchange = unreached(error), self.current
            if lost is not None and exchange is not None:
                await self._hold_for_place(exchange, lost)
                return
        except Exception:  # the isolation boundary of a conversation
            log.exception("an exchange could not be held", thread_id=self.thread_id)
        self._fail(error)

    async def _hold_for_place(self, exchange: Exchange, lost: PlaceUnreachable | QueuedTooLong) -> None:
        """Hold the current exchange, which is not sent, with all others, unless it is given up in the meantime."""
        self.running = self._steering = None
        others = [each for each in self._context.settings(self.thread_id).places if each != lost.place]
        elsewhere = await self._unless_given_up(
            exchange, self._context.placement.having(self.lease.settings.cwd, others)
        )
        if elsewhere is not None and self.current is exchange:
            self.current = None
            self._inbox.put_back(exchange, hold=True)
            queued_seconds = lost.seconds if isinstance(lost, QueuedTooLong) else 0.0
            exchange.on_place(HeldForPlace(lost.place, lost.detail, elsewhere, queued_seconds))
            self._changed()

    def _retry_once(self, exchange: Exchange, error: AgentClosed, earlier: str | None) -> None:
        """Retry an exchange once whose agent died before it got any of the prompt. Raises `error` the second time."""
        self.running = self._steering = None
        if self.current is not exchange:  # Given up during the wait for the dead agent's stderr.
            return
        self._journal.messages.unsent(exchange.message_ids, earlier)
        if self._retried is exchange:
            raise error
        self._retried = exchange
        self.current = None
        self._inbox.put_first(exchange)
        self._inbox.advance(exchange)

    def _fail(self, error: Exception) -> None:
        exchange, self.current = self.current, None
        self.running = self._steering = None
        try:
            if exchange is not None:
                reason = error.closed_as if isinstance(error, ExchangeFailed) else "failed"
                close_exchange(self._journal, exchange, Failed(error), reason)
            if self.lease.failed_starts >= FAILED_STARTS:
                self._inbox.hold()
                self._changed()
        except Exception:  # the same boundary: the exchange or the journal may fail again
            log.exception("failure could not be written down", thread_id=self.thread_id)

    def _interrupt(self, exchange: Exchange) -> None:
        """End the current exchange as the bot stops. An unsent one stays received and runs after the next start."""
        outcome = ShutDown() if self.running is None else self.running.outcome(stopping=True)
        if self._journal.messages.state(exchange.message_ids[-1]) is not RowState.PROMPTED:
            exchange.on_ended(outcome)
        elif isinstance(outcome, ShutDown):
            self._journal.messages.interrupt(exchange.message_ids, exchange.on_ended(outcome))
        else:  # A person had cancelled it already.
            close_exchange(self._journal, exchange, outcome, "cancelled")
