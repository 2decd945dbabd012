"""From an iCalendar's text (RFC 5545) to the stretches of time that its events take.

Repeated events are counted by the clocks of their zone: nine is nine before and after daylight
saving. What is not understood is refused whole: a freeze that nobody sees is worse than none read.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar

from bot.domain.calendar import Span, reached
from bot.errors import PermanentError

MOST_SPANS = 20_000
"""Stretches that one calendar may have in the time that is looked at."""

PATIENCE = 20.0
"""Seconds that one calendar may take."""

TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
"""Repetitions that no freeze has; they are the cheap way to keep a reader busy."""

TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
"""Properties that say when an event is."""

DAY = timedelta(days=1)


def spans_of(text: str, zone: str, since: datetime, until: datetime) -> tuple[Span, ...]:
    """Work out when the events are. Raises PermanentError with one sentence."""
    _check_whole(text)
    try:
        events = [event for one in Calendar.from_ical(text, multiple=True) for event in
                  one.walk("VEVENT")]  # fmt: skip
        found = tuple(_all(events, ZoneInfo(zone), since, until))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise PermanentError(f"it can't be read as an iCalendar: {what}") from error
    return tuple(sorted(found, key=lambda span: (span.start, span.name)))


def _check_whole(text: str) -> None:
    """Refuse what was cut short: the library reads a part without its end as none at all."""
    lines = [line.strip().upper() for line in text.splitlines()]
    begun = sorted(line[6:] for line in lines if line.startswith("BEGIN:"))
    if begun != sorted(line[4:] for line in lines if line.startswith("END:")):
        raise PermanentError("it can't be read as an iCalendar: a part of it has no end")


def _check_times(event: Any) -> None:
    """Refuse an event of which the library left out a time that it could not read."""
    if "EXRULE" in event:
        raise PermanentError("an event has an EXRULE, which isn't understood")
    for name, why in event.errors:
        if name in TIMES:
            raise PermanentError(f"it can't be read as an iCalendar: {name}: {why}"[:200])


def _all(events: list[Any], zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[Span]:
    for event in events:
        _check_times(event)
    moved = _moved(events, zone)
    began, count = monotonic(), 0
    for event in events:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        for span in _spans(event, zone, moved, (since, until)):
            count += 1
            if count > MOST_SPANS or monotonic() - began > PATIENCE:
                raise PermanentError(f"it has more than {MOST_SPANS} events, or takes too long")
            yield span


def _moved(events: list[Any], zone: ZoneInfo) -> set[tuple[str, datetime]]:
    """List the repetitions that an event of their own takes the place of."""
    found = set()
    for event in events:
        single = event.get("RECURRENCE-ID")
        if single is None:
            continue
        if str(single.params.get("RANGE", "")).upper() == "THISANDFUTURE":
            raise PermanentError("it moves an event and all that follow (THISANDFUTURE)")
        found.add((str(event.get("UID", "")), _moment(single.dt, zone)))
    return found


def _moment(value: date | datetime, zone: ZoneInfo) -> datetime:
    """Give when a date or time begins; a floating one by the zone that the catalogue says."""
    if not isinstance(value, datetime):
        return reached(datetime.combine(value, time()), zone)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _spans(
    event: Any, zone: ZoneInfo, moved: set[tuple[str, datetime]], between: tuple[datetime, datetime]
) -> Iterator[Span]:
    start, uid = event["DTSTART"].dt, str(event.get("UID", ""))
    name = str(event.get("SUMMARY", ""))[:200]
    single = "RECURRENCE-ID" in event
    left_out = {_moment(one, zone) for one in _dates(event.get("EXDATE"))}
    seen = set()
    for begins, ends in _each(event, start, zone, between):
        gone = not single and ((uid, begins) in moved or begins in left_out)
        inside = begins < ends and ends > between[0] and begins < between[1]
        if gone or begins in seen or not inside:
            continue
        seen.add(begins)
        yield Span(start=begins, end=ends, name=name)


def _each(
    event: Any, start: date | datetime, zone: ZoneInfo, between: tuple[datetime, datetime]
) -> Iterator[tuple[datetime, datetime]]:
    """Give the beginning and end of each repetition, the first one included."""
    whole_days = not isinstance(start, datetime)
    lasts = _lasts(event, start, zone)

    def of(value: date | datetime) -> tuple[datetime, datetime]:
        begins = _moment(value, zone)
        if whole_days:
            day = datetime.combine(value, time())
            return begins, reached(day + lasts, zone)
        return begins, begins + lasts

    yield of(start)
    for value in _repeated(event, start, zone, (between[0] - lasts - DAY, between[1] + DAY)):
        yield of(value)
    for value in _dates(event.get("RDATE")):
        if isinstance(value, tuple):
            first, last = value
            begins = _moment(first, zone)
            yield begins, begins + last if isinstance(last, timedelta) else _moment(last, zone)
        else:
            yield of(value)


def _lasts(event: Any, start: date | datetime, zone: ZoneInfo) -> timedelta:
    if "DTEND" in event:
        end = event["DTEND"].dt
        if isinstance(start, datetime):
            lasts = _moment(end, zone) - _moment(start, zone)
        else:
            lasts = end - start
    elif "DURATION" in event:
        lasts = event["DURATION"].dt
    else:
        lasts = timedelta(0) if isinstance(start, datetime) else DAY
    if lasts < timedelta(0):
        name = str(event.get("SUMMARY", "an event"))[:100]
        raise PermanentError(f"{name} ends before it begins")
    return lasts


def _repeated(
    event: Any, start: date | datetime, zone: ZoneInfo, between: tuple[datetime, datetime]
) -> Iterator[date | datetime]:
    """Count by local time, without a zone, and give each one its zone again."""
    rules = event.get("RRULE", [])
    place: tzinfo = zone
    if isinstance(start, datetime):
        place = start.tzinfo or zone
        first = start.replace(tzinfo=None)
    else:
        first = datetime.combine(start, time())
    since, until = (moment.astimezone(place).replace(tzinfo=None) for moment in between)
    for rule in rules if isinstance(rules, list) else [rules]:
        counted = rrulestr(_written(rule, place), dtstart=first)
        for local in counted.xafter(since, inc=True):
            if local > until:
                break
            yield local.replace(tzinfo=place) if isinstance(start, datetime) else local.date()


def _written(rule: Any, place: tzinfo) -> str:
    """Write a rule for a count by local time: its UNTIL in that zone, without saying so."""
    if set(rule.get("FREQ", [])) & set(TOO_OFTEN):
        raise PermanentError("an event repeats by the hour or more often")
    parts = {**rule}
    until = parts.pop("UNTIL", None)
    text: str = type(rule)(parts).to_ical().decode()
    if until is None:
        return text
    last = until[0] if isinstance(until, list) else until
    if not isinstance(last, datetime):
        last = datetime.combine(last, time(23, 59, 59))
    elif last.tzinfo is not None:
        last = last.astimezone(place).replace(tzinfo=None)
    return f"{text};UNTIL={last:%Y%m%dT%H%M%S}"


def _dates(value: Any) -> Iterable[Any]:
    """Read EXDATE or RDATE, which may stand there several times, each with several dates."""
    listed = value if isinstance(value, list) else [value] if value is not None else []
    return [one.dt for each in listed for one in each.dts]
