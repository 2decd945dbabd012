"""Simulated releases: what a bake of 15 minutes counts on both slots, good versions and bad ones.

The figures of the judge draw from here (`verdict.py`), and so does the proof of `many.py`. Each
cell has a seed of its own, so a row stays the same whatever else is drawn before it.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

SECONDS, LOOKS = 15.0, 60
"""A look every 15 s, for 15 minutes."""

WEIGHT = 0.1
"""The canary's share of the requests."""

TRAFFICS = (1, 10, 100, 1000)
"""Requests a second on both slots."""

ERRORS = (0.0005, 0.005, 0.02)
"""How often a request fails on a good version, for the objective on errors."""

SLOW = 0.01
"""How often a request is too slow on a good version, for the objective on latency."""

CONDITIONS = ("calm", "drift", "bursts")

GOOD = "good"
OF_ERRORS = ("x2", "x5", "+0.5 pt", "leak", "crash")
OF_LATENCY = ("slow 1 to 3 %",)

SEED = 20406
EVALUATE, TUNE, PROVE = 0, 1, 2
"""What streams are for. Peers are tuned on others than they are compared on."""

BURST_FACTOR, BURST_ONSET, BURST_END = 10.0, 0.05, 0.5
"""A burst is common to both slots: 5 % begin in a look, and half of those under way end in one, so
that they last 30 s on average."""

LEAK_POINTS = 0.02
CRASH_RATE, CRASH_LOOKS = 0.5, 4
CRASH_FROM, CRASH_TO = 8, 40
"""A crash begins with a random look between minutes 2 and 10, and half of its minute fails."""

MIDDLES = (np.arange(LOOKS) + 0.5) / LOOKS
"""Where in the bake the middle of each look lies, from 0 to 1."""


@dataclass(frozen=True)
class Cell:
    """One kind of release. `latency` tells that slow requests are counted, not errors."""

    rps: int
    base: float
    condition: str
    fault: str = GOOD
    latency: bool = False


@dataclass(frozen=True)
class Streams:
    """Counts of many releases, a row each, a column a look. The names are the judge's own."""

    n_c: Counts
    f_c: Counts
    n_s: Counts
    f_s: Counts

    def __len__(self) -> int:
        return len(self.n_c)

    def part(self, begin: int, end: int) -> "Streams":
        """Take some of the releases."""
        return Streams(*(it[begin:end] for it in (self.n_c, self.f_c, self.n_s, self.f_s)))


def joined(parts: list[Streams]) -> Streams:
    """Put releases of several kinds below one another."""
    return Streams(
        *(np.concatenate([getattr(it, name) for it in parts]) for name in Streams.__annotations__)
    )


def draw(cell: Cell, count: int, purpose: int) -> Streams:
    """Draw so many releases of a kind: requests come as a Poisson process and fail by chance."""
    rng = _generator(cell, purpose)
    q_s = np.full((count, LOOKS), cell.base)
    requests = np.full(LOOKS, cell.rps * SECONDS)
    if cell.condition == "drift":
        q_s *= 0.5 + MIDDLES
        requests *= 0.7 + 0.6 * MIDDLES
    if cell.condition == "bursts":
        q_s *= np.where(_bursts(rng, count), BURST_FACTOR, 1.0)
    q_s = np.minimum(q_s, 1.0)
    q_c = np.minimum(_faulty(cell.fault, q_s, rng), 1.0)
    n_c = rng.poisson(np.broadcast_to(WEIGHT * requests, q_s.shape))
    n_s = rng.poisson(np.broadcast_to((1 - WEIGHT) * requests, q_s.shape))
    return Streams(n_c, rng.binomial(n_c, q_c), n_s, rng.binomial(n_s, q_s))


def mixed(each: int, *, latency: bool) -> Streams:
    """Draw a few releases of every kind, to compare two judges on."""
    bases, faults = ((SLOW,), OF_LATENCY) if latency else (ERRORS, OF_ERRORS)
    kinds = product(TRAFFICS, bases, CONDITIONS, (GOOD, *faults))
    return joined([draw(Cell(*kind, latency=latency), each, PROVE) for kind in kinds])


def _generator(cell: Cell, purpose: int) -> np.random.Generator:
    fault = (GOOD, *OF_ERRORS, *OF_LATENCY).index(cell.fault)
    condition = CONDITIONS.index(cell.condition)
    key = [purpose, cell.rps, round(cell.base * 1e6), condition, fault, int(cell.latency)]
    return np.random.default_rng([SEED, *key])


def _bursts(rng: np.random.Generator, count: int) -> npt.NDArray[np.bool_]:
    """Say for each look whether it lies in a burst. Every release begins without one."""
    found = np.zeros((count, LOOKS), dtype=np.bool_)
    now = np.zeros(count, dtype=np.bool_)
    for at in range(LOOKS):
        chance = rng.random(count)
        now = np.where(now, chance >= BURST_END, chance < BURST_ONSET)
        found[:, at] = now
    return found


def _faulty(fault: str, q_s: Reals, rng: np.random.Generator) -> Reals:
    """Give the canary's failure rate, from that of the live version at the same time."""
    match fault:
        case "x2":
            return q_s * 2
        case "x5":
            return q_s * 5
        case "+0.5 pt":
            return q_s + 0.005
        case "slow 1 to 3 %":
            return q_s * 3
        case "leak":
            return q_s + LEAK_POINTS * MIDDLES
        case "crash":
            begins = rng.integers(CRASH_FROM, CRASH_TO, len(q_s), endpoint=True)[:, None]
            since = np.arange(LOOKS) - begins
            return np.where((since >= 0) & (since < CRASH_LOOKS), np.maximum(q_s, CRASH_RATE), q_s)
        case _:
            return q_s
