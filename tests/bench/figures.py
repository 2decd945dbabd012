"""One figure, and how to take a quantile."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value and what it should be at the most, or at the least."""

    name: str
    value: float
    goal: float
    unit: str = ""
    at_least: bool = False

    def row(self) -> str:
        """Write the row: tab-separated, so that a script can read it."""
        met = self.value >= self.goal if self.at_least else self.value <= self.goal
        goal = f"{'>=' if self.at_least else '<='} {self.goal:g}{self.unit}"
        return f"{self.name}\t{self.value:.3g}{self.unit}\t{goal}\t{'ok' if met else 'short'}"


def quantile(values: Sequence[float], share: float) -> float:
    """Take the value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
