"""Evidence as it was taken in: one report, what it is about, and who handed it over.

Made by `store.evidence`, judged by the gate `evidence`. Counts are kept with the report, so that a
plan's facts need not read single findings.
"""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.evidence import CaseCounts, ControlStatus, Format, Framework, Kind
from bot.domain.severities import Severity
from bot.domain.value import Value


class Sender(Value):
    """Who proved to be allowed to submit it: a workflow run by its token, or a service's token."""

    by: str
    """`oidc` or `token`."""
    repository: str | None = None
    workflow: str | None = None
    """`job_workflow_ref` of the token's claims."""
    run: str | None = None
    """Address of the run and its attempt, where the claims tell it."""


class Submitted(Value):
    """One report about one version of one service. The same file twice is one of these."""

    id: int
    service: str
    version: str
    commit: str
    kind: Kind
    format: Format
    tool: str
    tool_version: str = ""
    part: str = ""
    """Which part of the whole it is, where its sender has named one (`part=`)."""
    digest: str
    """SHA-256 of the report's bytes."""
    image_digest: str | None = None
    received_at: datetime
    """When it came; where another run brought the same bytes again, when that did."""
    written_at: datetime | None = None
    sender: Sender
    complete: bool = True
    clean: bool
    counts: Mapping[Severity, int] = {}
    by_rule: Mapping[str, Mapping[Severity, int]] = {}
    """Findings of the rules that the policy's waivers name, by rule; of no others."""
    new: Mapping[Severity, int] | None = None
    """Findings that the live version's report of this kind and tool does not have, by severity;
    None where there is no such report to compare with."""
    gone: int | None = None
    tests: CaseCounts | None = None
    thresholds_failed: int = 0
    measures: Mapping[str, float] = {}
    frameworks: Mapping[Framework, ControlStatus] = {}
