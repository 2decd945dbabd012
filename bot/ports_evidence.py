"""What is offered inward to whoever receives evidence: `EvidenceIntake`. `app` hands it out.

A receiver first asks for the place, before it reads a single byte of the report: who may not
submit costs nothing. What is refused raises UserError, with a reason code and one sentence;
TemporaryError says that nothing was stored and that the sender may try again.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from bot.domain.abstracts import Abstract, FindingRow
from bot.domain.alerts import Alerts
from bot.domain.claims import Claims
from bot.domain.evidence import Kind
from bot.domain.packages import PackageChange
from bot.domain.submitted import Sender, Submitted
from bot.domain.value import Value


@dataclass(frozen=True)
class ServiceToken:
    """A secret that somebody showed; it is in no log, however this is printed."""

    text: str = field(repr=False)


Proof = Claims | ServiceToken
"""How a sender proves who it is."""


class Place(Value):
    """What a report will be about, once everything but the report was checked."""

    service: str
    version: str
    """As it is tagged."""
    commit: str
    tag: str
    sender: Sender


@dataclass(frozen=True)
class ReadReport:
    """A report that was read: `raw` its bytes, compressed by zlib; `size` how many they were."""

    abstract: Abstract
    rows: list[FindingRow]
    raw: bytes = field(repr=False)
    size: int = 0


class About(Value):
    """What the sender says of the report besides."""

    kind: Kind
    part: str = ""
    image_digest: str | None = None
    url: str | None = None
    """Address of the run, from a sender whose token doesn't tell it."""


class Taken(Value):
    """What became of it. `repeated`: the same report was there already."""

    submitted: Submitted
    repeated: Literal["no", "same_run", "another_run"] = "no"


class EvidenceIntake(Protocol):
    """Takes evidence in."""

    async def place(self, service: str, version: str, proof: Proof) -> Place:
        """Find what the report is about, and check that this sender may speak of it."""

    async def take(self, place: Place, about: About, report: ReadReport) -> Taken:
        """Store it, in one transaction with its entry in the record and all that it wakes."""

    async def refused(self, place: Place, reason: str) -> None:
        """Put a refused report of a sender that may speak of this on the record."""


class Watching(Protocol):
    """What the code's home watches by itself: a part of `ports.SourceHost`."""

    async def packages(
        self, repository: str, base: str, head: str
    ) -> tuple[PackageChange, ...] | None:
        """Compare the packages that two commits depend on; None where that can't be read."""

    async def secret_alerts(self, repository: str, path: str | None) -> Alerts:
        """Read the open alerts of secret scanning; those of other paths are only counted."""

    async def dependency_alerts(self, repository: str, path: str | None) -> Alerts:
        """Read Dependabot's open alerts, by the path of the manifest."""

    async def attested(self, repository: str, digest: str) -> bool:
        """Whether an attestation of that image digest is listed. Its signature is not checked."""
