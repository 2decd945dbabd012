"""Two other ways to judge a canary, as known tools have them. Only for figures.

Thresholds are what Argo Rollouts and Flagger do: the canary's rate in each minute against a limit,
and so many failed minutes in all. Mann-Whitney is what Kayenta's classifier does at the end of the
bake. `verdict.py` compares the bot's judge with both; the bot has neither. Each is tuned here on
good releases of the same traffic and base rate, to 1 % false rollbacks: nobody knows his limits
that well, so the figures flatter them.
"""

from dataclasses import dataclass

import numpy as np

from tests.bench.many import NEVER, first
from tests.bench.streams import LOOKS, Counts, Reals, Streams, joined

FALSE = 0.01
"""Share of good releases that a peer may roll back where it is tuned."""

LOOKS_A_MINUTE = 4
TIMES = (1, 2, 3, 5)
"""Failed minutes that end a bake; which is best is tuned."""

SHIFTED, EFFECT = 0.25, 1.25
"""Kayenta's tolerance: a quarter of the shift, and means that differ by a quarter."""

AT_A_TIME = 250
"""Releases whose 3,600 differences each are held at the same time."""


@dataclass(frozen=True)
class Thresholds:
    """The canary alone against a limit, a minute at a time."""

    limit: float
    times: int

    def caught(self, streams: Streams) -> Counts:
        """After how many looks each release is rolled back, or `NEVER`."""
        failed = (_by_minute(streams) > self.limit).cumsum(axis=1)
        return first(failed >= self.times) * LOOKS_A_MINUTE

    @classmethod
    def tuned(cls, good: list[Streams], bad: list[Streams]) -> "Thresholds":
        """Take the limit that gives 1 % false rollbacks, and the N that then catches most."""
        descending = -np.sort(-_by_minute(joined(good)), axis=1)
        found = [cls(_limit(descending[:, times - 1]), times) for times in TIMES]
        whole = joined(bad)
        return max(found, key=lambda it: float(np.mean(it.caught(whole) != NEVER)))


@dataclass(frozen=True)
class MannWhitney:
    """The canary's 15-s rates against those of all of stable, once, at the end of the bake."""

    limit: float

    def caught(self, streams: Streams) -> Counts:
        """After how many looks each release is rolled back: all of them, or `NEVER`."""
        return np.where(scores(streams) > self.limit, LOOKS, NEVER)

    @classmethod
    def tuned(cls, good: list[Streams]) -> "MannWhitney":
        """Take the level that gives 1 % false rollbacks."""
        return cls(_limit(scores(joined(good))))


def scores(streams: Streams) -> Reals:
    """Give the test's z for each release, and less than anything where the effect is too small."""
    parts = range(0, len(streams), AT_A_TIME)
    return np.concatenate([_scores(streams.part(at, at + AT_A_TIME)) for at in parts])


def _scores(streams: Streams) -> Reals:
    """Does the canary's rate still lie above stable's, once a quarter of the shift is taken off?

    The shift is Hodges and Lehmann's, the median of all differences. One-sided test with the normal
    approximation, corrected for ties and continuity.
    """
    canary, stable = _rates(streams.f_c, streams.n_c), _rates(streams.f_s, streams.n_s)
    count, size = canary.shape
    apart = (canary[:, :, None] - stable[:, None, :]).reshape(count, -1)
    allowed = SHIFTED * np.abs(np.median(apart, axis=1))
    above = (apart > allowed[:, None]).sum(axis=1) + (apart == allowed[:, None]).sum(axis=1) / 2
    ties = _ties(np.concatenate([canary, stable + allowed[:, None]], axis=1))
    whole = 2 * size
    variance = size * size / 12 * (whole + 1 - ties / (whole * (whole - 1)))
    flat = variance <= 0
    z = (above - size * size / 2 - 0.5) / np.sqrt(np.where(flat, 1.0, variance))
    large = canary.mean(axis=1) > EFFECT * stable.mean(axis=1)
    return np.where(large & ~flat, z, -np.inf)


def _ties(values: Reals) -> Reals:
    """Sum t^3 - t over the groups of t equal values in each row.

    The value at place j of its group, from 0, adds 3j(j + 1): over a group that is t^3 - t.
    """
    ordered = np.sort(values, axis=1)
    places = np.arange(values.shape[1])
    begins = np.ones(ordered.shape, dtype=np.bool_)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    j = places - np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    found: Reals = (3.0 * j * (j + 1)).sum(axis=1)
    return found


def _by_minute(streams: Streams) -> Reals:
    shape = (len(streams), -1, LOOKS_A_MINUTE)
    return _rates(streams.f_c.reshape(shape).sum(axis=2), streams.n_c.reshape(shape).sum(axis=2))


def _rates(failed: Counts, requests: Counts) -> Reals:
    """Give the share that failed; without requests it is 0."""
    return failed / np.maximum(requests, 1)


def _limit(values: Reals) -> float:
    """Give the lowest limit that at most 1 % of the values exceed."""
    ordered = np.sort(values)[::-1]
    return float(ordered[int(FALSE * len(ordered))])
