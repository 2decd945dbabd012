"""TruffleHog 3's JSON lines (`trufflehog … --json`): a line a secret, an empty file without any.

Keeps the detector and the place. `Raw`, `RawV2`, `Redacted` and `ExtraData` are not read at all.
Lines of TruffleHog's own log, which get into the file where both streams are joined, are passed
over.
"""

from typing import Any

from pydantic import Field

from bot.domain.evidence import Finding, Format, Report, fingerprint
from bot.domain.severities import of_secret
from bot.domain.value import Value
from integrations.evidence.parts import Text, gathered, line_number, shaped, short
from integrations.evidence.reading import Content

FORMAT = Format.TRUFFLEHOG
EMPTY = Report(format=FORMAT, tool="TruffleHog")


class _Place(Value):
    file: Text = ""
    line: int | None = None
    commit: Text = ""
    image: Text = ""
    link: Text = ""


class _Source(Value):
    places: dict[str, _Place] | None = Field(None, alias="Data")
    """By the kind of source: Git, Github, Filesystem, Docker, …"""


class _Secret(Value):
    detector: str = Field(alias="DetectorName")
    about: Text = Field("", alias="DetectorDescription")
    verified: bool = Field(alias="Verified")
    not_verified_why: Text = Field("", alias="VerificationError")
    source: _Source | None = Field(None, alias="SourceMetadata")


class _File(Value):
    secrets: tuple[_Secret, ...]


def recognise(content: Content) -> bool:
    """Tell by what every line has."""
    rows = _rows(content)
    return bool(rows) and all(_is_secret(row) or _is_log(row) for row in rows)


def read(content: Content) -> Report:
    """Read it. A log that tells of an error makes the report incomplete."""
    rows = _rows(content)
    file = shaped(_File, {"secrets": [row for row in rows if not _is_log(row)]}, "TruffleHog")
    return Report(
        format=FORMAT,
        tool="TruffleHog",
        findings=gathered(map(_finding, file.secrets)),
        complete=not any(_is_log(row) and row["level"] in _BAD_LEVELS for row in rows),
    )


_BAD_LEVELS = ("error", "fatal", "panic")


def _rows(content: Content) -> list[Any]:
    data = content.data
    return data if isinstance(data, list) else [data] if isinstance(data, dict) else []


def _is_secret(row: Any) -> bool:
    return isinstance(row, dict) and {"DetectorName", "Verified", "SourceMetadata"} <= row.keys()


def _is_log(row: Any) -> bool:
    return isinstance(row, dict) and row.get("logger") == "trufflehog" and "level" in row


def _finding(secret: _Secret) -> Finding:
    places = (secret.source and secret.source.places) or {}
    place = next(iter(places.values()), _Place())
    untold = bool(secret.not_verified_why) and not secret.verified
    where = place.file or place.link or place.image
    said = "verified" if secret.verified else "could not verify" if untold else "unverified"
    marks = (place.commit, where, secret.detector, str(place.line))
    return Finding(
        rule=short(secret.detector),
        severity=of_secret(verified=secret.verified, could_not_tell=untold),
        said=said,
        title=short(secret.about) or short(f"Secret of {secret.detector}"),
        path=short(where),
        line=line_number(place.line),
        fingerprint=fingerprint(FORMAT, *marks),
    )
