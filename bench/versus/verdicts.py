"""The outcome of a scene: checks that a bot passes or fails, and figures. Pure."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.statistics import Figure


class Wrong(Exception):
    """A check has failed. The text says what was seen instead."""


@dataclass(frozen=True, slots=True)
class Check:
    """A property, and why the bot does not have it; None if it has it."""

    name: str
    failure: str | None

    @property
    def passed(self) -> bool:
        """Whether the bot has the property."""
        return self.failure is None


class Verdicts:
    """The checks and figures of one scene. The checks are known before the scene is played."""

    def __init__(self, checks: Sequence[str]) -> None:
        """Expect these checks."""
        self._names = checks
        self._decided: dict[str, Check] = {}
        self.obstacle = ""
        """Why the scene could not be played to its end."""
        self.is_judging = False
        self.figures: list[Figure] = []

    @property
    def checks(self) -> list[Check]:
        """All checks in order. Those that were not reached have failed."""
        return [self._decided.get(name) or Check(name, self.obstacle or "not reached") for name in self._names]

    @contextmanager
    def judging(self, check: str) -> Iterator[None]:
        """Decide a check by whether the block raises `Wrong`, AssertionError or TimeoutError. The scene goes on."""
        if check not in self._names:
            raise LookupError(f"the scene has no check {check!r}")
        self.is_judging = True
        try:
            yield
        except (Wrong, AssertionError, TimeoutError) as error:
            self._decided[check] = Check(check, str(error) or "timed out")
        else:
            self._decided[check] = Check(check, None)
        finally:
            self.is_judging = False

    def has_passed(self, check: str) -> bool:
        """Return whether this check has been decided in the bot's favour."""
        return check in self._decided and self._decided[check].passed


def demand(condition: object, otherwise: str) -> None:
    """Raise `Wrong` with this text unless the condition is true."""
    if not condition:
        raise Wrong(otherwise)
