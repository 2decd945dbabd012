"""`traffic: service`: the selector of a Service names the slot, so all traffic moves at once.

In the table of `traffic`. Who serves is told by the slot label of the pods behind the Service.
"""

import asyncio
from collections.abc import Iterable

from bot.domain.catalog import Slot, other_slot
from bot.domain.facts import TrafficFact
from bot.domain.targets import Target
from bot.errors import ConflictError, PermanentError
from integrations.kubernetes import objects, patches
from integrations.kubernetes.kinds import SERVICES
from integrations.kubernetes.objects import Object
from integrations.kubernetes.patches import Operation
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.traffic.way import Move, Shares, Way

ALL = 100


class Selector(Way):
    """Traffic by the selector of the live Service."""

    kind = SERVICES

    def name(self, target: Target) -> str:
        """Name the live Service."""
        return target.live_service

    def read(self, item: Object, target: Target) -> TrafficFact:
        """Read which slot the selector names."""
        slot = objects.selected_slot(item, target.slot_label)
        weights: Shares = {slot: ALL, other_slot(slot): 0} if slot else {}
        return TrafficFact(weights=weights, serving={}, fence=objects.fence_of(item))

    async def look(self, reader: Reader, target: Target) -> TrafficFact:
        """Read the selector, the pods and the endpoints side by side."""
        name, label = target.live_service, target.slot_label
        (service, pods), endpoints = await asyncio.gather(
            reader.with_pods(
                target,
                name,
                reader.item(target, SERVICES, name),
                lambda service: objects.labels_beside(service, label),
            ),
            reader.endpoints(target, name),
        )
        serving = _by_slot(endpoints, pods, label)
        return self.read(service, target).model_copy(update={"serving": serving})

    async def patch(self, reader: Reader, target: Target, move: Move) -> list[Operation]:
        """Write the patch; without another look where the Service bears a fence already."""
        name = target.live_service
        slot = _whole(move.weights.items())
        if slot is None:
            raise PermanentError(f"Service {name} can't split traffic: {dict(move.weights)}")
        old = _whole(move.seen.weights.items())
        if move.seen.fence is not None:
            marks = patches.marks_on_seen(move.seen.fence, move.fence, move.release)
        else:
            service = await reader.item(target, SERVICES, name)
            unchanged = objects.selected_slot(service, target.slot_label) == old
            if not unchanged or objects.fence_of(service) is not None:
                raise ConflictError(f"Service {name} changed in between")
            marks = patches.marks(service, move.fence, move.release)
        path = patches.pointer("spec", "selector", target.slot_label)
        return [*marks, *patches.replaced(path, old, slot)]


def _whole(shares: Iterable[tuple[Slot, int]]) -> Slot | None:
    """Name the slot that has all of it."""
    return next((slot for slot, share in shares if share == ALL), None)


def _by_slot(
    endpoints: Iterable[str | None], pods: Iterable[Object], label: str
) -> dict[Slot, int]:
    """Count ready endpoints by the slot label of their pods."""
    slots = {pod["metadata"]["name"]: (pod["metadata"].get("labels") or {}) for pod in pods}
    counts: dict[Slot, int] = {"blue": 0, "green": 0}
    for name in endpoints:
        slot = slots.get(name or "", {}).get(label)
        if slot in counts:
            counts[slot] += 1
    return counts
