"""Rollbacks that people ask for: both begin in the transaction that stores the wish.

Used by `stops`. The target's lease is claimed first, whoever holds it, and what was read before
is read again after: its last holder may have written meanwhile. The first effect is intended in
here too, so that the tick which goes on (`effects.HeadStart`) can act at once.
"""

from structlog.contextvars import bind_contextvars

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import Event, State, may
from bot.domain.planning import build_rollback
from bot.domain.reasons import Reason
from bot.domain.releases import Progress, Release
from bot.domain.requests import ReleaseRequest
from bot.domain.returning import Former, former_of, return_rules
from bot.domain.rules import rules_for
from bot.engine import effects, held_back, record, stop_facts, undoing
from bot.engine.deciding import Change, Deciding
from bot.engine.effects import TRAFFIC, EarlyLook, HeadStart
from bot.errors import UserError
from bot.store import cards, leases, ledger, releases, wishes
from bot.store.leases import Lease
from bot.store.session import Session
from bot.views import lines, refusals


class Rollbacks(Deciding):
    """The two ways back after traffic has moved."""

    async def turning_back(self, release: Release) -> Change:
        """Turn a release round that is under way."""
        release_id, place = release.id, _place(release)
        early = await self._looking(release)

        async def store(session: Session) -> HeadStart | None:
            if await wishes.exists(session, self._key):
                return None
            lease = await self._taken(session, release_id, place)
            fresh = await self._locked(session, release_id)
            if fresh.state is State.ROLLING_BACK:
                raise refusals.going_back(fresh)
            if not may(fresh.state, Event.UNDO_STARTED):
                raise refusals.too_late(fresh, "roll back")
            await self._note(session, AuditTag.ROLLBACK_ASKED, release_id)
            wish = await self._wish(session, release_id, "rollback")
            after = await undoing.turn_back(session, fresh, wish, self._now, self._world.catalog())
            return await self._begun(session, lease, after, early)

        return store

    async def switching_back(self, release: Release) -> Change:
        """Make a release of kind rollback for one that has ended."""
        release_id, place = release.id, _place(release)
        early = await self._looking(release)

        async def store(session: Session) -> HeadStart | None:
            new_id = await releases.free_id(session)
            lease = await self._taken(session, new_id, place)
            undone = await self._locked(session, release_id)
            newer = await releases.newer_started(session, undone)
            refusals.check_rollback(undone, newer)
            closed = undone.window_until is None or undone.window_until <= self._now
            if closed or newer is not None:
                raise refusals.window_closed(undone)
            rollback = self._rollback_of(undone, new_id)
            try:
                await releases.insert(session, rollback, self._key, self._now)
            except releases.UnderWayError:
                raise refusals.under_way(undone) from None
            shown = [(r.id, r.asker.channel) for r in (rollback, undone)]
            await cards.want_all(session, shown, self._now, urgent=True)
            await self._note(session, AuditTag.ROLLBACK_ASKED, rollback.id, undoes=undone.id)
            await self._pass_lock(session, rollback)
            await stop_facts.note_passed(session, rollback, self._now, self._asker.user)
            catalog = self._world.catalog()
            await record.tell_outside(session, None, rollback, self._now, catalog)
            said = [lines.rollback_asked(self._asker.user)]
            await record.say(session, rollback, said, self._now)
            return await self._begun(session, lease, rollback, early)

        return store

    async def returning(self, undone: Release, version: str | None) -> Change:
        """Release again what ran here before: no switch leads there any more.

        Raises UserError where nothing that ran here will do.
        """
        former = await self._former(undone, version)
        place = _place(undone)

        async def store(session: Session) -> None:
            if await releases.by_request(session, self._key):
                return
            now = self._now
            fresh = await self._locked(session, undone.id)
            refusals.check_rollback(fresh, await releases.newer_started(session, fresh))
            for other in await releases.unfinished(session, [place[0]]):
                if other.undoes == undone.id:
                    raise refusals.goes_back_already(undone, other.id)
            new_id = await releases.free_id(session)
            rollback = self._return_to(undone, former, new_id)
            bind_contextvars(release=new_id)
            await releases.insert(session, rollback, self._key, now)
            await cards.want(session, new_id, rollback.asker.channel, now, urgent=True)
            await self._note(
                session,
                AuditTag.ROLLBACK_ASKED,
                new_id,
                undoes=undone.id,
                service=place[0],
                environment=place[1],
                version=former.version,
            )
            await self._pass_lock(session, rollback)
            said = [lines.return_asked(self._asker.user, former, now)]
            await record.say(session, rollback, said, now)

        return store

    async def _former(self, undone: Release, version: str | None) -> Former:
        """Find what to go back to: what ran and was verified here, not merely the last row."""
        service, environment = _place(undone)
        async with self._world.store.read() as session:
            stays = await ledger.history(
                session, service=service, environment=environment, limit=200
            )
        ran = [
            Former(
                version=stay.version,
                commit=stay.commit,
                image=stay.image,
                since=stay.since,
                until=stay.until,
            )
            for stay in stays
            if stay.image is not None and stay.ended_by != "rollback" and stay.until is not None
        ]
        plan = undone.plan
        if plan is not None and plan.previous is not None and plan.previous_image is not None:
            # What ran before the bot's first day is in no ledger, but the first plan saw it.
            before = Former(
                version=plan.previous, commit=plan.previous_commit, image=plan.previous_image
            )
            ran.append(before)
        found = former_of(ran, undone.version, version)
        if found is not None:
            found = found.model_copy(update={"replaces": undone.version})
        if found is None:
            raise refusals.nothing_before(undone, version, [stay.version for stay in ran])
        return found

    def _return_to(self, undone: Release, former: Former, new_id: str) -> Release:
        service, environment = _place(undone)
        rules = return_rules(rules_for(self._world.catalog(), service, environment))
        now = self._now
        return Release(
            id=new_id,
            kind="rollback",
            request=ReleaseRequest(
                service=service, version=former.version, environment=environment
            ),
            asker=self._asker,
            created_at=now,
            state=State.GATHERING,
            rules=rules,
            expires_at=now + rules.approvals.expires,
            undoes=undone.id,
            former=former,
            acted_by=self._asker.user,
            acted_at=self._at,
        )

    async def _pass_lock(self, session: Session, rollback: Release) -> None:
        by = self._asker.user
        await held_back.note_passed(session, rollback.id, _place(rollback), self._now, by=by)

    async def _taken(self, session: Session, release_id: str, place: tuple[str, str]) -> Lease:
        world = self._world
        lease = await leases.claim(
            session, release_id, place, world.owner, world.clock.real(), force=True
        )
        if lease is None:
            raise RuntimeError(f"the lease of {place} can't be taken by force")
        world.metrics.claimed(lease.taken_from, world.owner)
        return lease

    async def _looking(self, release: Release) -> EarlyLook | None:
        plan = release.plan
        if plan is None:
            return None
        early = EarlyLook(self._world.cluster, plan.target, plan.live)
        await early.sent()
        return early

    async def _begun(
        self, session: Session, lease: Lease, release: Release, early: EarlyLook | None
    ) -> HeadStart:
        """Intend the first step back, where it is a shift: other steps intend for themselves."""
        step = release.steps()[0]
        if step.kind != "shift":
            return HeadStart(lease, release, frozenset())
        about = f"all traffic to {step.slot}"
        await effects.intend(session, self._world, lease, release, TRAFFIC, about=about)
        return HeadStart(lease, release, frozenset({TRAFFIC}), early)

    def _rollback_of(self, undone: Release, new_id: str) -> Release:
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
            id=new_id,
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


def _place(release: Release) -> tuple[str, str]:
    return release.service, release.environment
