"""Scores: the platform's own example, and what they must never do."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import Format, Kind
from bot.domain.scanning import is_complete, scan_of
from bot.domain.scores import performance, scores_of, security
from bot.domain.severities import Severity
from bot.domain.submitted import Sender, Submitted

NOW = datetime(2026, 3, 4, tzinfo=UTC)
CRITICAL, HIGH, MEDIUM, LOW = list(Severity)[:4]


def report(
    kind: Kind,
    counts: Mapping[Severity, int] | None = None,
    measures: Mapping[str, float] | None = None,
    *,
    complete: bool = True,
    **more: object,
) -> Submitted:
    return Submitted.model_validate(
        {
            "id": 1,
            "service": "s",
            "version": "v1",
            "commit": "c",
            "kind": kind,
            "format": Format.SARIF,
            "tool": "t",
            "digest": "d",
            "received_at": NOW,
            "sender": Sender(by="oidc"),
            "complete": complete,
            "clean": True,
            "counts": counts or {},
            "measures": measures or {},
            **more,
        }
    )


SAST, CONTAINER = report(Kind.SAST), report(Kind.CONTAINER)


def test_the_platform_s_example_is_0_95() -> None:
    """1 high, 3 medium, 5 low, and 2 in the image, the worst of which is medium."""
    sast = report(Kind.SAST, {HIGH: 1, MEDIUM: 3, LOW: 5})
    assert security([sast, report(Kind.CONTAINER, {MEDIUM: 2})]) == 0.95


def test_nothing_found_is_1_and_one_finding_is_not() -> None:
    assert security([SAST, CONTAINER]) == 1.0
    assert security([report(Kind.SAST, {LOW: 1}), CONTAINER]) == 0.99


def test_it_never_goes_below_0() -> None:
    assert security([report(Kind.SAST, {CRITICAL: 9}), CONTAINER]) == 0.0


def test_what_is_not_there_or_not_whole_has_no_score() -> None:
    assert security([]) is None
    assert security([SAST]) is None
    assert security([report(Kind.SAST, complete=False), CONTAINER]) is None


def test_other_kinds_do_not_count() -> None:
    assert security([SAST, CONTAINER, report(Kind.DAST, {CRITICAL: 3})]) == 1.0


def test_an_unknown_severity_counts_as_high_does() -> None:
    assert security([report(Kind.SAST, {Severity.UNKNOWN: 1}), CONTAINER]) == 0.98


def test_weights_of_the_catalogue_stand_above() -> None:
    assert security([report(Kind.SAST, {LOW: 1, HIGH: 1}), CONTAINER], {LOW: 0.5}) == 0.48


def test_performance_is_the_mean_over_what_has_a_budget() -> None:
    measured = report(Kind.PERFORMANCE, measures={"p95": 500, "p50": 10, "free": 1e9})
    assert performance([measured], {"p95": 250, "p50": 20, "not measured": 1}) == 0.75
    assert performance([measured], {}) is None
    assert performance([SAST], {"p95": 250}) is None


def test_the_worst_of_several_measures_counts_and_none_is_divided_by() -> None:
    both = [report(Kind.PERFORMANCE, measures={"a": value}) for value in (0, 40)]
    assert performance(both, {"a": 10}) == 0.25
    assert performance(both[:1], {"a": 10}) == 1.0


COUNTS = st.dictionaries(st.sampled_from(list(Severity)), st.integers(0, 10_000))


@given(COUNTS, COUNTS, st.sampled_from(list(Severity)))
def test_it_stays_between_0_and_1_and_more_findings_never_raise_it(
    sast: dict[Severity, int], container: dict[Severity, int], more: Severity
) -> None:
    found = security([report(Kind.SAST, sast), report(Kind.CONTAINER, container)])
    worse = {**sast, more: sast.get(more, 0) + 1}
    then = security([report(Kind.SAST, worse), report(Kind.CONTAINER, container)])
    assert found is not None
    assert then is not None
    assert 0 <= then <= found <= 1


def test_both_at_once() -> None:
    found = scores_of([SAST, CONTAINER], {}, {})
    assert (found.security, found.performance) == (1.0, None)


@pytest.mark.parametrize(
    ("container", "worst"),
    [
        ({}, "NONE"),
        ({Severity.INFO: 1}, "LOW"),
        ({Severity.UNKNOWN: 1}, None),
        ({LOW: 1, CRITICAL: 1}, "CRITICAL"),
    ],
)
def test_a_scan_s_worst_severity(container: dict[Severity, int], worst: str | None) -> None:
    scan = scan_of([SAST, report(Kind.CONTAINER, container)], {}, NOW)
    assert scan.container.highest_severity == worst


def test_compliance_takes_the_worse_and_leaves_out_what_does_not_apply() -> None:
    said = [
        report(Kind.COMPLIANCE, frameworks={"sox": "COMPLIANT", "gdpr": "NOT_APPLICABLE"}),
        report(Kind.COMPLIANCE, frameworks={"sox": "NON_COMPLIANT"}),
    ]
    scan = scan_of(said, {}, NOW)
    found = scan.compliance
    assert (found.sox, found.gdpr, found.pci_dss) == ("NON_COMPLIANT", None, None)


def test_a_scan_is_complete_with_all_three_parts_whole() -> None:
    whole = [SAST, CONTAINER, report(Kind.COMPLIANCE)]
    assert is_complete(whole)
    assert not is_complete(whole[:2])
    assert not is_complete([*whole[:2], report(Kind.COMPLIANCE, complete=False)])
