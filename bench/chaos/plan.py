"""The plan of a round, which depends on the seed: messages, and faults with their triggers. Pure."""

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

PLACES: Final = (2, 4)
"""The fewest and the most threads of a round."""

LINES: Final = (1, 3)
"""The fewest and the most messages in a thread without a burst."""

BURST: Final = (5, 9)

CODE: Final = (20, 240)
"""The fewest and the most lines of a long answer. A page has about 120."""

PAUSE_SECONDS: Final = 0.25
"""The longest pause between two messages of a thread."""

DELAY_SECONDS: Final = 0.15
"""The longest delay of a fault after its trigger."""

SOON_SECONDS: Final = 0.02
"""The same for a fault that must strike before the bot's next action."""

COMMANDS: Final = 0.12
"""The probability that a round begins with a command."""

HOSTILE: Final = ("quotes 2600", "rewrite 400", "bulk 15000000", "flood 3000")
"""The directives of a hostile agent before its answer."""

BULKY: Final = 100_000
"""Characters of an answer that the bot puts into a temporary file."""


class Trouble(StrEnum):
    """The kinds of faults in a round."""

    KILL_BOT = "bot killed"
    STOP_BOT = "bot stopped"
    KILL_AGENT = "agent killed"
    DROP = "gateway dropped"
    LOSE = "gateway lost"
    RECONNECT = "reconnect asked"
    REPLAY = "event replayed"
    TWICE = "events doubled"
    BURST = "burst"
    CANCEL = "cancelled"
    UNAVAILABLE = "REST 503"
    RESET = "REST reset"
    ANSWER_LOST = "REST answer lost"
    SLOW = "REST slow"
    TOO_MANY = "REST 429"
    EDGE = "REST refused by the edge"
    ROLES = "roles not to be read"
    OUTAGE = "Discord away"
    NO_TMP = "TMPDIR gone"
    FULL_TMP = "TMPDIR full"
    RIGHTS = "rights taken away"
    HOSTILE = "hostile agent"
    KILL_IN_COMMAND = "bot killed in a command"
    KILL_CLIENT = "client of a machine killed"
    KILL_RUNNER = "runner on a machine killed"
    CUT_OFF = "machine cut off"
    FREEZE = "links of a machine silent"


IN_LINES: Final = frozenset({Trouble.BURST, Trouble.HOSTILE})
"""Troubles that are part of messages, and have no trigger."""

ELSEWHERE: Final = {
    Trouble.KILL_CLIENT: 0.35,
    Trouble.KILL_RUNNER: 0.25,
    Trouble.CUT_OFF: 0.25,
    Trouble.FREEZE: 0.15,
}
"""The troubles of agents on other machines, and the probability of each in a round."""

IN_TMP: Final = frozenset({Trouble.NO_TMP, Trouble.FULL_TMP})
"""Troubles that begin with the round, to affect its answer that needs room."""


ODDS: Final = {
    Trouble.KILL_BOT: 0.4,
    Trouble.STOP_BOT: 0.12,
    Trouble.KILL_AGENT: 0.25,
    Trouble.DROP: 0.2,
    Trouble.LOSE: 0.2,
    Trouble.RECONNECT: 0.1,
    Trouble.REPLAY: 0.2,
    Trouble.TWICE: 0.15,
    Trouble.BURST: 0.15,
    Trouble.CANCEL: 0.2,
    Trouble.UNAVAILABLE: 0.1,
    Trouble.RESET: 0.1,
    Trouble.ANSWER_LOST: 0.15,
    Trouble.SLOW: 0.05,
    Trouble.TOO_MANY: 0.1,
    Trouble.EDGE: 0.15,
    Trouble.ROLES: 0.2,
    Trouble.OUTAGE: 0.2,
    Trouble.NO_TMP: 0.1,
    Trouble.FULL_TMP: 0.1,
    Trouble.RIGHTS: 0.15,
    Trouble.HOSTILE: 0.15,
    Trouble.KILL_IN_COMMAND: 0.15,
}
"""The probability of each in a round."""


class Event(StrEnum):
    """The events that can trigger a fault."""

    SAID = "a person's message"
    OPENED = "a new thread"
    SEEN = "the bot's reaction"
    POSTED = "a message of the bot"
    EDITED = "an edit by the bot"
    REQUESTED = "a request that the bot posts for a person"


@dataclass(frozen=True, slots=True)
class Trigger:
    """The `count`-th event of a kind in the round, and a delay in seconds after it."""

    event: Event
    count: int
    delay: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A trouble and its trigger. `luck` in [0, 1) decides details, such as the thread or the agent."""

    trouble: Trouble
    trigger: Trigger
    luck: float


class Way(StrEnum):
    """The way of a request."""

    SAY = "a message"
    ASK = "/ask"
    ABOUT = "Ask about this message"
    AGAIN = "a message, and Retry once it is answered"


@dataclass(frozen=True, slots=True)
class Line:
    """A message: the token for its answer, the agent's script, and the seconds before the next one.

    `code_lines` counts the numbered lines of code in its answer. A `lethal` one ends the agent.
    """

    token: str
    script: str
    by: int
    pause: float
    code_lines: int = 0
    lethal: bool = False
    way: Way = Way.SAY


@dataclass(frozen=True, slots=True)
class Place:
    """The messages of one thread: a new one, or with `old` in [0, 1) one of the earlier ones."""

    lines: tuple[Line, ...]
    old: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """A plan. `luck` seeds the users' reactions to questions and notices.

    `said` are the troubles that are part of messages.
    """

    number: int
    places: tuple[Place, ...]
    faults: tuple[Fault, ...]
    luck: str
    said: frozenset[Trouble] = frozenset()


def plan(seed: int, number: int, troubles: Collection[Trouble] = tuple(Trouble)) -> Round:
    """Return the plan of a round, which depends only on the arguments. `troubles` are the possible ones."""
    luck = f"{seed}/{number}"
    chance = random.Random(luck)
    chosen = [trouble for trouble, odds in ODDS.items() if chance.random() < odds and trouble in troubles]
    apart = random.Random(f"{luck}/elsewhere")  # The rest of a plan is the same with other machines and without.
    elsewhere = [trouble for trouble, odds in ELSEWHERE.items() if apart.random() < odds and trouble in troubles]
    count = chance.randint(*PLACES)
    burst = chance.randrange(count) if Trouble.BURST in chosen else None
    places, said = [], 0
    for index in range(count):
        length = chance.randint(*(BURST if index == burst else LINES))
        old = None if chance.random() < 0.5 else chance.random()
        lines = [_line(chance, f"{number:04}-{said + place:02}", hurry=index == burst) for place in range(length)]
        if index == 0:
            lines[0] = _commanded(chance, lines[0], chosen)
        elif index == 1:
            lines[0] = _expensive(chance, lines[0], chosen)
        places.append(Place(tuple(lines), old))
        said += length
    faults = tuple(
        Fault(trouble, _trigger(chance, trouble), chance.random()) for trouble in chosen if trouble not in IN_LINES
    )
    faults += tuple(Fault(trouble, _trigger(apart, trouble), apart.random()) for trouble in elsewhere)
    return Round(number, tuple(places), faults, luck, IN_LINES.intersection(chosen))


def _commanded(chance: random.Random, line: Line, chosen: Collection[Trouble]) -> Line:
    """Turn the line into a command in some rounds."""
    if Trouble.KILL_IN_COMMAND not in chosen and chance.random() >= COMMANDS:
        return line
    way = chance.choice([Way.ASK, Way.ABOUT, Way.AGAIN])
    return replace(line, way=way, script=f"say {line.token}", code_lines=0, lethal=False)


def _expensive(chance: random.Random, line: Line, chosen: Collection[Trouble]) -> Line:
    """Add output that is expensive to handle, if a trouble is about it."""
    hostile = [chance.choice(HOSTILE)] if Trouble.HOSTILE in chosen else []
    bulky = [f"huge {BULKY}"] if not IN_TMP.isdisjoint(chosen) else []
    if not hostile and not bulky:
        return line
    script = "\n".join([*hostile, f"say {line.token}", *bulky])
    return replace(line, script=script, code_lines=0, lethal=False)


def _line(chance: random.Random, name: str, *, hurry: bool) -> Line:
    """Return a message, in a hurry only one that is answered immediately."""
    token = f"answer-{name}"
    say = f"say {token}"
    by, pause = chance.randrange(2), 0.0 if hurry else chance.uniform(0, PAUSE_SECONDS)
    code_lines, lethal = 0, False
    match "plain" if hurry else chance.choices(list(_KINDS), list(_KINDS.values()))[0]:
        case "slow":
            script = f"say begun-{name}\nsleep {chance.uniform(0.05, 0.6):.2f}\n{say}"
        case "long":
            code_lines = chance.randint(*CODE)
            script = f"code {code_lines}\n{say}"
        case "question":
            script = f"ask execute make {name}\n{say}"
        case "tool":
            script = f"tool read notes-{name}\n{say}"
        case "crash":
            script, lethal = f"say begun-{name}\ncrash", True
        case "child":
            script = f"child deaf setsid\n{say}"
        case _:
            script = say
    return Line(token, script, by, pause, code_lines, lethal)


_KINDS: Final = {"plain": 35, "slow": 30, "long": 10, "question": 10, "tool": 8, "crash": 3, "child": 4}
"""The kinds of messages, and their relative frequencies."""


def _trigger(chance: random.Random, trouble: Trouble) -> Trigger:
    if trouble is Trouble.KILL_IN_COMMAND:
        return Trigger(Event.REQUESTED, 1, chance.choice([0.0, 0.0, chance.uniform(0, SOON_SECONDS)]))
    if trouble in IN_TMP:
        return Trigger(Event.SAID, 1, 0.0)
    delay = 0.0 if chance.random() < 0.5 else chance.uniform(0, DELAY_SECONDS)
    events = [event for event in Event if event is not Event.REQUESTED]
    return Trigger(chance.choice(events), chance.randint(1, 5), delay)
