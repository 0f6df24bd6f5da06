"""The Discord client: turns events into facts, asks the gate, submits. Decides nothing.

discord.py runs each event in a task of its own. From the first look at a message to the place in the inbox nothing is
awaited here, so that messages keep the order in which Discord gave them.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import aiohttp
import discord
import structlog

from pool.conversation import Conversation
from pool.journal import Journal
from pool.pool import Pool

from . import words
from .buttons import InterruptedButton, ThreadButton
from .catch_up import CatchUp, Reach
from .commands import Commands
from .config import Config
from .exchange import Desk, Exchange
from .gate import (
    Answer,
    Facts,
    Ignore,
    Kind,
    OpenThread,
    Person,
    Place,
    Refuse,
    Right,
    Rules,
    Verdict,
    decide,
    listed,
    permits,
)
from .message import request_of
from .opening import open_thread
from .pacer import Bucket, Urgency
from .permission import AnswerButton
from .recovery import Recovery
from .request import write_request
from .rest import RestError
from .stop import StopButton

__all__ = ["ThreadlineClient"]

REFUSAL_SECONDS = 600.0
"""A person sees at most one refusal in this time."""

REFUSALS = 1000
"""People remembered for that."""

ARCHIVE_SECONDS = 15.0
"""How long a thread's last reply may take before the thread is archived all the same."""

log = structlog.stdlib.get_logger("bot")


class ThreadlineClient(discord.Client):
    """One connection to Discord; built anew when it has died."""

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
        http_trace: aiohttp.TraceConfig,
    ) -> None:
        """`on_login` learns the bot's user id, and may raise to end the start.

        `on_missed` learns how many messages of a place were missed.
        `on_ready` is called each time the gateway has said READY and all that was missed is taken up.
        """
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=http_trace,
            max_ratelimit_timeout=60.0,
            guild_ready_timeout=0.5,
            max_messages=None,
        )
        self.rules: Rules = config.access.rules
        self.pool = pool
        self.journal = journal
        self.tree = Commands(self)
        self.desk = desk
        self._auto_archive_minutes = config.threads.auto_archive_minutes
        self._on_login = on_login
        self._on_ready = on_ready
        self._refused: dict[int, float] = {}
        self.recovery = recovery
        self._catch_up = CatchUp(
            journal=journal,
            rest=desk.rest,
            pacer=desk.pacer,
            reach=Reach(config.catch_up.hours, config.catch_up.messages),
            take=self._take_missed,
            open_thread=self._open_thread,
            beyond=lambda channel_id: desk.tell(channel_id, words.BEYOND),
            on_missed=on_missed,
        )
        self.greeted = False
        """Whether the gateway has ever said READY."""
        self.intake = True
        """Whether messages are accepted; not while the bot stops."""

    async def setup_hook(self) -> None:
        """Take the lock, register buttons and commands."""
        if self.user is not None:
            self._on_login(self.user.id)
        self.add_dynamic_items(AnswerButton, ThreadButton, InterruptedButton, StopButton)
        await self.desk.pacer.admit(None, Urgency.NOTICE)
        try:
            await self.tree.sync()
        except discord.HTTPException as error:
            log.warning("the slash commands could not be registered", reason=str(error))

    async def on_connect(self) -> None:
        """READY is there: from now on live messages wait until what was missed is in front of them."""
        self.greeted = True
        self._catch_up.begin()

    async def on_ready(self) -> None:
        """The guilds are known: take up what an earlier run left, then what was missed."""
        log.info("connected to Discord", user=str(self.user), guilds=len(self.guilds))
        unopened = self.recovery.begin()
        async with asyncio.TaskGroup() as tasks:
            for exchange in unopened:
                name = f"open-{exchange.request.message_id}"
                tasks.create_task(self._open_thread(exchange), name=name)
            tasks.create_task(self.recovery.finish(), name="recovery")
            await self._catch_up.run(self._places())
        self._on_ready()

    def _places(self) -> list[tuple[int, int | None]]:
        """List what is to be caught up with: allowed channels and known threads, each with its newest message."""
        places: list[tuple[int, int | None]] = []
        for guild in self.guilds:
            channels = (each for each in guild.text_channels if listed(self.place(guild, each), self.rules))
            places.extend((each.id, each.last_message_id) for each in channels)
            threads = (each for each in guild.threads if self.journal.knows(each.id))
            places.extend((each.id, each.last_message_id) for each in threads)
        return places

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """Log what went wrong in an event; the next one is not touched. Without its READY a client is no use."""
        log.error("an event failed", event_name=event_method, exc_info=sys.exc_info())
        if event_method == "on_ready":
            # What was missed is not taken up, and live messages wait for it: the next client does both anew.
            await self.close()

    # ---- messages

    async def on_message(self, message: discord.Message) -> None:
        """Judge a message, and pass it on."""
        if not self.intake or self._catch_up.holds(message):
            return
        facts = self._facts(message)
        verdict = decide(facts, self.rules)
        exchange = self._carry_out(verdict, message)
        if facts.known or listed(facts.place, self.rules):
            self.journal.mark_seen(message.channel.id, message.id)
        if isinstance(verdict, Refuse):
            await self._refuse(message, verdict)
        elif exchange is not None and not exchange.is_open:
            await self._open_thread(exchange)

    async def _take_missed(self, message: discord.Message) -> Exchange | None:
        """Judge a message that was missed; return its exchange if a thread is to be opened for it."""
        facts = self._facts(message)
        verdict = decide(facts, self.rules)
        if isinstance(verdict, Refuse) and self.rules.by_role and not isinstance(message.author, discord.Member):
            # What comes from the history carries no roles; for want of them nobody is refused.
            person = await self._with_roles(facts.person, message.guild)
            verdict = decide(replace(facts, person=person), self.rules)
        exchange = self._carry_out(verdict, message)
        if isinstance(verdict, Refuse):
            await self._refuse(message, verdict)
        return exchange if exchange is not None and not exchange.is_open else None

    async def _open_thread(self, exchange: Exchange) -> None:
        minutes = self._auto_archive_minutes
        await open_thread(exchange, pacer=self.desk.pacer, rest=self.desk.rest, auto_archive_minutes=minutes)

    async def _with_roles(self, person: Person, guild: discord.Guild | None) -> Person:
        if guild is None:
            return person
        try:
            await self.desk.pacer.admit(None, Urgency.EDIT)
            return replace(person, role_ids=await self.desk.rest.role_ids(guild.id, person.user_id))
        except RestError as error:
            log.warning("a member's roles cannot be read", user_id=person.user_id, reason=str(error))
            return person

    def _carry_out(self, verdict: Verdict, message: discord.Message) -> Exchange | None:
        """Accept what is to be accepted, synchronously."""
        match verdict:
            case Ignore(reason):
                log.debug("message ignored", message_id=message.id, reason=reason)
            case Answer():
                return self._accept(message, message.channel.id)
            case OpenThread():
                # A thread opened on a message has the message's id (Discord, Start Thread from Message).
                return self._accept(message, message.id)
            case Refuse():
                pass
        return None

    def _facts(self, message: discord.Message) -> Facts:
        kind = Kind.PERSON
        if message.webhook_id is not None:
            kind = Kind.WEBHOOK
        elif message.author.bot:
            kind = Kind.BOT
        elif message.type not in (discord.MessageType.default, discord.MessageType.reply):
            kind = Kind.SYSTEM
        return Facts(
            person=self.person(message.author),
            place=self.place(message.guild, message.channel),
            kind=kind,
            mentioned=self.user is not None and any(user.id == self.user.id for user in message.mentions),
            known=self.journal.knows(message.channel.id),
        )

    def person(self, user: discord.abc.User) -> Person:
        """Describe somebody for the gate."""
        roles = frozenset(role.id for role in user.roles) if isinstance(user, discord.Member) else frozenset[int]()
        return Person(user.id, roles, is_owner=user.id in self._owner_ids())

    def _owner_ids(self) -> set[int]:
        application = self.application
        if application is None:
            return set()
        if application.team is not None:
            return {member.id for member in application.team.members}
        return {application.owner.id}

    def place(self, guild: discord.Guild | None, channel: Any) -> Place:
        """Describe a place for the gate. A thread that the library does not know is looked up in the journal."""
        guild_id = guild.id if guild is not None else getattr(channel, "guild_id", None)
        parent_id = channel.parent_id if isinstance(channel, discord.Thread) else None
        known = self.journal.place(channel.id)
        if parent_id is None and known is not None:
            parent_id = known[1]
        return Place(guild_id, channel.id, parent_id)

    def _accept(self, message: discord.Message, thread_id: int) -> Exchange | None:
        """Store the message, and put it into its thread's inbox. None: it was accepted before, or says nothing."""
        place = self.place(message.guild, message.channel)
        joined = place.parent_id is not None and not self.journal.knows(thread_id)
        request = request_of(message, self.user, thread_id=thread_id, joined=joined)
        if request.is_empty:
            log.info("message is empty", message_id=message.id)
            return None
        if self.journal.state(message.id) is not None:
            log.info("message was accepted before", message_id=message.id)
            return None
        bound = self.pool.bound(thread_id, message.author.id)
        if bound is not None:
            log.warning("message is too much", message_id=message.id, author_id=message.author.id, bound=bound.name)
            self.desk.tell(message.channel.id, f"<@{message.author.id}> {words.BOUNDS[bound]}")
            return None
        if not self.journal.receive(
            message.id,
            thread_id=thread_id,
            channel_id=place.parent_id or place.channel_id,
            guild_id=place.guild_id,
            author_id=message.author.id,
            request=write_request(request),
        ):
            log.info("message was accepted before", message_id=message.id)
            return None
        exchange = self.desk.exchange(request)
        self.pool.submit(thread_id, exchange)
        if thread_id == message.channel.id:
            exchange.opened(thread_id)
        self.journal.mark_seen(thread_id, message.id)
        return exchange

    async def _refuse(self, message: discord.Message, refusal: Refuse) -> None:
        """Show a refusal, at most one to a person in ten minutes; tell the owner, and the log, how to change it."""
        log.info("message refused", author_id=message.author.id, reason=refusal.reason, to_allow=refusal.line)
        now = self.loop.time()
        last = self._refused.get(message.author.id)
        if last is not None and now - last < REFUSAL_SECONDS:
            return
        self._refused[message.author.id] = now
        if len(self._refused) > REFUSALS:
            del self._refused[next(iter(self._refused))]
        rest, pacer = self.desk.rest, self.desk.pacer
        channel_id, message_id = message.channel.id, message.id
        owner = self.person(message.author).is_owner
        try:
            await pacer.admit(channel_id, Urgency.SIGN, Bucket.REACTION)
            await rest.react(channel_id, message_id, "🚫")
            if owner:
                await pacer.admit(channel_id, Urgency.NOTICE)
                await rest.send(channel_id, owner_words(refusal), reply_to=message_id)
        except RestError as error:
            log.info("a refusal could not be shown", message_id=message_id, reason=str(error))

    # ---- commands and buttons

    async def admit(self, interaction: discord.Interaction[Any], right: Right, *, asker_id: int | None) -> bool:
        """Ask the gate about a command or a button; a refusal is answered here."""
        person = self.person(interaction.user)
        place = self.place(interaction.guild, interaction.channel)
        refusal = permits(right, person, place, self.rules, asker_id=asker_id)
        if refusal is None:
            return True
        log.info("interaction refused", user_id=person.user_id, reason=refusal.reason, to_allow=refusal.line)
        words = owner_words(refusal) if person.is_owner else refusal.reason
        await interaction.response.send_message(words, ephemeral=True)
        return False

    def may(self, interaction: discord.Interaction[Any], right: Right) -> bool:
        """Ask the gate without saying anything."""
        person, place = self.person(interaction.user), self.place(interaction.guild, interaction.channel)
        return permits(right, person, place, self.rules, asker_id=None) is None

    def sees(self, interaction: discord.Interaction[Any], thread_id: int) -> bool:
        """Whether whoever gave a command can view a thread."""
        guild, user = interaction.guild, interaction.user
        place = guild.get_channel_or_thread(thread_id) if guild is not None else None
        return place is not None and isinstance(user, discord.Member) and place.permissions_for(user).view_channel

    async def archive(self, thread_id: int) -> None:
        """Archive a thread, when its last reply is in; a message opens it again."""
        await self.desk.finish(ARCHIVE_SECONDS, thread_id)
        try:
            await self.desk.pacer.admit(None, Urgency.NOTICE)
            await self.desk.rest.archive(thread_id)
        except RestError as error:
            log.warning("a thread could not be archived", thread_id=thread_id, reason=str(error))

    async def admit_button(self, interaction: discord.Interaction[Any], thread_id: int) -> bool:
        """Ask the gate about a button that steers a thread; it works only in that thread."""
        if interaction.channel_id != thread_id:
            await interaction.response.send_message("This button belongs to another thread.", ephemeral=True)
            return False
        return await self.admit(interaction, Right.STOP, asker_id=self.journal.asker(thread_id))

    async def pressed_answer(self, interaction: discord.Interaction[Any], token: str, choice: int) -> None:
        """Take a press on an agent's question."""
        card = self.desk.cards.find(token)
        right, asker_id = (Right.LOOK, None) if card is None else (Right.APPROVE, card.asker_id)
        if not await self.admit(interaction, right, asker_id=asker_id):
            return
        content = None if card is None else card.answer(choice, interaction.user.id)
        if content is not None:
            await interaction.response.edit_message(content=content, view=None)
        elif card is None and interaction.message is not None:
            text = f"{interaction.message.content}\n-# This question is no longer open: its turn is over."
            await interaction.response.edit_message(content=text, view=None)
        else:
            await interaction.response.send_message("This question is no longer open.", ephemeral=True)

    def conversation(self, interaction: discord.Interaction[Any]) -> Conversation | None:
        """Return the conversation of the thread in which a command was given."""
        return self.pool.conversation(interaction.channel_id or 0)


def owner_words(refusal: Refuse) -> str:
    """Say to the owner what was refused, and the line that would allow it."""
    return f"{refusal.reason} To change that, write below `[access]`:\n```toml\n{refusal.line}\n```"
