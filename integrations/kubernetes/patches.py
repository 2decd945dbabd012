"""JSON Patches that carry their own precondition (DESIGN §4.4). Pure.

Each tests the value that it replaces and the annotation `release-bot/fence` as last read. Where
that annotation isn't there yet, it tests the resourceVersion and adds it.
"""

from typing import Any

from bot.domain.facts import BaselineFact, CopyFact
from bot.domain.targets import Target
from bot.ports import SlotPatch
from bot.ports_baseline import BaselinePatch
from integrations.kubernetes.objects import (
    FENCE,
    RELEASE,
    VERSION,
    Object,
    annotations,
    container_index,
    pod_labels,
)

Operation = dict[str, Any]

LABELS = ("spec", "template", "metadata", "labels")
"""Where a Deployment has the labels of its pods."""


def pointer(*keys: str | int) -> str:
    """Write a JSON pointer."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def replaced(path: str, old: Any, new: Any) -> list[Operation]:
    """Replace a value, if it is still the old one."""
    return [
        {"op": "test", "path": path, "value": old},
        {"op": "replace", "path": path, "value": new},
    ]


def same_version(item: Object) -> Operation:
    """Test that nothing at all has changed since the object was read."""
    version = item["metadata"]["resourceVersion"]
    return {"op": "test", "path": "/metadata/resourceVersion", "value": version}


def marks(item: Object, fence: int, release: str) -> list[Operation]:
    """Test the fence as read, and set fence and release to ours. `item` was read just now."""
    present = annotations(item)
    path = pointer("metadata", "annotations", FENCE)
    if FENCE in present:
        first = replaced(path, present[FENCE], str(fence))
    else:
        first = [same_version(item)]
        if not present:
            first.append({"op": "add", "path": "/metadata/annotations", "value": {}})
        first.append({"op": "add", "path": path, "value": str(fence)})
    mine = {"op": "add", "path": pointer("metadata", "annotations", RELEASE), "value": release}
    return [*first, mine]


def marks_on_seen(fence_seen: int, fence: int, release: str) -> list[Operation]:
    """Do the same from a fence that was read before, without reading the object again."""
    path = pointer("metadata", "annotations", FENCE)
    mine = {"op": "add", "path": pointer("metadata", "annotations", RELEASE), "value": release}
    return [*replaced(path, str(fence_seen), str(fence)), mine]


def slot_change(
    deployment: Object, container: str, seen: CopyFact, patch: SlotPatch | BaselinePatch
) -> list[Operation]:
    """Change image, version label and size of a Deployment."""
    done: list[Operation] = []
    if patch.image is not None:
        index = container_index(deployment, container)
        path = pointer("spec", "template", "spec", "containers", index, "image")
        done += replaced(path, seen.image, patch.image)
    if patch.replicas is not None:
        done += replaced("/spec/replicas", seen.wanted, patch.replicas)
    labels = pod_labels(deployment)
    if patch.version is not None and VERSION in labels:
        path = pointer(*LABELS, VERSION)
        done += replaced(path, labels[VERSION], patch.version)
    return done


def baseline_change(
    deployment: Object, target: Target, seen: BaselineFact, patch: BaselinePatch
) -> list[Operation]:
    """Change the same of the baseline, and the label of the slot beside which its pods serve."""
    done = slot_change(deployment, target.container("blue"), seen, patch)
    if patch.slot is None:
        return done
    labels, path = pod_labels(deployment), pointer(*LABELS, target.slot_label)
    if target.slot_label in labels:
        return [*done, *replaced(path, labels[target.slot_label], patch.slot)]
    return [*done, {"op": "add", "path": path, "value": patch.slot}]
