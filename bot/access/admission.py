"""Describes people and places to the gate, and shows its refusals."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import structlog

from bot.rest.api import DiscordApi
from bot.rest.calls import Urgency
from bot.rest.components_v2 import walk
from bot.rest.errors import RestError
from bot.rest.live_message import LiveMessage
from bot.rest.mentions import Mentions
from bot.user_messages import access as texts
from bot.user_messages.access_rules import permission_titles
from bot.user_messages.queue import OTHER_THREAD
from pool.journal.errors import JournalUnwritable
from pool.journal.journal import Journal

from .approvers import approver_mentions
from .audit import Audit, AuditAction
from .bot_mention import mentions_bot
from .bot_permissions import FOR_THREADS
from .gate import (
    DIRECT,
    LASTING,
    Facts,
    Ignore,
    Kind,
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
from .membership import Membership
from .throttle import BotTurnCounter, Throttle

BEGIN_SECONDS = 2.0
"""How long a press or a command waits for the recovery; Discord accepts an answer for three seconds."""

TOLD, MOST_TOLD = "told about direct messages", 1000
"""The journal's fact with the ids of the people who were told that direct messages are not enabled, and how many."""

log = structlog.stdlib.get_logger("bot")


class Admission:
    """Asks the gate about messages, commands and buttons."""

    def __init__(
        self, *, rules: Callable[[], Rules], journal: Journal, api: DiscordApi, audit: Audit, config_file: Path
    ) -> None:
        """`rules` returns the current rules; the owner learns in which `config_file` they are."""
        self._rules = rules
        self._config_file = config_file
        self.membership = Membership(rules=rules, journal=journal, api=api)
        self._journal = journal
        self._api = api
        self._audit = audit
        self.begun = asyncio.Event()
        """Set when the recovery has put every exchange into its inbox."""
        self.user: discord.ClientUser | None = None
        """The bot's user, from its first login on."""
        self._refusals = Throttle()
        self._bot_turns = BotTurnCounter()

    @property
    def rules(self) -> Rules:
        """The current rules."""
        return self._rules()

    def judge(self, message: discord.Message, facts: Facts | None = None) -> Verdict:
        """Judge a message, and count it where bots write. `facts` replace those of the message."""
        facts = facts or self.facts(message)
        verdict = decide(facts, self.rules)
        if facts.kind is Kind.PERSON and self.rules.users.includes(facts.person):
            self._bot_turns.person_wrote(facts.place.channel_id)
        elif facts.kind in (Kind.BOT, Kind.WEBHOOK):
            self._bot_turns.bot_wrote(facts.place.channel_id, counts=not isinstance(verdict, Ignore))
        return verdict

    def judge_edited(self, message: discord.Message) -> Verdict:
        """Judge an accepted message after an edit; it need not mention the bot any more."""
        return decide(replace(self.facts(message), mentioned=True), self.rules)

    async def judge_missed(self, message: discord.Message) -> Verdict:
        """Judge a message from a history, which has no roles; wait for them if they decide."""
        return self.judge(message, await self._known(message, self.facts(message)))

    async def judge_missed_edit(self, message: discord.Message) -> Verdict:
        """Judge an accepted message from a history after an edit."""
        return decide(await self._known(message, replace(self.facts(message), mentioned=True)), self.rules)

    async def _known(self, message: discord.Message, facts: Facts) -> Facts:
        """Add the author's roles, if they would be refused without them."""
        unknown = self.rules.by_role and facts.kind is Kind.PERSON and not isinstance(message.author, discord.Member)
        if unknown and message.guild is not None and isinstance(decide(facts, self.rules), Refuse):
            role_ids = await self.membership.role_ids(message.guild.id, facts.person.user_id)
            return replace(facts, person=replace(facts.person, role_ids=role_ids))
        return facts

    def may_stop(self, author: discord.abc.User, place: Place, asker_id: int | None) -> bool:
        """Whether a person may stop the turn that answers `asker_id`."""
        person = self.person(author)
        known = self.membership.recent_roles(place.guild_id, author.id)  # A message from a history has no roles.
        person = person if known is None else replace(person, role_ids=known)
        return permits(Right.STOP, person, place, self.rules, asker_id=asker_id) is None

    def works_in(self, channel: discord.abc.GuildChannel | discord.Thread) -> bool:
        """Whether the bot works in a channel."""
        return listed(self.place(channel.guild, channel), self.rules)

    def covers(self, message: discord.Message) -> bool:
        """Whether the bot reads all messages of this place: it is listed, or has a conversation."""
        channel = message.channel
        return self._journal.threads.knows(channel.id) or listed(self.place(message.guild, channel), self.rules)

    # ---- facts for the gate

    def facts(self, message: discord.Message) -> Facts:
        """Describe a message."""
        place = self.place(message.guild, message.channel)
        other_bots = any(self._is_other_bot(each) for each in message.mentions)
        return Facts(
            person=self.person(message.author),
            place=place,
            kind=self._kind(message),
            mentioned=mentions_bot(message, self.user),
            mentioned_role_ids=frozenset(message.raw_role_mentions),
            known=self._journal.threads.knows(place.channel_id) or self.has_opened(message.channel),
            shared=other_bots or self._bot_turns.shared(place.channel_id),
            post=message.id == place.channel_id and _is_forum_post(message.channel),
            bot_turns=self._bot_turns.count(place.channel_id),
        )

    def has_opened(self, channel: object) -> bool:
        """Whether the bot has opened a thread, as Discord says, so also with a new journal."""
        user = self.user
        return isinstance(channel, discord.Thread) and user is not None and channel.owner_id == user.id

    def _kind(self, message: discord.Message) -> Kind:
        user = self.user
        if user is not None and message.author.id == user.id:
            return Kind.SELF
        if message.webhook_id is not None:
            return Kind.WEBHOOK
        if message.author.bot:
            return Kind.BOT
        return Kind.PERSON if message.type in (discord.MessageType.default, discord.MessageType.reply) else Kind.SYSTEM

    def _is_other_bot(self, user: discord.abc.User) -> bool:
        return user.bot and self.user is not None and user.id != self.user.id

    def person(self, user: discord.abc.User) -> Person:
        """Describe a person. Remembers a member's roles for messages without them."""
        roles = frozenset[int]()
        if isinstance(user, discord.Member):
            roles = frozenset(role.id for role in user.roles)
            self.membership.remember(user.guild.id, user.id, roles)
        return Person(user.id, roles, is_owner=user.id in self.membership.owner_ids)

    def logged_in(self, client: discord.Client) -> None:
        """Record the bot's user and owners; the recovery needs them before the first message."""
        self.user = client.user
        application, membership = client.application, self.membership
        if application is not None and application.team is not None:
            members = application.team.members
            accepted = [each.id for each in members if each.membership_state is discord.TeamMembershipState.accepted]
            membership.owner_ids = frozenset(accepted)
        elif application is not None:
            membership.owner_ids = frozenset({application.owner.id})

    def place(self, guild: discord.Guild | None, channel: Any) -> Place:
        """Describe a place. The journal knows threads that the library does not."""
        guild_id = guild.id if guild is not None else getattr(channel, "guild_id", None)
        parent_id = channel.parent_id if isinstance(channel, discord.Thread) else None
        if parent_id is None and self._journal.threads.knows(channel.id):
            known = self._journal.threads.place(channel.id)
            parent_id = known[1] if known is not None and known[1] != channel.id else None
        return Place(guild_id, channel.id, parent_id, no_thread=_no_thread(channel))

    def approver_mentions(self, asker_id: int) -> Mentions:
        """Return the mentions of those who may answer the agent of `asker_id`, by the current rules."""
        return approver_mentions(self.rules, asker_id, self.membership.owner_ids)

    # ---- answers and refusals

    async def admit(self, interaction: discord.Interaction[Any], right: Right, *, asker_id: int | None) -> bool:
        """Ask the gate about a command or a button, show a refusal, and audit both.

        After a start this waits for the recovery, which a button may depend on.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_SECONDS):
                await self.begun.wait()
        person = self.person(interaction.user)
        refusal = self.refusal(interaction, right, asker_id=asker_id)
        action = "refused" if refusal is not None else _ACTIONS.get(right)
        if action is not None:
            self._audit.record(
                action, _describe_use(interaction), user_id=person.user_id, thread_id=interaction.channel_id
            )
        if refusal is None:
            return True
        log.info("interaction refused", user_id=person.user_id, reason=refusal.reason, to_allow=refusal.line)
        if interaction.type is discord.InteractionType.autocomplete:
            await interaction.response.autocomplete([])
            return False
        await interaction.response.send_message(self._explained(refusal, person), ephemeral=True)
        return False

    async def admit_button(self, interaction: discord.Interaction[Any], thread_id: int, right: Right) -> bool:
        """Ask about a button that steers a thread. It works only there, as its id may be copied."""
        if not await self.admit(interaction, right, asker_id=self._journal.threads.asker(thread_id)):
            return False
        if interaction.channel_id != thread_id:
            await interaction.response.send_message(OTHER_THREAD, ephemeral=True)
            return False
        return True

    def refusal(self, interaction: discord.Interaction[Any], right: Right, *, asker_id: int | None) -> Refuse | None:
        """Ask the gate and return the refusal. For lasting rights the asker is who began the conversation."""
        if right in LASTING:
            asker_id = self._journal.threads.opener(interaction.channel_id or 0)
        person, place = self.person(interaction.user), self.place(interaction.guild, interaction.channel)
        return permits(right, person, place, self.rules, asker_id=asker_id)

    def _explained(self, refusal: Refuse, person: Person) -> str:
        """Return a refusal with what helps: for the owner the configuration to change, for others whom to ask."""
        direct = DIRECT in refusal.line.splitlines()
        if person.is_owner and refusal.line:
            # Only the file's name: this may stand in a channel.
            return texts.to_owner(refusal.reason, refusal.line, self._config_file.name, restart=direct)
        if direct:
            return texts.NO_DIRECT_MESSAGES
        if refusal.no_access:
            return texts.with_owners(refusal.reason, sorted(self.membership.owner_ids))
        return refusal.reason

    def _may_explain_direct_messages(self, user_id: int) -> bool:
        """Whether a person has not yet been told that direct messages are not enabled; note it, over restarts too."""
        told = self._journal.facts.value(TOLD).split()
        if str(user_id) in told:
            return False
        try:
            self._journal.facts.note(TOLD, " ".join([*told, str(user_id)][-MOST_TOLD:]))
        except JournalUnwritable:
            return False
        return True

    async def show_refusal(self, message: discord.Message, refusal: Refuse) -> None:
        """Show a refusal: one per person in ten minutes, but each different line to the owner. All are logged.

        A person without access who mentions the bot learns whom to ask, in a place where the bot works, once in ten
        minutes. A direct message is answered once per person while they are not enabled.
        """
        log.info("message refused", author_id=message.author.id, reason=refusal.reason, to_allow=refusal.line)
        api = self._api
        channel_id, message_id = message.channel.id, message.id
        if message.author.bot:
            # The gate lets this through once; it has no mention, so another bot has no reason to answer.
            LiveMessage(channel_id, api=api, nonce=secrets.token_hex(8)).show(f"-# {refusal.reason}")
            return
        person = self.person(message.author)
        if message.guild is None and not self.rules.dm and not self._may_explain_direct_messages(person.user_id):
            return
        if not self._refusals.allows((person.user_id, refusal.line if person.is_owner else "")):
            return
        place = self.place(message.guild, message.channel)
        asked = mentions_bot(message, self.user) and listed(place, self.rules)
        here = message.guild is None or (asked and self._refusals.allows(channel_id))
        told = self._explained(refusal, person)
        try:
            await api.react(channel_id, message_id, "🚫", urgency=Urgency.LOW)
            if person.is_owner or here:
                await api.send(channel_id, told, urgency=Urgency.NOTICE, reply_to=message_id)
        except RestError as error:
            log.info("a refusal could not be shown", message_id=message_id, reason=str(error))


def _describe_use(interaction: discord.Interaction[Any]) -> str:
    """Return the command as it was typed, or the label of the button."""
    data: Any = interaction.data or {}
    if "name" in data:
        options = [f"{each['name']}={each['value']}" for each in data.get("options", ()) if "value" in each]
        return " ".join([f"/{data['name']}", *options])
    custom_id = data.get("custom_id", "")
    shown = walk(interaction.message.components) if interaction.message is not None else ()
    labels = [str(item.label) for item in shown if isinstance(item, discord.Button) and item.custom_id == custom_id]
    return next(iter(labels), custom_id)


_ACTIONS: dict[Right, AuditAction] = {
    Right.CONTINUE: "started",
    Right.STOP: "stopped",
    Right.RESET: "changed",
    Right.ADMIN: "changed",
}
"""The audited action of each right. The other rights are audited by their effects: an accepted message, an answer, a
changed value."""


def _no_thread(channel: object) -> str | None:
    """Return `Place.no_thread` of a channel."""
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
        return ""
    if not isinstance(channel, discord.TextChannel):
        return None
    me: discord.Member | None = channel.guild.me
    granted = channel.permissions_for(me) if me is not None else discord.Permissions.none()
    if not granted.view_channel:  # The message shows that the cache is outdated.
        return None
    missing = [name for name in FOR_THREADS if not getattr(granted, name)]
    return texts.missing_permissions(permission_titles(missing)) if missing else None


def _is_forum_post(channel: object) -> bool:
    return isinstance(channel, discord.Thread) and isinstance(channel.parent, discord.ForumChannel)
