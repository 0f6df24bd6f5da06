"""Every REST call the bot makes, by ids, through the client that is alive now; failures as types that say what to do.

No object of discord.py is kept across an await: the client may be rebuilt at any time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

import aiohttp
import discord

__all__ = ["Gone", "Refused", "Rest", "RestError", "TryLater"]

UNKNOWN_CHANNEL = 10003
UNKNOWN_MESSAGE = 10008
MISSING_ACCESS = 50001
MISSING_PERMISSIONS = 50013
THREAD_EXISTS = 160004
"""Discord's JSON error codes (Discord, Opcodes and Status Codes)."""


class RestError(Exception):
    """A call had no effect that we know of; the text is Discord's."""


class Gone(RestError):
    """The message no longer exists."""


class Refused(RestError):
    """Discord will not do this however often it is asked: no such channel, no permission, bad request."""


class TryLater(RestError):
    """Discord cannot do this now. `seconds` is how long it asks to wait, 0 where it does not say."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        """Keep the wait."""
        super().__init__(reason)
        self.seconds = seconds


class Rest:
    """The calls. `client` is put in by whoever builds clients."""

    def __init__(self) -> None:
        """Start without a client: every call then asks to be tried later."""
        self.client: discord.Client | None = None

    def _channel(self, channel_id: int, guild_id: int | None = None) -> discord.PartialMessageable:
        return self._live().get_partial_messageable(channel_id, guild_id=guild_id)

    def _live(self) -> discord.Client:
        if self.client is None or self.client.is_closed():
            raise TryLater("not connected to Discord", 1.0)
        return self.client

    async def send(
        self,
        channel_id: int,
        content: str,
        *,
        nonce: str | None = None,
        mention: int | None = None,
        reply_to: int | None = None,
        silent: bool = False,
        view: discord.ui.View | None = None,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> int:
        """Post a message; return its id. Nobody is pinged but the user `mention`; links are not unfurled.

        The same `nonce` (at most 25 characters) within minutes returns the message that exists already.
        """
        channel = self._channel(channel_id)
        mentions = discord.AllowedMentions.none()
        if mention is not None:
            mentions.users = [discord.Object(mention)]
        reference = None
        if reply_to is not None:
            reference = discord.MessageReference(message_id=reply_to, channel_id=channel_id, fail_if_not_exists=False)
        with _translated():
            message = await channel.send(
                content,
                nonce=nonce or discord.utils.MISSING,
                allowed_mentions=mentions,
                suppress_embeds=True,
                silent=silent,
                view=view or discord.utils.MISSING,
                files=[discord.File(BytesIO(data), name) for name, data in files],
                reference=reference,  # type: ignore[arg-type]
                mention_author=False,
            )
        return message.id

    async def edit(self, channel_id: int, message_id: int, content: str, *, drop_view: bool = False) -> None:
        """Replace a message's text, and with `drop_view` take its buttons away."""
        message = self._channel(channel_id).get_partial_message(message_id)
        mentions = discord.AllowedMentions.none()
        with _translated():
            if drop_view:
                await message.edit(content=content, allowed_mentions=mentions, view=None)
            else:
                await message.edit(content=content, allowed_mentions=mentions)

    async def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Add the bot's reaction."""
        with _translated():
            await self._channel(channel_id).get_partial_message(message_id).add_reaction(emoji)

    async def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Take the bot's reaction away."""
        client = self._live()
        if client.user is not None:
            with _translated():
                message = self._channel(channel_id).get_partial_message(message_id)
                await message.remove_reaction(emoji, discord.Object(client.user.id))

    async def history(self, channel_id: int, *, after: int, most: int) -> list[discord.Message]:
        """Return the newest `most` messages above the id `after`, oldest first."""
        client = self._live()
        channel = client.get_channel(channel_id)
        place = channel if isinstance(channel, discord.abc.Messageable) else self._channel(channel_id)
        with _translated():
            messages = [
                message async for message in place.history(limit=most, after=discord.Object(after), oldest_first=False)
            ]
        return messages[::-1]

    async def role_ids(self, guild_id: int, user_id: int) -> frozenset[int]:
        """Return the roles that a member has."""
        client = self._live()
        with _translated():
            member = await client.http.get_member(guild_id, user_id)
        return frozenset(int(role_id) for role_id in member["roles"])

    async def own_messages(self, channel_id: int, *, after: int) -> list[tuple[int, str]]:
        """Return the bot's own messages above an id, oldest first: ids and contents, at most 100."""
        client = self._live()
        messages = await self.history(channel_id, after=after, most=100)
        return [(each.id, each.content) for each in messages if client.user and each.author.id == client.user.id]

    async def open_thread(self, channel_id: int, message_id: int, name: str, *, auto_archive_minutes: int) -> None:
        """Open a thread on a message; its id is the message's. One that exists already is just as good."""
        client = self._live()
        try:
            with _translated():
                # By the library's own route: the public method wants the guild in its cache.
                await client.http.start_thread_with_message(
                    channel_id,
                    message_id,
                    name=name,
                    auto_archive_duration=auto_archive_minutes,  # type: ignore[arg-type]
                )
        except Refused as error:
            if _code(error) != THREAD_EXISTS:
                raise

    async def archive(self, thread_id: int) -> None:
        """Archive a thread."""
        client = self._live()
        with _translated():
            await client.http.edit_channel(thread_id, archived=True)

    async def add_member(self, thread_id: int, user_id: int) -> None:
        """Put a person into a thread, so that it shows in their list."""
        client = self._live()
        with _translated():
            await client.http.add_user_to_thread(thread_id, user_id)


def _code(error: RestError) -> int:
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else 0


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's exceptions into ours."""
    try:
        yield
    except discord.RateLimited as error:
        raise TryLater(str(error), error.retry_after) from error
    except discord.NotFound as error:
        kind = Gone if error.code == UNKNOWN_MESSAGE else Refused
        raise kind(error.text or str(error)) from error
    except discord.HTTPException as error:
        if error.status == 429 or error.status >= 500:
            raise TryLater(str(error)) from error
        raise Refused(error.text or str(error)) from error
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise TryLater(str(error) or type(error).__name__) from error
    except RuntimeError as error:
        # The session of a client that was closed meanwhile.
        raise TryLater(str(error), 1.0) from error
