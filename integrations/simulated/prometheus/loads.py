"""What a service's traffic is like, where it goes, and what ails it. Pure values and functions.

Called by `streams`, which asks for one `Flow` a pod; `targets` draws from it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from integrations.simulated.prometheus.draws import lognormal_below

BOUNDS = (0.05, 0.1, 0.3, 1.0, math.inf)
"""Upper bounds of the histogram's buckets, in seconds."""


@dataclass(frozen=True)
class Pod:
    """One pod that is scraped. `share` is its part of all the service's requests, 0 to 1."""

    name: str
    slot: str
    version: str
    share: float


@dataclass(frozen=True)
class Load:
    """A service's traffic.

    `rate` is requests a second, `failing` the share of them that fails when all is well, `median`
    the seconds that half of them stay below, `spread` the sigma of the logarithm of those seconds,
    `connections` what a pod holds open without any traffic. With `zeroes` False a pod has no
    series of failures before the first failure, as programs have that don't begin at 0.
    """

    rate: float = 20.0
    failing: float = 0.001
    median: float = 0.06
    spread: float = 0.6
    connections: float = 4.0
    zeroes: bool = True


Kind = Literal["fails", "slows", "silences", "forgets", "nan"]


@dataclass(frozen=True)
class Ailment:
    """What ails some of a service's pods; all of them where nothing is named.

    `pod` is how their names begin.
    """

    kind: Kind
    version: str | None = None
    slot: str | None = None
    pod: str | None = None

    def strikes(self, pod: Pod) -> bool:
        """Whether the pod is one of those."""
        named = self.pod is None or pod.name.startswith(self.pod)
        return named and self.version in (None, pod.version) and self.slot in (None, pod.slot)


@dataclass(frozen=True)
class Flow:
    """What is to be expected of one pod: numbers per second, and what its scrapes are like."""

    good: float
    bad: float
    buckets: tuple[float, ...]
    """Requests a second in each bucket alone, not in those below it too."""
    seconds: float
    """Seconds of work in a second."""
    connections: float
    silent: bool = False
    forgotten: bool = False
    nan: bool = False


def flow_of(load: Load, pod: Pod, ailments: Mapping[Ailment, float]) -> Flow:
    """Work out what one pod gets and makes of it. An ailment's number is its share or factor."""
    own = [(a.kind, by) for a, by in ailments.items() if a.strikes(pod)]
    kinds = {kind for kind, _ in own}
    well = (1 - load.failing) * math.prod(1 - by for kind, by in own if kind == "fails")
    median = load.median * math.prod(by for kind, by in own if kind == "slows")
    rate = load.rate * pod.share
    below = [0.0, *(lognormal_below(bound, median, load.spread) for bound in BOUNDS)]
    seconds = rate * median * math.exp(load.spread**2 / 2)
    return Flow(
        good=rate * well,
        bad=rate * (1 - well),
        buckets=tuple(rate * (up - low) for low, up in pairwise(below)),
        seconds=seconds,
        # As many are open as come in the time that one takes (Little's law).
        connections=load.connections + seconds,
        silent="silences" in kinds,
        forgotten="forgets" in kinds,
        nan="nan" in kinds,
    )
