"""Trivy's own JSON, schema 2 (`trivy … --format json`): packages, configuration, secrets, licences.

Counts every entry of every target. Misconfigurations count where their status is FAIL. Of a secret
the rule and the place are kept, never the match.
"""

from collections.abc import Iterator

from pydantic import Field

from bot.domain.evidence import Finding, Format, Report, fingerprint
from bot.domain.severities import of_word
from bot.domain.value import Value
from integrations.evidence.parts import Rows, Text, gathered, line_number, moment, shaped, short
from integrations.evidence.reading import Content, unreadable

FORMAT = Format.TRIVY
EMPTY = Report(format=FORMAT, tool="Trivy")

SCHEMA = 2


class _Vulnerability(Value):
    id: str = Field(alias="VulnerabilityID")
    package: Text = Field("", alias="PkgName")
    path: Text = Field("", alias="PkgPath")
    version: Text = Field("", alias="InstalledVersion")
    title: Text = Field("", alias="Title")
    severity: Text = Field("", alias="Severity")


class _Lines(Value):
    start: int | None = Field(None, alias="StartLine")


class _Misconfiguration(Value):
    id: str = Field(alias="ID")
    title: Text = Field("", alias="Title")
    severity: Text = Field("", alias="Severity")
    status: Text = Field("FAIL", alias="Status")
    cause: _Lines | None = Field(None, alias="CauseMetadata")


class _Secret(Value):
    rule: str = Field(alias="RuleID")
    title: Text = Field("", alias="Title")
    severity: Text = Field("", alias="Severity")
    line: int | None = Field(None, alias="StartLine")


class _Licence(Value):
    name: str = Field(alias="Name")
    package: Text = Field("", alias="PkgName")
    path: Text = Field("", alias="FilePath")
    severity: Text = Field("", alias="Severity")


class _Result(Value):
    target: Text = Field("", alias="Target")
    vulnerabilities: Rows[_Vulnerability] = Field((), alias="Vulnerabilities")
    misconfigurations: Rows[_Misconfiguration] = Field((), alias="Misconfigurations")
    secrets: Rows[_Secret] = Field((), alias="Secrets")
    licences: Rows[_Licence] = Field((), alias="Licenses")
    modified: Rows[object] = Field((), alias="ExperimentalModifiedFindings")


class _Program(Value):
    version: Text = Field("", alias="Version")


class _File(Value):
    schema_version: int = Field(alias="SchemaVersion")
    program: _Program | None = Field(None, alias="Trivy")
    created: Text = Field("", alias="CreatedAt")
    results: Rows[_Result] = Field((), alias="Results")


def recognise(content: Content) -> bool:
    """Tell by the schema's version beside the name of what was looked at."""
    return content.has("SchemaVersion", "ArtifactName")


def read(content: Content) -> Report:
    """Read it. A run that found nothing leaves out `Results`, or the lists in it."""
    file = shaped(_File, content.data, "Trivy")
    if file.schema_version != SCHEMA:
        unreadable(f"Trivy's schema {file.schema_version} is not known; {SCHEMA} is.")
    return Report(
        format=FORMAT,
        tool="Trivy",
        tool_version=short(file.program.version) if file.program else "",
        written_at=moment(file.created),
        findings=gathered(finding for result in file.results for finding in _of(result)),
        suppressed=sum(len(result.modified) for result in file.results),
    )


def _of(result: _Result) -> Iterator[Finding]:
    for one in result.vulnerabilities:
        yield _found(
            *(one.id, one.severity, one.title, one.path or result.target),
            package=one.package,
            version=one.version,
        )
    for fault in result.misconfigurations:
        if fault.status.upper() == "FAIL":
            line = fault.cause.start if fault.cause else None
            yield _found(fault.id, fault.severity, fault.title, result.target, line=line)
    for secret in result.secrets:
        yield _found(secret.rule, secret.severity, secret.title, result.target, line=secret.line)
    for licence in result.licences:
        where = licence.path or result.target
        yield _found(licence.name, licence.severity, "Licence", where, package=licence.package)


def _found(  # noqa: PLR0913 - the parts of a finding
    rule: str,
    severity: str,
    title: str,
    path: str,
    *,
    package: str = "",
    version: str = "",
    line: int | None = None,
) -> Finding:
    return Finding(
        rule=short(rule),
        severity=of_word(severity),
        said=short(severity, 40),
        title=short(title),
        path=short(path),
        line=line_number(line),
        package=short(package),
        version=short(version),
        fingerprint=fingerprint(FORMAT, rule, path, package),
    )
