"""Intents, and head starts: what is about to be done outside, written before it is (DESIGN §4.3).

Used by the steps, and by decisions that begin a way back in the transaction that stores the wish.
"""

from dataclasses import dataclass

from bot.domain.audit import AuditTag
from bot.domain.plans import PlanStep
from bot.domain.releases import Progress, Release
from bot.engine.world import World
from bot.store import audit, intents
from bot.store.intents import Intent
from bot.store.leases import Lease
from bot.store.session import Session

TRAFFIC = "traffic"
"""The effect of a `shift`: shares of traffic are set."""


@dataclass(frozen=True)
class HeadStart:
    """Work that a decision has begun: its lease is claimed, and these effects are intended.

    The reconciler goes on from there without a claim and an intent of its own. Where the process
    dies first, the row is due and the tick that finds it looks before it acts, as always.
    """

    lease: Lease
    release: Release
    intended: frozenset[str]


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
