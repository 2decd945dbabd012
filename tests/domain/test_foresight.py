"""What a bake can see: the formula against the shares that were measured (docs/analysis.md)."""

import pytest

from bot.domain.facts import Rate
from bot.domain.foresight import foresee, smallest_ratio
from bot.domain.judge import Margins
from bot.domain.plans import PlanStep
from tests.domain.test_analysis import WATCHING

# Smallest ratio that was caught in 80 % of simulated bakes, at 1, 10, 100 and 1,000 requests a
# second: share of traffic, minutes, failure rate.
MEASURED = {
    (0.1, 5, 0.0005): (None, 49, 8.0, 3.0),
    (0.1, 5, 0.005): (53, 7.6, 2.6, 1.6),
    (0.1, 5, 0.02): (15, 3.8, 1.8, 1.33),
    (0.1, 15, 0.0005): (None, 20, 4.6, 2.2),
    (0.1, 15, 0.005): (20, 4.4, 1.9, 1.37),
    (0.1, 15, 0.02): (7.6, 2.6, 1.5, 1.25),
    (0.1, 60, 0.005): (7, 2.4, 1.5, 1.26),
    (0.25, 15, 0.005): (12, 3.2, 1.7, 1.32),
    (0.5, 15, 0.005): (10, 2.9, 1.6, 1.29),
}


@pytest.mark.parametrize(("place", "ratios"), MEASURED.items(), ids=str)
def test_it_agrees_with_what_was_measured(
    place: tuple[float, int, float], ratios: tuple[float | None, ...]
) -> None:
    weight, minutes, failing = place
    for rate, measured in zip((1, 10, 100, 1000), ratios, strict=True):
        if measured is None:
            continue
        whole = rate * minutes * 60
        n_c, n_s = whole * weight, whole * (1 - weight)
        found = smallest_ratio(Margins(m=1), n_c, n_s, failing)
        assert found == pytest.approx(measured, rel=0.25)


def test_clumps_cost_what_less_traffic_would() -> None:
    plain = smallest_ratio(Margins(m=1), 9000, 81000, 0.005)
    clumped = smallest_ratio(Margins(m=4), 36000, 324000, 0.005)
    assert plain == clumped


def test_hardly_any_traffic_sees_nothing() -> None:
    assert smallest_ratio(Margins(), 0, 0, 0.01) is None
    assert smallest_ratio(Margins(), 3, 27, 0.01) is None


def test_all_judged_bakes_count_together_and_the_watch_does_not() -> None:
    def bake(weight: int, seconds: int, *, judged: bool) -> list[PlanStep]:
        return [
            PlanStep(kind="shift", slot="green", weight=weight),
            PlanStep(kind="bake", slot="green", seconds=seconds, judged=judged),
        ]

    rates = {"errors": Rate(per_second=100, failing=0.005)}
    both = [*bake(10, 300, judged=True), *bake(50, 300, judged=True), *bake(100, 900, judged=False)]
    [sight] = foresee(both, WATCHING, rates, 3)
    assert sight.indicator == "errors"
    assert sight.ratio == smallest_ratio(
        Margins(delta=0.001, delta_h=0.01, m=2), 100 * 180, 100 * 420, 0.005
    )
    assert foresee(bake(100, 900, judged=False), WATCHING, rates, 3) == []
    assert foresee(both, WATCHING, {}, 3) == []
