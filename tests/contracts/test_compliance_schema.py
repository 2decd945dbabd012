"""The schema that people write controls by takes and refuses what the bot takes and refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from bot.errors import UserError
from integrations.evidence import read
from tests.integrations.evidence.reports import COMPLIANCE, raw

DOCS = Path(__file__).parents[2] / "docs" / "evidence"
SCHEMA = json.loads((DOCS / "compliance.schema.json").read_text())
EXAMPLE = json.loads((DOCS / "compliance.example.json").read_text())


def valid(data: Any) -> bool:
    return Draft202012Validator(SCHEMA, format_checker=FormatChecker()).is_valid(data)


def taken(data: Any) -> bool:
    try:
        return bool(read(raw(data)).controls)
    except UserError:
        return False


def changed(**control: Any) -> dict[str, Any]:
    first = {k: v for k, v in (COMPLIANCE["controls"][0] | control).items() if v is not ...}
    return COMPLIANCE | {"controls": [first]}


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("data", "good"),
    [
        (EXAMPLE, True),
        (COMPLIANCE, True),
        (changed(title=..., evidence=...), True),
        (changed(framework="hipaa"), False),
        (changed(status="compliant"), False),
        (changed(status=...), False),
        (changed(id=""), False),
        (changed(id=7), False),
        (changed(evidence="ftp://x/y"), False),
        (changed(assessed_by=""), False),
        (changed(assessed_at=7), False),
        (changed(note="x"), False),
        (COMPLIANCE | {"controls": []}, False),
        (COMPLIANCE | {"schema": "release-bot/compliance/v2"}, False),
        (COMPLIANCE | {"tool": {"version": "1"}}, False),
        (COMPLIANCE | {"assessed_by": None}, False),
        (COMPLIANCE | {"more": 1}, False),
        ({k: v for k, v in COMPLIANCE.items() if k != "assessed_at"}, False),
    ],
)
def test_schema_and_reader_agree(data: Any, good: bool) -> None:  # noqa: FBT001 - a parameter
    assert valid(data) is good
    assert taken(data) is good
