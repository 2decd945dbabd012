"""Delivers events to the catalogue's sinks: at least once, and in order for one service.

A loop of its own. Each delivery is a task of its own and waits for nothing but its sink, so that
a slow sink holds up neither Slack nor another sink. What a dead process had claimed is sent again
when its claim has run out: a sink knows a repeat by the event's id.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from time import monotonic

import structlog

from bot.domain.catalog import Catalog
from bot.domain.deliveries import Delivery
from bot.engine.at_work import AtWork
from bot.engine.faults import fault_id
from bot.engine.world import Wake, World
from bot.errors import PermanentError, TemporaryError
from bot.ports import EventSink
from bot.store import catalogs, events

log = structlog.get_logger()

AT_ONCE = 16
"""Most deliveries under way to one sink: each is another service's."""

MARGIN_SECONDS = 5.0
"""How much longer a claim lasts than a sink has: a try is over before another may begin."""

Key = tuple[str, str]


class EventPost:
    """Sends what is due, in tasks beside each other; the row says who is at it."""

    def __init__(self, world: World, sink: EventSink) -> None:
        self._world = world
        self._sink = sink
        self._wake = Wake()
        self.at_work: AtWork[Key, Delivery] = AtWork(self._wake.ring)
        self._fingerprint: tuple[Catalog, str] | None = None

    async def run(self) -> None:
        """Work until the process ends."""
        while self._wake.open:
            pause: float | None = None
            try:
                await self.send_due()
                pause = await self._till_next()
            except TemporaryError as error:
                log.warning("database_unreachable", error=str(error))
            await self._wake.rest(pause)

    def close(self) -> None:
        """Let the loop end when its present turn is over."""
        self._wake.close()

    async def _till_next(self) -> float | None:
        """Seconds until the next is due. What is due now is under way, and rings."""
        now = self._world.clock.now()
        async with self._world.store.read() as session:
            due = await events.next_due(session, after=now)
        return (due - now).total_seconds() if due else None

    async def send_due(self) -> int:
        """Begin to send what may be sent now; count it."""
        clock = self._world.clock
        async with self._world.store.read() as session:
            due = await events.due_sinks(session, clock.now(), clock.real())
        sinks = self._world.catalog().events.sinks
        for name in due - sinks.keys():
            await self._bury(name)
        busy = Counter(sink for _, sink in self.at_work)
        free = {name: AT_ONCE - busy[name] for name in sorted(due & sinks.keys())}
        return await self._take({name: room for name, room in free.items() if room > 0})

    async def _take(self, free: dict[str, int]) -> int:
        """Claim so many for each sink, in one transaction, and begin them."""
        if not free:
            return 0
        clock, limits = self._world.clock, self._world.limits
        taken: list[Delivery] = []
        claimed_at = monotonic()
        async with self._world.store.write() as session:
            real = clock.real()
            until = real + timedelta(seconds=limits.sink + MARGIN_SECONDS)
            for name, room in free.items():
                taken += await events.claim(session, name, clock.now(), real, until, room)
        for delivery in taken:
            self._begin(delivery, claimed_at)
        return len(taken)

    def _begin(self, delivery: Delivery, claimed_at: float) -> None:
        key = (delivery.event.id, delivery.sink)
        self.at_work.begin(key, delivery, self._guarded(delivery, claimed_at))

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self.at_work.settle()

    async def stop(self) -> None:
        """Let what is under way end soon; give the rest back: whoever lives on sends it again."""
        left = await self.at_work.end()
        if not left:
            return
        try:
            async with self._world.store.write() as session:
                await events.give_back(session, left)
        except TemporaryError as error:
            log.warning("claims_left", error=str(error))

    async def _guarded(self, delivery: Delivery, claimed_at: float) -> None:
        try:
            await self._deliver(delivery, claimed_at)
        except TemporaryError as error:
            # What came of it could not be written down: it is sent again when its claim runs out.
            log.warning("event_outcome_lost", error=str(error), **_named(delivery))
        except Exception:
            log.exception("event_outcome_lost", error_id=fault_id(), **_named(delivery))

    async def _deliver(self, delivery: Delivery, claimed_at: float) -> None:
        """Send it once, and write down what came of it."""
        sink = self._world.catalog().events.sinks.get(delivery.sink)
        if sink is None or monotonic() - claimed_at > MARGIN_SECONDS:
            # The catalogue has changed since; or this process was frozen, and its claim is old.
            return
        seconds = self._world.limits.sink
        try:
            async with asyncio.timeout(seconds):
                await self._sink.send(sink, delivery.event, delivery.service)
        except TimeoutError:
            await self._failed(delivery, f"no answer for {seconds:g} s", refused=False)
        except TemporaryError as error:
            await self._failed(delivery, str(error), refused=False)
        except PermanentError as error:
            await self._failed(delivery, str(error), refused=True)
        except Exception:
            error_id = fault_id()
            log.exception("event_failed", error_id=error_id, **_named(delivery))
            await self._failed(delivery, f"a fault of the bot, {error_id}", refused=False)
        else:
            async with self._world.store.write() as session:
                await events.delivered(session, delivery, self._world.clock.now())
            log.info("event_delivered", attempts=delivery.attempts, **_named(delivery))

    async def _failed(self, delivery: Delivery, error: str, *, refused: bool) -> None:
        """Try again later, or give it up where the limit is reached."""
        limits, now = self._world.limits, self._world.clock.now()
        refusals = delivery.refusals + 1 if refused else 0
        over = delivery.attempts >= limits.event_tries or refusals >= limits.event_refusals
        async with self._world.store.write() as session:
            if over:
                await events.dead(session, delivery, now, error)
            else:
                pause = self._refused_pause(refusals) if refused else self._pause(delivery.attempts)
                at = now + pause
                await events.later(session, delivery, at, error, refused=refused)
        if over:
            log.error("event_dead", attempts=delivery.attempts, error=error, **_named(delivery))
        else:
            log.warning("event_waits", attempts=delivery.attempts, error=error, **_named(delivery))

    def _pause(self, attempts: int) -> timedelta:
        """How long to wait after so many tries: twice as long each time, up to the most."""
        limits = self._world.limits
        doublings = min(attempts - 1, 30)
        return min(limits.event_pause * (1 << doublings), limits.event_pause_most)

    def _refused_pause(self, refusals: int) -> timedelta:
        """How long to wait after so many refusals in a row, twice as long each time.

        A sink that is being rolled out, or whose key is changed, refuses for minutes.
        """
        return self._world.limits.event_refused_pause * (1 << min(refusals - 1, 30))

    async def _bury(self, sink: str) -> None:
        """Give up what waits for a sink that left the catalogue; who has an old one leaves it."""
        own = self._own_fingerprint()
        async with self._world.store.write() as session:
            if await catalogs.newest_fingerprint(session) != own:
                return
            why = f"the catalogue has no sink {sink} any more"
            count = await events.bury(session, sink, self._world.clock.now(), why)
        log.error("events_dead", sink=sink, count=count, error=why)

    def _own_fingerprint(self) -> str:
        """Fingerprint of the catalogue that this process has; made once for each."""
        catalog = self._world.catalog()
        if self._fingerprint is None or self._fingerprint[0] is not catalog:
            self._fingerprint = (catalog, catalog.fingerprint())
        return self._fingerprint[1]


def _named(delivery: Delivery) -> dict[str, str]:
    """Name a delivery for the log."""
    return {
        "type": delivery.event.type,
        "event_id": delivery.event.id,
        "sink": delivery.sink,
        "service": delivery.service,
    }
