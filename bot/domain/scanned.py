"""What `/scan` shows of one version: evidence, scores, alerts, what is missing. Pure."""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.alerts import Alerts
from bot.domain.evidence import Finding, Kind
from bot.domain.facts import CheckRun, Known, Scan, Unknown
from bot.domain.scores import Scores
from bot.domain.sources import Pulled
from bot.domain.submitted import Submitted
from bot.domain.value import Value

SHOWN = 3
"""Findings of a report that are named as new, and as gone."""


class Compared(Value):
    """What changed since the live version: the worst few that are new, and that are gone."""

    new: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()


class Scanned(Value):
    """All that is known of a version's safety at one moment."""

    service: str
    version: str
    commit: str
    at: datetime
    environment: str | None = None
    """Where the live version is looked for; None: the service runs nowhere."""
    live: str | None = None
    """The version that is live there; None: none, or it is not known."""
    evidence: tuple[Submitted, ...] = ()
    changes: Mapping[int, Compared] = {}
    """By the report's id, for those that were compared."""
    missing: tuple[Kind, ...] = ()
    """Kinds of a whole scan that nobody has submitted."""
    scores: Scores = Scores()
    alerts: Mapping[Pulled, Known[Alerts] | Unknown] = {}
    attested: Known[Mapping[str, bool]] | Unknown | None = None
    code_scanning: Known[Scan] | Unknown
    checks: Known[tuple[CheckRun, ...]] | Unknown
