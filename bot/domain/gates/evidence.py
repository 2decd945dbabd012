"""Gate: the evidence that policy asks for is there, is recent, and says what it must.

Which reports stand where there are several is `domain.superseding`. What evidence is and how it
comes in is in docs/evidence.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from bot.domain.evidence import Framework, Kind
from bot.domain.facts import Facts, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown
from bot.domain.policies import Limits
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.scores import performance, scores_of
from bot.domain.severities import Severity
from bot.domain.submitted import Submitted
from bot.domain.superseding import standing
from bot.domain.value import Value
from bot.domain.waivers import Counts, Weighed, in_words, remedy, weighed

NAME = "evidence"
POSITION = 65

TOLD = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)
"""Severities whose counts the card tells even when they are allowed."""


class Problem(Value):
    """What is wrong with one kind's evidence, and what to do."""

    reason: Reason
    sentence: str
    next_step: str


def evaluate(request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult | None:
    """Speak where policy asks for evidence. All that is wrong is told, the worst first."""
    wanted = rules.evidence
    if not wanted.required:
        return None
    if facts.evidence is None or isinstance(facts.evidence, Unknown):
        return unknown(NAME, facts.evidence or _unasked(facts))
    reports = standing(facts.evidence.value)
    problems = [
        problem
        for kind in wanted.required
        for problem in _of_kind(kind, [r for r in reports if r.kind is kind], request, facts, rules)
    ]
    if problems:
        first = min(problems, key=lambda problem: _ORDER.index(problem.reason))
        sentence = " ".join(problem.sentence for problem in problems)
        return failed(NAME, first.reason, sentence, first.next_step)
    # In the order in which policy names them: reports come in any.
    asked = [report for kind in wanted.required for report in reports if report.kind is kind]
    return passed(NAME, " · ".join([*_scores(reports, rules), *_told(asked, facts, rules)]))


_ORDER = (
    Reason.EVIDENCE_FAILED,
    Reason.EVIDENCE_FINDINGS,
    Reason.EVIDENCE_MISSING,
    Reason.EVIDENCE_OLD,
)
"""What weighs most comes first."""


def _unasked(facts: Facts) -> Unknown:
    """Say why nobody was asked: evidence is a commit's, and it is the tag that names one."""
    tag = facts.tag
    return tag if isinstance(tag, Unknown) else Unknown(why="there is no commit to ask about")


def _of_kind(
    kind: Kind, reports: Sequence[Submitted], request: ReleaseRequest, facts: Facts, rules: Rules
) -> Iterator[Problem]:
    if not reports:
        yield Problem(
            reason=Reason.EVIDENCE_MISSING,
            sentence=f"There is no {kind} evidence for {request.version}.",
            next_step=f"Run the workflow that submits it at {request.version}'s tag; this goes on "
            "when the report has come.",
        )
        return
    for report in reports:
        yield from _failures(report)
        yield from _findings(report, facts, rules)
    age = facts.at - max(report.received_at for report in reports)
    fresh = rules.evidence.fresh
    if fresh is not None and age > fresh:
        yield Problem(
            reason=Reason.EVIDENCE_OLD,
            sentence=f"{kind.capitalize()} evidence is {_age(age)} old, and {_age(fresh)} is "
            "allowed.",
            next_step="Run the workflow that submits it again; this goes on when the report has "
            "come.",
        )
    if kind is Kind.COMPLIANCE:
        yield from _compliance(reports, rules.evidence.frameworks)
    if kind is Kind.PERFORMANCE:
        yield from _score(reports, rules)


def _failures(report: Submitted) -> Iterator[Problem]:
    """Say what a report itself says against the version."""
    what = f"{report.kind} ({report.tool})"
    again = "Mend it and submit the report anew, then press Retry."
    if not report.complete:
        said = f"{what} did not get through, by its own word."
        yield Problem(reason=Reason.EVIDENCE_FAILED, sentence=said, next_step=again)
    if report.tests is not None:
        tests = report.tests
        amiss = tests.failed + tests.unlisted
        if amiss:
            said = f"{what}: {amiss} of {tests.run + tests.unlisted} tests failed."
            yield Problem(reason=Reason.EVIDENCE_FAILED, sentence=said, next_step=again)
        elif tests.run == tests.skipped:
            said = f"{what}: no test was run."
            yield Problem(reason=Reason.EVIDENCE_FAILED, sentence=said, next_step=again)
    if report.thresholds_failed:
        said = f"{what}: {report.thresholds_failed} of its thresholds failed."
        yield Problem(reason=Reason.EVIDENCE_FAILED, sentence=said, next_step=again)


def _weigh(
    report: Submitted, counts: Counts, limits: Limits, facts: Facts, rules: Rules
) -> Weighed:
    return weighed(
        counts, limits.of, rules.waivers, facts.at, kind=report.kind, by_rule=report.by_rule
    )


def _findings(report: Submitted, facts: Facts, rules: Rules) -> Iterator[Problem]:
    wanted = rules.evidence
    for counts, limits, what in (
        (report.counts, wanted.findings, "findings"),
        (report.new or {}, wanted.new, "new findings against what is live"),
    ):
        result = _weigh(report, counts, limits, facts, rules)
        if result.over:
            told = ", ".join(f"{o.count} {o.severity} (allowed {o.limit})" for o in result.over)
            yield Problem(
                reason=Reason.EVIDENCE_FINDINGS,
                sentence=f"{report.kind} ({report.tool}), {what}: {told}.",
                next_step=f"Mend them and submit the report anew, then press Retry."
                f"{remedy(result)}",
            )


def _compliance(reports: Sequence[Submitted], wanted: Sequence[Framework]) -> Iterator[Problem]:
    for framework in wanted:
        said = {report.frameworks.get(framework) for report in reports} - {None}
        if "NON_COMPLIANT" in said or not said & {"COMPLIANT", "NOT_APPLICABLE"}:
            state = "not compliant" if "NON_COMPLIANT" in said else "not assessed"
            yield Problem(
                reason=Reason.EVIDENCE_FAILED,
                sentence=f"{FRAMEWORKS[framework]}: {state}.",
                next_step="Let the control's owner assess it, submit that, then press Retry.",
            )


def _score(reports: Sequence[Submitted], rules: Rules) -> Iterator[Problem]:
    """Compare the score with the least that policy takes, where the service has budgets."""
    least = rules.evidence.performance
    if least is None or not rules.budgets:
        return
    score = performance(reports, rules.budgets)
    if score is None:
        yield Problem(
            reason=Reason.EVIDENCE_FAILED,
            sentence=f"performance: nothing was measured that has a budget "
            f"({', '.join(rules.budgets)}).",
            next_step="Submit a report that has it, then press Retry.",
        )
    elif score < least:
        yield Problem(
            reason=Reason.EVIDENCE_FAILED,
            sentence=f"performance: the score is {score:.2f}, and {least:.2f} is needed "
            f"({', '.join(_over_budget(reports, rules.budgets))}).",
            next_step="Make it faster and submit the report anew, then press Retry.",
        )


def _over_budget(reports: Sequence[Submitted], budgets: Mapping[str, float]) -> Iterator[str]:
    for name, budget in budgets.items():
        worst = max((r.measures[name] for r in reports if name in r.measures), default=0.0)
        if worst > budget:
            yield f"{name} is {worst:g}, budget {budget:g}"


FRAMEWORKS: dict[Framework, str] = {"sox": "SOX", "pci_dss": "PCI DSS", "gdpr": "GDPR"}


def _scores(reports: Sequence[Submitted], rules: Rules) -> Iterator[str]:
    """Give the scores that `/scan` and the events have, of all that stands."""
    found = scores_of(reports, rules.weights, rules.budgets)
    for name, score in (("security", found.security), ("performance", found.performance)):
        if score is not None:
            yield f"{name} score {score:.2f}"


def _told(reports: Sequence[Submitted], facts: Facts, rules: Rules) -> Iterator[str]:
    """Say what is there: tests first, then findings with the exceptions that are in use."""
    tested = [report for report in reports if report.tests is not None]
    for report in tested:
        tests = report.tests
        if tests is not None:
            yield f"{report.kind}: {tests.passed:,} of {tests.run:,} tests passed"
    said: dict[str, list[str]] = {}
    for report in reports:
        if report.tests is None and report.kind not in (Kind.COMPLIANCE, Kind.PERFORMANCE):
            said.setdefault(_counted(report, facts, rules), []).append(report.kind.value)
    for counts, kinds in said.items():
        yield f"{', '.join(dict.fromkeys(kinds))}: {counts}"
    green = [r.kind.value for r in reports if r.kind in (Kind.COMPLIANCE, Kind.PERFORMANCE)]
    if green:
        yield f"{', '.join(dict.fromkeys(green))} green"


def _counted(report: Submitted, facts: Facts, rules: Rules) -> str:
    """Tell the counts that matter, each with the exceptions that it needs."""
    result = _weigh(report, report.counts, rules.evidence.findings, facts, rules)
    parts = []
    for severity in TOLD:
        used = tuple(waiver for waiver in result.used if waiver.severity is severity)
        words = in_words(result.model_copy(update={"used": used}))
        parts.append(f"{report.counts.get(severity, 0)} {severity}{words}")
    return ", ".join(parts)


def _age(age: timedelta) -> str:
    hours = int(age.total_seconds()) // 3600
    return f"{hours // 24} days" if hours >= 48 else f"{hours} h"  # noqa: PLR2004 - two days
