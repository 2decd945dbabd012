"""Gate: code scanning analysed this very commit, and what is open stays within the policy."""

from bot.domain.facts import Facts, Scan, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules

NAME = "scans"
POSITION = 60
SEVERITIES = ("critical", "high", "medium", "low")


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
    over = [s for s in SEVERITIES if _over(scan, rules, s)]
    if over:
        counts = ", ".join(f"{getattr(scan, s)} {s} (allowed {_limit(rules, s)})" for s in over)
        return failed(
            NAME,
            Reason.SCAN_FINDINGS,
            f"Open findings: {counts}.",
            "Mend or dismiss them in code scanning, then press Retry.",
        )
    return passed(NAME, ", ".join(f"{getattr(scan, s)} {s}" for s in SEVERITIES))


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


def _over(scan: Scan, rules: Rules, severity: str) -> bool:
    limit = _limit(rules, severity)
    return limit is not None and getattr(scan, severity) > limit
