"""Who may do what, and where. Pure: facts and rules in, a verdict out.

Every entrance of the bot asks here: messages through `decide`, commands and buttons through `permits`. Nobody is
allowed by default: a place must be listed, and a person must be named by one of the lists of people.
"""

from dataclasses import dataclass, field
from enum import Enum

__all__ = [
    "Answer",
    "Facts",
    "Ignore",
    "Kind",
    "OpenThread",
    "People",
    "Person",
    "Place",
    "Refuse",
    "Right",
    "Rules",
    "Verdict",
    "decide",
    "listed",
    "permits",
]


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

    def name(self, person: Person, *, asker_id: int | None = None) -> bool:
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
    """A channel, or a thread with the channel above it. `guild_id` is None in a direct message."""

    guild_id: int | None
    channel_id: int
    parent_id: int | None = None


class Kind(Enum):
    """What wrote a message."""

    PERSON = "a person"
    BOT = "a bot"
    WEBHOOK = "a webhook"
    SYSTEM = "Discord itself"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict on a message depends on. `known` says that the bot has a conversation in this thread."""

    person: Person
    place: Place
    kind: Kind = Kind.PERSON
    mentioned: bool = False
    known: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration's `[access]`. `channels` is None for all channels of the `guilds`."""

    guilds: frozenset[int] = frozenset()
    channels: frozenset[int] | None = frozenset()
    users: People = field(default_factory=People)
    approvers: People = field(default_factory=People)
    admins: People = field(default_factory=People)

    @property
    def by_role(self) -> bool:
        """Whether somebody is named by a role."""
        return any(people.role_ids for people in (self.users, self.approvers, self.admins))


class Right(Enum):
    """What a person wants to do by a command or a button. Admins may do everything."""

    LOOK = "see what the agent is doing"
    STOP = "stop the agent"
    APPROVE = "answer the agent's question"
    RESET = "forget the conversation"
    ADMIN = "do what admins do"


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing is to be done, and nobody is to be told."""

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
    line: str


Verdict = Ignore | Answer | OpenThread | Refuse


def decide(facts: Facts, rules: Rules) -> Verdict:
    """Judge a message."""
    if facts.kind is not Kind.PERSON:
        return Ignore(f"written by {facts.kind.value}")
    if facts.place.guild_id is None:
        return Ignore("a direct message")
    if not (facts.mentioned or facts.known):
        return Ignore("not addressed to the bot")
    refusal = _refusal(facts.person, facts.place, rules)
    if refusal is not None:
        return refusal
    if facts.place.parent_id is not None:
        return Answer()
    return OpenThread()


def permits(right: Right, person: Person, place: Place, rules: Rules, *, asker_id: int | None) -> Refuse | None:
    """Judge a command or a button. None means go on. `asker_id` wrote the message that is at stake."""
    refusal = _refusal(person, place, rules)
    if rules.admins.name(person) and (refusal is None or listed(place, rules)):
        return None
    if refusal is not None:
        return refusal
    approver = rules.approvers.name(person, asker_id=asker_id)
    match right:
        case Right.LOOK:
            return None
        case Right.STOP | Right.RESET if person.user_id == asker_id or approver:
            return None
        case Right.APPROVE if approver:
            return None
    return Refuse(f"You may not {right.value} here.", _with("approvers", rules.approvers.entries, str(person.user_id)))


def listed(place: Place, rules: Rules) -> bool:
    """Whether a channel, or the one above a thread, is among those where the bot works."""
    if rules.guilds and place.guild_id not in rules.guilds:
        return False
    return rules.channels is None or place.channel_id in rules.channels or place.parent_id in rules.channels


def _refusal(person: Person, place: Place, rules: Rules) -> Refuse | None:
    """Give the first reason, and the lines against all of them."""
    found: list[Refuse] = []
    if place.guild_id is not None and rules.guilds and place.guild_id not in rules.guilds:
        line = _with("guilds", _sorted(rules.guilds), str(place.guild_id))
        found.append(Refuse("I do not work in this server.", line))
    if rules.channels is not None and rules.channels.isdisjoint((place.channel_id, place.parent_id)):
        line = _with("channels", _sorted(rules.channels), str(place.parent_id or place.channel_id))
        found.append(Refuse("I do not work in this channel.", line))
    if place.guild_id is None and not listed(place, rules):
        found.append(Refuse("I do not work in direct messages.", ""))
    if not rules.users.name(person):
        found.append(Refuse("You may not talk to me.", _with("users", rules.users.entries, str(person.user_id))))
    return Refuse(found[0].reason, "\n".join(each.line for each in found if each.line)) if found else None


def _sorted(ids: frozenset[int]) -> tuple[str, ...]:
    return tuple(map(str, sorted(ids)))


def _with(key: str, entries: tuple[str, ...], entry: str) -> str:
    """Write the configuration line that has one entry more."""
    quoted = ", ".join(f'"{each}"' for each in (*entries, entry))
    return f"{key} = [{quoted}]"
