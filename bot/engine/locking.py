"""What people say with lock, unlock, freeze and unfreeze. Refusals are UserErrors.

Each stop is a row of its own: whoever ends one, a person or a release, never frees another's. Used
by `commands`; each coroutine returns a `Change`, as the other decisions do.
"""

from collections.abc import Sequence

from bot.domain.audit import AuditTag, stamp
from bot.domain.calendar import covering, free_from
from bot.domain.requests import FreezeRequest, LockRequest, UnlockRequest
from bot.domain.stops import Freeze, Stop, StopFacts, in_zone, timed
from bot.engine.deciding import Change, Deciding
from bot.engine.people import roles_of, who_could
from bot.engine.waiting import ask_all_again
from bot.ports import Message
from bot.store import calendars, outbox, releases, stops
from bot.store.audit import written
from bot.store.session import Session
from bot.views import refusals, stop_lines, stop_refusals


class Locking(Deciding):
    """One person's one command about locks and freezes."""

    async def lock(self, request: LockRequest) -> Change:
        """Lock, or warn."""
        what = f"lock {request.name or 'all'} in {request.environment}"
        await self._may(request.environment, request.name if request.reach == "service" else "",
                        what)  # fmt: skip

        async def store(session: Session) -> Message | None:
            if request.release is not None:
                release = await releases.get_locked(session, request.release)
                if release is None:
                    raise refusals.no_such_release(request.release)
                if release.ended:
                    raise stop_refusals.ended_release(release.id)
            lock = Stop(
                id=await stops.free_id(session, "lock"),
                kind="lock",
                reach=request.reach,
                name=request.name,
                environment=request.environment,
                reason=request.reason,
                by=self._asker.user,
                release=request.release,
                since=self._now,
                until=request.until,
                hard=request.hard,
            )
            if await self._say(session, lock, AuditTag.LOCK_SET):
                await self._tell(session, lock.id, stop_lines.locked(lock, self._now))
            return None

        return store

    async def unlock(self, request: UnlockRequest) -> Change:
        """Lift a lock: one's own, or with the right another's, which is told."""
        async with self._world.store.read() as session:
            known = [s for s in await stops.standing(session, self._now) if s.kind == "lock"]
            if request.lock_id is not None:
                named = await stops.get(session, request.lock_id)
                if named is not None and named.over(self._now):
                    raise stop_refusals.lifted_already(named, self._now)
        lock = self._meant(request, known)
        if lock.by != self._asker.user:
            service = lock.name if lock.reach == "service" else ""
            await self._may(lock.environment or "", service, f"lift {lock.id} of <@{lock.by}>")

        async def store(session: Session) -> Message | None:
            await self._lift(session, [lock], AuditTag.LOCK_LIFTED)
            key = f"{lock.id}:off"
            await self._tell(session, key, stop_lines.unlocked(lock, self._asker.user))
            return None

        return store

    def _meant(self, request: UnlockRequest, known: Sequence[Stop]) -> Stop:
        """Find the lock that is meant: by its id, else one's own there, else the only one there."""
        if request.lock_id is not None:
            found = [s for s in known if s.id == request.lock_id]
        else:
            place = (request.reach, request.name, request.environment)
            found = [s for s in known if (s.reach, s.name, s.environment) == place]
            found = [s for s in found if s.by == self._asker.user] or found
        if not found:
            what = request.lock_id or f"on {request.name or 'all'} in {request.environment}"
            raise stop_refusals.no_such_lock(what, known)
        if len(found) > 1:
            raise stop_refusals.several_locks(found[0].scope, found[0].environment or "", found)
        return found[0]

    async def freeze(self, request: FreezeRequest) -> Change:
        """Freeze an environment for a while."""
        await self._may(request.environment, "", f"freeze {request.environment}")
        since = request.since or self._now
        if request.until <= since:
            raise stop_refusals.ends_before_it_begins(since, request.until, self._now)

        async def store(session: Session) -> Message | None:
            freeze = Stop(
                id=await stops.free_id(session, "freeze"),
                kind="freeze",
                environment=request.environment,
                reason=request.reason,
                by=self._asker.user,
                since=since,
                until=request.until,
            )
            if await self._say(session, freeze, AuditTag.FREEZE_SET):
                await self._tell(session, freeze.id, stop_lines.frozen(freeze, self._now))
            return None

        return store

    async def unfreeze(self, environment: str) -> Change:
        """Lift what people froze; and the catalogue's freezes of which it says that one may."""
        await self._may(environment, "", f"unfreeze {environment}")
        freezes = self._environment(environment).freezes

        async def store(session: Session) -> Message | None:
            now = self._now
            known = await stops.standing(session, now, environment)
            named = {freeze.calendar for freeze in freezes if freeze.calendar}
            facts = StopFacts(stops=known, calendars=await calendars.facts(session, named))
            said = [s for s in facts.of("freeze") if s.environment == environment]
            holding = self._holding(freezes, facts)
            may = [freeze for freeze in holding if freeze.unfreeze]
            if not (said or holding):
                raise stop_refusals.not_frozen(environment)
            if not (said or may):
                raise stop_refusals.calendars_freeze(environment, [f.name for f in holding])
            await self._lift(session, said, AuditTag.FREEZE_LIFTED, (environment,))
            for freeze in may:
                await self._pass(session, environment, freeze, facts)
            lifted = [*(s.reason for s in said), *(f.name for f in may)]
            left = [f.name for f in holding if not f.unfreeze]
            message = stop_lines.unfrozen(environment, self._asker.user, lifted, left)
            await self._tell(session, f"{self._key}:off", message)
            return None

        return store

    def _holding(self, freezes: Sequence[Freeze], facts: StopFacts) -> list[Freeze]:
        """List the catalogue's freezes that stand now and that nobody let pass."""
        usual, now = self._world.catalog().calendars.zone, self._now
        passed = {s.name for s in facts.of("pass") if s.stands(now)}
        timed_ones = ((freeze, timed(in_zone(freeze, usual), facts)) for freeze in freezes)
        return [
            freeze
            for freeze, when in timed_ones
            if when is not None and freeze.name not in passed and covering([when], now)
        ]

    async def _pass(
        self, session: Session, environment: str, freeze: Freeze, facts: StopFacts
    ) -> None:
        when = timed(in_zone(freeze, self._world.catalog().calendars.zone), facts)
        word = Stop(
            id=await stops.free_id(session, "pass"),
            kind="pass",
            name=freeze.name,
            environment=environment,
            reason=f"unfreeze of {freeze.name}",
            by=self._asker.user,
            since=self._now,
            until=free_from([when], self._now) if when else None,
        )
        await self._say(session, word, AuditTag.FREEZE_PASSED, f"{self._key}:{freeze.name}"[:255])

    async def _may(self, environment: str, service: str, what: str) -> None:
        """Raise UserError unless the person has the right; owners have it for their own service."""
        roles = self._environment(environment).rights.lock
        if not service:
            roles = tuple(role for role in roles if role not in ("owners", "requester"))
        if not await roles_of(self._world, self._asker.user, roles, service=service):
            raise refusals.no_right(what, await who_could(self._world, roles, service), roles)

    async def _say(
        self, session: Session, stop: Stop, tag: AuditTag, key: str | None = None
    ) -> bool:
        """Store a stop, and let whatever waits there ask its gates again. False: it was there."""
        places = (stop.environment or "",)
        if not await stops.insert(session, stop, key or self._key, places):
            return False
        await self._note(
            session,
            tag,
            stop.id,
            scope=f"{stop.reach} {stop.name}".strip(),
            environment=stop.environment,
            reason=written(stop.reason),
            since=stamp(stop.since),
            until=stamp(stop.until) if stop.until else None,
            hard=stop.hard,
            release=stop.release,
        )
        await ask_all_again(session, places, self._now)
        return True

    async def _lift(
        self, session: Session, held: Sequence[Stop], tag: AuditTag, places: Sequence[str] = ()
    ) -> None:
        here = tuple(places) or tuple({stop.environment or "" for stop in held})
        await stops.count_starts(session, here)
        for stop in held:
            if not await stops.lift(session, [stop.id], self._asker.user, self._now):
                fresh = await stops.get(session, stop.id)
                raise stop_refusals.lifted_already(fresh or stop, self._now)
            await self._note(
                session,
                tag,
                stop.id,
                scope=f"{stop.reach} {stop.name}".strip(),
                environment=stop.environment,
                of_another=stop.by != self._asker.user,
            )
        await ask_all_again(session, here, self._now)

    async def _tell(self, session: Session, key: str, message: Message) -> None:
        channel = self._asker.channel
        await outbox.put(session, "post", f"stop:{key}"[:255], message, self._now, channel=channel)
