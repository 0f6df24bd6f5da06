"""The doctor's result, as rows for people and as JSON for programs."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.user_messages import agent_checks as texts
from bot.user_messages import sandbox

LISTED = 12
"""Names shown of a long list; JSON has them all."""


class Verdict(StrEnum):
    """What an agent did when the doctor asked for a harmless write."""

    ASKED = "asked"
    ACTED = "acted without asking"
    DEFIED = "asked, was refused, and acted all the same"
    IDLE = "did not try"
    UNTRIED = "not examined"


class Outcome(StrEnum):
    """How a try ended."""

    PASSED = "pass"
    ALLOWED = "allowed"
    NOT_OFFERED = "not offered"
    FAILED = "failed"
    UNTRIED = "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class TryResult:
    """One try of the doctor."""

    result: Outcome = Outcome.UNTRIED
    reason: str = ""
    """Why it failed."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BreakoutResult:
    """One try to break out of a sandbox."""

    result: Outcome
    reached: tuple[str, ...] = ()
    """What could be done, in words."""


@dataclass(slots=True)
class SandboxReport:
    """What was found about an agent's sandbox."""

    engine: str
    network: str
    state: str
    """Whose home the agent uses: its own, or that of the account."""
    tries: dict[str, BreakoutResult] = field(default_factory=dict)
    """All tries by name, in their order."""
    failure: str = ""
    """Why the tries could not be made; empty when they were."""

    @property
    def escaped(self) -> bool:
        """Whether something was reached that the sandbox promises to keep out of reach, or nothing was tried."""
        return bool(self.failure) or any(each.result is Outcome.FAILED for each in self.tries.values())

    @property
    def holds(self) -> bool:
        """Whether nothing at all was reached, so that an agent need not be asked about what it does."""
        passed = all(each.result is Outcome.PASSED for each in self.tries.values())
        return passed and not self.failure and self.state == "own"

    @property
    def lines(self) -> list[str]:
        """The engine, each try, and what follows for `permission`, in words."""
        first = sandbox.engine(self.engine, self.network)
        if self.failure:
            return [first, self.failure]
        tries = [sandbox.tried(name, each.result, each.reached) for name, each in self.tries.items()]
        return [first, *tries, self._advice]

    @property
    def _advice(self) -> str:
        if self.holds:
            return sandbox.HOLDS
        if self.escaped:
            return sandbox.LEAKS
        return sandbox.PORTS_OPEN if self.state == "own" else sandbox.STATE_SHARED


@dataclass(slots=True, kw_only=True)
class ProbeResult:
    """The findings about one agent. Fields that the examination did not reach keep their defaults."""

    agent: str
    """Its name in the configuration."""
    preset: str
    command: tuple[str, ...]
    cwd: str
    name: str = ""
    """Its own name, with its version."""
    protocol_version: int | None = None
    abilities: dict[str, bool] = field(default_factory=dict)
    auth_methods: tuple[str, ...] = ()
    mode: str | None = None
    modes: tuple[str, ...] = ()
    asking_mode: bool | None = None
    """Whether the mode in which it asks first could be set, as the bot does it."""
    models: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    answer: str = ""
    """The beginning of its answer to the one-line prompt."""
    write: Verdict = Verdict.UNTRIED
    question: str = ""
    """Its question, with the choices."""
    tries: dict[str, TryResult] = field(default_factory=lambda: dict.fromkeys(texts.TRIES, TryResult()))
    """All tries by name, in the order in which they are made."""
    sandbox: SandboxReport | None = None
    """What was found about its sandbox, if it has one."""
    left_out: list[str] = field(default_factory=list)
    """Servers and directories of the configuration that it does not get, with the reason."""
    missing: list[str] = field(default_factory=list)
    """Variables that are not set, in words."""
    logged_out: bool = False
    """Whether it says itself that it is logged out."""
    faults: list[str] = field(default_factory=list)
    """Violations of the protocol, and surprising behaviour."""
    quirks: tuple[str, ...] = ()
    """The remarks of its preset."""
    failure: str = ""
    """Why the examination ended early; empty when it did not."""
    advice: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Add a fault, once."""
        if text not in self.faults:
            self.faults.append(text)

    @property
    def well(self) -> bool:
        """Whether the bot can use it, and it does not act without asking."""
        escaped = self.sandbox is not None and self.sandbox.escaped
        return not self.failure and not escaped and self.write not in (Verdict.ACTED, Verdict.DEFIED)


def as_json(found: Iterable[ProbeResult]) -> dict[str, Any]:
    """Return all fields, in their order."""
    return {"agents": [_as_dict(each) for each in found]}


def _as_dict(found: ProbeResult) -> dict[str, Any]:
    fields = {**asdict(found), "well": found.well}
    if found.sandbox is not None:
        fields["sandbox"]["holds"] = found.sandbox.holds
    return fields


def as_lines(found: ProbeResult) -> list[str]:
    """Return plain lines: a heading, then two spaces, a title and a colon before each finding."""
    heading = f"agents.{found.agent}: {texts.OK if found.well else texts.FAILED}"
    return [heading, *(f"  {title}: {line}" for title, text in _rows(found) for line in text.splitlines())]


def print_table(found: ProbeResult, console: Console) -> None:
    """Draw the findings for a terminal."""
    verdict = (texts.OK, "green") if found.well else (texts.FAILED, "red")
    heading = Text.assemble((f"agents.{found.agent}", "bold"), "  ", verdict)
    table = Table(title=heading, title_justify="left", show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for title, text in _rows(found):
        table.add_row(title, Text(text, style=_STYLES.get(title, "")))
    console.print(table)


_STYLES = {"failed": "red", "missing": "yellow", "not given": "yellow", "faults": "yellow", "next steps": "bold"}


def _rows(found: ProbeResult) -> list[tuple[str, str]]:
    """Return title and text of each finding; unknown ones are left out."""
    version = f", protocol version {found.protocol_version}" if found.protocol_version is not None else ""
    rows = {
        "agent": f"{found.name or texts.NO_NAME}{version}" if version else "",
        "preset": found.preset or "none",
        "started as": f"{shlex.join(found.command)}, in {found.cwd}",
        "write test": f"{texts.WRITE_TEST[found.write]}{f': {found.question}' if found.question else ''}",
        "tries": "\n".join(_tries(found)),
        "sandbox": "\n".join(found.sandbox.lines if found.sandbox is not None else ()),
        "asking mode": _mode(found),
        "answer": found.answer.replace("\n", " "),
        "can": _listed(name for name, able in found.abilities.items() if able),
        "cannot": _listed(name for name, able in found.abilities.items() if not able),
        "modes": _listed(found.modes),
        "models": _listed(found.models),
        "commands": _listed(found.commands),
        "login methods": _listed(found.auth_methods),
        "times": _durations(found.seconds),
        "failed": found.failure,
        "missing": "\n".join(found.missing),
        "not given": "\n".join(found.left_out),
        "faults": "\n".join(found.faults),
        "known quirks": "\n".join(found.quirks),
        "next steps": "\n".join(found.advice),
    }
    return [(title, _printable(text)) for title, text in rows.items() if text]


def _tries(found: ProbeResult) -> Iterator[str]:
    """Describe each try that was made, then name the others; empty if none was made."""
    made = {name: each for name, each in found.tries.items() if each.result is not Outcome.UNTRIED}
    for name, each in made.items():
        yield texts.tried(name, each.result, each.reason.partition("\n")[0])
    if made and (others := found.tries.keys() - made):
        yield texts.not_tried([name for name in found.tries if name in others])


def _mode(found: ProbeResult) -> str:
    if found.asking_mode is None:
        return ""
    return texts.asking_mode(found.mode, could_set=found.asking_mode, has_modes=bool(found.modes))


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return ", ".join(known[:LISTED]) + more


def _durations(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{step} {taken:.2f} s" for step, taken in seconds.items())


def _printable(text: str) -> str:
    """Escape control characters, so that an agent's text cannot control the terminal."""
    shown = (letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)
    return "".join(shown)
