"""Stops: cancel, roll back, retry, pause, resume, promote, mended, repaired: wishes are rows."""

from typing import Literal

from bot.domain.audit import AuditTag, stamp
from bot.domain.lifecycle import UNDER_WAY, WAITING, Event, State, advance, may
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.versions import same_version
from bot.engine import held_back, stop_facts
from bot.engine.deciding import Change
from bot.engine.rollbacks import Rollbacks
from bot.errors import UserError
from bot.ports import Message
from bot.store import releases, wishes
from bot.store.session import Session
from bot.views import lines, refusals, stop_refusals


class Stops(Rollbacks):
    """What people may do to a release that is there. Refusals are UserErrors."""

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
        return self._stopping(release_id)

    async def roll_back(self, release_id: str) -> Change:
        """Roll back: a release under way is undone; a finished one gets a release of its own."""
        async with self._world.store.read() as session:
            release = await self._read(session, release_id)
            newer = await releases.newer_started(session, release)
        if release.state in WAITING or (
            release.state in UNDER_WAY and not release.progress.moved and not release.undoes
        ):
            return await self._cancel_instead(release)
        env = self._environment(release.environment)
        await self._must(
            env.rights.rollback, release.service, f"roll back {release.id}", stale_will_do=True
        )
        if release.state in (State.RUNNING, State.PAUSED):
            return await self.turning_back(release)
        if release.state in UNDER_WAY:
            return self._stopping(release_id)
        refusals.check_rollback(release, newer)
        # One that began after it and came to nothing may have changed the other slot.
        if release.window_until is not None and release.window_until > self._now and newer is None:
            return await self.switching_back(release)
        return await self.returning(release, release.plan_previous)

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
        return self._stopping(release.id)

    def _stopping(self, release_id: str) -> Change:
        """Leave the wish to the tick: nothing has moved, or it is going back already."""

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
                raise refusals.too_late(fresh, "cancel")
            if fresh.state is State.ROLLING_BACK:
                raise refusals.going_back(fresh)
            await self._note(session, AuditTag.RELEASE_CANCELLED, release_id)
            await self._wish(session, release_id, "rollback")
            return None

        return store

    async def roll_back_service(
        self, service: str, environment: str, version: str | None = None
    ) -> Change:
        """Roll back what is under way or was released last for a service in an environment.

        `version`: what to go back to, of all that ran there; None: what ran before.
        """
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
        last = newest[0]
        if version is None or last.state in UNDER_WAY or same_version(version, last.plan_previous):
            return await self.roll_back(last.id)
        rights = self._environment(environment).rights
        await self._must(rights.rollback, service, f"roll back {service}", stale_will_do=True)
        return await self.returning(last, version)

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

    async def wait(self, release_id: str) -> Change:
        """Let it wait for what opens after its time is over, and go on by itself then."""
        release = await self._release(release_id)
        await self._may_release(release, "wait with")

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            opens = fresh.opens_late
            if opens is None:
                raise refusals.waits_already(fresh)
            until = opens + fresh.rules.approvals.expires
            await self._note(session, AuditTag.RELEASE_WAITS, release_id, until=stamp(until))
            state = advance(fresh.state, Event.LOOK_AGAIN_ASKED)
            after = fresh.model_copy(update={"state": state, "expires_at": until})
            said = [lines.waits(self._asker.user, opens, self._now)]
            await self._advance(session, fresh, after, self._now, said)
            return None

        return store

    async def pause(self, release_id: str) -> Change:
        """Stop a running release where it is. The watching goes on."""
        return await self._wishing(release_id, "pause", AuditTag.RELEASE_PAUSED)

    async def resume(self, release_id: str) -> Change:
        """Let a held or paused release go on from what is there."""
        return await self._wishing(release_id, "resume", AuditTag.RELEASE_RESUMED)

    async def promote(self, release_id: str) -> Change:
        """Take the next step now: it skips the bake, never the look at the pods."""
        return await self._wishing(release_id, "promote", AuditTag.RELEASE_PROMOTED)

    async def _wishing(
        self, release_id: str, kind: Literal["pause", "resume", "promote"], tag: AuditTag
    ) -> Change:
        release = await self._release(release_id)
        await self._may_release(release, kind)

        async def store(session: Session) -> Message | None:
            if await wishes.exists(session, self._key):
                return None
            fresh = await self._locked(session, release_id)
            if kind != "pause" and fresh.kind == "release":
                halt = await stop_facts.halt_on(session, fresh.environment, self._now)
                if halt is not None:
                    raise stop_refusals.is_halted(fresh, halt, kind)
            if not _has_meaning(fresh, kind):
                raise refusals.no_meaning(fresh, kind)
            await self._note(session, tag, release_id)
            await self._wish(session, release_id, kind)
            return None

        return store

    async def mended(self, release_id: str) -> Change:
        """Say that the cause of a rollback is mended: its lock is lifted, its commits may go on."""
        release = await self._release(release_id)
        env = self._environment(release.environment)
        await self._must(env.rights.rollback, release.service, f"lift the lock of {release.id}")

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            if not fresh.locks:
                raise UserError(f"{release_id} holds no lock any more.", Reason.BUTTON_OLD)
            await self._note(session, AuditTag.CAUSE_MENDED, release_id)
            await held_back.let_go(session, fresh, self._now)
            after = fresh.model_copy(update={"locks": False})
            said = [lines.mended(self._asker.user, fresh)]
            await self._advance(session, fresh, after, None, said)
            await releases.wake_blocked(session, None, self._now)
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
            await self._note(session, AuditTag.REPAIR_ASKED, release_id)
            await self._wish(session, release_id, "repaired")
            return None

        return store


def _has_meaning(release: Release, kind: Literal["pause", "resume", "promote"]) -> bool:
    match kind:
        case "pause":
            return may(release.state, Event.PAUSED)
        case "resume":
            return release.state is State.PAUSED
        case "promote":
            return release.can_be_promoted
