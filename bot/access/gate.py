"""The gate: decides who may do what, and where. Pure: facts and rules in, a verdict out.

Every entrance of the bot asks here: messages through `decide`, commands and buttons through `permits`. Nobody is
allowed by default: a place must be listed, and a person must be named by one of the lists of people.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, assert_never

__all__ = [
    "LASTING_RIGHTS",
    "Answer",
    "Bots",
    "Facts",
    "Ignore",
    "Kind",
    "Mention",
    "OpenThread",
    "People",
    "Person",
    "Place",
    "Refuse",
    "Right",
    "Rules",
    "Verdict",
    "decide",
    "is_answered_in_place",
    "is_listed",
    "permits",
    "permits_turn",
]


Bots = Literal["off", "mentions", "all"]
"""Whether trusted bots and webhooks are answered: never, when they mention the bot, or as people are."""

Mention = Literal["involved", "mentions", "shared"]
"""When a message needs no mention: in the bot's own threads, never, or in those without another bot."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on Discord. `is_owner`: of the bot's application, alone or in its team."""

    user_id: int
    role_ids: frozenset[int] = frozenset()
    is_owner: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """A list of people from the configuration. `asker` names whoever wrote the message that is at stake."""

    user_ids: frozenset[int] = frozenset()
    role_ids: frozenset[int] = frozenset()
    owner: bool = False
    everyone: bool = False
    asker: bool = False
    entries: tuple[str, ...] = ()
    """As written in the configuration."""

    def includes(self, person: Person, *, asker_id: int | None = None) -> bool:
        """Whether the list names this person."""
        return (
            self.everyone
            or person.user_id in self.user_ids
            or not self.role_ids.isdisjoint(person.role_ids)
            or (self.owner and person.is_owner)
            or (self.asker and person.user_id == asker_id)
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, or a thread with the channel above it. `guild_id` is None in a direct message.

    `no_thread` says why the bot can open no thread on a message there, for people. It is None where it can, and empty
    where nobody can and there is nothing to say: beside a voice or stage channel.
    """

    guild_id: int | None
    channel_id: int
    parent_id: int | None = None
    no_thread: str | None = None


class Kind(Enum):
    """What wrote a message."""

    PERSON = "a person"
    BOT = "a bot"
    WEBHOOK = "a webhook"
    SYSTEM = "Discord itself"
    SELF = "the bot itself"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict on a message depends on."""

    person: Person
    place: Place
    kind: Kind = Kind.PERSON
    mentioned: bool = False
    """By its name, or by the role that Discord has made for it."""
    mentioned_role_ids: frozenset[int] = frozenset()
    known: bool = False
    """The bot has a conversation in this thread, or has opened it."""
    shared: bool = False
    """Another bot writes in this thread, or is addressed in the message."""
    post: bool = False
    """The message is the first of a forum post, and the place that post."""
    bot_turns: int = 0
    """Messages of bots taken up in this place since a person last wrote there."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration's `[access]`, and of `[threads]` what decides on a message.

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
        """Whether somebody is named by a role."""
        return any(people.role_ids for people in (self.users, self.approvers, self.admins))


class Right(Enum):
    """What a person wants to do by a command or a button. Admins may do everything."""

    LOOK = "see what the agent is doing"
    TALK = "talk to the agent"
    STOP = "stop the agent"
    CONTINUE = "let the agent go on"
    APPROVE = "answer the agent's question"
    CHANGE = "change what the agent may do unasked"
    RESET = "end or forget the conversation"
    ADMIN = "do what admins do"


LASTING_RIGHTS = frozenset({Right.CHANGE, Right.RESET})
"""Rights to what outlasts the message that is at stake."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """The message is ignored, without a word to its author."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The message goes to the agent of the thread it was written in."""


@dataclass(frozen=True, slots=True)
class OpenThread:
    """A thread is to be opened on the message, and the agent of that thread gets it."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The person is to see a refusal. `line` is what the owner would have to write below `[access]` to change it.

    More than one line where more than one list stands in the way, none where no list can help.
    """

    reason: str
    line: str = ""


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
    if facts.place.guild_id is None and not rules.dm:
        return Ignore("a direct message")
    if not _addressed(facts, rules):
        return Ignore("not addressed to the bot")
    return _refusal(facts.person, facts.place, rules) or _accept_in(facts.place)


def _decide_on_bot(facts: Facts, rules: Rules) -> Verdict:
    """Judge what a program wrote. It is told nothing, but for the one word that its turns are used up."""
    if rules.bots == "off" or facts.person.user_id not in rules.trusted_bots:
        return Ignore(f"written by {facts.kind.value}")
    if facts.place.guild_id is None or not is_listed(facts.place, rules):
        return Ignore(f"written by {facts.kind.value} where the bot does not work")
    if not (_mentioned(facts, rules) if rules.bots == "mentions" else _addressed(facts, rules)):
        return Ignore("not addressed to the bot")
    if facts.bot_turns > rules.bot_turns:
        return Ignore("bots have used up their turns")
    if facts.bot_turns == rules.bot_turns:
        return Refuse(f"I have answered {rules.bot_turns} messages of bots in a row. A person's message lets me go on.")
    return _accept_in(facts.place)


def _mentioned(facts: Facts, rules: Rules) -> bool:
    return facts.mentioned or not rules.mention_roles.isdisjoint(facts.mentioned_role_ids)


def _addressed(facts: Facts, rules: Rules) -> bool:
    """Whether a message is meant for the bot. In a channel, where others talk too, it must be mentioned."""
    place = facts.place
    if place.guild_id is None or _mentioned(facts, rules):
        return True
    if rules.mention == "mentions" or place.parent_id is None:
        return False
    if facts.post and rules.channels is not None and place.parent_id in rules.channels:
        return not facts.shared  # Only in a forum that is named itself: `*` would make every post a request.
    return facts.known and not (rules.mention == "shared" and facts.shared)


def _accept_in(place: Place) -> Answer | OpenThread:
    return Answer() if is_answered_in_place(place) else OpenThread()


def is_answered_in_place(place: Place) -> bool:
    """Whether a request is answered where it was made, and no thread is opened for it."""
    return place.guild_id is None or place.parent_id is not None or place.no_thread is not None


def permits(right: Right, person: Person, place: Place, rules: Rules, *, asker_id: int | None) -> Refuse | None:
    """Judge a command or a button. None means go on.

    `asker_id` wrote the message that is at stake; for a right in `LASTING_RIGHTS` it is who began the conversation.
    """
    refusal = _refusal(person, place, rules)
    if rules.admins.includes(person) and (refusal is None or is_listed(place, rules)):
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
    key, people = ("admins", rules.admins) if right is Right.ADMIN else ("approvers", rules.approvers)
    return Refuse(f"You may not {right.value} here.", _line_with(key, people.entries, str(person.user_id)))


def permits_turn(person: Person, place: Place, rules: Rules) -> Refuse | None:
    """Judge whether a message that was let in may still become a turn: it may have waited. None means go on."""
    if rules.bots != "off" and person.user_id in rules.trusted_bots and place.guild_id is not None:
        return None if is_listed(place, rules) else _refusal(person, place, rules)
    return permits(Right.TALK, person, place, rules, asker_id=None)


def is_listed(place: Place, rules: Rules) -> bool:
    """Whether a channel, or the one above a thread, is among those where the bot works."""
    if place.guild_id is None:
        return rules.dm
    if rules.guilds and place.guild_id not in rules.guilds:
        return False
    return rules.channels is None or place.channel_id in rules.channels or place.parent_id in rules.channels


def _refusal(person: Person, place: Place, rules: Rules) -> Refuse | None:
    """Give the first reason, and the lines against all of them."""
    found: list[Refuse] = []
    if place.guild_id is None:
        if not rules.dm:
            found.append(Refuse("I do not work in direct messages.", "dm = true"))
    else:
        if rules.guilds and place.guild_id not in rules.guilds:
            line = _line_with("guilds", _sorted(rules.guilds), str(place.guild_id))
            found.append(Refuse("I do not work in this server.", line))
        if rules.channels is not None and rules.channels.isdisjoint((place.channel_id, place.parent_id)):
            line = _line_with("channels", _sorted(rules.channels), str(place.parent_id or place.channel_id))
            found.append(Refuse("I do not work in this channel.", line))
    if not rules.users.includes(person):
        found.append(Refuse("You may not talk to me.", _line_with("users", rules.users.entries, str(person.user_id))))
    return Refuse(found[0].reason, "\n".join(each.line for each in found)) if found else None


def _sorted(ids: frozenset[int]) -> tuple[str, ...]:
    return tuple(map(str, sorted(ids)))


def _line_with(key: str, entries: tuple[str, ...], entry: str) -> str:
    """Write the configuration line that has one entry more."""
    quoted = ", ".join(f'"{each}"' for each in (*entries, entry))
    return f"{key} = [{quoted}]"
