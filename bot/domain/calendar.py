"""Freezes and release windows as arithmetic: who is inside, until when, when the next begins. Pure.

A rule covers, for each of its days, the moments from the first at which its zone's clocks have
reached the start to the last before they have reached the end. So a time that daylight saving
leaves out counts as the leap itself; one that the clocks show twice starts the first time and ends
the second time. All moments are aware; what comes back is in UTC.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from bot.domain.environments import a_zone, weekdays
from bot.domain.value import Value

YEAR = timedelta(days=370)
"""How far ahead is looked: a little more than a year, so that what comes each year is found."""

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

EXAMPLES = (
    "Mon-Fri 09:30-16:00 America/New_York, 2026-12-20 .. 2027-01-02, 12-20 .. 01-02 or "
    "2026-11-30 14:00 .. 2026-11-30 15:00 Europe/London"
)

_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_ZONE = r"(?:\s+(?P<zone>[A-Za-z][\w+/-]*))?"
_WEEKLY = re.compile(
    rf"(?P<days>[A-Za-z][A-Za-z, -]*?)\s+"
    rf"(?P<start>{_CLOCK})\s*[-\u2013]\s*(?P<end>{_CLOCK}|24:00){_ZONE}"
)
_DAY = rf"\d{{4}}-\d\d-\d\d(?:[ T]{_CLOCK})?"
_DATED = re.compile(rf"(?P<start>{_DAY})\s*\.\.\s*(?P<end>{_DAY}){_ZONE}")
_YEARLY = re.compile(rf"(?P<start>\d\d-\d\d)\s*\.\.\s*(?P<end>\d\d-\d\d){_ZONE}")


class Span(Value):
    """A stretch of time with a name: from `start` on, before `end`. None: without an end."""

    start: datetime
    end: datetime | None
    name: str = ""

    def covers(self, at: datetime) -> bool:
        """Whether the moment is inside."""
        return self.start <= at and (self.end is None or at < self.end)


class When(Protocol):
    """What has spans: a rule, or spans that were read from a calendar."""

    @property
    def zone(self) -> str:
        """The zone in which its times are told."""

    def spans(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Give what overlaps with the time from `since` on, before `until`."""


def reached(local: datetime, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """Give the moment at which the zone's clocks reach a local time (naive), in UTC.

    `last`: the second time, where they show it twice. Where they leap over it: the leap.
    """
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return second if last else first
    before, after = second, first
    # The offset changes between the two; a leap falls on a whole second.
    while after - before > SECOND:
        middle = before + ((after - before) // 2 // SECOND) * SECOND
        early = middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset()
        before, after = (middle, after) if early else (before, middle)
    return after


def _between(start: datetime, end: datetime, zone: ZoneInfo) -> Span:
    return Span(start=reached(start, zone), end=reached(end, zone, last=True))


def _overlapping(found: Iterable[Span], since: datetime, until: datetime) -> Iterator[Span]:
    for span in found:
        # A stretch that daylight saving leaves out is none.
        ends = span.end is None or (span.end > since and span.start < span.end)
        if span.start < until and ends:
            yield span


@dataclass(frozen=True)
class Weekly:
    """Days of the week, from a time to a time; past midnight where the end is not later."""

    days: frozenset[int]
    start: timedelta
    end: timedelta
    zone: str

    def spans(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Go through the local days."""
        zone = ZoneInfo(self.zone)
        first, last = (moment.astimezone(zone).date() for moment in (since, until))
        dates = (first + timedelta(days=n) for n in range(-2, (last - first).days + 2))
        found = (
            _between(_midnight(one) + self.start, _midnight(one) + self.end, zone)
            for one in dates
            if one.weekday() in self.days
        )
        return _overlapping(found, since, until)


@dataclass(frozen=True)
class Dated:
    """One stretch, by local times."""

    start: datetime
    end: datetime
    zone: str

    def spans(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Give it, where it overlaps."""
        return _overlapping([_between(self.start, self.end, ZoneInfo(self.zone))], since, until)


@dataclass(frozen=True)
class Yearly:
    """The same days each year, the last one included; over new year where the end is earlier."""

    start: tuple[int, int]
    end: tuple[int, int]
    zone: str

    def spans(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Go through the years."""
        zone = ZoneInfo(self.zone)
        over = 1 if self.end < self.start else 0
        years = range(since.year - 2, until.year + 2)
        found = (
            _between(
                datetime(year, *self.start),  # noqa: DTZ001 - a local time, whose zone is beside it
                datetime(year + over, *self.end) + DAY,  # noqa: DTZ001 - likewise
                zone,
            )
            for year in years
        )
        return _overlapping(found, since, until)


@dataclass(frozen=True)
class Listed:
    """Spans that were read from a calendar, or that somebody said."""

    listed: tuple[Span, ...]
    zone: str = "UTC"

    def spans(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Give those that overlap."""
        return _overlapping(self.listed, since, until)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


@lru_cache(maxsize=1024)
def parse_when(text: str, zone: str = "UTC") -> Weekly | Dated | Yearly:
    """Read a rule as people write it. `zone`: where it names none. Raises ValueError."""
    said = " ".join(text.split())
    for expression, read in ((_WEEKLY, _weekly), (_DATED, _dated), (_YEARLY, _yearly)):
        found = expression.fullmatch(said)
        if found is not None:
            return read(found, a_zone(found["zone"] or zone))
    raise ValueError(f"{text!r} is no such time as {EXAMPLES}")


def _weekly(found: re.Match[str], zone: str) -> Weekly:
    start, end = (_clock(found[part]) for part in ("start", "end"))
    if start == end:
        raise ValueError(f"{found['start']}-{found['end']} has no length; all day is 00:00-24:00")
    return Weekly(weekdays(found["days"].lower()), start, end if end > start else end + DAY, zone)


def _clock(text: str) -> timedelta:
    hour, minute = text.split(":")
    return timedelta(hours=int(hour), minutes=int(minute))


def _dated(found: re.Match[str], zone: str) -> Dated:
    start, end = (_local(found[part]) for part in ("start", "end"))
    whole = ":" not in found["end"]
    if end < start or (end == start and not whole):
        raise ValueError(f"it ends before it begins: {found['start']} .. {found['end']}")
    return Dated(start, end + DAY if whole else end, zone)


def _local(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date") from None


def _yearly(found: re.Match[str], zone: str) -> Yearly:
    return Yearly(_each_year(found["start"]), _each_year(found["end"]), zone)


def _each_year(text: str) -> tuple[int, int]:
    month, day = (int(part) for part in text.split("-"))
    try:
        datetime(2001, month, day)  # noqa: DTZ001 - only whether there is such a day
    except ValueError:
        raise ValueError(f"{text!r} is no day that each year has") from None
    return month, day


def covering(rules: Iterable[When], at: datetime) -> list[Span]:
    """List the spans that the moment is in."""
    return [span for rule in rules for span in rule.spans(at, at + SECOND) if span.covers(at)]


def free_from(rules: Iterable[When], at: datetime) -> datetime | None:
    """Give the first moment, from then on, that no span covers, whatever follows on what.

    None: there is none within a year.
    """
    rules, moment = tuple(rules), at
    while moment - at < YEAR:
        inside = covering(rules, moment)
        if not inside:
            return moment
        ends = [span.end for span in inside]
        if None in ends:
            return None
        moment = max(end for end in ends if end is not None)
    return None


def next_start(rules: Iterable[When], at: datetime, within: timedelta = YEAR) -> Span | None:
    """Give the span that begins next after that moment; None: none does within so long."""
    rules, step = tuple(rules), timedelta(days=8)
    since = at
    while since < at + within:
        until = min(since + step, at + within)
        later = (s for rule in rules for s in rule.spans(since, until) if s.start > at)
        first = min(later, key=lambda span: span.start, default=None)
        if first is not None:
            return first if first.start < at + within else None
        since, step = until, step * 4
    return None


def said(moment: datetime, zone: str, now: datetime) -> str:
    """Write a moment in its rule's zone: `16:30 New York`, `Mon 09:30 London`."""
    there = moment.astimezone(ZoneInfo(zone))
    place = zone.rpartition("/")[2].replace("_", " ")
    away = abs(moment - now)
    if away <= timedelta(hours=12):
        form = "%H:%M"
    elif away < timedelta(days=6):
        form = "%a %H:%M"
    else:
        form = "%-d %b %H:%M" if away < timedelta(days=300) else "%-d %b %Y %H:%M"
    return f"{there.strftime(form)} {place}"
