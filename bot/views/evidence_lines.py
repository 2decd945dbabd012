"""What a report says, for the command line: a short summary, and plain data for `--json`. Pure."""

from collections.abc import Mapping
from typing import Any

from bot.domain.evidence import (
    KINDS,
    CaseCounts,
    Checks,
    Finding,
    Format,
    Kind,
    Report,
    by_their_words,
    frameworks,
)
from bot.domain.severities import Severity
from bot.views import words

WORST = 10
"""How many findings a summary names."""


def as_data(report: Report) -> dict[str, Any]:
    """Give what the bot sees in a report as plain data. docs/evidence.md names the keys."""
    return {
        "format": report.format.value,
        "tool": report.tool,
        "version": report.tool_version or None,
        "sha256": report.digest,
        "written_at": report.written_at.isoformat() if report.written_at else None,
        "clean": report.clean,
        "complete": report.complete,
        "counts": {severity.value: number for severity, number in report.counts.items()},
        "suppressed": report.suppressed,
        "said": by_their_words(report),
        "tests": report.tests.model_dump() if report.tests else None,
        "measures": [one.model_dump() for one in report.measures],
        "thresholds": [one.model_dump() for one in report.thresholds],
        "checks": report.checks.model_dump() if report.checks else None,
        "controls": [one.model_dump(mode="json") for one in report.controls],
        "frameworks": frameworks(report),
        "findings": [one.model_dump() for one in report.findings],
    }


def summary(report: Report) -> str:
    """Write what matters first: what it is, whether it is clean, counts, the worst findings."""
    version = f" {report.tool_version}" if report.tool_version else ""
    lines = [f"{report.tool}{version} ({report.format}), sha256 {report.digest[:12]}"]
    if not report.complete:
        lines.append("! The tool did not get through, or looked at nothing: this proves nothing.")
    elif report.tests and not report.tests.run:
        lines.append("! No test was run: this proves nothing.")
    elif report.clean:
        lines.append("✓ Clean.")
    if report.findings or report.suppressed:
        lines.append(_counts(report))
    if report.tests:
        lines.append(_tests(report.tests))
    lines += _limits(report)
    if report.checks:
        lines.append(_checks(report.checks))
    lines += _controls(report)
    return "\n".join([*lines, *_worst(report.findings)])


def _counts(report: Report) -> str:
    found = [f"{number} {severity}" for severity, number in report.counts.items() if number]
    suppressed = [f"{report.suppressed} suppressed"] if report.suppressed else []
    return f"Findings: {', '.join([*found, *suppressed])}."


def _tests(tests: CaseCounts) -> str:
    parts = [f"{tests.passed} passed", f"{tests.failed} failed", f"{tests.skipped} skipped"]
    if tests.flaky:
        parts.append(f"{tests.flaky} flaky")
    line = f"{words.count(tests.run, 'test')}: {', '.join(parts)}."
    if tests.unlisted:
        line += f" The totals name {words.count(tests.unlisted, 'failure')} that no case shows."
    return line


def _limits(report: Report) -> list[str]:
    return [
        f"{'✓' if one.passed else '✗'} {one.metric}: {one.expression}" for one in report.thresholds
    ]


def _checks(checks: Checks) -> str:
    return (
        f"{words.count(checks.names, 'check')}: {checks.passes:,} passes, {checks.fails:,} fails "
        "(they judge nothing)."
    )


def _controls(report: Report) -> list[str]:
    lines = [f"{name}: {status}" for name, status in frameworks(report).items()]
    bad = (one for one in report.controls if one.status == "NON_COMPLIANT")
    return lines + [f"✗ {one.framework} {one.id} {one.title}".rstrip() for one in bad]


def _worst(findings: tuple[Finding, ...]) -> list[str]:
    order = list(Severity)
    worst = sorted(findings, key=lambda one: order.index(one.severity))[:WORST]
    more = len(findings) - len(worst)
    return [_line(one) for one in worst] + ([f"  … and {more:,} more (--json)"] if more else [])


def _line(one: Finding) -> str:
    place = f"{one.package} {one.version}".strip() or one.path
    line = f":{one.line}" if one.line and not one.package else ""
    parts = (one.rule, f"{place}{line}", one.title)
    return f"  {one.severity:8} {' · '.join(part for part in parts if part)}"


def wrong_kind(format_: Format, tool: str, kind: Kind, fitting: frozenset[Kind]) -> str:
    """Say that a report can't prove what it is to prove. `fitting`: what it can."""
    can = ", ".join(sorted(fitting)) or "nothing here"
    others = ", ".join(sorted(name for name, kinds in KINDS.items() if kind in kinds))
    what = tool if format_ is Format.SARIF else format_.value
    return f"A {what} report can't be {kind} evidence; it can be {can}. For {kind}: {others}."


def taken(answer: Mapping[str, Any]) -> str:
    """Say what the bot answered to a report that it took."""
    again = "The bot had it already" if answer.get("repeated") else "The bot has it"
    counts = answer.get("counts") or {}
    found = ", ".join(f"{number} {severity}" for severity, number in counts.items())
    what = f"{answer.get('kind')} of {answer.get('service')} {answer.get('version')}"
    return f"{again}: {what} by {answer.get('tool')}, {found or 'no finding'}."


def not_kept(number: int) -> str:
    """Say that a report is not there as it came."""
    return (
        f"Report {number} is not kept as it came: there is none, or it is older than "
        "EVIDENCE_RAW_DAYS. The record has its SHA-256."
    )
