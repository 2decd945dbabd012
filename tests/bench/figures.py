"""One figure, and how to take a quantile."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value and what it should be at the most."""

    name: str
    value: float
    goal: float
    unit: str = ""

    def row(self) -> str:
        """Write the row: tab-separated, so that a script can read it."""
        verdict = "ok" if self.value <= self.goal else "short"
        return f"{self.name}\t{self.value:.3g}{self.unit}\t<= {self.goal:g}{self.unit}\t{verdict}"


def quantile(values: Sequence[float], share: float) -> float:
    """Take the value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
