"""Which facts a decision of the gates rests on, for the record: ids, digests, counts, addresses.

Enough to find each fact again at its source, and a digest over all of them as they were seen.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from bot.domain.facts import (
    CheckRun,
    ClusterFact,
    Diff,
    Facts,
    Known,
    Promotion,
    Running,
    Scan,
    TagFact,
    Unknown,
)
from bot.domain.value import digest

PREFIX = "fact:"
"""How the names of facts begin in an entry, so that no gate has the same."""

MOST = 1000
"""Characters of one fact in an entry."""

T = TypeVar("T")


def grounds(facts: Facts) -> Mapping[str, str]:
    """Name each fact that was there, or that its source was silent."""
    told = {
        "at": facts.at.isoformat(),
        "tag": _word(facts.tag, _tag),
        "checks": _word(facts.checks, _checks),
        "scan": _word(facts.scan, _scan),
        "cluster": _word(facts.cluster, _cluster),
        "diff": _word(facts.diff, _diff),
        "stops": " ".join(stop.id for stop in facts.stops.stops) or "none",
        "promotion": _word(facts.promotion, _promotion) if facts.promotion else "",
        "others": ", ".join(_word(one, _running) for one in facts.dependencies + facts.dependents),
        "live": f"{facts.live_version} {facts.live_commit or ''}".strip(),
        "lock": facts.lock.holder if facts.lock else "",
        "under way": facts.under_way or "",
        "digest": digest(facts.model_dump_json()),
    }
    return {f"{PREFIX}{name}": word[:MOST] for name, word in told.items() if word}


def _word(fact: Known[T] | Unknown, tell: Callable[[T], str]) -> str:
    return f"unknown: {fact.why}" if isinstance(fact, Unknown) else tell(fact.value)


def _tag(fact: TagFact) -> str:
    return f"{fact.tag.name} {fact.tag.commit}" if fact.tag else "none"


def _checks(runs: tuple[CheckRun, ...]) -> str:
    return ", ".join(f"{one.name}={one.conclusion} {one.url or ''}".strip() for one in runs)


def _scan(scan: Scan) -> str:
    found = f"{scan.critical}/{scan.high}/{scan.medium}/{scan.low}"
    return f"{scan.status} {found} {scan.url or ''}".strip()


def _cluster(cluster: ClusterFact) -> str:
    both = (cluster.blue, cluster.green)
    slots = ", ".join(f"{one.slot}={one.image} {one.ready}/{one.wanted}" for one in both)
    return f"{slots}, traffic to {cluster.traffic.live}"


def _diff(diff: Diff | None) -> str:
    return diff.url if diff else ""


def _promotion(one: Promotion) -> str:
    return f"{one.environment}: live {one.live}, {one.seconds} s, runs {one.running}"


def _running(one: Running) -> str:
    return f"{one.service}={one.version}"
