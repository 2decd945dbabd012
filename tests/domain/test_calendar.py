"""Freezes and windows as arithmetic, against the clocks themselves, minute by minute."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.calendar import (
    Listed,
    Span,
    Weekly,
    covering,
    free_from,
    next_start,
    parse_when,
    reached,
    said,
)

MINUTE = timedelta(minutes=1)
ZONES = (
    "America/New_York", "Europe/London", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Kolkata", "Pacific/Apia", "UTC",
)  # fmt: skip
NOW = datetime(2026, 3, 4, 16, 30, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def by_hand(day: date, start: timedelta, end: timedelta, zone: ZoneInfo) -> set[datetime]:
    """Walk through the minutes: inside from the first that is not before the start, up to the last
    that is before the end."""
    midnight = datetime.combine(day, time())
    began = midnight.replace(tzinfo=UTC) - timedelta(hours=30)
    minutes = [began + n * MINUTE for n in range(60 * 24 * 5)]
    first = next(m for m in minutes if local(m, zone) >= midnight + start)
    last = [m for m in minutes if local(m, zone) < midnight + end][-1]
    return {m for m in minutes if first <= m <= last}


# Days on which the clocks of one of the zones change, and some others.
DAYS = st.sampled_from(
    [
        date(2026, 3, 8), date(2026, 11, 1), date(2026, 3, 29), date(2026, 10, 25),
        date(2026, 4, 5), date(2026, 10, 4), date(2026, 2, 15), date(2026, 3, 22),
        date(2011, 12, 29), date(2011, 12, 30), date(2026, 7, 1),
    ]
)  # fmt: skip
MOMENTS = st.datetimes(naive("2026-01-01"), naive("2026-12-20")).map(
    lambda d: d.replace(second=0, microsecond=0, tzinfo=UTC)
)
MINUTES = st.integers(0, 24 * 12 - 1).map(lambda n: timedelta(minutes=5 * n))


@settings(max_examples=60, deadline=None)
@given(day=DAYS, zone=st.sampled_from(ZONES), start=MINUTES, lasts=st.integers(1, 24 * 12))
@example(date(2026, 3, 8), "America/New_York", timedelta(hours=2, minutes=30), 1)
@example(date(2026, 11, 1), "America/New_York", timedelta(hours=1, minutes=30), 3)
@example(date(2026, 4, 5), "Australia/Lord_Howe", timedelta(hours=1, minutes=45), 2)
def test_a_rule_covers_what_the_clocks_say(
    day: date, zone: str, start: timedelta, lasts: int
) -> None:
    end = start + timedelta(minutes=5 * lasts)
    rule = Weekly(frozenset({day.weekday()}), start, end, zone)
    inside = by_hand(day, start, end, ZoneInfo(zone))
    midnight = datetime.combine(day, time(), UTC)
    for n in range(0, 60 * 24 * 3, 5):
        moment = midnight - timedelta(hours=20) + n * MINUTE
        assert bool(covering([rule], moment)) == (moment in inside), moment


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    at=MOMENTS,
    start=MINUTES,
    end=MINUTES,
)
def test_it_is_free_from_the_first_moment_that_nothing_covers(
    zone: str, at: datetime, start: timedelta, end: timedelta
) -> None:
    end = end if end > start else end + timedelta(days=1)
    rules = [
        Weekly(frozenset(range(5)), start, end, zone),
        Weekly(frozenset({5, 6}), timedelta(0), timedelta(days=1), zone),
    ]
    free = free_from(rules, at)
    if free is None:
        assert end - start == timedelta(days=1)
        return
    assert not covering(rules, free)
    moment = at
    while moment < free:
        assert covering(rules, moment)
        moment += timedelta(minutes=30)


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    at=MOMENTS,
    start=MINUTES,
)
def test_the_next_opening_is_the_first_one(zone: str, at: datetime, start: timedelta) -> None:
    rule = Weekly(frozenset({0, 2, 4}), start, start + timedelta(hours=2), zone)
    opening = next_start([rule], at)
    assert opening is not None
    assert opening.start > at
    assert covering([rule], opening.start)
    moment, inside = at, bool(covering([rule], at))
    while moment < opening.start:
        now = bool(covering([rule], moment))
        assert inside or not now, moment
        inside = inside and now
        moment += timedelta(minutes=15)


def test_market_hours_are_new_yorks_before_and_after_the_clocks_change() -> None:
    market = parse_when("Mon-Fri 09:30-16:00 America/New_York")
    for day, hour in (("2026-03-06", 14), ("2026-03-09", 13), ("2026-11-02", 14)):
        opens = utc(f"{day}T{hour}:30")
        assert not covering([market], opens - MINUTE)
        assert covering([market], opens)
        assert free_from([market], opens) == opens + timedelta(hours=6, minutes=30)


def test_adjacent_rules_are_one_freeze() -> None:
    market = parse_when("Mon-Fri 09:30-16:00 America/New_York")
    report = parse_when("Fri 16:00-20:00 America/New_York")
    weekend = parse_when("2026-03-06 20:00 .. 2026-03-09 09:30 America/New_York")
    assert free_from([market, report, weekend], utc("2026-03-06T15:00")) == utc("2026-03-09T20:00")


def test_year_end_comes_each_year_and_over_new_year() -> None:
    rule = parse_when("12-20 .. 01-02", "Europe/London")
    assert covering([rule], utc("2026-12-31T23:00"))
    assert free_from([rule], utc("2027-01-01T12:00")) == utc("2027-01-03T00:00")
    found = next_start([rule], utc("2027-01-05T00:00"))
    assert found is not None
    assert found.start == utc("2027-12-20T00:00")


def test_the_last_day_of_a_range_is_in_it() -> None:
    rule = parse_when("2026-12-20 .. 2027-01-02")
    assert covering([rule], utc("2027-01-02T23:59"))
    assert not covering([rule], utc("2027-01-03T00:00"))


def test_nights_belong_to_the_day_on_which_they_begin() -> None:
    rule = parse_when("Fri 22:00-06:00 UTC")
    assert covering([rule], utc("2026-03-07T05:59"))
    assert not covering([rule], utc("2026-03-06T05:59"))


def test_what_never_ends_has_no_end() -> None:
    assert free_from([parse_when("Mon-Sun 00:00-24:00")], NOW) is None
    assert free_from([Listed((Span(start=NOW, end=None),))], NOW) is None
    assert next_start([parse_when("2020-01-01 .. 2020-01-02")], NOW) is None


def test_a_leap_is_the_moment_of_the_leap() -> None:
    zone = ZoneInfo("America/New_York")
    for minute in (0, 1, 30, 59):
        assert reached(naive(f"2026-03-08T02:{minute:02d}"), zone) == utc("2026-03-08T07:00")
    assert reached(naive("2026-11-01T01:30"), zone) == utc("2026-11-01T05:30")
    assert reached(naive("2026-11-01T01:30"), zone, last=True) == utc("2026-11-01T06:30")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2027-01-02 .. 2026-12-20", "it ends before it begins: 2027-01-02 .. 2026-12-20"),
        ("2026-01-02 10:00 .. 2026-01-02 10:00", "it ends before it begins"),
        ("2026-02-30 .. 2026-03-01", "'2026-02-30' is no date"),
        ("Mon-Fri 09:30-16:00 America/New_Yrk", "Did you mean America/New_York?"),
        ("Mon-Fry 09:30-16:00 UTC", "are not days such as mon-fri"),
        ("Mon-Fri 09:30-09:30", "has no length; all day is 00:00-24:00"),
        ("02-29 .. 03-01", "is no day that each year has"),
        ("sometimes", "is no such time as Mon-Fri 09:30-16:00 America/New_York"),
        ("Mon-Fri 9-5", "is no such time as"),
    ],
)
def test_bad_times_get_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_when(text)


def test_moments_are_told_in_the_rules_own_zone() -> None:
    zone = "America/New_York"
    assert said(utc("2026-03-04T21:00"), zone, NOW) == "16:00 New York"
    assert said(utc("2026-03-06T14:30"), zone, NOW) == "Fri 09:30 New York"
    assert said(utc("2026-06-06T13:30"), zone, NOW) == "6 Jun 09:30 New York"
    assert said(utc("2027-03-01T00:00"), "UTC", NOW) == "1 Mar 2027 00:00 UTC"
