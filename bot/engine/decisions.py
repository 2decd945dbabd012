"""Records what people ask and decide: requests, approvals, stops (DESIGN §4.8, §6).

Each public coroutine does its asking of Slack first, and returns a `Change`: a function that
`engine.inbox` runs inside the one transaction that also marks the command as done, so that a
command which was cut short is simply done again. Refusals are UserErrors with a reason code.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from bot.domain.admission import yes_votes
from bot.domain.audit import AuditTag
from bot.domain.catalog import Environment, Slot
from bot.domain.lifecycle import UNDER_WAY, WAITING, Event, State, advance, may
from bot.domain.planning import build_rollback
from bot.domain.plans import short_digest
from bot.domain.reasons import Reason
from bot.domain.releases import Approval, Progress, Release
from bot.domain.requests import Asker, ReleaseRequest
from bot.domain.rules import rules_for
from bot.engine import record
from bot.engine.people import roles_of, who_could
from bot.engine.world import World
from bot.errors import UserError
from bot.ports import Message
from bot.store import approvals, audit, cards, ledger, releases, targets, wishes
from bot.store.session import Session
from bot.store.wishes import Wish
from bot.views import lines, refusals

Change = Callable[[Session], Awaitable[Message | None]]
"""Runs inside a transaction; returns what to tell the person alone, if anything."""


class Decisions:
    """What people may decide. One instance for each command: it knows who asked and its key."""

    def __init__(self, world: World, asker: Asker, key: str, asked_at: datetime) -> None:
        self._world = world
        self._asker = asker
        self._key = key
        self._at = asked_at

    @property
    def _now(self) -> datetime:
        return self._world.clock.now()

    async def request(self, request: ReleaseRequest) -> Change:
        """Ask for a release. Its card appears in the channel; gates are asked next."""
        await self._must(
            self._environment(request.environment).rights.release,
            request.service,
            f"release {request.service} to {request.environment}",
        )
        rules = rules_for(self._world.catalog(), request.service, request.environment)

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
            await releases.insert(session, release, self._key, now)
            await cards.want(session, release.id, self._asker.channel, now, urgent=True)
            await self._note(
                session,
                AuditTag.RELEASE_REQUESTED,
                release.id,
                service=request.service,
                version=request.version,
                environment=request.environment,
                reason=request.reason,
            )
            return None

        return store

    async def approve(self, release_id: str, digest: str | None, comment: str | None) -> Change:
        """Say yes to one plan."""
        release = await self._release(release_id)
        env = self._environment(release.environment)
        roles = await self._approver(release, env, f"approve {release.id}")
        if env.approvals.not_the_requester and release.asker.user == self._asker.user:
            others = await who_could(self._world, _approvers(env), release.service)
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
        env = self._environment(release.environment)
        await self._approver(release, env, f"reject {release.id}")

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            self._same_digest(fresh, digest)
            if fresh.state not in WAITING:
                raise refusals.too_late(fresh, "reject")
            await self._note(
                session, AuditTag.RELEASE_REJECTED, release_id, digest=fresh.digest, why=comment
            )
            said = [lines.rejected(self._asker.user)]
            await self._end(session, fresh, Event.REJECTED, Reason.REJECTED_BY_PERSON, said)
            return None

        return store

    async def cancel(self, release_id: str) -> Change:
        """Withdraw a release, or take it back where traffic has moved."""
        release = await self._release(release_id)
        if release.progress.moved:
            return await self.roll_back(release_id)
        env = self._environment(release.environment)
        await self._must(
            env.rights.cancel,
            release.service,
            f"cancel {release.id}",
            requester=release.asker.user,
        )
        return self._stopping(release_id, "cancel")

    async def roll_back(self, release_id: str) -> Change:
        """Roll back: a release under way is undone; a finished one gets a release of its own."""
        release = await self._release(release_id)
        if release.state in WAITING or (
            release.state in UNDER_WAY and not release.progress.moved and not release.undoes
        ):
            return await self._cancel_instead(release)
        env = self._environment(release.environment)
        await self._must(
            env.rights.rollback, release.service, f"roll back {release.id}", stale_will_do=True
        )
        if release.state in UNDER_WAY:
            return self._stopping(release_id, "rollback")
        return self._undoing(release_id)

    async def _cancel_instead(self, release: Release) -> Change:
        """Before traffic moved a click on Roll back does what Cancel does."""
        rights = self._environment(release.environment).rights
        both = tuple(dict.fromkeys((*rights.cancel, *rights.rollback)))
        await self._must(
            both,
            release.service,
            f"cancel {release.id}",
            requester=release.asker.user,
            stale_will_do=True,
        )
        return self._stopping(release.id, "cancel")

    def _stopping(self, release_id: str, kind: str) -> Change:
        async def store(session: Session) -> Message | None:
            if await wishes.exists(session, self._key):
                return None
            fresh = await self._locked(session, release_id)
            if fresh.state in WAITING:
                await self._note(session, AuditTag.RELEASE_CANCELLED, release_id)
                said = [lines.cancelled(self._asker.user)]
                await self._end(session, fresh, Event.CANCELLED, Reason.CANCELLED_BY_PERSON, said)
                return None
            if fresh.state not in UNDER_WAY:
                raise refusals.too_late(fresh, "roll back" if kind == "rollback" else "cancel")
            if fresh.state is State.ROLLING_BACK:
                raise UserError(f"{release_id} is going back already.", Reason.ALREADY_SAID)
            tag = AuditTag.ROLLBACK_ASKED if kind == "rollback" else AuditTag.RELEASE_CANCELLED
            await self._note(session, tag, release_id)
            await self._wish(session, release_id, "rollback")
            return None

        return store

    def _undoing(self, release_id: str) -> Change:
        async def store(session: Session) -> Message | None:
            if await releases.by_request(session, self._key):
                return None
            undone = await self._locked(session, release_id)
            newer = await releases.newer_started(session, undone)
            refusals.check_rollback(undone, newer, self._now)
            rollback = await self._rollback_of(session, undone)
            try:
                await releases.insert(session, rollback, self._key, self._now)
            except releases.UnderWayError:
                raise refusals.under_way(undone) from None
            await cards.want(session, rollback.id, self._asker.channel, self._now, urgent=True)
            await cards.want(session, undone.id, undone.asker.channel, self._now, urgent=True)
            await self._note(session, AuditTag.ROLLBACK_ASKED, rollback.id, undoes=undone.id)
            said = [lines.rollback_asked(self._asker.user)]
            await record.say(session, rollback, said, self._now)
            return None

        return store

    async def _rollback_of(self, session: Session, undone: Release) -> Release:
        plan = undone.plan
        if plan is None or plan.previous is None:
            raise UserError(
                f"What ran before {undone.id} is not known, so there is nothing to go back to.",
                Reason.NOTHING_TO_DO,
            )
        request = ReleaseRequest(
            service=undone.service, version=plan.previous, environment=undone.environment
        )
        now = self._now
        return Release(
            id=await releases.free_id(session),
            kind="rollback",
            request=request,
            asker=self._asker.model_copy(update={"channel": undone.asker.channel}),
            created_at=now,
            state=State.ROLLING_BACK,
            reason=Reason.ROLLED_BACK_BY_PERSON,
            rules=undone.rules,
            plan_text=build_rollback(plan, undone.rules).text(),
            diff=undone.diff,
            hand_patch=undone.hand_patch,
            progress=Progress(track="undo", since=now, moved=True, weight=100),
            started_at=now,
            ends_as=State.SUCCEEDED,
            undoes=undone.id,
            acted_by=self._asker.user,
            acted_at=self._at,
        )

    async def roll_back_service(self, service: str, environment: str) -> Change:
        """Roll back what is under way or was released last for a service in an environment."""
        async with self._world.store.read() as session:
            newest = await releases.latest(
                session,
                service=service,
                environment=environment,
                states=[*UNDER_WAY, State.SUCCEEDED],
                limit=1,
            )
        if not newest:
            raise UserError(
                f"The bot has released nothing of {service} in {environment}, "
                "so there is nothing that it could take back.",
                Reason.NOTHING_TO_DO,
            )
        return await self.roll_back(newest[0].id)

    async def retry(self, release_id: str) -> Change:
        """Ask the gates again, or what is being waited for."""
        release = await self._release(release_id)
        await self._may_release(release, "retry")

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            if fresh.ended:
                raise refusals.too_late(fresh, "retry")
            await self._note(session, AuditTag.RELEASE_RETRIED, release_id)
            if may(fresh.state, Event.LOOK_AGAIN_ASKED) and fresh.state in WAITING:
                state = advance(fresh.state, Event.LOOK_AGAIN_ASKED)
                after = fresh.model_copy(update={"state": state})
                await self._advance(session, fresh, after, self._now, [])
            else:
                await releases.wake(session, release_id, self._now)
            return None

        return store

    async def resume(self, release_id: str) -> Change:
        """Let a held release go on from what is there."""
        release = await self._release(release_id)
        await self._may_release(release, "resume")

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            if fresh.state is not State.PAUSED:
                raise refusals.too_late(fresh, "resume")
            await self._note(session, AuditTag.RELEASE_RESUMED, release_id)
            await self._wish(session, release_id, "resume")
            return None

        return store

    async def mended(self, release_id: str) -> Change:
        """Say that the cause of a rollback is mended: the lock on the target is lifted."""
        release = await self._release(release_id)
        env = self._environment(release.environment)
        await self._must(env.rights.rollback, release.service, f"lift the lock of {release.id}")

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            place = (fresh.service, fresh.environment)
            if not await targets.unlock(session, place, release_id):
                raise UserError(f"{release_id} holds no lock any more.", Reason.BUTTON_OLD)
            await self._note(session, AuditTag.CAUSE_MENDED, release_id)
            after = fresh.model_copy(update={"locks": False})
            said = [lines.mended(self._asker.user)]
            await self._advance(session, fresh, after, None, said)
            await releases.wake_blocked(session, fresh.environment, self._now)
            return None

        return store

    async def repaired(self, release_id: str) -> Change:
        """Say that a rollback which could not finish was repaired by hand."""
        release = await self._release(release_id)
        env = self._environment(release.environment)
        await self._must(
            env.rights.rollback, release.service, f"end {release.id}", stale_will_do=True
        )

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            if fresh.state is not State.ROLLING_BACK or not fresh.needs_attention:
                raise refusals.too_late(fresh, "repaired")
            await self._wish(session, release_id, "repaired")
            return None

        return store

    async def adopt(self, service: str, version: str, environment: str) -> Change:
        """Record on a person's word which version runs there."""
        env = self._environment(environment)
        await self._must(_approvers(env), service, f"adopt a version of {service} in {environment}")
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

    async def _what_runs(self, service: str, environment: str) -> tuple[str | None, Slot]:
        rules = rules_for(self._world.catalog(), service, environment)
        cluster = await self._world.cluster.look(rules.target)
        if cluster.live is None:
            raise UserError(
                f"No slot of {service} has all the traffic in {environment}, "
                "so no one version runs there. Mend that first.",
                Reason.CLUSTER_NOT_READY,
            )
        return cluster.live.image, cluster.live.slot

    # What all of them share.

    def _environment(self, name: str) -> Environment:
        env = self._world.catalog().environments.get(name)
        if env is None:
            raise UserError(
                f"The catalogue has no environment {name} any more.", Reason.UNKNOWN_NAME
            )
        return env

    async def _release(self, release_id: str) -> Release:
        async with self._world.store.read() as session:
            release = await releases.get(session, release_id)
        if release is None:
            raise refusals.no_such_release(release_id)
        return release

    async def _locked(self, session: Session, release_id: str) -> Release:
        release = await releases.get_locked(session, release_id)
        if release is None:
            raise refusals.no_such_release(release_id)
        return release

    async def _must(
        self,
        roles: Sequence[str],
        service: str,
        what: str,
        *,
        requester: str | None = None,
        stale_will_do: bool = False,
    ) -> tuple[str, ...]:
        have = await roles_of(
            self._world,
            self._asker.user,
            roles,
            service=service,
            requester=requester,
            stale_will_do=stale_will_do,
        )
        if not have:
            who = await who_could(self._world, roles, service)
            raise refusals.no_right(what, who, tuple(roles))
        return have

    async def _may_release(self, release: Release, verb: str) -> None:
        rights = self._environment(release.environment).rights
        await self._must(
            rights.release,
            release.service,
            f"{verb} {release.id}",
            requester=release.asker.user,
        )

    async def _approver(self, release: Release, env: Environment, what: str) -> tuple[str, ...]:
        return await self._must(_approvers(env), release.service, what)

    async def _waiting_for_approval(
        self, session: Session, release_id: str, digest: str | None
    ) -> Release:
        fresh = await self._locked(session, release_id)
        if fresh.state is not State.AWAITING_APPROVAL:
            raise refusals.too_late(fresh, "approve")
        self._same_digest(fresh, digest)
        return fresh

    def _same_digest(self, release: Release, digest: str | None) -> None:
        now_is = short_digest(release.digest or "")
        if digest is not None and release.digest and not release.digest.startswith(digest):
            raise UserError(
                f"That was for plan {digest[:8]}; the plan is {now_is} now. "
                "Look at the card and decide anew.",
                Reason.DIGEST_OLD,
            )

    async def _wish(self, session: Session, release_id: str, kind: str) -> None:
        wish = Wish(
            key=self._key, release_id=release_id, kind=kind, by=self._asker.user, at=self._at
        )
        await wishes.insert(session, wish)
        await releases.wake(session, release_id, self._now)

    async def _end(
        self,
        session: Session,
        release: Release,
        event: Event,
        reason: Reason,
        said: Sequence[str],
    ) -> None:
        after = release.model_copy(
            update={
                "state": advance(release.state, event),
                "reason": reason,
                "detail": None,
                "ended_at": self._now,
                "acted_by": self._asker.user,
                "acted_at": self._at,
            }
        )
        await self._advance(session, release, after, None, said)

    async def _advance(
        self,
        session: Session,
        before: Release,
        after: Release,
        due_at: datetime | None,
        said: Sequence[str],
    ) -> None:
        """Write it over the head of a tick that may be at work on the same waiting row."""
        await releases.take_over_row(session, before.id)
        await record.advance(
            session, before, after, self._now, due_at=due_at, lines=said, by=self._asker.user
        )

    async def _note(
        self, session: Session, tag: AuditTag, subject: str, **data: str | int | bool | None
    ) -> None:
        await audit.append(session, tag, subject, self._now, actor=self._asker.user, **data)


def _approvers(env: Environment) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*env.rights.approve, *env.approvals.roles)))
