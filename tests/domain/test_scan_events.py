"""`SecurityScanCompletedEvent`: exactly the platform's contract; what no scanner told is null."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from bot.domain.events import schema_of
from bot.domain.scan_events import Compliance, ContainerFound, SastFound, Scan, scan_event
from tests.domain.facts import catalog
from tests.virtual import START

DOCS = Path(__file__).parents[2] / "docs" / "events"
KIND = "SecurityScanCompletedEvent"
AT = START + timedelta(minutes=5)
FULL = Scan(
    id="security-scan-789",
    service="payments",
    version="v2.1.0",
    type="COMPREHENSIVE",
    score=0.95,
    sast=SastFound(critical_issues=0, high_issues=1, medium_issues=3, low_issues=5),
    container=ContainerFound(vulnerabilities=2, highest_severity="MEDIUM"),
    compliance=Compliance(sox="COMPLIANT", pci_dss="COMPLIANT", gdpr="COMPLIANT"),
    at=AT,
)
NOTHING = Scan(id="s", service="payments", version="v2.1.0", type="SAST", score=None, at=AT)


def read(name: str) -> Any:
    return json.loads((DOCS / name).read_text())


def schema() -> Draft202012Validator:
    found = read(f"{KIND}.schema.json")
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found, format_checker=FormatChecker())


def test_the_platforms_own_example_is_what_we_make_of_the_same_scan() -> None:
    made = scan_event(FULL, catalog()).data
    schema().validate(made)
    example = read(f"{KIND}.example.json")
    # All but what tells one event from another, in the same order.
    changed = {"eventId": made["eventId"], "timestamp": "2026-03-04T16:35:00.000Z"}
    example["scan"]["serviceName"] = "payments"
    assert json.dumps(made) == json.dumps(example | changed)


def test_what_nobody_told_is_null_and_not_none_found() -> None:
    made = scan_event(NOTHING, catalog()).data
    schema().validate(made)
    assert made["scan"]["overallScore"] is None
    values = [value for part in made["results"].values() for value in part.values()]
    assert set(values) == {None}
    assert len(values) == 9


def test_the_schema_refuses_what_is_not_in_the_contract() -> None:
    made: Any = scan_event(FULL, catalog()).data
    scan, results = made["scan"], made["results"]
    for wrong in (
        made | {"extra": 1},
        made | {"scan": scan | {"overallScore": 95}},
        made | {"scan": scan | {"scanType": "QUICK"}},
        made | {"results": results | {"complianceResults": {"sox": "COMPLIANT"}}},
        made | {"results": results | {"containerResults": {"vulnerabilities": -1}}},
    ):
        assert not schema().is_valid(wrong)


def test_the_envelope_repeats_what_the_data_says() -> None:
    event = scan_event(FULL, catalog())
    assert (event.id, event.type, event.subject) == (event.data["eventId"], KIND, "payments")
    assert event.time == AT
    assert (
        event.dataschema
        == schema_of("SecurityScanCompletedEvent")
        == read(f"{KIND}.schema.json")["$id"]
    )
    assert event.contract == "platform"


def test_the_same_scan_has_the_same_id_and_another_has_another() -> None:
    firm = catalog().model_copy(update={"organization": "another"})
    ids = [scan_event(one, catalog()).id for one in (FULL, NOTHING)] + [scan_event(FULL, firm).id]
    assert len(set(ids)) == 3
    again = FULL.model_copy(update={"at": AT + timedelta(days=1)})
    assert scan_event(again, catalog()).id == ids[0]
