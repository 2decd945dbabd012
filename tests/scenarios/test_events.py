"""Events: the platform hears of every deployment, signed and in order, whatever its sinks do."""

import asyncio
import itertools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from bot.domain.lifecycle import State
from bot.engine import record
from integrations.simulated.kubernetes import Behaviour
from integrations.simulated.server import Fault, FaultKind
from integrations.simulated.sink import SimulatedSink
from tests.scenarios.telling import (
    COMPLETED,
    STARTED,
    Make,
    approved,
    command,
    happens,
    listed,
    released,
    sooner_or_later,
    with_sinks,
)
from tests.tester import ANA, DAN, QUICK, REPO, Bot
from tests.views.releases import release

DOCS = Path(__file__).parents[2] / "docs" / "events"


@pytest.fixture
async def bot(make: Make, sink: SimulatedSink) -> Bot:
    return await make({"platform": sink})


# What is told.


async def test_a_release_is_told_when_it_starts_and_when_it_ends(
    bot: Bot, sink: SimulatedSink
) -> None:
    found = await released(bot)
    assert sink.told == [(STARTED, found), (COMPLETED, found)]
    ended = await bot.release(found)
    for got in sink.received:
        schema = json.loads((DOCS / f"{got.attributes['type']}.schema.json").read_text())
        Draft202012Validator(schema, format_checker=FormatChecker()).validate(got.data)
    started, completed = (got.data for got in sink.received)
    assert ended.plan
    assert started["pipeline"] == {
        "pipelineId": "4711",
        "buildNumber": 1,
        "commitSha": ended.plan.commit,
        "branch": "main",
    }
    assert started["deployment"]["triggeredBy"] == "ana"
    assert completed["deployment"]["status"] == "SUCCESS"
    assert completed["deployment"]["actualDuration"] == "00:01:17"
    assert completed["results"] == {
        "testsExecuted": 42,
        "testsPassed": 42,
        "securityScore": None,
        "performanceScore": None,
        "healthChecksPassed": True,
    }
    assert completed["rollback"] == {"rollbackCapable": True, "previousVersion": "v2.0.5"}
    # Each came once, at the moment at which it happened.
    assert set(sink.times.values()) == {1}
    assert [got.at for got in sink.received] == [ended.started_at, ended.ended_at]


async def test_a_rollback_is_a_deployment_of_its_own(bot: Bot, sink: SimulatedSink) -> None:
    first = await released(bot)
    await bot.clicks("Roll back", by=DAN)
    back = await bot.until("succeeded")
    assert back.undoes == first
    assert sink.told[2:] == [(STARTED, back.id), (COMPLETED, back.id)]
    started, completed = (got.data for got in sink.received[2:])
    assert started["deployment"]["version"] == "v2.0.5"
    # Who asked for it is named by the catalogue, not by Slack.
    assert started["deployment"]["triggeredBy"] == "dan"
    assert completed["deployment"]["status"] == "SUCCESS"
    assert completed["rollback"] == {"rollbackCapable": False, "previousVersion": "v2.1.0"}


async def test_one_that_is_taken_back_under_way_is_rolled_back(
    bot: Bot, sink: SimulatedSink
) -> None:
    found = await approved(bot, "orders")
    await bot.until(lambda r: r.progress.weight >= 25, found)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", found)
    assert sink.told == [(STARTED, found), (COMPLETED, found)]
    completed = sink.received[1].data
    assert completed["deployment"]["status"] == "ROLLED_BACK"
    assert completed["results"]["healthChecksPassed"] is None
    assert completed["rollback"]["rollbackCapable"] is False


async def test_one_that_crashes_has_failed_its_health_checks(bot: Bot, sink: SimulatedSink) -> None:
    bot.world.kubernetes.cluster.behaves(r"payments:v2\.1\.0$", Behaviour("crashes"))
    found = await approved(bot)
    await bot.until("failed", found)
    completed = sink.received[1].data
    assert completed["deployment"]["status"] == "FAILED"
    assert completed["results"]["healthChecksPassed"] is False
    assert completed["results"]["testsExecuted"] is None


async def test_a_cancel_is_told_only_where_it_had_started(bot: Bot, sink: SimulatedSink) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Cancel", by=ANA)
    await bot.until("cancelled")
    assert sink.told == []
    found = await approved(bot)
    await bot.until("running", found)
    await bot.clicks("Cancel", by=ANA)
    await bot.until("cancelled", found)
    assert sink.told == [(STARTED, found), (COMPLETED, found)]
    assert sink.received[1].data["deployment"]["status"] == "CANCELLED"


async def test_the_event_stands_or_falls_with_the_change(bot: Bot) -> None:
    before, after = release(State.QUEUED, started_at=None), release(State.RUNNING, step=1)
    now, catalog = bot.world.clock.now(), bot.app.catalog

    async def cut_short() -> None:
        async with bot.app.store.write() as session:
            await record.advance(session, before, after, now, due_at=now, catalog=catalog)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await cut_short()
    assert await listed(bot) == []
    # Nobody can start or end a release and leave the platform out.
    with pytest.raises(RuntimeError, match="has news for outside"):
        async with bot.app.store.write() as session:
            await record.advance(session, before, after, now, due_at=now)


async def test_with_no_sink_events_are_kept_and_one_can_be_sent_later(
    make: Make, sink: SimulatedSink
) -> None:
    bot = await make({})
    found = await released(bot)
    assert [row.standing for row in await listed(bot)] == ["no sink", "no sink"]
    bot.catalog = with_sinks(platform=sink)
    await bot.crashes_and_restarts()
    event_id = (await listed(bot))[0].event.id
    _, said = await command(bot, "list")
    assert [line.rpartition("  ")[2] for line in said.splitlines()] == ["for no sink"] * 2
    status, said = await command(bot, "resend", event_id)
    assert (status, said) == (1, f"Event {event_id} was for no sink. Name one with --sink.\n")
    assert await command(bot, "resend", event_id, "--sink", "platform") == (
        0,
        "1 delivery goes out again.\n",
    )
    await bot.works()
    assert sink.told == [(COMPLETED, found)]


# Sinks in trouble.


async def test_a_sink_that_is_down_for_an_hour_gets_everything_in_order(
    make: Make, sink: SimulatedSink, audit: SimulatedSink
) -> None:
    bot = await make({"platform": sink, "audit": audit})
    sink.fail(Fault("status", status=500, times=None))
    first = await released(bot)
    second = await released(bot, "orders")
    await bot.passes(timedelta(hours=1))
    assert sink.told == []
    assert audit.told == [
        (STARTED, first),
        (COMPLETED, first),
        (STARTED, second),
        (COMPLETED, second),
    ]
    # What is behind the first of its service is not even tried.
    tried = {json.loads(entry.body)["id"] for entry in sink.journal}
    assert tried == {audit.received[0].attributes["id"], audit.received[2].attributes["id"]}
    sink.heal()
    await bot.passes(timedelta(minutes=6))
    for found in (first, second):
        assert [what for what in sink.told if what[1] == found] == [
            (STARTED, found),
            (COMPLETED, found),
        ]


async def test_each_try_waits_longer_up_to_a_limit(bot: Bot, sink: SimulatedSink) -> None:
    sink.fail(Fault("status", status=503, times=None))
    await happens(bot, ("payments", 1))
    await bot.passes(timedelta(minutes=25))
    times = [entry.at for entry in sink.journal]
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert [round(gap) for gap in gaps] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


@pytest.mark.parametrize("kind", ["hang", "drop_before", "drop_after"])
async def test_no_answer_is_tried_again_with_the_same_id(
    make: Make, sink: SimulatedSink, kind: FaultKind
) -> None:
    bot = await make({"platform": sink}, limits=replace(QUICK, sink=2.0))
    sink.fail(Fault(kind, seconds=30.0 if kind == "hang" else 0.0))
    [event] = await happens(bot, ("payments", 1))
    await bot.passes(timedelta(seconds=3))
    assert sink.times == {event.id: 2 if kind == "drop_after" else 1}
    assert [row.standing for row in await listed(bot)] == ["delivered"]


async def test_a_sink_that_hangs_holds_up_nobody(
    make: Make, sink: SimulatedSink, audit: SimulatedSink
) -> None:
    bot = await make({"platform": sink, "audit": audit})
    sink.fail(Fault("hang", times=1, seconds=30))
    await happens(bot, ("payments", 1))
    assert await bot.app.events.send_due() == 2
    await sooner_or_later(lambda: len(audit.received) == 1 and not sink.faults[0].times)
    # Another service's event goes to the very sink that hangs; Slack is answered.
    await happens(bot, ("orders", 2), ("payments", 3))
    async with asyncio.timeout(60):
        while len(audit.received) < 3:
            await bot.app.events.send_due()
            await asyncio.sleep(0.01)
    await sooner_or_later(lambda: len(sink.received) == 1)
    await bot.says("/release status")
    assert "under way" in bot.told()
    assert [got.attributes["subject"] for got in sink.received] == ["orders"]
    assert [key[1] for key in bot.app.events.at_work] == ["platform"]


async def test_a_sink_has_so_many_at_once_and_no_more(make: Make, sink: SimulatedSink) -> None:
    bot = await make({"platform": sink})
    sink.fail(Fault("hang", times=None, seconds=30))
    await happens(bot, *((f"{number}-service", number) for number in range(20)))
    assert await bot.app.events.send_due() == 16
    assert await bot.app.events.send_due() == 0


async def test_a_redirect_is_not_followed_and_is_tried_again(
    bot: Bot, sink: SimulatedSink, audit: SimulatedSink
) -> None:
    inner = f"{audit.url}/inner"
    sink.fail(Fault("status", status=307, headers={"Location": inner}, times=3))
    found = await released(bot)
    assert audit.journal == []
    assert sink.told == [(STARTED, found), (COMPLETED, found)]
    assert [entry.status for entry in sink.journal] == [307, 307, 307, 204, 204]


async def test_what_waits_says_why(bot: Bot, sink: SimulatedSink) -> None:
    sink.fail(Fault("status", status=307, headers={"Location": "http://127.0.0.1:9/"}, times=None))
    await happens(bot, ("payments", 1))
    await bot.works()
    status, said = await command(bot, "list", "--waiting")
    assert status == 0
    assert "platform: waiting after 1 try, it answered 307, a redirect, which is not foll" in said


async def test_what_no_run_deploys_has_no_pipeline(bot: Bot, sink: SimulatedSink) -> None:
    await bot.says("/release config v2.1.0 staging")
    await bot.until("succeeded")
    pipeline = sink.received[0].data["pipeline"]
    assert pipeline["commitSha"] is not None
    assert {pipeline[key] for key in ("pipelineId", "buildNumber", "branch")} == {None}


async def test_a_start_whose_run_never_came_is_told_when_it_goes_back(
    bot: Bot, sink: SimulatedSink
) -> None:
    bot.world.github.repository(REPO).workflows.pop("deploy.yml")
    found = await approved(bot, "orders")
    await bot.until("failed", found)
    assert sink.told == [(STARTED, found), (COMPLETED, found)]
    assert sink.received[0].data["pipeline"]["pipelineId"] is None
