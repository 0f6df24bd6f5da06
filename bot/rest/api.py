"""Every REST call the bot makes, by ids, through the client that is alive now; failures as types that say what to do.

No object of discord.py is kept across an await: the client may be rebuilt at any time.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import aiohttp
import discord
import structlog
from discord.http import Route
from discord.utils import time_snowflake

from bot.text.file_names import is_kept_as

from . import http_trace as wire
from .errors import (
    LOST,
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    NO_REPLY,
    THREAD_EXISTS,
    UNKNOWN_CHANNEL,
    Archived,
    ContentRefused,
    Gone,
    PermanentError,
    RestError,
    TryLater,
    code_of,
    translated,
)
from .pings import NOBODY, Mentions

__all__ = [
    "Archived",
    "ContentRefused",
    "DiscordApi",
    "Gone",
    "OwnMessage",
    "PermanentError",
    "RestError",
    "Stored",
    "TryLater",
]

SECOND_LOOK = 1.0
"""Seconds after which a place is taken for lost if Discord still says so: once, it also says it by mistake."""

NONCE_SECONDS = 60.0
"""Discord knows a message by its nonce for some minutes (Discord, Create Message)."""

CLOCK_SECONDS = 60.0
"""How far the machine's clock may be from Discord's, where a message is looked for by its time."""

SENT = 1000
"""Messages that are remembered as confirmed."""

DOUBTED = 120.0
"""Seconds after which what was said once counts no more."""

log = structlog.stdlib.get_logger("bot")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as Discord says that it now stands."""

    message_id: int
    content: str
    has_buttons: bool = False


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """A message of the bot's own in a thread's history, with the names of its files as Discord keeps them."""

    message_id: int
    content: str
    files: tuple[str, ...] = ()
    has_buttons: bool = False

    def shows(self, content: str, files: Sequence[tuple[str, bytes]]) -> bool:
        """Whether it says this, and brings these files, as far as their names tell."""
        return self.content.strip() == content.strip() and self.brings([name for name, _ in files])

    def brings(self, names: Sequence[str]) -> bool:
        """Whether its files may be those that were sent by these names."""
        return len(self.files) == len(names) and all(map(is_kept_as, names, self.files))


class DiscordApi:
    """The calls. `client` is put in by whoever builds clients."""

    def __init__(self) -> None:
        """Start without a client: every call then asks to be tried later."""
        self.client: discord.Client | None = None
        self.gone: set[int] = set()
        """Places to which nothing is written any more."""
        self.on_lost: Callable[[int], None] = lambda _channel_id: None
        """Learns of a place that cannot be reached any more: it is unknown, or the bot may not view or write there."""
        self.on_locked: Callable[[int], None] = lambda _thread_id: None
        """Learns of a thread that is locked, where something was to be written."""
        self._sent: deque[int] = deque(maxlen=SENT)
        """The last messages that are known to stand: a try that was lost is none of them."""
        self._doubted: dict[tuple[int, str], float] = {}
        """By place and kind of call since when Discord says that the place is lost."""

    @asynccontextmanager
    async def _writing(
        self, kind: str, channel_id: int, *, lost: frozenset[int] = LOST, size: int = 0
    ) -> AsyncIterator[None]:
        """Call as `_calling`, and notice a place that is lost by what Discord says then, the second time.

        Calls of one `kind` need the same rights. Of the codes `LOST` only those in `lost` say it of the place; all are
        asked about a second time.
        """
        if channel_id in self.gone:
            raise PermanentError("this place is gone")
        try:
            async with _calling(size):
                yield
        except PermanentError as error:
            if code_of(error) not in LOST:
                raise
            if self._is_doubt(kind, channel_id):
                raise TryLater(str(error), SECOND_LOOK) from error
            if code_of(error) in lost:
                self.on_lost(channel_id)
            raise
        else:
            self._doubted.pop((channel_id, kind), None)

    def _is_doubt(self, kind: str, channel_id: int) -> bool:
        """Whether it is too soon to believe that a place is lost, since this is the first time that one hears it."""
        now = asyncio.get_running_loop().time()
        self._doubted = {key: since for key, since in self._doubted.items() if now - since < DOUBTED}
        return now - self._doubted.setdefault((channel_id, kind), now) < SECOND_LOOK

    def _channel(self, channel_id: int, guild_id: int | None = None) -> discord.PartialMessageable:
        if channel_id in self.gone:
            raise PermanentError("this place is gone")
        return self._live().get_partial_messageable(channel_id, guild_id=guild_id)

    def _readable(self, channel_id: int, guild_id: int | None = None) -> discord.abc.Messageable:
        """Return a place to read from: of one that the library knows, messages come with their names and people."""
        channel = self._live().get_channel(channel_id)
        return channel if isinstance(channel, discord.abc.Messageable) else self._channel(channel_id, guild_id)

    def _live(self) -> discord.Client:
        if self.client is None:
            raise TryLater("not connected to Discord", 1.0)
        return self.client

    def guild(self, guild_id: int) -> discord.Guild | None:
        """Return a server, where the library knows it."""
        return None if self.client is None else self.client.get_guild(guild_id)

    def server_of(self, channel_id: int) -> int | None:
        """Return the server of a channel or thread, where the library knows it."""
        channel = None if self.client is None else self.client.get_channel(channel_id)
        guild = getattr(channel, "guild", None)
        return None if guild is None else guild.id

    async def send(
        self,
        channel_id: int,
        content: str,
        *,
        nonce: str | None = None,
        mention: Mentions = NOBODY,
        reply_to: int | None = None,
        silent: bool = False,
        view: discord.ui.View | None = None,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> Stored:
        """Post a message; return it as it stands. Nobody is pinged but those in `mention`; links are not unfurled.

        The same `nonce` (at most 25 characters) within minutes returns the message that exists already. Who may not
        read the history of a place may not answer a message there: it is then posted without `reply_to`.
        """
        channel = self._channel(channel_id)
        mentions = discord.AllowedMentions.none()
        mentions.users = [discord.Object(user_id) for user_id in mention.user_ids]
        mentions.roles = [discord.Object(role_id) for role_id in mention.role_ids]
        reference = None
        if reply_to is not None:
            reference = discord.MessageReference(message_id=reply_to, channel_id=channel_id, fail_if_not_exists=False)
        # Files need a right of their own; where that is missing, words may still be sent.
        kind, lost = ("upload", LOST - {MISSING_PERMISSIONS}) if files else ("send", LOST)
        try:
            async with self._writing(kind, channel_id, lost=lost, size=sum(len(data) for _, data in files)):
                message = await channel.send(
                    content,
                    nonce=nonce or secrets.token_hex(8),  # Without, the library gives one only where it is None.
                    allowed_mentions=mentions,
                    suppress_embeds=True,
                    silent=silent,
                    view=view or discord.utils.MISSING,
                    files=[discord.File(BytesIO(data), name) for name, data in files],
                    reference=reference,  # type: ignore[arg-type]
                    mention_author=False,
                )
        except PermanentError as error:
            if reply_to is None or code_of(error) != NO_REPLY:
                raise
            return await self.send(
                channel_id, content, nonce=nonce, mention=mention, silent=silent, view=view, files=files
            )
        self._sent.append(message.id)
        return Stored(message.id, message.content, bool(message.components))

    async def send_once(
        self,
        channel_id: int,
        content: str,
        *,
        tried: float,
        after: int | None = None,
        known: Collection[int | None] = (),
        files: Sequence[tuple[str, bytes]] = (),
        **options: Any,
    ) -> Stored:
        """Post a message as `send`, whose first try was `tried` seconds ago, 0 for now, and may have been taken.

        A nonce says so for minutes only. Later the message is looked for in the place: above the id `after`, or where
        none is given in what stands there since, and not among those that are `known` to be others. With `after` an
        infinite `tried` stands for an earlier run's try.
        """
        if tried > NONCE_SECONDS:
            if after is None:
                after = time_snowflake(datetime.now(UTC) - timedelta(seconds=tried + CLOCK_SECONDS))
            own = await self.own_messages(channel_id, after=after)
            others = {*known, *self._sent}
            found = (each for each in own if each.message_id not in others and each.shows(content, files))
            if (stands := next(found, None)) is not None:
                return Stored(stands.message_id, stands.content, stands.has_buttons)
        return await self.send(channel_id, content, files=files, **options)

    async def edit(
        self,
        channel_id: int,
        message_id: int,
        content: str,
        *,
        drop_view: bool = False,
        view: discord.ui.View | None = None,
    ) -> Stored:
        """Replace a message's text; return it as it stands. `view` replaces its buttons, `drop_view` takes them off."""
        message = self._channel(channel_id).get_partial_message(message_id)
        changed: dict[str, Any] = {"view": view} if drop_view or view is not None else {}
        async with self._writing("edit", channel_id):
            after = await message.edit(content=content, allowed_mentions=discord.AllowedMentions.none(), **changed)
        return Stored(after.id, after.content, bool(after.components))

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Delete a message of the bot's own."""
        async with self._writing("delete", channel_id, lost=frozenset()):
            await self._channel(channel_id).get_partial_message(message_id).delete()

    async def typing(self, channel_id: int) -> None:
        """Show that the bot is typing, for ten seconds or until it posts."""
        client = self._live()
        async with self._writing("typing", channel_id):
            await client.http.send_typing(channel_id)

    async def reopen(self, thread_id: int) -> None:
        """Open a thread that was archived. One that is locked stays closed, also to a bot that could open it."""
        client = self._live()
        async with self._writing("reopen", thread_id, lost=LOST - {MISSING_PERMISSIONS}):
            thread: Mapping[str, Any] = await client.http.get_channel(thread_id)
            if thread.get("thread_metadata", {}).get("locked"):
                self.on_locked(thread_id)
                raise PermanentError("the thread is locked")
            await client.http.edit_channel(thread_id, archived=False)

    async def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Add the bot's reaction."""
        async with _calling():
            await self._channel(channel_id).get_partial_message(message_id).add_reaction(emoji)

    async def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Take the bot's reaction away."""
        client = self._live()
        if client.user is not None:
            async with _calling():
                message = self._channel(channel_id).get_partial_message(message_id)
                await message.remove_reaction(emoji, discord.Object(client.user.id))

    async def history(
        self, channel_id: int, *, after: int, most: int, guild_id: int | None = None
    ) -> list[discord.Message]:
        """Return the newest `most` messages above the id `after`, oldest first.

        `guild_id` is needed where the library does not know the place, as an archived thread.
        """
        place = self._readable(channel_id, guild_id)
        async with _calling():
            messages = [
                message async for message in place.history(limit=most, after=discord.Object(after), oldest_first=False)
            ]
        return messages[::-1]

    async def before(self, channel_id: int, message_id: int, *, most: int) -> list[discord.Message]:
        """Return the newest `most` messages below an id, oldest first."""
        place = self._readable(channel_id)
        async with _calling():
            messages = [message async for message in place.history(limit=most, before=discord.Object(message_id))]
        return messages[::-1]

    async def first(self, thread_id: int) -> list[discord.Message]:
        """Return the first message of a thread, if there is one: no other is older than the thread itself."""
        place = self._readable(thread_id)
        async with _calling():
            return [each async for each in place.history(limit=1, after=discord.Object(thread_id - 1))]

    async def message(self, channel_id: int, message_id: int, *, guild_id: int | None = None) -> discord.Message:
        """Return a message as it is now. Raises `Gone` where there is none any more."""
        place = self._readable(channel_id, guild_id)
        async with _calling():
            return await place.fetch_message(message_id)

    async def role_ids(self, guild_id: int, user_id: int) -> frozenset[int]:
        """Return the roles that a member has."""
        client = self._live()
        async with _calling():
            member = await client.http.get_member(guild_id, user_id)
            return frozenset(int(role_id) for role_id in member["roles"])

    async def display_name(self, guild_id: int, user_id: int) -> str:
        """Return what a member is called in a server."""
        client = self._live()
        async with _calling():
            member = await client.http.get_member(guild_id, user_id)
            user = member["user"]
            return member.get("nick") or user.get("global_name") or user["username"]

    async def own_messages(self, channel_id: int, *, after: int) -> list[OwnMessage]:
        """Return the bot's own messages above an id, oldest first, at most 100."""
        client = self._live()
        messages = await self.history(channel_id, after=after, most=100)
        return [
            OwnMessage(each.id, each.content, tuple(file.filename for file in each.attachments), bool(each.components))
            for each in messages
            if client.user and each.author.id == client.user.id
        ]

    async def open_thread(self, channel_id: int, message_id: int, name: str, *, auto_archive_minutes: int) -> None:
        """Open a thread on a message; its id is the message's. One that exists already is just as good.

        Raises `Gone` where there is no such message any more.
        """
        client = self._live()
        try:
            async with _calling():
                # Not by the public method, which wants the guild in its cache; and counted by us alone (`metadata` sets
                # it apart): of a window of minutes the library spends one call and refuses the others.
                await client.http.request(
                    Route(
                        "POST",
                        "/channels/{channel_id}/messages/{message_id}/threads",
                        metadata=str(message_id),
                        channel_id=channel_id,
                        message_id=message_id,
                    ),
                    json={"name": name, "auto_archive_duration": auto_archive_minutes},
                )
        except PermanentError as error:
            code = code_of(error)
            if code in LOST and self._is_doubt("open", message_id):
                raise TryLater(str(error), SECOND_LOOK) from error
            if code in {UNKNOWN_CHANNEL, MISSING_ACCESS}:
                self.on_lost(message_id)
            if code != THREAD_EXISTS:
                raise

    async def rename(self, thread_id: int, given: str, name: str) -> None:
        """Give a thread another name, if it still has the `given` one."""
        client = self._live()
        async with self._writing("rename", thread_id, lost=LOST - {MISSING_PERMISSIONS}):
            thread: Mapping[str, Any] = await client.http.get_channel(thread_id)
            if thread.get("name") == given:
                await client.http.edit_channel(thread_id, name=name)

    async def archive(self, thread_id: int) -> None:
        """Archive a thread."""
        client = self._live()
        async with _calling():
            await client.http.edit_channel(thread_id, archived=True)

    async def add_member(self, thread_id: int, user_id: int) -> None:
        """Put a person into a thread, so that it shows in their list."""
        client = self._live()
        async with _calling():
            await client.http.add_user_to_thread(thread_id, user_id)


@asynccontextmanager
async def _calling(size: int = 0) -> AsyncIterator[None]:
    """Bound the time on the wire of a call that uploads so many bytes; turn the library's exceptions into ours."""
    try:
        async with asyncio.timeout(None) as timeout:
            with wire.bounded(timeout, size):
                yield
    except (wire.TooMany, wire.Unreached) as error:
        raise TryLater(str(error), error.seconds) from error
    except discord.RateLimited as error:
        raise TryLater(str(error), error.retry_after) from error
    except discord.HTTPException as error:
        raise translated(error) from error
    except TimeoutError as error:
        raise TryLater("Discord did not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise TryLater(str(error) or type(error).__name__) from error
    except RuntimeError as error:
        # The session of a client that was closed meanwhile.
        raise TryLater(str(error), 1.0) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # What the library raises over a body that is no JSON, or another object than it expects.
        log.warning("an answer of Discord could not be read", exc_info=True)
        raise TryLater(f"Discord's answer could not be read: {error!r}") from error
