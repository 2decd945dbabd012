"""Draws counts at random, with the standard library only. Called by `targets`; keeps no state.

Small counts are drawn as they are, large ones from the normal distribution: nobody sees a
difference, and a jump of hours costs one draw.
"""

import math
from random import Random

LARGE = 30.0
"""Mean from which on the normal distribution is near enough."""

EACH = 30
"""Trials that are drawn one by one; more of them are drawn together."""


def poisson(rng: Random, mean: float) -> int:
    """Draw how many of independent events happened."""
    if mean <= 0:
        return 0
    if mean > LARGE:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    # As many factors as it takes to get below e^-mean.
    count, product, floor = 0, rng.random(), math.exp(-mean)
    while product > floor:
        count += 1
        product *= rng.random()
    return count


def binomial(rng: Random, trials: int, share: float) -> int:
    """Draw how many of so many trials have it, each with that probability."""
    if trials <= 0 or share <= 0:
        return 0
    if share >= 1:
        return trials
    if share > 0.5:  # noqa: PLR2004 - the rarer side is drawn
        return trials - binomial(rng, trials, 1 - share)
    if trials <= EACH:
        return sum(rng.random() < share for _ in range(trials))
    mean = trials * share
    if mean < LARGE:
        return min(trials, poisson(rng, mean))
    return min(trials, max(0, round(rng.gauss(mean, math.sqrt(mean * (1 - share))))))


def lognormal_below(bound: float, median: float, spread: float) -> float:
    """Share of a lognormal distribution up to the bound. `spread` is the sigma of its logarithm."""
    if math.isinf(bound):
        return 1.0
    return 0.5 * (1 + math.erf(math.log(bound / median) / (spread * math.sqrt(2))))
