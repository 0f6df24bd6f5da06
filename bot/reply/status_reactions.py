"""Shows the status of a message as one reaction on it."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence

import structlog

from acp import Event
from bot.config.appearance import DONE, EYE, FAILED, TAKEN_IN, WAITING, Reactions
from bot.rest.api import DiscordApi
from bot.rest.backoff import ATTEMPTS, Backoff
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.errors import RestError, TryLater
from pool.journal.reactions import ReactionRows

from .activity import SILENT, Activity

_STAYING = frozenset({DONE, FAILED})
_SHOWN_ONLY_HERE = _STAYING | {WAITING, TAKEN_IN}
"""Reactions that say more than the growing reply does."""

log = structlog.stdlib.get_logger("bot")


class StatusReaction:
    """The bot's one reaction on a message. `show` may be called at any time; the last call wins.

    While calls are scarce, a reaction that says no more than the reply is given up when its turn comes.

    The journal has a reaction that is not to stay from before it is added until it is known to be removed: what a
    killed bot leaves, the next run finds.
    """

    def __init__(
        self,
        channel_id: int,
        message_id: int,
        *,
        api: DiscordApi,
        kept: ReactionRows,
        left: Iterable[str] = (),
    ) -> None:
        """Start with what an earlier run of the bot may have `left`; the first `show` removes it."""
        self._channel_id = channel_id
        self.message_id = message_id
        self._api = api
        self._wanted: str | None = None
        self._kept = kept
        self._standing = [*left]
        self._confirmed: set[str] = set()
        self._job = ApiCall(channel_id, self._next_write, Urgency.LOW, Bucket.REACTION, Backoff(ATTEMPTS))

    def show(self, emoji: str | None) -> None:
        """Replace the reaction by this one; None removes it."""
        self._wanted = emoji
        self._job.backoff.reset()
        if self._change() is not None:
            # It has not waited as long as the reaction before it, which may not have been made yet.
            self._api.pacer.put(self._job, since=asyncio.get_running_loop().time())

    def _change(self) -> tuple[str, bool] | None:
        """Return the next reaction to change, and whether it is added: the new one comes before the old one goes."""
        if self._wanted is not None and self._wanted not in self._confirmed:
            return self._wanted, True
        return next(((emoji, False) for emoji in self._standing if emoji != self._wanted), None)

    def _next_write(self) -> Awaitable[None] | None:
        change = self._change()
        if change is None:
            return None
        emoji, on = change
        if on and emoji not in _SHOWN_ONLY_HERE and self._api.pacer.busy:
            self._wanted = next(iter(self._standing), None)
            return None
        return self._write(emoji, on)

    async def _write(self, emoji: str, on: bool) -> None:  # noqa: FBT001 - a private step
        call = self._api.react if on else self._api.unreact
        if on and emoji not in self._standing:
            self._note_standing(emoji)
        try:
            await call(self._channel_id, self.message_id, emoji)
        except RestError as error:
            if not isinstance(error, TryLater):
                self._note_gone(emoji)
            if on or isinstance(error, TryLater):  # What is gone need not be removed.
                self._fail(error)
                return
        self._job.backoff.reset()
        if on:
            self._confirmed.add(emoji)
        else:
            self._note_gone(emoji)
        if self._change() is not None:
            self._api.pacer.put(self._job)

    def _note_standing(self, emoji: str) -> None:
        """Note that a reaction may be on the message from now on, also if the call fails."""
        self._standing.append(emoji)
        if emoji not in _STAYING:
            self._kept.put(self._channel_id, self.message_id, emoji)

    def _note_gone(self, emoji: str) -> None:
        if emoji in self._standing:
            self._standing.remove(emoji)
            self._confirmed.discard(emoji)
            self._kept.gone(self.message_id, emoji)

    def _fail(self, error: RestError) -> None:
        if not isinstance(error, TryLater) or not self._api.pacer.retry(self._job, error):
            log.info("a reaction could not be changed", message_id=self.message_id, reason=str(error))


class StatusReactions:
    """The status reactions of one exchange: all its messages show the same, and the activity while the agent works."""

    def __init__(self, reactions: Iterable[StatusReaction], wanted: Reactions) -> None:
        """Take the reactions of the exchange's messages."""
        self._reactions = [*reactions]
        self._wanted = wanted
        self._activity = Activity(self.show) if wanted.progress else None

    @property
    def each(self) -> Sequence[StatusReaction]:
        """The reactions of the messages."""
        return self._reactions

    def merge_earlier(self, earlier: "StatusReactions") -> None:
        """Add the reactions of earlier messages, which are answered together with these."""
        self._reactions = [*earlier._reactions, *self._reactions]  # noqa: SLF001 - the same class

    def join(self, others: "StatusReactions") -> None:
        """Add the reactions of messages that the turn has taken in; until it shows something else they say so."""
        others.show(TAKEN_IN)
        self._reactions += others._reactions  # noqa: SLF001 - the same class

    def show(self, emoji: str | None) -> None:
        """Replace the reactions by this one; None removes them."""
        for reaction in self._reactions if self._wanted.enabled else ():
            reaction.show(emoji)

    def event(self, event: Event) -> None:
        """Show what the agent is doing."""
        if self._activity is not None:
            self._activity.event(event)

    def silent(self) -> None:
        """Show that the agent is silent."""
        if self._activity is not None:
            self._activity.note(SILENT)

    def stop_activity(self) -> None:
        """Stop showing what the agent does: the turn has ended."""
        if self._activity is not None:
            self._activity.stop()

    def keep_eye(self) -> None:
        """Show that the message is still to be answered, and not what the agent does."""
        self.stop_activity()
        self.show(EYE)

    def end(self, reason: str | None) -> None:
        """Show how the exchange ended, as `Reactions.end` says."""
        self.stop_activity()
        self.show(self._wanted.end(reason))
