"""What a live check finds: for each thing that it looks at, what was expected, what was seen, and the verdict."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.cli.texts import live as texts


class Verdict(StrEnum):
    """The result of one comparison. A measured figure has no expectation."""

    EXPECTED = "ok"
    MEASURED = "measured"
    SURPRISE = "SURPRISE"


@dataclass(frozen=True, slots=True)
class LiveFinding:
    """One comparison of a step, with the number that the documentation gives to the step."""

    step: int
    subject: str
    expected: str
    seen: str
    verdict: Verdict

    def __str__(self) -> str:
        """Return the line that is printed."""
        return texts.line(self.verdict, self.step, self.subject, self.expected, self.seen)


@dataclass
class LiveFindings:
    """The findings so far. `on_finding` is called for each as it is made."""

    on_finding: Callable[[LiveFinding], None]
    step: int = 0
    """The number of the step that runs."""
    all: list[LiveFinding] = field(default_factory=list)

    def expect(self, subject: str, expected: str, seen: str, *, holds: bool) -> None:
        """Compare: it is a surprise unless the expectation `holds`."""
        self._add(subject, expected, seen, Verdict.EXPECTED if holds else Verdict.SURPRISE)

    def measure(self, subject: str, seen: str) -> None:
        """Note a figure that has no expectation."""
        self._add(subject, texts.ANY, seen, Verdict.MEASURED)

    def _add(self, subject: str, expected: str, seen: str, verdict: Verdict) -> None:
        finding = LiveFinding(self.step, subject, expected, seen, verdict)
        self.all.append(finding)
        self.on_finding(finding)

    @property
    def surprises(self) -> list[LiveFinding]:
        """The findings that are not as expected."""
        return [each for each in self.all if each.verdict is Verdict.SURPRISE]
