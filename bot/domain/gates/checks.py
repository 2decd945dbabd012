"""Gate: the CI checks that policy names are green on the commit. None found is a failure."""

from bot.domain.facts import CheckRun, Facts, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown, waiting
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules

NAME = "checks"
POSITION = 50

GREEN = ("success", "neutral", "skipped")
"""Conclusions that GitHub's own required checks accept (docs: about protected branches)."""


def evaluate(_request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult | None:
    """Pass where each named check ended green on the commit. Silent where policy names none."""
    if not rules.checks:
        return None
    if isinstance(facts.checks, Unknown):
        return unknown(NAME, facts.checks)
    found = {check.name: check for check in facts.checks.value}
    missing = [name for name in rules.checks if name not in found]
    named = [found[name] for name in rules.checks if name in found]
    red = [check for check in named if check.conclusion not in (None, *GREEN)]
    if red:
        return _red(red)
    if missing:
        return failed(
            NAME,
            Reason.CHECKS_MISSING,
            f"{', '.join(missing)} never ran on this commit.",
            "Run CI on the tag's commit, then press Retry.",
        )
    if any(check.conclusion is None for check in named):
        names = ", ".join(check.name for check in named if check.conclusion is None)
        return waiting(
            NAME,
            Reason.CHECKS_PENDING,
            f"{names} still runs on this commit.",
            next_step="It is looked at again each minute.",
        )
    return passed(NAME, f"{', '.join(rules.checks)} green")


def _red(red: list[CheckRun]) -> GateResult:
    names = ", ".join(f"{check.name} ({check.conclusion})" for check in red)
    return failed(
        NAME,
        Reason.CHECKS_FAILED,
        f"{names} on this commit.",
        "Mend it and tag a new version, or run the check again and press Retry.",
    )
