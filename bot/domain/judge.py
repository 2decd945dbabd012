"""Judges a new version against the live one, from counts of requests and failures. Pure.

A sequential conditional test: valid at every look, and blind to whatever moves both slots alike.
Given how many requests failed in all, it asks whose they were. Source of every formula and number:
docs/analysis.md has every formula and number; the names in formulas are its own.
Evidence is kept as logarithms: counts of thousands overflow a double.
"""

from collections.abc import Iterable
from enum import StrEnum
from math import exp, inf, log

from pydantic import Field, model_validator

from bot.domain.value import Value

NOT_CLEAN = 3.0
"""Evidence of harm from which a version is no longer called clean."""

LARGEST = 1.7976931348623157e308
"""What evidence is written as that a double can't hold."""


class Verdict(StrEnum):
    """What a look says. Undecided is never healthy: it means too little data."""

    UNDECIDED = "undecided"
    HEALTHY = "healthy"
    MARGINAL = "marginal"
    UNHEALTHY = "unhealthy"


class Margins(Value):
    """How the judge weighs. The defaults are the specification's, for an objective of 99.9 %.

    `rho`, `delta`: failing up to `rho` times the live rate plus `delta` is tolerated. `rho_h`,
    `delta_h`: from so much on it must not be called healthy. `m`: how many failures come in one
    clump. `alpha`: chance of rolling a good release back; `beta`: of calling a bad one healthy.
    `k`: failures more than tolerated before a rollback. `half`: seconds in which half of the
    reserve is spent on faults that begin late. `min_bake`: seconds before healthy is said.
    """

    rho: float = Field(default=1.1, gt=0)
    delta: float = Field(default=0.0001, ge=0, lt=1)
    rho_h: float = Field(default=2.0, gt=0)
    delta_h: float = Field(default=0.001, ge=0, lt=1)
    m: float = Field(default=2.0, ge=1, le=1e6)
    alpha: float = Field(default=0.01, gt=0, lt=1)
    beta: float = Field(default=0.05, gt=0, lt=1)
    k: float = Field(default=5.0, ge=0)
    half: float = Field(default=1200.0, gt=0)
    min_bake: float = Field(default=180.0, ge=0)
    bets: tuple[float, ...] = (1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
    health_bets: tuple[float, ...] = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)

    @property
    def cap(self) -> float:
        """How much the evidence of harm may grow in one look: one alone can't decide."""
        return 1 / (2 * self.alpha)

    @property
    def floor(self) -> float:
        """Failures more than tolerated that a rollback needs besides the evidence."""
        return max(self.k, 3 * self.m)


class Look(Value):
    """What came since the last used look: seconds, requests and failures on both slots.

    `n_c`, `f_c`: on the new slot; `n_s`, `f_s`: on the live one, over the same time.
    """

    dt: float = Field(ge=0, allow_inf_nan=False)
    n_c: float = Field(ge=0, allow_inf_nan=False)
    f_c: float = Field(ge=0, allow_inf_nan=False)
    n_s: float = Field(ge=0, allow_inf_nan=False)
    f_s: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _no_more_failures_than_requests(self) -> "Look":
        for slot, failed, whole in (("c", self.f_c, self.n_c), ("s", self.f_s, self.n_s)):
            if failed > whole:
                raise ValueError(f"f_{slot} is {failed:g}, and n_{slot} only {whole:g}")
        return self


class Evidence(Value):
    """What all looks up to now amount to, for one objective. It lives through all steps.

    `harm`, `health`: logarithms of what each bet is worth. `reserve`: what is not bet yet.
    `excess`: failures more than tolerated since the trouble began; `surplus`: since the start.
    The sums `n_c` to `f_s` are for those who read.
    """

    harm: tuple[float, ...]
    health: tuple[float, ...]
    reserve: float = 0.5
    excess: float = 0.0
    surplus: float = 0.0
    elapsed: float = 0.0
    unhealthy: bool = False
    n_c: float = 0.0
    f_c: float = 0.0
    n_s: float = 0.0
    f_s: float = 0.0

    @property
    def of_harm(self) -> float:
        """Evidence of harm, E: in a good release it reaches 1/alpha once in 1/alpha releases."""
        return _number(_of_harm(self.harm, self.reserve))

    @property
    def of_health(self) -> float:
        """Evidence of health, Hbar."""
        return _number(_log_mean(self.health))


def begin(margins: Margins) -> Evidence:
    """Give what there is before the first look."""
    return Evidence(
        harm=tuple(log(0.5) for _ in margins.bets), health=tuple(0.0 for _ in margins.health_bets)
    )


def look(before: Evidence, row: Look, margins: Margins) -> Evidence:
    """Add one look. A rollback that was called for stays so, whatever comes later."""
    invested = before.reserve * (1 - 2 ** (-row.dt / margins.half))
    harm = tuple(
        _log_add(worth, _log(invested))
        + min(log_factor(row, psi, margins.rho, margins.delta, margins.m), log(margins.cap))
        for psi, worth in zip(margins.bets, before.harm, strict=True)
    )
    health = tuple(
        worth + log_factor(row, psi, margins.rho_h, margins.delta_h, margins.m)
        for psi, worth in zip(margins.health_bets, before.health, strict=True)
    )
    more = _more_than_tolerated(row, margins)
    reserve, excess = before.reserve - invested, max(0.0, before.excess + more)
    proven = _of_harm(harm, reserve) >= log(1 / margins.alpha) and excess >= margins.floor
    return Evidence(
        harm=harm,
        health=health,
        reserve=reserve,
        excess=excess,
        surplus=before.surplus + more,
        elapsed=before.elapsed + row.dt,
        unhealthy=before.unhealthy or proven,
        n_c=before.n_c + row.n_c,
        f_c=before.f_c + row.f_c,
        n_s=before.n_s + row.n_s,
        f_s=before.f_s + row.f_s,
    )


def verdict(evidence: Evidence, margins: Margins) -> Verdict:
    """Say what the evidence amounts to at this moment."""
    if evidence.unhealthy:
        return Verdict.UNHEALTHY
    clean = evidence.of_harm < NOT_CLEAN and evidence.surplus <= 0
    enough = evidence.of_health >= 1 / margins.beta
    if enough and clean and evidence.elapsed >= margins.min_bake:
        return Verdict.HEALTHY
    if evidence.of_harm >= NOT_CLEAN or (enough and evidence.surplus > 0):
        return Verdict.MARGINAL
    return Verdict.UNDECIDED


def log_factor(row: Look, psi: float, r: float, d: float, m: float) -> float:
    """Logarithm of one look's factor for the bet that the new slot fails `psi` times too often.

    The likelihood ratio of the new slot's share in the failures, less a tax for what `d` allows.
    """
    if row.n_c == 0 or row.n_s == 0:
        return 0.0
    d0 = r * row.n_c + row.n_s
    d1 = r * psi * row.n_c + row.n_s
    a, b = psi * d0 / d1, d0 / d1
    return (row.f_c * log(a) + row.f_s * log(b) - row.n_c * d * (a - 1)) / m


def requests_needed(evidence: Evidence, margins: Margins) -> float | None:
    """Estimate how many requests on the new slot a decision takes in all; None: none is in sight.

    From what a request adds at the rates seen so far (section 2.7, rule of thumb).
    """
    if not evidence.n_c or not evidence.n_s:
        return None
    rate_c, rate_s = evidence.f_c / evidence.n_c, evidence.f_s / evidence.n_s
    ratio = evidence.n_s / evidence.n_c
    grows = max(
        growth(psi, rate_c, rate_s, ratio, (margins.rho, margins.delta)) for psi in margins.bets
    )
    recovers = max(
        growth(psi, rate_c, rate_s, ratio, (margins.rho_h, margins.delta_h))
        for psi in margins.health_bets
    )
    needed = [
        margins.m * (log(1 / chance) + log(count)) / growth
        for growth, chance, count in (
            (grows, margins.alpha, 2 * len(margins.bets)),
            (recovers, margins.beta, len(margins.health_bets)),
        )
        if growth > 0
    ]
    return min(needed, default=None)


def growth(
    psi: float, rate_c: float, rate_s: float, ratio: float, tolerated: tuple[float, float]
) -> float:
    """What one request on the new slot adds to a bet's logarithm, clumps left aside."""
    r, d = tolerated
    d0, d1 = r + ratio, r * psi + ratio
    a, b = psi * d0 / d1, d0 / d1
    return rate_c * log(a) + rate_s * ratio * log(b) - d * (a - 1)


def _of_harm(harm: Iterable[float], reserve: float) -> float:
    """Logarithm of the evidence of harm: the mean of what the bets are worth, and the reserve."""
    return _log_add(_log_mean(harm), _log(reserve))


def _more_than_tolerated(row: Look, margins: Margins) -> float:
    if row.n_s == 0:
        return 0.0
    return row.f_c - margins.rho * row.f_s * row.n_c / row.n_s - margins.delta * row.n_c


def _log(value: float) -> float:
    return log(value) if value > 0 else -inf


def _log_add(one: float, other: float) -> float:
    """Logarithm of the sum of two numbers that are given as logarithms."""
    high, low = max(one, other), min(one, other)
    return high if low == -inf else high + log(1 + exp(low - high))


def _log_mean(logs: Iterable[float]) -> float:
    found = tuple(logs)
    high = max(found)
    return high + log(sum(exp(value - high) for value in found) / len(found))


def _number(logarithm: float) -> float:
    return LARGEST if logarithm > log(LARGEST) else exp(logarithm)
