"""Gate: code scanning analysed this very commit, and what is open stays within the policy."""

from bot.domain.facts import Facts, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.severities import Severity
from bot.domain.waivers import in_words, remedy, weighed

NAME = "scans"
POSITION = 60
SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


def evaluate(_request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult:
    """Compare the open findings of each severity with the policy's thresholds."""
    if isinstance(facts.scan, Unknown):
        return unknown(NAME, facts.scan)
    scan = facts.scan.value
    if scan.status == "not_enabled":
        return _not_enabled(rules)
    if scan.status == "missing":
        return failed(
            NAME,
            Reason.SCAN_MISSING,
            "Code scanning has no analysis of this commit.",
            "Run the scan on the tag's commit, then press Retry.",
        )
    counts = {severity: int(getattr(scan, severity)) for severity in SEVERITIES}
    result = weighed(counts, lambda severity: _limit(rules, severity), rules.waivers, facts.at)
    if result.over:
        told = ", ".join(f"{o.count} {o.severity} (allowed {o.limit})" for o in result.over)
        return failed(
            NAME,
            Reason.SCAN_FINDINGS,
            f"Open findings: {told}.",
            f"Mend or dismiss them in code scanning, then press Retry.{remedy(result)}",
        )
    found = ", ".join(f"{count} {severity}" for severity, count in counts.items())
    return passed(NAME, f"{found}{in_words(result)}")


def _not_enabled(rules: Rules) -> GateResult:
    if rules.scans.not_enabled == "allow":
        return passed(NAME, "code scanning is not enabled; the policy allows that")
    return failed(
        NAME,
        Reason.SCAN_NOT_ENABLED,
        f"Code scanning is not enabled for {rules.repository}.",
        "Enable it, or waive it by name in the policy: scans.not_enabled: allow.",
    )


def _limit(rules: Rules, severity: str) -> int | None:
    limit: int | None = getattr(rules.scans, severity)
    return limit
