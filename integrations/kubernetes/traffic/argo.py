"""`traffic: argo-rollouts`: a Rollout's own steps, one weight of the catalogue after the other.

In the table of `traffic`. The Rollout stops at each weight by a pause without an end; the bot
promotes it from pause to pause, aborts it, and reads from its status what holds.

Why two patches are as safe as one. Where an update is stands in the status, and a patch of the
status can't set an annotation. So the first patch tests the mark as read and sets ours; the second
changes the status, and tests that our mark still stands, and hashes, step and generation as the
first one found them. Whoever read an older mark fails at the first patch; a process that was frozen
between its two fails at the second, since whoever came after it has set another mark. Somebody else
who changed spec or status between the two is seen by the second. Where a process dies between them
the mark is all that has changed: the next try finds the traffic as it was left, and begins anew.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bot.domain.catalog import Slot, other_slot
from bot.domain.facts import TrafficFact
from bot.domain.targets import Target
from bot.errors import ConflictError, MissingError, PermanentError
from integrations.kubernetes import objects, patches
from integrations.kubernetes.kinds import ROLLOUTS, SERVICES
from integrations.kubernetes.objects import FENCE, Object
from integrations.kubernetes.patches import Operation, pointer
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.rollouts import ALL, HASH, Rollout
from integrations.kubernetes.space import SLOTS, Said, Space, kubectl
from integrations.kubernetes.traffic.argo_steps import misfits
from integrations.kubernetes.traffic.way import Move, Shares, Way

LONGEST_BASE = 58
"""Characters of a ReplicaSet's name with its dash that its pods' names begin with, at the most."""


class ArgoRollouts(Way):
    """Traffic by the steps of a Rollout."""

    kind = ROLLOUTS

    def name(self, target: Target) -> str:
        """Name the Rollout."""
        return target.route or ""

    def read(self, item: Object, target: Target) -> TrafficFact:
        """Read where it goes, whether it is there, what does not fit, and whether it rests."""
        rollout = Rollout(item)
        return TrafficFact(
            weights=_shares(rollout),
            serving={},
            accepted=_holds(rollout),
            rejected=rollout.degraded,
            fence=objects.fence_of(item),
            by_hand=_by_hand(rollout, target),
            unfit=(*misfits(rollout, target), *_unrest(rollout)),
            rest=_rest(rollout),
        )

    async def look(self, reader: Reader, target: Target) -> TrafficFact:
        """Read the Rollout, then the endpoints of both its Services and where the preview leads."""
        item = await reader.item(target, ROLLOUTS, self.name(target))
        rollout = Rollout(item)
        spec = rollout.canary_spec
        named = [spec.get(key) for key in ("stableService", "canaryService")]
        preview, found = await asyncio.gather(
            _preview(reader, target, rollout),
            asyncio.gather(*(reader.endpoints(target, name) for name in named if name)),
        )
        pods = {pod for names in found for pod in names if pod}
        serving = {slot: _count(pods, rollout, slot) for slot in SLOTS}
        return self.read(item, target).model_copy(update={"serving": serving, "preview": preview})

    async def patch(self, reader: Reader, target: Target, move: Move) -> list[Operation]:
        """Set the mark on the Rollout as it was seen; what it is to do follows in its status."""
        item = await reader.item(target, ROLLOUTS, self.name(target))
        self._check(item, target, move)
        return [*patches.marks(item, move.fence, move.release), *_as_found(Rollout(item))]

    def follow_up(self, item: Object, target: Target, move: Move) -> list[Operation]:
        """Promote it to the pause with that share, or to its end; or abort it."""
        rollout = Rollout(item)
        goal = self._check(item, target, move, marked=True)
        if goal is None:
            return []
        mark = pointer("metadata", "annotations", FENCE)
        under_ours = [{"op": "test", "path": mark, "value": str(move.fence)}, *_as_found(rollout)]
        if goal.abort:
            # A promotion in full, by whomever, would come before an abort.
            told = {"abort": True, "promoteFull": False}
            return [
                *under_ours,
                *({"op": "add", "path": f"/status/{k}", "value": v} for k, v in told.items()),
            ]
        on = [{"op": "add", "path": "/status/currentStepIndex", "value": goal.step}]
        if "pauseConditions" in rollout.status:
            on.append({"op": "remove", "path": "/status/pauseConditions"})
        return [*under_ours, *on]

    def _check(
        self, item: Object, target: Target, move: Move, *, marked: bool = False
    ) -> "_Goal | None":
        """Say what is to be done; None: it is only to be marked.

        Raises ConflictError where it is not as it was seen.
        """
        fact = self.read(item, target)
        fence = move.fence if marked else move.seen.fence
        if dict(fact.weights) != dict(move.seen.weights) or fact.fence != fence:
            raise ConflictError(f"Rollout {self.name(target)} changed in between")
        stays = dict(move.weights) == dict(move.seen.weights) and not move.to_end
        return None if stays else _goal(Rollout(item), move)

    def judged(self, space: Space, target: Target) -> Iterator[Said]:
        """Say what is wrong with the Rollout, its steps, its Services and its container."""
        item = space.find(ROLLOUTS, self.name(target))
        if item is None:
            return
        rollout = Rollout(item)
        what = f"Rollout {rollout.name}"
        for sentence in misfits(rollout, target):
            yield sentence, "Mend it, or the service's strategy in the catalogue."
        if rollout.template is not None:
            yield from _container(item, target)
        for key in ("stableService", "canaryService"):
            name = rollout.canary_spec.get(key)
            if name and SERVICES in space.items and space.find(SERVICES, name) is None:
                yield f"{what}: there is no Service {name}.", f"Create it, or mend its {key}."
        if rollout.degraded:
            command = kubectl(space.cluster, space.name)
            remedy = f"{command} describe rollout {rollout.name} says more."
            yield f"{what} is degraded. {rollout.degraded.rstrip('.')}.", remedy


def _container(item: Object, target: Target) -> Iterator[Said]:
    try:
        objects.container_index({"kind": "Rollout"} | item, target.container("blue"))
    except PermanentError as error:
        yield f"{error}.", "Name it in kubernetes.container of the catalogue."


@dataclass(frozen=True)
class _Goal:
    """What a Rollout is told: to abort, or to go on from a step."""

    abort: bool = False
    step: int = 0


def _goal(rollout: Rollout, move: Move) -> _Goal:
    if move.to_end:
        return _Goal(step=len(rollout.steps))
    if rollout.canary is None:
        raise PermanentError(
            f"Rollout {rollout.name} has no update under way, so its traffic can't be moved"
        )
    share = move.weights[other_slot(rollout.stable_slot)]
    if share == 0:
        return _Goal(abort=True)
    if rollout.aborted or rollout.status.get("promoteFull"):
        raise PermanentError(
            f"Rollout {rollout.name} was aborted or promoted by somebody else ({rollout.says})"
        )
    step = rollout.way_to(share)
    if step is None:
        raise PermanentError(f"Rollout {rollout.name} has no step that pauses at {share} %")
    return _Goal(step=step)


def _as_found(rollout: Rollout) -> list[Operation]:
    """Test that update, spec and step are those that were found."""
    generation = rollout.item["metadata"].get("generation")
    found = {
        "/metadata/generation": generation,
        **{
            f"/status/{key}": rollout.status[key]
            for key in ("stableRS", "currentPodHash", "currentStepIndex")
            if key in rollout.status
        },
    }
    return [{"op": "test", "path": path, "value": value} for path, value in found.items()]


def _shares(rollout: Rollout) -> Shares:
    """Where the traffic goes, or is on its way to; empty where that can't be said."""
    goal = rollout.goal
    if rollout.stable is None or goal is None:
        return {}
    stable = rollout.stable_slot
    return {stable: ALL - goal, other_slot(stable): goal}


def _holds(rollout: Rollout) -> bool:
    """Whether the traffic is where it goes: the step is reached, and the router has followed."""
    if rollout.canary is None:
        return rollout.observed
    if rollout.aborted:
        return not rollout.share
    return rollout.stands and rollout.share == rollout.goal and rollout.is_verified


def _rest(rollout: Rollout) -> Literal["needed", "under way"] | None:
    """Say whether it rests on what has all the traffic, and if not, whose turn it is."""
    if rollout.canary is None:
        return None if rollout.observed else "under way"
    if rollout.goal == ALL:
        past = rollout.index >= len(rollout.steps) or rollout.status.get("promoteFull")
        return "under way" if past else "needed"
    # The template may be set back already, and the controller has not seen it.
    return "needed" if rollout.observed else "under way"


def _unrest(rollout: Rollout) -> Iterator[str]:
    """Say why no release can begin now, and what somebody else may have done meanwhile."""
    what = f"Rollout {rollout.name}"
    if rollout.by_hand:
        yield f"{what} is paused by hand (spec.paused)."
    if rollout.stable is None:
        yield f"{what} has no stable version yet."
    elif rollout.canary is not None:
        yield f"{what} has an update under way ({rollout.says.rstrip('.')})."


def _by_hand(rollout: Rollout, target: Target) -> dict[Slot, str]:
    """While it rests: the JSON Patch that sets the image that serves now again."""
    if rollout.canary is not None or rollout.stable is None or rollout.template is None:
        return {}
    index = objects.container_index(rollout.item, target.container(rollout.stable_slot))
    image = rollout.template["spec"]["containers"][index].get("image")
    path = pointer("spec", "template", "spec", "containers", index, "image")
    patch = [{"op": "replace", "path": path, "value": image}]
    return {rollout.stable_slot: json.dumps(patch, separators=(",", ":"))}


def _count(pods: set[str], rollout: Rollout, slot: Slot) -> int:
    """Count a slot's pods: their names begin with that of their ReplicaSet."""
    own = rollout.hash_of(slot)
    base = f"{rollout.name}-{own}-"[:LONGEST_BASE]
    return sum(pod.startswith(base) for pod in pods) if own else 0


async def _preview(reader: Reader, target: Target, rollout: Rollout) -> Slot | None:
    """Read which slot the preview Service leads to: the Rollout's own canary Service."""
    if target.preview is None:
        return None
    try:
        service = await reader.item(target, SERVICES, target.preview)
    except MissingError:
        return None
    return rollout.slot_of((service["spec"].get("selector") or {}).get(HASH))
