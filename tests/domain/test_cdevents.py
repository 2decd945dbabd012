"""CDEvents 0.5.1: what happens to a release is told by one table, and nothing is invented."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from bot.domain.catalog import Catalog
from bot.domain.cdevents import (
    TABLE,
    Happening,
    cdevents_of,
    chain_id,
    happenings,
    outcome_of,
)
from bot.domain.environment_events import Fate, environment_events, fates
from bot.domain.events import PlatformEvent
from bot.domain.lifecycle import ENDINGS, State
from bot.domain.planning import build_rollback
from bot.domain.purls import purl_of_image, purl_of_version
from bot.domain.reasons import Reason
from bot.domain.releases import Progress, Release
from tests import official
from tests.domain.facts import catalog, rules
from tests.views.releases import release
from tests.virtual import START

DOCS = Path(__file__).parents[2] / "docs" / "events"
NOW = START + timedelta(minutes=12)
RUN = "https://github.com/quantivista/platform/actions/runs/4711"
DIGEST = "sha256:" + "0b31" * 16
ESCAPED = DIGEST.replace(":", "%3A")
EVERYTHING = tuple(Happening)


def ended(state: State = State.ROLLED_BACK, **changes: Any) -> Release:
    found = {"reason": Reason.METRICS_UNHEALTHY, "detail": "Errors on green 0.9 %.", "moved": 25}
    return release(state, ended_at=NOW, **(found | changes))


def planned(of: Release, **changes: Any) -> Release:
    assert of.plan
    return of.model_copy(update={"plan_text": of.plan.model_copy(update=changes).text()})


def told(
    *happened: Happening, of: Release | None = None, known: frozenset[str] = frozenset()
) -> list[PlatformEvent]:
    return cdevents_of(happened, of or ended(), catalog(), NOW, known)


def kinds(events: list[PlatformEvent]) -> list[str]:
    return [event.type.removeprefix("dev.cdevents.").removesuffix(".0.3.0") for event in events]


def ours() -> Draft202012Validator:
    schema = json.loads((DOCS / "CDEvent.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def everything() -> list[PlatformEvent]:
    """All events of the table, of releases of several kinds."""
    bare = ended(State.CANCELLED, reason=None, detail=None, plan_text=None)
    digested = planned(ended(), image=f"registry.example.com:5000/q/payments:v2@{DIGEST}")
    run = ended(State.SUCCEEDED, progress=Progress(run_url=RUN))
    found = [told(*EVERYTHING, of=one) for one in (ended(), bare, digested, run)]
    old, new = environments("staging", "gone", "moved"), environments("staging", "new", moved="x")
    found.append(list(environment_events(old, new, NOW).values()))
    return [event for events in found for event in events]


def environments(*same: str, **elsewhere: str) -> Catalog:
    """The tests' catalogue with these environments; some in a namespace of another name."""
    made = catalog()
    like = made.environments["staging"]
    there = {name: name for name in same} | elsewhere
    named = {k: like.model_copy(update={"namespace": where}) for k, where in there.items()}
    return made.model_copy(update={"environments": named})


def test_each_event_is_as_our_schema_says() -> None:
    schema = ours()
    told_of = {f"{row.subject}.{row.predicate}" for rows in TABLE.values() for row in rows}
    told_of |= {f"environment.{fate}" for fate in get_args(Fate)}
    assert {kind for event in everything() for kind in kinds([event])} == told_of
    for event in everything():
        schema.validate(event.data)


def test_each_event_is_as_the_official_schema_of_its_type_says() -> None:
    schemas = official.cdevents()
    for event in everything():
        schemas[event.type].validate(event.data)


def test_the_official_examples_are_valid_and_spoilt_ones_are_not() -> None:
    """So the test above would notice."""
    schemas = official.cdevents()
    for example in official.sample("schemas/cdevents-0.5.1-events.json").values():
        schema = schemas[example["context"]["type"]]
        schema.validate(example)
        assert not schema.is_valid(example | {"subject": {}})
        wrong = {**example["context"], "links": [{"linkType": "NONE"}]}
        assert not schema.is_valid(example | {"context": wrong})


def test_the_envelope_is_what_the_binding_says() -> None:
    [event] = told(Happening.TAKEN_BACK)
    context, subject = event.data["context"], event.data["subject"]
    assert (event.id, event.source, event.type) == (
        context["id"],
        context["source"],
        context["type"],
    )
    assert event.subject == subject["id"] == "payments"
    assert context["timestamp"] == "2026-03-04T16:42:00.000Z"
    assert event.time == NOW
    assert event.datacontenttype == "application/cdevents+json"
    assert event.dataschema == "https://cdevents.dev/0.5.1/schema/service-rolledback-event"
    assert event.contract == "cdevents"
    assert event.model_validate_json(event.model_dump_json()) == event


def test_one_chain_for_a_release_and_another_for_another() -> None:
    events = told(*EVERYTHING)
    assert {event.data["context"]["chainId"] for event in events} == {chain_id(ended(), catalog())}
    assert UUID(chain_id(ended(), catalog()))
    others = (ended(id="rel-9x2m"), ended(created_at=START - timedelta(days=400)))
    firm: Catalog = catalog().model_copy(update={"organization": "another"})
    chains = [chain_id(one, catalog()) for one in (ended(), *others)]
    assert len({*chains, chain_id(ended(), firm)}) == 4


def test_the_same_happening_has_the_same_id_and_each_has_its_own() -> None:
    ids = [event.id for event in told(*EVERYTHING)]
    assert len(set(ids)) == len(ids)
    assert ids == [event.id for event in told(*EVERYTHING)]


# What happened.


def changed(of: Release, **changes: Any) -> Release:
    return of.model_copy(update=changes)


QUEUED = release(State.QUEUED, started_at=None)
RUNNING = release(State.RUNNING)
MOVED = release(State.RUNNING, moved=25)
BACK = changed(MOVED, state=State.ROLLING_BACK, reason=Reason.METRICS_UNHEALTHY)
LIVE = changed(MOVED, live_since=NOW)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (release(State.GATHERING, started_at=None), QUEUED, ["queued"]),
        (QUEUED, RUNNING, ["started"]),
        (None, changed(BACK, kind="rollback"), ["started"]),
        (RUNNING, MOVED, []),
        (MOVED, LIVE, ["live"]),
        (MOVED, planned(LIVE, previous=None, previous_image=None), ["first_live"]),
        (MOVED, planned(LIVE, previous=None), ["live"]),
        (MOVED, changed(LIVE, kind="rollback"), ["live_again"]),
        (MOVED, BACK, ["found_bad"]),
        (RUNNING, changed(RUNNING, state=State.ROLLING_BACK, reason=Reason.PODS_CRASH), []),
        (MOVED, changed(BACK, reason=Reason.ROLLED_BACK_BY_PERSON), []),
        (BACK, ended(), ["taken_back", "ended"]),
        (LIVE, ended(State.SUCCEEDED, live_since=NOW), ["ended"]),
        (RUNNING, ended(State.SUCCEEDED, live_since=NOW), ["live", "ended"]),
        (QUEUED, ended(State.CANCELLED, started_at=None), ["ended"]),
        (ended(locks=True), ended(), ["mended"]),
        (ended(), ended(undone_by="rel-9x2m"), []),
    ],
)
def test_a_change_is_what_it_means(
    before: Release | None, after: Release, found: list[str]
) -> None:
    assert list(happenings(before, after)) == found


def test_every_ending_has_its_outcome_and_nothing_else_has() -> None:
    assert {state for state in State if _has_outcome(state)} == ENDINGS


def _has_outcome(state: State) -> bool:
    try:
        outcome_of(state)
    except ValueError:
        return False
    return True


# What is told of it.


def test_a_start_names_the_run_or_the_chain_where_no_run_is_known() -> None:
    [plain] = told(Happening.STARTED)
    assert plain.data["subject"]["content"] == {
        "pipelineName": "release-bot/production/payments",
        "uri": f"urn:uuid:{chain_id(ended(), catalog())}",
    }
    [known] = told(Happening.STARTED, of=ended(progress=Progress(run_url=RUN)))
    assert known.data["subject"]["content"]["uri"] == RUN
    # Where the spec asks for no address, none is made up.
    assert "uri" not in told(Happening.QUEUED)[0].data["subject"]["content"]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (State.SUCCEEDED, "success"),
        (State.ROLLED_BACK, "failure"),
        (State.FAILED, "failure"),
        (State.CANCELLED, "cancel"),
        (State.ABANDONED, "error"),
    ],
)
def test_an_ending_has_its_outcome_and_its_why(state: State, outcome: str) -> None:
    events = told(Happening.STARTED, Happening.ENDED, of=ended(state))
    content = events[1].data["subject"]["content"]
    assert content["outcome"] == outcome
    assert content.get("errors") == (None if outcome == "success" else "Errors on green 0.9 %.")


def test_what_nobody_was_told_of_is_not_closed() -> None:
    assert told(Happening.ENDED, of=ended(started_at=None)) == []
    assert told(Happening.MENDED) == []
    [queued] = told(Happening.QUEUED)
    assert kinds(told(Happening.ENDED, known=frozenset({queued.id}))) == ["pipelinerun.finished"]


def test_links_lead_to_what_was_told_and_nowhere_else() -> None:
    assert "links" not in told(Happening.LIVE)[0].data["context"]
    queued, started = told(Happening.QUEUED, Happening.STARTED)
    assert started.data["context"]["links"] == [
        {"linkType": "PATH", "from": {"contextId": queued.id}}
    ]
    known = frozenset({queued.id, started.id})
    detected, back, finished = told(
        Happening.FOUND_BAD, Happening.TAKEN_BACK, Happening.ENDED, known=known
    )
    path = {"linkType": "PATH", "from": {"contextId": started.id}}
    assert detected.data["context"]["links"] == finished.data["context"]["links"] == [path]
    cause = {"linkType": "RELATION", "linkKind": "TRIGGER", "target": {"contextId": detected.id}}
    assert back.data["context"]["links"] == [path, cause]
    upgraded, published = told(Happening.LIVE)
    assert published.data["context"]["links"] == [
        {"linkType": "PATH", "from": {"contextId": upgraded.id}}
    ]


def test_an_incident_says_what_was_found_in_which_version() -> None:
    detected, resolved = told(Happening.FOUND_BAD, Happening.MENDED)
    assert detected.subject == resolved.subject == "incident/rel-7k3f"
    assert detected.data["subject"]["content"] == {
        "description": "Errors on green 0.9 %.",
        "environment": {"id": "production"},
        "service": {"id": "payments"},
        "artifactId": "pkg:oci/payments?repository_url=quantivista/payments&tag=v2.1.0",
    }
    assert resolved.data["subject"]["content"] == {
        "environment": {"id": "production"},
        "service": {"id": "payments"},
    }


def artifact(of: Release, happening: Happening) -> str:
    found: str = told(happening, of=of)[0].data["subject"]["content"]["artifactId"]
    return found


def test_what_serves_is_told_forward_and_back() -> None:
    new = "pkg:oci/payments?repository_url=quantivista/payments&tag=v2.1.0"
    old = "pkg:oci/payments?repository_url=quantivista/payments&tag=v2.0.5"
    assert artifact(ended(), Happening.LIVE) == new
    assert artifact(ended(), Happening.TAKEN_BACK) == old
    plan = ended().plan
    assert plan
    back = changed(ended(), kind="rollback", plan_text=build_rollback(plan, rules()).text())
    assert artifact(back, Happening.LIVE_AGAIN) == old


def test_an_image_that_nobody_knows_is_named_by_its_version() -> None:
    unknown = planned(ended(), image=None, previous_image=None)
    assert artifact(unknown, Happening.LIVE) == "pkg:generic/payments@v2.1.0"
    assert artifact(unknown, Happening.TAKEN_BACK) == "pkg:generic/payments@v2.0.5"
    # Where nothing ran before there is nothing that serves again.
    nothing = planned(ended(), previous=None, previous_image=None)
    assert told(Happening.TAKEN_BACK, of=nothing) == []


@pytest.mark.parametrize(
    ("image", "purl"),
    [
        (
            f"registry.example.com:5000/q/Payments@{DIGEST}",
            f"pkg:oci/payments@{ESCAPED}?repository_url=registry.example.com:5000/q/Payments",
        ),
        (
            f"q/payments:2.1.0@{DIGEST}",
            f"pkg:oci/payments@{ESCAPED}?repository_url=q/payments&tag=2.1.0",
        ),
        ("payments", "pkg:oci/payments?repository_url=payments"),
        ("localhost:5000/payments", "pkg:oci/payments?repository_url=localhost:5000/payments"),
    ],
)
def test_a_purl_has_the_digest_where_the_image_is_named_by_one(image: str, purl: str) -> None:
    assert purl_of_image(image) == purl


WORDS = st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*", fullmatch=True)


@given(st.lists(WORDS, min_size=1, max_size=4), st.none() | WORDS, st.booleans())
def test_no_image_has_a_digest_that_nobody_gave(
    path: list[str],
    tag: str | None,
    digested: bool,  # noqa: FBT001 - it is drawn
) -> None:
    named = "/".join(path) + (f":{tag}" if tag else "")
    purl = purl_of_image(f"{named}@{DIGEST}" if digested else named)
    assert purl.startswith(f"pkg:oci/{path[-1]}{'@' if digested else '?'}")
    assert ("sha256" in purl.partition("?")[0]) is digested
    assert f"repository_url={'/'.join(path)}" in purl
    assert purl.endswith(f"&tag={tag}") is (tag is not None)


# Environments.


def test_environments_are_told_of_as_the_catalogue_changes() -> None:
    old, new = environments("staging", "gone", "moved"), environments("staging", "new", moved="x")
    assert fates(old, new) == {"gone": "deleted", "moved": "modified", "new": "created"}
    made = environment_events(old, new, NOW)
    assert [(event.subject, event.data["subject"]["content"]) for event in made.values()] == [
        ("gone", {"name": "gone"}),
        ("moved", {"name": "moved"}),
        ("new", {"name": "new"}),
    ]
    assert len({event.data["context"]["chainId"] for event in made.values()}) == 1
    again = environment_events(old, new, NOW + timedelta(days=1))
    assert not {event.id for event in made.values()} & {event.id for event in again.values()}


def test_who_may_release_there_is_no_change_of_an_environment() -> None:
    old = catalog()
    stricter = old.environments["staging"].model_copy(update={"soak": timedelta(hours=9)})
    environs = {**old.environments, "staging": stricter}
    assert fates(old, old.model_copy(update={"environments": environs})) == {}


def test_odd_versions_stay_one_version() -> None:
    assert purl_of_version("pay ments", "1.0+b/1@2") == "pkg:generic/pay%20ments@1.0%2Bb%2F1%402"
