"""The status of a message, as one reaction on it."""

from collections.abc import Awaitable, Iterable

import structlog

from acp import Event
from bot.config.appearance import DONE, EYE, FAILED, Reactions
from bot.rest.api import DiscordApi, RestError, TryLater
from bot.rest.backoff import ATTEMPTS, Backoff
from bot.rest.calls import ApiCall, Bucket, Urgency
from pool.journal.reactions import ReactionRows

from .activity import SILENT, Activity

__all__ = ["StatusReaction", "StatusReactions"]

_STAYING = frozenset({DONE, FAILED})

log = structlog.stdlib.get_logger("bot")


class StatusReaction:
    """The one reaction of the bot's on a message. `show` may be called at any time; the newest wish wins.

    What is not to stay is written down before it is put on, and until it is known to be gone: a bot that is killed
    leaves nothing that the next one does not find.
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
        """Start with what an earlier run of the bot may have `left`, which is taken away with the first wish."""
        self._channel_id = channel_id
        self._message_id = message_id
        self._api = api
        self._wanted: str | None = None
        self._kept = kept
        self._standing = [*left]
        self._confirmed: set[str] = set()
        self._patience = Backoff(ATTEMPTS)
        self._job = ApiCall(channel_id, self._next_write, Urgency.SIGN, Bucket.REACTION)

    def show(self, emoji: str | None) -> None:
        """Replace the reaction by this one; None takes it away."""
        self._wanted = emoji
        self._patience.renew()
        if self._change() is not None:
            self._api.pacer.put(self._job)

    def _change(self) -> tuple[str, bool] | None:
        """Return the next reaction to change, and whether it is put on. The new one comes before the old one goes."""
        if self._wanted is not None and self._wanted not in self._confirmed:
            return self._wanted, True
        return next(((emoji, False) for emoji in self._standing if emoji != self._wanted), None)

    def _next_write(self) -> Awaitable[None] | None:
        change = self._change()
        return None if change is None else self._write(*change)

    async def _write(self, emoji: str, on: bool) -> None:  # noqa: FBT001 - a private step
        call = self._api.react if on else self._api.unreact
        if on and emoji not in self._standing:
            self._begins(emoji)
        try:
            await call(self._channel_id, self._message_id, emoji)
        except RestError as error:
            if not isinstance(error, TryLater):
                self._gone(emoji)
            if on or isinstance(error, TryLater):  # What is gone need not be taken away.
                self._fail(error)
                return
        self._patience.renew()
        if on:
            self._confirmed.add(emoji)
        else:
            self._gone(emoji)
        if self._change() is not None:
            self._api.pacer.put(self._job)

    def _begins(self, emoji: str) -> None:
        """Take note that a reaction may be on from now on, whatever is heard of it."""
        self._standing.append(emoji)
        if emoji not in _STAYING:
            self._kept.put(self._channel_id, self._message_id, emoji)

    def _gone(self, emoji: str) -> None:
        if emoji in self._standing:
            self._standing.remove(emoji)
            self._confirmed.discard(emoji)
            self._kept.gone(self._message_id, emoji)

    def _fail(self, error: RestError) -> None:
        wait = self._patience.wait(error)
        if self._patience.exhausted or not isinstance(error, TryLater):
            log.info("a reaction could not be changed", message_id=self._message_id, reason=str(error))
        else:
            self._api.pacer.put(self._job, delay=wait)


class StatusReactions:
    """The status reactions of one exchange: all its messages show the same, and the activity while the agent works."""

    def __init__(self, signs: Iterable[StatusReaction], reactions: Reactions) -> None:
        """Start with none."""
        self._signs = [*signs]
        self._reactions = reactions
        self._progress = Activity(self.show) if reactions.progress else None

    def merge_earlier(self, earlier: "StatusReactions") -> None:
        """Take those of messages that were taken together with these, and came before."""
        self._signs = [*earlier._signs, *self._signs]  # noqa: SLF001 - one of its own kind

    def show(self, emoji: str | None) -> None:
        """Replace the reactions by this one; None takes them away."""
        for sign in self._signs if self._reactions.enabled else ():
            sign.show(emoji)

    def event(self, event: Event) -> None:
        """Show what the agent is doing."""
        if self._progress is not None:
            self._progress.event(event)

    def silent(self) -> None:
        """Show that nothing comes from the agent."""
        if self._progress is not None:
            self._progress.note(SILENT)

    def stop_activity(self) -> None:
        """Show no more of what the agent does: the turn has ended."""
        if self._progress is not None:
            self._progress.stop()

    def keep_eye(self) -> None:
        """Show no more of what the agent does, but that the message is not done with."""
        self.stop_activity()
        self.show(EYE)

    def end(self, reason: str | None) -> None:
        """Show how it ended, where that is wanted; see `Reactions.end`."""
        self.stop_activity()
        self.show(self._reactions.end(reason))
