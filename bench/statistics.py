"""The figures of a measurement, and percentiles. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Against:
    """The comparison of a figure: measured in the same run and unit, or a theoretical bound."""

    what: str
    value: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `how` describes the measurement."""

    name: str
    value: float
    unit: str
    how: str
    against: Against | None = None

    @property
    def ratio(self) -> float | None:
        """The value divided by its comparison, None without one or if it is 0."""
        return self.value / self.against.value if self.against is not None and self.against.value else None


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the percentile of samples by nearest rank. Raises ValueError without samples."""
    if not samples:
        raise ValueError("a percentile of no samples")
    rank = max(1, math.ceil(len(samples) * percent / 100))
    return sorted(samples)[rank - 1]
