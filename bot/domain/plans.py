"""A plan: what a release would do, step by step. Immutable; people approve its digest."""

from typing import Literal

from pydantic import Field

from bot.domain.catalog import IN_PLACE, Slot, other_slot
from bot.domain.policies import StrategyKind
from bot.domain.smoke import CheckList
from bot.domain.targets import BASELINE, Target
from bot.domain.value import Value, canonical, digest, unused

StepKind = Literal[
    "dispatch",
    "deploy",
    "scale",
    "verify",
    "smoke",
    "baseline",
    "shift",
    "bake",
    "restore",
    "settle",
]


class PlanStep(Value):
    """One idempotent action. Which fields matter depends on the kind; see `engine/steps/`."""

    kind: StepKind
    slot: Slot
    weight: int | None = None
    """For `shift`: the slot's share of traffic afterwards, in per cent."""
    seconds: int | None = None
    """For `bake`: how long to watch."""
    workflow: str | None = None
    """For `dispatch` and `smoke`: the workflow's file name. For `deploy`: who set the image."""
    watch: bool = False
    """For `bake`: this is the watch at 100 %, after which the release settles."""
    share: int = 100
    """For `deploy`, `scale`, `verify` and `shift`: per cent of the live slot's size that the slot
    must have. For `baseline`: as much of it is made anew to compare with; 0 takes it away."""
    judged: bool = False
    """For `bake`: the new slot's metrics are compared with the old one's meanwhile."""
    hold: bool = False
    """For `bake`: at its end it waits for a person's Promote."""
    cronjob: str | None = Field(default=None, exclude_if=unused)
    """For `smoke`: the suspended CronJob whose Job is started."""
    checks: CheckList | None = Field(default=None, exclude_if=unused)
    """For `smoke`: the HTTP checks that are made."""


class Plan(Value):
    """Everything that a release does, and from what it was derived.

    `previous` is what a rollback goes back to: the version live before. `rules` is the digest
    of the catalogue's part, so that a changed policy makes another plan. What an autoscaler may
    change at any time (counts of replicas) is read when the step acts and is not in here.
    """

    kind: Literal["release", "rollback"]
    target: Target
    version: str
    tag: str | None
    commit: str | None
    image: str | None
    previous: str | None
    previous_commit: str | None
    previous_image: str | None
    strategy: StrategyKind
    repository: str
    live: Slot
    steps: tuple[PlanStep, ...]
    rules: str
    window: int
    """Rollback window in seconds."""
    timeout: int
    """Seconds that a step before traffic may take in all before it fails with `deadline`."""
    emergency: bool = Field(default=False, exclude_if=unused)
    """It was asked for as an emergency: who approves it approves that too."""

    @property
    def in_place(self) -> bool:
        """Whether the version takes the place of the one before, where that one runs."""
        return self.strategy in IN_PLACE

    @property
    def goes_to(self) -> Slot:
        """The slot that the version goes to: the idle one; in place, that which serves."""
        return self.live if self.in_place else other_slot(self.live)

    @property
    def has_pods(self) -> bool:
        """Whether there is a Deployment in the cluster for the bot to look at."""
        return any(step.kind in ("verify", "shift") for step in self.steps)

    @property
    def has_baseline(self) -> bool:
        """Whether the new version is compared with a fresh copy of the one that is live."""
        return any(step.kind == BASELINE for step in self.steps)

    @property
    def control(self) -> str:
        """What the new slot is compared with, by its name in indicators and for people."""
        return BASELINE if self.has_baseline else self.live

    def where(self, slot: Slot) -> str:
        """Name a slot for people: where there is but one copy, by its Deployment."""
        return self.target.where(slot)

    def text(self) -> str:
        """Canonical bytes of the plan; stored as they are, and the digest is over them."""
        return canonical(self.model_dump(mode="json"))


def plan_digest(text: str) -> str:
    """Digest over a plan's stored bytes, never over bytes that newer code would write."""
    return digest(text)


def short_digest(full: str) -> str:
    """The eight characters that buttons and people use."""
    return full[:8]
