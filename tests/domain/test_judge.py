"""The judge of metrics: the worked example to six digits, and what must hold for any counts."""

import random
from collections.abc import Sequence
from math import exp, isfinite, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.judge import (
    Evidence,
    Look,
    Margins,
    Verdict,
    begin,
    log_factor,
    look,
    requests_needed,
    verdict,
)

Counts = tuple[int, int, int, int]

WORKED: list[Counts] = [
    (150, 1, 1350, 2),
    (148, 3, 1362, 1),
    (0, 0, 1340, 1),
    (155, 4, 1340, 3),
    (152, 6, 1351, 2),
]
GOOD: list[Counts] = [(1500, 1, 13500, 14), (1480, 2, 13620, 12), (1550, 0, 13400, 15)]
CRASH: list[Counts] = [(1500, 1, 13500, 14), (1500, 700, 13500, 14), (1500, 760, 13500, 14)]


def row(counts: Counts, dt: float = 15) -> Look:
    n_c, f_c, n_s, f_s = counts
    return Look(dt=dt, n_c=n_c, f_c=f_c, n_s=n_s, f_s=f_s)


def judged(rows: Sequence[Counts], margins: Margins) -> list[Evidence]:
    found = [begin(margins)]
    for counts in rows:
        found.append(look(found[-1], row(counts), margins))
    return found[1:]


@pytest.mark.parametrize(
    ("m", "harm"),
    [
        (1, [1.121565, 12.078354, 12.078354, 444.485459, 22059.331376]),
        (2, [1.047448, 2.803531, 2.803531, 13.732068, 494.852388]),
    ],
)
def test_the_worked_example(m: float, harm: list[float]) -> None:
    found = judged(WORKED, Margins(m=m))
    assert [round(e.of_harm, 6) for e in found] == harm
    assert [round(e.excess, 6) for e in found] == [
        0.740556,
        3.606225,
        3.606225,
        7.209009,
        12.946289,
    ]
    assert [round(e.reserve, 6) for e in found] == [
        0.495687,
        0.491410,
        0.487171,
        0.482968,
        0.478802,
    ]
    if m == 1:
        health = [0.633020, 0.217704, 0.217704, 0.101410, 0.039140]
        assert [round(e.of_health, 6) for e in found] == health
        bets = [0.565810, 0.641142, 0.730812, 0.819478, 0.821026, 0.611211, 0.191671]
        assert [round(exp(worth), 6) for worth in found[0].harm] == bets
    states = [verdict(e, Margins(m=m)) for e in found]
    first = states.index(Verdict.UNHEALTHY)
    assert first == (3 if m == 1 else 4)


def test_a_good_release_is_healthy_once_it_has_baked_long_enough() -> None:
    margins = Margins(m=1)
    found = judged(GOOD, margins)
    assert [round(e.of_harm, 6) for e in found] == [0.639663, 0.631636, 0.556602]
    assert [round(e.surplus, 6) for e in found] == [-0.861111, -0.443472, -2.507054]
    assert [round(e.of_health, 6) for e in found] == [4.123784, 5.394050, 99.078363]
    assert verdict(found[-1], margins) is Verdict.UNDECIDED
    later = look(found[-1], row((1500, 1, 13500, 14), dt=150), margins)
    assert later.elapsed == 195
    assert verdict(later, margins) is Verdict.HEALTHY


def test_one_look_alone_never_decides() -> None:
    margins = Margins(m=1)
    found = judged(CRASH, margins)
    assert [round(e.of_harm, 6) for e in found] == [0.639663, 7.904032, 371.330208]
    assert [verdict(e, margins) for e in found] == ["undecided", "marginal", "unhealthy"]


def test_unhealthy_is_never_taken_back_and_healthy_may_be_lost() -> None:
    margins = Margins(m=1, min_bake=0)
    bad = judged([*CRASH, *GOOD * 200], margins)
    assert verdict(bad[-1], margins) is Verdict.UNHEALTHY
    lost = judged([*GOOD, *CRASH[1:]], margins)
    assert verdict(lost[2], margins) is Verdict.HEALTHY
    assert verdict(lost[-1], margins) is Verdict.UNHEALTHY


def test_the_evidence_alone_is_not_enough_without_so_many_failures() -> None:
    margins = Margins(m=1, k=50)
    found = judged(WORKED, margins)
    assert found[-1].of_harm > 1 / margins.alpha
    assert verdict(found[-1], margins) is Verdict.MARGINAL


def test_huge_counts_overflow_nothing() -> None:
    margins = Margins(m=1)
    found = judged([(1500, 700, 13500, 14)] * 500, margins)
    assert isfinite(found[-1].of_harm)
    assert verdict(found[-1], margins) is Verdict.UNHEALTHY
    good = judged([(10**9, 0, 10**9, 10**6)] * 5, margins)
    assert isfinite(good[-1].of_health)


@pytest.mark.parametrize(
    "fields", [{"f_c": 11}, {"f_s": 101}, {"n_c": -1}, {"dt": -1}, {"n_s": float("inf")}]
)
def test_counts_that_cannot_be(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Look.model_validate({"dt": 15, "n_c": 10, "f_c": 1, "n_s": 100, "f_s": 1} | fields)


@st.composite
def rows(draw: st.DrawFn) -> Counts:
    n_c, n_s = draw(st.integers(0, 5000)), draw(st.integers(0, 50000))
    return n_c, draw(st.integers(0, n_c)), n_s, draw(st.integers(0, n_s))


@given(before=st.lists(rows(), max_size=5), live=st.integers(0, 10000), dt=st.integers(0, 600))
def test_a_look_without_the_new_slot_leaves_the_evidence(
    before: list[Counts], live: int, dt: int
) -> None:
    margins = Margins()
    found = judged(before, margins)
    start = found[-1] if found else begin(margins)
    after = look(start, row((0, 0, live, live // 3), dt), margins)
    assert after.of_harm == pytest.approx(start.of_harm, rel=1e-9)
    assert after.of_health == start.of_health
    assert after.excess == start.excess


@given(before=st.lists(rows(), max_size=4), counts=rows())
def test_one_live_failure_less_never_lowers_the_evidence_of_harm(
    before: list[Counts], counts: Counts
) -> None:
    n_c, f_c, n_s, f_s = counts
    margins = Margins()
    start = [begin(margins), *judged(before, margins)][-1]
    more = look(start, row((n_c, f_c, n_s, f_s)), margins)
    less = look(start, row((n_c, f_c, n_s, max(0, f_s - 1))), margins)
    assert less.of_harm >= more.of_harm * (1 - 1e-9)


@given(st.lists(rows(), min_size=1, max_size=8))
def test_money_is_neither_made_nor_lost_by_betting(counts: list[Counts]) -> None:
    margins = Margins()
    found = judged(counts, margins)
    assert all(e.of_harm >= 0 for e in found)
    assert all(0 <= e.reserve <= 0.5 for e in found)
    # A look multiplies each bet by the cap at the most.
    seen = begin(margins)
    for evidence in found:
        assert evidence.of_harm <= seen.of_harm * margins.cap * (1 + 1e-9)
        seen = evidence


@pytest.mark.parametrize("psi", [1.2, 2.0, 10.0])
@pytest.mark.parametrize("live", [0.002, 0.02])
def test_a_bet_earns_nothing_at_the_edge_of_what_is_tolerated(psi: float, live: float) -> None:
    chance, margins = random.Random(f"{psi} {live}"), Margins(m=1)  # noqa: S311 - chance, no secret
    tolerated = margins.rho * live + margins.delta
    factors = []
    for _ in range(4000):
        failed = _binomial(chance, 200, tolerated), _binomial(chance, 1800, live)
        counts = row((200, failed[0], 1800, failed[1]))
        factors.append(exp(log_factor(counts, psi, margins.rho, margins.delta, 1)))
    mean = sum(factors) / len(factors)
    spread = sqrt(sum((f - mean) ** 2 for f in factors) / len(factors) / len(factors))
    assert mean <= 1 + 3 * spread


@pytest.mark.long
def test_false_alarms_at_the_edge_are_rarer_than_alpha() -> None:
    chance, margins = random.Random(7), Margins(m=1)  # noqa: S311 - chance, no secret
    live = 0.01
    tolerated = margins.rho * live + margins.delta
    releases, alarms = 400, 0
    for _ in range(releases):
        evidence = begin(margins)
        for _ in range(60):
            # A burst that both slots share is none of the judge's business.
            burst = 5.0 if chance.random() < 0.05 else 1.0
            failed = (
                _binomial(chance, 150, burst * tolerated),
                _binomial(chance, 1350, burst * live),
            )
            evidence = look(evidence, row((150, failed[0], 1350, failed[1])), margins)
        alarms += evidence.unhealthy
    # The bound is 1 in 100; three standard errors more are chance.
    assert alarms <= releases * margins.alpha + 3 * sqrt(releases * margins.alpha)


def _binomial(chance: random.Random, count: int, rate: float) -> int:
    """Draw how many of `count` fail; by the gaps between failures, which are geometric."""
    failed, at = 0, 0
    while True:
        at += 1 + int(_gap(chance, rate))
        if at > count:
            return failed
        failed += 1


def _gap(chance: random.Random, rate: float) -> float:
    return log(1 - chance.random()) / log(1 - rate)


def test_how_long_a_decision_takes_about() -> None:
    margins = Margins(m=1)
    bad = judged([(150, 4, 1350, 7)] * 3, margins)[-1]
    needed = requests_needed(bad, margins)
    assert needed is not None
    assert 200 < needed < 5000
    assert requests_needed(begin(margins), margins) is None
