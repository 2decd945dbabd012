"""pip-audit's JSON (`pip-audit -f json`): an object today, a bare list before version 2.

It names no severity, so each vulnerability's is unknown. What it could not audit is measured.
"""

from typing import Any

from bot.domain.evidence import Finding, Format, Measure, Report, fingerprint
from bot.domain.severities import Severity
from bot.domain.value import Value
from integrations.evidence.parts import Rows, Text, gathered, shaped, short
from integrations.evidence.reading import Content

FORMAT = Format.PIP_AUDIT
EMPTY = Report(format=FORMAT, tool="pip-audit")


class _Vulnerability(Value):
    id: str
    description: Text = ""


class _Dependency(Value):
    name: str
    version: Text = ""
    vulns: Rows[_Vulnerability] = ()
    skip_reason: Text = ""


class _File(Value):
    dependencies: Rows[_Dependency]


def recognise(content: Content) -> bool:
    """Tell by what every dependency has; `fixes` stands beside them where there is none."""
    if content.listed("name"):
        return _are_dependencies(content.data)
    if not content.has("dependencies") or not isinstance(content.data["dependencies"], list):
        return False
    rows = content.data["dependencies"]
    return _are_dependencies(rows) and (bool(rows) or "fixes" in content.data)


def _are_dependencies(rows: list[Any]) -> bool:
    return all(
        isinstance(row, dict) and "name" in row and ("vulns" in row or "skip_reason" in row)
        for row in rows
    )


def read(content: Content) -> Report:
    """Read it."""
    data = content.data
    file = shaped(_File, {"dependencies": data} if isinstance(data, list) else data, "pip-audit")
    counted = {
        "dependencies": len(file.dependencies),
        "dependencies_vulnerable": sum(bool(one.vulns) for one in file.dependencies),
        "dependencies_not_audited": sum(bool(one.skip_reason) for one in file.dependencies),
    }
    return Report(
        format=FORMAT,
        tool="pip-audit",
        findings=gathered(_finding(of, one) for of in file.dependencies for one in of.vulns),
        measures=tuple(Measure(name=name, value=value) for name, value in counted.items()),
    )


def _finding(of: _Dependency, found: _Vulnerability) -> Finding:
    return Finding(
        rule=short(found.id),
        severity=Severity.UNKNOWN,
        said="",
        title=short(found.description),
        package=short(of.name),
        version=short(of.version),
        fingerprint=fingerprint(FORMAT, found.id, of.name),
    )
