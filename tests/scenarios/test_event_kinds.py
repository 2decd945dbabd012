"""Sinks that are a Kafka topic or the standard output: the same promises as over HTTP."""

import json
from collections.abc import AsyncIterator
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO

import pytest

from integrations.simulated.kafka import TOO_LARGE, SimulatedKafka
from tests.scenarios.conftest import Given
from tests.scenarios.telling import COMPLETED, STARTED, command, happens, listed, released
from tests.tester import CATALOG, World


@pytest.fixture
async def kafka(world: World) -> AsyncIterator[SimulatedKafka]:
    made = SimulatedKafka(world.clock.now, topics={"deployments": 4})
    await made.start()
    yield made
    await made.stop()


def writing(kafka: SimulatedKafka) -> str:
    """The catalogue with a sink that is this topic."""
    place = f"kind: kafka, brokers: ['{kafka.address}'], topic: deployments, tls: false"
    return f"{CATALOG}events:\n  sinks:\n    bus: {{{place}}}\n"


def told(kafka: SimulatedKafka) -> list[tuple[str, str]]:
    found = [json.loads(record.value) for record in kafka.records]
    return [(one["type"], one["data"]["deployment"]["deploymentId"]) for one in found]


async def test_a_topic_has_what_was_told_by_the_service_as_its_key(
    given: Given, kafka: SimulatedKafka
) -> None:
    bot = await given(catalog=writing(kafka))
    found = await bot.release(await released(bot))
    assert told(kafka) == [(STARTED, found.id), (COMPLETED, found.id)]
    assert {record.key for record in kafka.records} == {b"payments"}
    ids = [row.event.id for row in await listed(bot)]
    assert [record.headers["ce_id"].decode() for record in kafka.records] == ids[::-1]
    assert [record.at for record in kafka.records] == [found.started_at, found.ended_at]


async def test_brokers_that_are_away_for_an_hour_get_everything_in_order(
    given: Given, kafka: SimulatedKafka
) -> None:
    bot = await given(catalog=writing(kafka))
    await kafka.stop()
    first = await released(bot)
    second = await released(bot, "orders")
    await bot.passes(timedelta(hours=1))
    assert {row.standing for row in await listed(bot)} == {"waiting"}
    _, said = await command(bot, "list", "--waiting")
    assert "no broker could be reached" in said
    await kafka.start()
    await bot.passes(timedelta(minutes=6))
    for found in (first, second):
        assert [what for what in told(kafka) if what[1] == found] == [
            (STARTED, found),
            (COMPLETED, found),
        ]
    assert len(kafka.records) == 4
    assert {row.standing for row in await listed(bot)} == {"delivered"}


async def test_what_a_topic_refuses_is_dead_in_the_end_and_can_be_sent_again(
    given: Given, kafka: SimulatedKafka
) -> None:
    bot = await given(catalog=writing(kafka))
    kafka.refuse(TOO_LARGE, times=7)
    first, second = await happens(bot, ("payments", 1), ("payments", 2))
    await bot.passes(timedelta(minutes=70))
    [row] = await listed(bot, "dead")
    assert row.event.id == first.id
    assert row.error == "the event is larger than topic deployments takes"
    assert [record.headers["ce_id"].decode() for record in kafka.records] == [second.id]
    assert await command(bot, "resend", "--dead") == (0, "1 delivery goes out again.\n")
    await bot.works()
    assert kafka.records[1].headers["ce_id"].decode() == first.id


async def test_what_is_sent_again_has_the_same_id(given: Given, kafka: SimulatedKafka) -> None:
    bot = await given(catalog=writing(kafka))
    [event] = await happens(bot, ("payments", 1))
    await bot.works()
    await command(bot, "resend", event.id)
    await bot.crashes_and_restarts()
    await bot.works()
    assert [record.headers["ce_id"].decode() for record in kafka.records] == [event.id] * 2


async def test_the_standard_output_has_a_line_for_each(given: Given) -> None:
    text = "events:\n  sinks:\n    log: {kind: stdout, contracts: [platform, cdevents]}\n"
    bot = await given(catalog=CATALOG + text)
    with redirect_stdout(StringIO()) as out:
        await released(bot)
    # Whatever else writes to the standard output of a test is no event.
    lines = [line for line in out.getvalue().splitlines() if line.startswith("{")]
    kinds = [json.loads(line)["type"].removeprefix("dev.cdevents.") for line in lines]
    assert kinds == [
        "pipelinerun.queued.0.3.0",
        "pipelinerun.started.0.3.0",
        STARTED,
        "service.upgraded.0.3.0",
        "service.published.0.3.0",
        COMPLETED,
        "pipelinerun.finished.0.3.0",
    ]
