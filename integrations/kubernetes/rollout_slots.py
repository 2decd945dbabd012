"""The two slots of a Rollout: its stable and its canary ReplicaSet, and the image that it wants.

Used by `cluster` where Argo Rollouts runs the pods. What a slot is, `rollouts` says; how it is
judged is as for Deployments (`objects`). Where there is no update the idle slot is there without
pods, with the image in the Rollout's template: setting the stable image there again restores it.
"""

import asyncio

from bot.domain.catalog import Slot
from bot.domain.facts import PodTrouble, SlotFact
from bot.domain.targets import Target
from bot.errors import ConflictError, MissingError, PermanentError
from bot.ports import SlotPatch
from integrations.kubernetes import objects, patches
from integrations.kubernetes.kinds import REPLICA_SETS, ROLLOUTS
from integrations.kubernetes.objects import Object
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.rollouts import HASH, SLOTS_MARK, Rollout


class RolloutSlots:
    """Reads slots, and says what patch sets an image."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def rollout(self, target: Target) -> Object:
        """Read the Rollout. Raises MissingError where it isn't there."""
        return await self._reader.item(target, ROLLOUTS, target.route or "")

    async def slot(self, target: Target, slot: Slot) -> tuple[SlotFact, Object]:
        """Read one slot, and the Rollout that it was read from."""
        item = await self.rollout(target)
        rollout = Rollout(item)
        own = rollout.hash_of(slot)
        if own is None:
            return slot_fact(slot, target, rollout, None, []), item
        replica_set, pods = await asyncio.gather(
            self._replica_set(target, f"{rollout.name}-{own}"),
            self._reader.pods(target, objects.match_labels(item) | {HASH: own}),
        )
        return slot_fact(slot, target, rollout, replica_set, pods), item

    async def pods(self, target: Target, slot: Slot) -> list[Object]:
        """List a slot's pods. Raises MissingError where there is no Rollout."""
        item = await self.rollout(target)
        own = Rollout(item).hash_of(slot)
        if own is None:
            return []
        return await self._reader.pods(target, objects.match_labels(item) | {HASH: own})

    async def _replica_set(self, target: Target, name: str) -> Object | None:
        try:
            return await self._reader.item(target, REPLICA_SETS, name)
        except MissingError:
            # The controller names a hash before it has made the ReplicaSet.
            return None

    async def set_image(
        self, target: Target, seen: SlotFact, patch: SlotPatch, fence: int, release: str
    ) -> list[patches.Operation]:
        """Write the patch that sets the image, and notes which slot is stable meanwhile.

        How many pods there are is Argo's business: where only that was to change, there is none.
        Where nothing was to change, only our mark is set.
        """
        if patch.image is None and patch.replicas is not None:
            return []
        item = await self.rollout(target)
        rollout = Rollout(item)
        if objects.fence_of(item) != seen.fence:
            raise ConflictError(f"Rollout {rollout.name} changed in between")
        if rollout.stable_slot == seen.slot:
            raise PermanentError(
                f"{seen.slot} is the stable version of Rollout {rollout.name} now, and "
                "its image is not the bot's to change"
            )
        wanted = patch.model_copy(update={"replicas": None})
        mark = patches.pointer("metadata", "annotations", SLOTS_MARK)
        stable = f"{rollout.stable_slot}={rollout.stable}"
        return [
            *patches.marks(item, fence, release),
            {"op": "test", "path": "/status/stableRS", "value": rollout.stable},
            *([{"op": "add", "path": mark, "value": stable}] if patch.image is not None else []),
            *patches.slot_change(item, target.container(seen.slot), seen, wanted),
        ]


def slot_fact(
    slot: Slot, target: Target, rollout: Rollout, replica_set: Object | None, pods: list[Object]
) -> SlotFact:
    """Read one slot as if a Deployment of its own ran it."""
    stable = slot == rollout.stable_slot
    if rollout.template is None:
        return SlotFact(slot=slot, exists=True)
    if stable and replica_set is None:
        return SlotFact(slot=slot, exists=False)
    fact = objects.slot_fact(
        slot, target, _as_deployment(rollout, replica_set, stable=stable), pods
    )
    if stable:
        return fact
    there = fact.rolled_out and fact.wanted > 0 and rollout.stands and not rollout.aborted
    return fact.model_copy(
        update={"rolled_out": there, "trouble": (*fact.trouble, *_refusal(rollout))}
    )


def _as_deployment(rollout: Rollout, replica_set: Object | None, *, stable: bool) -> Object:
    """Put a ReplicaSet into the words of a Deployment.

    The canary's image is the one in the Rollout's template, even where the controller has not
    seen that yet.
    """
    item, found = rollout.item, replica_set or {"metadata": {}, "spec": {"replicas": 0}}
    status, own = found.get("status") or {}, rollout.status
    pods = int(status.get("replicas") or 0)
    failed = [c for c in status.get("conditions") or () if c.get("type") == "ReplicaFailure"]
    progress = [c for c in own.get("conditions") or () if c.get("type") == "Progressing"]
    return {
        "metadata": {
            "name": found["metadata"].get("name") or rollout.name,
            "annotations": item["metadata"].get("annotations"),
            "generation": 1,
        },
        "spec": {
            "replicas": found["spec"].get("replicas", 1),
            "template": (found if stable else item)["spec"]["template"],
        },
        "status": {
            "observedGeneration": 1,
            "replicas": pods,
            "updatedReplicas": pods,
            "availableReplicas": status.get("availableReplicas"),
            "conditions": failed if stable else [*failed, *progress],
        },
    }


def _refusal(rollout: Rollout) -> list[PodTrouble]:
    """Say that Argo Rollouts does not go on with an update, and why."""
    why = rollout.degraded or ""
    invalid = "InvalidSpec" if why.startswith("InvalidSpec") else None
    word = "RolloutAborted" if rollout.aborted else invalid
    if word is None:
        return []
    return [PodTrouble(pod=f"of {rollout.name}", word=word, message=why.removeprefix(f"{word}: "))]
