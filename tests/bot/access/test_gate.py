"""Every verdict of the gate as a row of a table, and each refusal with the line that lifts it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.gate import (
    Answer,
    Bots,
    Facts,
    Ignore,
    Kind,
    Mention,
    OpenThread,
    People,
    Person,
    Place,
    Refuse,
    Right,
    Rules,
    Verdict,
    decide,
    permits,
    permits_turn,
)
from bot.config.load import load
from bot.user_messages import access as texts

GUILD, OTHER_GUILD = 1, 2
CHANNEL, OTHER_CHANNEL, THREAD = 10, 11, 20
ADA, BOB = 100, 101
ROLE, OTHER_ROLE = 500, 501

IN_CHANNEL = Place(GUILD, CHANNEL)
IN_VOICE = Place(GUILD, CHANNEL, no_thread="")
IN_THREAD = Place(GUILD, THREAD, CHANNEL)
ELSEWHERE = Place(GUILD, OTHER_CHANNEL)
THREAD_ELSEWHERE = Place(GUILD, THREAD, OTHER_CHANNEL)
OTHER_SERVER = Place(OTHER_GUILD, CHANNEL)
THREAD_IN_OTHER_SERVER = Place(OTHER_GUILD, THREAD, CHANNEL)
DIRECT = Place(None, 77)

PERSON = Person(ADA)
MEMBER = Person(ADA, frozenset({ROLE}))
STRANGER_ROLE = Person(ADA, frozenset({OTHER_ROLE}))
OWNER = Person(ADA, is_owner=True)
SOMEBODY = Person(BOB)

NO_MENTIONS = People()
EVERYONE = People(everyone=True, entries=("*",))
ONLY_ADA = People(user_ids=frozenset({ADA}), entries=(str(ADA),))
ONLY_BOB = People(user_ids=frozenset({BOB}), entries=(str(BOB),))
ONLY_ROLE = People(role_ids=frozenset({ROLE}), entries=(f"role:{ROLE}",))
ONLY_OWNER = People(owner=True, entries=("owner",))
ASKER = People(asker=True, entries=("asker",))

OPEN = Rules(channels=frozenset({CHANNEL}), users=EVERYONE)
STAR = Rules(guilds=frozenset({GUILD}), channels=None, users=EVERYONE)
BOUND = Rules(guilds=frozenset({GUILD}), channels=frozenset({CHANNEL}), users=EVERYONE)
EMPTY = Rules()


def denied(reason: str, line: str) -> Refuse:
    """Return the refusal of a person who may not use the bot in a place at all."""
    return Refuse(reason, line, no_access=True)


NO_SERVER = "I'm not enabled in this server."
NO_CHANNEL = "I'm not enabled in this channel."
NO_DIRECT = "I'm not enabled in direct messages."
NO_TALK = "You don't have access to this bot."
UNADDRESSED = Ignore("not addressed to the bot")


def users(people: People) -> Rules:
    """Return the open rules for these people alone."""
    return replace(OPEN, users=people)


# Each row: what is seen, the rules, the verdict. M: the bot is mentioned; K: it has a conversation in this thread.
How = frozenset[str]
M, K, NOT = frozenset("M"), frozenset("K"), frozenset[str]()
MESSAGES: list[tuple[Person, Place, How, Rules, Verdict]] = [
    # Addressed, in a listed place, by somebody named.
    (PERSON, IN_CHANNEL, M, OPEN, OpenThread()),
    (PERSON, IN_THREAD, M, OPEN, Answer()),
    (PERSON, IN_THREAD, K, OPEN, Answer()),
    (PERSON, IN_THREAD, M | K, OPEN, Answer()),
    # Not addressed.
    (PERSON, IN_CHANNEL, NOT, OPEN, UNADDRESSED),
    (PERSON, IN_THREAD, NOT, OPEN, UNADDRESSED),
    (PERSON, ELSEWHERE, NOT, OPEN, UNADDRESSED),
    (OWNER, IN_CHANNEL, NOT, EMPTY, UNADDRESSED),
    # Direct messages.
    (PERSON, DIRECT, M, OPEN, denied(NO_DIRECT, "dm = true")),
    (PERSON, DIRECT, K, OPEN, denied(NO_DIRECT, "dm = true")),
    (OWNER, DIRECT, NOT, STAR, denied(NO_DIRECT, "dm = true")),
    # Empty lists allow nobody, the owner included (P55).
    (PERSON, IN_CHANNEL, M, EMPTY, denied(NO_CHANNEL, f'channels = ["{CHANNEL}"]\nusers = ["{ADA}"]')),
    (OWNER, IN_CHANNEL, M, EMPTY, denied(NO_CHANNEL, f'channels = ["{CHANNEL}"]\nusers = ["{ADA}"]')),
    (PERSON, IN_THREAD, K, EMPTY, denied(NO_CHANNEL, f'channels = ["{CHANNEL}"]\nusers = ["{ADA}"]')),
    (PERSON, IN_CHANNEL, M, users(NO_MENTIONS), denied(NO_TALK, f'users = ["{ADA}"]')),
    (OWNER, IN_CHANNEL, M, users(NO_MENTIONS), denied(NO_TALK, f'users = ["{ADA}"]')),
    (PERSON, IN_THREAD, K, users(NO_MENTIONS), denied(NO_TALK, f'users = ["{ADA}"]')),
    (PERSON, IN_CHANNEL, M, Rules(users=EVERYONE), denied(NO_CHANNEL, f'channels = ["{CHANNEL}"]')),
    # Channels; a thread is judged by the channel above it, or by itself.
    (PERSON, ELSEWHERE, M, OPEN, denied(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    (PERSON, THREAD_ELSEWHERE, M, OPEN, denied(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    (PERSON, THREAD_ELSEWHERE, K, OPEN, denied(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    (PERSON, THREAD_ELSEWHERE, M, Rules(channels=frozenset({THREAD}), users=EVERYONE), Answer()),
    (PERSON, IN_CHANNEL, M, Rules(channels=frozenset({THREAD}), users=EVERYONE),
     denied(NO_CHANNEL, f'channels = ["{THREAD}", "{CHANNEL}"]')),
    # Without guilds a listed channel counts wherever it is; with guilds only there.
    (PERSON, OTHER_SERVER, M, OPEN, OpenThread()),
    (PERSON, IN_CHANNEL, M, BOUND, OpenThread()),
    (PERSON, IN_THREAD, K, BOUND, Answer()),
    (PERSON, OTHER_SERVER, M, BOUND, denied(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    (PERSON, THREAD_IN_OTHER_SERVER, K, BOUND, denied(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    (PERSON, Place(OTHER_GUILD, OTHER_CHANNEL), M, BOUND,
     denied(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]\nchannels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    # All channels of the named guilds.
    (PERSON, IN_CHANNEL, M, STAR, OpenThread()),
    (PERSON, ELSEWHERE, M, STAR, OpenThread()),
    (PERSON, THREAD_ELSEWHERE, K, STAR, Answer()),
    (PERSON, OTHER_SERVER, M, STAR, denied(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    (PERSON, THREAD_IN_OTHER_SERVER, M, STAR, denied(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    # People: by id, by role, the owner, everybody.
    (PERSON, IN_CHANNEL, M, users(ONLY_ADA), OpenThread()),
    (SOMEBODY, IN_CHANNEL, M, users(ONLY_ADA), denied(NO_TALK, f'users = ["{ADA}", "{BOB}"]')),
    (SOMEBODY, IN_THREAD, K, users(ONLY_ADA), denied(NO_TALK, f'users = ["{ADA}", "{BOB}"]')),
    (OWNER, IN_CHANNEL, M, users(ONLY_BOB), denied(NO_TALK, f'users = ["{BOB}", "{ADA}"]')),
    (MEMBER, IN_CHANNEL, M, users(ONLY_ROLE), OpenThread()),
    (MEMBER, IN_THREAD, K, users(ONLY_ROLE), Answer()),
    (STRANGER_ROLE, IN_CHANNEL, M, users(ONLY_ROLE), denied(NO_TALK, f'users = ["role:{ROLE}", "{ADA}"]')),
    (PERSON, IN_CHANNEL, M, users(ONLY_ROLE), denied(NO_TALK, f'users = ["role:{ROLE}", "{ADA}"]')),
    (Person(ROLE), IN_CHANNEL, M, users(ONLY_ROLE), denied(NO_TALK, f'users = ["role:{ROLE}", "{ROLE}"]')),
    (Person(ADA, frozenset({BOB})), IN_CHANNEL, M, users(ONLY_BOB), denied(NO_TALK, f'users = ["{BOB}", "{ADA}"]')),
    (OWNER, IN_CHANNEL, M, users(ONLY_OWNER), OpenThread()),
    (PERSON, IN_CHANNEL, M, users(ONLY_OWNER), denied(NO_TALK, f'users = ["owner", "{ADA}"]')),
    (PERSON, IN_CHANNEL, M, users(ASKER), denied(NO_TALK, f'users = ["asker", "{ADA}"]')),
    # Admins are not users by that alone: a message needs `users`.
    (PERSON, IN_CHANNEL, M, replace(users(NO_MENTIONS), admins=ONLY_ADA), denied(NO_TALK, f'users = ["{ADA}"]')),
    (PERSON, IN_CHANNEL, M, replace(users(NO_MENTIONS), approvers=ONLY_ADA), denied(NO_TALK, f'users = ["{ADA}"]')),
]  # fmt: skip


@pytest.mark.parametrize(("person", "place", "how", "rules", "verdict"), MESSAGES, ids=map(str, range(len(MESSAGES))))
def test_a_message_gets_its_verdict(person: Person, place: Place, how: How, rules: Rules, verdict: Verdict) -> None:
    """A row says whether the message is addressed, its place, its author and the lists."""
    assert decide(Facts(person, place, mentioned="M" in how, known="K" in how), rules) == verdict


@pytest.mark.parametrize(
    ("kind", "place", "mentioned", "known"),
    list(product([Kind.BOT, Kind.WEBHOOK, Kind.SYSTEM], [IN_CHANNEL, IN_THREAD, DIRECT], [True, False], [True, False])),
)
def test_a_message_that_no_person_wrote_is_ignored(kind: Kind, place: Place, *, mentioned: bool, known: bool) -> None:
    """So are own messages, those of bots and webhooks, renames and pins, even with a mention (P6, P61)."""
    facts = Facts(OWNER, place, kind, mentioned=mentioned, known=known)
    assert decide(facts, OPEN) == Ignore(f"written by {kind.value}")


def bots(how: Bots, *, turns: int = 10, mention: Mention = "involved") -> Rules:
    """Return the open rules, which trust the bot Ada."""
    return replace(OPEN, bots=how, trusted_bots=frozenset({ADA}), bot_turns=turns, mention=mention)


def mention(how: Mention, rules: Rules = OPEN) -> Rules:
    """Return the rules with another value of `mention`."""
    return replace(rules, mention=how)


def direct(people: People) -> Rules:
    """Return rules for direct messages alone."""
    return Rules(users=people, dm=True)


BOT, WEBHOOK = "a bot", "a webhook"
FROM_BOT, FROM_HOOK = Ignore(f"written by {BOT}"), Ignore(f"written by {WEBHOOK}")
BOT_ELSEWHERE = Ignore(f"written by {BOT} where the bot does not work")
USED_UP = Ignore("bots have used up their turns")
ROLES = replace(OPEN, mention_roles=frozenset({ROLE}))
S, P, B, W = frozenset("S"), frozenset("P"), frozenset("B"), frozenset("W")
ENOUGH = Refuse("I stopped after 10 messages from bots in a row. A message from a person continues.")

# Each row as above, and how many messages of bots were taken up. S: another bot is about; P: the first message of a
# forum post; R, O: the role ROLE, or another one, is mentioned; B, W: written by a bot, or a webhook.
R, O = frozenset("R"), frozenset("O")  # noqa: E741 - a letter for each fact, as in the rows
SITUATIONS: list[tuple[Person, Place, How, int, Rules, Verdict]] = [
    # `involved`: in a known thread no mention is needed, whoever else is there.
    (PERSON, IN_THREAD, K | S, 0, mention("involved"), Answer()),
    (PERSON, IN_THREAD, S, 0, mention("involved"), UNADDRESSED),
    (PERSON, IN_THREAD, K | S | M, 0, mention("involved"), Answer()),
    (PERSON, IN_CHANNEL, S, 0, mention("involved"), UNADDRESSED),
    (PERSON, IN_CHANNEL, S | M, 0, mention("involved"), OpenThread()),
    # `mentions`: always needed.
    (PERSON, IN_THREAD, K, 0, mention("mentions"), UNADDRESSED),
    (PERSON, IN_THREAD, K | S, 0, mention("mentions"), UNADDRESSED),
    (PERSON, IN_THREAD, K | M, 0, mention("mentions"), Answer()),
    (PERSON, IN_THREAD, M, 0, mention("mentions"), Answer()),
    (PERSON, IN_CHANNEL, NOT, 0, mention("mentions"), UNADDRESSED),
    (PERSON, IN_CHANNEL, M, 0, mention("mentions"), OpenThread()),
    (PERSON, IN_THREAD, P, 0, mention("mentions"), UNADDRESSED),
    (PERSON, IN_THREAD, P | M, 0, mention("mentions"), Answer()),
    (OWNER, IN_THREAD, K, 0, mention("mentions"), UNADDRESSED),
    # `shared`: only where another bot is about.
    (PERSON, IN_THREAD, K, 0, mention("shared"), Answer()),
    (PERSON, IN_THREAD, K | S, 0, mention("shared"), UNADDRESSED),
    (PERSON, IN_THREAD, K | S | M, 0, mention("shared"), Answer()),
    (PERSON, IN_THREAD, S | M, 0, mention("shared"), Answer()),
    (PERSON, IN_THREAD, NOT, 0, mention("shared"), UNADDRESSED),
    (PERSON, IN_CHANNEL, S | M, 0, mention("shared"), OpenThread()),
    (PERSON, IN_CHANNEL, S, 0, mention("shared"), UNADDRESSED),
    (OWNER, IN_THREAD, K | S, 0, mention("shared"), UNADDRESSED),
    # A role's mention counts where the role is named, and never by itself.
    (PERSON, IN_CHANNEL, R, 0, ROLES, OpenThread()),
    (PERSON, IN_THREAD, R, 0, ROLES, Answer()),
    (PERSON, IN_THREAD, R | K, 0, mention("mentions", ROLES), Answer()),
    (PERSON, IN_THREAD, R | K | S, 0, mention("shared", ROLES), Answer()),
    (PERSON, IN_CHANNEL, O, 0, ROLES, UNADDRESSED),
    (PERSON, IN_CHANNEL, R | O, 0, ROLES, OpenThread()),
    (PERSON, IN_CHANNEL, R, 0, OPEN, UNADDRESSED),
    (PERSON, IN_THREAD, O | K, 0, mention("mentions", ROLES), UNADDRESSED),
    (PERSON, ELSEWHERE, R, 0, ROLES, denied(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    (SOMEBODY, IN_CHANNEL, R, 0, replace(ROLES, users=ONLY_ADA), denied(NO_TALK, f'users = ["{ADA}", "{BOB}"]')),
    # A forum post is a request where the forum itself is named; below `*` it must mention the bot.
    (PERSON, IN_THREAD, P, 0, OPEN, Answer()),
    (PERSON, IN_THREAD, P | M, 0, OPEN, Answer()),
    (PERSON, IN_THREAD, P, 0, mention("shared"), Answer()),
    (PERSON, IN_THREAD, P | S, 0, mention("shared"), UNADDRESSED),
    (PERSON, IN_THREAD, P | S, 0, OPEN, UNADDRESSED),
    (PERSON, IN_THREAD, P | S | M, 0, OPEN, Answer()),
    (PERSON, IN_THREAD, P, 0, STAR, UNADDRESSED),
    (PERSON, IN_THREAD, P | M, 0, STAR, Answer()),
    (PERSON, THREAD_ELSEWHERE, P, 0, OPEN, UNADDRESSED),
    (PERSON, THREAD_ELSEWHERE, P | M, 0, OPEN,
     denied(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    (SOMEBODY, IN_THREAD, P, 0, users(ONLY_ADA), denied(NO_TALK, f'users = ["{ADA}", "{BOB}"]')),
    (PERSON, THREAD_IN_OTHER_SERVER, P, 0, BOUND, denied(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    # Beside a voice or stage channel: in the channel, and only when mentioned.
    (PERSON, IN_VOICE, M, 0, OPEN, Answer()),
    (PERSON, IN_VOICE, NOT, 0, OPEN, UNADDRESSED),
    (PERSON, IN_VOICE, K, 0, OPEN, UNADDRESSED),
    (PERSON, IN_VOICE, K | M, 0, OPEN, Answer()),
    (PERSON, IN_VOICE, R, 0, ROLES, Answer()),
    (PERSON, IN_VOICE, K, 0, mention("shared"), UNADDRESSED),
    (PERSON, IN_VOICE, M, 0, STAR, Answer()),
    (SOMEBODY, IN_VOICE, M, 0, users(ONLY_ADA), denied(NO_TALK, f'users = ["{ADA}", "{BOB}"]')),
    (PERSON, replace(IN_VOICE, channel_id=OTHER_CHANNEL), M, 0, OPEN,
     denied(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    # Where the bot may open no thread, the same; and a thread again, once it may, for who mentions it.
    (PERSON, replace(IN_VOICE, no_thread="I lack it."), M, 0, OPEN, Answer()),
    (PERSON, replace(IN_VOICE, no_thread="I lack it."), K, 0, OPEN, UNADDRESSED),
    (PERSON, replace(IN_VOICE, no_thread=None), K | M, 0, OPEN, OpenThread()),
    (PERSON, replace(IN_VOICE, no_thread=None), K, 0, OPEN, UNADDRESSED),
    (PERSON, replace(IN_VOICE, no_thread=None), K, 0, mention("shared"), UNADDRESSED),
    # Direct messages, where they are allowed: every one, of whom `users` names.
    (PERSON, DIRECT, NOT, 0, direct(ONLY_ADA), Answer()),
    (PERSON, DIRECT, K, 0, direct(ONLY_ADA), Answer()),
    (PERSON, DIRECT, M, 0, direct(ONLY_ADA), Answer()),
    (PERSON, DIRECT, NOT, 0, mention("mentions", direct(ONLY_ADA)), Answer()),
    (PERSON, DIRECT, NOT, 0, direct(EVERYONE), Answer()),
    (OWNER, DIRECT, NOT, 0, direct(ONLY_OWNER), Answer()),
    (PERSON, DIRECT, NOT, 0, direct(ONLY_OWNER), denied(NO_TALK, f'users = ["owner", "{ADA}"]')),
    (PERSON, DIRECT, NOT, 0, direct(ONLY_BOB), denied(NO_TALK, f'users = ["{BOB}", "{ADA}"]')),
    (PERSON, DIRECT, NOT, 0, direct(ONLY_ROLE), denied(NO_TALK, f'users = ["role:{ROLE}", "{ADA}"]')),
    (PERSON, DIRECT, NOT, 0, direct(NO_MENTIONS), denied(NO_TALK, f'users = ["{ADA}"]')),
    (PERSON, DIRECT, NOT, 0, replace(BOUND, dm=True), Answer()),
    (PERSON, DIRECT, NOT, 0, OPEN, denied(NO_DIRECT, "dm = true")),
    (PERSON, IN_CHANNEL, M, 0, direct(ONLY_ADA), denied(NO_CHANNEL, f'channels = ["{CHANNEL}"]')),
    # Bots and webhooks: not at all,
    (PERSON, IN_THREAD, B | M | K, 0, bots("off"), FROM_BOT),
    (PERSON, IN_CHANNEL, B | M, 0, bots("off"), FROM_BOT),
    (PERSON, IN_THREAD, W | M | K, 0, bots("off"), FROM_HOOK),
    # when they mention the bot,
    (PERSON, IN_THREAD, B | M | K, 0, bots("mentions"), Answer()),
    (PERSON, IN_THREAD, W | M | K, 0, bots("mentions"), Answer()),
    (PERSON, IN_THREAD, B | M, 0, bots("mentions"), Answer()),
    (PERSON, IN_CHANNEL, B | M, 0, bots("mentions"), OpenThread()),
    (PERSON, IN_THREAD, B | K, 0, bots("mentions"), UNADDRESSED),
    (PERSON, IN_THREAD, B | R | K, 0, bots("mentions"), UNADDRESSED),
    (PERSON, IN_THREAD, B | R, 0, replace(bots("mentions"), mention_roles=frozenset({ROLE})), Answer()),
    (PERSON, IN_THREAD, B | P, 0, bots("mentions"), UNADDRESSED),
    (PERSON, IN_THREAD, W | P, 0, bots("mentions"), UNADDRESSED),
    # or as people are;
    (PERSON, IN_THREAD, B | K, 0, bots("all"), Answer()),
    (PERSON, IN_THREAD, W | K, 0, bots("all"), Answer()),
    (PERSON, IN_THREAD, B | P, 0, bots("all"), Answer()),
    (PERSON, IN_THREAD, B, 0, bots("all"), UNADDRESSED),
    (PERSON, IN_CHANNEL, B, 0, bots("all"), UNADDRESSED),
    (PERSON, IN_CHANNEL, B | M, 0, bots("all"), OpenThread()),
    (PERSON, IN_THREAD, B | K | S, 0, bots("all", mention="shared"), UNADDRESSED),
    (PERSON, IN_THREAD, B | K | S | M, 0, bots("all", mention="shared"), Answer()),
    (PERSON, IN_THREAD, B | K, 0, bots("all", mention="mentions"), UNADDRESSED),
    # but only trusted ones, whatever the lists of people say, and only where the bot works.
    (SOMEBODY, IN_THREAD, B | M | K, 0, bots("all"), FROM_BOT),
    (SOMEBODY, IN_THREAD, W | M | K, 0, bots("mentions"), FROM_HOOK),
    (PERSON, IN_THREAD, B | M | K, 0, replace(bots("all"), trusted_bots=frozenset()), FROM_BOT),
    (OWNER, IN_THREAD, B | M | K, 0, replace(bots("all"), trusted_bots=frozenset({BOB})), FROM_BOT),
    (PERSON, IN_THREAD, B | M | K, 0, replace(bots("all"), users=NO_MENTIONS), Answer()),
    (PERSON, ELSEWHERE, B | M, 0, bots("all"), BOT_ELSEWHERE),
    (PERSON, THREAD_ELSEWHERE, B | M | K, 0, bots("all"), BOT_ELSEWHERE),
    (PERSON, DIRECT, B | M, 0, replace(bots("all"), dm=True), BOT_ELSEWHERE),
    # A turn cap, one word about it, and then silence (P61); a person's message is none of a bot's turns.
    (PERSON, IN_THREAD, B | M | K, 9, bots("mentions"), Answer()),
    (PERSON, IN_THREAD, B | M | K, 10, bots("mentions"), ENOUGH),
    (PERSON, IN_THREAD, B | M | K, 11, bots("mentions"), USED_UP),
    (PERSON, IN_THREAD, W | K, 10, bots("all"), ENOUGH),
    (PERSON, IN_THREAD, W | K, 11, bots("all"), USED_UP),
    (PERSON, IN_CHANNEL, B | M, 10, bots("all"), ENOUGH),
    (PERSON, IN_THREAD, B | K, 10, bots("mentions"), UNADDRESSED),
    (PERSON, IN_THREAD, B | M, 0, bots("mentions", turns=1), Answer()),
    (PERSON, IN_THREAD, B | M, 2, bots("mentions", turns=1), USED_UP),
    (PERSON, IN_THREAD, K, 11, bots("mentions"), Answer()),
    (PERSON, IN_CHANNEL, M, 11, bots("off"), OpenThread()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("person", "place", "how", "turns", "rules", "verdict"), SITUATIONS, ids=map(str, range(len(SITUATIONS)))
)
def test_a_message_gets_its_verdict_also_among_bots_in_forums_and_directly(
    person: Person, place: Place, how: How, turns: int, rules: Rules, verdict: Verdict
) -> None:
    """The second table has mentions, forum posts, voice channels, direct messages and bots."""
    facts = Facts(
        person,
        place,
        Kind.BOT if "B" in how else Kind.WEBHOOK if "W" in how else Kind.PERSON,
        mentioned="M" in how,
        mentioned_role_ids=frozenset({ROLE} if "R" in how else ()) | frozenset({OTHER_ROLE} if "O" in how else ()),
        known="K" in how,
        shared="S" in how,
        post="P" in how,
        bot_turns=turns,
    )
    assert decide(facts, rules) == verdict


def test_the_tables_have_at_least_a_hundred_and_fifty_rows() -> None:
    """Fewer rows would miss combinations."""
    assert len(MESSAGES) + len(SITUATIONS) >= 150


@pytest.mark.parametrize("kind", [Kind.SELF, Kind.SYSTEM])
@pytest.mark.parametrize("how", ["off", "mentions", "all"])
def test_the_bots_own_words_and_discords_are_never_a_request(kind: Kind, how: Bots) -> None:
    """That holds even if the bot's own id is among the trusted ones (P6, P61)."""
    facts = Facts(OWNER, IN_THREAD, kind, mentioned=True, known=True, post=True)
    assert decide(facts, bots(how)) == Ignore(f"written by {kind.value}")


# ---- commands and buttons

ALL = frozenset(Right)
USES = frozenset({Right.LOOK, Right.TALK})
OWN = USES | {Right.STOP, Right.CONTINUE, Right.RESET}
APPROVES = OWN | {Right.APPROVE, Right.CHANGE}
NAMED = APPROVES | {Right.GRANT, Right.LOGIN}
# Each row: who, where, the rules, who asked, and the rights that they have.
RIGHTS: list[tuple[Person, Place, Rules, int | None, frozenset[Right]]] = [
    (PERSON, IN_THREAD, OPEN, ADA, OWN),
    (PERSON, IN_THREAD, replace(OPEN, approvers=ASKER), ADA, APPROVES),
    (SOMEBODY, IN_THREAD, replace(OPEN, approvers=ASKER), ADA, USES),
    (SOMEBODY, IN_THREAD, OPEN, ADA, USES),
    (PERSON, IN_THREAD, OPEN, None, USES),
    (PERSON, IN_THREAD, replace(OPEN, approvers=ASKER), None, USES),
    (SOMEBODY, IN_THREAD, replace(OPEN, approvers=ONLY_BOB), ADA, NAMED),
    (PERSON, IN_THREAD, replace(OPEN, approvers=ONLY_BOB), ADA, OWN),
    (MEMBER, IN_THREAD, replace(OPEN, approvers=ONLY_ROLE), BOB, NAMED),
    (STRANGER_ROLE, IN_THREAD, replace(OPEN, approvers=ONLY_ROLE), BOB, USES),
    (SOMEBODY, IN_THREAD, replace(OPEN, approvers=EVERYONE), ADA, APPROVES),
    # Admins may do everything, named as users or not, but only where the bot works.
    (PERSON, IN_THREAD, replace(OPEN, admins=ONLY_ADA), BOB, ALL),
    (OWNER, IN_THREAD, replace(users(NO_MENTIONS), admins=ONLY_OWNER), BOB, ALL),
    (OWNER, IN_CHANNEL, replace(users(NO_MENTIONS), admins=ONLY_OWNER), None, ALL),
    (OWNER, ELSEWHERE, replace(OPEN, admins=ONLY_OWNER), ADA, frozenset()),
    (OWNER, THREAD_IN_OTHER_SERVER, replace(BOUND, admins=ONLY_OWNER), ADA, frozenset()),
    (OWNER, DIRECT, replace(OPEN, admins=ONLY_OWNER), ADA, frozenset()),
    (OWNER, DIRECT, replace(EMPTY, dm=True, admins=ONLY_OWNER), ADA, ALL),
    (PERSON, DIRECT, replace(users(ONLY_ADA), dm=True), ADA, OWN),
    (PERSON, DIRECT, replace(users(ONLY_ADA), dm=True, approvers=ASKER), ADA, APPROVES),
    (PERSON, DIRECT, replace(users(ONLY_BOB), dm=True), ADA, frozenset()),
    (MEMBER, DIRECT, replace(users(ONLY_ROLE), dm=True), BOB, USES),
    # A voice channel is listed as any other.
    (PERSON, IN_VOICE, replace(OPEN, approvers=ASKER), ADA, APPROVES),
    (PERSON, replace(IN_VOICE, channel_id=OTHER_CHANNEL), OPEN, ADA, frozenset()),
    (MEMBER, THREAD_ELSEWHERE, replace(STAR, admins=ONLY_ROLE), BOB, ALL),
    # Outside the lists of places and people there is no right at all (P57).
    (PERSON, ELSEWHERE, OPEN, ADA, frozenset()),
    (PERSON, THREAD_ELSEWHERE, replace(OPEN, approvers=EVERYONE), ADA, frozenset()),
    (PERSON, OTHER_SERVER, STAR, ADA, frozenset()),
    (PERSON, DIRECT, STAR, ADA, frozenset()),
    (PERSON, DIRECT, OPEN, ADA, frozenset()),
    (PERSON, IN_THREAD, users(NO_MENTIONS), ADA, frozenset()),
    (SOMEBODY, IN_THREAD, replace(users(ONLY_ADA), approvers=EVERYONE), BOB, frozenset()),
    (OWNER, IN_THREAD, EMPTY, ADA, frozenset()),
]


@pytest.mark.parametrize(("person", "place", "rules", "asker_id", "rights"), RIGHTS, ids=map(str, range(len(RIGHTS))))
def test_a_person_has_exactly_the_rights_that_the_lists_give(
    person: Person, place: Place, rules: Rules, asker_id: int | None, rights: frozenset[Right]
) -> None:
    """Commands and buttons pass the same gate as messages (P53, P57)."""
    assert {right for right in Right if permits(right, person, place, rules, asker_id=asker_id) is None} == rights


def test_a_refused_right_says_which_and_how_to_give_it() -> None:
    """The reason names the right; the line adds the person to the approvers."""
    refusal = permits(Right.APPROVE, SOMEBODY, IN_THREAD, replace(OPEN, approvers=ASKER), asker_id=ADA)
    assert refusal == Refuse(
        "You don't have permission to answer the agent's question here.", f'approvers = ["asker", "{BOB}"]'
    )
    stop = permits(Right.STOP, SOMEBODY, IN_THREAD, OPEN, asker_id=ADA)
    assert stop == Refuse("You don't have permission to stop the agent here.", f'approvers = ["{BOB}"]')


def test_a_right_of_admins_is_refused_with_the_list_of_admins() -> None:
    """Askers and approvers may not change what applies to everyone."""
    right = Right.ADMIN
    refusal = permits(right, PERSON, IN_THREAD, replace(OPEN, approvers=EVERYONE, admins=ONLY_OWNER), asker_id=ADA)
    assert refusal == Refuse(texts.not_permitted(right.value), f'admins = ["owner", "{ADA}"]')


TRUSTED = replace(bots("all"), users=ONLY_BOB)
# Each row: who has written, where, the rules of now, and whether it may still become a turn.
TURNS: list[tuple[Person, Place, Rules, bool]] = [
    (PERSON, IN_THREAD, OPEN, True),
    (PERSON, IN_THREAD, users(ONLY_BOB), False),
    (MEMBER, IN_THREAD, users(ONLY_ROLE), True),
    (PERSON, IN_THREAD, users(ONLY_ROLE), False),
    (OWNER, IN_THREAD, replace(users(NO_MENTIONS), admins=ONLY_OWNER), True),
    (PERSON, THREAD_ELSEWHERE, OPEN, False),
    (PERSON, THREAD_IN_OTHER_SERVER, BOUND, False),
    (PERSON, DIRECT, replace(OPEN, dm=True), True),
    (PERSON, DIRECT, OPEN, False),
    # A trusted bot is none of the users, and is answered for as long as it is trusted, in servers.
    (PERSON, IN_THREAD, TRUSTED, True),
    (PERSON, IN_THREAD, replace(TRUSTED, bots="off"), False),
    (PERSON, IN_THREAD, replace(TRUSTED, trusted_bots=frozenset()), False),
    (PERSON, THREAD_ELSEWHERE, TRUSTED, False),
    (PERSON, DIRECT, replace(TRUSTED, dm=True), False),
]


@pytest.mark.parametrize(("person", "place", "rules", "may"), TURNS, ids=map(str, range(len(TURNS))))
def test_a_waiting_message_becomes_a_turn_by_the_rules_at_that_time(
    person: Person, place: Place, rules: Rules, *, may: bool
) -> None:
    """The rules at the time of writing no longer count."""
    assert (permits_turn(person, place, rules) is None) == may


def test_direct_messages_are_opened_by_a_line_of_their_own() -> None:
    """The list of channels does not apply to them, only `dm`."""
    assert permits(Right.LOOK, OWNER, DIRECT, STAR, asker_id=None) == denied(NO_DIRECT, "dm = true")


# ---- from the refusal to the line, through the file

ids = st.integers(min_value=1, max_value=2**63 - 1)
entries = st.lists(ids.map(str) | ids.map("role:{}".format) | st.just("owner"), max_size=3, unique=True)
places = st.builds(Place, ids, ids, st.none() | ids)
people = st.builds(Person, ids, st.frozensets(ids, max_size=2))


@given(
    guilds=st.lists(ids.map(str), max_size=2, unique=True),
    channels=st.lists(ids.map(str), max_size=2, unique=True),
    named=entries,
    person=people,
    place=places,
)
def test_the_line_that_the_owner_is_told_lets_the_message_in(
    tmp_path_factory: pytest.TempPathFactory,
    guilds: list[str],
    channels: list[str],
    named: list[str],
    person: Person,
    place: Place,
) -> None:
    """With the line in the file instead of its key, the same message is answered."""
    folder = tmp_path_factory.mktemp("line")
    lists = {"guilds": guilds, "channels": channels, "users": named}
    facts = Facts(person, place, mentioned=True)
    verdict = decide(facts, rules_of(folder, lines_of(lists)))
    if isinstance(verdict, Refuse):
        verdict = decide(facts, rules_of(folder, replaced(lines_of(lists), verdict.line)))
    assert isinstance(verdict, Answer | OpenThread)


@pytest.mark.parametrize("right", [Right.APPROVE, Right.STOP, Right.CONTINUE, Right.CHANGE, Right.RESET, Right.ADMIN])
def test_the_line_that_the_owner_is_told_gives_the_right(tmp_path: Path, right: Right) -> None:
    """The same is true of buttons and commands."""
    lines = lines_of({"channels": [str(CHANNEL)], "users": ["*"], "approvers": ["asker"]})
    refusal = permits(right, SOMEBODY, IN_THREAD, rules_of(tmp_path, lines), asker_id=ADA)
    assert refusal is not None
    rules = rules_of(tmp_path, replaced(lines, refusal.line))
    assert permits(right, SOMEBODY, IN_THREAD, rules, asker_id=ADA) is None


def lines_of(lists: dict[str, list[str]]) -> dict[str, str]:
    """Return lists as lines of a configuration."""
    quoted: Callable[[list[str]], str] = lambda names: ", ".join(f'"{name}"' for name in names)  # noqa: E731
    return {key: f"{key} = [{quoted(names)}]" for key, names in lists.items()}


def replaced(lines: dict[str, str], told: str) -> dict[str, str]:
    """Replace the lines that have the same keys."""
    return lines | {line.partition(" ")[0]: line for line in told.splitlines()}


def rules_of(folder: Path, access: dict[str, str]) -> Rules:
    """Load a configuration with these lines below `[access]`."""
    (folder / "project").mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    agent = "[agents.default]\ncommand = 'sh'\ncwd = 'project'\n"
    path.write_text("\n".join(['[discord]\ntoken = "t0ken"\n[access]', *access.values(), agent]))
    return load(path).rules
