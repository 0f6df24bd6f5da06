"""The gate: decides who may do what, and where. Pure: facts and rules in, a verdict out.

Every entrance of the bot asks here: messages through `decide`, commands and buttons through `permits`. The default is
to refuse: a place must be listed, and one of the lists must name the person.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, assert_never

from bot.user_messages import access as texts

DIRECT = "dm = true"
"""The line that enables direct messages; it needs a restart."""

Bots = Literal["off", "mentions", "all"]
"""When trusted bots and webhooks are answered: never, when they mention the bot, or like people."""

Mention = Literal["involved", "mentions", "shared"]
"""Where a message needs no mention: in the bot's own threads, nowhere, or in own threads without another bot."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user of Discord. `is_owner`: owns the bot's application, alone or in its team."""

    user_id: int
    role_ids: frozenset[int] = frozenset()
    is_owner: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """A list of people from the configuration. `asker` includes the author of the message in question."""

    user_ids: frozenset[int] = frozenset()
    role_ids: frozenset[int] = frozenset()
    owner: bool = False
    everyone: bool = False
    asker: bool = False
    entries: tuple[str, ...] = ()
    """As written in the configuration."""

    def includes(self, person: Person, *, asker_id: int | None = None) -> bool:
        """Whether the list includes this person."""
        return self.everyone or self.names(person) or (self.asker and person.user_id == asker_id)

    def names(self, person: Person) -> bool:
        """Whether the list names this person, or a role that they have."""
        return (
            person.user_id in self.user_ids
            or not self.role_ids.isdisjoint(person.role_ids)
            or (self.owner and person.is_owner)
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, or a thread with the channel above it. `guild_id` is None in a direct message.

    `no_thread` tells people why the bot cannot open threads on messages there. It is None if the bot can, and empty if
    Discord has no threads there: in the chat of a voice or stage channel.
    """

    guild_id: int | None
    channel_id: int
    parent_id: int | None = None
    no_thread: str | None = None


class Kind(Enum):
    """The kind of a message's author."""

    PERSON = "a person"
    BOT = "a bot"
    WEBHOOK = "a webhook"
    SYSTEM = "Discord itself"
    SELF = "the bot itself"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a verdict on a message depends on."""

    person: Person
    place: Place
    kind: Kind = Kind.PERSON
    mentioned: bool = False
    """Whether the bot, or the role that Discord made for it, is mentioned."""
    mentioned_role_ids: frozenset[int] = frozenset()
    known: bool = False
    """Whether the bot has a conversation in this thread, or has opened it."""
    shared: bool = False
    """Whether another bot writes in this thread, or the message mentions one."""
    post: bool = False
    """Whether the message is the first of a forum post, which is the place."""
    bot_turns: int = 0
    """Messages of bots accepted in this place since a person last wrote there."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration's `[access]`, and the keys of `[threads]` that decide on a message.

    `channels` is None for all channels of the `guilds`.
    """

    guilds: frozenset[int] = frozenset()
    channels: frozenset[int] | None = frozenset()
    users: People = field(default_factory=People)
    approvers: People = field(default_factory=People)
    admins: People = field(default_factory=People)
    dm: bool = False
    mention: Mention = "involved"
    mention_roles: frozenset[int] = frozenset()
    bots: Bots = "off"
    trusted_bots: frozenset[int] = frozenset()
    bot_turns: int = 10

    @property
    def by_role(self) -> bool:
        """Whether any list names a role."""
        return any(people.role_ids for people in (self.users, self.approvers, self.admins))


class Right(Enum):
    """The right that a command or a button needs, as `access.DEEDS` names it. Admins have all of them."""

    LOOK = "look"
    TALK = "talk"
    STOP = "stop"
    CONTINUE = "continue"
    APPROVE = "approve"
    CHANGE = "change"
    GRANT = "grant"
    LOGIN = "login"
    RESET = "reset"
    ADMIN = "admin"


LASTING = frozenset({Right.CHANGE, Right.RESET})
"""Rights to effects that outlast the message in question."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """The message is ignored silently."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The message goes to the agent of its thread."""


@dataclass(frozen=True, slots=True)
class OpenThread:
    """The message gets a thread, and goes to the agent of that thread."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The person sees a refusal. `line` has the lines below `[access]` that would allow it, one for each list.

    It is empty if no list can allow it. `no_access`: the person may not use the bot there at all.
    """

    reason: str
    line: str = ""
    no_access: bool = False


Verdict = Ignore | Answer | OpenThread | Refuse


def decide(facts: Facts, rules: Rules) -> Verdict:
    """Judge a message."""
    match facts.kind:
        case Kind.SELF | Kind.SYSTEM:
            return Ignore(f"written by {facts.kind.value}")
        case Kind.BOT | Kind.WEBHOOK:
            return _decide_on_bot(facts, rules)
        case Kind.PERSON:
            pass
        case _:
            assert_never(facts.kind)
    if not _addressed(facts, rules):
        return Ignore("not addressed to the bot")
    return _refusal(facts.person, facts.place, rules) or _accept_in(facts.place)


def _decide_on_bot(facts: Facts, rules: Rules) -> Verdict:
    """Judge a program's message. The only refusal that it sees says that its turns are used up."""
    if rules.bots == "off" or facts.person.user_id not in rules.trusted_bots:
        return Ignore(f"written by {facts.kind.value}")
    if facts.place.guild_id is None or not listed(facts.place, rules):
        return Ignore(f"written by {facts.kind.value} where the bot does not work")
    if not (_mentioned(facts, rules) if rules.bots == "mentions" else _addressed(facts, rules)):
        return Ignore("not addressed to the bot")
    if facts.bot_turns > rules.bot_turns:
        return Ignore("bots have used up their turns")
    if facts.bot_turns == rules.bot_turns:
        return Refuse(texts.enough_of_bots(rules.bot_turns))
    return _accept_in(facts.place)


def _mentioned(facts: Facts, rules: Rules) -> bool:
    return facts.mentioned or not rules.mention_roles.isdisjoint(facts.mentioned_role_ids)


def _addressed(facts: Facts, rules: Rules) -> bool:
    """Whether a message is meant for the bot. In a channel others talk too, so a mention is needed."""
    place = facts.place
    if place.guild_id is None or _mentioned(facts, rules):
        return True
    if rules.mention == "mentions" or place.parent_id is None:
        return False
    if facts.post and rules.channels is not None and place.parent_id in rules.channels:
        return not facts.shared  # The forum must be named: `*` would make every post a request.
    return facts.known and not (rules.mention == "shared" and facts.shared)


def _accept_in(place: Place) -> Answer | OpenThread:
    return Answer() if is_answered_in_place(place) else OpenThread()


def is_answered_in_place(place: Place) -> bool:
    """Whether a request is answered in its own place, without a new thread."""
    return place.guild_id is None or place.parent_id is not None or place.no_thread is not None


def permits(right: Right, person: Person, place: Place, rules: Rules, *, asker_id: int | None) -> Refuse | None:
    """Judge a command or a button. None permits it.

    `asker_id` wrote the message in question; for a right in `LASTING` it began the conversation.
    """
    refusal = _refusal(person, place, rules)
    if rules.admins.includes(person) and (refusal is None or listed(place, rules)):
        return None
    if refusal is not None:
        return refusal
    approver = rules.approvers.includes(person, asker_id=asker_id)
    match right:
        case Right.LOOK | Right.TALK:
            return None
        case Right.STOP | Right.CONTINUE | Right.RESET if person.user_id == asker_id or approver:
            return None
        case Right.APPROVE | Right.CHANGE if approver:
            return None
        case Right.GRANT | Right.LOGIN if rules.approvers.names(person):
            return None
    key, people = ("admins", rules.admins) if right is Right.ADMIN else ("approvers", rules.approvers)
    return Refuse(texts.not_permitted(right.value), _line_with(key, people.entries, str(person.user_id)))


def permits_turn(person: Person, place: Place, rules: Rules) -> Refuse | None:
    """Judge an accepted message again before its turn, as it may have waited. None permits it."""
    if rules.bots != "off" and person.user_id in rules.trusted_bots and place.guild_id is not None:
        return None if listed(place, rules) else _refusal(person, place, rules)
    return permits(Right.TALK, person, place, rules, asker_id=None)


def listed(place: Place, rules: Rules) -> bool:
    """Whether the bot works in a channel, or in a thread's channel."""
    if place.guild_id is None:
        return rules.dm
    if rules.guilds and place.guild_id not in rules.guilds:
        return False
    return rules.channels is None or place.channel_id in rules.channels or place.parent_id in rules.channels


def _refusal(person: Person, place: Place, rules: Rules) -> Refuse | None:
    """Return the first reason, and the lines for all reasons."""
    found: list[Refuse] = []
    if place.guild_id is None:
        if not rules.dm:
            found.append(Refuse(texts.NOT_IN_DIRECT_MESSAGES, DIRECT))
    else:
        if rules.guilds and place.guild_id not in rules.guilds:
            line = _line_with("guilds", _sorted(rules.guilds), str(place.guild_id))
            found.append(Refuse(texts.NOT_IN_SERVER, line))
        if rules.channels is not None and rules.channels.isdisjoint((place.channel_id, place.parent_id)):
            line = _line_with("channels", _sorted(rules.channels), str(place.parent_id or place.channel_id))
            found.append(Refuse(texts.NOT_IN_CHANNEL, line))
    if not rules.users.includes(person):
        found.append(Refuse(texts.NO_ACCESS, _line_with("users", rules.users.entries, str(person.user_id))))
    return Refuse(found[0].reason, "\n".join(each.line for each in found), no_access=True) if found else None


def _sorted(ids: frozenset[int]) -> tuple[str, ...]:
    return tuple(map(str, sorted(ids)))


def _line_with(key: str, entries: tuple[str, ...], entry: str) -> str:
    """Return the configuration line with one more entry."""
    quoted = ", ".join(f'"{each}"' for each in (*entries, entry))
    return f"{key} = [{quoted}]"
