"""Makes every REST call of the bot, by ids, through the client that is alive now. Errors are types that say what to do.

No object of discord.py is kept across an await: the client may be rebuilt at any time.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, TypeVar

import aiohttp
import discord
import structlog
from discord.http import Route
from discord.utils import time_snowflake

from bot.text.file_names import is_kept_as

from .backoff import Backoff
from .calls import Bucket, Urgency
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
from .http_trace import TooMany, Unreached, bounded
from .pacer import Pacer
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

T = TypeVar("T")


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
    """Discord's REST calls: each waits for its turn, and is made by the client that is alive then.

    A call with an `urgency` waits for a turn of its own. One without is made in the turn that its task has already, by
    an `ApiCall` that was given to `pacer.put`, or by `pacer.turn`. All calls raise `RestError`.
    """

    def __init__(self) -> None:
        """Start without a client: until `use`, after each login, gives one, every call asks to be tried later.

        `listen` is called once, when those who listen are built: they make calls themselves.
        """
        self.pacer = Pacer(server_of=self.server_of, on_restored=self._restored)
        """The schedule of all calls."""
        self.client: discord.Client | None = None
        self.gone: set[int] = set()
        """Places to which nothing is written any more."""
        self._on_lost: Callable[[int], None] = lambda _channel_id: None
        self._on_locked: Callable[[int], None] = lambda _thread_id: None
        self._on_restored: Callable[[], None] = lambda: None
        self._sent: deque[int] = deque(maxlen=SENT)
        """The last messages that are known to stand: a try that was lost is none of them."""
        self._doubted: dict[tuple[int, str], float] = {}
        """By place and kind of call since when Discord says that the place is lost."""

    def listen(
        self,
        *,
        on_lost: Callable[[int], None] = lambda _channel_id: None,
        on_locked: Callable[[int], None] = lambda _thread_id: None,
        on_restored: Callable[[], None] = lambda: None,
    ) -> None:
        """Give what is called about places, and when Discord answers again after an outage.

        `on_lost` gets a place that cannot be reached any more: it is unknown, or the bot may not view or write there.
        `on_locked` gets a thread that is locked, where something was to be written.
        """
        self._on_lost, self._on_locked, self._on_restored = on_lost, on_locked, on_restored

    def _restored(self) -> None:
        self._on_restored()

    def use(self, client: discord.Client) -> None:
        """Make calls by this client, which has logged in, from now on."""
        self.client = client

    async def retrying(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        attempts: int | None = None,
        on_failure: Callable[[TryLater, float], None] = lambda _error, _wait: None,
    ) -> T:
        """Make a call, again for as long as it is to be tried later; return what it returns.

        `on_failure` gets the error of a try and the seconds until the next one, and may raise. Raises `TryLater` after
        the last of `attempts`, where they are bounded, and any other `RestError` immediately.
        """
        backoff = Backoff(attempts)
        with self.pacer.tries(backoff):
            while True:
                try:
                    return await call()
                except TryLater as error:
                    wait = backoff.wait(error)
                    if backoff.exhausted:
                        raise
                    on_failure(error, wait)
                    await asyncio.sleep(wait)

    @asynccontextmanager
    async def _turn(
        self, urgency: Urgency | None, channel_id: int | None = None, bucket: Bucket = Bucket.MESSAGE
    ) -> AsyncIterator[None]:
        """Enter when a call's turn has come: without an `urgency` that is now."""
        if urgency is None:
            yield
            return
        async with self.pacer.turn(urgency, channel_id, bucket):
            yield

    @asynccontextmanager
    async def _calling(self, urgency: Urgency | None) -> AsyncIterator[None]:
        """Make a call that counts in no channel."""
        async with self._turn(urgency), _translated():
            yield

    @asynccontextmanager
    async def _writing(
        self, kind: str, channel_id: int, *, lost: frozenset[int] = LOST, size: int = 0
    ) -> AsyncIterator[None]:
        """Make a call that writes, and notice by a second refusal that its place is lost.

        Calls of one `kind` need the same rights. Of the codes `LOST` only those in `lost` say it of the place; all are
        asked about a second time. `size` is the number of bytes that it uploads.
        """
        try:
            async with _translated(size):
                self._must_exist(channel_id)
                yield
        except PermanentError as error:
            if code_of(error) not in LOST:
                raise
            if self._is_doubt(kind, channel_id):
                raise TryLater(str(error), SECOND_LOOK) from error
            if code_of(error) in lost:
                self._on_lost(channel_id)
            raise
        else:
            self._doubted.pop((channel_id, kind), None)

    def _is_doubt(self, kind: str, channel_id: int) -> bool:
        """Whether this refusal is the first of its kind, or follows so soon that it may be the same mistake."""
        now = asyncio.get_running_loop().time()
        self._doubted = {key: since for key, since in self._doubted.items() if now - since < DOUBTED}
        return now - self._doubted.setdefault((channel_id, kind), now) < SECOND_LOOK

    def _must_exist(self, channel_id: int) -> None:
        if channel_id in self.gone:
            raise PermanentError("this place is gone")

    def _channel(self, channel_id: int, guild_id: int | None = None) -> discord.PartialMessageable:
        self._must_exist(channel_id)
        return self._live().get_partial_messageable(channel_id, guild_id=guild_id)

    def _readable(self, channel_id: int, guild_id: int | None = None) -> discord.abc.Messageable:
        """Return a place to read from: of one that the library knows, messages come with their names and people."""
        channel = self._live().get_channel(channel_id)
        return channel if isinstance(channel, discord.abc.Messageable) else self._channel(channel_id, guild_id)

    def _live(self) -> discord.Client:
        if self.client is None:
            raise TryLater("not connected to Discord", 1.0)
        return self.client

    @property
    def user(self) -> discord.ClientUser | None:
        """The bot's own account, once it has logged in."""
        return None if self.client is None else self.client.user

    def guild(self, guild_id: int) -> discord.Guild | None:
        """Return a server, where the library knows it."""
        return None if self.client is None else self.client.get_guild(guild_id)

    def server_of(self, channel_id: int) -> int | None:
        """Return the server of a channel or thread, where the library knows it."""
        channel = None if self.client is None else self.client.get_channel(channel_id)
        guild = getattr(channel, "guild", None)
        return None if guild is None else guild.id

    async def send(  # noqa: PLR0913 - what a message can have
        self,
        channel_id: int,
        content: str,
        *,
        urgency: Urgency | None = None,
        nonce: str | None = None,
        mention: Mentions = NOBODY,
        reply_to: int | None = None,
        silent: bool = False,
        view: discord.ui.View | None = None,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> Stored:
        """Post a message that pings only those in `mention`, with no link unfurled; return it as Discord stores it.

        The same `nonce` (at most 25 characters) within minutes returns the message that exists already. Where the bot
        may not read the history it may not answer a message either: then this one is posted without `reply_to`.
        """
        options: dict[str, Any] = {
            "nonce": nonce or secrets.token_hex(8),  # Without, the library gives one only where it is None.
            "allowed_mentions": _allowed(mention),
            "silent": silent,
            "view": view or discord.utils.MISSING,
        }
        async with self._turn(urgency, channel_id):
            try:
                message = await self._send(channel_id, content, files, reply_to, options)
            except PermanentError as error:
                if reply_to is None or code_of(error) != NO_REPLY:
                    raise
                message = await self._send(channel_id, content, files, None, options)
        self._sent.append(message.id)
        return Stored(message.id, message.content, bool(message.components))

    async def _send(
        self,
        channel_id: int,
        content: str,
        files: Sequence[tuple[str, bytes]],
        reply_to: int | None,
        options: Mapping[str, Any],
    ) -> discord.Message:
        reference = None
        if reply_to is not None:
            reference = discord.MessageReference(message_id=reply_to, channel_id=channel_id, fail_if_not_exists=False)
        # Files need a right of their own; where that is missing, words may still be sent.
        kind, lost = ("upload", LOST - {MISSING_PERMISSIONS}) if files else ("send", LOST)
        async with self._writing(kind, channel_id, lost=lost, size=sum(len(data) for _, data in files)):
            return await self._channel(channel_id).send(
                content,
                files=[discord.File(BytesIO(data), name) for name, data in files],
                reference=reference,  # type: ignore[arg-type]
                mention_author=False,
                suppress_embeds=True,
                **options,
            )

    async def send_once(
        self,
        channel_id: int,
        content: str,
        *,
        tried: float,
        urgency: Urgency | None = None,
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
        async with self._turn(urgency, channel_id):
            if tried > NONCE_SECONDS:
                if after is None:
                    after = time_snowflake(datetime.now(UTC) - timedelta(seconds=tried + CLOCK_SECONDS))
                own = await self.own_messages(channel_id, after=after, urgency=None)
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
        urgency: Urgency | None = None,
        drop_view: bool = False,
        view: discord.ui.View | None = None,
    ) -> Stored:
        """Replace a message's text; return it as it stands. `view` replaces its buttons, `drop_view` takes them off."""
        changed: dict[str, Any] = {"view": view} if drop_view or view is not None else {}
        async with self._turn(urgency, channel_id, Bucket.EDIT), self._writing("edit", channel_id):
            message = self._channel(channel_id).get_partial_message(message_id)
            after = await message.edit(content=content, allowed_mentions=discord.AllowedMentions.none(), **changed)
        return Stored(after.id, after.content, bool(after.components))

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Delete a message of the bot's own."""
        async with self._writing("delete", channel_id, lost=frozenset()):
            await self._channel(channel_id).get_partial_message(message_id).delete()

    async def typing(self, channel_id: int) -> None:
        """Show that the bot is typing, for ten seconds or until it posts."""
        async with self._writing("typing", channel_id):
            await self._live().http.send_typing(channel_id)

    async def reopen(self, thread_id: int, *, urgency: Urgency) -> None:
        """Open a thread that was archived. One that is locked stays closed, also to a bot that could open it."""
        lost = LOST - {MISSING_PERMISSIONS}
        async with self._turn(urgency, thread_id, Bucket.CHANNEL), self._writing("reopen", thread_id, lost=lost):
            http = self._live().http
            thread: Mapping[str, Any] = await http.get_channel(thread_id)
            if thread.get("thread_metadata", {}).get("locked"):
                self._on_locked(thread_id)
                raise PermanentError("the thread is locked")
            await http.edit_channel(thread_id, archived=False)

    async def react(self, channel_id: int, message_id: int, emoji: str, *, urgency: Urgency | None = None) -> None:
        """Add the bot's reaction."""
        async with self._turn(urgency, channel_id, Bucket.REACTION), _translated():
            await self._channel(channel_id).get_partial_message(message_id).add_reaction(emoji)

    async def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Take the bot's reaction away."""
        async with _translated():
            message = self._channel(channel_id).get_partial_message(message_id)
            if self.user is not None:
                await message.remove_reaction(emoji, discord.Object(self.user.id))

    async def history(
        self, channel_id: int, *, after: int, most: int, urgency: Urgency | None, guild_id: int | None = None
    ) -> list[discord.Message]:
        """Return the newest `most` messages above the id `after`, oldest first.

        `guild_id` is needed where the library does not know the place, as an archived thread.
        """
        async with self._calling(urgency):
            past = self._readable(channel_id, guild_id).history(
                limit=most, after=discord.Object(after), oldest_first=False
            )
            messages = [message async for message in past]
        return messages[::-1]

    async def before(self, channel_id: int, message_id: int, *, most: int, urgency: Urgency) -> list[discord.Message]:
        """Return the newest `most` messages below an id, oldest first."""
        async with self._calling(urgency):
            past = self._readable(channel_id).history(limit=most, before=discord.Object(message_id))
            messages = [message async for message in past]
        return messages[::-1]

    async def first(self, thread_id: int, *, urgency: Urgency) -> list[discord.Message]:
        """Return the first message of a thread, if there is one: no other is older than the thread itself."""
        async with self._calling(urgency):
            past = self._readable(thread_id).history(limit=1, after=discord.Object(thread_id - 1))
            return [message async for message in past]

    async def message(
        self, channel_id: int, message_id: int, *, urgency: Urgency | None, guild_id: int | None = None
    ) -> discord.Message:
        """Return a message as it is now. Raises `Gone` where there is none any more."""
        async with self._calling(urgency):
            return await self._readable(channel_id, guild_id).fetch_message(message_id)

    async def role_ids(self, guild_id: int, user_id: int, *, urgency: Urgency | None) -> frozenset[int]:
        """Return the roles that a member has."""
        async with self._calling(urgency):
            member = await self._live().http.get_member(guild_id, user_id)
            return frozenset(int(role_id) for role_id in member["roles"])

    async def display_name(self, guild_id: int, user_id: int, *, urgency: Urgency) -> str:
        """Return what a member is called in a server."""
        async with self._calling(urgency):
            member = await self._live().http.get_member(guild_id, user_id)
            user = member["user"]
            return member.get("nick") or user.get("global_name") or user["username"]

    async def own_messages(self, channel_id: int, *, after: int, urgency: Urgency | None) -> list[OwnMessage]:
        """Return the bot's own messages above an id, oldest first, at most 100."""
        messages = await self.history(channel_id, after=after, most=100, urgency=urgency)
        return [
            OwnMessage(each.id, each.content, tuple(file.filename for file in each.attachments), bool(each.components))
            for each in messages
            if self.user is not None and each.author.id == self.user.id
        ]

    async def open_thread(
        self, channel_id: int, message_id: int, name: str, *, auto_archive_minutes: int, urgency: Urgency
    ) -> None:
        """Open a thread on a message; its id is the message's. One that exists already is just as good.

        Raises `Gone` where there is no such message any more.
        """
        async with self._turn(urgency, channel_id, Bucket.THREAD):
            try:
                async with _translated():
                    await self._live().http.request(
                        _open_route(channel_id, message_id),
                        json={"name": name, "auto_archive_duration": auto_archive_minutes},
                    )
            except TryLater as error:
                if not error.seconds:
                    # Without another call, a Discord that only opens no threads looks like an outage.
                    with suppress(TryLater, PermanentError):
                        await self.message(channel_id, message_id, urgency=None)
                raise
            except PermanentError as error:
                code = code_of(error)
                if code in LOST and self._is_doubt("open", message_id):
                    raise TryLater(str(error), SECOND_LOOK) from error
                if code in {UNKNOWN_CHANNEL, MISSING_ACCESS}:
                    self._on_lost(message_id)
                if code != THREAD_EXISTS:
                    raise

    async def rename(self, thread_id: int, given: str, name: str) -> None:
        """Give a thread another name, if it still has the `given` one."""
        async with self._writing("rename", thread_id, lost=LOST - {MISSING_PERMISSIONS}):
            http = self._live().http
            thread: Mapping[str, Any] = await http.get_channel(thread_id)
            if thread.get("name") == given:
                await http.edit_channel(thread_id, name=name)

    async def archive(self, thread_id: int, *, urgency: Urgency) -> None:
        """Archive a thread."""
        async with self._calling(urgency):
            await self._live().http.edit_channel(thread_id, archived=True)

    async def add_member(self, thread_id: int, user_id: int, *, urgency: Urgency) -> None:
        """Put a person into a thread, so that it shows in their list."""
        async with self._calling(urgency):
            await self._live().http.add_user_to_thread(thread_id, user_id)


def _allowed(mention: Mentions) -> discord.AllowedMentions:
    allowed = discord.AllowedMentions.none()
    allowed.users = [discord.Object(user_id) for user_id in mention.user_ids]
    allowed.roles = [discord.Object(role_id) for role_id in mention.role_ids]
    return allowed


def _open_route(channel_id: int, message_id: int) -> Route:
    """Return the route that opens a thread: the library's public method wants the guild in its cache.

    `metadata` keeps the library's count of calls apart for each message: of a window of minutes it spends one call and
    refuses the others. The schedule counts them.
    """
    return Route(
        "POST",
        "/channels/{channel_id}/messages/{message_id}/threads",
        metadata=str(message_id),
        channel_id=channel_id,
        message_id=message_id,
    )


@asynccontextmanager
async def _translated(size: int = 0) -> AsyncIterator[None]:
    """Bound the time on the wire of a call that uploads so many bytes; turn the library's exceptions into ours."""
    try:
        async with asyncio.timeout(None) as timeout:
            with bounded(timeout, size):
                yield
    except (TooMany, Unreached) as error:
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
