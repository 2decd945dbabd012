"""Answers the jobs that wait at GitHub for the bot's word: claim, look, judge, answer, record.

A loop of its own, like `host_view`: GitHub away holds no release up. What is done for one job is in
`gatekeeping`. GitHub lets a job that gets no answer wait for 30 days: silence is never a yes.
"""

from datetime import timedelta
from time import monotonic

import structlog

from bot.engine.at_work import AtWork
from bot.engine.faults import fault_id
from bot.engine.gatekeeping import look
from bot.engine.world import Wake, World
from bot.errors import StaleLeaseError, StoreError, TemporaryError
from bot.store import protections
from bot.store.protections import Held

log = structlog.get_logger()

AT_ONCE = 3
"""Most jobs that are looked at at a time."""

CLAIM = timedelta(seconds=60)
"""How long a claim lasts, in real time; a process that is killed leaves it behind."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds that a try waits at the least and at the most while something does not answer."""

AFTER_A_BUG = timedelta(minutes=10)
"""How long a job is left alone after a look at it ended with a bug."""


class GateKeeper:
    """Looks at what is due, a few at a time; the row says who is at it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wake = Wake()
        self.at_work: AtWork[str, Held] = AtWork(self._wake.ring)

    async def run(self) -> None:
        """Work until the process ends."""
        while self._wake.open:
            try:
                await self.send_due()
            except TemporaryError as error:
                log.warning("database_unreachable", error=str(error))
            await self._wake.rest()

    def close(self) -> None:
        """Let the loop end when its present turn is over."""
        self._wake.close()

    async def send_due(self) -> int:
        """Begin to look at what is due; count it."""
        clock, room = self._world.clock, AT_ONCE - len(self.at_work)
        async with self._world.store.read() as session:
            if room <= 0 or not await protections.anything_due(session, clock.now(), clock.real()):
                return 0
        claimed_at = monotonic()
        async with self._world.store.write() as session:
            real = clock.real()
            rows = await protections.claim(session, clock.now(), real, real + CLAIM, room)
        for held in rows:
            self.at_work.begin(held.key, held, self._guarded(held, claimed_at))
        return len(rows)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self.at_work.settle()

    async def stop(self) -> None:
        """Let what is under way end soon; give the rest back: whoever lives on looks first."""
        left = await self.at_work.end()
        try:
            for held in left:
                await self._later(held, timedelta(0))
        except TemporaryError as error:
            log.warning("claims_left", error=str(error))

    async def _guarded(self, held: Held, claimed_at: float) -> None:
        """Look at it; whatever happens, it is looked at again."""
        run = held.case.ask.run
        try:
            await look(self._world, held, claimed_at)
        except StaleLeaseError:
            log.info("claim_lost", run=run)
        except StoreError as error:
            log.warning("protection_outcome_lost", run=run, error=str(error))
        except TemporaryError as error:
            pause = min(FIRST_PAUSE * 2.0 ** min(held.attempts - 1, 9), LONGEST_PAUSE)
            log.warning("protection_waits", run=run, error=str(error))
            await self._again(held, timedelta(seconds=max(error.delay, pause)))
        except Exception:
            log.exception("protection_failed", run=run, error_id=fault_id())
            await self._again(held, AFTER_A_BUG)

    async def _again(self, held: Held, pause: timedelta) -> None:
        try:
            await self._later(held, pause)
        except TemporaryError as error:
            # Its claim runs out, and whoever is alive then takes it up.
            log.warning("protection_outcome_lost", run=held.case.ask.run, error=str(error))

    async def _later(self, held: Held, pause: timedelta) -> None:
        async with self._world.store.write() as session:
            await protections.later(session, held, self._world.clock.now() + pause)
