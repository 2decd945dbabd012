"""What a tool's report says, whatever format it came in: findings, tests, measures, controls.

Made by `integrations.evidence`, shown by `views.evidence_lines`. Pure values; text in them is
masked and bounded already, and holds no secret that a scanner found.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from bot.domain.masking import visible
from bot.domain.runs import TestCounts
from bot.domain.severities import Severity
from bot.domain.value import Value, canonical, digest


class Format(StrEnum):
    """What wrote the file, by the shape of what it wrote."""

    SARIF = "sarif"
    TRIVY = "trivy"
    GRYPE = "grype"
    TRUFFLEHOG = "trufflehog"
    GITLEAKS = "gitleaks"
    ZAP = "zap"
    PIP_AUDIT = "pip-audit"
    NPM_AUDIT = "npm-audit"
    DEPENDABOT = "dependabot"
    JUNIT = "junit"
    K6 = "k6"
    COMPLIANCE = "compliance"


class Kind(StrEnum):
    """What a report is to prove."""

    SAST = "sast"
    DAST = "dast"
    CONTAINER = "container"
    SECRETS = "secrets"
    DEPENDENCIES = "dependencies"
    UNIT = "unit"
    INTEGRATION = "integration"
    E2E = "e2e"
    PERFORMANCE = "performance"
    COMPLIANCE = "compliance"


_CODE = frozenset({Kind.SAST, Kind.DAST, Kind.CONTAINER, Kind.SECRETS, Kind.DEPENDENCIES})
_PACKAGES = frozenset({Kind.CONTAINER, Kind.DEPENDENCIES})
_TESTS = frozenset({Kind.UNIT, Kind.INTEGRATION, Kind.E2E, Kind.PERFORMANCE})

KINDS: Mapping[Format, frozenset[Kind]] = {
    Format.SARIF: _CODE,
    Format.TRIVY: _PACKAGES | {Kind.SECRETS},
    Format.GRYPE: _PACKAGES,
    Format.TRUFFLEHOG: frozenset({Kind.SECRETS}),
    Format.GITLEAKS: frozenset({Kind.SECRETS}),
    Format.ZAP: frozenset({Kind.DAST}),
    Format.PIP_AUDIT: frozenset({Kind.DEPENDENCIES}),
    Format.NPM_AUDIT: frozenset({Kind.DEPENDENCIES}),
    Format.DEPENDABOT: frozenset({Kind.DEPENDENCIES}),
    Format.JUNIT: _TESTS,
    Format.K6: frozenset({Kind.PERFORMANCE}),
    Format.COMPLIANCE: frozenset({Kind.COMPLIANCE}),
}
"""What a format can prove."""

_SARIF_TOOLS: Mapping[str, frozenset[Kind]] = {
    "bandit": frozenset({Kind.SAST}),
    "codeql": frozenset({Kind.SAST}),
    "gitleaks": frozenset({Kind.SECRETS}),
    "grype": _PACKAGES,
    "trivy": KINDS[Format.TRIVY],
    "zap": frozenset({Kind.DAST}),
}
"""SARIF says nothing of its purpose; these tools have only so many. A clean Gitleaks run must not
pass for a SAST scan. Other tools may be anything that SARIF can be."""


class Finding(Value):
    """One thing that a scanner found. Two findings of one report may well be equal."""

    rule: str
    """The rule, advisory or detector by its own id."""
    severity: Severity
    said: str
    """What the tool itself said of it: `error`, `Negligible`, `verified`; what severity came of it
    is in `severity`."""
    title: str = ""
    """One line, masked."""
    path: str = ""
    line: int | None = None
    package: str = ""
    version: str = ""
    """Of the package, as it is installed."""
    fingerprint: str
    """The same for the same finding in a later report of the same tool."""


def fingerprint(*marks: str) -> str:
    """Make a fingerprint of what stays: rule, path or package. Lines and versions move."""
    return digest(canonical([visible(mark) for mark in marks]))[:32]


class CaseCounts(TestCounts):
    """Counts of test cases. run = passed + failed + skipped."""

    errors: int = 0
    """How many of the failed ones broke rather than failed."""
    flaky: int = 0
    """How many of the passed ones failed before they passed."""
    unlisted: int = 0
    """Failures and errors that the file's totals speak of and no case shows: a suite that did not
    even start, for one."""


class Measure(Value):
    """A number that a tool measured. `unit` is empty where the file does not say."""

    name: str
    value: float
    unit: str = ""


class Threshold(Value):
    """A limit that the tool itself judged."""

    metric: str
    expression: str
    passed: bool


class Checks(Value):
    """Assertions inside of a performance test; each is made many times. They judge nothing."""

    names: int
    passes: int
    fails: int


Framework = Literal["sox", "pci_dss", "gdpr"]
ControlStatus = Literal["COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"]


class Control(Value):
    """What somebody found of one control of a framework."""

    framework: Framework
    id: str
    status: ControlStatus
    title: str = ""
    evidence: str = ""
    """Address of what shows it."""
    assessed_at: datetime
    assessed_by: str


class Report(Value):
    """What one file says. `digest` is the SHA-256 of its bytes: the same file twice is one."""

    format: Format
    tool: str
    tool_version: str = ""
    """As the file says it; empty where it does not."""
    digest: str = ""
    written_at: datetime | None = None
    """None where the file says none, or one without its zone."""
    complete: bool = True
    """False: the file itself says that the tool did not get through, or looked at nothing."""
    findings: tuple[Finding, ...] = ()
    suppressed: int = 0
    """Findings that somebody has dismissed, in the tool's own way. They are not in `findings`."""
    tests: CaseCounts | None = None
    measures: tuple[Measure, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    checks: Checks | None = None
    controls: tuple[Control, ...] = ()

    @property
    def counts(self) -> dict[Severity, int]:
        """Findings by severity, all severities, worst first."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity: found[severity] for severity in Severity}

    @property
    def clean(self) -> bool:
        """Whether nothing in it speaks against a release. Nothing tested is not clean."""
        return (
            self.complete
            and not self.findings
            and (self.tests is None or _all_well(self.tests))
            and all(threshold.passed for threshold in self.thresholds)
            and all(control.status != "NON_COMPLIANT" for control in self.controls)
        )


def _all_well(tests: CaseCounts) -> bool:
    return tests.run > 0 and not tests.failed and not tests.unlisted


def kinds_of(report: Report) -> frozenset[Kind]:
    """Say what a report can prove, by its format and, where that says little, by its tool."""
    kinds = KINDS[report.format]
    if report.format is not Format.SARIF:
        return kinds
    for tool in report.tool.lower().split(", "):
        for name, few in _SARIF_TOOLS.items():
            if tool.startswith(name):
                kinds &= few
    return kinds


def frameworks(report: Report) -> dict[Framework, ControlStatus]:
    """Say for each framework in the report how it stands: one control amiss, and it is amiss."""
    told: dict[Framework, set[ControlStatus]] = {}
    for control in report.controls:
        told.setdefault(control.framework, set()).add(control.status)
    order: tuple[ControlStatus, ...] = ("NON_COMPLIANT", "COMPLIANT", "NOT_APPLICABLE")
    return {name: next(s for s in order if s in found) for name, found in told.items()}


class Difference(Value):
    """What came and what went between two reports of the same tool."""

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]


def compared(before: Sequence[Finding], now: Sequence[Finding]) -> Difference:
    """Tell what is new and what is gone. Where one fingerprint is there n times, n are weighed."""
    return Difference(new=_beyond(now, before), gone=_beyond(before, now))


def _beyond(these: Sequence[Finding], those: Sequence[Finding]) -> tuple[Finding, ...]:
    left = Counter(finding.fingerprint for finding in those)
    found: list[Finding] = []
    for finding in these:
        if left[finding.fingerprint]:
            left[finding.fingerprint] -= 1
        else:
            found.append(finding)
    return tuple(found)


def by_their_words(report: Report) -> dict[str, Any]:
    """Count findings by what the tool itself said, so that anyone can check the severities."""
    return dict(Counter(finding.said for finding in report.findings).most_common())
