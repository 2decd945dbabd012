"""Rollouts of Argo Rollouts (`argoproj.io/v1alpha1`), read: where an update is, and where it goes.

Used by `rollout_slots` and `traffic.argo`. Pure. The bot knows two slots, and a Rollout has a
stable and a canary ReplicaSet. An annotation says which slot was stable when the bot last set an
image (`blue=6b566f47b7`: blue, with that pod template hash). While that hash is stable, that slot
is; once another one is, the canary has become stable, and so the other slot.
"""

from dataclasses import dataclass
from typing import Any

from bot.domain.catalog import Slot, other_slot
from integrations.kubernetes.objects import Object, annotations

SLOTS_MARK = "release-bot/slots"
"""Annotation on a Rollout: the slot that is stable, and its pod template hash."""

HASH = "rollouts-pod-template-hash"
"""Label of pods, and in the selectors of both Services: which ReplicaSet is meant."""

ALL = 100
PAUSED, DEGRADED = "Paused", "Degraded"


@dataclass(frozen=True)
class Rollout:
    """What a Rollout says of itself."""

    item: Object

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.item["metadata"]["name"])

    @property
    def status(self) -> Object:
        """Its status; empty where the controller has not seen it yet."""
        return self.item.get("status") or {}

    @property
    def canary_spec(self) -> Object:
        """`spec.strategy.canary`; empty where it has another strategy."""
        return (self.item["spec"].get("strategy") or {}).get("canary") or {}

    @property
    def steps(self) -> list[Object]:
        """Steps of an update."""
        return list(self.canary_spec.get("steps") or ())

    @property
    def replicas(self) -> int:
        """Pods that it wants in all; 1 where it doesn't say."""
        said = self.item["spec"].get("replicas")
        return 1 if said is None else int(said)

    @property
    def template(self) -> Object | None:
        """Its pod template; None where it takes another object's (workloadRef)."""
        found: Object | None = self.item["spec"].get("template")
        return None if self.item["spec"].get("workloadRef") else found

    # Which ReplicaSet is which slot.

    @property
    def stable(self) -> str | None:
        """Hash of the version that serves; None before the first one has come up."""
        return self.status.get("stableRS") or None

    @property
    def canary(self) -> str | None:
        """Hash of the version that an update brings; None while there is no update."""
        current = self.status.get("currentPodHash")
        return current if self.stable and current != self.stable else None

    @property
    def stable_slot(self) -> Slot:
        """The slot whose pods are stable; blue where the bot has never set an image."""
        slot, _, known = annotations(self.item).get(SLOTS_MARK, "").partition("=")
        named: Slot = "green" if slot == "green" else "blue"
        return named if not known or known == self.stable else other_slot(named)

    def hash_of(self, slot: Slot) -> str | None:
        """Hash of a slot's pods; None where it has none."""
        return self.stable if slot == self.stable_slot else self.canary

    def slot_of(self, pod_hash: str | None) -> Slot | None:
        """Name the slot with that hash."""
        if pod_hash is not None and pod_hash == self.stable:
            return self.stable_slot
        canary = pod_hash is not None and pod_hash == self.canary
        return other_slot(self.stable_slot) if canary else None

    # Where the controller is.

    @property
    def observed(self) -> bool:
        """Whether the status is about the present spec. Argo writes the generation as text."""
        said = str(self.status.get("observedGeneration") or "")
        if not said.isdecimal():
            # Before v0.10 it was a hash.
            return bool(said)
        return int(said) >= int(self.item["metadata"].get("generation", 1))

    @property
    def leaves_pause(self) -> bool:
        """Whether somebody ended a pause and the controller has not followed yet."""
        return bool(self.status.get("controllerPause")) and not self.status.get("pauseConditions")

    @property
    def index(self) -> int:
        """Step that it is at; the number of steps when all are done."""
        return int(self.status.get("currentStepIndex") or 0)

    @property
    def aborted(self) -> bool:
        """Whether an update was aborted, by whomever."""
        return bool(self.status.get("abort")) and self.canary is not None

    @property
    def by_hand(self) -> bool:
        """Whether somebody paused it in its spec."""
        return bool(self.item["spec"].get("paused"))

    @property
    def stands(self) -> bool:
        """Whether it has reached a pause and waits there."""
        there = self.index < len(self.steps) and "pause" in self.steps[self.index]
        return there and self.observed and bool(self.status.get("pauseConditions"))

    @property
    def degraded(self) -> str | None:
        """What it says is wrong, if anything is, and that is about the present spec."""
        current = self.observed and not self.leaves_pause
        if not current or self.status.get("phase") != DEGRADED:
            return None
        return str(self.status.get("message") or "no reason given")

    @property
    def says(self) -> str:
        """Its phase and message, as it writes them: `Paused: CanaryPauseStep`."""
        parts = (self.status.get("phase"), self.status.get("message"))
        return ": ".join(str(part) for part in parts if part) or "it says nothing"

    # Shares of traffic.

    @property
    def goal(self) -> int | None:
        """The canary's share at the pause where it is or which it goes to; None: can't be said.

        After the last pause it becomes stable, and has all.
        """
        if self.canary is None or self.aborted:
            return 0
        if self.by_hand:
            return None
        if self.status.get("promoteFull"):
            return ALL
        begin = self.index
        if begin < len(self.steps) and "pause" in self.steps[begin] and self.leaves_pause:
            begin += 1
        return next((share for at, share in self.stops() if at >= begin), ALL)

    def stops(self) -> list[tuple[int, int]]:
        """List the pauses: place among the steps, and the canary's share there."""
        share, found = 0, []
        for at, step in enumerate(self.steps):
            share = int(step["setWeight"]) if step.get("setWeight") is not None else share
            if "pause" in step:
                found.append((at, share))
        return found

    def way_to(self, share: int) -> int | None:
        """Give the step from which on it goes to the pause with that share; None: there is none."""
        begin = 0
        for at, there in self.stops():
            if there == share:
                return begin
            begin = at + 1
        return None

    @property
    def share(self) -> int | None:
        """The canary's share as the traffic router was last told; None where that isn't said."""
        weights: Any = (self.status.get("canary") or {}).get("weights") or {}
        said = (weights.get("canary") or {}).get("weight")
        return None if said is None else int(said)

    @property
    def is_verified(self) -> bool:
        """Whether the router did not say that it has not followed."""
        weights = (self.status.get("canary") or {}).get("weights") or {}
        return weights.get("verified") is not False
