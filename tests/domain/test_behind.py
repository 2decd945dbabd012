"""Services that fall behind, and images that no tag has."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.behind import Lag, Late, Standing, Stay, Tags, judge
from bot.domain.environments import Behind
from bot.domain.facts import Known, Unknown
from tests.virtual import START as NOW


def days(count: float) -> timedelta:
    return timedelta(days=count)


OTHERS = {"api/v1.5.0-rc.1": "f", "web/v1.3.0": "e"}
TAGS: Known[Tags] = Known(
    value=Tags(commits={f"api/v1.{n}.0": f"{n}abc" for n in range(6)} | OTHERS)
)
LIMITS = Behind(versions=3, days=14)


def stay(version: str, age: float, until: datetime | None = None) -> Stay:
    return Stay(version=version, since=NOW - days(age), until=until)


def standing(**more: Any) -> Standing:
    given = {"service": "api", "environment": "production", "before": "staging",
             "runs": stay("v1.1.0", 30), "ahead": (stay("v1.1.0", 35),), "tag": "api/{version}",
             "pattern": "q/api:{version}", "image": "q/api:v1.1.0", "there": True}  # fmt: skip
    return Standing(**(given | more))


def lag(one: Standing, tags: Known[Tags] | Unknown = TAGS) -> Late | None:
    return judge(one, tags, LIMITS, NOW)


def test_level_or_a_little_ahead_is_as_it_should_be() -> None:
    assert lag(standing()) is None
    assert lag(standing(ahead=(stay("v1.3.0", 1),))) is None
    # Production is ahead: somebody released past staging.
    assert lag(standing(ahead=(stay("v1.0.0", 90),))) is None


def test_so_many_versions_or_so_long() -> None:
    found = lag(standing(ahead=(stay("v1.4.0", 1),)))
    assert found is not None
    assert (found.lag, found.versions) == (Lag.VERSIONS_BEHIND, 3)
    # Deployed anew each day: what counts is since when staging was ahead at all.
    gone = NOW - days(1)
    found = lag(standing(ahead=(stay("v1.1.0", 40, gone), stay("v1.2.0", 14, gone),
                                stay("v1.3.0", 1))))  # fmt: skip
    assert found is not None
    assert (found.lag, found.since) == (Lag.DAYS_BEHIND, NOW - days(14))


def test_a_prerelease_counts_only_where_it_runs() -> None:
    ahead = (stay("v1.5.0-rc.1", 1),)
    found = lag(standing(runs=stay("v1.2.0", 30), ahead=ahead))
    assert found is not None
    assert found.versions == 3
    assert lag(standing(runs=stay("v1.3.0", 30), ahead=ahead)) is None


def test_never_promoted_takes_time_and_an_empty_place() -> None:
    new = standing(runs=None, image=None, there=False, ahead=(stay("v1.0.0", 20),))
    found = lag(new)
    assert found is not None
    assert found.lag is Lag.NEVER_PROMOTED
    assert lag(new.model_copy(update={"ahead": (stay("v1.0.0", 3),)})) is None
    # The cluster has it, only the ledger doesn't know it.
    assert lag(new.model_copy(update={"there": True})) is None


@pytest.mark.parametrize(
    ("pattern", "image", "untagged"),
    [
        ("q/api:{version}", "q/api:v1.1.0", False),
        ("q/api:{version}", "registry.example.com/q/api:1.1.0@sha256:abc", False),
        ("q/api:{version}", "q/api:dev", True),
        ("q/api:{version}", "q/api:v9.0.0", True),
        ("q/api:{version}", "somebody/else:v9.0.0", False),
        ("q/api:{commit}", "q/api:1abc", False),
        ("q/api:{commit}", "q/api:dead", True),
        ("q/api:latest", "q/api:latest", False),
    ],
)
def test_an_image_that_no_tag_has(pattern: str, image: str, untagged: bool) -> None:  # noqa: FBT001
    found = lag(standing(pattern=pattern, image=image))
    assert (found is not None and found.lag is Lag.IMAGE_UNTAGGED) is untagged


def test_without_all_tags_nothing_is_said_that_needs_them() -> None:
    bad = standing(image="q/api:dev", ahead=(stay("v1.5.0", 1),))
    assert lag(bad, Unknown(why="GitHub is silent")) is None
    assert lag(bad, Known(value=Tags(commits={}, whole=False))) is None
    old = bad.model_copy(update={"ahead": (stay("v1.5.0", 20),)})
    found = lag(old, Unknown(why="GitHub is silent"))
    assert found is not None
    assert (found.lag, found.versions) == (Lag.DAYS_BEHIND, None)


def test_versions_that_are_none_are_not_compared() -> None:
    assert lag(standing(runs=stay("nightly", 30), ahead=(stay("v1.4.0", 20),))) is None
