"""What `release-bot doctor` found, as an operator reads it on the command line. Pure."""

from collections.abc import Sequence
from typing import Any

from bot.ports import Finding


def report(findings: Sequence[Finding]) -> str:
    """Write a line a finding, with what to do below it; what is wrong stands last, and is counted.

    So that on a terminal what needs a person is what one sees.
    """
    bad = [finding for finding in findings if not finding.good]
    lines = [f"✓ {f.subject}: {f.sentence}" for f in findings if f.good]
    for finding in bad:
        lines.append(f"✗ {finding.subject}: {finding.sentence}")
        if finding.remedy:
            lines.append(f"    {finding.remedy}")
    return "\n".join([*lines, _count(len(bad), len(findings))])


def _count(bad: int, whole: int) -> str:
    if not bad:
        return f"All is well: {whole} of {whole}."
    return f"{bad} of {whole} {'needs' if bad == 1 else 'need'} a person."


def as_data(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Give the same as plain data, for `--json`."""
    return [finding.model_dump() for finding in findings]
