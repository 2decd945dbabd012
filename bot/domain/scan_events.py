"""The contract `SecurityScanCompletedEvent`: what all scanners together say of a service's version.

Called by whoever gathers the evidence, once it is complete. Pure: what no scanner told is null,
never 0: no findings and no scan are different things.
"""

from datetime import datetime
from typing import Literal
from uuid import uuid5

from pydantic import Field

from bot.domain.catalog import Catalog
from bot.domain.events import (
    NAMESPACE,
    EventPart,
    Part,
    PlatformEvent,
    enveloped,
    service_name,
    timestamp,
)
from bot.domain.value import Value

ScanType = Literal["COMPREHENSIVE", "SAST", "CONTAINER", "COMPLIANCE"]
"""What was looked at; comprehensive is all of it."""

Severity = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "NONE"]
Standing = Literal["COMPLIANT", "NON_COMPLIANT"]


class SastFound(Part):
    """What the static analysis found, by severity. None: it did not say."""

    critical_issues: int | None = None
    high_issues: int | None = None
    medium_issues: int | None = None
    low_issues: int | None = None


class ContainerFound(Part):
    """What the scan of the image found. `NONE`: it was scanned, and there is nothing."""

    vulnerabilities: int | None = None
    highest_severity: Severity | None = None


class Compliance(Part):
    """How the version stands by each set of rules. None: not judged."""

    sox: Standing | None = None
    # The platform writes this one with a line below, and the others have one word.
    pci_dss: Standing | None = Field(default=None, alias="pci_dss")
    gdpr: Standing | None = None


class Scan(Value):
    """The evidence on one version of a service, as one scan."""

    id: str
    """Tells this scan from any other of the firm; the event's id is made from it."""
    service: str
    """By the catalogue's name."""
    version: str
    """As the service's tags spell it."""
    type: ScanType
    score: float | None
    """From 0 to 1."""
    sast: SastFound = SastFound()
    container: ContainerFound = ContainerFound()
    compliance: Compliance = Compliance()
    at: datetime
    """When the last of the evidence was there."""


class _Scan(Part):
    scan_id: str
    service_name: str
    version: str
    scan_type: ScanType
    overall_score: float | None


class _Results(Part):
    sast_results: SastFound
    container_results: ContainerFound
    compliance_results: Compliance


class _ScanEvent(EventPart):
    scan: _Scan
    results: _Results


def scan_event(scan: Scan, catalog: Catalog) -> PlatformEvent:
    """Make the event of a scan. The same scan makes the same event, id and all."""
    event_id = uuid5(NAMESPACE, f"{catalog.organization}/scan/{scan.id}")
    data = _ScanEvent(
        event_id=str(event_id),
        timestamp=timestamp(scan.at),
        scan=_Scan(
            scan_id=scan.id,
            service_name=service_name(catalog, scan.service),
            version=scan.version,
            scan_type=scan.type,
            overall_score=scan.score,
        ),
        results=_Results(
            sast_results=scan.sast,
            container_results=scan.container,
            compliance_results=scan.compliance,
        ),
    )
    return enveloped(data, "SecurityScanCompletedEvent", scan.at, catalog, scan.service)
