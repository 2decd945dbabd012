"""Reports as values: what is clean, what proves what, what is new; and severities on one scale."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import severities
from bot.domain.evidence import (
    KINDS,
    CaseCounts,
    Control,
    Finding,
    Format,
    Kind,
    Report,
    Threshold,
    compared,
    fingerprint,
    frameworks,
    kinds_of,
)
from bot.domain.severities import Severity
from tests.virtual import START


def finding(mark: str, severity: Severity = Severity.HIGH) -> Finding:
    return Finding(rule=mark, severity=severity, said="", fingerprint=fingerprint(mark))


def report(format_: Format = Format.SARIF, tool: str = "x", **more: object) -> Report:
    return Report.model_validate({"format": format_, "tool": tool, **more})


def control(framework: str, number: int, status: str) -> Control:
    return Control.model_validate(
        {
            "framework": framework,
            "id": str(number),
            "status": status,
            "assessed_at": START,
            "assessed_by": "ana",
        }
    )


def ran(run: int = 1, failed: int = 0, unlisted: int = 0) -> CaseCounts:
    return CaseCounts(run=run, passed=run - failed, failed=failed, skipped=0, unlisted=unlisted)


@pytest.mark.parametrize(
    ("more", "clean"),
    [
        ({}, True),
        ({"suppressed": 3}, True),
        ({"complete": False}, False),
        ({"findings": [finding("a", Severity.INFO)]}, False),
        ({"tests": ran()}, True),
        ({"tests": ran(run=0)}, False),
        ({"tests": ran(failed=1)}, False),
        ({"tests": ran(unlisted=1)}, False),
        ({"thresholds": [Threshold(metric="m", expression="e", passed=True)]}, True),
        ({"thresholds": [Threshold(metric="m", expression="e", passed=False)]}, False),
        ({"controls": [control("sox", 1, "NOT_APPLICABLE")]}, True),
        ({"controls": [control("sox", 1, "NON_COMPLIANT")]}, False),
    ],
)
def test_clean(more: dict[str, object], clean: bool) -> None:  # noqa: FBT001 - a parameter
    assert report(**more).clean is clean


def test_every_format_proves_something_and_every_kind_can_be_proved() -> None:
    assert set(KINDS) == set(Format)
    assert all(KINDS.values())
    assert set().union(*KINDS.values()) == set(Kind)


@pytest.mark.parametrize(
    ("format_", "tool", "kind", "can"),
    [
        (Format.JUNIT, "JUnit", Kind.UNIT, True),
        (Format.JUNIT, "JUnit", Kind.SAST, False),
        (Format.K6, "k6", Kind.E2E, False),
        (Format.COMPLIANCE, "GRC", Kind.COMPLIANCE, True),
        (Format.SARIF, "CodeQL", Kind.SAST, True),
        (Format.SARIF, "CodeQL command-line toolchain", Kind.SECRETS, False),
        (Format.SARIF, "gitleaks", Kind.SAST, False),
        (Format.SARIF, "gitleaks", Kind.SECRETS, True),
        (Format.SARIF, "Semgrep OSS", Kind.SAST, True),
        (Format.SARIF, "somebody's own", Kind.CONTAINER, True),
        (Format.SARIF, "somebody's own", Kind.UNIT, False),
        (Format.SARIF, "gitleaks, CodeQL", Kind.SAST, False),
    ],
)
def test_what_a_report_can_prove(
    format_: Format, tool: str, kind: Kind, can: bool  # noqa: FBT001 - a parameter
) -> None:  # fmt: skip
    assert (kind in kinds_of(report(format_, tool))) is can


def test_frameworks_stand_as_their_worst_control_does() -> None:
    controls = [
        control("sox", 1, "COMPLIANT"),
        control("sox", 2, "NOT_APPLICABLE"),
        control("pci_dss", 1, "COMPLIANT"),
        control("pci_dss", 2, "NON_COMPLIANT"),
        control("gdpr", 1, "NOT_APPLICABLE"),
    ]
    assert frameworks(report(controls=controls)) == {
        "sox": "COMPLIANT",
        "pci_dss": "NON_COMPLIANT",
        "gdpr": "NOT_APPLICABLE",
    }


MARKS = st.lists(st.sampled_from("abc"), max_size=8)


@given(MARKS, MARKS)
def test_new_and_gone_add_up(before: list[str], now: list[str]) -> None:
    told = compared([finding(m) for m in before], [finding(m) for m in now])
    assert len(before) - len(told.gone) + len(told.new) == len(now)
    for mark in "abc":
        change = now.count(mark) - before.count(mark)
        assert [f.rule for f in told.new].count(mark) == max(0, change)
        assert [f.rule for f in told.gone].count(mark) == max(0, -change)


def test_marks_are_not_run_together() -> None:
    assert fingerprint("a", "bc") != fingerprint("ab", "c")


@given(st.floats())
def test_any_score_is_in_a_band_or_in_none(score: float) -> None:
    found = severities.of_score(score)
    assert (found is None) == (not 0.1 <= score <= 10)


def test_bands_are_githubs() -> None:
    scores = (10.0, 9.0, 8.9, 7.0, 6.9, 4.0, 3.9, 0.1)
    found = [key for key, _ in itertools.groupby(severities.of_score(s) for s in scores)]
    assert found == [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW]
    assert severities.of_score(0.0) is None


def test_what_is_not_known_is_never_harmless() -> None:
    assert severities.of_word("fatal") is Severity.UNKNOWN
    assert severities.of_word(" Critical ") is Severity.CRITICAL
    assert severities.of_level("fatal") is Severity.UNKNOWN
    assert [severities.of_risk(n) for n in (-1, 0, 3, 4)] == [
        *(Severity.UNKNOWN, Severity.INFO, Severity.HIGH, Severity.UNKNOWN),
    ]
