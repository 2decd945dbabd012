"""What tools call severe, brought to one scale. Pure; docs/evidence.md has the table.

Used by the readers of reports. A word that is not known is `unknown` and never "harmless": what a
gate makes of `unknown` is its policy's affair.
"""

import math
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is, worst first. `unknown`: its tool does not say."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"
    UNKNOWN = "unknown"


BANDS = (
    (9.0, Severity.CRITICAL),
    (7.0, Severity.HIGH),
    (4.0, Severity.MEDIUM),
    (0.1, Severity.LOW),
)
"""From which CVSS score on: as GitHub reads `security-severity` (its docs on SARIF)."""

HIGHEST_SCORE = 10.0

WORDS = {
    "critical": Severity.CRITICAL,
    "important": Severity.HIGH,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,  # npm, GitHub
    "low": Severity.LOW,
    "negligible": Severity.INFO,  # Grype
    "informational": Severity.INFO,
    "info": Severity.INFO,
    "none": Severity.INFO,
}

LEVELS = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.INFO,
}
"""SARIF's levels. They say how sure a tool wants to be seen to, and know no "critical"."""

RISKS = (Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH)
"""ZAP's riskcode, 0 to 3."""


def of_word(word: str) -> Severity:
    """Read a tool's own word: `CRITICAL`, `Negligible`, `moderate`."""
    return WORDS.get(word.strip().lower(), Severity.UNKNOWN)


def of_score(score: float) -> Severity | None:
    """Read a CVSS score; None for 0 and for what is no score: then something else must tell."""
    if not math.isfinite(score) or score > HIGHEST_SCORE:
        return None
    return next((severity for least, severity in BANDS if score >= least), None)


def of_security_severity(said: str | float) -> Severity | None:
    """Read SARIF's `security-severity`: a score as GitHub has it, a word in GitLab's rules."""
    try:
        return of_score(float(said))
    except ValueError:
        found = of_word(str(said))
        return None if found is Severity.UNKNOWN else found


def of_level(level: str) -> Severity:
    """Read a SARIF level."""
    return LEVELS.get(level, Severity.UNKNOWN)


def of_risk(code: int) -> Severity:
    """Read ZAP's riskcode."""
    return RISKS[code] if 0 <= code < len(RISKS) else Severity.UNKNOWN


def of_secret(*, verified: bool, could_not_tell: bool) -> Severity:
    """Weigh a secret that TruffleHog found.

    One that works is an open door; one that does not is still a secret in the wrong place. That it
    could not be tried says nothing good, so it weighs more than one that was tried in vain.
    """
    if verified:
        return Severity.CRITICAL
    return Severity.HIGH if could_not_tell else Severity.MEDIUM


SECRET_UNTRIED = Severity.HIGH
"""A secret of a tool that tries none (Gitleaks): it may well work."""
