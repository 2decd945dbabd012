"""What people ask for and say to plans: requests, approvals, rejections, adopted versions."""

from collections.abc import Mapping

from structlog.contextvars import bind_contextvars

from bot.domain.admission import yes_votes
from bot.domain.audit import AuditTag
from bot.domain.catalog import Slot
from bot.domain.lifecycle import WAITING, Event, State, advance
from bot.domain.reasons import Reason
from bot.domain.releases import Approval, Release
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import rules_for, rules_of
from bot.engine import emergencies
from bot.engine.deciding import Change, Deciding, approvers, emergency_roles
from bot.engine.people import who_could
from bot.errors import UserError
from bot.ports import Message
from bot.store import approvals, cards, ledger, releases
from bot.store.audit import Datum, written
from bot.store.session import Session
from bot.views import lines, refusals
from bot.views.emergency_refusals import check_emergency


class Decisions(Deciding):
    """Asking for a release, and saying yes or no to its plan. Refusals are UserErrors."""

    async def request(self, request: ReleaseRequest) -> Change:
        """Ask for a release. Its card appears in the channel; gates are asked next."""
        env = self._environment(request.environment)
        rules = rules_of(self._world.catalog(), request)
        what = f"release {request.service} to {request.environment}"
        if request.emergency:
            check_emergency(request, rules)
            await self._must(emergency_roles(rules), request.service, f"{what} in an emergency")
        else:
            await self._must(env.rights.release, request.service, what)

        async def store(session: Session) -> Message | None:
            if await releases.by_request(session, self._key):
                return None
            now = self._now
            release = Release(
                id=await releases.free_id(session),
                kind="release",
                request=request,
                asker=self._asker,
                created_at=now,
                state=State.GATHERING,
                rules=rules,
                expires_at=now + rules.approvals.expires,
            )
            bind_contextvars(release=release.id)
            await releases.insert(session, release, self._key, now)
            await cards.want(session, release.id, self._asker.channel, now, urgent=True)
            await self._note(
                session,
                AuditTag.RELEASE_REQUESTED,
                release.id,
                service=request.service,
                version=request.version,
                environment=request.environment,
                strategy=request.strategy,
                reason=written(request.reason),
            )
            if request.emergency:
                await emergencies.asked(session, release)
            return None

        return store

    async def approve(self, release_id: str, digest: str | None, comment: str | None) -> Change:
        """Say yes to one plan."""
        release = await self._release(release_id)
        roles = await self._approver(release, f"approve {release.id}")
        own = release.asker.user == self._asker.user
        if own and release.rules.approvals.not_the_requester:
            could = approvers(self._world.catalog(), release.service, release.environment)
            others = await who_could(self._world, could, release.service)
            raise refusals.own_request([u for u in others if u != self._asker.user])

        async def store(session: Session) -> Message | None:
            fresh = await self._waiting_for_approval(session, release_id, digest)
            now = self._now
            vote = Approval(
                release_id=release_id,
                digest=fresh.digest or "",
                user=self._asker.user,
                yes=True,
                at=now,
                roles=roles,
                comment=comment,
            )
            if not await approvals.insert(session, vote):
                raise UserError("You approved this plan already.", Reason.ALREADY_SAID)
            have = len(yes_votes(await approvals.of(session, release_id), fresh.digest or ""))
            need = fresh.rules.approvals.count
            await self._note(
                session,
                AuditTag.RELEASE_APPROVED,
                release_id,
                digest=fresh.digest,
                roles=" ".join(roles),
                have=have,
                need=need,
                comment=written(comment),
            )
            after = fresh
            if have >= need:
                after = fresh.model_copy(update={"state": advance(fresh.state, Event.APPROVED)})
            said = [lines.approved(self._asker.user, fresh.digest or "", have, need)]
            due = now if have >= need else fresh.expires_at
            await self._advance(session, fresh, after, due, said)
            return None

        return store

    async def reject(self, release_id: str, digest: str | None, comment: str | None) -> Change:
        """Say no; the release ends."""
        release = await self._release(release_id)
        await self._approver(release, f"reject {release.id}")

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            self._same_digest(fresh, digest)
            if fresh.state not in WAITING:
                raise refusals.too_late(fresh, "reject")
            await self._note(
                session,
                AuditTag.RELEASE_REJECTED,
                release_id,
                digest=fresh.digest,
                why=written(comment),
            )
            said = [lines.rejected(self._asker.user)]
            await self._end(session, fresh, Event.REJECTED, Reason.REJECTED_BY_PERSON, said)
            return None

        return store

    def saw_plan(self, message: Message, subject: str, **data: Datum) -> Change:
        """Note that the person was shown a plan and its gates; the message is the answer."""
        return self._seen(AuditTag.PLAN_VIEWED, message, subject, data)

    def saw_record(self, message: Message, release_id: str) -> Change:
        """Note that the person was shown one release's part of the record."""
        return self._seen(AuditTag.RECORD_VIEWED, message, release_id, {})

    def _seen(
        self, tag: AuditTag, message: Message, subject: str, data: Mapping[str, Datum]
    ) -> Change:
        async def store(session: Session) -> Message | None:
            await self._note(session, tag, subject, **data)
            return message

        return store

    async def adopt(self, service: str, version: str, environment: str) -> Change:
        """Record on a person's word which version runs there."""
        roles = approvers(self._world.catalog(), service, environment)
        await self._must(roles, service, f"adopt a version of {service} in {environment}")
        image, slot = await self._what_runs(service, environment)

        async def store(session: Session) -> Message | None:
            now = self._now
            current = await ledger.current(session, service, environment)
            entry = ledger.Entry(
                service=service,
                environment=environment,
                version=version,
                commit=None,
                slot=slot,
                image=image,
                since=now,
                source="adopted",
            )
            await ledger.replace(session, entry, ended_by="adopt")
            await self._note(
                session,
                AuditTag.VERSION_ADOPTED,
                f"{service}/{environment}",
                version=version,
                before=current.version if current else None,
                image=image,
            )
            await releases.wake_blocked(session, environment, now)
            return Message(
                text=f"Recorded: {service} {version} runs in {environment} since now, "
                f"on <@{self._asker.user}>'s word."
            )

        return store

    async def _what_runs(self, service: str, environment: str) -> tuple[str | None, Slot | None]:
        rules = rules_for(self._world.catalog(), service, environment)
        cluster = await self._world.cluster.look(rules.target)
        if rules.target.may_be_elsewhere and not cluster.has_pods:
            return None, None
        if cluster.live is None:
            raise UserError(
                f"No slot of {service} has all the traffic in {environment}, "
                "so no one version runs there. Mend that first.",
                Reason.CLUSTER_NOT_READY,
            )
        return cluster.live.image, cluster.live.slot
