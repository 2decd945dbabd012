"""iCalendars by address and by file: read by the clock, kept, and what is said when one is away."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.engine.calendars import read_due
from bot.store import calendars
from integrations.catalog_file import parse_catalog
from integrations.simulated.preview import Page, SimulatedPreview
from tests.scenarios.stopping import approved, record, with_freezes
from tests.tester import CATALOG, Bot, World

HOLIDAY = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//y//EN
BEGIN:VEVENT
UID:1
SUMMARY:Exchange holiday
DTSTART;TZID=America/New_York:20260304T090000
DTEND;TZID=America/New_York:20260304T130000
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
"""Until 18:00 UTC on the day on which the tests begin."""

NOTHING = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"

Make = Callable[[str], Awaitable[Bot]]


@pytest.fixture
async def server(world: World) -> AsyncIterator[SimulatedPreview]:
    made = SimulatedPreview(world.clock.now, world.clock.sleep)
    await made.start()
    made.shows("/x.ics", Page(HOLIDAY))
    yield made
    await made.stop()


@pytest.fixture
async def make(world: World, database: str, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Bot] = []

    async def start(catalog: str) -> Bot:
        settings: dict[str, object] = {"release_bot_catalog": tmp_path / "catalog.yaml"}
        made.append(Bot(world, database, tmp_path, catalog=catalog, settings=settings))
        return await made[-1].start()

    yield start
    for bot in made:
        await bot.finish()


def by_address(url: str) -> str:
    catalog = CATALOG.replace(
        "tiers: [core, trading]", "tiers: [core, trading]\ncalendars: {hosts: [127.0.0.1]}"
    )
    return with_freezes(f'{{name: holidays, calendar: "{url}/x.ics"}}', catalog=catalog)


async def reads(bot: Bot) -> int:
    done = await read_due(bot.app.world)
    await bot.works()
    return done


async def plan(bot: Bot) -> str:
    await bot.says("/release plan payments v2.1.0 prod")
    await bot.settles()
    return bot.told()


async def test_by_address_it_freezes_and_lets_go(make: Make, server: SimulatedPreview) -> None:
    bot = await make(by_address(server.url))
    assert "✗ freeze unknown: the calendar holidays was never read: it is read within a minute" in (
        await plan(bot)
    )
    await bot.says("/release payments v2.1.0 prod")
    assert (await bot.until("blocked")).reason is Reason.SOURCE_UNKNOWN
    assert await reads(bot) == 1
    # What waited is asked anew at once.
    assert (await bot.release()).state is State.AWAITING_APPROVAL
    assert "frozen until 18:00 UTC: holidays" in bot.card()
    await bot.passes(timedelta(hours=2))
    assert "✓ freeze no freeze now" in await plan(bot)
    (entry,) = await record(bot, AuditTag.CALENDAR_READ)
    assert entry["events"] == 1
    assert len(str(entry["digest"])) == 64


async def test_by_file_beside_the_catalogue(make: Make, tmp_path: Path) -> None:
    (tmp_path / "holidays.ics").write_text(HOLIDAY)
    bot = await make(with_freezes("{name: holidays, calendar: holidays.ics}"))
    assert await reads(bot) == 1
    await approved(bot)
    await bot.until("blocked")
    await bot.until("running")
    assert bot.world.clock.now().hour == 18
    await bot.until("succeeded")


async def test_it_is_read_when_its_time_has_come_and_not_before(
    make: Make, server: SimulatedPreview
) -> None:
    bot = await make(by_address(server.url))
    assert [await reads(bot), await reads(bot)] == [1, 0]
    await bot.passes(timedelta(minutes=14))
    assert await reads(bot) == 0
    await bot.passes(timedelta(minutes=1))
    assert await reads(bot) == 1
    assert server.asked["/x.ics"] == 2
    assert len(await record(bot, AuditTag.CALENDAR_READ)) == 1


async def test_the_last_good_copy_does_and_says_how_old_it_is(
    make: Make, server: SimulatedPreview
) -> None:
    bot = await make(by_address(server.url))
    await reads(bot)
    for page in (Page("no", status=503), Page("x", status=302), Page("no calendar")):
        server.shows("/x.ics", page)
        await bot.passes(timedelta(minutes=15))
        assert await reads(bot) == 1
        assert "frozen until 18:00 UTC: holidays" in await plan(bot)
    await bot.passes(timedelta(hours=2))
    told = await plan(bot)
    assert "no freeze now; holidays as it was at 4 Mar 16:30 UTC: " in told
    assert "is no iCalendar" in told
    await bot.crashes_and_restarts()
    assert "holidays as it was at 4 Mar 16:30 UTC" in await plan(bot)


async def test_what_is_not_listed_or_not_there_keeps_the_gate_closed(
    make: Make, server: SimulatedPreview
) -> None:
    bot = await make(by_address(server.url))
    server.shows("/x.ics", Page("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:tomorrow\n"))
    await reads(bot)
    assert "the calendar holidays was never read: it can't be read as an iCalendar" in (
        await plan(bot)
    )
    server.shows("/x.ics", Page(status=302, headers={"Location": "http://10.0.0.1/x.ics"}))
    await bot.passes(timedelta(minutes=15))
    await reads(bot)
    assert "answered with a redirect; name its goal" in await plan(bot)


async def test_a_calendar_that_is_no_longer_named_is_forgotten(
    make: Make, server: SimulatedPreview, tmp_path: Path
) -> None:
    bot = await make(by_address(server.url))
    await reads(bot)
    (tmp_path / "a.ics").write_text(NOTHING)
    bot.app.catalog = parse_catalog(with_freezes("{name: a, calendar: a.ics}")).catalog
    assert await reads(bot) == 1
    async with bot.app.store.read() as session:
        assert (await calendars.get(session, f"{server.url}/x.ics")).read_at is None
        assert (await calendars.get(session, "a.ics")).read_at is not None
    assert "no freeze now" in await plan(bot)


async def test_a_file_that_is_not_there_says_so(make: Make) -> None:
    bot = await make(with_freezes("{name: a, calendar: gone.ics}"))
    await reads(bot)
    assert "never read: gone.ics can't be read: No such file or directory" in await plan(bot)
