"""A message of the bot's own that follows the newest content: a question's card, a notice with buttons."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import discord
import structlog

from bot.rest.errors import Archived, Gone, PermanentError, TryLater

from .api import DiscordApi
from .calls import ApiCall, Bucket, Urgency
from .components_v2 import edit_pressed
from .mentions import NO_MENTIONS, Mentions
from .message_files import Files

PRESS_SECONDS = 5.0
"""Seconds before an edit replaces the answer to a press, which must be sent within three seconds to be one."""

log = structlog.stdlib.get_logger("bot")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the message must show; without content it must be gone. The same `about` means the same buttons."""

    content: str = ""
    about: object = None
    buttons: Callable[[], discord.ui.View] | None = field(default=None, compare=False)


class LiveMessage:
    """One message. `show` may be called at any time; the newest content wins."""

    def __init__(  # noqa: PLR0913 - what a message can have
        self,
        channel_id: int,
        *,
        api: DiscordApi,
        nonce: str,
        mention: Mentions = NO_MENTIONS,
        silent: bool = False,
        files: Files = (),
        accent: int | None = None,
        message_id: int | None = None,
        held: bool = False,
        on_first: Callable[[str], None] = lambda _content: None,
        on_posted: Callable[[int], None] = lambda _message_id: None,
        on_refused: Callable[[], None] = lambda: None,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare a message, or continue the one with `message_id`; a `held` one is posted when it is released.

        `mention` is whom it may ping; a `silent` one notifies no device; with an `accent` it is a card of that colour.
        `on_first` gets the content before the first try, `on_posted` the id, and `on_refused` is called if the message
        is given up before it is posted. `on_done` is called each time the message shows the newest content, or is gone.
        """
        self._channel_id = channel_id
        self._api = api
        self._nonce = nonce
        self._mention = mention
        self._silent = silent
        self._files = files
        self._accent = accent
        self._on_first = on_first
        self._on_posted = on_posted
        self._on_refused = on_refused
        self._on_done = on_done
        self._call = ApiCall(channel_id, self._next_write, Urgency.NOTICE)
        self._wanted = _Wanted()
        self._shown: _Wanted | None = None
        self._first: _Wanted | None = None
        self._tried_at = 0.0
        """When the first try was made."""
        self._message_id = message_id
        self._held = held
        if message_id is not None:
            self._call.bucket = Bucket.EDIT

    @property
    def message_id(self) -> int | None:
        """The message's id; None until it is confirmed."""
        return self._message_id

    def show(self, content: str, buttons: Callable[[], discord.ui.View] | None = None, *, about: object = None) -> None:
        """Show this. Later content can remove the buttons, or with another `about` replace them, but not add any."""
        self._wanted = _Wanted(content, about, buttons)
        self._api.pacer.put(self._call)

    def release(self) -> None:
        """Post a held message, if it has content."""
        self._held = False
        self._api.pacer.put(self._call)

    def found(self, message_id: int | None) -> None:
        """Release a held message as the one that an earlier run has posted, None for none."""
        self._held = False
        if message_id is not None:
            self._message_id = message_id
            self._call.bucket = Bucket.EDIT
            self._on_posted(message_id)
        if self.is_wanted:
            self._api.pacer.put(self._call)

    @property
    def is_wanted(self) -> bool:
        """Whether it has content to show."""
        return bool(self._wanted.content)

    def remove(self) -> None:
        """Delete the message, if it was posted."""
        self._wanted = _Wanted()
        self._api.pacer.put(self._call)

    def pressed(self, content: str) -> None:
        """Show this without buttons. The answer to a press does so; if that fails, an edit follows."""
        self._wanted = _Wanted(content)
        self._api.pacer.put(self._call, delay=PRESS_SECONDS)

    def answered(self, content: str) -> None:
        """Take note that the answer to a press has shown the content given to `pressed`."""
        if self._wanted == _Wanted(content):
            self._shown = self._wanted
            self._on_done()

    def _next_write(self) -> Awaitable[None] | None:
        # A try whose answer was lost may have posted a message, which must go too.
        nothing = not self._wanted.content and self._message_id is None and self._first is None
        if self._held:
            return None
        if nothing or self._wanted == self._shown:
            self._on_done()
            return None
        return self._write(self._wanted)

    async def _write(self, wanted: _Wanted) -> None:
        try:
            shown = await self._put(wanted)
        except (TryLater, Archived) as error:
            self._shown = None  # The write may have succeeded.
            await self._try_again(error)
        except (Gone, PermanentError) as error:
            self._give_up(error)
        else:
            self._call.backoff.reset()
            self._shown = shown
            if self._wanted != shown:
                self._api.pacer.put(self._call)
            else:
                self._on_done()

    async def _put(self, wanted: _Wanted) -> _Wanted | None:
        """Send, edit or delete; return what the message shows now, None if that is unknown."""
        if self._message_id is not None and not wanted.content:
            await self._api.delete(self._channel_id, self._message_id)
            return wanted
        if self._message_id is not None:
            drop = wanted.buttons is None
            # A press may have removed the buttons that an earlier run posted; a card is replaced as a whole.
            others = wanted.about is not None or self._shown is None or self._accent is not None
            view = wanted.buttons() if wanted.buttons is not None and others else None
            await self._api.edit(
                self._channel_id,
                self._message_id,
                wanted.content,
                drop_view=drop,
                drop_files=drop and bool(self._files),
                view=view,
                files=self._files,
                accent=self._accent,
            )
            return wanted
        # An earlier try may have posted the message although its answer was lost, so every try has the first content.
        now = asyncio.get_running_loop().time()
        if self._first is None:
            self._on_first(wanted.content)
            self._first, self._tried_at = wanted, now
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
            accent=self._accent,
        )
        self._message_id = stored.message_id
        self._call.bucket = Bucket.EDIT
        self._on_posted(stored.message_id)
        # With another text, the nonce has found the message of an earlier run.
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
        self._api.pacer.retry(self._call, error)

    def _give_up(self, error: Exception) -> None:
        log.warning("a notice could not be posted", channel_id=self._channel_id, reason=str(error))
        if isinstance(error, Gone):
            self._on_done()
        if self._message_id is None:
            self._first = None
            self._on_refused()


async def answer_press(interaction: discord.Interaction[Any], content: str, post: LiveMessage | None) -> None:
    """Answer a press by changing its message to `content`, without buttons.

    `post` is the live message, if there is one; its `pressed` was called with `content`, so it edits if this fails.
    """
    await edit_pressed(interaction, content)
    if post is not None:
        post.answered(content)
