"""Every verdict of the gate as a row of a table, and the way from a refusal to the line that lifts it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import load
from bot.gate import (
    Answer,
    Facts,
    Ignore,
    Kind,
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
)

GUILD, OTHER_GUILD = 1, 2
CHANNEL, OTHER_CHANNEL, THREAD = 10, 11, 20
ADA, BOB = 100, 101
ROLE, OTHER_ROLE = 500, 501

IN_CHANNEL = Place(GUILD, CHANNEL)
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

NOBODY = People()
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

NO_SERVER = "I do not work in this server."
NO_CHANNEL = "I do not work in this channel."
NO_DIRECT = "I do not work in direct messages."
NO_TALK = "You may not talk to me."
UNADDRESSED = Ignore("not addressed to the bot")


def users(people: People) -> Rules:
    """The open rules, but for these people."""
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
    (PERSON, DIRECT, M, OPEN, Ignore("a direct message")),
    (PERSON, DIRECT, K, OPEN, Ignore("a direct message")),
    (OWNER, DIRECT, NOT, STAR, Ignore("a direct message")),
    # Empty lists allow nobody, the owner included (P55).
    (PERSON, IN_CHANNEL, M, EMPTY, Refuse(NO_CHANNEL, f'channels = ["{CHANNEL}"]\nusers = ["{ADA}"]')),
    (OWNER, IN_CHANNEL, M, EMPTY, Refuse(NO_CHANNEL, f'channels = ["{CHANNEL}"]\nusers = ["{ADA}"]')),
    (PERSON, IN_THREAD, K, EMPTY, Refuse(NO_CHANNEL, f'channels = ["{CHANNEL}"]\nusers = ["{ADA}"]')),
    (PERSON, IN_CHANNEL, M, users(NOBODY), Refuse(NO_TALK, f'users = ["{ADA}"]')),
    (OWNER, IN_CHANNEL, M, users(NOBODY), Refuse(NO_TALK, f'users = ["{ADA}"]')),
    (PERSON, IN_THREAD, K, users(NOBODY), Refuse(NO_TALK, f'users = ["{ADA}"]')),
    (PERSON, IN_CHANNEL, M, Rules(users=EVERYONE), Refuse(NO_CHANNEL, f'channels = ["{CHANNEL}"]')),
    # Channels; a thread is judged by the channel above it, or by itself.
    (PERSON, ELSEWHERE, M, OPEN, Refuse(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    (PERSON, THREAD_ELSEWHERE, M, OPEN, Refuse(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    (PERSON, THREAD_ELSEWHERE, K, OPEN, Refuse(NO_CHANNEL, f'channels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    (PERSON, THREAD_ELSEWHERE, M, Rules(channels=frozenset({THREAD}), users=EVERYONE), Answer()),
    (PERSON, IN_CHANNEL, M, Rules(channels=frozenset({THREAD}), users=EVERYONE),
     Refuse(NO_CHANNEL, f'channels = ["{THREAD}", "{CHANNEL}"]')),
    # Without guilds a listed channel counts wherever it is; with guilds only there.
    (PERSON, OTHER_SERVER, M, OPEN, OpenThread()),
    (PERSON, IN_CHANNEL, M, BOUND, OpenThread()),
    (PERSON, IN_THREAD, K, BOUND, Answer()),
    (PERSON, OTHER_SERVER, M, BOUND, Refuse(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    (PERSON, THREAD_IN_OTHER_SERVER, K, BOUND, Refuse(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    (PERSON, Place(OTHER_GUILD, OTHER_CHANNEL), M, BOUND,
     Refuse(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]\nchannels = ["{CHANNEL}", "{OTHER_CHANNEL}"]')),
    # All channels of the named guilds.
    (PERSON, IN_CHANNEL, M, STAR, OpenThread()),
    (PERSON, ELSEWHERE, M, STAR, OpenThread()),
    (PERSON, THREAD_ELSEWHERE, K, STAR, Answer()),
    (PERSON, OTHER_SERVER, M, STAR, Refuse(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    (PERSON, THREAD_IN_OTHER_SERVER, M, STAR, Refuse(NO_SERVER, f'guilds = ["{GUILD}", "{OTHER_GUILD}"]')),
    # People: by id, by role, the owner, everybody.
    (PERSON, IN_CHANNEL, M, users(ONLY_ADA), OpenThread()),
    (SOMEBODY, IN_CHANNEL, M, users(ONLY_ADA), Refuse(NO_TALK, f'users = ["{ADA}", "{BOB}"]')),
    (SOMEBODY, IN_THREAD, K, users(ONLY_ADA), Refuse(NO_TALK, f'users = ["{ADA}", "{BOB}"]')),
    (OWNER, IN_CHANNEL, M, users(ONLY_BOB), Refuse(NO_TALK, f'users = ["{BOB}", "{ADA}"]')),
    (MEMBER, IN_CHANNEL, M, users(ONLY_ROLE), OpenThread()),
    (MEMBER, IN_THREAD, K, users(ONLY_ROLE), Answer()),
    (STRANGER_ROLE, IN_CHANNEL, M, users(ONLY_ROLE), Refuse(NO_TALK, f'users = ["role:{ROLE}", "{ADA}"]')),
    (PERSON, IN_CHANNEL, M, users(ONLY_ROLE), Refuse(NO_TALK, f'users = ["role:{ROLE}", "{ADA}"]')),
    (Person(ROLE), IN_CHANNEL, M, users(ONLY_ROLE), Refuse(NO_TALK, f'users = ["role:{ROLE}", "{ROLE}"]')),
    (Person(ADA, frozenset({BOB})), IN_CHANNEL, M, users(ONLY_BOB), Refuse(NO_TALK, f'users = ["{BOB}", "{ADA}"]')),
    (OWNER, IN_CHANNEL, M, users(ONLY_OWNER), OpenThread()),
    (PERSON, IN_CHANNEL, M, users(ONLY_OWNER), Refuse(NO_TALK, f'users = ["owner", "{ADA}"]')),
    (PERSON, IN_CHANNEL, M, users(ASKER), Refuse(NO_TALK, f'users = ["asker", "{ADA}"]')),
    # Admins are not users by that alone: a message needs `users`.
    (PERSON, IN_CHANNEL, M, replace(users(NOBODY), admins=ONLY_ADA), Refuse(NO_TALK, f'users = ["{ADA}"]')),
    (PERSON, IN_CHANNEL, M, replace(users(NOBODY), approvers=ONLY_ADA), Refuse(NO_TALK, f'users = ["{ADA}"]')),
]  # fmt: skip


@pytest.mark.parametrize(("person", "place", "how", "rules", "verdict"), MESSAGES, ids=map(str, range(len(MESSAGES))))
def test_a_message_gets_its_verdict(person: Person, place: Place, how: How, rules: Rules, verdict: Verdict) -> None:
    """One row of the table: addressed or not, where, by whom, under which lists."""
    assert decide(Facts(person, place, mentioned="M" in how, known="K" in how), rules) == verdict


@pytest.mark.parametrize(
    ("kind", "place", "mentioned", "known"),
    list(product([Kind.BOT, Kind.WEBHOOK, Kind.SYSTEM], [IN_CHANNEL, IN_THREAD, DIRECT], [True, False], [True, False])),
)
def test_what_no_person_wrote_is_ignored(kind: Kind, place: Place, *, mentioned: bool, known: bool) -> None:
    """Own and other bots' messages, webhooks', renames and pins, however they address the bot (P6, P61)."""
    facts = Facts(OWNER, place, kind, mentioned=mentioned, known=known)
    assert decide(facts, OPEN) == Ignore(f"written by {kind.value}")


# ---- commands and buttons

ALL = frozenset(Right)
ALL_BUT_ADMIN = ALL - {Right.ADMIN}
ASKED_BY_ADA = ADA
# Each row: who, where, the rules, who asked, and the rights that they have.
RIGHTS: list[tuple[Person, Place, Rules, int | None, frozenset[Right]]] = [
    (PERSON, IN_THREAD, OPEN, ADA, frozenset({Right.LOOK, Right.STOP, Right.RESET})),
    (PERSON, IN_THREAD, replace(OPEN, approvers=ASKER), ADA, ALL_BUT_ADMIN),
    (SOMEBODY, IN_THREAD, replace(OPEN, approvers=ASKER), ADA, frozenset({Right.LOOK})),
    (SOMEBODY, IN_THREAD, OPEN, ADA, frozenset({Right.LOOK})),
    (PERSON, IN_THREAD, OPEN, None, frozenset({Right.LOOK})),
    (PERSON, IN_THREAD, replace(OPEN, approvers=ASKER), None, frozenset({Right.LOOK})),
    (SOMEBODY, IN_THREAD, replace(OPEN, approvers=ONLY_BOB), ADA, ALL_BUT_ADMIN),
    (PERSON, IN_THREAD, replace(OPEN, approvers=ONLY_BOB), ADA, frozenset({Right.LOOK, Right.STOP, Right.RESET})),
    (MEMBER, IN_THREAD, replace(OPEN, approvers=ONLY_ROLE), BOB, ALL_BUT_ADMIN),
    (STRANGER_ROLE, IN_THREAD, replace(OPEN, approvers=ONLY_ROLE), BOB, frozenset({Right.LOOK})),
    (SOMEBODY, IN_THREAD, replace(OPEN, approvers=EVERYONE), ADA, ALL_BUT_ADMIN),
    # Admins may do everything, named as users or not, but only where the bot works.
    (PERSON, IN_THREAD, replace(OPEN, admins=ONLY_ADA), BOB, ALL),
    (OWNER, IN_THREAD, replace(users(NOBODY), admins=ONLY_OWNER), BOB, ALL),
    (OWNER, IN_CHANNEL, replace(users(NOBODY), admins=ONLY_OWNER), None, ALL),
    (OWNER, ELSEWHERE, replace(OPEN, admins=ONLY_OWNER), ADA, frozenset()),
    (OWNER, THREAD_IN_OTHER_SERVER, replace(BOUND, admins=ONLY_OWNER), ADA, frozenset()),
    (OWNER, DIRECT, replace(OPEN, admins=ONLY_OWNER), ADA, frozenset()),
    (MEMBER, THREAD_ELSEWHERE, replace(STAR, admins=ONLY_ROLE), BOB, ALL),
    # Outside the lists of places and people there is no right at all (P57).
    (PERSON, ELSEWHERE, OPEN, ADA, frozenset()),
    (PERSON, THREAD_ELSEWHERE, replace(OPEN, approvers=EVERYONE), ADA, frozenset()),
    (PERSON, OTHER_SERVER, STAR, ADA, frozenset()),
    (PERSON, DIRECT, STAR, ADA, frozenset()),
    (PERSON, DIRECT, OPEN, ADA, frozenset()),
    (PERSON, IN_THREAD, users(NOBODY), ADA, frozenset()),
    (SOMEBODY, IN_THREAD, replace(users(ONLY_ADA), approvers=EVERYONE), BOB, frozenset()),
    (OWNER, IN_THREAD, EMPTY, ADA, frozenset()),
]


@pytest.mark.parametrize(("person", "place", "rules", "asker_id", "rights"), RIGHTS, ids=map(str, range(len(RIGHTS))))
def test_a_person_has_exactly_the_rights_that_the_lists_give(
    person: Person, place: Place, rules: Rules, asker_id: int | None, rights: frozenset[Right]
) -> None:
    """Commands and buttons go through the same gate as messages (P53, P57)."""
    assert {right for right in Right if permits(right, person, place, rules, asker_id=asker_id) is None} == rights


def test_a_refused_right_says_which_and_how_to_give_it() -> None:
    """The reason names what was wanted; the line adds the person to the approvers."""
    refusal = permits(Right.APPROVE, SOMEBODY, IN_THREAD, replace(OPEN, approvers=ASKER), asker_id=ADA)
    assert refusal == Refuse("You may not answer the agent's question here.", f'approvers = ["asker", "{BOB}"]')
    stop = permits(Right.STOP, SOMEBODY, IN_THREAD, OPEN, asker_id=ADA)
    assert stop == Refuse("You may not stop the agent here.", f'approvers = ["{BOB}"]')


def test_no_line_is_offered_where_no_list_can_help() -> None:
    """Direct messages are not opened by any list."""
    assert permits(Right.LOOK, OWNER, DIRECT, STAR, asker_id=None) == Refuse(NO_DIRECT, "")


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
    """Written into the file in place of the key, loaded, judged again: answered, whichever lists stood in the way."""
    folder = tmp_path_factory.mktemp("line")
    lists = {"guilds": guilds, "channels": channels, "users": named}
    facts = Facts(person, place, mentioned=True)
    verdict = decide(facts, rules_of(folder, lines_of(lists)))
    if isinstance(verdict, Refuse):
        verdict = decide(facts, rules_of(folder, replaced(lines_of(lists), verdict.line)))
    assert isinstance(verdict, Answer | OpenThread)


@pytest.mark.parametrize("right", [Right.APPROVE, Right.STOP, Right.RESET])
def test_the_line_that_the_owner_is_told_gives_the_right(tmp_path: Path, right: Right) -> None:
    """The same for buttons and commands."""
    lines = lines_of({"channels": [str(CHANNEL)], "users": ["*"], "approvers": ["asker"]})
    refusal = permits(right, SOMEBODY, IN_THREAD, rules_of(tmp_path, lines), asker_id=ADA)
    assert refusal is not None
    rules = rules_of(tmp_path, replaced(lines, refusal.line))
    assert permits(right, SOMEBODY, IN_THREAD, rules, asker_id=ADA) is None


def lines_of(lists: dict[str, list[str]]) -> dict[str, str]:
    """Write lists as the lines of a configuration."""
    quoted: Callable[[list[str]], str] = lambda names: ", ".join(f'"{name}"' for name in names)  # noqa: E731
    return {key: f"{key} = [{quoted(names)}]" for key, names in lists.items()}


def replaced(lines: dict[str, str], told: str) -> dict[str, str]:
    """Put the told lines in the place of those with the same key."""
    return lines | {line.partition(" ")[0]: line for line in told.splitlines()}


def rules_of(folder: Path, access: dict[str, str]) -> Rules:
    """Load a file with these lines below `[access]`."""
    path = folder / "threadline.toml"
    agent = f"[agents.default]\ncommand = 'sh'\ncwd = '{folder}'\n"
    path.write_text("\n".join(['[discord]\ntoken = "t0ken"\n[access]', *access.values(), agent]))
    return load(path).access.rules
