"""A message of the bot's own, kept equal to what it is to show: a question's card, a notice with buttons."""

from collections.abc import Callable, Sequence

import discord
import structlog

from .pacer import Job, Pacer, Urgency
from .rest import Gone, Refused, Rest, TryLater

__all__ = ["Post"]

ATTEMPTS = 12
LONGEST_WAIT = 60.0

log = structlog.stdlib.get_logger("bot")


class Post:
    """One message. `show` may be called at any time; the newest wish wins."""

    def __init__(
        self,
        channel_id: int,
        *,
        pacer: Pacer,
        rest: Rest,
        nonce: str,
        mention: int | None = None,
        files: Sequence[tuple[str, bytes]] = (),
        message_id: int | None = None,
        on_posted: Callable[[int], None] = lambda _message_id: None,
    ) -> None:
        """Prepare a message, or take up the one with `message_id`.

        `mention` is the one user whom it may ping; `on_posted` learns the message's id.
        """
        self._channel_id = channel_id
        self._pacer = pacer
        self._rest = rest
        self._nonce = nonce
        self._mention = mention
        self._files = files
        self._on_posted = on_posted
        self._job = Job(channel_id, self._write, Urgency.NOTICE)
        self._content = ""
        self._shown: str | None = None
        self._first: tuple[str, Callable[[], discord.ui.View] | None] | None = None
        self._buttons: Callable[[], discord.ui.View] | None = None
        self._message_id = message_id
        self._attempts = 0

    def show(self, content: str, buttons: Callable[[], discord.ui.View] | None = None) -> None:
        """Make the message show this. Buttons can be taken away later, not added."""
        self._content = content
        self._buttons = buttons
        if not self._job.in_flight:
            self._pacer.put(self._job)

    def shown(self, content: str) -> None:
        """Take note that an interaction's answer has already made the message show this, without buttons."""
        self._content = self._shown = content
        self._buttons = None

    async def _write(self) -> None:
        content = self._content
        if content == self._shown:
            return
        try:
            if self._message_id is None:
                # Discord may have taken a try whose answer was lost: with one nonce, every try says the same.
                self._first = self._first or (content, self._buttons)
                content, buttons = self._first
                self._message_id = await self._rest.send(
                    self._channel_id,
                    content,
                    nonce=self._nonce,
                    mention=self._mention,
                    view=buttons() if buttons is not None else None,
                    files=self._files,
                )
                self._on_posted(self._message_id)
            else:
                drop = self._buttons is None
                await self._rest.edit(self._channel_id, self._message_id, content, drop_view=drop)
        except TryLater as error:
            self._attempts += 1
            if self._attempts < ATTEMPTS:
                self._pacer.put(self._job, delay=max(error.seconds, min(2.0**self._attempts / 4, LONGEST_WAIT)))
            else:
                log.warning("a notice could not be posted", channel_id=self._channel_id, reason=str(error))
            return
        except (Gone, Refused) as error:
            log.warning("a notice could not be posted", channel_id=self._channel_id, reason=str(error))
            return
        self._attempts = 0
        self._shown = content
        if self._content != content:
            self._pacer.put(self._job)
