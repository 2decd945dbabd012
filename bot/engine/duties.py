"""A duty of this process, kept as long as it works: one of all replicas speaks in Slack (§5).

Used by the outbox. Slack's limits hold for the workspace and for each channel, so that only who
sends alone can keep them. A process that was frozen for longer than its lease finds out by the
monotonic clock before it sends, whatever it believed before.
"""

from time import monotonic

import structlog

from bot.engine.world import World
from bot.errors import StaleLeaseError
from bot.store import duties

log = structlog.get_logger()

RENEW_SECONDS = 1.0
"""How old a claim may be before it is renewed."""

MARGIN_SECONDS = 0.5
"""Before the lease's end nothing more is begun: another may take over at its end."""


class Duty:
    """One duty. On SQLite there is one process, and it has every duty."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self._claimed_at: float | None = None

    async def held(self) -> bool:
        """Claim or renew the duty where that is due; whether it is this process's."""
        if self._world.store.is_sqlite:
            return True
        now = monotonic()
        if self._claimed_at is not None and now - self._claimed_at < RENEW_SECONDS:
            return True
        before = self._claimed_at
        async with self._world.store.write() as session:
            real = self._world.clock.real()
            fence = await duties.claim(session, self._name, self._world.owner, real)
        # The lease counts from before the database was asked.
        self._claimed_at = now if fence is not None else None
        if (before is None) != (fence is None):
            log.info("duty_taken" if fence is not None else "duty_lost", duty=self._name)
        return fence is not None

    def check(self) -> None:
        """Look once more before an effect. Raises StaleLeaseError where the time has run out."""
        if self._world.store.is_sqlite:
            return
        left = duties.DUTY.total_seconds() - MARGIN_SECONDS
        if self._claimed_at is None or monotonic() - self._claimed_at >= left:
            self._claimed_at = None
            raise StaleLeaseError(self._name)
