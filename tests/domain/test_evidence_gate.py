"""The gate `evidence`, and the exceptions that policy allows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import CaseCounts, Format, Kind
from bot.domain.facts import Known, Scan, TagFact
from bot.domain.gates import evidence as gate
from bot.domain.gates import scans
from bot.domain.gates.result import GateResult
from bot.domain.policies import EvidenceRules, Limits, Waiver
from bot.domain.severities import Severity
from bot.domain.submitted import Sender, Submitted
from bot.domain.waivers import weighed
from tests.domain.facts import REQUEST, SILENT, facts, rules
from tests.virtual import START

HIGH = {Severity.HIGH: 1}


def report(kind: Kind = Kind.SAST, **changes: Any) -> Submitted:
    base = Submitted(
        id=1,
        service="payments",
        version="v2.1.0",
        commit="abc123def456",
        kind=kind,
        format=Format.SARIF,
        tool="CodeQL",
        digest="0" * 64,
        received_at=START - timedelta(hours=1),
        sender=Sender(by="oidc"),
        clean=True,
        counts=dict.fromkeys(Severity, 0),
    )
    return base.model_copy(update=changes)


def counted(passed: int = 10, failed: int = 0, **changes: Any) -> CaseCounts:
    base = CaseCounts(run=passed + failed, passed=passed, failed=failed, skipped=0)
    return base.model_copy(update=changes)


def waiver(**changes: Any) -> Waiver:
    base = Waiver(
        id="SEC-12",
        severity=Severity.HIGH,
        owner="the security team",
        reason="no way to reach it",
        until=date(2027, 12, 1),
    )
    return base.model_copy(update=changes)


def asked(*reports: Submitted, waivers: tuple[Waiver, ...] = (), **policy: Any) -> GateResult:
    wanted = EvidenceRules(**{"required": (Kind.SAST,), **policy})
    by = rules().model_copy(update={"evidence": wanted, "waivers": waivers})
    result = gate.evaluate(REQUEST, facts(evidence=Known(value=reports)), by)
    assert result is not None
    return result


def test_policy_that_asks_for_none_has_no_gate() -> None:
    assert gate.evaluate(REQUEST, facts(), rules()) is None


def test_without_a_commit_it_says_so() -> None:
    by = rules().model_copy(update={"evidence": EvidenceRules(required=(Kind.SAST,))})
    no_tag = facts(tag=Known(value=TagFact(tag=None)), evidence=None)
    result = gate.evaluate(REQUEST, no_tag, by)
    assert result is not None
    assert result.could_not_tell
    assert "there is no commit to ask about" in result.sentence


def test_what_is_there_and_clean_passes_and_is_told() -> None:
    unit = report(Kind.UNIT, tests=counted(1250), tool="pytest")
    result = asked(report(counts={Severity.MEDIUM: 3}), unit, required=(Kind.UNIT, Kind.SAST))
    assert result.status == "passed"
    assert result.sentence == (
        "unit: 1,250 of 1,250 tests passed · sast: 0 critical, 0 high, 3 medium"
    )


def test_reports_that_say_the_same_are_told_as_one_in_the_order_of_policy() -> None:
    kinds = (Kind.SAST, Kind.CONTAINER, Kind.DAST)
    high = report(Kind.CONTAINER, counts=HIGH, tool="Trivy")
    result = asked(report(Kind.DAST), high, report(), required=kinds, findings=Limits(high=1))
    assert result.sentence == (
        "security score 0.98 · sast, dast: 0 critical, 0 high, 0 medium"
        " · container: 0 critical, 1 high, 0 medium"
    )


def test_the_scores_are_told_as_scan_tells_them() -> None:
    sast = report(counts={Severity.MEDIUM: 3, Severity.LOW: 5})
    image = report(Kind.CONTAINER, tool="Trivy", counts={Severity.MEDIUM: 2})
    assert asked(sast, image).sentence == "security score 0.97 · sast: 0 critical, 0 high, 3 medium"


def paced(p95: float | None, least: float | None = 0.8, budget: float | None = 250) -> GateResult:
    """The gate's answer to a k6 report, where policy names the least score."""
    measures = {} if p95 is None else {"http_req_duration.p(95)": p95}
    wanted = EvidenceRules(required=(Kind.PERFORMANCE,), performance=least)
    budgets = {} if budget is None else {"http_req_duration.p(95)": budget}
    by = rules().model_copy(update={"evidence": wanted, "budgets": budgets})
    k6 = report(Kind.PERFORMANCE, tool="k6", counts={}, measures=measures)
    result = gate.evaluate(REQUEST, facts(evidence=Known(value=(k6,))), by)
    assert result is not None
    return result


def test_the_performance_score_must_be_as_good_as_policy_says() -> None:
    assert paced(284).sentence == "performance score 0.88 · performance green"
    assert paced(312.5).status == "passed"
    slow = paced(400)
    assert (slow.status, slow.reason) == ("failed", "evidence_failed")
    assert slow.sentence == (
        "performance: the score is 0.62, and 0.80 is needed "
        "(http_req_duration.p(95) is 400, budget 250)."
    )
    assert slow.next_step == "Make it faster and submit the report anew, then press Retry."


def test_a_report_that_measured_nothing_with_a_budget_is_no_yes() -> None:
    unmeasured = paced(None)
    assert unmeasured.status == "failed"
    assert "nothing was measured that has a budget" in unmeasured.sentence


def test_where_policy_names_no_score_or_a_service_no_budget_none_is_judged() -> None:
    assert paced(9000, least=None).status == "passed"
    assert paced(9000, budget=None).status == "passed"


def test_a_least_score_without_the_evidence_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="add performance to required"):
        EvidenceRules(required=(Kind.SAST,), performance=0.8)


def test_budgets_are_part_of_a_plan_only_where_policy_judges_by_them() -> None:
    plain = rules()
    budgets = {"budgets": {"p95": 250}, "weights": {Severity.LOW: 0.5}}
    assert plain.model_copy(update=budgets).fingerprint() == plain.fingerprint()
    wanted = EvidenceRules(required=(Kind.PERFORMANCE,), performance=0.8)
    judged = plain.model_copy(update={"evidence": wanted})
    assert judged.model_copy(update=budgets).fingerprint() != judged.fingerprint()


BAD: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({"kind": Kind.DAST}, {}, "evidence_missing", "There is no sast evidence for v2.1.0."),
    ({"counts": HIGH}, {}, "evidence_findings", "sast (CodeQL), findings: 1 high (allowed 0)."),
    ({"counts": {Severity.UNKNOWN: 2}}, {}, "evidence_findings", "2 unknown (allowed 0)"),
    ({"new": HIGH}, {"new": Limits()}, "evidence_findings",
     "new findings against what is live: 1 high (allowed 0)."),
    ({"complete": False}, {}, "evidence_failed", "did not get through, by its own word"),
    ({"tests": counted(9, 1)}, {}, "evidence_failed", "1 of 10 tests failed"),
    ({"tests": counted(9, unlisted=1)}, {}, "evidence_failed", "1 of 10 tests failed"),
    ({"tests": counted(0)}, {}, "evidence_failed", "no test was run"),
    ({"thresholds_failed": 2}, {}, "evidence_failed", "2 of its thresholds failed"),
    ({}, {"fresh": timedelta(minutes=30)}, "evidence_old", "Sast evidence is 1 h old"),
    ({"kind": Kind.COMPLIANCE}, {"required": (Kind.COMPLIANCE,), "frameworks": ("sox",)},
     "evidence_failed", "SOX: not assessed."),
    ({"kind": Kind.COMPLIANCE, "frameworks": {"sox": "NON_COMPLIANT"}},
     {"required": (Kind.COMPLIANCE,), "frameworks": ("sox",)},
     "evidence_failed", "SOX: not compliant."),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "policy", "reason", "sentence"), BAD)
def test_what_is_wrong_is_told(
    changes: dict[str, Any], policy: dict[str, Any], reason: str, sentence: str
) -> None:
    result = asked(report(**changes), **policy)
    assert (result.status, result.reason) == ("failed", reason)
    assert sentence in result.sentence
    assert result.next_step


def test_all_that_is_wrong_is_told_and_the_worst_is_the_reason() -> None:
    result = asked(report(tests=counted(1, 1)), required=(Kind.DAST, Kind.SAST))
    assert result.reason == "evidence_failed"
    assert "There is no dast evidence" in result.sentence
    assert "1 of 2 tests failed" in result.sentence


def test_the_newest_report_of_each_tool_counts() -> None:
    old = report(id=2, counts=HIGH, received_at=START - timedelta(hours=2))
    assert asked(old, report()).status == "passed"
    other = report(counts=HIGH, tool="Semgrep", received_at=START - timedelta(hours=2))
    assert asked(other, report()).status == "failed"


def test_a_source_that_does_not_answer_is_no_yes() -> None:
    by = rules().model_copy(update={"evidence": EvidenceRules(required=(Kind.SAST,))})
    for silent in (SILENT, None):
        result = gate.evaluate(REQUEST, facts(evidence=silent), by)
        assert result is not None
        assert (result.status, result.could_not_tell) == ("failed", True)


# Exceptions.


def test_an_exception_that_is_used_is_told() -> None:
    result = asked(report(counts=HIGH), waivers=(waiver(),))
    assert result.status == "passed"
    assert "1 high (allowed until 1 Dec, SEC-12), 0 medium" in result.sentence


def test_one_that_is_not_needed_is_not() -> None:
    assert "SEC-12" not in asked(report(), waivers=(waiver(),)).sentence


@pytest.mark.parametrize(
    "other",
    [
        {"severity": Severity.MEDIUM},
        {"kinds": (Kind.DAST,)},
        {"rule": "py/other-*"},
    ],
)
def test_an_exception_covers_what_it_names(other: dict[str, Any]) -> None:
    assert asked(report(counts=HIGH), waivers=(waiver(**other),)).status == "failed"


def test_one_for_a_rule_covers_no_more_of_it_than_there_is() -> None:
    named = {"py/sql": {Severity.HIGH: 1}}
    for_it = (waiver(rule="py/*", count=5),)
    assert asked(report(counts=HIGH, by_rule=named), waivers=for_it).status == "passed"
    two = report(counts={Severity.HIGH: 2}, by_rule=named)
    result = asked(two, waivers=for_it)
    assert "2 high (allowed 1)" in result.sentence


def test_it_ends_with_its_last_day_and_that_is_said() -> None:
    ends = waiver(until=START.astimezone(UTC).date())
    assert asked(report(counts=HIGH), waivers=(ends,)).status == "passed"
    ended = waiver(until=START.astimezone(UTC).date() - timedelta(days=1))
    result = asked(report(counts=HIGH), waivers=(ended,))
    assert result.status == "failed"
    assert "SEC-12 of the security team ended on" in (result.next_step or "")


def test_code_scanning_knows_exceptions_too() -> None:
    seen = facts(scan=Known(value=Scan(status="analysed", high=1)))
    by = rules().model_copy(update={"waivers": (waiver(),)})
    result = scans.evaluate(REQUEST, seen, by)
    assert result.status == "passed"
    assert "(allowed until 1 Dec, SEC-12)" in result.sentence
    only_for_dast = rules().model_copy(update={"waivers": (waiver(kinds=(Kind.DAST,)),)})
    assert scans.evaluate(REQUEST, seen, only_for_dast).status == "failed"


@given(st.integers(0, 30), st.integers(0, 30), st.lists(st.integers(1, 9), max_size=6))
def test_no_more_pass_than_limit_and_exceptions_allow(
    count: int, limit: int, allowed: list[int]
) -> None:
    waivers = [waiver(id=f"S-{n}", count=c) for n, c in enumerate(allowed)]
    now = datetime(2026, 3, 4, tzinfo=UTC)
    result = weighed({Severity.HIGH: count}, lambda _: limit, waivers, now)
    assert bool(result.over) == (count > limit + sum(allowed))
    assert bool(result.used) == (count > limit and bool(allowed))
