"""The plan of a round, made from the seed: who says what where, and which fault strikes when. Pure."""

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

__all__ = ["IN_LINES", "IN_TMP", "Event", "Fault", "Line", "Place", "Round", "Trigger", "Trouble", "Way", "plan"]

PLACES: Final = (2, 4)
"""How many threads a round talks in, from and to."""

LINES: Final = (1, 3)
"""Messages that a person sends to a thread in a round, without bursts."""

BURST: Final = (5, 9)

CODE: Final = (20, 240)
"""Lines of a long answer; a page holds about 120."""

PAUSE_SECONDS: Final = 0.25
"""The longest pause between two messages of a thread."""

DELAY_SECONDS: Final = 0.15
"""A fault comes at once after what triggers it, or at most so much later."""

SOON_SECONDS: Final = 0.02
"""Likewise, where it is to strike before the bot has done the next thing."""

COMMANDS: Final = 0.12
"""The probability that a round begins with a command."""

HOSTILE: Final = ("quotes 2600", "rewrite 400", "bulk 15000000", "flood 3000")
"""What a hostile agent says before its answer."""

BULKY: Final = 100_000
"""Characters of an answer that does not fit into memory, for the bot."""


class Trouble(StrEnum):
    """What can go wrong in a round."""

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


IN_LINES: Final = frozenset({Trouble.BURST, Trouble.HOSTILE})
"""Troubles that lie in what is said, and do not strike."""

IN_TMP: Final = frozenset({Trouble.NO_TMP, Trouble.FULL_TMP})
"""Troubles that begin with the round, so that an answer which needs room comes upon them."""


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
    """What a fault can wait for."""

    SAID = "a person's message"
    OPENED = "a new thread"
    SEEN = "the bot's reaction"
    POSTED = "a message of the bot"
    EDITED = "an edit by the bot"
    REQUESTED = "a request that the bot posts for a person"


@dataclass(frozen=True, slots=True)
class Trigger:
    """The `count`-th event of a kind in the round, and so many seconds after it."""

    event: Event
    count: int
    delay: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and when. `luck` in [0, 1) decides what is left open: which thread, which agent."""

    trouble: Trouble
    trigger: Trigger
    luck: float


class Way(StrEnum):
    """How a person asks."""

    SAY = "a message"
    ASK = "/ask"
    ABOUT = "Ask about this"
    AGAIN = "a message, and Retry once it is answered"


@dataclass(frozen=True, slots=True)
class Line:
    """A message: the token that its answer must hold, the agent's script, and the seconds before the next one.

    `code_lines` is how many numbered lines of code its answer shows; `lethal` is whether the agent dies of it.
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
    """What is said in one thread: a new one, or with `old` in [0, 1) one of the earlier ones."""

    lines: tuple[Line, ...]
    old: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """A plan. `luck` seeds what people do about the questions and notices that they come upon.

    `said` are the troubles that lie in what is said.
    """

    number: int
    places: tuple[Place, ...]
    faults: tuple[Fault, ...]
    luck: str
    said: frozenset[Trouble] = frozenset()


def plan(seed: int, number: int, troubles: Collection[Trouble] = tuple(Trouble)) -> Round:
    """Make the plan of a round. It depends on the arguments only; `troubles` are those that may happen."""
    luck = f"{seed}/{number}"
    chance = random.Random(luck)
    chosen = [trouble for trouble, odds in ODDS.items() if chance.random() < odds and trouble in troubles]
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
            lines[0] = _dear(chance, lines[0], chosen)
        places.append(Place(tuple(lines), old))
        said += length
    faults = tuple(
        Fault(trouble, _trigger(chance, trouble), chance.random()) for trouble in chosen if trouble not in IN_LINES
    )
    return Round(number, tuple(places), faults, luck, IN_LINES.intersection(chosen))


def _commanded(chance: random.Random, line: Line, chosen: Collection[Trouble]) -> Line:
    """Ask a line by a command, if there is to be one."""
    if Trouble.KILL_IN_COMMAND not in chosen and chance.random() >= COMMANDS:
        return line
    way = chance.choice([Way.ASK, Way.ABOUT, Way.AGAIN])
    return replace(line, way=way, script=f"say {line.token}", code_lines=0, lethal=False)


def _dear(chance: random.Random, line: Line, chosen: Collection[Trouble]) -> Line:
    """Let the agent say what is dear to take, where some troubles are about that."""
    hostile = [chance.choice(HOSTILE)] if Trouble.HOSTILE in chosen else []
    bulky = [f"huge {BULKY}"] if not IN_TMP.isdisjoint(chosen) else []
    if not hostile and not bulky:
        return line
    script = "\n".join([*hostile, f"say {line.token}", *bulky])
    return replace(line, script=script, code_lines=0, lethal=False)


def _line(chance: random.Random, name: str, *, hurry: bool) -> Line:
    """Write one message. In a hurry nothing takes long."""
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
"""Kinds of messages, and how often each is sent."""


def _trigger(chance: random.Random, trouble: Trouble) -> Trigger:
    if trouble is Trouble.KILL_IN_COMMAND:
        return Trigger(Event.REQUESTED, 1, chance.choice([0.0, 0.0, chance.uniform(0, SOON_SECONDS)]))
    if trouble in IN_TMP:
        return Trigger(Event.SAID, 1, 0.0)
    delay = 0.0 if chance.random() < 0.5 else chance.uniform(0, DELAY_SECONDS)
    events = [event for event in Event if event is not Event.REQUESTED]
    return Trigger(chance.choice(events), chance.randint(1, 5), delay)
