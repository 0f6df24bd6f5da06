"""One thread: its inbox, its agent lease, and the turn that runs.

A conversation is one task, which also starts and stops the agent (see `lease`). Everything else here is synchronous
and is called from outside while that task waits. Cancel, status and eviction therefore never wait for a turn.

What each way to stop does:

| method: cause                      | running turn            | inbox                 | session   | agent             |
|------------------------------------|-------------------------|-----------------------|-----------|-------------------|
| `cancel`: /cancel, Stop            | cancelled               | held                  | kept      | runs on           |
| `reset`: /reset, /resume           | cancelled               | held                  | forgotten | runs on           |
| `close`: /close                    | cancelled               | held                  | kept      | stops when idle   |
| `thread_deleted`: or access lost   | cancelled               | closed                | kept      | stops when idle   |
| `send_now`: Send now               | cancelled               | that one goes first   | kept      | runs on           |
| `steer`: `threads.busy = "steer"`  | cancelled               | that one goes first   | kept      | runs on           |
| `drop`: Drop all                   | goes on                 | closed                | kept      | runs on           |
| `withdraw`: Drop, message deleted  | goes on                 | that one is closed    | kept      | runs on           |
| `release`: it gets no thread       | goes on                 | moves to its channel  | kept      | stops when idle   |
| `preempt`: others wait in line     | its questions end       | waits for a slot      | kept      | stops after it    |
| the ceiling of a turn (`tick`)     | cancelled               | goes on               | kept      | runs on           |
| `AgentLease.evict`: slot, memory   | there is none           | as it is              | kept      | stops now         |
| `finish_and_stop`: shutdown        | ends by itself          | left for the restart  | kept      | stops after it    |
| `disconnect`: shutdown takes long  | cut off                 | left for the restart  | kept      | stops now         |

`cancel`, `reset`, `close` and `thread_deleted` also close the current exchange if its prompt is not sent yet.
`withdraw` and `release` take that exchange too, but no other. A cancelled turn ends when the agent says so; an agent
that takes longer than `acp.turn.CANCEL_SECONDS` loses its connection, and the next exchange starts another one.
`preempt` keeps an agent that cannot load its session, and `finish_and_stop` cancels a turn that waits for an answer.
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

from acp import AcpError, AgentClosed, AuthRequired, Event, Session
from pool.active_turn import ActiveTurn
from pool.agent_lease import AgentLease
from pool.conversation_context import CancelResult, ConversationContext, ConversationState
from pool.exchange import Cancelled, Dropped, Exchange, ExchangeFailed, Failed, Outcome, ShutDown, TakenBack
from pool.inbox import Inbox
from pool.journal.journal import JournalUnwritable
from pool.journal.message_states import MessageState as RowState

__all__ = ["Conversation"]

FAILED_STARTS = 3
"""After so many failed starts in a row, what waits is held until a person says so."""

UNWRITABLE_SECONDS = 1.0
"""Before the next try to write down that a prompt is to be sent, where the disk is full."""

UNSETTLED = 2
"""With more unfinished replies than this, the thread's next prompt waits: Discord is far behind."""

SLICE = 20
"""Of very many exchanges that end together, so many are closed before other threads have their turn."""

T = TypeVar("T")

log = structlog.stdlib.get_logger("pool")


class Conversation:
    """A thread and its session for as long as there is something to do or an agent runs."""

    def __init__(self, thread_id: int, context: ConversationContext) -> None:
        """Begin asleep, with nothing to do."""
        self.thread_id = thread_id
        self._context = context
        self._journal = context.journal
        self._inbox = Inbox(context.journal, on_time=self.resume)
        self._wake = asyncio.Event()
        self._current: Exchange | None = None
        self._latest: Exchange  # There is one before there is an agent.
        self._retried: Exchange | None = None
        self._unsettled: deque[Exchange] = deque()
        self._ending: deque[tuple[Exchange, str]] = deque()
        """What was taken out of the inbox and is still to be closed, with the reason."""
        self._finishing = False
        self._making: asyncio.Timeout | None = None
        """While an exchange is asked for something: what ends that at once where it is given up."""
        self.lease = AgentLease(
            thread_id, context, wake=self._wake, has_work=lambda: self._inbox.ready, whose=lambda: self._latest
        )
        """The agent of this thread, and its session."""
        self.running: ActiveTurn | None = None

    def __repr__(self) -> str:
        """Read like a status line."""
        waiting = f", {self._inbox!r}" if self._inbox else ""
        return f"<{self.thread_id} {self.lease.state}{waiting}>"

    @property
    def held(self) -> bool:
        """Whether the inbox waits for a person to let it go on."""
        return self._inbox.held

    @property
    def waiting(self) -> int:
        """Messages behind the one that is being worked on."""
        return len(self._inbox)

    @property
    def queue(self) -> tuple[Exchange, ...]:
        """What waits behind the one that is being worked on, in order."""
        return self._inbox.exchanges

    @property
    def current(self) -> Exchange | None:
        """What is being worked on."""
        return self._current

    def find_unsent(self, message_id: int) -> Exchange | None:
        """Return the exchange of a message that the agent has not got yet; None where it has, or there is none."""
        current = () if self._current is None or self.running is not None else (self._current,)
        found = (each for each in (*current, *self._inbox.exchanges) if message_id in each.message_ids)
        return next(found, None)

    def serves(self, author_id: int) -> bool:
        """Whether somebody has something to do here."""
        current = () if self._current is None else (self._current,)
        return any(each.author_id == author_id for each in chain(current, self._inbox))

    @property
    def asked_since(self) -> float | None:
        """When the oldest open question was asked, in the loop's time; None when none is open."""
        asked = (each.asked_since for each in (self.running, self.lease.out_of_turn) if each is not None)
        return min((since for since in asked if since is not None), default=None)

    # ---- called from outside; never waits

    def submit(self, exchange: Exchange) -> None:
        """Put an exchange into the inbox. What was held goes on before it."""
        self._inbox.put(exchange)
        self.resume()
        self._changed()

    def restore(self, exchanges: Iterable[Exchange], *, held: bool, seconds: float | None = None) -> None:
        """Put what an earlier run of the bot had accepted in front of everything. Held, for good or for `seconds`."""
        self._inbox.put_first(*exchanges)
        if held:
            self._inbox.hold_again(seconds)
        self._changed()
        self._wake.set()

    def wait(self, exchange: Exchange, seconds: float) -> None:
        """Put an exchange behind all that waits, which waits for a person for as long as it does, or for `seconds`."""
        self._inbox.put(exchange)
        if not self._inbox.held:
            self._inbox.hold_again(seconds)
        self._changed()
        self._wake.set()

    def go_first(self, exchange: Exchange) -> None:
        """Put an exchange before all that waits, and go on."""
        self._inbox.put_first(exchange)
        self.resume()
        self._changed()

    def send_now(self, exchange: Exchange, by: int) -> None:
        """Let one that waits go before all others, and end the turn that runs: nothing else ever jumps."""
        self._inbox.advance(exchange)
        if self.running is not None:
            self.running.cancel(by)
        self.resume()

    def steer(self, exchange: Exchange, by: int) -> None:
        """Let one that has just come end the turn that runs, and go before what waited until then."""
        self._inbox.steer(exchange)
        if self.running is not None:
            self.running.cancel(by)

    def withdraw(self, exchange: Exchange, reason: str) -> None:
        """Close one that the agent has not got (see `find_unsent`), for `reason`, a word for the journal."""
        if exchange is self._current:
            self._give_up(exchange, TakenBack(), reason)
        else:
            self._inbox.remove(exchange)
            self._close(exchange, Dropped(), reason)
        self._changed()
        self._wake.set()

    def release(self, exchange: Exchange) -> None:
        """Remove one that the agent has not got (`find_unsent`); it goes on elsewhere. The agent stops when idle."""
        if exchange is self._current:
            self._leave_current()
        else:
            self._inbox.remove(exchange)
        self.lease.release_when_idle()
        self._changed()

    def cancel(self, by: int) -> CancelResult:
        """Stop what the person sees as running, wherever it is, and hold what waits behind it."""
        current, stopped = self._current, False
        if self.running is not None:
            stopped = self.running.cancel(by)
        elif current is not None:
            stopped = True
            self._give_up(current, Cancelled(by), "cancelled")
        self._inbox.hold()
        self._changed()
        return CancelResult(stopped=stopped, held=len(self._inbox))

    def _give_up(self, current: Exchange, outcome: Outcome, reason: str) -> None:
        """End an exchange that has not got as far as the agent, wherever it waits."""
        self._leave_current()
        self._close(current, outcome, reason)

    def _leave_current(self) -> None:
        self._current = None
        if self.lease.out_of_turn is not None:
            self.lease.out_of_turn.end()
        self._context.slots.leave(self.lease)
        self._wake.set()
        if self._making is not None:
            self._making.reschedule(asyncio.get_running_loop().time())

    def reset(self, by: int) -> CancelResult:
        """Cancel, and forget the session: the next message starts a new one."""
        done = self.cancel(by)
        self.lease.forget()
        return done

    def close(self, by: int) -> CancelResult:
        """Cancel, and stop the agent as soon as it is idle. The session is kept."""
        done = self.cancel(by)
        self.lease.release_when_idle()
        return done

    def thread_deleted(self) -> None:
        """End everything in the thread without a message: the thread is deleted, or the bot has lost access to it."""
        self._empty("gone")
        self._changed()
        if self.running is not None:
            self.running.turn.cancel()
        elif self._current is not None:
            self._give_up(self._current, Dropped(), "gone")
        self.lease.release_when_idle()

    def resume(self) -> None:
        """Go on with what was held."""
        if self._inbox.resume():
            self.lease.failed_starts = 0
            self._changed()
        self._wake.set()

    def drop(self) -> int:
        """Close everything that waits, unanswered. Returns how many exchanges that are."""
        count = self._empty("dropped")
        self._changed()
        return count

    def _empty(self, reason: str) -> int:
        exchanges = [*self._inbox.empty()]
        self._ending.extend((exchange, reason) for exchange in exchanges)
        self._end_some()
        return len(exchanges)

    def _end_some(self) -> None:
        """Close some of what left the inbox, and the rest after others had their turn."""
        try:
            for _ in range(min(SLICE, len(self._ending))):
                exchange, reason = self._ending.popleft()
                self._close(exchange, Dropped(), reason)
        finally:
            if self._ending:
                asyncio.get_running_loop().call_soon(self._end_some)
            else:
                self._wake.set()

    def placed(self, place: int, asking: Sequence[int]) -> None:
        """Learn the place in line, from 1, and the threads that wait for a person's answer meanwhile."""
        if self._current is not None:
            self._current.on_queued(place, asking)

    def tick(self) -> None:
        """Check deadlines; called about once a second. A failure here touches no other thread."""
        try:
            if self.running is not None:
                self.running.tick()
            self.lease.tick()
        except Exception:  # the isolation boundary once more: the caller looks after all threads
            log.exception("a check of deadlines failed", thread_id=self.thread_id)

    def preempt(self) -> None:
        """Give up the slot to threads in line: reject open questions, and stop the agent after the turn."""
        self.lease.preempt()
        if self.running is not None:
            self.running.preempt()

    def finish_and_stop(self) -> None:
        """Start no other exchange: as soon as the running turn has ended, the agent stops and the task ends."""
        self._finishing = True
        self._wake.set()
        if self.running is not None and self.running.turn.unanswered:
            self.running.turn.cancel()  # The bot no longer takes answers.

    def disconnect(self) -> None:
        """End the running turn now: the bot is about to stop, and cancels this conversation's task next."""
        if self.lease.agent is not None:
            self.lease.agent.connection.close(AgentClosed("Threadline is shutting down"))

    def _changed(self) -> None:
        self._context.on_queue(self.thread_id)

    def _close(self, exchange: Exchange, outcome: Outcome, reason: str) -> None:
        pages: Sequence[str] = ()
        try:
            pages = exchange.on_ended(outcome)
        finally:
            self._journal.messages.close(exchange.message_ids, reason, pages)

    # ---- the task

    async def run(self) -> None:
        """Work until the conversation is asleep with nothing to do. Cancelled only when the bot stops."""
        bind_contextvars(thread_id=self.thread_id)
        try:
            while await self._step():
                pass
        finally:
            try:
                while self._ending:
                    self._end_some()
                if self._current is not None:
                    self._interrupt(self._current)
            finally:
                await self.lease.sleep()

    async def _step(self) -> bool:
        """Do the next thing. An error in it is shown in this thread and touches no other."""
        try:
            if self._finishing:
                return False
            if self.lease.is_lost:
                await self.lease.sleep()
            elif self._inbox.ready:
                await self._serve(self._inbox.take())
            elif self.lease.agent is not None:
                await self.lease.idle()
            elif self._inbox or self._ending:
                await self._wake.wait()
                self._wake.clear()
            else:
                return False
        except (AcpError, ExchangeFailed) as error:
            log.warning("exchange failed", thread_id=self.thread_id, reason=str(error))
            self._fail(error)
        except Exception as error:  # the isolation boundary of a conversation
            log.exception("conversation failed", thread_id=self.thread_id)
            self._fail(error)
        return True

    # ---- one exchange

    async def _serve(self, exchange: Exchange) -> None:
        def wanted() -> bool:
            return self._current is exchange and not self._finishing

        self._current = self._latest = exchange
        exchange.on_starting()
        self._changed()
        try:
            self.lease.state = ConversationState.STARTING
            # Asked here too: for somebody without the right no agent is started, and no other waits longer in line.
            await self._unless_given_up(exchange, exchange.admitted())
            session = await self.lease.acquire(exchange, wanted)
            if session is not None:
                with bound_contextvars(session_id=session.session_id, turn=exchange.message_ids[-1]):
                    await self._converse(session, exchange)
        finally:
            self.lease.leave_workdir()
        self._current = None
        self.lease.yield_if_due()

    async def _converse(self, session: Session, exchange: Exchange) -> None:
        while len(self._unsettled) > UNSETTLED:
            await self._unsettled.popleft().settled()
        while (blocks := await self._blocks(session, exchange)) is not None and self._current is exchange:
            try:
                earlier = self._journal.messages.prompted(exchange.message_ids, exchange.stored_prompt())
                break
            except JournalUnwritable:  # Nothing is sent before that is written down; meanwhile anything may change.
                await asyncio.sleep(UNWRITABLE_SECONDS)
        else:
            return
        self.lease.state = ConversationState.WORKING
        try:
            async with session.prompt(blocks) as turn:
                running = self.running = ActiveTurn(exchange, turn, self.lease.settings.bounds)
                session.on_late = partial(self._late, exchange)
                exchange.on_prompted(session, turn)
                await self._follow(running)
            self.running = None
        except AgentClosed as error:
            self._once_more(exchange, error, earlier)

    async def _blocks(self, session: Session, exchange: Exchange) -> Sequence[BaseModel] | None:
        """Return an exchange's prompt, if it may be sent now; None where the exchange was given up meanwhile."""

        async def made() -> Sequence[BaseModel]:
            blocks = await exchange.blocks(session.capabilities)
            await exchange.admitted()  # Last: it may have waited for long for a slot, for its thread or its files.
            return blocks

        return await self._unless_given_up(exchange, made())

    async def _unless_given_up(self, exchange: Exchange, work: Coroutine[Any, Any, T]) -> T | None:
        """Do it; None as soon as the exchange is given up."""
        try:
            async with asyncio.timeout(None) as self._making:
                return await work
        except TimeoutError:
            if self._current is exchange:
                raise
            return None
        finally:
            self._making = None

    async def _follow(self, running: ActiveTurn) -> None:
        """Pass on what the turn brings, to its end."""
        turn = running.turn
        try:
            async for event in turn:
                running.event(event)
                await running.exchange.linked()
        except asyncio.CancelledError:
            if turn.ended and not isinstance(turn.error, AgentClosed):
                # The bot stops, and the agent was as quick: all that it wrote is taken, without a wait for files.
                for event in turn.unread():
                    running.event(event)
                self._finish(running)
            raise
        self._finish(running)

    def _late(self, exchange: Exchange, event: Event) -> None:
        """Pass on what came after the end of the exchange's turn, from the agent's reader: nothing may raise."""
        try:
            exchange.on_event(event)
        except Exception:  # the isolation boundary again
            log.exception("a late event failed", thread_id=self.thread_id)

    def _finish(self, running: ActiveTurn) -> None:
        """Write down the end before the lock is released."""
        exchange, turn = running.exchange, running.turn
        outcome = running.outcome(stopping=self._finishing)
        pages = exchange.on_ended(outcome)
        self._current = None
        if isinstance(turn.error, AuthRequired):
            self.lease.yields = True  # Whoever logs in now does so for the next process, not for one that runs.
        if isinstance(outcome, ShutDown):
            self._journal.messages.interrupt(exchange.message_ids, pages)
        else:
            self._journal.messages.finish(exchange.message_ids, turn.stop_reason or "failed", pages)
        self._unsettled.append(exchange)
        if running.preempted and running.cancelled_by is None and not self._finishing:
            self._context.on_preempted(self.thread_id)

    def _once_more(self, exchange: Exchange, error: AgentClosed, earlier: str | None) -> None:
        """Put an exchange back of which the agent, dying, got not one byte; one new agent is tried."""
        self.running = None
        if self._current is not exchange:  # Given up while the agent's last words were waited for.
            return
        self._journal.messages.unsent(exchange.message_ids, earlier)
        if self._retried is exchange:
            raise error
        self._retried = exchange
        self._current = None
        self._inbox.put_first(exchange)
        self._inbox.advance(exchange)

    def _fail(self, error: Exception) -> None:
        exchange, self._current = self._current, None
        self.running = None
        try:
            if exchange is not None:
                reason = error.closed_as if isinstance(error, ExchangeFailed) else "failed"
                self._close(exchange, Failed(error), reason)
            if self.lease.failed_starts >= FAILED_STARTS:
                self._inbox.hold()
                self._changed()
        except Exception:  # the same boundary: it must hold for an exchange or a journal that fails twice
            log.exception("failure could not be written down", thread_id=self.thread_id)

    def _interrupt(self, exchange: Exchange) -> None:
        """The bot stops. What the agent never saw stays received, for the next start, which asks about the rest."""
        outcome = ShutDown() if self.running is None else self.running.outcome(stopping=True)
        if self._journal.messages.state(exchange.message_ids[0]) is not RowState.PROMPTED:
            exchange.on_ended(outcome)
        elif isinstance(outcome, ShutDown):
            self._journal.messages.interrupt(exchange.message_ids, exchange.on_ended(outcome))
        else:  # A person had stopped it already.
            self._close(exchange, outcome, "cancelled")
