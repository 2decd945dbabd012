"""Several indicators and guards as one verdict."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.analysis import (
    Analysis,
    broken,
    excused,
    guarded,
    is_news,
    judged,
    telling,
    verdict_of,
)
from bot.domain.indicators import Guard, Indicator, Watching
from bot.domain.judge import Look, Verdict

NOW = datetime(2026, 5, 4, 16, 30, tzinfo=UTC)
ERRORS = Indicator(requests="r{slot}", failed="f{slot}", objective=99)
WATCHING = Watching(indicators={"errors": ERRORS})
TWO = Watching(indicators={"errors": ERRORS, "slow": ERRORS})
GUARDED = Watching(guards={"failing": Guard(query="q", above=0.1)})

GOOD = Look(dt=15, n_c=300, f_c=0, n_s=2700, f_s=3)
BAD = Look(dt=15, n_c=300, f_c=30, n_s=2700, f_s=3)


def after(watching: Watching, *rows: dict[str, Look], weight: int = 10) -> Analysis:
    found = Analysis()
    for number, row in enumerate(rows):
        found = judged(found, row, NOW + timedelta(seconds=15 * number), watching, weight)
    return found


def test_one_bad_indicator_is_enough_and_is_named() -> None:
    found = after(TWO, *[{"errors": GOOD, "slow": BAD}] * 5)
    assert verdict_of(found, TWO) is Verdict.UNHEALTHY
    assert telling(found, TWO) == "slow"


def test_healthy_needs_all_of_them() -> None:
    good = after(TWO, *[{"errors": GOOD, "slow": GOOD}] * 40)
    assert verdict_of(good, TWO) is Verdict.HEALTHY
    quiet = Look(dt=15, n_c=1, f_c=0, n_s=9, f_s=0)
    assert verdict_of(after(TWO, *[{"errors": GOOD, "slow": quiet}] * 40), TWO) is (
        Verdict.UNDECIDED
    )


def test_what_was_found_bad_stays_so() -> None:
    found = after(WATCHING, *[{"errors": BAD}] * 5, *[{"errors": GOOD}] * 200)
    assert found.unhealthy
    assert verdict_of(found, WATCHING) is Verdict.UNHEALTHY


def test_nothing_seen_is_undecided() -> None:
    assert verdict_of(Analysis(), WATCHING) is Verdict.UNDECIDED
    assert telling(Analysis(), WATCHING) is None


def test_evidence_is_shared_out_before_the_release() -> None:
    assert WATCHING.weights == {"errors": 1}
    assert TWO.weights == {"errors": 0.5, "slow": 0.5}
    third = Watching(indicators={"errors": ERRORS, "a": ERRORS, "b": ERRORS})
    assert third.weights == {"errors": 0.5, "a": 0.25, "b": 0.25}
    other = Watching(indicators={"a": ERRORS, "b": ERRORS})
    assert other.weights == {"a": 0.5, "b": 0.5}


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_two_alike_are_judged_as_one(failures: list[int]) -> None:
    rows = [Look(dt=15, n_c=300, f_c=f, n_s=2700, f_s=9) for f in failures]
    alone = after(WATCHING, *({"errors": row} for row in rows))
    both = after(TWO, *({"errors": row, "slow": row} for row in rows))
    assert verdict_of(both, TWO) is verdict_of(alone, WATCHING)


def test_a_slot_without_traffic_is_counted_and_forgiven() -> None:
    starved = {"errors": Look(dt=15, n_c=10, f_c=0, n_s=2990, f_s=3)}
    assert after(WATCHING, *[starved] * 3).thin == 3
    assert after(WATCHING, *[starved] * 3, {"errors": GOOD}).thin == 0
    assert excused(after(WATCHING, *[starved] * 3)).thin == 0
    few = {"errors": Look(dt=15, n_c=0, f_c=0, n_s=100, f_s=0)}
    assert after(WATCHING, *[few] * 9).thin == 0


def test_a_guard_must_be_past_its_limit_for_its_time() -> None:
    first = guarded(Analysis(), {"failing": 0.2}, NOW, GUARDED)
    assert broken(first, NOW + timedelta(seconds=59), GUARDED) is None
    later = NOW + timedelta(minutes=1)
    found = broken(guarded(first, {"failing": 0.3}, later, GUARDED), later, GUARDED)
    assert found is not None
    assert found[0] == "failing"
    assert broken(guarded(first, {"failing": 0.1}, later, GUARDED), later, GUARDED) is None
    # No number leaves open how it stands; it does not heal.
    assert broken(guarded(first, {}, later, GUARDED), later, GUARDED) is not None


def test_who_lets_it_go_on_is_asked_again_only_after_it_was_within() -> None:
    late = NOW + timedelta(minutes=5)
    past = guarded(Analysis(), {"failing": 0.2}, NOW, GUARDED)
    allowed = guarded(excused(past), {"failing": 0.2}, late, GUARDED)
    assert broken(allowed, late, GUARDED) is None
    within = guarded(allowed, {"failing": 0.0}, late, GUARDED)
    again = guarded(within, {"failing": 0.2}, late, GUARDED)
    assert broken(again, late + timedelta(minutes=1), GUARDED) is not None


def test_a_limit_below_works_alike() -> None:
    low = Watching(guards={"served": Guard(query="q", below=100)})
    past = guarded(Analysis(), {"served": 99.0}, NOW, low)
    assert broken(past, NOW + timedelta(minutes=1), low) is not None


def test_the_card_follows_another_verdict_at_once_and_figures_each_minute() -> None:
    found = after(WATCHING, {"errors": GOOD})
    shown = found.model_copy(update={"said": verdict_of(found, WATCHING), "said_at": NOW})
    assert not is_news(shown, WATCHING, NOW + timedelta(seconds=59))
    assert is_news(shown, WATCHING, NOW + timedelta(seconds=60))
    worse = shown.model_copy(update={"unhealthy": True})
    assert is_news(worse, WATCHING, NOW)
