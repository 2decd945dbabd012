"""The parts of SARIF 2.1.0 that are read, as typed values. Used by `sarif` and `sarif_severity`."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from bot.domain.value import Value
from integrations.evidence.parts import Rows, Text


class Message(Value):
    """Text for people; where it stands in the rule instead, it is empty here."""

    text: Text = ""


class Defaults(Value):
    """How a rule is set up."""

    level: Text = ""


class Bag(Value):
    """What tools put beside the standard: severities above all."""

    security: str | float | None = Field(None, alias="security-severity")
    bandit: Text = Field("", alias="issue_severity")


class Rule(Value):
    """One rule of a tool."""

    id: Text = ""
    name: Text = ""
    short: Message | None = Field(None, alias="shortDescription")
    defaults: Defaults | None = Field(None, alias="defaultConfiguration")
    properties: Bag | None = None

    @property
    def title(self) -> str:
        """What the rule is about, in words where it has some."""
        return (self.short and self.short.text) or self.name


class Component(Value):
    """A tool, or an extension of it, with its rules."""

    name: Text = ""
    version: Text = ""
    semantic: Text = Field("", alias="semanticVersion")
    rules: Rows[Rule] = ()

    @property
    def said_version(self) -> str:
        """The version, in whichever of the two places it stands."""
        return self.semantic or self.version


class Tool(Value):
    """The tool of a run."""

    driver: Component
    extensions: Rows[Component] = ()


class Where(Value):
    """A reference to an extension."""

    index: int = -1


class RuleReference(Value):
    """A reference to a rule, the longer way."""

    id: Text = ""
    index: int = -1
    component: Where | None = Field(None, alias="toolComponent")


class Artifact(Value):
    """A file."""

    uri: Text = ""


class Region(Value):
    """A place in a file."""

    start: int | None = Field(None, alias="startLine")


class Physical(Value):
    """A file and a place in it."""

    artifact: Artifact | None = Field(None, alias="artifactLocation")
    region: Region | None = None


class Location(Value):
    """Where a result is."""

    physical: Physical | None = Field(None, alias="physicalLocation")


class Suppression(Value):
    """That somebody dismissed a result. Without a status it is accepted (SARIF 3.35.3)."""

    status: str = "accepted"


class Result(Value):
    """One result."""

    rule_id: Text = Field("", alias="ruleId")
    rule_index: int = Field(-1, alias="ruleIndex")
    rule: RuleReference | None = None
    kind: str = "fail"
    level: Text = ""
    message: Message = Message()
    locations: Rows[Location] = ()
    suppressions: Rows[Suppression] = ()
    baseline: Text = Field("", alias="baselineState")
    fingerprints: dict[str, Any] | None = None
    partial: dict[str, Any] | None = Field(None, alias="partialFingerprints")
    properties: Bag | None = None

    @property
    def given(self) -> RuleReference:
        """The rule that it names, whichever way."""
        longer = self.rule or RuleReference()
        return RuleReference(
            id=self.rule_id or longer.id,
            index=self.rule_index if self.rule_index >= 0 else longer.index,
            toolComponent=longer.component,
        )

    def fingerprints_given(self, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Give the fingerprints of these names that it has."""
        there = (self.fingerprints or {}) | (self.partial or {})
        return ((name, str(there[name])) for name in names if name in there)


class Invocation(Value):
    """One run of the tool's program."""

    succeeded: bool | None = Field(None, alias="executionSuccessful")
    ended: Text = Field("", alias="endTimeUtc")


class Elsewhere(Value):
    """Results that are in other files, which nobody sent."""

    results: Rows[Any] = ()


class Run(Value):
    """One run. Without results the tool did not look (SARIF 3.14.23)."""

    tool: Tool
    results: tuple[Result, ...] | None = None
    invocations: Rows[Invocation] = ()
    elsewhere: Elsewhere | None = Field(None, alias="externalPropertyFileReferences")


class File(Value):
    """A log file."""

    version: Text = "2.1.0"
    runs: tuple[Run, ...]
