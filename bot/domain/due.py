"""When a report is due: days and times of a zone, turned into moments. Used by `engine.schedule`.

A local time that daylight saving leaves out counts as the moment after the leap; one that it
repeats counts the first time. So each local date has its moment exactly once.
"""

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

LATE = timedelta(hours=1)
"""By how much a run may be late and still happen."""


def last_due(
    at: time, days: Collection[int], zone: ZoneInfo, now: datetime, late: timedelta = LATE
) -> datetime | None:
    """Give the newest moment that has come and is less than `late` ago, in UTC; else None.

    `days` counts from Monday, 0, and is about the local date.
    """
    today = now.astimezone(zone).date()
    for back in range(2):
        date = today - timedelta(days=back)
        due = datetime.combine(date, at, zone).astimezone(UTC)
        if date.weekday() in days and due <= now < due + late:
            return due
    return None
