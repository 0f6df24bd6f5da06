"""The Discord client: it turns events into calls of the gate, the intake and the other services.

discord.py runs each event in its own task. No step before a message's place in the inbox awaits, so that messages keep
Discord's order.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import structlog

from bot.access.summary import describe_rules
from bot.commands.command_client import ClientServices, CommandClient
from bot.commands.tree import CommandTree
from bot.config.schema import Config
from bot.intake.catch_up import CatchUp, CatchUpLimits
from bot.intake.deleted_places import DeletedPlaces
from bot.intake.edits import Edits
from bot.intake.recovery import Recovery
from bot.rest.calls import Urgency
from bot.user_messages import notices
from bot.user_messages.access_rules import ready
from pool.journal.posted_requests import PostedRequest

from .component_registry import COMPONENTS, FORMS
from .connection import client_options, intents
from .identify_limit import IdentifyLimit

GUILD_SECONDS = 0.5
"""How long the next server's arrival may take; then the start is complete without it."""

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
            intents=intents(),
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=http_trace,
            **client_options(config.discord),
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
            on_too_old=lambda channel_id: context.tell(channel_id, notices.BEYOND),
            on_missed=self._callbacks.on_missed,
        )

    async def setup_hook(self) -> None:
        """Take the lock, learn the bot's owner, register buttons and commands."""
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
        """Count each identify, also those that the library begins itself. Raises `TooManyIdentifies`."""
        await self._identifies.acquire(self.http)
        await super().before_identify_hook(shard_id, initial=initial)

    async def on_connect(self) -> None:
        """At READY, hold live messages back until the missed ones are read, and mark waiting ones as stale."""
        self.has_connected = True
        self._catch_up.begin()
        self._edits.mark_stale()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Catch up with a server that arrived after the start was complete, or that had an outage."""
        if self._catch_up.begun:
            await self._catch_up.run(self._known_places([guild]))

    async def on_ready(self) -> None:
        """When the guilds are known, recover what an earlier run left, then catch up."""
        log.info("connected to Discord", user=str(self.user), guilds=len(self.guilds))
        for sentence in describe_rules(self.admission.rules, self.name_of):
            log.info(sentence)
        unopened = await self._recovery.begin()
        async with asyncio.TaskGroup() as tasks:
            for exchange in unopened:
                name = f"open-{exchange.request.message_id}"
                tasks.create_task(self.intake.open_thread(exchange), name=name)
            tasks.create_task(self._recovery.finish(), name="recovery")
            await self._catch_up.run([*self._known_places(self.guilds), *self._known_direct_messages()])
            # Later than the catch-up, which accepts a missed one in its order.
            tasks.create_task(self.forks.recover(), name="forks")
            tasks.create_task(self.side_questions.recover(), name="side questions")
            tasks.create_task(self._recovery.accept_posted_requests(self._accept_left_over), name="asks")
        name = self.user.name if self.user is not None else ""
        log.info(ready(name, self._channel_names(), direct=self.admission.rules.dm), user=str(self.user))
        self._callbacks.on_ready()

    def name_of(self, some_id: int) -> str:
        """Return the name of a server, channel, role or user; empty if the bot does not know it."""
        if (guild := self.get_guild(some_id)) is not None:
            return guild.name
        if isinstance(channel := self.get_channel(some_id), discord.abc.GuildChannel):
            return f"#{channel.name}"
        roles = (guild.get_role(some_id) for guild in self.guilds)
        known = next(filter(None, roles), None) or self.get_user(some_id)
        return f"@{known.name}" if known is not None else ""

    def _channel_names(self) -> list[str]:
        """Name the channels where the bot works, with the server if there are several."""
        kinds = (discord.TextChannel, discord.ForumChannel, discord.VoiceChannel, discord.StageChannel)
        channels = [each for guild in self.guilds for each in guild.channels if isinstance(each, kinds)]
        several = len(self.guilds) > 1
        return [
            f"#{each.name} in {each.guild.name}" if several else f"#{each.name}"
            for each in channels
            if self.admission.works_in(each)
        ]

    def _known_places(self, guilds: Iterable[discord.Guild]) -> list[tuple[int, int | None]]:
        """List the places to catch up with: allowed channels and known threads, each with its newest message."""
        places: list[tuple[int, int | None]] = []
        for guild in guilds:
            for channels in (guild.text_channels, guild.voice_channels, guild.stage_channels):
                places.extend((each.id, each.last_message_id) for each in channels if self.admission.works_in(each))
            for forum in filter(self.admission.works_in, guild.forums):
                self._catch_up.note_forum_posts(forum.id, [each.id for each in forum.threads], forum.last_message_id)
                places.extend((each.id, each.last_message_id or each.id) for each in forum.threads)
            known = self.journal.threads.known([each.id for each in guild.threads])
            places.extend((each.id, each.last_message_id) for each in guild.threads if each.id in known)
        return places

    def _known_direct_messages(self) -> list[tuple[int, int]]:
        """List the known direct message channels; Discord does not say which exist, nor their newest messages."""
        known = self.journal.threads.direct() if self.admission.rules.dm else []
        return [(channel_id, sys.maxsize) for channel_id in known]

    async def close(self) -> None:
        """Leave the gateway. Calls still work until `http` is closed, so answers need not wait for the next client."""
        self._gateway_left = True
        if self.ws is not None and self.ws.open:
            await self.ws.close(code=1000)

    def is_closed(self) -> bool:
        """Whether it has left the gateway, so that no more events come."""
        return self._gateway_left or super().is_closed()

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """Log an event's error. A client whose READY failed is closed."""
        log.error("an event failed", event_name=event_method, exc_info=sys.exc_info())
        if event_method in {"on_ready", "on_guild_available"}:
            # Live messages wait for the missed ones: the next client catches up again.
            await self.close()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Pass an event on, unless the client is closed: the library's wait for servers outlasts it, and would fail."""
        if not self.is_closed():
            super().dispatch(event, *args, **kwargs)

    def _schedule_event(self, *args: Any, **kwargs: Any) -> asyncio.Task[None]:
        """Keep the event's task, which the library does not, so that the supervisor can end it."""
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
        """Apply an edit to a message that still waits."""
        self._catch_up.amend(payload.channel_id, payload.message_id, payload.message)
        self._edits.edited(payload.message)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Withdraw a message that still waits."""
        self._catch_up.amend(payload.channel_id, payload.message_id, None)
        self._edits.deleted(payload.channel_id, payload.message_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Withdraw a message that still waits."""
        for message_id in payload.message_ids:
            self._catch_up.amend(payload.channel_id, message_id, None)
            self._edits.deleted(payload.channel_id, message_id)

    async def on_thread_update(self, before: discord.Thread, after: discord.Thread) -> None:
        """Give a thread's session the name that a person has given the thread."""
        if before.name != after.name and self.context.thread_names.renamed(after.id, after.name):
            conversation = self.pool.conversation(after.id)
            if conversation is not None:
                await conversation.lease.send_title()

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """End the work in a thread."""
        self._places.thread_deleted(payload.thread_id)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """End the work in a channel and its threads."""
        self._places.channel_deleted(channel.id)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """End the work in a server that the bot was removed from."""
        self._places.guild_removed(guild.id)

    async def _accept_left_over(self, ask: PostedRequest) -> None:
        """Accept a request that an earlier run was to post."""
        await self.intake.open_thread(await self.intake.posted_requests.recover(ask))

    # ---- commands, buttons and forms

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Handle a submitted form by its id; the library dispatches commands, buttons and menus.

        The library only knows the forms that this process has opened, each for its first sender. A form that was open
        during a restart would get no answer.
        """
        if interaction.type is discord.InteractionType.modal_submit:
            sent: Any = interaction.data or {}
            for pattern, submit in FORMS.items():
                if match := pattern.fullmatch(str(sent.get("custom_id"))):
                    await submit(interaction, match)
