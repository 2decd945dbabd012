"""iCalendars: whom they are read from, and what their events mean."""

import socket
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.calendar import Span
from bot.errors import PermanentError, TemporaryError
from integrations.calendars import ICalendars
from integrations.calendars.client import MOST
from integrations.calendars.reading import MOST_SPANS, spans_of
from integrations.simulated.preview import Page, SimulatedPreview
from tests.patience import PATIENT
from tests.virtual import VirtualClock

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
HOURS, MINUTES = ",".join(map(str, range(24))), "BYMINUTE=0,10,20,30,40,50"
EMPTY = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"


class Names(AbstractResolver):
    """A name server that has one answer."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=self.address, port=port, family=family, proto=0,
                          flags=socket.AI_NUMERICHOST)
        ]  # fmt: skip

    async def close(self) -> None:
        pass


@pytest.fixture
async def server() -> AsyncIterator[SimulatedPreview]:
    clock = VirtualClock()
    made = SimulatedPreview(clock.now, clock.sleep)
    await made.start()
    yield made
    await made.stop()


async def test_a_listed_host_is_read(server: SimulatedPreview, tmp_path: Path) -> None:
    server.shows("/x.ics", Page(EMPTY))
    text = await ICalendars(tmp_path).read(f"{server.url}/x.ics", ["127.0.0.1"])
    assert text == EMPTY
    (entry,) = server.journal
    assert (entry.method, entry.path) == ("GET", "/x.ics")


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (Page(status=503), "answered 503"),
        (Page(EMPTY, seconds=0.5), "gave no answer for 0.2 s"),
        (Page(status=301, headers={"Location": "/y.ics"}), "redirect; name its goal"),
        (Page("x" * (MOST + 1)), "is larger than 1 MB"),
        (Page(b"BEGIN:VCALENDAR\xff"), "is not UTF-8 at byte 15"),
        (Page("<html>sign in</html>"), "is no iCalendar"),
    ],
)
async def test_what_comes_instead_of_a_calendar(
    server: SimulatedPreview, tmp_path: Path, page: Page, sentence: str
) -> None:
    server.shows("/x.ics", page)
    reader = ICalendars(tmp_path, seconds=0.2 if page.seconds else PATIENT)
    with pytest.raises((PermanentError, TemporaryError), match=sentence):
        await reader.read(f"{server.url}/x.ics", ["127.0.0.1"])
    assert server.asked["/y.ics"] == 0


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://other.example.com/x.ics", "other.example.com is not in calendars.hosts"),
        ("http://calendar.example.com/x.ics", "must be asked by https"),
        ("https://10.1.2.3/x.ics", "leads to 10.1.2.3, which is a private network's"),
        ("https://169.254.169.254/x.ics", "link-local, where clouds keep credentials"),
    ],
)
async def test_who_is_not_asked(tmp_path: Path, url: str, sentence: str) -> None:
    hosts = ["calendar.example.com", "10.1.2.3", "169.254.169.254"]
    with pytest.raises(PermanentError, match=sentence):
        await ICalendars(tmp_path).read(url, hosts)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.7", "192.168.1.1", "100.64.0.1", "169.254.169.254"]
)
async def test_a_listed_name_that_leads_inward_is_not_asked(tmp_path: Path, address: str) -> None:
    reader = ICalendars(tmp_path, resolver=Names(address))
    with pytest.raises(PermanentError, match=f"leads to {address}"):
        await reader.read("https://calendar.example.com/x.ics", ["calendar.example.com"])


async def test_files_are_read_beside_the_catalogue_only(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "out.ics").write_text(EMPTY)
    (folder / "link.ics").symlink_to(tmp_path / "out.ics")
    (folder / "in.ics").write_text(EMPTY)
    reader = ICalendars(folder)
    assert await reader.read("in.ics", []) == EMPTY
    for name in ("link.ics", "../out.ics"):
        with pytest.raises(PermanentError, match="is not beside the catalogue"):
            await reader.read(name, [])


# What events mean.


def calendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\nUID:{n}\n{e}\nEND:VEVENT\n" for n, e in enumerate(events))
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n")


def starts(text: str, zone: str = "UTC") -> list[str]:
    return [f"{s.start:%m-%d %H:%M}" for s in spans_of(text, zone, SINCE, UNTIL)]


def test_whole_days_are_the_zones_own() -> None:
    text = calendar("SUMMARY:Year end\nDTSTART;VALUE=DATE:20261220\nDTEND;VALUE=DATE:20270103")
    (span,) = spans_of(text, "America/New_York", SINCE, UNTIL)
    assert span == Span(
        start=datetime(2026, 12, 20, 5, tzinfo=UTC),
        end=datetime(2027, 1, 3, 5, tzinfo=UTC),
        name="Year end",
    )
    one = calendar("DTSTART;VALUE=DATE:20260704")
    (span,) = spans_of(one, "UTC", SINCE, UNTIL)
    assert span.end is not None
    assert span.end - span.start == timedelta(days=1)


def test_nine_is_nine_before_and_after_the_clocks_change() -> None:
    text = calendar(
        "DTSTART;TZID=America/New_York:20260306T093000\n"
        "DTEND;TZID=America/New_York:20260306T160000\n"
        "RRULE:FREQ=WEEKLY;BYDAY=MO,FR;COUNT=3"
    )
    assert starts(text) == ["03-06 14:30", "03-09 13:30", "03-13 13:30"]


def test_until_exceptions_additions_and_moved_ones() -> None:
    text = calendar(
        "DTSTART:20260105T100000Z\nDURATION:PT2H\nRRULE:FREQ=DAILY;UNTIL=20260110T100000Z\n"
        "EXDATE:20260107T100000Z\nRDATE:20260120T100000Z"
    )
    moved = text.replace(
        "END:VCALENDAR",
        "BEGIN:VEVENT\r\nUID:0\r\nRECURRENCE-ID:20260108T100000Z\r\nDTSTART:20260108T180000Z\r\n"
        "DURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR",
    )
    assert starts(moved) == [
        "01-05 10:00", "01-06 10:00", "01-08 18:00", "01-09 10:00", "01-10 10:00", "01-20 10:00",
    ]  # fmt: skip


def test_what_is_cancelled_or_has_no_length_is_no_freeze() -> None:
    text = calendar(
        "STATUS:CANCELLED\nDTSTART:20260105T100000Z\nDTEND:20260105T110000Z",
        "DTSTART:20260106T100000Z",
        "DTSTART:20250106T100000Z\nDTEND:20250106T110000Z",
    )
    assert starts(text) == []


def test_a_floating_time_is_the_catalogues() -> None:
    text = calendar("DTSTART:20260701T090000\nDTEND:20260701T100000")
    assert starts(text, "Europe/London") == ["07-01 08:00"]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ("DTSTART:20260105T100000Z\nDTEND:20260105T090000Z\nSUMMARY:x", "x ends before it begins"),
        ("DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES", "RRULE: Expected freq"),
        ("DTSTART:20260101T000000Z\nDURATION:PT1H\nEXDATE:soon", "EXDATE: Expected datetime"),
        ("DTSTART:20260101T000000Z\nDURATION:PT1H\nEXRULE:FREQ=DAILY", "has an EXRULE"),
        ("DTSTART:20260101T000000Z\nDURATION:PT1H\nEND:VEVENT\nBEGIN:VEVENT\nBEGIN:VALARM",
         "a part of it has no end"),
        ("DTSTART:soon", "can't be read as an iCalendar"),
        ("SUMMARY:no start", "can't be read as an iCalendar"),
        ("DTSTART:20260101T000000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY", "by the hour or more"),
        (f"DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYHOUR={HOURS};{MINUTES}",
         f"more than {MOST_SPANS} events"),
        ("DTSTART:20260101T000000Z\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260101T000000Z",
         "all that follow"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_whole(event: str, sentence: str) -> None:
    text = calendar("DTSTART:20260301T100000Z\nDTEND:20260301T110000Z", event)
    with pytest.raises(PermanentError, match=sentence):
        spans_of(text, "UTC", SINCE, UNTIL)


def test_an_old_rule_that_goes_on_is_found_and_an_impossible_one_ends() -> None:
    text = calendar("DTSTART:19990101T100000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY")
    assert starts(text) == ["01-01 10:00"]
    never = calendar("DTSTART:20260101T100000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYMONTH=2;"
                     "BYMONTHDAY=30")  # fmt: skip
    assert starts(never) == ["01-01 10:00"]


@settings(max_examples=50, deadline=None)
@given(
    zone=st.sampled_from(["America/New_York", "Europe/London", "Asia/Kolkata", "UTC"]),
    days=st.sets(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1),
    first=st.dates(date(2026, 1, 3), date(2026, 6, 1)),
    hour=st.integers(4, 22),
)
def test_a_weekly_rule_against_a_walk_through_the_days(
    zone: str, days: set[str], first: date, hour: int
) -> None:
    text = calendar(
        f"DTSTART;TZID={zone}:{first:%Y%m%d}T{hour:02d}0000\nDURATION:PT30M\n"
        f"RRULE:FREQ=WEEKLY;BYDAY={','.join(sorted(days))}"
    )
    found = {s.start for s in spans_of(text, "UTC", SINCE, UNTIL)}
    names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
    walked = set()
    for n in range(365):
        day = first + timedelta(days=n)
        moment = datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone))
        if (n == 0 or names[day.weekday()] in days) and moment < UNTIL:
            walked.add(moment.astimezone(UTC))
    assert found == walked
