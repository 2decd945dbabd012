"""The fresh baseline: a third copy, of the live version, made new at a release to compare with.

Pods that have run for days differ from new ones whatever their version: caches, leaks, memory. A
baseline is as old as the new version's pods and as many. It stands behind the live slot's Service
beside its pods, and so takes its part of their traffic. Pure; docs/analysis.md says the rest.
"""

from collections.abc import Sequence

from bot.domain.policies import StrategyKind
from bot.domain.targets import BASELINE
from bot.domain.value import Value


class Beside(Value):
    """A baseline that stands: its pods, and the live slot's when it came."""

    pods: int
    live: int

    @property
    def part(self) -> float:
        """Its part of the live slot's traffic, which goes to all of these pods alike."""
        return self.pods / (self.live + self.pods) if self.pods else 1.0


def beside(share: int, live: int) -> Beside | None:
    """Give the baseline that a step of that share brings beside so many live pods.

    None: it takes it away.
    """
    if not share:
        return None
    size = max(1, live)
    return Beside(pods=-(-size * share // 100), live=size)


def compared_share(weight: float, against: Beside | None) -> float:
    """Give the new slot's share of all requests that are compared, in per cent.

    `weight`: its share of the traffic. With a baseline the most of the live slot's is not counted.
    """
    old = (100 - weight) * (against.part if against else 1.0)
    return 100 * weight / (weight + old)


def control_words(control: str) -> str:
    """Write whose rate it is: `blue's`, `the baseline's`."""
    return f"the {BASELINE}'s" if control == BASELINE else f"{control}'s"


def most_pods(kind: StrategyKind, weights: Sequence[int], live: int) -> int:
    """Say how many pods a baseline takes at the most while a strategy's weights are compared."""
    share = weights[-2] if kind == "canary" and len(weights) > 1 else 100
    most = beside(share, live)
    return most.pods if most else 0
