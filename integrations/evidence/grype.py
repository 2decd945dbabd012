"""Grype's own JSON (`grype … -o json`). Counts every match; ignored matches count as suppressed."""

from pydantic import Field

from bot.domain.evidence import Finding, Format, Report, fingerprint
from bot.domain.severities import of_word
from bot.domain.value import Value
from integrations.evidence.parts import Rows, Text, gathered, moment, shaped, short
from integrations.evidence.reading import Content

FORMAT = Format.GRYPE
EMPTY = Report(format=FORMAT, tool="Grype")


class _Vulnerability(Value):
    id: str
    severity: Text = ""
    description: Text = ""


class _Place(Value):
    path: Text = ""


class _Artifact(Value):
    name: Text = ""
    version: Text = ""
    type: Text = ""
    locations: Rows[_Place] = ()


class _Match(Value):
    vulnerability: _Vulnerability
    artifact: _Artifact


class _Program(Value):
    name: str
    version: Text = ""
    timestamp: Text = ""


class _File(Value):
    matches: Rows[_Match]
    ignored: Rows[object] = Field((), alias="ignoredMatches")
    descriptor: _Program


def recognise(content: Content) -> bool:
    """Tell by the descriptor, which names Grype."""
    if not content.has("matches", "descriptor"):
        return False
    descriptor = content.data["descriptor"]
    return isinstance(descriptor, dict) and descriptor.get("name") == "grype"


def read(content: Content) -> Report:
    """Read it."""
    file = shaped(_File, content.data, "Grype")
    return Report(
        format=FORMAT,
        tool="Grype",
        tool_version=short(file.descriptor.version),
        written_at=moment(file.descriptor.timestamp),
        findings=gathered(_finding(match) for match in file.matches),
        suppressed=len(file.ignored),
    )


def _finding(match: _Match) -> Finding:
    found, artifact = match.vulnerability, match.artifact
    path = artifact.locations[0].path if artifact.locations else ""
    return Finding(
        rule=short(found.id),
        severity=of_word(found.severity),
        said=short(found.severity, 40),
        title=short(found.description),
        path=short(path),
        package=short(artifact.name),
        version=short(artifact.version),
        fingerprint=fingerprint(FORMAT, found.id, path, artifact.type, artifact.name),
    )
