"""The reconciler: claims due releases, ticks each, renews and fences leases (DESIGN §4).

No coroutine lives as long as a release; a crash costs one tick. What went wrong in a tick is
logged with an id, and the release is tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars

from bot.domain.lifecycle import UNDER_WAY, State
from bot.domain.releases import Release
from bot.engine import afterwards, waiting, working
from bot.engine.effects import HeadStart
from bot.engine.faults import fault_id
from bot.engine.places import Places
from bot.engine.world import POLL_SECONDS, World
from bot.errors import StaleLeaseError, StoreError, TemporaryError
from bot.store import (
    cards,
    duties,
    events,
    host_views,
    inbox,
    leases,
    protections,
    releases,
    wishes,
)
from bot.store.leases import Lease
from bot.store.session import Session
from bot.store.wishes import Wish

log = structlog.get_logger()

RENEW_SECONDS = 1.0
"""How often a lease is renewed while a tick runs."""

LOOK_SECONDS = 0.03
"""The least time between two looks while ticks are under way: each of them rings when it ends."""

ASK_AGAIN_SECONDS = 0.5
"""How soon a lease that another process holds is asked for again, in real time."""

AFTER_A_BUG = timedelta(seconds=30)
"""How long a release is left alone after a tick ended with a bug."""


async def start_alone(world: World) -> None:
    """Take up at once what a dead process was at: on SQLite there is only ever one."""
    async with world.store.write() as session:
        await leases.release_everybodys(session)
        await inbox.release_all(session)
        await events.release_all(session)
        await host_views.release_all(session)
        await protections.release_all(session)


class Reconciler:
    """Ticks every due release, each beside the others, one tick at a time for each."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._back: dict[str, asyncio.Task[None]] = {}
        self._bugs: dict[str, datetime] = {}
        self._elsewhere: dict[str, float] = {}
        self._halted: dict[str, float] = {}
        self._seen: dict[tuple[str, str], str] = {}
        self._changed: set[str] = set()
        self._places = Places()

    async def run(self) -> None:
        """Work until the process ends."""
        while self._world.work.open:
            try:
                await self.start_due()
                pause = await self._till_next()
            except TemporaryError as error:
                log.warning("database_unreachable", error=str(error))
                pause = None
            if self._elsewhere:
                pause = ASK_AGAIN_SECONDS if pause is None else min(pause, ASK_AGAIN_SECONDS)
            await self._world.work.rest(pause)
            if self._at_work or self._back:
                await asyncio.sleep(LOOK_SECONDS)

    def changed(self, place: tuple[str, str]) -> None:
        """Look at a target now: the cluster has told of a change to it."""
        release_id = self._seen.get(place)
        if release_id is not None:
            self._changed.add(release_id)
            self._world.work.ring()

    async def _till_next(self) -> float | None:
        """Seconds until the next release is due. What is due now is at work, and rings."""
        now = self._world.clock.now()
        async with self._world.store.read() as session:
            due = await releases.next_due(session, after=now)
        return (due - now).total_seconds() if due else None

    async def start_due(self) -> int:
        """Start a tick for each due release that this process is not at work on; count them."""
        now = self._world.clock.now()
        async with self._world.store.read() as session:
            due = await releases.due(session, now)
            going_back, halting = await wishes.urgent(session)
        started = 0
        self._elsewhere = {name: t for name, t in self._elsewhere.items() if t > monotonic()}
        for release_id in going_back:
            if release_id not in self._back:
                self._start(self._back, release_id, force=True)
                started += 1
        told = {name for name in self._changed if name not in self._at_work}
        # A word that comes while its tick is under way is for the next one.
        self._changed -= told
        known = {release_id for release_id, _, _ in due}
        told |= self._to_halt(halting)
        due += [(release_id, State.RUNNING, now) for release_id in sorted(told - known)]
        for release_id, state, at in due:
            rested = self._bugs.get(release_id, now) <= now and release_id not in self._elsewhere
            if rested and release_id not in self._at_work and release_id not in self._back:
                waits = state is not State.ROLLING_BACK
                self._start(self._at_work, release_id, force=False, paced=waits, due_at=at)
                started += 1
        return started

    def _to_halt(self, wished: list[str]) -> set[str]:
        """Pick those whose tick may have written a later time over the halt's wake-up.

        One in the middle of a shift keeps the wish open: it is looked at each second.
        """
        again = monotonic() - POLL_SECONDS
        fresh = {name for name in wished if self._halted.get(name, again) <= again}
        self._halted = {n: t for n, t in self._halted.items() if n in wished}
        self._halted.update(dict.fromkeys(fresh, monotonic()))
        return fresh

    def _start(
        self,
        group: dict[str, asyncio.Task[None]],
        release_id: str,
        *,
        force: bool,
        paced: bool = False,
        due_at: datetime | None = None,
    ) -> None:
        tick = self.tick(release_id, force=force, due_at=due_at)
        self._launch(group, release_id, self._paced(tick) if paced else tick)

    def _launch(
        self,
        group: dict[str, asyncio.Task[None]],
        release_id: str,
        work: Coroutine[Any, Any, None],
    ) -> None:
        task = asyncio.create_task(self._guarded(release_id, work))
        group[release_id] = task
        task.add_done_callback(lambda _: self._ended(group, release_id))

    def take_up(self, start: HeadStart) -> None:
        """Go on at once from where a decision began. It waits for nobody's turn."""
        self._launch(self._back, start.release.id, self._go_on(start))

    async def _go_on(self, start: HeadStart) -> None:
        async with self._renewed(start.lease):
            await self._turns(start.lease, start.release, [], start)
        self._world.mail.tell()

    def _ended(self, group: dict[str, asyncio.Task[None]], release_id: str) -> None:
        group.pop(release_id, None)
        self._world.work.ring()

    async def settle(self) -> None:
        """Wait until every tick that is under way has ended. For tests and for shutting down."""
        while self._at_work or self._back:
            tasks = [*self._at_work.values(), *self._back.values()]
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Finish the effects under way, then give the leases back."""
        await self.settle()
        async with self._world.store.write() as session:
            await leases.release_all(session, self._world.owner)
            await duties.give_back(session, self._world.owner)

    async def _paced(self, tick: Coroutine[Any, Any, None]) -> None:
        async with self._places.taken():
            await tick

    async def _guarded(self, release_id: str, work: Coroutine[Any, Any, None]) -> None:
        # A task of its own: what is bound here is bound for this tick only.
        bind_contextvars(release=release_id)
        try:
            await work
        except StaleLeaseError:
            log.info("lease_lost")
        except TemporaryError as error:
            log.warning("tick_waits", error=str(error))
            self._bugs[release_id] = self._world.clock.now() + timedelta(seconds=error.delay)
        except Exception:
            error_id = fault_id()
            log.exception("tick_failed", error_id=error_id)
            self._bugs[release_id] = self._world.clock.now() + AFTER_A_BUG

    async def tick(
        self, release_id: str, *, force: bool = False, due_at: datetime | None = None
    ) -> None:
        """Claim a release and take turns at it until it waits, ends, or is somebody else's."""
        claimed = await self._claim(release_id, force=force)
        if claimed is None:
            return
        if due_at is not None:
            self._world.metrics.tick_began(self._world.clock.now() - due_at)
        lease, release, wished = claimed
        async with self._renewed(lease):
            if release.ended:
                await afterwards.settle(self._world, lease, release)
            elif lease.place is None:
                await waiting.tick(self._world, lease, release)
            else:
                self._seen[lease.place] = release_id
                await self._turns(lease, release, wished)
        self._bugs.pop(release_id, None)
        self._world.mail.tell()

    async def _turns(
        self,
        lease: Lease,
        release: Release | None,
        wished: list[Wish],
        head_start: HeadStart | None = None,
    ) -> None:
        while release is not None and release.state in UNDER_WAY:
            if not await working.tick(self._world, lease, release, wished, head_start):
                return
            head_start = None
            self._world.mail.tell()
            async with self._world.store.read() as session:
                release = await releases.get(session, lease.release_id)
                wished = await wishes.open_ones(session, lease.release_id)

    async def _claim(
        self, release_id: str, *, force: bool
    ) -> tuple[Lease, Release, list[Wish]] | None:
        """Take the lease, then read: what was read before may be a dead tick's past."""
        world = self._world
        async with world.store.write() as session:
            seen = await releases.get(session, release_id)
            if seen is None or seen.ended:
                return await self._past_its_end(release_id, seen, session)
            lease = await leases.claim(
                session, release_id, _place(seen), world.owner, world.clock.real(), force=force
            )
            release = await releases.get(session, release_id)
            if lease is None or release is None:
                self._elsewhere[release_id] = monotonic() + ASK_AGAIN_SECONDS
                return None
            if release.ended or _place(release) != lease.place:
                # Its holder got it further while this waited; its row is due again as that says.
                await leases.hold(session, lease, None)
                return None
            wished = await wishes.open_ones(session, release_id)
        world.metrics.claimed(lease.taken_from, world.owner)
        return lease, release, wished

    async def _past_its_end(
        self, release_id: str, release: Release | None, session: Session
    ) -> tuple[Lease, Release, list[Wish]] | None:
        """An ended release is due once more: when its rollback window closes, its card changes.

        Where its old slot is to be made smaller then, the target's lease is needed for that.
        """
        if release is None:
            return None
        place = (release.service, release.environment)
        self._seen.pop(place, None)
        now = self._world.clock.now()
        if release.window_until is not None and now < release.window_until:
            return None
        await wishes.take_all(session, release_id, now)
        if release.window_until is not None:
            channel = release.asker.channel
            await cards.want(session, release_id, channel, now, urgent=False)
            if afterwards.is_wanted(release):
                due = release.window_until + afterwards.LATER
                if now >= due:
                    return await self._claimed_after(session, release_id, place)
                await releases.update_row(session, release, due)
                return None
        await releases.update_row(session, release, None)
        return None

    async def _claimed_after(
        self, session: Session, release_id: str, place: tuple[str, str]
    ) -> tuple[Lease, Release, list[Wish]] | None:
        """Take the target's lease, then read: a rollback may have come to it meanwhile."""
        world = self._world
        lease = await leases.claim(session, release_id, place, world.owner, world.clock.real())
        release = await releases.get(session, release_id)
        if lease is None or release is None:
            self._elsewhere[release_id] = monotonic() + ASK_AGAIN_SECONDS
            return None
        return lease, release, []

    @asynccontextmanager
    async def _renewed(self, lease: Lease) -> AsyncIterator[None]:
        """Keep the lease while the work goes on. The fence guards; this only keeps others away.

        Where something outside gave no answer the lease is given back: nobody is to wait for it.
        """
        renewing = asyncio.create_task(self._renew(lease))
        silent = False
        try:
            yield
        except TemporaryError as error:
            silent = not isinstance(error, StoreError)
            raise
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            if silent:
                await self._give_back(lease)

    async def _give_back(self, lease: Lease) -> None:
        try:
            async with self._world.store.write() as session:
                await leases.hold(session, lease, None)
        except (StaleLeaseError, TemporaryError) as error:
            log.info("lease_left", error=str(error))

    async def _renew(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with self._world.store.write() as session:
                    until = self._world.clock.real() + leases.LEASE
                    await leases.renew(session, lease, until)
            except StaleLeaseError:
                return
            except TemporaryError as error:
                log.warning("lease_not_renewed", error=str(error))


def _place(release: Release) -> tuple[str, str] | None:
    """Whose lease guards a release: its target's once it holds that, else its own row's."""
    return (release.service, release.environment) if release.state in UNDER_WAY else None
