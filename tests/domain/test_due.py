"""When a report is due: days and times of a zone, also where clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.due import last_due
from bot.domain.environments import weekdays

NEW_YORK, NINE = ZoneInfo("America/New_York"), time(9)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("daily", {0, 1, 2, 3, 4, 5, 6}),
        ("mon,wed, fri", {0, 2, 4}),
        ("fri-mon", {4, 5, 6, 0}),
        ("sun", {6}),
    ],
)
def test_days_of_the_week(text: str, found: set[int]) -> None:
    assert weekdays(text) == found


@pytest.mark.parametrize("text", ["", "monday", "mon-", "-fri", "mon-fry", "1-5"])
def test_words_that_are_no_days(text: str) -> None:
    with pytest.raises(ValueError, match="are not days such as mon-fri"):
        weekdays(text)


def due(now: datetime, at: time = NINE, days_: str = "mon-fri") -> datetime | None:
    return last_due(at, weekdays(days_), NEW_YORK, now)


@pytest.mark.parametrize(
    ("date", "hour"),
    [("2026-03-06", 14), ("2026-03-09", 13), ("2026-10-30", 13), ("2026-11-02", 14)],
    ids=["before spring", "after spring", "before autumn", "after autumn"],
)
def test_nine_in_new_york(date: str, hour: int) -> None:
    nine = datetime.fromisoformat(f"{date}T{hour}:00:00+00:00")
    assert due(nine - timedelta(seconds=1)) is None
    assert due(nine) == due(nine + timedelta(minutes=59, seconds=59)) == nine
    assert due(nine + timedelta(hours=1)) is None


def test_the_weekday_is_the_local_one() -> None:
    # 23:30 on a Friday in New York is Saturday in UTC.
    late = time(23, 30)
    friday = datetime(2026, 3, 6, 23, 30, tzinfo=NEW_YORK)
    assert due(friday.astimezone(UTC), late) == friday.astimezone(UTC)
    assert due((friday + timedelta(days=1)).astimezone(UTC), late) is None
    # Within the hour it is another day there already.
    assert due(friday.astimezone(UTC) + timedelta(minutes=50), late) == friday.astimezone(UTC)


@given(
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
)
def test_each_local_date_has_its_moment_once(day: date, at: time, zone: str) -> None:
    place, found = ZoneInfo(zone), set()
    start = datetime.combine(day, time(), UTC) - timedelta(days=1)
    for minutes in range(0, 3 * 24 * 60, 10):
        moment = last_due(at, range(7), place, start + timedelta(minutes=minutes))
        if moment is not None and _date_of(moment, at, place) == day:
            found.add(moment)
    assert len(found) == 1


def _date_of(moment: datetime, at: time, place: ZoneInfo) -> date:
    """The date that a moment is for: a time that the clock leaps over ends up after it."""
    local = moment.astimezone(place)
    near = (local.date() - timedelta(days=1), local.date(), local.date() + timedelta(days=1))
    return next(d for d in near if datetime.combine(d, at, place).astimezone(UTC) == moment)
