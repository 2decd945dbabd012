"""From the evidence on one commit to one scan: when it is complete, and what it says. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bot.domain.evidence import ControlStatus, Framework, Kind
from bot.domain.scan_events import Compliance, ContainerFound, SastFound, Scan, Standing
from bot.domain.scan_events import Severity as Worst
from bot.domain.scores import security
from bot.domain.severities import Severity
from bot.domain.submitted import Submitted

SECURITY_SET = frozenset({Kind.SAST, Kind.CONTAINER, Kind.COMPLIANCE})
"""What a whole scan is made of: the three parts of the platform's event."""

_WORST: Mapping[Severity, Worst] = {
    Severity.CRITICAL: "CRITICAL",
    Severity.HIGH: "HIGH",
    Severity.MEDIUM: "MEDIUM",
    Severity.LOW: "LOW",
    Severity.INFO: "LOW",
}


def is_complete(evidence: Iterable[Submitted]) -> bool:
    """Whether each part is there, and its tool got through."""
    return {one.kind for one in evidence if one.complete} >= SECURITY_SET


def scan_of(evidence: Sequence[Submitted], weights: Mapping[Severity, float], at: datetime) -> Scan:
    """Draw the evidence that stands together. There must be some, all on one commit."""
    first = evidence[0]
    return Scan(
        id=f"security-scan-{first.service}-{first.commit[:12]}",
        service=first.service,
        version=first.version,
        type="COMPREHENSIVE",
        score=security(evidence, weights),
        sast=_sast(counted(evidence, Kind.SAST)),
        container=_container(counted(evidence, Kind.CONTAINER)),
        compliance=_compliance(evidence),
        at=at,
    )


def counted(evidence: Iterable[Submitted], kind: Kind) -> dict[Severity, int]:
    """Add up the findings of one kind; those of severities that nothing has are left out."""
    found: dict[Severity, int] = {}
    for one in evidence:
        if one.kind is kind:
            for severity, number in one.counts.items():
                found[severity] = found.get(severity, 0) + number
    return found


def _sast(counts: Mapping[Severity, int]) -> SastFound:
    return SastFound(
        critical_issues=counts.get(Severity.CRITICAL, 0),
        high_issues=counts.get(Severity.HIGH, 0),
        medium_issues=counts.get(Severity.MEDIUM, 0),
        low_issues=counts.get(Severity.LOW, 0),
    )


def _container(counts: Mapping[Severity, int]) -> ContainerFound:
    """What is of no known severity is counted; it is no known worst."""
    found = [severity for severity in Severity if counts.get(severity)]
    worst = _WORST.get(found[0]) if found else "NONE"
    return ContainerFound(vulnerabilities=sum(counts.values()), highest_severity=worst)


def _compliance(evidence: Iterable[Submitted]) -> Compliance:
    """One report that says no outweighs those that say yes; what does not apply is not judged."""
    said: dict[Framework, set[ControlStatus]] = {}
    for one in evidence:
        for name, status in one.frameworks.items():
            said.setdefault(name, set()).add(status)
    return Compliance(**{name: _standing(statuses) for name, statuses in said.items()})


def _standing(said: set[ControlStatus]) -> Standing | None:
    order: tuple[Standing, ...] = ("NON_COMPLIANT", "COMPLIANT")
    return next((standing for standing in order if standing in said), None)
