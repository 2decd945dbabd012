"""Sinks of the kinds kafka and stdout: the real client, with a broker that speaks its protocol."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from jsonschema import Draft7Validator, FormatChecker

from bot.domain.cdevents import Happening, cdevents_of
from bot.domain.events import PlatformEvent, event_of
from bot.domain.lifecycle import State
from bot.domain.sinks import KafkaSink, Sink, StdoutSink
from bot.errors import PermanentError, TemporaryError
from integrations.catalog_file import CatalogError, json_schema, parse_catalog
from integrations.events import Sinks
from integrations.simulated.kafka import NO_RIGHT, NOT_LEADER, TOO_LARGE, SimulatedKafka
from tests import official
from tests.domain.facts import catalog
from tests.tester import CATALOG
from tests.views.releases import release
from tests.virtual import START, VirtualClock

SECRETS = {"KAFKA_USER": "bot", "KAFKA_PASSWORD": "hush", "BAD_PASSWORD": "no", "CA": "no PEM"}
SECONDS = 15.0
"""How long a broker has. Not so long as elsewhere: what is missing is waited for that long."""
OF = release(State.RUNNING)
EVENT: PlatformEvent = event_of("DeploymentStartedEvent", OF, catalog())
CDEVENT = cdevents_of((Happening.LIVE,), OF, catalog(), START, frozenset())[0]


@pytest.fixture
async def kafka() -> AsyncIterator[SimulatedKafka]:
    made = SimulatedKafka(VirtualClock().now, topics={"deployments": 3})
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def guarded() -> AsyncIterator[SimulatedKafka]:
    """One that asks who comes."""
    login = ("bot", "hush")
    made = SimulatedKafka(VirtualClock().now, topics={"deployments": 1}, login=login)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sinks() -> AsyncIterator[Sinks]:
    made = Sinks(SECRETS.get, seconds=SECONDS)
    yield made
    await made.close()


def sink(kafka: SimulatedKafka, **changes: Any) -> KafkaSink:
    base = {"kind": "kafka", "brokers": [kafka.address], "topic": "deployments", "tls": False}
    return KafkaSink.model_validate(base | changes)


async def test_structured_puts_everything_into_the_value(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    await sinks.send(sink(kafka), EVENT, "payments")
    [record] = kafka.records
    assert (record.topic, record.key) == ("deployments", b"payments")
    assert record.headers == {
        "content-type": b"application/cloudevents+json",
        "ce_id": EVENT.id.encode(),
    }
    assert json.loads(record.value) == {
        "specversion": "1.0",
        "id": EVENT.id,
        "source": "/release-bot/quantivista",
        "type": "DeploymentStartedEvent",
        "subject": "payments",
        "time": "2026-03-04T16:35:00Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:release-bot:events:DeploymentStartedEvent:1",
        "data": EVENT.data,
    }


async def test_binary_puts_the_attributes_into_headers(kafka: SimulatedKafka, sinks: Sinks) -> None:
    await sinks.send(sink(kafka, mode="binary"), CDEVENT, "payments")
    [record] = kafka.records
    assert json.loads(record.value) == CDEVENT.data
    assert record.headers["content-type"] == b"application/cdevents+json"
    message = KafkaMessage(record.headers, record.key, record.value)
    read = from_kafka_event(message)
    assert (read.get_id(), read.get_type()) == (CDEVENT.id, CDEVENT.type)
    assert read.get_subject() == CDEVENT.data["subject"]["id"]
    assert read.get_data() == CDEVENT.data


async def test_all_replicas_have_it_and_one_producer_writes_all(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    keys = [f"service-{number}" for number in range(8)]
    await asyncio.gather(*(sinks.send(sink(kafka), EVENT, key) for key in keys))
    await asyncio.gather(*(sinks.send(sink(kafka), CDEVENT, key) for key in keys))
    assert kafka.acks == {-1}
    assert kafka.asked["InitProducerId"] == 1
    assert {record.producer for record in kafka.records} == {1}
    # Each service has its partition, and there its events in order.
    for key in keys:
        mine = [record for record in kafka.records if record.key == key.encode()]
        assert len({record.partition for record in mine}) == 1
        assert [json.loads(record.value)["id"] for record in mine] == [EVENT.id, CDEVENT.id]
    assert len({record.partition for record in kafka.records}) > 1


async def test_nothing_is_asked_of_a_broker_before_the_first_event(kafka: SimulatedKafka) -> None:
    made = Sinks(SECRETS.get, seconds=SECONDS)
    made.check({"bus": sink(kafka)})
    await made.close()
    assert not kafka.asked


# What a broker has against it.


async def test_another_leader_is_found_and_nothing_is_written_twice(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    kafka.refuse(NOT_LEADER)
    await sinks.send(sink(kafka), EVENT, "payments")
    assert len(kafka.records) == 1
    assert kafka.asked["Produce"] == 2


async def test_an_answer_that_was_lost_costs_no_second_record(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    kafka.drop_after()
    await sinks.send(sink(kafka), EVENT, "payments")
    assert kafka.asked["Produce"] == 2
    assert len(kafka.records) == 1


async def test_no_answer_is_temporary_and_what_was_given_up_never_comes_later(
    kafka: SimulatedKafka,
) -> None:
    sinks = Sinks(SECRETS.get, seconds=3.0)
    kafka.hang(times=100)
    with pytest.raises(TemporaryError, match="no answer for 3 s") as caught:
        await sinks.send(sink(kafka), EVENT, "payments")
    assert caught.value.unknown
    kafka.hang(times=0)
    await sinks.send(sink(kafka), CDEVENT, "payments")
    # The first producer's own tries are over: only the second event is there.
    await asyncio.sleep(1.0)
    assert [json.loads(record.value)["id"] for record in kafka.records] == [CDEVENT.id]
    assert kafka.asked["InitProducerId"] == 2
    await sinks.close()


async def test_a_broker_that_is_away_is_temporary_and_found_again(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    await kafka.stop()
    for _ in range(2):
        with pytest.raises(TemporaryError, match="no broker could be reached"):
            await sinks.send(sink(kafka), EVENT, "payments")
    await kafka.start()
    await sinks.send(sink(kafka), EVENT, "payments")
    await kafka.stop()
    with pytest.raises(TemporaryError):
        await sinks.send(sink(kafka), CDEVENT, "payments")
    await kafka.start()
    await sinks.send(sink(kafka), CDEVENT, "payments")
    assert [json.loads(r.value)["id"] for r in kafka.records] == [EVENT.id, CDEVENT.id]


async def test_one_broker_that_is_away_leaves_time_for_the_next(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    two = sink(kafka, brokers=["127.0.0.1:9", kafka.address])
    await sinks.send(two, EVENT, "payments")
    assert len(kafka.records) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (TOO_LARGE, "the event is larger than topic deployments takes"),
        (NO_RIGHT, "the user may not write to topic deployments"),
    ],
)
async def test_a_refusal_is_for_good_and_the_next_event_goes_on(
    kafka: SimulatedKafka, sinks: Sinks, code: int, words: str
) -> None:
    kafka.refuse(code)
    with pytest.raises(PermanentError, match=words):
        await sinks.send(sink(kafka), EVENT, "payments")
    await sinks.send(sink(kafka), CDEVENT, "payments")
    assert [json.loads(r.value)["id"] for r in kafka.records] == [CDEVENT.id]


async def test_what_the_broker_finds_too_large_by_itself(sinks: Sinks) -> None:
    small = SimulatedKafka(VirtualClock().now, topics={"deployments": 1}, largest=100)
    await small.start()
    with pytest.raises(PermanentError, match="larger than topic deployments takes"):
        await sinks.send(sink(small), EVENT, "payments")
    await small.stop()


async def test_a_topic_that_is_not_there_may_still_be_made(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    with pytest.raises(TemporaryError, match="the brokers have no topic releases"):
        await sinks.send(sink(kafka, topic="releases"), EVENT, "payments")
    kafka.topics["releases"] = 1
    await sinks.send(sink(kafka, topic="releases"), EVENT, "payments")
    assert kafka.records[0].topic == "releases"


# Who may write.


async def test_user_and_password_come_from_the_variables(
    guarded: SimulatedKafka, sinks: Sinks
) -> None:
    named = {"username": "KAFKA_USER", "password": "KAFKA_PASSWORD", "mechanism": "PLAIN"}
    await sinks.send(sink(guarded, **named), EVENT, "payments")
    assert len(guarded.records) == 1
    for wrong in ({}, named | {"password": "BAD_PASSWORD"}):
        with pytest.raises(TemporaryError, match="no broker could be reached"):
            await sinks.send(sink(guarded, **wrong), EVENT, "payments")
    assert len(guarded.records) == 1


async def test_without_its_variables_no_broker_is_asked(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    named = sink(kafka, username="KAFKA_USER", password="NOT_SET")
    with pytest.raises(TemporaryError, match="NOT_SET is not set, so no broker can be asked"):
        await sinks.send(named, EVENT, "payments")
    assert not kafka.asked


async def test_certificates_that_are_none_are_told(kafka: SimulatedKafka, sinks: Sinks) -> None:
    with pytest.raises(TemporaryError, match="what ca names holds no certificate in PEM"):
        await sinks.send(sink(kafka, tls=True, ca="CA"), EVENT, "payments")


async def test_a_broker_without_tls_is_not_spoken_to_where_tls_is_asked(
    kafka: SimulatedKafka, sinks: Sinks
) -> None:
    with pytest.raises(TemporaryError):
        await sinks.send(sink(kafka, tls=True), EVENT, "payments")
    assert kafka.records == []


# The standard output.


async def lines_of(sinks: Sinks, *events: PlatformEvent) -> str:
    with redirect_stdout(StringIO()) as out:
        for event in events:
            await sinks.send(StdoutSink(kind="stdout"), event, "payments")
    return out.getvalue()


async def test_stdout_has_one_line_for_each_event(sinks: Sinks) -> None:
    written = await lines_of(sinks, EVENT, CDEVENT)
    lines = written.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [EVENT.id, CDEVENT.id]
    assert json.loads(lines[0])["data"] == EVENT.data
    assert written.endswith("\n")


async def test_an_output_that_is_closed_is_temporary(sinks: Sinks) -> None:
    closed = StringIO()
    closed.close()
    with (
        redirect_stdout(closed),
        pytest.raises(TemporaryError, match="the standard output takes nothing"),
    ):
        await sinks.send(StdoutSink(kind="stdout"), EVENT, "payments")


async def test_a_line_is_a_cloudevent_as_its_own_schema_says(sinks: Sinks) -> None:
    schema = Draft7Validator(official.cloudevent(), format_checker=FormatChecker())
    for line in (await lines_of(sinks, EVENT, CDEVENT)).splitlines():
        schema.validate(json.loads(line))


# What doctor and the catalogue say.


def test_the_doctor_tells_what_is_missing_and_sends_nothing() -> None:
    there: dict[str, Sink] = {
        "bus": KafkaSink(
            kind="kafka",
            brokers=("k:9093",),
            topic="releases",
            username="KAFKA_USER",
            password="KAFKA_PASSWORD",
        ),
        "other": KafkaSink(kind="kafka", brokers=("k:9093",), topic="t", ca="KAFKA_CA"),
        "near": KafkaSink(kind="kafka", brokers=("[::1]:9092",), topic="t", tls=False),
        "lines": StdoutSink(kind="stdout"),
    }
    found = Sinks(SECRETS.get).check(there)
    assert [(f.subject, f.good, f.sentence) for f in found] == [
        ("Sink bus", True, "Writes to releases with TLS, as the user in KAFKA_USER."),
        ("Sink other", False, "KAFKA_CA is not set, so no event is sent to it."),
        ("Sink near", True, "Writes to t with no TLS, without a user."),
        ("Sink lines", True, "Writes a line for each event to the standard output."),
    ]
    assert found[1].remedy == "Set KAFKA_CA or KAFKA_CA_FILE."


KAFKA = "kind: kafka, brokers: ['k.example.com:9093'], topic: t"
WRONG = {
    "a kind": ("kind: kafak, topic: t", "kind: 'kafak' is not one of 'http', 'kafka', 'stdout'"),
    "no topic": ("kind: kafka, brokers: ['k:1']", "events.sinks.bus.topic: it is missing"),
    "a topic": (f"{KAFKA}/x", "'t/x' is no topic: letters, digits"),
    "no brokers": ("kind: kafka, topic: t, brokers: []", "brokers: there must be at least one"),
    "a broker": ("kind: kafka, topic: t, brokers: ['u:hush@k:1']", "is written as HOST:PORT"),
    "no port": ("kind: kafka, topic: t, brokers: [k]", "brokers.0: a broker is written as"),
    "plain to elsewhere": (f"{KAFKA}, tls: false", "and k.example.com:9093 is not"),
    "half a login": (f"{KAFKA}, username: USER", "username and password go together"),
    "a password": (f"{KAFKA}, username: U, password: hush!", "names an environment variable"),
    "a ca without tls": (
        "kind: kafka, brokers: ['[::1]:1'], topic: t, tls: false, ca: CA",
        "ca is for tls, which is off",
    ),
    "a key": (f"{KAFKA}, topics: t", "there is no key topics. Did you mean topic?"),
    "an address for lines": ("kind: stdout, url: x", "no key url; known are contracts, kind"),
    "no contract": ("kind: stdout, contracts: []", "contracts: there must be at least one"),
    "one twice": ("kind: stdout, contracts: [platform, platform]", "each contract stands here"),
    "no mapping": ("'a word'", "this must be a mapping of keys to values"),
}


@pytest.mark.parametrize("case", WRONG)
def test_catalog_check_finds_sinks_that_cannot_be_right(case: str) -> None:
    written, words = WRONG[case]
    written = written if written.startswith("'") else f"{{{written}}}"
    text = f"{CATALOG}events:\n  sinks:\n    bus: {written}\n"
    with pytest.raises(CatalogError) as caught:
        parse_catalog(text, "c.yaml")
    assert words in str(caught.value)
    line = text.splitlines().index(f"    bus: {written}") + 1
    assert str(caught.value).startswith(f"c.yaml:{line}:")
    # A kind is no part of a key's place, and what may be a secret is never repeated.
    assert "kind=" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_catalogues_schema_knows_each_kind() -> None:
    kinds = [
        json_schema()["$defs"][model]["properties"]["kind"]["const"]
        for model in ("HttpSink", "KafkaSink", "StdoutSink")
    ]
    assert kinds == ["http", "kafka", "stdout"]
