"""Cases for `release-bot policy test`: a situation, and what policy must make of it. Pure.

A case says only what differs from a release for which all is well; the gates that judge it are the
ones that judge real releases.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import Field

from bot.domain.catalog import Catalog
from bot.domain.durations import Duration
from bot.domain.entry import Entry
from bot.domain.evidence import CaseCounts, ControlStatus, Format, Framework, Kind
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
from bot.domain.gates import GATES, evaluate_all
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules, rules_for
from bot.domain.severities import Severity
from bot.domain.submitted import Sender, Submitted
from bot.domain.value import Value

Expected = Literal["passed", "failed", "waiting", "silent"]
PREVIOUS = "0.0.1"
"""The version that is live in a case, unless it says another."""


class EvidenceCase(Entry):
    """One report, by what it amounts to."""

    kind: Kind
    tool: str = "a tool"
    age: Duration = timedelta(minutes=10)
    findings: Mapping[Severity, int] = {}
    new: Mapping[Severity, int] | None = None
    rules: Mapping[str, Mapping[Severity, int]] = {}
    passed: int = Field(default=1, ge=0)
    failed: int = Field(default=0, ge=0)
    complete: bool = True
    thresholds_failed: int = Field(default=0, ge=0)
    measures: Mapping[str, float] | None = None
    """Of performance evidence. Left away: each measure that has a budget, just within it."""
    frameworks: Mapping[Framework, ControlStatus] = {}


class ScanCase(Entry):
    """Code scanning of the commit."""

    status: Literal["analysed", "missing", "not_enabled"] = "analysed"
    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0


class Case(Entry):
    """One situation. What is left away is well; `evidence` left away: what policy requires, clean.

    `expect`: a gate's name and its answer, or `release`: whether all gates together let it through.
    """

    name: str
    service: str
    environment: str
    version: str = "1.0.0"
    live: str | None = PREVIOUS
    at: datetime | None = None
    checks: Mapping[str, str | None] | None = None
    scan: ScanCase = ScanCase()
    evidence: tuple[EvidenceCase, ...] | None = None
    soaked: Duration | None = timedelta(days=30)
    dependencies: Mapping[str, str] = {}
    silent: tuple[Literal["github", "kubernetes", "evidence"], ...] = ()
    """Sources that give no answer."""
    expect: Mapping[str, Expected | Literal["allowed", "refused"]] = Field(min_length=1)


class Cases(Entry):
    """A file of cases."""

    cases: tuple[Case, ...] = Field(min_length=1)


class Answer(Value):
    """What came of one expectation. `said`: the gate's sentence."""

    case: str
    about: str
    wanted: str
    got: str
    said: str = ""

    @property
    def good(self) -> bool:
        """Whether it came as the case expects."""
        return self.wanted == self.got


def tried(case: Case, catalog: Catalog, now: datetime) -> tuple[Answer, ...]:
    """Ask the gates. Raises KeyError where the catalogue has no such service or environment."""
    rules = rules_for(catalog, case.service, case.environment)
    request = ReleaseRequest(
        service=case.service, version=case.version, environment=case.environment
    )
    results = evaluate_all(request, facts_of(case, rules, now), rules)
    by_gate = {result.gate: result for result in results}
    answers = []
    for about, wanted in case.expect.items():
        if about == "release":
            bad = [result for result in results if result.status in ("failed", "waiting")]
            got = "refused" if bad else "allowed"
            said = " ".join(result.sentence for result in bad)
        else:
            result = by_gate.get(about)
            got, said = (result.status, result.sentence) if result else ("silent", "")
        answers.append(Answer(case=case.name, about=about, wanted=wanted, got=got, said=said))
    return tuple(answers)


def unknown_gates(case: Case) -> list[str]:
    """List what a case expects of gates that there are not."""
    names = {name for name, _ in GATES}
    return [about for about in case.expect if about != "release" and about not in names]


def facts_of(case: Case, rules: Rules, now: datetime) -> Facts:
    """Make the facts of a case: all is well but for what it says."""
    at = (case.at or now).astimezone(UTC)
    commit = "c0ffee" + "0" * 34
    named = case.checks if case.checks is not None else dict.fromkeys(rules.checks, "success")
    checks = tuple(CheckRun(name=name, conclusion=said) for name, said in named.items())
    silent = Unknown(why="the case has it silent")
    github, kubernetes = "github" in case.silent, "kubernetes" in case.silent
    return Facts(
        at=at,
        tag=silent if github else Known(value=TagFact(tag=Tag(name="tag", commit=commit))),
        diff=silent if github else Known(value=Diff(commits=1, authors=("somebody",), url="")),
        checks=silent if github else Known(value=checks),
        scan=silent if github else Known(value=Scan(**case.scan.model_dump())),
        cluster=silent if kubernetes else Known(value=_cluster(rules)),
        live_version=case.live,
        dependencies=_dependencies(case, rules),
        promotion=_promotion(case, rules),
        evidence=silent if "evidence" in case.silent else Known(value=_evidence(case, rules, at)),
    )


def _cluster(rules: Rules) -> ClusterFact:
    blue = SlotFact(slot="blue", exists=True, wanted=3, ready=3, rolled_out=True, image="live")
    green = blue.model_copy(update={"slot": "green", "image": "idle"})
    if rules.target.one_copy:
        green = SlotFact(slot="green", exists=False)
    shares = TrafficFact(weights={"blue": 100, "green": 0}, serving={"blue": 3})
    return ClusterFact(blue=blue, green=green, traffic=shares)


def _dependencies(case: Case, rules: Rules) -> tuple[Known[Running] | Unknown, ...]:
    """What a case does not name runs in a version that fits; which one that is nobody asks."""
    return tuple(
        Known(value=Running(service=name, version=case.dependencies[name], deployed=True))
        for name in rules.depends_on
        if name in case.dependencies
    )


def _promotion(case: Case, rules: Rules) -> Known[Promotion] | None:
    if rules.after is None:
        return None
    seconds = int(case.soaked.total_seconds()) if case.soaked is not None else None
    live = seconds is not None
    return Known(
        value=Promotion(
            environment=rules.after,
            live=live,
            seconds=seconds,
            running=case.version if live else PREVIOUS,
        )
    )


def _evidence(case: Case, rules: Rules, at: datetime) -> tuple[Submitted, ...]:
    reports = case.evidence
    if reports is None:
        clean = dict.fromkeys(rules.evidence.frameworks, "COMPLIANT")
        reports = tuple(
            EvidenceCase(kind=kind, frameworks=clean if kind is Kind.COMPLIANCE else {})
            for kind in rules.evidence.required
        )
    return tuple(_submitted(case, one, number, at, rules) for number, one in enumerate(reports, 1))


TESTED = (Kind.UNIT, Kind.INTEGRATION, Kind.E2E)


def _submitted(case: Case, one: EvidenceCase, number: int, at: datetime, rules: Rules) -> Submitted:
    tests = None
    within = rules.budgets if one.kind is Kind.PERFORMANCE else {}
    if one.kind in TESTED:
        tests = CaseCounts(
            run=one.passed + one.failed, passed=one.passed, failed=one.failed, skipped=0
        )
    return Submitted(
        id=number,
        service=case.service,
        version=case.version,
        commit="c0ffee" + "0" * 34,
        kind=one.kind,
        format=Format.JUNIT if one.kind in TESTED else Format.SARIF,
        tool=one.tool,
        digest=f"{number:064d}",
        received_at=at - one.age,
        sender=Sender(by="token"),
        complete=one.complete,
        clean=not one.findings and not one.failed,
        counts=one.findings,
        by_rule=one.rules,
        new=one.new,
        tests=tests,
        thresholds_failed=one.thresholds_failed,
        measures=within if one.measures is None else one.measures,
        frameworks=one.frameworks,
    )
