"""A report boiled down to what is stored: counts and totals, and one row a distinct finding. Pure.

Made right after a report was read, in whichever process did that; `store.evidence` keeps it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from bot.domain.evidence import (
    CaseCounts,
    ControlStatus,
    Finding,
    Format,
    Framework,
    Kind,
    Measure,
    Report,
    frameworks,
    kinds_of,
)
from bot.domain.severities import Severity
from bot.domain.value import Value

MOST_MEASURES = 500
"""Measures that are kept of one report; those of the whole test go first."""


class FindingRow(NamedTuple):
    """One distinct finding, and how often it is there. `body`: the finding as JSON."""

    fingerprint: str
    severity: str
    rule: str
    number: int
    body: str


class Abstract(Value):
    """What is known of a report without its single findings."""

    format: Format
    tool: str
    tool_version: str = ""
    digest: str
    written_at: datetime | None = None
    complete: bool = True
    clean: bool
    kinds: frozenset[Kind]
    """What it can prove."""
    counts: Mapping[Severity, int] = {}
    suppressed: int = 0
    tests: CaseCounts | None = None
    thresholds_failed: int = 0
    measures: Mapping[str, float] = {}
    frameworks: Mapping[Framework, ControlStatus] = {}


def abstract_of(report: Report) -> Abstract:
    """Boil a report down."""
    return Abstract(
        format=report.format,
        tool=report.tool,
        tool_version=report.tool_version,
        digest=report.digest,
        written_at=report.written_at,
        complete=report.complete,
        clean=report.clean,
        kinds=kinds_of(report),
        counts={severity: number for severity, number in report.counts.items() if number},
        suppressed=report.suppressed,
        tests=report.tests,
        thresholds_failed=sum(not one.passed for one in report.thresholds),
        measures=_measures(report.measures),
        frameworks=frameworks(report),
    )


def _measures(measures: Iterable[Measure]) -> dict[str, float]:
    """Keep the first; k6 writes those of a tagged part as `name{tag:value}`."""
    ordered = sorted(measures, key=lambda one: "{" in one.name)
    return {one.name: one.value for one in ordered[:MOST_MEASURES]}


def rows_of(report: Report) -> list[FindingRow]:
    """List distinct findings by fingerprint; the worst of the same stands for all of them."""
    order = list(Severity)
    found: dict[str, tuple[Finding, int]] = {}
    for one in report.findings:
        before, number = found.get(one.fingerprint, (one, 0))
        is_worse = order.index(one.severity) < order.index(before.severity)
        found[one.fingerprint] = (one if is_worse else before, number + 1)
    return [
        FindingRow(mark, one.severity.value, one.rule, number, _body(one))
        for mark, (one, number) in found.items()
    ]


def _body(finding: Finding) -> str:
    return finding.model_dump_json(exclude_defaults=True)
