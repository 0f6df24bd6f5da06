"""The Discord client: turns events into facts, asks the gate, submits. Decides nothing.

discord.py runs each event in a task of its own. From the first look at a message to the place in the inbox nothing is
awaited here, so that messages keep the order in which Discord gave them.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

import aiohttp
import discord
import structlog

from bot import user_messages as words
from bot.access.admission import Admission
from bot.access.gate import Answer, Ignore, OpenThread, Place, Refuse, Right, Verdict
from bot.access.summary import in_words
from bot.agents.options import Offers, read_offers
from bot.commands.ask import ABOUT_FORM, take_question
from bot.commands.queue import DropMenu, QueueButton, steer
from bot.commands.settings import OptionMenu, PageButton
from bot.commands.tree import Commands
from bot.config.reload import Reloaded
from bot.config.schema import Config
from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import Desk
from bot.intake.catch_up import CatchUp, Reach
from bot.intake.deleted_places import Vanishing
from bot.intake.edits import deleted, doubt, edited, look_again
from bot.intake.posted_requests import posted, take_left
from bot.intake.recovery import Recovery
from bot.intake.thread_opener import open_for
from bot.interactions.continue_button import GoOnButton
from bot.interactions.stop_button import StopButton, means_stop
from bot.interactions.thread_buttons import HeldButton, InterruptedButton, KeepButton
from bot.prompt.discord_message import request_of
from bot.prompt.request import Request, write_request
from bot.questions.elicitation import ElicitationButton
from bot.questions.form_submit import AGENTS_FORM, take_form
from bot.questions.permission import AnswerButton, AnswerMenu
from bot.reply.notices import OFFER
from bot.rest.api import Gone, RestError
from bot.rest.pacer import Urgency
from pool.conversation import Conversation
from pool.journal.journal import Journal, Unwritable
from pool.pool import Pool

from .connection import intents
from .identify_limit import Identifies
from .place_names import whereabouts

__all__ = ["ThreadlineClient"]

ARCHIVE_SECONDS = 15.0
"""How long a thread's last reply may take before the thread is archived all the same."""

GUILD_SECONDS = 0.5
"""How long after one server's arrival the next may take; then the start is complete without it."""

log = structlog.stdlib.get_logger("bot")


class ThreadlineClient(discord.Client):
    """One connection to Discord; built anew when it has died."""

    FORMS: ClassVar = {AGENTS_FORM: take_form, ABOUT_FORM: take_question}
    """What takes a form that was sent, by the form's id. Each asks the gate first."""

    def __init__(  # noqa: PLR0913 - what a client is made of
        self,
        *,
        config: Config,
        pool: Pool,
        journal: Journal,
        desk: Desk,
        recovery: Recovery,
        on_login: Callable[[int], None],
        on_missed: Callable[[int], None],
        on_ready: Callable[[], None],
        on_reload: Callable[[], Reloaded],
        http_trace: aiohttp.TraceConfig,
    ) -> None:
        """`on_login` learns the bot's user id, and may raise to end the start.

        `on_missed` learns how many messages of a place were missed.
        `on_ready` is called each time the gateway has said READY and all that was missed is taken up.
        `on_reload` reads the configuration again.
        """
        super().__init__(
            intents=intents(direct=config.access.dm),
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=http_trace,
            max_ratelimit_timeout=60.0,
            guild_ready_timeout=GUILD_SECONDS,
            max_messages=None,
        )
        self.admission = Admission(self, journal=journal, desk=desk, begun=recovery.begun)
        self.pool = pool
        self.journal = journal
        self.tree = Commands(self, dm=config.access.dm)
        self.desk = desk
        self._on_login = on_login
        self._on_ready = on_ready
        self.reload = on_reload
        self.recovery = recovery
        self._catch_up = CatchUp(
            journal=journal,
            rest=desk.rest,
            pacer=desk.pacer,
            reach=Reach(config.catch_up.hours, config.catch_up.messages),
            take=self._take_missed,
            open_thread=self.open_for,
            doubts=desk.doubts,
            look_again=partial(look_again, self),
            beyond=lambda channel_id: desk.tell(channel_id, words.BEYOND),
            on_missed=on_missed,
        )
        self._identifies = Identifies(journal)
        self._vanishing = Vanishing(journal=journal, pool=pool, rest=desk.rest, on_gone=self._gone)
        self._left = False
        self.greeted = False
        """Whether the gateway has ever said READY."""
        self.intake = True
        """Whether messages are accepted; not while the bot stops."""
        self.events: set[asyncio.Task[None]] = set()
        """What is being done about events. It outlasts the client: what it began goes on by the next one."""

    async def setup_hook(self) -> None:
        """Take the lock, learn whose the bot is, register buttons and commands."""
        if self.user is not None:
            self._on_login(self.user.id)
        self.admission.learn_owners()
        self.add_dynamic_items(
            *(AnswerButton, AnswerMenu, ElicitationButton, HeldButton, KeepButton, InterruptedButton, StopButton),
            *(GoOnButton, QueueButton, DropMenu, OptionMenu, PageButton),
        )
        await self.desk.pacer.admit(None, Urgency.NOTICE)
        try:
            await self.tree.sync_changes(self.journal)
        except discord.HTTPException as error:
            log.warning("the slash commands could not be registered", reason=str(error))

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Count each identify, also of a new session that the library begins. Raises `TooManyIdentifies`."""
        await self._identifies.take(self.http)
        await super().before_identify_hook(shard_id, initial=initial)

    async def on_connect(self) -> None:
        """READY is there: live messages wait until what was missed is in front of them; what waits may have changed."""
        self.greeted = True
        self._catch_up.begin()
        doubt(self)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Take up what was missed in a server that came after the start was complete, or that was out of order."""
        if self._catch_up.begun:
            await self._catch_up.run(self._places([guild]))

    async def on_ready(self) -> None:
        """The guilds are known: take up what an earlier run left, then what was missed."""
        log.info("connected to Discord", user=str(self.user), guilds=len(self.guilds))
        for sentence in in_words(self.admission.rules):
            log.info(sentence)
        unopened = await self.recovery.begin()
        async with asyncio.TaskGroup() as tasks:
            for exchange in unopened:
                name = f"open-{exchange.request.message_id}"
                tasks.create_task(self.open_for(exchange), name=name)
            tasks.create_task(self.recovery.finish(), name="recovery")
            await self._catch_up.run([*self._places(self.guilds), *self._direct()])
            # Not sooner: a request that was missed comes in its place among what else was.
            tasks.create_task(self.recovery.take_asks(partial(take_left, self)), name="asks")
        where = whereabouts(self.guilds, self.admission.lists, direct=self.admission.rules.dm)
        log.info("ready", user=str(self.user), where=where)
        self._on_ready()

    def _places(self, guilds: Iterable[discord.Guild]) -> list[tuple[int, int | None]]:
        """List what is to be caught up with: allowed channels and known threads, each with its newest message."""
        places: list[tuple[int, int | None]] = []
        for guild in guilds:
            for channels in (guild.text_channels, guild.voice_channels, guild.stage_channels):
                places.extend((each.id, each.last_message_id) for each in channels if self.admission.lists(each))
            for forum in filter(self.admission.lists, guild.forums):
                self._catch_up.begin_posts(forum.id, [each.id for each in forum.threads], forum.last_message_id)
                places.extend((each.id, each.last_message_id or each.id) for each in forum.threads)
            threads = (each for each in guild.threads if self.journal.knows(each.id))
            places.extend((each.id, each.last_message_id) for each in threads)
        return places

    def _direct(self) -> list[tuple[int, int]]:
        """List the direct messages that are known: Discord does not tell which there are, nor what is new in them."""
        known = self.journal.threads.direct() if self.admission.rules.dm else []
        return [(channel_id, sys.maxsize) for channel_id in known]

    async def close(self) -> None:
        """Leave the gateway. Calls can be made until `http` is closed: answers do not wait for the next client."""
        self._left = True
        if self.ws is not None and self.ws.open:
            await self.ws.close(code=1000)

    def is_closed(self) -> bool:
        """Whether it has left the gateway, so that nothing comes any more."""
        return self._left or super().is_closed()

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
        """Judge a message, and pass it on."""
        self._vanishing.back(message.channel.id)
        if not self.intake or self._catch_up.holds(message):
            return
        verdict = self.admission.judge(message)
        exchange = self._carry_out(verdict, message)
        if self.admission.covers(message):
            self.journal.mark_seen(message.channel.id, message.id)
        if isinstance(verdict, Refuse):
            await self.admission.refuse(message, verdict)
        elif exchange is not None and not exchange.is_open:
            await self.open_for(exchange)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Let what still waits be what it says now."""
        self._catch_up.amend(payload.channel_id, payload.message_id, payload.message)
        edited(self, payload.message)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Take back what still waits."""
        self._catch_up.amend(payload.channel_id, payload.message_id, None)
        deleted(self, payload.channel_id, payload.message_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Take back what still waits."""
        for message_id in payload.message_ids:
            self._catch_up.amend(payload.channel_id, message_id, None)
            deleted(self, payload.channel_id, message_id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """End what went on there."""
        self._vanishing.thread(payload.thread_id)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """End what went on there and in its threads."""
        self._vanishing.channel(channel.id)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """End what went on there: the bot was removed."""
        self._vanishing.guild(guild.id)

    async def _take_missed(self, message: discord.Message) -> Exchange | None:
        """Judge a message that was missed; return its exchange if a thread is to be opened for it."""
        verdict = await self.admission.judge_missed(message)
        exchange = self._carry_out(verdict, message, missed=True)
        if isinstance(verdict, Refuse):
            await self.admission.refuse(message, verdict)
        return exchange if exchange is not None and not exchange.is_open else None

    def is_behind(self, channel_id: int) -> bool:
        """Whether the messages of a place wait for those that were missed there."""
        return self._catch_up.is_behind(channel_id)

    def _gone(self, thread_id: int) -> None:
        self.recovery.interruptions.gone(thread_id)
        self.desk.notices.forget(thread_id)

    async def open_for(self, exchange: Exchange) -> None:
        """Open the thread that an exchange needs; without one it goes on in its channel, unless its message is gone."""
        try:
            await open_for(self, exchange)
        except Gone:
            self._vanishing.thread(exchange.request.thread_id)  # Whoever asked has taken it back.
            exchange.lost()
        except Exception:  # without an end of this its conversation would wait for ever, and its reply never settle
            log.exception("a thread could not be opened", message_id=exchange.request.message_id)
            if not exchange.is_open:
                exchange.not_opened("something went wrong, and the reason is in the log.")

    def _carry_out(self, verdict: Verdict, message: discord.Message, *, missed: bool = False) -> Exchange | None:
        """Accept what is to be accepted, synchronously."""
        match verdict:
            case Ignore(reason):
                if (request := posted(self, message, missed=missed)) is not None:
                    return request
                log.debug("message ignored", message_id=message.id, reason=reason)
            case Answer():
                return self._accept(message, message.channel.id, missed=missed)
            case OpenThread():
                # A thread opened on a message has the message's id (Discord, Start Thread from Message).
                return self._accept(message, message.id, missed=missed)
            case Refuse():
                pass
        return None

    def _accept(self, message: discord.Message, thread_id: int, *, missed: bool) -> Exchange | None:
        """Store the message, and put it into its thread's inbox. None: it was accepted before, or says nothing."""
        place = self.admission.place(message.guild, message.channel)
        # Before a post's first message, which has its id, nothing was said.
        joined = place.parent_id is not None and message.id != thread_id and not self.journal.knows(thread_id)
        no_thread = place.no_thread or ""
        request = request_of(message, self.user, thread_id=thread_id, joined=joined, no_thread=no_thread)
        if request.is_empty:
            log.info("message is empty", message_id=message.id)
            return None
        if self.journal.state(message.id) is not None:
            log.info("message was accepted before", message_id=message.id)
            return None
        return self.take_up(request, message.author, place, missed=missed)

    def take_up(
        self, request: Request, author: discord.abc.User | None, place: Place, *, agent: str = "", missed: bool = False
    ) -> Exchange | None:
        """Put a request into its thread's inbox, where `agent` has been chosen for a conversation that begins.

        One that was `missed` was written before anybody could see the question about an interrupted turn, and waits
        for the choice. Without its `author` at hand it stops nothing.

        None: it was accepted before, or cannot be taken up now. One whose thread is not open yet needs `open_for`.
        """
        message_id, thread_id, author_id = request.message_id, request.thread_id, request.author_id
        bound = self.pool.bound(thread_id, author_id)
        if bound is not None:
            self._turn_away(request, bound.name, words.BOUNDS[bound])
            return None
        conversation = self.pool.conversation(thread_id)
        current = None if conversation is None else conversation.current
        if current is not None and request.is_only_text and means_stop(request.text):
            self.desk.warn(OFFER, thread_id, current.message_ids[-1], words.STOP_OFFERED)
            return None
        channel_id = place.parent_id or place.channel_id
        try:
            new = self.journal.receive(
                message_id,
                thread_id=thread_id,
                channel_id=channel_id,
                guild_id=place.guild_id,
                author_id=author_id,
                request=write_request(request),
                assignment=self.desk.agents.begin(channel_id, agent),
            )
        except Unwritable as error:
            self._turn_away(request, str(error), words.UNWRITABLE)
            return None
        if not new:
            log.info("message was accepted before", message_id=message_id)
            return None
        self.desk.audit.record("started", "a message", user_id=author_id, thread_id=thread_id)
        exchange = self.desk.exchange(request)
        if thread_id == request.channel_id:
            exchange.opened(thread_id)
        seconds = self.recovery.interruptions.seconds_left(thread_id) if missed else 0.0
        if seconds > 0:
            self.pool.wait(thread_id, exchange, seconds)
            return exchange
        self.pool.submit(thread_id, exchange)
        if author is not None and self.desk.agents.config.threads.busy == "steer":
            asker_id = conversation.current.author_id if conversation and conversation.current else None
            if steer(conversation, exchange, may_stop=self.admission.may_stop(author, place, asker_id)):
                self.desk.audit.record("stopped", "a message that steers", user_id=author_id, thread_id=thread_id)
        return exchange

    def _turn_away(self, request: Request, reason: str, said: str) -> None:
        """Say that a message was not taken up; the log has not each of thousands."""
        if self.desk.turned_away.tell(request, said):
            ids = {"message_id": request.message_id, "author_id": request.author_id}
            log.warning("message is turned away", reason=reason, **ids)

    def offers(self, thread_id: int) -> Offers:
        """Return what a thread's agent can be set to and told now, or could when it went to sleep; for people."""
        conversation = self.pool.conversation(thread_id)
        session = None if conversation is None else conversation.seat.session
        offers = read_offers(self.journal.threads.offers(thread_id)) if session is None else Offers.of(session)
        return offers.without(self.desk.redact)

    # ---- commands, buttons and forms

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Take a form that was sent. Commands, buttons and menus find their own way.

        A form's id says all that is needed. The library's own way knows only the forms that this process has opened,
        each for the first who sends it; one that was open while the bot was restarted would be answered by nobody.
        """
        if interaction.type is discord.InteractionType.modal_submit:
            sent: Any = interaction.data or {}
            for pattern, take in self.FORMS.items():
                if match := pattern.fullmatch(str(sent.get("custom_id"))):
                    await take(interaction, match)

    async def admit(self, interaction: discord.Interaction[Any], right: Right, *, asker_id: int | None) -> bool:
        """Ask the gate about a command or a button; a refusal is answered here."""
        return await self.admission.admit(interaction, right, asker_id=asker_id)

    def may(self, interaction: discord.Interaction[Any], right: Right) -> bool:
        """Ask the gate without saying anything."""
        return self.admission.refusal(interaction, right, asker_id=None) is None

    async def archive(self, thread_id: int) -> str:
        """Archive a thread, when its last reply is in; a message opens it again. Return why that cannot be, if so."""
        await self.desk.finish(ARCHIVE_SECONDS, thread_id)
        try:
            await self.desk.pacer.admit(None, Urgency.NOTICE)
            await self.desk.rest.archive(thread_id)
        except RestError as error:
            log.warning("a thread could not be archived", thread_id=thread_id, reason=str(error))
            return str(error)
        return ""

    async def admit_button(
        self, interaction: discord.Interaction[Any], thread_id: int, right: Right = Right.STOP
    ) -> bool:
        """Ask the gate about a button that steers a thread; it works only in that thread."""
        return await self.admission.admit_button(interaction, thread_id, right)

    def conversation(self, interaction: discord.Interaction[Any]) -> Conversation | None:
        """Return the conversation of the thread in which a command was given."""
        return self.pool.conversation(interaction.channel_id or 0)
