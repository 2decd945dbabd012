"""What a release's bakes can see, told before they begin: the smallest harm that they find. Pure.

From the service's own traffic and failures (docs/analysis.md). Used when the plan is made; shown
on the card, so that nobody takes a quiet bake for a proof.
"""

from collections.abc import Mapping, Sequence
from math import log, sqrt

from bot.domain.analysis import margins_of
from bot.domain.baselines import beside
from bot.domain.facts import Rate
from bot.domain.indicators import Watching
from bot.domain.judge import Margins, growth
from bot.domain.plans import PlanStep
from bot.domain.targets import BASELINE
from bot.domain.value import Value

SURE = 1.4
"""How many more requests than the median decision takes: then four of five are found in time."""

MOST = 1000.0
"""Ratio above which no harm is told from another: all requests fail."""

MANY = 10.0
"""Ratio from which on a bake finds nothing but a crash."""


class Sight(Value):
    """The smallest ratio of failure rates that an indicator finds; None: not even a crash."""

    indicator: str
    ratio: float | None


def foresee(
    steps: Sequence[PlanStep], watching: Watching, rates: Mapping[str, Rate], live_pods: int
) -> list[Sight]:
    """Say for each indicator whose traffic is known what the judged bakes together can see."""
    share = _weighted_seconds(steps, live_pods)
    if share is None:
        return []
    new, old = share
    return [
        Sight(
            indicator=name,
            ratio=smallest_ratio(
                margins_of(indicator),
                rates[name].per_second * new,
                rates[name].per_second * old,
                rates[name].failing,
            ),
        )
        for name, indicator in watching.indicators.items()
        if name in rates
    ]


def _weighted_seconds(steps: Sequence[PlanStep], live_pods: int) -> tuple[float, float] | None:
    """Seconds of all the traffic that each side gets in the judged bakes; None: none is judged.

    A baseline is one side, and gets but its part of what the live slot does.
    """
    weight, new, old, against = 0, 0.0, 0.0, None
    for step in steps:
        if step.kind == BASELINE:
            against = beside(step.share, live_pods)
        elif step.kind == "shift":
            weight = step.weight or 0
        elif step.kind == "bake" and step.judged:
            new += (step.seconds or 0) * weight / 100
            part = against.part if against else 1.0
            old += (step.seconds or 0) * (100 - weight) / 100 * part
    return (new, old) if new > 0 else None


def smallest_ratio(margins: Margins, n_c: float, n_s: float, failing: float) -> float | None:
    """Find how many times the live rate the new slot must fail to be found in four of five bakes.

    `n_c`, `n_s`: requests on the new and the live slot in the bake; `failing`: the live rate.
    """
    # With no failure seen so far, one in the budget's tenth is as good a guess as any.
    rate = max(failing, margins.delta)
    if n_c <= 0 or not _found(margins, n_c, n_s / n_c, rate, MOST):
        return None
    low, high = 1.0, MOST
    while high / low > 1.01:  # noqa: PLR2004 - a hundredth is finer than anybody reads
        middle = sqrt(low * high)
        if _found(margins, n_c, n_s / n_c, rate, middle):
            high = middle
        else:
            low = middle
    return high


def _found(margins: Margins, n_c: float, split: float, rate: float, ratio: float) -> bool:
    grows = max(
        growth(psi, min(1.0, rate * ratio), rate, split, (margins.rho, margins.delta))
        for psi in margins.bets
    )
    if grows <= 0:
        return False
    needed = margins.m * (log(1 / margins.alpha) + log(2 * len(margins.bets))) / grows
    return n_c >= SURE * needed
