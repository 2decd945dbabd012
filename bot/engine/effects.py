"""Intents, and head starts: what is about to be done outside, written before it is (DESIGN §4.3).

Used by the steps, and by decisions that begin a way back in the transaction that stores the wish.
"""

import asyncio
from dataclasses import dataclass

from bot.domain.audit import AuditTag
from bot.domain.catalog import Slot
from bot.domain.plans import PlanStep
from bot.domain.releases import Progress, Release
from bot.domain.targets import Target
from bot.engine.world import World
from bot.errors import PermanentError, TemporaryError
from bot.ports import Cluster, Glance
from bot.store import audit, intents
from bot.store.intents import Intent
from bot.store.leases import Lease
from bot.store.session import Session

TRAFFIC = "traffic"
"""The effect of a `shift`: shares of traffic are set."""


_TURNS_TO_SEND = 3
"""The task begins, its requests begin beside each other, and each is written."""


class EarlyLook:
    """A glance at the cluster that begins with a click, beside what the store has to do.

    The write that follows tests what was seen, so a look from before the claim is as good as one
    from after it. One that failed is made again by whoever needs it.
    """

    def __init__(self, cluster: Cluster, target: Target, slot: Slot) -> None:
        self._task = asyncio.create_task(_glance(cluster, target, slot))

    async def sent(self) -> None:
        """Let the requests go out: the store's work gives the loop no turn (`store.sqlite`)."""
        for _ in range(_TURNS_TO_SEND):
            await asyncio.sleep(0)

    async def result(self) -> Glance | None:
        """Wait for what was seen; None where the look failed."""
        return await self._task


async def _glance(cluster: Cluster, target: Target, slot: Slot) -> Glance | None:
    try:
        return await cluster.glance(target, slot)
    except (TemporaryError, PermanentError):
        return None


@dataclass(frozen=True)
class HeadStart:
    """Work that a decision has begun: its lease is claimed, and these effects are intended.

    The reconciler goes on from there without a claim and an intent of its own. Where the process
    dies first, the row is due and the tick that finds it looks before it acts, as always.
    """

    lease: Lease
    release: Release
    intended: frozenset[str]
    early: EarlyLook | None = None

    async def glance(self) -> Glance | None:
        """Give what the early look saw, if there was one and it saw anything."""
        return await self.early.result() if self.early else None


def key(progress: Progress, name: str) -> str:
    """Name an effect of the present step: one key for each effect of each release."""
    return f"{progress.track}:{progress.step}:{name}"


async def intend(
    session: Session, world: World, lease: Lease, release: Release, name: str, *, about: str
) -> Intent:
    """Write down what the present step is about to do. The caller holds the lease in here."""
    now = world.clock.now()
    step: PlanStep = release.steps()[release.progress.step]
    intent = Intent(release_id=release.id, effect=key(release.progress, name), at=now)
    await intents.put(session, intent)
    await audit.append(
        session,
        AuditTag.STEP_INTENDED,
        release.id,
        now,
        step=step.kind,
        effect=intent.effect,
        about=about,
        fence=lease.fence,
    )
    return intent
