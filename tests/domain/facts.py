"""Facts for tests of pure functions: all is well, unless a test says otherwise."""

from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.facts import (
    CheckRun,
    ClusterFact,
    Diff,
    Facts,
    Known,
    Promotion,
    Running,
    Scan,
    SlotFact,
    Tag,
    TagFact,
    TrafficFact,
    Unknown,
)
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules, rules_for
from tests.tester import CATALOG, parsed
from tests.virtual import START

REQUEST = ReleaseRequest(service="payments", version="v2.1.0", environment="production")
SILENT = Unknown(why="GitHub didn't answer for 20 s")


def catalog() -> Catalog:
    return parsed(CATALOG).catalog


def rules() -> Rules:
    return rules_for(catalog(), "payments", "production")


def slot(name: Any, **changes: Any) -> SlotFact:
    base = SlotFact(
        slot=name,
        exists=True,
        image="quantivista/payments:v2.0.5",
        wanted=3,
        updated=3,
        ready=3,
        available=3,
        total=3,
        rolled_out=True,
        since=START,
    )
    return base.model_copy(update=changes)


def cluster(**changes: Any) -> ClusterFact:
    base = ClusterFact(
        blue=slot("blue"),
        green=slot("green", image="quantivista/payments:v1.9.0"),
        traffic=TrafficFact(weights={"blue": 100, "green": 0}, serving={"blue": 3, "green": 0}),
    )
    return base.model_copy(update=changes)


def facts(**changes: Any) -> Facts:
    base = Facts(
        at=START,
        tag=Known(value=TagFact(tag=Tag(name="v2.1.0", commit="abc123def456"))),
        diff=Known(value=Diff(commits=12, authors=("ana", "dan"), url="https://x")),
        checks=Known(
            value=(
                CheckRun(name="unit-tests", conclusion="success"),
                CheckRun(name="e2e", conclusion="success"),
            )
        ),
        scan=Known(value=Scan(status="analysed", medium=3)),
        cluster=Known(value=cluster()),
        live_version="v2.0.5",
        live_commit="0" * 40,
        dependencies=(Known(value=Running(service="config", version="v1.9.2", deployed=True)),),
        promotion=Known(
            value=Promotion(environment="staging", live=True, seconds=26 * 3600, running="v2.1.0")
        ),
    )
    return base.model_copy(update=changes)
