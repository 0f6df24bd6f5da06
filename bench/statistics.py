"""The figures of a measurement, and the arithmetic of samples. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Against", "Figure", "percentile"]


@dataclass(frozen=True, slots=True)
class Against:
    """What a figure is compared with: measured in the same run and the same unit, or a bound that theory gives."""

    what: str
    value: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `how` says in a few words what was timed or counted, and how often."""

    name: str
    value: float
    unit: str
    how: str
    against: Against | None = None

    @property
    def ratio(self) -> float | None:
        """The value divided by what it is compared with; None without one, or where that is 0."""
        return self.value / self.against.value if self.against is not None and self.against.value else None


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of all do not exceed (nearest rank). Raises ValueError on none."""
    if not samples:
        raise ValueError("a percentile of no samples")
    rank = max(1, math.ceil(len(samples) * percent / 100))
    return sorted(samples)[rank - 1]
