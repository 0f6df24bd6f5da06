"""The Discord client: it turns events into calls of the gate, the intake and the other services.

discord.py runs each event in a task of its own. From the first look at a message to the place in the inbox nothing is
awaited here, so that messages keep the order in which Discord gave them.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import structlog

from bot import user_messages as words
from bot.access.summary import describe_rules
from bot.commands.command_client import ClientServices, CommandClient
from bot.commands.tree import CommandTree
from bot.config.schema import Config
from bot.intake.catch_up import CatchUp, CatchUpLimits
from bot.intake.deleted_places import DeletedPlaces
from bot.intake.edits import Edits
from bot.intake.recovery import Recovery
from bot.rest.calls import Urgency
from pool.journal.posted_requests import PostedRequest

from .component_registry import COMPONENTS, FORMS
from .connection import intents
from .identify_limit import IdentifyLimit

__all__ = ["ThreadlineClient"]

GUILD_SECONDS = 0.5
"""How long after one server's arrival the next may take; then the start is complete without it."""

MOST_NAMED = 10
"""Channels that are named; of a larger number the rest is only counted."""

log = structlog.stdlib.get_logger("bot")


@dataclass(frozen=True, slots=True)
class ClientCallbacks:
    """What the application learns from a client."""

    on_login: Callable[[int], None]
    """Gets the bot's user id. May raise to end the start."""
    on_missed: Callable[[int], None]
    """Gets the number of messages that a place has missed."""
    on_ready: Callable[[], None]
    """Called after each READY, when all missed messages are accepted."""


class ThreadlineClient(CommandClient):
    """One connection to Discord. A new client replaces it when it dies."""

    def __init__(
        self,
        *,
        config: Config,
        services: ClientServices,
        recovery: Recovery,
        places: DeletedPlaces,
        callbacks: ClientCallbacks,
        http_trace: aiohttp.TraceConfig,
    ) -> None:
        """Connect the events of the gateway with `services`. `http_trace` watches each HTTP call."""
        super().__init__(
            services,
            intents=intents(direct=config.access.dm),
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=http_trace,
            max_ratelimit_timeout=60.0,
            guild_ready_timeout=GUILD_SECONDS,
            max_messages=None,
        )
        self.tree = CommandTree(self, dm=config.access.dm)
        self._places = places
        self._recovery = recovery
        self._callbacks = callbacks
        self._edits = Edits(pool=self.pool, admission=self.admission, context=self.context)
        limits = CatchUpLimits(config.catch_up.hours, config.catch_up.messages)
        self._catch_up = self._new_catch_up(limits)
        self.is_behind = self._catch_up.is_behind
        self._identifies = IdentifyLimit(self.journal)
        self._gateway_left = False
        self.has_connected = False
        """Whether the gateway has ever said READY."""
        self.events: set[asyncio.Task[None]] = set()
        """The tasks that handle events. They outlast the client: the next one completes their calls."""

    def _new_catch_up(self, limits: CatchUpLimits) -> CatchUp:
        context = self.context
        return CatchUp(
            journal=self.journal,
            api=context.api,
            limits=limits,
            accept=self.intake.handle_missed,
            open_thread=self.intake.open_thread,
            stale=context.stale_messages,
            refresh_stale=self._edits.refresh,
            on_too_old=lambda channel_id: context.tell(channel_id, words.BEYOND),
            on_missed=self._callbacks.on_missed,
        )

    async def setup_hook(self) -> None:
        """Take the lock, learn whose the bot is, register buttons and commands."""
        if self.user is not None:
            self._callbacks.on_login(self.user.id)
        self.admission.logged_in(self)
        self.add_dynamic_items(*COMPONENTS)
        async with self.context.api.pacer.turn(Urgency.NOTICE):
            try:
                await self.tree.sync_changes(self.journal)
            except discord.HTTPException as error:
                log.warning("the slash commands could not be registered", reason=str(error))

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Count each identify, also of a new session that the library begins. Raises `TooManyIdentifies`."""
        await self._identifies.acquire(self.http)
        await super().before_identify_hook(shard_id, initial=initial)

    async def on_connect(self) -> None:
        """READY is there: live messages wait until what was missed is in front of them; what waits may have changed."""
        self.has_connected = True
        self._catch_up.begin()
        self._edits.mark_stale()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Take up what was missed in a server that came after the start was complete, or that was out of order."""
        if self._catch_up.begun:
            await self._catch_up.run(self._known_places([guild]))

    async def on_ready(self) -> None:
        """The guilds are known: take up what an earlier run left, then what was missed."""
        log.info("connected to Discord", user=str(self.user), guilds=len(self.guilds))
        for sentence in describe_rules(self.admission.rules):
            log.info(sentence)
        unopened = await self._recovery.begin()
        async with asyncio.TaskGroup() as tasks:
            for exchange in unopened:
                name = f"open-{exchange.request.message_id}"
                tasks.create_task(self.intake.open_thread(exchange), name=name)
            tasks.create_task(self._recovery.finish(), name="recovery")
            await self._catch_up.run([*self._known_places(self.guilds), *self._known_direct_messages()])
            # Not sooner: a request that was missed comes in its place among what else was.
            tasks.create_task(self._recovery.accept_posted_requests(self._accept_left_over), name="asks")
        where = _describe_places(self.guilds, self.admission.works_in, direct=self.admission.rules.dm)
        log.info("ready", user=str(self.user), where=where)
        self._callbacks.on_ready()

    def _known_places(self, guilds: Iterable[discord.Guild]) -> list[tuple[int, int | None]]:
        """List what is to be caught up with: allowed channels and known threads, each with its newest message."""
        places: list[tuple[int, int | None]] = []
        for guild in guilds:
            for channels in (guild.text_channels, guild.voice_channels, guild.stage_channels):
                places.extend((each.id, each.last_message_id) for each in channels if self.admission.works_in(each))
            for forum in filter(self.admission.works_in, guild.forums):
                self._catch_up.note_forum_posts(forum.id, [each.id for each in forum.threads], forum.last_message_id)
                places.extend((each.id, each.last_message_id or each.id) for each in forum.threads)
            threads = (each for each in guild.threads if self.journal.threads.knows(each.id))
            places.extend((each.id, each.last_message_id) for each in threads)
        return places

    def _known_direct_messages(self) -> list[tuple[int, int]]:
        """List the direct messages that are known: Discord does not tell which there are, nor what is new in them."""
        known = self.journal.threads.direct() if self.admission.rules.dm else []
        return [(channel_id, sys.maxsize) for channel_id in known]

    async def close(self) -> None:
        """Leave the gateway. Calls can be made until `http` is closed: answers do not wait for the next client."""
        self._gateway_left = True
        if self.ws is not None and self.ws.open:
            await self.ws.close(code=1000)

    def is_closed(self) -> bool:
        """Whether it has left the gateway, so that nothing comes any more."""
        return self._gateway_left or super().is_closed()

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """Log what went wrong in an event; the next one is not touched. Without its READY a client is no use."""
        log.error("an event failed", event_name=event_method, exc_info=sys.exc_info())
        if event_method in {"on_ready", "on_guild_available"}:
            # What was missed is not taken up, and live messages wait for it: the next client does both anew.
            await self.close()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Pass an event on, unless the client is closed: the wait for servers outlasts it, and would fail then."""
        if not self.is_closed():
            super().dispatch(event, *args, **kwargs)

    def _schedule_event(self, *args: Any, **kwargs: Any) -> asyncio.Task[None]:
        """Keep what is begun: the library does not, and whoever supervises must be able to end it."""
        task = super()._schedule_event(*args, **kwargs)
        self.events.add(task)
        task.add_done_callback(self.events.discard)
        return task

    # ---- messages

    async def on_message(self, message: discord.Message) -> None:
        """Pass a message to the intake, unless its place is not caught up."""
        self._places.mark_reachable(message.channel.id)
        if self.intake.is_open and not self._catch_up.hold_back(message):
            await self.intake.handle(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Let what still waits be what it says now."""
        self._catch_up.amend(payload.channel_id, payload.message_id, payload.message)
        self._edits.edited(payload.message)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Take back what still waits."""
        self._catch_up.amend(payload.channel_id, payload.message_id, None)
        self._edits.deleted(payload.channel_id, payload.message_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Take back what still waits."""
        for message_id in payload.message_ids:
            self._catch_up.amend(payload.channel_id, message_id, None)
            self._edits.deleted(payload.channel_id, message_id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """End what went on there."""
        self._places.thread_deleted(payload.thread_id)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """End what went on there and in its threads."""
        self._places.channel_deleted(channel.id)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """End what went on there: the bot was removed."""
        self._places.guild_removed(guild.id)

    async def _accept_left_over(self, ask: PostedRequest) -> None:
        """Accept a request that an earlier run was to post."""
        await self.intake.open_thread(await self.intake.posted_requests.recover(ask))

    # ---- commands, buttons and forms

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Take a form that was sent. Commands, buttons and menus find their own way.

        A form's id says all that is needed. The library's own way knows only the forms that this process has opened,
        each for the first who sends it; one that was open while the bot was restarted would be answered by nobody.
        """
        if interaction.type is discord.InteractionType.modal_submit:
            sent: Any = interaction.data or {}
            for pattern, take in FORMS.items():
                if match := pattern.fullmatch(str(sent.get("custom_id"))):
                    await take(interaction, match)


def _describe_places(
    guilds: Iterable[discord.Guild], lists: Callable[[discord.abc.GuildChannel], bool], *, direct: bool
) -> str:
    """Name the channels of these servers that `lists` holds for listed, and direct messages where they are allowed."""
    kinds = (discord.TextChannel, discord.ForumChannel, discord.VoiceChannel, discord.StageChannel)
    channels = (each for guild in guilds for each in guild.channels if isinstance(each, kinds))
    names = [f"#{each.name} in {each.guild.name}" for each in channels if lists(each)]
    more = [f"{len(names) - MOST_NAMED} more channels"] if len(names) > MOST_NAMED else []
    return ", ".join([*names[:MOST_NAMED], *more, *(["direct messages"] if direct else [])]) or "no channel"
