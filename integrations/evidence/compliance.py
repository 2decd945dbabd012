"""Controls of SOX, PCI-DSS and GDPR, as docs/evidence/compliance.schema.json describes them.

People and their tools write it for this bot, so it is read strictly: an unknown key is a mistake.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, HttpUrl

from bot.domain.evidence import Control, ControlStatus, Format, Framework, Report
from bot.domain.value import Value
from integrations.evidence.parts import shaped, short
from integrations.evidence.reading import Content, unreadable

FORMAT = Format.COMPLIANCE
EMPTY = Report(format=FORMAT, tool="compliance", complete=False)
"""No control was assessed."""


def _written(at: Any) -> Any:
    """Take no number for a time: nobody can read it."""
    if not isinstance(at, str) or "T" not in at.upper():
        raise ValueError("a time is written as 2026-03-01T09:00:00Z")
    return at


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]


class _Entry(Value):
    model_config = ConfigDict(extra="forbid")


class _Tool(_Entry):
    name: str = Field(min_length=1, max_length=100)
    version: str = Field("", max_length=100)


class _Control(_Entry):
    framework: Framework
    id: str = Field(min_length=1, max_length=100)
    status: ControlStatus
    title: str = Field("", max_length=200)
    evidence: HttpUrl | None = None
    assessed_at: Moment | None = None
    assessed_by: str | None = Field(None, min_length=1, max_length=100)


class _File(_Entry):
    schema_name: Literal["release-bot/compliance/v1"] = Field(alias="schema")
    tool: _Tool | None = None
    assessed_at: Moment
    assessed_by: str = Field(min_length=1, max_length=100)
    controls: tuple[_Control, ...] = Field(min_length=1, max_length=5_000)


def recognise(content: Content) -> bool:
    """Tell by the name of the schema."""
    if not content.has("schema"):
        return False
    return str(content.data["schema"]).startswith("release-bot/compliance/")


def read(content: Content) -> Report:
    """Read it. A control that is assessed twice is refused: one can't tell which of them holds."""
    file = shaped(_File, content.data, "the compliance schema")
    seen: set[tuple[str, str]] = set()
    for one in file.controls:
        if (one.framework, one.id) in seen:
            unreadable(f"The control {short(one.id, 60)} of {one.framework} is assessed twice.")
        seen.add((one.framework, one.id))
    return Report(
        format=FORMAT,
        tool=short(file.tool.name) if file.tool else "compliance",
        tool_version=short(file.tool.version) if file.tool else "",
        written_at=file.assessed_at,
        controls=tuple(_control(one, file) for one in file.controls),
    )


def _control(one: _Control, file: _File) -> Control:
    return Control(
        framework=one.framework,
        id=short(one.id),
        status=one.status,
        title=short(one.title),
        evidence=str(one.evidence) if one.evidence else "",
        assessed_at=one.assessed_at or file.assessed_at,
        assessed_by=short(one.assessed_by or file.assessed_by),
    )
