"""Official schemas and examples, where the folder of samples is: they are tried, never copied."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

BESIDE = Path(__file__).parents[2] / "shared" / "samples"
SAMPLES = Path(os.environ.get("RELEASE_BOT_SAMPLES") or BESIDE)


def sample(name: str) -> Any:
    """Read a file of samples, or skip the test that needs it."""
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"there is no {name} in {SAMPLES}; RELEASE_BOT_SAMPLES says where samples are")
    return json.loads(path.read_text())


def cdevents() -> dict[str, Draft202012Validator]:
    """Give a validator for each type of CDEvents 0.5.1, by the type."""
    schemas = sample("schemas/cdevents-0.5.1-schemas.json").values()
    found = [(one["$id"], Resource.from_contents(one)) for one in schemas]
    registry: Registry[Any] = Registry().with_resources(found)
    return {
        kind: Draft202012Validator(one, registry=registry, format_checker=FormatChecker())
        for one in schemas
        if "context" in one.get("properties", {})
        for kind in one["properties"]["context"]["properties"]["type"]["enum"]
    }


def cloudevent() -> Any:
    """Give the JSON Schema of a CloudEvent."""
    return sample("schemas/cloudevents-1.0.2.json")
