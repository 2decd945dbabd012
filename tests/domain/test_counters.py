"""Counters: what rose between two moments, and when that can't be told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.counters import GapError, Sample, Series, Span, rise

START = datetime(2026, 5, 4, 16, 30, tzinfo=UTC)
SCRAPE = 5


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def series(*samples: tuple[float, float]) -> Series:
    return Series(samples=tuple(Sample(at=at(when), value=value) for when, value in samples))


SPAN = Span(since=at(0), until=at(30), scrape=timedelta(seconds=SCRAPE))


def steady(start: float = 100.0, *, first: int = -30, last: int = 30) -> Series:
    """One more each second."""
    times = range(first, last + 1, SCRAPE)
    return series(*((second, start + second) for second in times))


def test_it_adds_up_what_each_series_rose() -> None:
    assert rise([steady(), steady(5000)], SPAN) == 60


def test_a_restart_counts_from_nothing_again() -> None:
    counted = series((-5, 90), (0, 100), (10, 110), (20, 4), (30, 14))
    assert rise([counted], SPAN) == 24


def test_a_pod_that_is_new_began_at_nothing() -> None:
    assert rise([steady(), series((20, 7), (25, 9), (30, 12))], SPAN) == 42


def test_a_pod_that_is_gone_counts_up_to_its_end() -> None:
    assert rise([steady(), steady(last=5)], SPAN) == 35


def test_a_scrape_that_is_missing_leaves_the_look_out() -> None:
    with pytest.raises(GapError, match="a scrape is missing"):
        rise([steady(), steady(last=15)], SPAN)


def test_the_pod_that_had_all_the_failures_may_be_gone() -> None:
    assert rise([steady(last=5)], SPAN, fresh=False) == 5
    assert rise([steady(1000, first=-600, last=-400)], SPAN, fresh=False) == 0


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([], "no data"),
        ([series()], "no data"),
        ([steady(last=5)], "nothing was scraped lately"),
        ([series((0, 1), (30, float("nan")))], "not a number"),
        ([series((0, 1), (30, -2))], "not a number"),
    ],
)
def test_no_data_is_not_nothing(found: list[Series], why: str) -> None:
    with pytest.raises(GapError, match=why):
        rise(found, SPAN)


def test_a_slot_that_was_silent_for_minutes_counts_from_where_it_was() -> None:
    quiet = series(
        *((s, 8000 + s) for s in range(-600, -240, 5)), *((s, 8000 + s) for s in (25, 30))
    )
    long = Span(since=at(-245), until=at(30), scrape=timedelta(seconds=SCRAPE))
    assert min(sample.at for sample in quiet.samples) > long.until - long.reach
    assert rise([quiet], long) == 275


@given(st.lists(st.integers(0, 50), min_size=14, max_size=14), st.integers(-4, 4))
def test_looks_that_follow_one_another_lose_nothing(steps: list[int], cut: int) -> None:
    total, samples = 0, []
    for number, step in enumerate(steps):
        total += step
        samples.append((-30 + number * SCRAPE, float(total)))
    whole = Series(samples=tuple(Sample(at=at(t), value=v) for t, v in samples))
    middle = at(10 + cut)
    first = Span(since=at(-10), until=middle, scrape=timedelta(seconds=SCRAPE))
    second = Span(since=middle, until=at(35), scrape=timedelta(seconds=SCRAPE))
    both = Span(since=at(-10), until=at(35), scrape=timedelta(seconds=SCRAPE))
    # A later look reads what an earlier one could not see yet.
    seen = [s for s in whole.samples if s.at <= middle]
    apart = rise([Series(samples=tuple(seen))], first) + rise([whole], second)
    assert apart == rise([whole], both)
