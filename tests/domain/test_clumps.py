"""How many failures come together, told from how unevenly they fall on the pods."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from bot.domain.clumps import clump_size, without
from bot.domain.counters import Sample, Series

START = datetime(2026, 5, 4, tzinfo=UTC)
PODS = ("a", "b", "c", "d")
MINUTES = 1440


def series(counts: dict[str, list[int]]) -> tuple[Series, ...]:
    return tuple(
        Series(
            labels={"pod": pod},
            samples=tuple(
                Sample(at=START + timedelta(minutes=n), value=value)
                for n, value in enumerate(values)
            ),
        )
        for pod, values in counts.items()
    )


def day(size: int, *, burst: int = 1, seed: int = 1) -> tuple[tuple[Series, ...], ...]:
    """A day of requests and failures, in clumps of that size, with bursts common to all pods."""
    rng = Random(seed)  # noqa: S311 - no secret hangs on it
    served = {pod: [300] * MINUTES for pod in PODS}
    failed = {pod: [0] * MINUTES for pod in PODS}
    for minute in range(MINUTES):
        worse = burst if minute % 20 == 0 else 1
        for pod in PODS:
            clumps = sum(rng.random() < 0.03 * worse / size for _ in range(30))
            failed[pod][minute] = clumps * size
    return series(served), series(failed)


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_it_finds_the_size_of_the_clumps(size: int) -> None:
    assert clump_size(*day(size)) == pytest.approx(size, rel=0.15)


def test_a_burst_that_all_pods_have_is_no_clump() -> None:
    assert clump_size(*day(1, burst=10)) == pytest.approx(1.0, abs=0.15)


def test_without_pods_or_failures_it_is_what_is_believed_beforehand() -> None:
    requests, failures = day(4)
    nameless = [one.model_copy(update={"labels": {}}) for one in requests]
    assert clump_size(nameless, failures) == 2
    assert clump_size(requests[:1], failures[:1]) == 2
    assert clump_size((), ()) == 2


def test_where_the_good_are_counted_the_failures_are_the_rest() -> None:
    requests, failures = day(4)
    good = without(requests, failures)
    assert without(requests, good) == failures


def test_what_is_no_number_is_left_out() -> None:
    requests, failures = day(1)
    odd = Series(labels={"pod": "a"}, samples=(Sample(at=START, value=float("nan")),))
    assert clump_size((*requests, odd), (*failures, odd)) >= 1
