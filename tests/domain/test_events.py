"""The platform's event contracts: names, nesting and formats are its own; the unknown is null."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from bot.domain.catalog import Catalog
from bot.domain.events import (
    EventType,
    clock,
    event_of,
    happened,
    schema_of,
    service_name,
    status_of,
    timestamp,
    triggered_by,
)
from bot.domain.facts import Known
from bot.domain.lifecycle import ENDINGS, State
from bot.domain.planning import build_rollback
from bot.domain.reasons import Reason
from bot.domain.releases import Progress, Release
from tests.domain.facts import catalog, cluster, facts, rules
from tests.tester import ANA, BEN, EVE
from tests.views.releases import release
from tests.virtual import START

DOCS = Path(__file__).parents[2] / "docs" / "events"
STARTED: EventType = "DeploymentStartedEvent"
COMPLETED: EventType = "DeploymentCompletedEvent"
BOTH = (STARTED, COMPLETED)
BEGAN = START + timedelta(minutes=5)
ENDED = BEGAN + timedelta(minutes=12, seconds=30)


def read(name: str) -> Any:
    return json.loads((DOCS / name).read_text())


def schema(kind: EventType) -> Draft202012Validator:
    found = read(f"{kind}.schema.json")
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found, format_checker=FormatChecker())


def named(**services: str) -> Catalog:
    """The tests' catalogue, with names of services on the platform."""
    made = catalog()
    changed = {
        name: made.services[name].model_copy(update={"event_name": event_name})
        for name, event_name in services.items()
    }
    return made.model_copy(update={"services": {**made.services, **changed}})


def running(**changes: Any) -> Release:
    return release(State.RUNNING, expected_seconds=900, **changes)


def succeeded(**changes: Any) -> Release:
    base = {
        "reason": Reason.DONE,
        "ended_at": ENDED,
        "live_since": ENDED,
        "window_until": ENDED + timedelta(hours=1),
        "progress": Progress(tests_run=42, tests_passed=41),
    }
    return release(State.SUCCEEDED, **(base | changes))


def data(kind: EventType, of: Release, by: Catalog | None = None) -> Any:
    return event_of(kind, of, by or catalog()).data


def shape(value: Any) -> Any:
    """Keys and nesting, in their order."""
    return [(key, shape(inner)) for key, inner in value.items()] if isinstance(value, dict) else ""


@pytest.mark.parametrize("kind", BOTH)
def test_the_platforms_own_examples_are_valid(kind: EventType) -> None:
    # Their eventId is the word "uuid": all but the format of that one is checked.
    example = read(f"{kind}.example.json") | {"eventId": "1ea82b9c-06d3-5336-8aa1-c896bf791aec"}
    schema(kind).validate(example)
    assert read(f"{kind}.schema.json")["$id"] == schema_of(kind)


@pytest.mark.parametrize("kind", BOTH)
def test_ours_have_the_examples_names_and_nesting(kind: EventType) -> None:
    ours = data(kind, succeeded())
    schema(kind).validate(ours)
    assert shape(ours) == shape(read(f"{kind}.example.json"))


@pytest.mark.parametrize("kind", BOTH)
def test_the_schemas_refuse_what_is_not_in_the_contract(kind: EventType) -> None:
    ours = data(kind, succeeded())
    for wrong in (
        ours | {"extra": 1},
        {key: value for key, value in ours.items() if key != "deployment"},
        ours | {"timestamp": "2026-03-04T16:30:00Z"},
        ours | {"eventId": "7"},
        ours | {"deployment": ours["deployment"] | {"version": None}},
    ):
        assert not schema(kind).is_valid(wrong)


def test_a_start_says_what_is_known_and_null_for_the_rest() -> None:
    found = data(STARTED, running(), named(payments="payments-service"))
    assert found == {
        "eventId": found["eventId"],
        "timestamp": "2026-03-04T16:35:00.000Z",
        "deployment": {
            "deploymentId": "rel-7k3f",
            "serviceName": "payments-service",
            "version": "v2.1.0",
            "environment": "production",
            "deploymentType": "blue_green",
            "triggeredBy": "ana",
            "estimatedDuration": "00:15:00",
        },
        "pipeline": {
            "pipelineId": None,
            "buildNumber": None,
            "commitSha": "abc123def456",
            "branch": None,
        },
    }


def test_an_ending_says_what_is_known_and_null_for_the_rest() -> None:
    found = data(COMPLETED, succeeded())
    assert found == {
        "eventId": found["eventId"],
        "timestamp": "2026-03-04T16:47:30.000Z",
        "deployment": {
            "deploymentId": "rel-7k3f",
            "serviceName": "payments",
            "version": "v2.1.0",
            "environment": "production",
            "status": "SUCCESS",
            "actualDuration": "00:12:30",
        },
        "results": {
            "testsExecuted": 42,
            "testsPassed": 41,
            "securityScore": None,
            "performanceScore": None,
            "healthChecksPassed": True,
        },
        "rollback": {"rollbackCapable": True, "previousVersion": "v2.0.5"},
    }


def test_what_nobody_knows_is_null_never_nothing() -> None:
    bare = running(plan_text=None).model_copy(update={"expected_seconds": None})
    started, completed = data(STARTED, bare), data(COMPLETED, succeeded(plan_text=None))
    assert started["deployment"]["estimatedDuration"] is None
    assert set(started["pipeline"].values()) == {None}
    assert completed["rollback"]["previousVersion"] is None
    without = data(COMPLETED, succeeded(progress=Progress()))["results"]
    assert (without["testsExecuted"], without["testsPassed"]) == (None, None)
    none_ran = data(COMPLETED, succeeded(progress=Progress(tests_run=0, tests_passed=0)))["results"]
    assert (none_ran["testsExecuted"], none_ran["testsPassed"]) == (0, 0)


def test_a_start_is_told_when_the_run_is_known_that_deploys_it() -> None:
    queued, waits = release(State.QUEUED, started_at=None), running(progress=Progress())
    known = running(progress=Progress(run_url="https://github.com/q/p/actions/runs/4711"))
    assert happened(queued, waits) == ()
    assert happened(waits, known) == (STARTED,)
    assert happened(known, running(progress=Progress(step=1))) == ()


def test_a_start_is_told_at_the_latest_when_it_goes_back_or_ends() -> None:
    waits = running(progress=Progress())
    back = release(State.ROLLING_BACK, progress=Progress(track="undo"))
    gone = release(State.ABANDONED, ended_at=ENDED, progress=Progress())
    assert happened(waits, back) == (STARTED,)
    assert happened(waits, gone) == (STARTED, COMPLETED)
    assert data(STARTED, back)["pipeline"]["pipelineId"] is None


def test_number_and_branch_are_those_of_the_run() -> None:
    progress = Progress(
        run_url="https://github.com/q/p/actions/runs/4711", run_number=1234, run_branch="main"
    )
    found = data(STARTED, running(progress=progress))
    schema(STARTED).validate(found)
    assert found["pipeline"] == {
        "pipelineId": "4711", "buildNumber": 1234, "commitSha": "abc123def456", "branch": "main",
    }  # fmt: skip


def test_a_run_that_is_known_names_the_pipeline() -> None:
    def of(url: str | None) -> Any:
        return data(STARTED, running(progress=Progress(run_url=url)))["pipeline"]["pipelineId"]

    assert of("https://github.com/q/p/actions/runs/4711") == "4711"
    assert of("https://github.com/q/p/actions") is None


@pytest.mark.parametrize(
    ("state", "reason", "status", "healthy"),
    [
        (State.SUCCEEDED, Reason.DONE, "SUCCESS", True),
        (State.SUCCEEDED, Reason.REPAIRED_BY_PERSON, "SUCCESS", None),
        (State.ROLLED_BACK, Reason.PODS_CRASH, "ROLLED_BACK", False),
        (State.ROLLED_BACK, Reason.ROLLED_BACK_BY_PERSON, "ROLLED_BACK", None),
        (State.FAILED, Reason.IMAGE_UNPULLABLE, "FAILED", False),
        (State.FAILED, Reason.WORKFLOW_FAILED, "FAILED", None),
        (State.CANCELLED, Reason.CANCELLED_BY_PERSON, "CANCELLED", None),
        (State.ABANDONED, Reason.REPAIRED_BY_PERSON, "FAILED", None),
    ],
)
def test_every_ending_has_its_status(
    state: State, reason: Reason, status: str, *, healthy: bool | None
) -> None:
    ended = release(state, reason=reason, ended_at=ENDED)
    found = data(COMPLETED, ended)
    schema(COMPLETED).validate(found)
    assert found["deployment"]["status"] == status
    assert found["results"]["healthChecksPassed"] is healthy
    assert found["rollback"]["rollbackCapable"] is False


def test_what_is_no_ending_of_a_deployment_has_no_status() -> None:
    never = (State.REJECTED, State.REFUSED, State.EXPIRED)
    assert {state for state in State if _has_status(state)} == ENDINGS - set(never)


def _has_status(state: State) -> bool:
    try:
        status_of(state)
    except ValueError:
        return False
    return True


def test_a_window_that_has_closed_is_no_way_back() -> None:
    closed = succeeded(window_until=ENDED)
    assert data(COMPLETED, closed)["rollback"]["rollbackCapable"] is False


def test_a_rollback_is_a_deployment_of_what_ran_before() -> None:
    undone = succeeded()
    assert undone.plan
    back = undone.model_copy(
        update={
            "id": "rel-9x2m",
            "kind": "rollback",
            "request": undone.request.model_copy(update={"version": "v2.0.5"}),
            "plan_text": build_rollback(undone.plan, rules()).text(),
            "window_until": None,
            "expected_seconds": None,
            "progress": Progress(),
        }
    )
    started, completed = data(STARTED, back), data(COMPLETED, back)
    assert started["deployment"]["version"] == "v2.0.5"
    assert started["deployment"]["estimatedDuration"] is None
    assert started["pipeline"]["commitSha"] == "0" * 40
    assert completed["deployment"]["status"] == "SUCCESS"
    assert completed["rollback"] == {"rollbackCapable": False, "previousVersion": "v2.1.0"}


@pytest.mark.parametrize(
    ("live", "told"), [("2.0.5", "v2.0.5"), ("v2.0.5", "v2.0.5"), ("blue-monday", "blue-monday")]
)
def test_versions_are_spelled_alike(live: str, told: str) -> None:
    seen = facts(cluster=Known(value=cluster()), live_version=live)
    ended = succeeded(seen=seen)
    assert data(COMPLETED, ended)["rollback"]["previousVersion"] == told


def test_where_no_tag_has_a_v_no_event_has_one() -> None:
    bare = succeeded(seen=facts(live_version="2.0.5"))
    request = bare.request.model_copy(update={"version": "2.1.0"})
    assert bare.plan
    plan = bare.plan.model_copy(update={"version": "2.1.0"})
    ended = bare.model_copy(update={"request": request, "plan_text": plan.text()})
    assert data(COMPLETED, ended)["deployment"]["version"] == "2.1.0"


def test_people_and_services_are_named_as_the_catalogue_ties_them() -> None:
    by = catalog()
    people = {**by.people, BEN: by.people[BEN].model_copy(update={"github": None, "name": "Ben"})}
    by = by.model_copy(update={"people": people})
    assert [triggered_by(by, user) for user in (ANA, BEN, EVE)] == ["ana", "Ben", EVE]
    # A service that left the catalogue while it was released keeps its name.
    assert service_name(by, "ledger") == "ledger"


def test_the_envelope_repeats_what_the_data_says() -> None:
    at = BEGAN + timedelta(microseconds=123_987)
    event = event_of(STARTED, running(started_at=at), named(payments="payments-service"))
    assert event.id == event.data["eventId"]
    assert (event.source, event.type) == ("/release-bot/quantivista", STARTED)
    assert event.subject == "payments-service"
    assert event.dataschema == "urn:release-bot:events:DeploymentStartedEvent:1"
    assert timestamp(event.time) == event.data["timestamp"] == "2026-03-04T16:35:00.123Z"
    assert event.time.microsecond == 123_000
    assert event.model_validate_json(event.model_dump_json()) == event


def test_the_same_happening_has_the_same_id_and_another_has_another() -> None:
    other_firm = catalog().model_copy(update={"organization": "another"})
    ids = [
        event_of(STARTED, running(), catalog()).id,
        event_of(COMPLETED, succeeded(), catalog()).id,
        event_of(STARTED, running(id="rel-9x2m"), catalog()).id,
        event_of(STARTED, running(created_at=START - timedelta(days=400)), catalog()).id,
        event_of(STARTED, running(), other_firm).id,
    ]
    assert len(set(ids)) == len(ids)
    assert ids[0] == event_of(STARTED, release(State.PAUSED), catalog()).id


def test_what_never_started_is_no_deployment() -> None:
    with pytest.raises(ValueError, match="never started"):
        event_of(COMPLETED, release(State.CANCELLED, started_at=None), catalog())


def test_only_a_start_and_an_ending_are_told() -> None:
    queued = release(State.QUEUED, started_at=None)
    set_by_bot = running(progress=Progress(step=1))
    paused = set_by_bot.model_copy(update={"state": State.PAUSED})
    back = release(State.ROLLING_BACK, progress=Progress(track="undo"))
    ended = succeeded()
    assert happened(queued, set_by_bot) == (STARTED,)
    assert happened(None, back) == (STARTED,)
    assert happened(set_by_bot, ended) == happened(back, ended) == (COMPLETED,)
    assert happened(paused, set_by_bot) == ()
    assert happened(set_by_bot, back) == ()
    assert happened(ended, ended.model_copy(update={"undone_by": "rel-9x2m"})) == ()
    assert happened(queued, release(State.CANCELLED, started_at=None)) == ()


def test_durations_go_on_past_a_day() -> None:
    assert clock(timedelta(days=1, hours=3, minutes=4, seconds=5.4)) == "27:04:05"
    assert clock(timedelta(seconds=-1)) == "00:00:00"


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - zones are drawn beside it
    st.integers(-720, 720),
)
def test_any_moment_is_written_in_utc_to_the_millisecond(at: datetime, minutes: int) -> None:
    moment = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    written = timestamp(moment)
    assert len(written) == 24
    left = moment - datetime.fromisoformat(written)
    assert timedelta(0) <= left < timedelta(milliseconds=1)
    assert datetime.fromisoformat(written).tzinfo == UTC
