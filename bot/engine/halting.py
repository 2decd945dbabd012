"""The red handle: stops what is under way at its next safe point, and lets go of it again.

Who pulls it leaves a stop and a wish for each running release in one transaction; the releases'
own ticks take the wishes (`wishing`). Nothing is cut short: a shift that was begun is finished
first. What goes back passes a halt, and the watching goes on.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import UNDER_WAY, Event, State, advance
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.stops import Stop
from bot.engine import effects, record
from bot.engine.deciding import Change, Deciding
from bot.engine.waiting import ask_all_again
from bot.engine.world import World
from bot.ports import Message
from bot.store import audit, intents, leases, outbox, releases, stops, wishes
from bot.store.audit import written
from bot.store.leases import Lease
from bot.store.session import Session
from bot.store.wishes import Wish
from bot.views import stop_lines, stop_refusals

REPLACING = ("dispatch", "deploy", "verify")
"""Steps in which a strategy that works in place replaces the pods that serve."""


async def stopped(world: World, lease: Lease, release: Release, wish: Wish) -> Release:
    """Stop a running release where it is, unless it is in the middle of a shift.

    There the wish stays open: the turn after the shift takes it.
    """
    if release.state is State.RUNNING and await _in_a_shift(world, release):
        return release
    now, after = world.clock.now(), release
    async with world.store.write() as session:
        await leases.hold(session, lease, world.clock.real() + leases.LEASE)
        await wishes.take_all(session, release.id, now)
        if release.state is not State.RUNNING:
            # Paused it is already, and who goes back is not stopped.
            return release
        after = _halted(release, wish.by, now)
        step = release.steps()[release.progress.step]
        await audit.append(
            session,
            AuditTag.RELEASE_HALTED,
            release.id,
            now,
            actor=wish.by,
            step=step.kind,
            weight=release.progress.weight,
        )
        said = [stop_lines.halted(wish.by)]
        await record.advance(session, release, after, now, due_at=now, lines=said, by=wish.by)
    return after


async def _in_a_shift(world: World, release: Release) -> bool:
    """Whether the present step has begun to move traffic: it is confirmed before anything stops.

    Where the pods that serve are replaced, that lasts until they are verified.
    """
    steps, progress, plan = release.steps(), release.progress, release.plan
    kind = steps[progress.step].kind if progress.step < len(steps) else None
    if plan is not None and plan.in_place:
        return progress.moved and kind in REPLACING
    if kind != "shift":
        return False
    async with world.store.read() as session:
        begun = await intents.get(session, release.id, effects.key(progress, effects.TRAFFIC))
    return begun is not None


def _halted(release: Release, by: str, now: datetime) -> Release:
    """Give it as it stands still: without an end, for only a person's word is one."""
    changes = {"paused_by": by, "pause_since": now, "pause_until": None, "promoted": False}
    return release.progressed(changes).model_copy(
        update={
            "state": advance(release.state, Event.PAUSED),
            "reason": Reason.HALTED,
            "detail": None,
        }
    )


class Halting(Deciding):
    """What people do with the handle. Refusals are UserErrors."""

    async def halt(self, environment: str | None, reason: str) -> Change:
        """Stop every release there, in every environment where none is named."""
        places = self._places(environment)
        await self._may(places, "halt")

        async def store(session: Session) -> Message | None:
            now = self._now
            for other in await stops.standing(session, now):
                if other.kind == "halt" and other.environment == environment:
                    raise stop_refusals.halted_already(other, now)
            halt = Stop(
                id=await stops.free_id(session, "halt"),
                kind="halt",
                environment=environment,
                reason=reason,
                by=self._asker.user,
                since=now,
            )
            if not await stops.insert(session, halt, self._key, places):
                return None
            flying = await _in_flight(session, places)
            for release in flying:
                await self._ask_to_stop(session, release)
            await ask_all_again(session, places, now)
            await self._note(
                session,
                AuditTag.HALT_SET,
                halt.id,
                environment=environment or "all",
                reason=written(reason),
                in_flight=" ".join(f"{r.id}:{r.progress.weight}%" for r in flying),
            )
            await self._tell(session, halt.id, stop_lines.halt_message(halt, flying, now))
            return None

        return store

    async def _ask_to_stop(self, session: Session, release: Release) -> None:
        if release.state in (State.RUNNING, State.PAUSED) and release.kind == "release":
            wish = Wish(
                key=f"{self._key}:{release.id}",
                release_id=release.id,
                kind="halt",
                by=self._asker.user,
                at=self._at,
            )
            await wishes.insert(session, wish)
        if release.state in (State.RUNNING, State.PAUSED, State.QUEUED):
            await releases.wake(session, release.id, self._now)

    async def let_go(self, environment: str | None) -> Change:
        """Let go what was halted: what stood still goes on from where it is."""
        places = self._places(environment)
        await self._may(places, "let go")

        async def store(session: Session) -> Message | None:
            now = self._now
            standing = [s for s in await stops.standing(session, now) if s.kind == "halt"]
            halt = next((s for s in standing if s.environment == environment), None)
            if halt is None:
                raise stop_refusals.not_halted(environment, standing)
            await stops.count_starts(session, places)
            if not await stops.lift(session, [halt.id], self._asker.user, now):
                raise stop_refusals.not_halted(environment, [])
            rest = [s.environment for s in standing if s.id != halt.id]
            free = [place for place in places if None not in rest and place not in rest]
            going = await self._go_on(session, free)
            await self._note(
                session,
                AuditTag.HALT_LIFTED,
                halt.id,
                environment=environment or "all",
                set_by_oneself=halt.by == self._asker.user,
                goes_on=" ".join(going),
            )
            message = stop_lines.let_go(halt, self._asker.user, going, now)
            await self._tell(session, f"{halt.id}:off", message)
            return None

        return store

    async def _go_on(self, session: Session, places: Sequence[str]) -> list[str]:
        """Let everything there go on that only the halt kept from it."""
        going = []
        for release in await _in_flight(session, places):
            if release.state is State.PAUSED and release.reason is Reason.HALTED:
                wish = Wish(
                    key=f"{self._key}:{release.id}",
                    release_id=release.id,
                    kind="resume",
                    by=self._asker.user,
                    at=self._at,
                )
                await wishes.insert(session, wish)
                await releases.wake(session, release.id, self._now)
                going.append(release.id)
            else:
                # One that was in the middle of a shift has not stopped yet, and need not.
                await wishes.take_kind(session, release.id, "halt", self._now)
        await ask_all_again(session, places, self._now)
        return going

    def _places(self, environment: str | None) -> list[str]:
        if environment is None:
            return sorted(self._world.catalog().environments)
        self._environment(environment)
        return [environment]

    async def _may(self, places: Sequence[str], verb: str) -> None:
        for place in places:
            roles = self._environment(place).rights.halt
            await self._must(roles, "", f"{verb} {place}", stale_will_do=True)

    async def _tell(self, session: Session, key: str, message: Message) -> None:
        channel = self._asker.channel
        await outbox.put(session, "post", f"stop:{key}", message, self._now, channel=channel)


async def _in_flight(session: Session, places: Sequence[str]) -> list[Release]:
    """List what has not ended there and can move, oldest first; what only waits is woken apart."""
    found = await releases.unfinished(session)
    return [r for r in found if r.environment in places and r.state in UNDER_WAY]
