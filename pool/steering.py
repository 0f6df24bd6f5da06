"""Sends messages into one running turn, one at a time and in order.

A message waits here while its prompt is built. Then one transaction joins its rows to the turn's exchange, and the line
to the agent is written, with no wait in between. The agent's answer decides:

| answer                                | the rows                                                  |
|---------------------------------------|-----------------------------------------------------------|
| injected                              | stay joined, and end with the turn                        |
| promptRequired, or an error           | are received again, first in the inbox                    |
| none in time, or none that is read    | stay joined: they are not sent again, and people are told |
| startedNewTurn                        | are an interrupted exchange of their own                  |

After any answer but `injected` the turn takes nothing more in, so that no later message overtakes an earlier one; nor
does it after `MOST_TAKEN` messages.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import structlog
from pydantic import BaseModel

from acp import Session, Steered, Turn, Unsupported
from pool.exchange import Dropped, Exchange, ExchangeFailed, TakenBack
from pool.inbox import Inbox, close_exchange
from pool.journal.errors import JournalUnwritable
from pool.journal.journal import Journal

MOST_TAKEN = 100
"""Messages that one turn takes in; later ones wait for its end. Each writes down the turn's whole prompt again."""

log = structlog.stdlib.get_logger("pool")


class Steering:
    """What is sent into the turn of an exchange. Call `end` or `stop` before the turn's end is written down."""

    def __init__(
        self,
        exchange: Exchange,
        session: Session,
        turn: Turn,
        *,
        inbox: Inbox,
        journal: Journal,
        on_changed: Callable[[], None],
    ) -> None:
        """What the turn does not take in goes to the front of `inbox`. `on_changed` tells that something has moved."""
        self._exchange = exchange
        self._session = session
        self._turn = turn
        self._inbox = inbox
        self._journal = journal
        self._on_changed = on_changed
        self._waiting: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = not session.can_steer
        self._taken = 0
        self.sent: Exchange | None = None
        """The exchange whose prompt the agent has been sent, until it answers."""
        self.holds = False
        """Whether what comes back is held for a person."""
        self.is_gone = False
        """Whether what comes back is closed: the thread is gone."""

    def __len__(self) -> int:
        """Return how many exchanges are being sent."""
        return len(self._waiting) + (self.sent is not None)

    def __iter__(self) -> Iterator[Exchange]:
        """Go through the exchanges whose prompts are not sent yet, in order."""
        return iter(self._waiting)

    @property
    def is_open(self) -> bool:
        """Whether the turn takes messages in."""
        return not (self._closed or self._turn.ended or self._turn.cancelled)

    def put(self, exchange: Exchange) -> None:
        """Send an exchange after those that are being sent."""
        self._waiting.append(exchange)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="steering")

    def remove(self, exchange: Exchange) -> None:
        """Remove an exchange whose prompt is not sent yet."""
        self._waiting.remove(exchange)

    def give_back(self) -> None:
        """Put the exchanges whose prompts are not sent yet into the inbox, before all others."""
        if self._waiting:
            self._inbox.put_back(*self._waiting)
            self._waiting.clear()
            self._on_changed()

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        self.give_back()

    async def end(self) -> None:
        """Wait for the agent's answer about what was sent, for `acp.timeouts.STEERING_SECONDS` at most."""
        self.close()
        if self._task is not None:
            if self.sent is None:
                self._task.cancel()
            await asyncio.wait((self._task,))

    async def stop(self) -> None:
        """Do not wait for the answer: what was sent may have been taken in, or not."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    # ---- the task

    async def _run(self) -> None:
        try:
            while self._waiting and self.is_open:
                await self._steer(self._waiting[0])
        except ExchangeFailed as error:  # Its own turn will say so.
            log.info("a message cannot be sent into the turn", reason=str(error))
        except JournalUnwritable:
            pass  # Its own turn waits until the journal can be written.
        except Exception:  # the isolation boundary of what is sent into a turn
            log.exception("sending a message into the turn failed")
        finally:
            self.give_back()

    async def _steer(self, exchange: Exchange) -> None:
        blocks = await exchange.blocks(self._session.capabilities)
        await exchange.admitted()  # Checked last, after a possibly long wait for files.
        if not self.is_open or not self._waiting or self._waiting[0] is not exchange:
            return  # The turn has ended, or the exchange was taken back.
        prompt = self._exchange.steered_prompt(exchange)
        self._journal.messages.join(exchange.message_ids, self._exchange.message_ids[-1], prompt)
        self._waiting.popleft()
        self.sent, outcome = exchange, Steered.UNKNOWN
        try:
            outcome = await self._send(blocks)
        finally:
            self.sent = None
            self._settle(exchange, outcome)

    async def _send(self, blocks: Sequence[BaseModel]) -> Steered:
        try:
            return await self._session.steer(blocks)
        except Unsupported as error:
            log.warning("a message cannot be sent into the turn", reason=str(error))
            return Steered.REFUSED

    def _settle(self, sent: Exchange, outcome: Steered) -> None:
        messages, joined = self._journal.messages, self._exchange.message_ids[-1]
        self._taken += 1
        if outcome is not Steered.INJECTED or self._taken >= MOST_TAKEN:
            self.close()
        match outcome:
            case Steered.INJECTED | Steered.UNKNOWN:
                self._exchange.on_steered(sent, certain=outcome is Steered.INJECTED)
            case Steered.PROMPT_REQUIRED | Steered.REFUSED:
                messages.leave(sent.message_ids, joined, self._exchange.stored_prompt())
                self._return(sent)
            case _:  # It has started a new turn.
                messages.part(sent.message_ids, joined, self._exchange.stored_prompt(), sent.stored_prompt())
                self._interrupt(sent)
        self._on_changed()

    def _return(self, exchange: Exchange) -> None:
        """Let an exchange wait for its own turn as it is now: it may have been edited or deleted in the meantime."""
        if self.is_gone:
            close_exchange(self._journal, exchange, Dropped(), "gone")
        elif not exchange.on_returned():
            close_exchange(self._journal, exchange, TakenBack(), "deleted")
        else:
            self._inbox.put_back(exchange, hold=self.holds)

    def _interrupt(self, exchange: Exchange) -> None:
        """Let people decide what becomes of an exchange; what waits in the inbox waits for that too."""
        if self.is_gone:
            close_exchange(self._journal, exchange, Dropped(), "gone")
            return
        seconds = exchange.on_interrupted()
        if not self._inbox.held:
            self._inbox.hold_again(seconds)
