"""What a step is given: its release, the outside, and the intents (check, then act; §4.3)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.domain.catalog import Slot
from bot.domain.facts import PodTrouble, SlotFact
from bot.domain.outcomes import Failed, Held
from bot.domain.plans import Plan, PlanStep
from bot.domain.reasons import Reason
from bot.domain.releases import Progress, Release
from bot.engine import effects
from bot.engine.effects import HeadStart
from bot.engine.record import advance
from bot.engine.world import World
from bot.errors import ConflictError, PermanentError
from bot.ports import Glance
from bot.store import intents, leases
from bot.store.intents import Intent
from bot.store.leases import Lease
from bot.views import lines
from bot.views.words import took

log = structlog.get_logger()

MARKED = "marked"
"""What came of an effect that changed nothing but the mark."""


@dataclass
class Work:
    """One try at one step. `lease` is the proof that the release is ours to work on."""

    world: World
    lease: Lease
    release: Release
    plan: Plan
    step: PlanStep
    head_start: HeadStart | None = None
    """What the decision which began this did already, under this same lease."""
    said: list[str] = field(default_factory=list)
    """Lines for the thread that an effect earned before the step was done."""

    @property
    def now(self) -> datetime:
        """The moment, by the world's clock."""
        return self.world.clock.now()

    @property
    def progress(self) -> Progress:
        """How far the release is."""
        return self.release.progress

    @property
    def forward(self) -> bool:
        """Whether this is the way forward, not the way back."""
        return self.progress.track == "forward"

    @property
    def since(self) -> datetime:
        """When the step began."""
        return self.progress.since or self.now

    @property
    def where(self) -> str:
        """Name the step's slot for people."""
        return self.plan.where(self.step.slot)

    def overdue(self) -> Failed | None:
        """Fail with `deadline` where the step has taken longer than the plan allows."""
        limit = timedelta(seconds=self.plan.timeout)
        if not self.forward or self.now - self.since < limit:
            return None
        return Failed(
            Reason.DEADLINE,
            f"Step {self.step.kind} was not done after {took(limit)}.",
        )

    def effect(self, name: str) -> str:
        """Name an effect of this step: one key for each effect of each release."""
        return effects.key(self.progress, name)

    async def intent(self, name: str) -> Intent | None:
        """Read what this step was about to do, if it ever was."""
        async with self.world.store.read() as session:
            return await intents.get(session, self.release.id, self.effect(name))

    async def has_written(self, name: str) -> bool:
        """Whether this step has done that effect: what it was done to bears our mark then."""
        intent = await self.intent(name)
        return intent is not None and intent.result is not None

    async def mark(self, name: str, write: Callable[[], Awaitable[None]], *, about: str) -> None:
        """Put our mark on what is right already, by a write that changes nothing else.

        A process may be frozen right before its patch, and the patch would still be taken when it
        wakes. Where the bot may not patch at all, no such process may either.
        """
        await self.intend(name, about=about)
        try:
            await write()
        except ConflictError:
            raise
        except PermanentError as error:
            log.info("mark_refused", effect=name, error=str(error))
        await self.record(name, MARKED)

    async def intend(self, name: str, *, about: str, moved: bool = False) -> Intent:
        """Write down what is about to be done. Raises StaleLeaseError if it is not ours to do."""
        if self.head_start and name in self.head_start.intended:
            return Intent(release_id=self.release.id, effect=self.effect(name), at=self.now)
        changed = self.release
        if moved and not self.progress.moved:
            progress = self.progress.model_copy(update={"moved": True})
            changed = self.release.model_copy(update={"progress": progress})
        async with self.world.store.write() as session:
            await leases.hold(session, self.lease, self.world.clock.real() + leases.LEASE)
            intent = await effects.intend(
                session, self.world, self.lease, self.release, name, about=about
            )
            if changed is not self.release:
                await advance(session, self.release, changed, self.now, due_at=self.now)
        self.release = changed
        return intent

    async def record(self, name: str, result: str) -> None:
        """Write down what came of it."""
        async with self.world.store.write() as session:
            await leases.hold(session, self.lease, self.world.clock.real() + leases.LEASE)
            await intents.record(session, self.release.id, self.effect(name), result, self.now)

    async def retract(self, name: str, *, unmoved: bool = False) -> None:
        """Forget an intent of which it is certain that it had no effect.

        `unmoved`: what `intend` noted as moved by it is forgotten too.
        """
        changed = self.release.progressed({"moved": False}) if unmoved else self.release
        async with self.world.store.write() as session:
            await leases.hold(session, self.lease, self.world.clock.real() + leases.LEASE)
            await intents.retract(session, self.release.id, self.effect(name))
            if changed != self.release:
                await advance(session, self.release, changed, self.now, due_at=self.now)
        self.release = changed

    async def look_at(self, slot: Slot) -> SlotFact:
        """Read one slot from the cluster."""
        return await self.world.cluster.look_at_slot(self.plan.target, slot)

    def needed(self, live: SlotFact) -> int:
        """How many pods the step's slot must have.

        By the largest size of the live slot: as its traffic goes, an autoscaler makes it smaller.
        0: Argo Rollouts decides, and the slot is rolled out when it has what that wants.
        """
        if self.plan.target.is_rollout:
            return 0
        full = max(live.wanted, self.progress.full)
        return max(1, -(-full * self.step.share // 100))

    async def glance(self) -> Glance:
        """Read what a way back needs first; a look that began with the click is as good."""
        early = await self.head_start.glance() if self.head_start else None
        return early or await self.world.cluster.glance(self.plan.target, self.step.slot)

    def newer_mark(self, what: str, fence: int | None) -> Held | None:
        """Hold where an object bears a fence from the future: the database is an old backup."""
        if fence is None or fence <= self.lease.fence:
            return None
        return Held(
            f"{what} bears fence {fence}, and this database knows only {self.lease.fence}: "
            "it was written by a newer state of the bot."
        )


REASONS = {
    "CrashLoopBackOff": Reason.PODS_CRASH,
    "OOMKilled": Reason.PODS_CRASH,
    "RunContainerError": Reason.PODS_CRASH,
    "ImagePullBackOff": Reason.IMAGE_UNPULLABLE,
    "ErrImagePull": Reason.IMAGE_UNPULLABLE,
    "InvalidImageName": Reason.IMAGE_UNPULLABLE,
    "CreateContainerConfigError": Reason.PODS_MISCONFIGURED,
    "CreateContainerError": Reason.PODS_MISCONFIGURED,
    "Unschedulable": Reason.PODS_UNSCHEDULABLE,
    "QuotaExceeded": Reason.PODS_NOT_MADE,
    "FailedCreate": Reason.PODS_NOT_MADE,
    "RolloutAborted": Reason.ROLLOUT_FAILED,
    "InvalidSpec": Reason.ROLLOUT_FAILED,
}
"""The cluster's words for pods that won't come right by waiting, and our reasons."""


def failing(where: str, trouble: PodTrouble) -> Failed:
    """Fail because of a pod."""
    reason = REASONS.get(trouble.word, Reason.PODS_UNREADY)
    # What could not be made has no name yet.
    changes = {} if reason is Reason.PODS_NOT_MADE else {"pod": trouble.pod}
    return Failed(reason, lines.pod_trouble(where, trouble), changes)
