"""The fast judge of the figures says what the bot's does; streams and peers are what they claim."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from tests.bench import __main__ as bench
from tests.bench.figures import Figure
from tests.bench.many import NEVER, STATES, differing, first, judged
from tests.bench.peers import MannWhitney, Thresholds, scores
from tests.bench.streams import LOOKS, PROVE, WEIGHT, Cell, Streams, draw, joined, mixed
from tests.bench.verdict import OF_99, OF_99_9, Tally
from tests.domain.test_judge import CRASH, GOOD, WORKED, Counts


def streams(*releases: list[Counts]) -> Streams:
    """Turn releases, each of as many looks, into columns."""
    return Streams(*np.moveaxis(np.array(releases), 2, 0))


def plain_score(canary: list[float], stable: list[float]) -> float:
    """Mann-Whitney written the long way, to compare with; the effect is taken as large enough."""
    apart = sorted(x - y for x in canary for y in stable)
    allowed = abs(apart[len(apart) // 2 - 1] + apart[len(apart) // 2]) / 2 * 0.25
    shifted = [y + allowed for y in stable]
    above = sum((x > y) + (x == y) / 2 for x in canary for y in shifted)
    pooled, size = canary + shifted, len(canary)
    ties = sum(pooled.count(it) ** 3 - pooled.count(it) for it in set(pooled))
    whole = 2 * size
    spread = sqrt(size * size / 12 * (whole + 1 - ties / whole / (whole - 1)))
    return (above - size * size / 2 - 0.5) / spread


def test_the_fast_judge_reproduces_the_worked_example_to_six_digits() -> None:
    for m, harm in (
        (1, [1.121565, 12.078354, 12.078354, 444.485459, 22059.331376]),
        (2, [1.047448, 2.803531, 2.803531, 13.732068, 494.852388]),
    ):
        found = judged(streams(WORKED), OF_99_9.model_copy(update={"m": m}))
        assert np.exp(found.harm[0]).round(6).tolist() == harm
        assert found.caught.tolist() == [4 if m == 1 else 5]
    found = judged(streams(WORKED), OF_99_9)
    assert found.excess[0].round(6).tolist() == [0.740556, 3.606225, 3.606225, 7.209009, 12.946289]
    health = [0.633020, 0.217704, 0.217704, 0.101410, 0.039140]
    assert np.exp(found.health[0]).round(6).tolist() == health


def test_a_good_release_and_a_crash() -> None:
    found = judged(streams(GOOD, CRASH), OF_99_9)
    assert np.exp(found.harm).round(6).tolist() == [
        [0.639663, 0.631636, 0.556602],
        [0.639663, 7.904032, 371.330208],
    ]
    assert [[str(STATES[it]) for it in states] for states in found.states] == [
        ["undecided", "undecided", "undecided"],
        ["undecided", "marginal", "unhealthy"],
    ]
    assert found.caught.tolist() == [NEVER, 3]


def test_the_fast_judge_says_what_the_bots_does_at_every_look() -> None:
    errors, latency = mixed(2, latency=False), mixed(3, latency=True)
    assert len(errors) + len(latency) == 504
    assert differing(errors, OF_99_9) == 0
    assert differing(latency, OF_99) == 0
    empty = streams([(0, 0, 0, 0), (5, 1, 0, 0), (0, 0, 5, 1), (9, 9, 9, 0)])
    assert differing(empty, OF_99_9) == 0


def test_a_fast_judge_that_is_wrong_would_be_found_out() -> None:
    few = draw(Cell(100, 0.005, "calm"), 5, PROVE)
    right = judged(few, OF_99_9)
    assert differing(few, OF_99_9, right) == 0
    for wrong in (
        replace(right, harm=right.harm + 1e-6),
        replace(right, health=right.health + 1e-6),
        replace(right, states=(right.states + 1) % 4),
    ):
        assert differing(few, OF_99_9, wrong) == 5


def test_streams_are_repeatable_and_have_the_rates_they_claim() -> None:
    cell = Cell(100, 0.005, "calm", "x5")
    one, again = draw(cell, 200, PROVE), draw(cell, 200, PROVE)
    assert np.array_equal(one.f_c, again.f_c)
    assert one.f_c.sum() / one.n_c.sum() == pytest.approx(0.025, rel=0.02)
    assert one.f_s.sum() / one.n_s.sum() == pytest.approx(0.005, rel=0.02)
    assert one.n_c.sum() / (one.n_c.sum() + one.n_s.sum()) == pytest.approx(WEIGHT, rel=0.01)
    bursts = draw(Cell(100, 0.005, "bursts"), 2000, PROVE)
    # A look lies in a burst once in 11: 0.05 begin where 0.5 end.
    expected = 0.005 * (1 + 9 / 11)
    assert bursts.f_s.sum() / bursts.n_s.sum() == pytest.approx(expected, rel=0.03)
    drift = draw(Cell(1000, 0.005, "drift"), 100, PROVE)
    assert drift.n_s[:, -1].mean() / drift.n_s[:, 0].mean() == pytest.approx(1.3 / 0.7, rel=0.05)


def test_mann_whitney_is_the_plain_one() -> None:
    bad = joined([draw(Cell(rps, 0.02, "calm", "x2"), 3, PROVE) for rps in (10, 100)])
    for at, score in enumerate(scores(bad)):
        canary = (bad.f_c[at] / np.maximum(bad.n_c[at], 1)).tolist()
        stable = (bad.f_s[at] / np.maximum(bad.n_s[at], 1)).tolist()
        if np.isfinite(score):
            assert score == pytest.approx(plain_score(canary, stable), abs=1e-9)
    assert np.isfinite(scores(bad)).any()


def test_tuned_peers_roll_back_at_most_one_in_a_hundred_where_they_were_tuned() -> None:
    good = [draw(Cell(100, 0.005, "calm"), 300, PROVE)]
    bad = [draw(Cell(100, 0.005, "calm", "x5"), 50, PROVE)]
    for peer in (Thresholds.tuned(good, bad), MannWhitney.tuned(good)):
        assert (peer.caught(good[0]) != NEVER).sum() <= 3
        assert (peer.caught(bad[0]) != NEVER).all()


def test_thresholds_count_failed_minutes() -> None:
    looks = [(100, 0, 900, 0)] * 4 + [(100, 3, 900, 0)] * 4 + [(100, 0, 900, 0)] * 4
    found = streams([*looks, *[(100, 3, 900, 0)] * 4])
    assert Thresholds(limit=0.02, times=1).caught(found).tolist() == [8]
    assert Thresholds(limit=0.02, times=2).caught(found).tolist() == [16]
    assert Thresholds(limit=0.03, times=1).caught(found).tolist() == [NEVER]


def test_a_tally_counts_until_the_catch_or_until_the_end() -> None:
    tally = Tally()
    served = streams([(100, 1, 900, 0)] * LOOKS, [(100, 1, 900, 0)] * LOOKS)
    tally.add("x2", served, np.array([4, NEVER]))
    assert tally.share("x2") == 50
    assert tally.minutes("x2", 0.5) == 1
    assert tally.bad_requests("x2") == (4 + LOOKS) / 2
    assert first(np.array([[False, True, True], [False, False, False]])).tolist() == [2, NEVER]


def test_a_figure_says_which_way_its_goal_lies() -> None:
    assert Figure("caught, %", 96, 95, at_least=True).row() == "caught, %\t96\t>= 95\tok"
    assert Figure("caught, %", 94, 95, at_least=True).row().endswith("\tshort")
    assert Figure("a look", 0.2, 0.1, " ms").row() == "a look\t0.2 ms\t<= 0.1 ms\tshort"


async def test_only_the_named_figures_are_measured() -> None:
    assert bench.unknown(["verdict", "calls"]) == ""
    assert bench.unknown(["verdikt"]).startswith("There are no figures called verdikt. There are: ")

    async def one(_folder: object) -> list[Figure]:
        return [Figure("one", 1, 1)]

    async def other(_folder: object) -> list[Figure]:
        return [Figure("other", 1, 1)]

    measured = {"one": one, "other": other}
    assert [it.name for it in await bench.main(["one"], measured)] == ["one"]
    assert [it.name for it in await bench.main([], measured)] == ["one", "other"]
