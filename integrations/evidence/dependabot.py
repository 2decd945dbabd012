"""Dependabot's alerts, as GitHub's REST API lists them (`GET /repos/…/dependabot/alerts`).

Counts open alerts. Dismissed, auto-dismissed and fixed ones count as suppressed.
"""

from pydantic import Field

from bot.domain.evidence import Finding, Format, Report, fingerprint
from bot.domain.severities import of_word
from bot.domain.value import Value
from integrations.evidence.parts import Rows, Text, gathered, shaped, short
from integrations.evidence.reading import Content

FORMAT = Format.DEPENDABOT
EMPTY = Report(format=FORMAT, tool="Dependabot")

CLOSED = frozenset({"dismissed", "auto_dismissed", "fixed"})
"""Any other state, one that GitHub may yet invent too, counts as open."""


class _Package(Value):
    name: str
    ecosystem: Text = ""


class _Dependency(Value):
    package: _Package
    manifest: Text = Field("", alias="manifest_path")


class _Advisory(Value):
    ghsa_id: Text = ""
    summary: Text = ""
    severity: Text = ""


class _Vulnerability(Value):
    severity: Text = ""


class _Alert(Value):
    state: str
    dependency: _Dependency
    advisory: _Advisory = Field(alias="security_advisory")
    vulnerability: _Vulnerability | None = Field(None, alias="security_vulnerability")


class _File(Value):
    alerts: Rows[_Alert]


def recognise(content: Content) -> bool:
    """Tell by what every alert has."""
    return content.listed("security_advisory", "dependency", "state")


def read(content: Content) -> Report:
    """Read it."""
    file = shaped(_File, {"alerts": content.data}, "Dependabot")
    return Report(
        format=FORMAT,
        tool="Dependabot",
        findings=gathered(_finding(one) for one in file.alerts if one.state not in CLOSED),
        suppressed=sum(one.state in CLOSED for one in file.alerts),
    )


def _finding(alert: _Alert) -> Finding:
    of, package = alert.dependency, alert.dependency.package
    severity = (alert.vulnerability and alert.vulnerability.severity) or alert.advisory.severity
    rule = alert.advisory.ghsa_id
    return Finding(
        rule=short(rule),
        severity=of_word(severity),
        said=short(severity, 40),
        title=short(alert.advisory.summary),
        path=short(of.manifest),
        package=short(package.name),
        fingerprint=fingerprint(FORMAT, rule, of.manifest, package.ecosystem, package.name),
    )
