"""Takes evidence in: who may speak of which commit, and what a report sets in motion.

`EvidenceDesk` is the `EvidenceIntake` that `app` hands to the receiver. A report, its entry in the
record, the event of a complete scan and the releases that it wakes are one transaction.
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

import structlog

from bot.domain.audit import AuditTag
from bot.domain.catalog import Service
from bot.domain.claims import Claims, is_elsewhere, unfit
from bot.domain.facts import Tag
from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.scan_events import scan_event
from bot.domain.scanning import SECURITY_SET, is_complete, scan_of
from bot.domain.sources import SHORTEST_TOKEN
from bot.domain.submitted import Sender, Submitted
from bot.engine import tagged
from bot.engine.waiting import ask_gates_again
from bot.engine.world import World
from bot.errors import UserError
from bot.ports_evidence import About, Place, Proof, ReadReport, ServiceToken, Taken
from bot.store import audit, events, evidence, releases
from bot.store.session import Session
from bot.views import evidence_lines, evidence_refusals

log = structlog.get_logger()

_WAITS = frozenset({State.BLOCKED, State.AWAITING_APPROVAL})


class EvidenceDesk:
    """Where reports are handed in. `secret` reads an environment variable that holds a token."""

    def __init__(self, world: World, secret: Callable[[str], str | None]) -> None:
        self._world = world
        self._secret = secret

    async def place(self, service: str, version: str, proof: Proof) -> Place:
        """Find what the report is about, and check that this sender may speak of it."""
        entry = self._world.catalog().services.get(service)
        sender = self._sender(service, entry, proof)
        if entry is None:
            raise evidence_refusals.no_service(service)
        spelling, tag = await self._tagged(entry, service, version)
        if isinstance(proof, Claims):
            why = is_elsewhere(proof, tag.commit, tag.name)
            if why is not None:
                raise evidence_refusals.elsewhere(service, spelling, why)
        return Place(
            service=service, version=spelling, commit=tag.commit, tag=tag.name, sender=sender
        )

    def _sender(self, service: str, entry: Service | None, proof: Proof) -> Sender:
        if isinstance(proof, ServiceToken):
            # Of a service that is not there nobody has a token: that is all that is told.
            if entry is None or not self._is_token(entry, proof):
                raise evidence_refusals.token_unknown()
            return Sender(by="token")
        if entry is not None:
            why = unfit(proof, entry.repository, entry.evidence)
            if why is not None:
                raise evidence_refusals.sender(service, why)
        return proof.sender()

    def _is_token(self, entry: Service, proof: ServiceToken) -> bool:
        """Compare with each token that there is, each in the same time."""
        given = hashlib.sha256(proof.text.encode("utf-8", "surrogateescape")).digest()
        found = False
        for name in entry.evidence.tokens:
            secret = self._secret(name) or ""
            same = hmac.compare_digest(given, hashlib.sha256(secret.encode()).digest())
            found |= same and len(secret) >= SHORTEST_TOKEN
        return found

    async def _tagged(self, entry: Service, service: str, version: str) -> tuple[str, Tag]:
        found = await tagged.look_up(self._world, entry.repository, entry.tag, version)
        if found is not None:
            return found
        raise evidence_refusals.no_version(service, version, entry.tag.format(version=version))

    async def take(self, place: Place, about: About, report: ReadReport) -> Taken:
        """Store it, with all that follows from it; raises UserError where it is of no such kind."""
        abstract = report.abstract
        if about.kind not in abstract.kinds:
            sentence = evidence_lines.wrong_kind(
                abstract.format, abstract.tool, about.kind, abstract.kinds
            )
            raise UserError(sentence, Reason.EVIDENCE_WRONG_KIND)
        now = self._world.clock.now()
        given = _submitted(place, about, report, now)
        async with self._world.store.write() as session:
            stored, repeated = await evidence.put(
                session, given, report.rows, report.raw, report.size
            )
            if repeated != "same_run":
                await self._follow(session, stored, repeated, now)
        if repeated != "same_run":
            self._world.work.tell()
        log.info(
            "evidence_taken",
            id=stored.id, service=stored.service, version=stored.version, kind=stored.kind.value,
            tool=stored.tool, sha256=stored.digest[:12], repeated=repeated,
        )  # fmt: skip
        return Taken(submitted=stored, repeated=repeated)

    async def _follow(
        self,
        session: Session,
        stored: Submitted,
        repeated: evidence.Repeated,
        now: datetime,
    ) -> None:
        # Its chain lets one transaction at a time through: what is read after it, others' reports
        # too, is all there is.
        await audit.append(
            session, AuditTag.EVIDENCE_TAKEN, subject_of(stored.service, stored.version), now,
            evidence=stored.id, kind=stored.kind.value, format=stored.format.value,
            tool=stored.tool, sha256=stored.digest, commit=stored.commit, again=repeated != "no",
            clean=stored.clean, by=stored.sender.by, workflow=stored.sender.workflow,
            run=stored.sender.run, image=stored.image_digest,
        )  # fmt: skip
        await self._tell_platform(session, stored, now)
        for release in await releases.waiting(session):
            if concerns(stored, release):
                await self._ask_again(session, stored, release.id, now)

    async def _ask_again(
        self, session: Session, stored: Submitted, release_id: str, now: datetime
    ) -> None:
        release = await releases.get_locked(session, release_id)
        if release is not None and concerns(stored, release):
            await ask_gates_again(session, release, now)

    async def _tell_platform(self, session: Session, stored: Submitted, now: datetime) -> None:
        """Tell of a scan once all that belongs to it is there; the event's id lets it out once."""
        if stored.kind not in SECURITY_SET:
            return
        found = await evidence.of_commit(session, stored.service, stored.commit)
        if not is_complete(found):
            return
        catalog = self._world.catalog()
        event = scan_event(scan_of(found, catalog.evidence.weights, now), catalog)
        place = (subject_of(stored.service, stored.version), stored.service)
        await events.put(session, event, place, catalog.events.sinks)

    async def refused(self, place: Place, reason: str) -> None:
        """Put a refused report on the record; nothing of the report itself is in it."""
        async with self._world.store.write() as session:
            await audit.append(
                session, AuditTag.EVIDENCE_REFUSED, subject_of(place.service, place.version),
                self._world.clock.now(), reason=reason, commit=place.commit, by=place.sender.by,
                workflow=place.sender.workflow, run=place.sender.run,
            )  # fmt: skip


def subject_of(service: str, version: str) -> str:
    """Name in the record what evidence is about."""
    return f"{service}@{version}"


def concerns(stored: Submitted, release: Release) -> bool:
    """Whether a waiting release is of that service and commit."""
    plan = release.plan
    waits = release.state in _WAITS and release.service == stored.service
    return waits and plan is not None and plan.commit == stored.commit


def _submitted(place: Place, about: About, report: ReadReport, now: datetime) -> Submitted:
    abstract, sender = report.abstract, place.sender
    if sender.run is None and about.url is not None:
        sender = sender.model_copy(update={"run": about.url})
    return Submitted(
        id=0,
        service=place.service,
        version=place.version,
        commit=place.commit,
        kind=about.kind,
        format=abstract.format,
        tool=abstract.tool,
        tool_version=abstract.tool_version,
        part=about.part,
        digest=abstract.digest,
        image_digest=about.image_digest,
        received_at=now,
        written_at=abstract.written_at,
        sender=sender,
        complete=abstract.complete,
        clean=abstract.clean,
        counts=abstract.counts,
        tests=abstract.tests,
        thresholds_failed=abstract.thresholds_failed,
        measures=abstract.measures,
        frameworks=abstract.frameworks,
    )
