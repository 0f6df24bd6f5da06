"""A message of the bot that is kept equal to a text: a question's card, a notice with buttons."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import discord
import structlog

from .api import Archived, DiscordApi, Gone, PermanentError, TryLater
from .calls import ApiCall, Bucket, Urgency
from .pings import NOBODY, Mentions

__all__ = ["LiveMessage", "answer_press"]

PRESS_SECONDS = 5.0
"""Before an edit makes the message show what the answer to a press should have: that is sent within three seconds."""

log = structlog.stdlib.get_logger("bot")


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the message is to show; nothing: no message. Of two with one `about` the buttons are the same."""

    content: str = ""
    about: int | None = None
    buttons: Callable[[], discord.ui.View] | None = field(default=None, compare=False)


class LiveMessage:
    """One message. `show` may be called at any time; the newest wish wins."""

    def __init__(  # noqa: PLR0913 - what a message can have
        self,
        channel_id: int,
        *,
        api: DiscordApi,
        nonce: str,
        mention: Mentions = NOBODY,
        silent: bool = False,
        files: Sequence[tuple[str, bytes]] = (),
        message_id: int | None = None,
        held: bool = False,
        on_first: Callable[[str], None] = lambda _content: None,
        on_posted: Callable[[int], None] = lambda _message_id: None,
        on_refused: Callable[[], None] = lambda: None,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare a message, or take up the one with `message_id`.

        A `held` one is posted when it is released. `mention` is whom it may ping, `silent` is whether it notifies
        nobody. `on_first` learns what it says before that is sent for the first time, `on_posted` the message's id, and
        `on_refused` that it was given up before it was posted. `on_done` is called whenever the message shows what was
        last wanted, or is gone.
        """
        self._channel_id = channel_id
        self._api = api
        self._nonce = nonce
        self._mention = mention
        self._silent = silent
        self._files = files
        self._on_first = on_first
        self._on_posted = on_posted
        self._on_refused = on_refused
        self._on_done = on_done
        self._job = ApiCall(channel_id, self._next_write, Urgency.NOTICE)
        self._wish = _Wish()
        self._shown: _Wish | None = None
        self._first: _Wish | None = None
        self._tried_at = 0.0
        """When that was first sent."""
        self._message_id = message_id
        self._held = held
        if message_id is not None:
            self._job.bucket = Bucket.EDIT

    @property
    def message_id(self) -> int | None:
        """Its message; None as long as it is not known to be posted."""
        return self._message_id

    def show(
        self, content: str, buttons: Callable[[], discord.ui.View] | None = None, *, about: int | None = None
    ) -> None:
        """Make the message show this. Buttons can be taken away later, not added; with another `about` come others."""
        self._wish = _Wish(content, about, buttons)
        self._api.pacer.put(self._job)

    def release(self) -> None:
        """Post it, if there is anything to show."""
        self._held = False
        self._api.pacer.put(self._job)

    def found(self, message_id: int | None) -> None:
        """Learn which message an earlier run has posted of a held one, None for none, and go on with that."""
        self._held = False
        if message_id is not None:
            self._message_id = message_id
            self._job.bucket = Bucket.EDIT
            self._on_posted(message_id)
        if self.is_wanted:
            self._api.pacer.put(self._job)

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to show."""
        return bool(self._wish.content)

    def remove(self) -> None:
        """Take the message away, if there is one."""
        self._wish = _Wish()
        self._api.pacer.put(self._job)

    def pressed(self, content: str) -> None:
        """Make the message show this without buttons, by the answer to a press: an edit follows where that fails."""
        self._wish = _Wish(content)
        self._api.pacer.put(self._job, delay=PRESS_SECONDS)

    def answered(self, content: str) -> None:
        """Take note that the answer to a press has made the message show what `pressed` was told."""
        if self._wish == _Wish(content):
            self._shown = self._wish
            self._on_done()

    def _next_write(self) -> Awaitable[None] | None:
        # A try whose answer was lost may have made a message, which is to go then.
        nothing = not self._wish.content and self._message_id is None and self._first is None
        if self._held:
            return None
        if nothing or self._wish == self._shown:
            self._on_done()
            return None
        return self._write(self._wish)

    async def _write(self, wish: _Wish) -> None:
        try:
            shown = await self._put(wish)
        except (TryLater, Archived) as error:
            self._shown = None  # It may have been made all the same.
            await self._try_again(error)
        except (Gone, PermanentError) as error:
            self._give_up(error)
        else:
            self._job.backoff.reset()
            self._shown = shown
            if self._wish != shown:
                self._api.pacer.put(self._job)
            else:
                self._on_done()

    async def _put(self, wish: _Wish) -> _Wish | None:
        """Send or edit; return what the message shows then, None where that is not known."""
        if self._message_id is not None and not wish.content:
            await self._api.delete(self._channel_id, self._message_id)
            return wish
        if self._message_id is not None:
            drop = wish.buttons is None
            # Of a message of an earlier run a press may have taken them away.
            others = wish.about is not None or self._shown is None
            view = wish.buttons() if wish.buttons is not None and others else None
            await self._api.edit(self._channel_id, self._message_id, wish.content, drop_view=drop, view=view)
            return wish
        # Discord may have taken a try whose answer was lost: with one nonce, every try says the same.
        now = asyncio.get_running_loop().time()
        if self._first is None:
            self._on_first(wish.content)
            self._first, self._tried_at = wish, now
        first = self._first
        stored = await self._api.send_once(
            self._channel_id,
            first.content,
            tried=now - self._tried_at,
            nonce=self._nonce,
            mention=self._mention,
            silent=self._silent,
            view=first.buttons() if first.buttons is not None else None,
            files=self._files,
        )
        self._message_id = stored.message_id
        self._job.bucket = Bucket.EDIT
        self._on_posted(stored.message_id)
        # Another text: its nonce has found the message of an earlier run.
        return first if stored.content.strip() == first.content.strip() else None

    async def _try_again(self, error: TryLater | Archived) -> None:
        if isinstance(error, Archived):
            try:
                await self._api.reopen(self._channel_id, urgency=Urgency.NOTICE)
            except (Archived, Gone, PermanentError) as refused:
                self._give_up(refused)
                return
            except TryLater as later:
                error = later
        self._api.pacer.retry(self._job, error)

    def _give_up(self, error: Exception) -> None:
        log.warning("a notice could not be posted", channel_id=self._channel_id, reason=str(error))
        if isinstance(error, Gone):
            self._on_done()
        if self._message_id is None:
            self._first = None
            self._on_refused()


async def answer_press(interaction: discord.Interaction[Any], content: str, post: LiveMessage | None) -> None:
    """Answer a press: its message says `content` then, without buttons.

    `post` keeps that message, if anything does, and was told by `pressed`: where the answer fails it edits the message.
    """
    await interaction.response.edit_message(content=content, view=None)
    if post is not None:
        post.answered(content)
