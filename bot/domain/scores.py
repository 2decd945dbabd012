"""Scores: findings weighed to one number, and measures against their budgets. Pure.

`securityScore` and `performanceScore` of the platform's events, and what `/scan` shows. What is
not known has no score: None, never 1.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal

from bot.domain.evidence import Kind
from bot.domain.severities import Severity
from bot.domain.submitted import Submitted
from bot.domain.value import Value

WEIGHTS: Mapping[Severity, float] = {
    Severity.CRITICAL: 0.25,
    Severity.HIGH: 0.02,
    Severity.MEDIUM: 0.005,
    Severity.LOW: 0.001,
    Severity.INFO: 0.0,
    # Its tool does not say, which is no reason to think well of it.
    Severity.UNKNOWN: 0.02,
}
"""What one finding takes off. The first four give the 0.95 of the platform's own example."""

SCORED = (Kind.SAST, Kind.CONTAINER)
"""The kinds whose findings are weighed; the score is known once both are there."""

_STEP = Decimal("0.01")


class Scores(Value):
    """Both scores, from 0 to 1, two places. None: not known."""

    security: float | None = None
    performance: float | None = None


NO_SCORES = Scores()


def scores_of(
    evidence: Iterable[Submitted], weights: Mapping[Severity, float], budgets: Mapping[str, float]
) -> Scores:
    """Work both out from the evidence that stands. `weights` override `WEIGHTS`."""
    found = tuple(evidence)
    return Scores(security=security(found, weights), performance=performance(found, budgets))


def security(
    evidence: Iterable[Submitted], weights: Mapping[Severity, float] = WEIGHTS
) -> float | None:
    """max(0, 1 - sum of weight x count); None unless each scored kind is there, and whole."""
    scored = [one for one in evidence if one.kind in SCORED]
    whole = {one.kind for one in scored if one.complete}
    if whole != set(SCORED) or not all(one.complete for one in scored):
        return None
    weigh = {**WEIGHTS, **weights}
    lost = sum(
        (Decimal(str(weigh[s])) * n for one in scored for s, n in one.counts.items()), Decimal(0)
    )
    return _shown(max(Decimal(0), 1 - lost))


def performance(evidence: Iterable[Submitted], budgets: Mapping[str, float]) -> float | None:
    """Mean of min(1, budget / measured) over the measures that have a budget and were taken.

    A measure that several reports bring counts as the worst of them.
    """
    measured: dict[str, float] = {}
    for one in evidence:
        if one.kind is Kind.PERFORMANCE:
            for name in budgets.keys() & one.measures.keys():
                measured[name] = max(measured.get(name, 0.0), one.measures[name])
    if not measured:
        return None
    shares = [
        Decimal(1) if value <= budgets[name] else Decimal(str(budgets[name])) / Decimal(str(value))
        for name, value in measured.items()
    ]
    return _shown(sum(shares, Decimal(0)) / len(shares))


def _shown(score: Decimal) -> float:
    """Two places, cut off: no score looks better than it is, and 1 means that nothing was found."""
    return float(score.quantize(_STEP, rounding=ROUND_DOWN))
