"""Makes every REST call of the bot, by ids, through the client that is alive now. Errors are types that say what to do.

No object of discord.py is kept across an await: the client may be rebuilt at any time.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import discord
from discord.http import Route
from discord.utils import time_snowflake

from bot.user_messages import rest_errors

from .backoff import Backoff
from .calls import Bucket, Urgency
from .components_v2 import layout_of
from .errors import (
    LOST,
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    NO_REPLY,
    THREAD_EXISTS,
    UNKNOWN_CHANNEL,
    PermanentError,
    TryLater,
    code_of,
)
from .http_trace import library_call
from .mentions import NO_MENTIONS, Mentions
from .message_files import Files, to_library, total_size
from .pacer import Pacer
from .stored_message import StoredMessage

CONFIRM_SECONDS = 1.0
"""Seconds after which a second refusal confirms that a place is lost; Discord has been seen to say so by mistake."""

SUSPECT_SECONDS = 120.0
"""Seconds after which a first refusal is forgotten."""

NONCE_SECONDS = 60.0
"""Seconds in which a nonce certainly finds its message; Discord keeps it for some minutes (Discord, Create Message)."""

CLOCK_SECONDS = 60.0
"""Seconds by which the machine's clock may differ from Discord's, when a message is searched for by its time."""

REMEMBERED = 1000
"""Confirmed messages to remember."""

T = TypeVar("T")


class DiscordApi:
    """Discord's REST calls: each waits for its turn, and is made by the client that is alive then.

    A call with an `urgency` waits for a turn of its own. A call without one is made in the turn that its task has: as
    the `perform` of an `ApiCall` given to `pacer.put`, or inside `pacer.turn`. All calls raise `RestError`.
    """

    def __init__(self) -> None:
        """Start without a client and without listeners.

        Each login gives its client to `use`; before the first, every call raises `TryLater`. The application gives its
        listeners to `listen` once they are built: they make calls themselves.
        """
        self.pacer = Pacer(server_of=self.server_of, on_restored=self._restored)
        """The schedule of all calls."""
        self.client: discord.Client | None = None
        self.gone: set[int] = set()
        """Places that writes are refused for, without a call."""
        self._on_lost: Callable[[int], None] = lambda _channel_id: None
        self._is_unopened: Callable[[int], bool] = lambda _thread_id: False
        self._on_locked: Callable[[int], None] = lambda _thread_id: None
        self._on_restored: Callable[[], None] = lambda: None
        self._confirmed: deque[int] = deque(maxlen=REMEMBERED)
        """The last messages whose sending was confirmed, which the answer of a lost try cannot be."""
        self._suspected: dict[tuple[int, str], float] = {}
        """When Discord first said that a place is lost, by place and kind of call."""

    def listen(
        self,
        *,
        on_lost: Callable[[int], None] = lambda _channel_id: None,
        is_unopened: Callable[[int], bool] = lambda _thread_id: False,
        on_locked: Callable[[int], None] = lambda _thread_id: None,
        on_restored: Callable[[], None] = lambda: None,
    ) -> None:
        """Set the listeners.

        `on_lost` gets a place that is unknown, or in which the bot may no longer view or write, unless `is_unopened`
        says that this is a thread which does not exist yet. `on_locked` gets a thread that could not be opened because
        it is locked. `on_restored` is called when an outage ends.
        """
        self._on_lost, self._is_unopened = on_lost, is_unopened
        self._on_locked, self._on_restored = on_locked, on_restored

    def _restored(self) -> None:
        self._on_restored()

    def use(self, client: discord.Client) -> None:
        """Make calls with this client, which has logged in, from now on."""
        self.client = client

    async def retrying(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        attempts: int | None = None,
        on_failure: Callable[[TryLater, float], None] = lambda _error, _wait: None,
    ) -> T:
        """Return what a call returns, after as many tries as it takes, or at most `attempts`.

        `on_failure` gets the error of a try and the seconds until the next one, and may raise. Raises the last
        `TryLater` when the attempts are spent, and any other `RestError` immediately.
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
        """Enter when a call's turn has come: immediately without an `urgency`."""
        if urgency is None:
            yield
            return
        async with self.pacer.turn(urgency, channel_id, bucket):
            yield

    @asynccontextmanager
    async def _calling(self, urgency: Urgency | None) -> AsyncIterator[None]:
        """Make a call that counts in no channel."""
        async with self._turn(urgency), library_call():
            yield

    @asynccontextmanager
    async def _writing(
        self, kind: str, channel_id: int, *, lost: frozenset[int] = LOST, size: int = 0
    ) -> AsyncIterator[None]:
        """Make a call that writes, and report its place as lost at the second refusal.

        Calls of one `kind` need the same rights. The codes in `lost` concern the place; the others of `LOST` concern
        only this kind of call. `size` is the number of bytes that the call uploads.
        """
        try:
            async with library_call(size):
                self._must_exist(channel_id)
                yield
        except PermanentError as error:
            if code_of(error) not in LOST:
                raise
            if self._is_unopened(channel_id) or self._is_unconfirmed(kind, channel_id):
                raise TryLater(str(error), CONFIRM_SECONDS) from error
            if code_of(error) in lost:
                self._on_lost(channel_id)
            raise
        else:
            self._suspected.pop((channel_id, kind), None)

    def _is_unconfirmed(self, kind: str, channel_id: int) -> bool:
        """Whether this refusal is the first of its kind, or follows so soon that it may be the same mistake."""
        now = asyncio.get_running_loop().time()
        self._suspected = {key: since for key, since in self._suspected.items() if now - since < SUSPECT_SECONDS}
        return now - self._suspected.setdefault((channel_id, kind), now) < CONFIRM_SECONDS

    def _must_exist(self, channel_id: int) -> None:
        if channel_id in self.gone:
            raise PermanentError(rest_errors.GONE)

    def _channel(self, channel_id: int, guild_id: int | None = None) -> discord.PartialMessageable:
        self._must_exist(channel_id)
        return self._live().get_partial_messageable(channel_id, guild_id=guild_id)

    def _readable(self, channel_id: int, guild_id: int | None = None) -> discord.abc.Messageable:
        """Return a place to read from; from a cached one, messages come with the names of channels and people."""
        channel = self._live().get_channel(channel_id)
        return channel if isinstance(channel, discord.abc.Messageable) else self._channel(channel_id, guild_id)

    def _live(self) -> discord.Client:
        if self.client is None:
            raise TryLater(rest_errors.NOT_CONNECTED, 1.0)
        return self.client

    @property
    def user(self) -> discord.ClientUser | None:
        """The bot's own account, once it has logged in."""
        return None if self.client is None else self.client.user

    def guild(self, guild_id: int) -> discord.Guild | None:
        """Return a server that the library has cached."""
        return None if self.client is None else self.client.get_guild(guild_id)

    def server_of(self, channel_id: int) -> int | None:
        """Return the server of a channel or thread that the library has cached."""
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
        mention: Mentions = NO_MENTIONS,
        reply_to: int | None = None,
        silent: bool = False,
        view: discord.ui.View | None = None,
        files: Files = (),
        accent: int | None = None,
    ) -> StoredMessage:
        """Post a message that pings only those in `mention`, without embeds; return it as Discord stores it.

        With an `accent` it is a card of that colour, see `layout_of`, and each `edit` must have one too.

        Within minutes, the same `nonce` (at most 25 characters) returns the message that exists already. Discord
        refuses `reply_to` where the bot may not read the history: the message is then posted without it.
        """
        options: dict[str, Any] = {
            "nonce": nonce or secrets.token_hex(8),
            "allowed_mentions": _allowed(mention),
            "silent": silent,
            "view": view or discord.utils.MISSING,
        }
        text: str | None = content
        if accent is not None:
            text, options["view"] = None, layout_of(content, view, accent, files)
        async with self._turn(urgency, channel_id):
            try:
                message = await self._send(channel_id, text, files, reply_to, options)
            except PermanentError as error:
                if reply_to is None or code_of(error) != NO_REPLY:
                    raise
                message = await self._send(channel_id, text, files, None, options)
        self._confirmed.append(message.id)
        return StoredMessage.of(message)

    async def _send(
        self,
        channel_id: int,
        content: str | None,
        files: Files,
        reply_to: int | None,
        options: Mapping[str, Any],
    ) -> discord.Message:
        reference = None
        if reply_to is not None:
            reference = discord.MessageReference(message_id=reply_to, channel_id=channel_id, fail_if_not_exists=False)
        # Files need a permission of their own; without it, text can still be sent.
        kind, lost = ("upload", LOST - {MISSING_PERMISSIONS}) if files else ("send", LOST)
        async with self._writing(kind, channel_id, lost=lost, size=total_size(files)):
            return await self._channel(channel_id).send(
                content,
                files=to_library(files),
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
        files: Files = (),
        **options: Any,
    ) -> StoredMessage:
        """Post a message as `send`, unless an earlier try has posted it: the first was `tried` seconds ago, 0 for now.

        A nonce tells for minutes only. After that, the message is searched for in the place: above the id `after`, or
        above the time of the first try, and not among the `known` ids of other messages. With `after`, an infinite
        `tried` means a try of an earlier run.
        """
        async with self._turn(urgency, channel_id):
            if tried > NONCE_SECONDS:
                if after is None:
                    after = time_snowflake(datetime.now(UTC) - timedelta(seconds=tried + CLOCK_SECONDS))
                own = await self.own_messages(channel_id, after=after, urgency=None)
                others = {*known, *self._confirmed}
                for each in own:
                    if each.message_id not in others and each.matches(content, files):
                        return each
            return await self.send(channel_id, content, files=files, **options)

    async def edit(  # noqa: PLR0913 - what a message can have
        self,
        channel_id: int,
        message_id: int,
        content: str,
        *,
        urgency: Urgency | None = None,
        drop_view: bool = False,
        drop_files: bool = False,
        view: discord.ui.View | None = None,
        files: Files = (),
        accent: int | None = None,
    ) -> StoredMessage:
        """Replace a message's text; return it as stored. `view` replaces its buttons, `drop_view` removes them.

        `accent` is that of a card, with the `files` that it has and keeps; the `view` is then always replaced.
        """
        changed: dict[str, Any] = {"content": content}
        if accent is not None:
            changed = {"view": layout_of(content, view, accent, files)}
        elif drop_view or view is not None:
            changed["view"] = view
        changed |= {"attachments": []} if drop_files else {}
        async with self._turn(urgency, channel_id, Bucket.EDIT), self._writing("edit", channel_id):
            message = self._channel(channel_id).get_partial_message(message_id)
            after = await message.edit(allowed_mentions=discord.AllowedMentions.none(), **changed)
        return StoredMessage.of(after)

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Delete a message of the bot's own."""
        async with self._writing("delete", channel_id, lost=frozenset()):
            await self._channel(channel_id).get_partial_message(message_id).delete()

    async def typing(self, channel_id: int) -> None:
        """Show that the bot is typing, for ten seconds or until it posts."""
        async with self._writing("typing", channel_id):
            await self._live().http.send_typing(channel_id)

    async def reopen(self, thread_id: int, *, urgency: Urgency) -> None:
        """Open an archived thread. A locked one stays closed, even if the bot has the permission to open it."""
        lost = LOST - {MISSING_PERMISSIONS}
        async with self._turn(urgency, thread_id, Bucket.CHANNEL), self._writing("reopen", thread_id, lost=lost):
            http = self._live().http
            thread: Mapping[str, Any] = await http.get_channel(thread_id)
            if thread.get("thread_metadata", {}).get("locked"):
                self._on_locked(thread_id)
                raise PermanentError(rest_errors.LOCKED)
            await http.edit_channel(thread_id, archived=False)

    async def react(self, channel_id: int, message_id: int, emoji: str, *, urgency: Urgency | None = None) -> None:
        """Add the bot's reaction."""
        async with self._turn(urgency, channel_id, Bucket.REACTION), library_call():
            await self._channel(channel_id).get_partial_message(message_id).add_reaction(emoji)

    async def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Remove the bot's reaction."""
        async with library_call():
            message = self._channel(channel_id).get_partial_message(message_id)
            if self.user is not None:
                await message.remove_reaction(emoji, discord.Object(self.user.id))

    async def history(
        self, channel_id: int, *, after: int, most: int, urgency: Urgency | None, guild_id: int | None = None
    ) -> list[discord.Message]:
        """Return the newest `most` messages above the id `after`, oldest first.

        `guild_id` is needed for a place that the library has not cached, such as an archived thread.
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
        """Return the first message of a thread, as a list that may be empty. No message is older than its thread."""
        async with self._calling(urgency):
            past = self._readable(thread_id).history(limit=1, after=discord.Object(thread_id - 1))
            return [message async for message in past]

    async def message(
        self, channel_id: int, message_id: int, *, urgency: Urgency | None, guild_id: int | None = None
    ) -> discord.Message:
        """Return a message as it is now. Raises `Gone` if it was deleted."""
        async with self._calling(urgency):
            return await self._readable(channel_id, guild_id).fetch_message(message_id)

    async def role_ids(self, guild_id: int, user_id: int, *, urgency: Urgency | None) -> frozenset[int]:
        """Return the roles that a member has."""
        async with self._calling(urgency):
            member = await self._live().http.get_member(guild_id, user_id)
            return frozenset(int(role_id) for role_id in member["roles"])

    async def display_name(self, guild_id: int, user_id: int, *, urgency: Urgency) -> str:
        """Return the name of a member in a server."""
        async with self._calling(urgency):
            member = await self._live().http.get_member(guild_id, user_id)
            user = member["user"]
            return member.get("nick") or user.get("global_name") or user["username"]

    async def own_messages(self, channel_id: int, *, after: int, urgency: Urgency | None) -> list[StoredMessage]:
        """Return the bot's own messages above an id, oldest first, at most 100."""
        messages = await self.history(channel_id, after=after, most=100, urgency=urgency)
        return [StoredMessage.of(each) for each in messages if self.user is not None and each.author.id == self.user.id]

    async def open_thread(
        self, channel_id: int, message_id: int, name: str, *, auto_archive_minutes: int, urgency: Urgency
    ) -> None:
        """Open a thread on a message; its id is the message's. A thread that exists already counts as opened.

        Raises `Gone` if the message was deleted.
        """
        async with self._turn(urgency, channel_id, Bucket.THREAD):
            try:
                async with library_call():
                    await self._live().http.request(
                        _open_route(channel_id, message_id),
                        json={"name": name, "auto_archive_duration": auto_archive_minutes},
                    )
            except TryLater as error:
                if not error.seconds:
                    # Without an answer to another call, a refusal to open threads would count as an outage.
                    with suppress(TryLater, PermanentError):
                        await self.message(channel_id, message_id, urgency=None)
                raise
            except PermanentError as error:
                code = code_of(error)
                if code in LOST and self._is_unconfirmed("open", message_id):
                    raise TryLater(str(error), CONFIRM_SECONDS) from error
                if code in {UNKNOWN_CHANNEL, MISSING_ACCESS}:
                    self._on_lost(message_id)
                if code != THREAD_EXISTS:
                    raise

    async def rename(self, thread_id: int, given: str, name: str) -> None:
        """Rename a thread if it still has the name `given`."""
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
        """Add a person to a thread, which puts it into their list."""
        async with self._calling(urgency):
            await self._live().http.add_user_to_thread(thread_id, user_id)


def _allowed(mention: Mentions) -> discord.AllowedMentions:
    allowed = discord.AllowedMentions.none()
    allowed.users = [discord.Object(user_id) for user_id in mention.user_ids]
    allowed.roles = [discord.Object(role_id) for role_id in mention.role_ids]
    return allowed


def _open_route(channel_id: int, message_id: int) -> Route:
    """Return the route that opens a thread; the library's public method needs the guild in its cache.

    The library would make one call in a window of minutes and refuse the others, so `metadata` gives each message a
    rate limit of its own there. The schedule counts the calls.
    """
    return Route(
        "POST",
        "/channels/{channel_id}/messages/{message_id}/threads",
        metadata=str(message_id),
        channel_id=channel_id,
        message_id=message_id,
    )
