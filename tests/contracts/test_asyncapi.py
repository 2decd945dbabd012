"""docs/events/asyncapi.yaml says of each message what the schemas, the examples and the code say.

Its form was tried against AsyncAPI's own JSON Schema for 3.0.0, which is not kept here.
"""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from bot.domain.cdevents import EVENT_VERSION, TABLE, Happening, cdevents_of
from bot.domain.environment_events import Fate
from bot.domain.events import ContractType, PlatformEvent, event_of
from bot.domain.lifecycle import State
from integrations.events.envelope import EVENT_ID, IDEMPOTENCY, SIGNATURE, line, message, record
from tests.domain.facts import catalog
from tests.views.releases import release
from tests.virtual import START

DOCS = Path(__file__).parents[2] / "docs" / "events"
DOCUMENT: dict[str, Any] = YAML(typ="safe").load((DOCS / "asyncapi.yaml").read_text())
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
OF = release(State.RUNNING)
STARTED = event_of("DeploymentStartedEvent", OF, catalog())
CDEVENT = cdevents_of((Happening.LIVE,), OF, catalog(), START, frozenset())[0]


def resolved(node: Any) -> Any:
    """Give the node with every reference in it followed: all must lead somewhere."""
    if isinstance(node, list):
        return [resolved(one) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" not in node:
        return {key: resolved(value) for key, value in node.items()}
    place, _, path = str(node["$ref"]).partition("#")
    if place:
        found = json.loads((DOCS / place).read_text())
        # Its own name is for those who keep schemas by name: here it stands where it is used.
        return {key: value for key, value in found.items() if key != "$id"}
    target: Any = DOCUMENT
    for part in path.strip("/").split("/"):
        target = target[part]
    return resolved(target)


def payload(name: str) -> Draft202012Validator:
    schema = resolved(MESSAGES[name]["payload"])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def headers(trait: str) -> Draft202012Validator:
    found = resolved(DOCUMENT["components"]["messageTraits"][trait])
    return Draft202012Validator(found["headers"])


def test_it_is_a_document_of_3_0_whose_references_all_lead_somewhere() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert resolved(DOCUMENT)
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] == "send"
        assert set(resolved(operation["channel"])["messages"]) == set(MESSAGES)


def test_each_type_has_its_message_in_both_modes() -> None:
    named = [*get_args(ContractType), "CDEvent"]
    assert sorted(one["name"] for one in MESSAGES.values()) == sorted([*named, *named])


@pytest.mark.parametrize(
    "kind", ["DeploymentStartedEvent", "DeploymentCompletedEvent", "SecurityScanCompletedEvent"]
)
def test_the_examples_are_valid_in_both_modes(kind: str) -> None:
    example = json.loads((DOCS / f"{kind}.example.json").read_text())
    structured, binary = (name for name, one in MESSAGES.items() if one["name"] == kind)
    payload(binary).validate(example)
    envelope = json.loads(line(STARTED)) | {"type": kind, "data": example}
    payload(structured).validate(envelope)
    assert not payload(structured).is_valid(envelope | {"data": {}})


@pytest.mark.parametrize(
    ("event", "name"), [(STARTED, "started"), (CDEVENT, "cdevent")], ids=["platform", "cdevents"]
)
def test_what_is_sent_is_what_it_says(event: PlatformEvent, name: str) -> None:
    structured, binary = f"{name}Structured", f"{name}Binary"
    payload(structured).validate(json.loads(message(event, "structured", "key")[1]))
    payload(binary).validate(json.loads(message(event, "binary", "key")[1]))
    payload(structured).validate(json.loads(record(event, "structured")[1]))
    payload(binary).validate(json.loads(record(event, "binary")[1]))
    assert MESSAGES[binary]["contentType"] == event.datacontenttype


def test_the_headers_are_those_that_are_sent() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    by_http = schemas["httpHeaders"]
    assert set(by_http["required"]) == set(by_http["properties"]) == {SIGNATURE, IDEMPOTENCY}
    sent, _ = message(STARTED, "binary", "key")
    Draft202012Validator(by_http).validate(sent)
    in_kafka = {key: value.decode() for key, value in record(STARTED, "binary")[0]}
    assert set(in_kafka) - {"content-type"} == set(schemas["binaryHeaders"]["properties"])
    headers("binary").validate(in_kafka)
    structured = {key: value.decode() for key, value in record(STARTED, "structured")[0]}
    assert set(structured) - {"content-type"} == set(schemas["headers"]["properties"]) == {EVENT_ID}
    trait = DOCUMENT["components"]["messageTraits"]["structured"]
    assert structured["content-type"] == trait["contentType"] == DOCUMENT["defaultContentType"]


def test_the_readme_and_our_schema_have_each_event_of_the_table() -> None:
    text = (DOCS / "README.md").read_text()
    told = {f"{row.subject}.{row.predicate}" for rows in TABLE.values() for row in rows}
    told |= {f"environment.{fate}" for fate in get_args(Fate)}
    for kind in told:
        assert f"`{kind}`" in text
    types = json.loads((DOCS / "CDEvent.schema.json").read_text())["properties"]["context"]
    assert set(types["properties"]["type"]["enum"]) == {
        f"dev.cdevents.{kind}.{EVENT_VERSION}" for kind in told
    }
