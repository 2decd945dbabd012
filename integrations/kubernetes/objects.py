"""From the API's objects to facts: pure functions over plain dicts. The border for parsing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bot.domain.catalog import Slot
from bot.domain.facts import BaselineFact, PodTrouble, SlotFact
from bot.domain.targets import Target
from bot.errors import PermanentError

Object = dict[str, Any]

FENCE = "release-bot/fence"
RELEASE = "release-bot/release"
VERSION = "app.kubernetes.io/version"

WAITING_FOR_GOOD = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
"""Waiting reasons of a container that time alone does not mend (kubelet's own words)."""


def annotations(item: Object) -> Mapping[str, str]:
    """Annotations of an object; none is an empty mapping."""
    return item["metadata"].get("annotations") or {}


def fence_of(item: Object) -> int | None:
    """Read the fence. A malformed one must not pass as absent: raises PermanentError."""
    text = annotations(item).get(FENCE)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        name = item["metadata"].get("name", "an object")
        raise PermanentError(f"{name}: annotation {FENCE} is {text!r}, not a number") from None


def container_index(deployment: Object, name: str) -> int:
    """Find the container by name. Raises PermanentError where there is none."""
    containers = deployment["spec"]["template"]["spec"].get("containers") or []
    for index, container in enumerate(containers):
        if container.get("name") == name:
            return index
    kind = deployment.get("kind") or "Deployment"
    raise PermanentError(f"{kind} {deployment['metadata']['name']} has no container {name}")


def match_labels(deployment: Object) -> dict[str, str]:
    """Labels by which a Deployment knows its pods."""
    return dict(deployment["spec"]["selector"].get("matchLabels") or {})


def labels_beside(service: Object, label: str) -> dict[str, str]:
    """Labels that a Service selects by, beside the one that names the slot."""
    selector = dict(service["spec"].get("selector") or {})
    selector.pop(label, None)
    return selector


def slot_fact(slot: Slot, target: Target, deployment: Object, pods: Iterable[Object]) -> SlotFact:
    """Read one slot from its Deployment and pods."""
    return SlotFact(slot=slot, **_copy(target.container(slot), deployment, pods))


def baseline_fact(target: Target, deployment: Object, pods: Iterable[Object]) -> BaselineFact:
    """Read the baseline from its Deployment and pods."""
    slot = slot_named(pod_labels(deployment).get(target.slot_label))
    # Its container has one name, whichever slot is live.
    return BaselineFact(slot=slot, **_copy(target.container("blue"), deployment, pods))


def _copy(container: str, deployment: Object, pods: Iterable[Object]) -> dict[str, Any]:
    """Read what a `CopyFact` tells."""
    spec, status = deployment["spec"], deployment.get("status") or {}
    index = container_index(deployment, container)
    image = spec["template"]["spec"]["containers"][index].get("image")
    own = [pod for pod in pods if image_of(pod, container) == image]
    wanted = int(spec.get("replicas", 1))
    return {
        "exists": True,
        "image": image,
        "version": _version(deployment, own),
        "wanted": wanted,
        "updated": int(status.get("updatedReplicas") or 0),
        "ready": sum(1 for pod in own if is_ready(pod)),
        "available": int(status.get("availableReplicas") or 0),
        "total": int(status.get("replicas") or 0),
        "rolled_out": rolled_out(deployment, wanted),
        "deadline_exceeded": _deadline_exceeded(status),
        "trouble": (*(t for pod in own for t in trouble_of(pod)), *_unmade(deployment)),
        "probed": sum(1 for pod in own if _runs(pod) and not is_ready(pod)),
        "restarts": sum(_restarts(pod) for pod in own),
        "since": min((s for pod in own if (s := _started(pod))), default=None),
        "release": annotations(deployment).get(RELEASE),
        "fence": fence_of(deployment),
    }


def pod_labels(deployment: Object) -> Mapping[str, str]:
    """Labels that a Deployment gives its pods."""
    return deployment["spec"]["template"]["metadata"].get("labels") or {}


def made_by(pod: Object, deployment: str) -> bool:
    """Whether a pod is of that Deployment: its ReplicaSet is named by it and the template's hash.

    Labels can't tell where several Deployments' pods stand behind one Service.
    """
    digest = (pod["metadata"].get("labels") or {}).get("pod-template-hash")
    return any(
        owner.get("kind") == "ReplicaSet" and owner.get("name") == f"{deployment}-{digest}"
        for owner in pod["metadata"].get("ownerReferences") or ()
    )


GENERATED = 58
"""Characters of a ReplicaSet's name that the API server leaves in the names of its pods."""


def is_named_by(pod: str | None, deployment: str) -> bool:
    """Whether a pod of that name is of the Deployment, where nothing but its name is known."""
    return pod is not None and pod.startswith(f"{deployment}-"[:GENERATED])


def whole_slot(slot: Slot, target: Target, deployment: Object) -> SlotFact | None:
    """Read a slot whose Deployment counts all of its pods as updated and available; else None.

    Then `availableReplicas` is the number of ready pods of the present template, and the pods
    themselves would tell nothing more.
    """
    fact = slot_fact(slot, target, deployment, ())
    if not fact.rolled_out or not fact.available:
        return None
    return fact.model_copy(update={"ready": fact.available})


def rolled_out(deployment: Object, wanted: int) -> bool:
    """Complete as `kubectl rollout status` sees it."""
    status = deployment.get("status") or {}
    updated = int(status.get("updatedReplicas") or 0)
    return (
        int(status.get("observedGeneration") or 0) >= int(deployment["metadata"]["generation"])
        and updated >= wanted
        and int(status.get("replicas") or 0) <= updated
        and int(status.get("availableReplicas") or 0) >= updated
    )


def _deadline_exceeded(status: Object) -> bool:
    return any(
        c.get("type") == "Progressing" and c.get("reason") == "ProgressDeadlineExceeded"
        for c in status.get("conditions") or ()
    )


def image_of(pod: Object, container: str) -> str | None:
    """Image of a pod's container of that name; None where it has none such."""
    containers = pod["spec"].get("containers") or []
    return next((c.get("image") for c in containers if c.get("name") == container), None)


def _version(deployment: Object, pods: list[Object]) -> str | None:
    said = {(pod["metadata"].get("labels") or {}).get(VERSION) for pod in pods if is_ready(pod)}
    if len(said) == 1:
        return said.pop()
    return pod_labels(deployment).get(VERSION)


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition holds and it is not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def statuses(pod: Object) -> list[Object]:
    """List the states of a pod's containers, in the order in which they run."""
    status = pod.get("status") or {}
    return [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]


def _restarts(pod: Object) -> int:
    return sum(int(status.get("restartCount") or 0) for status in statuses(pod))


def _started(pod: Object) -> datetime | None:
    text = (pod.get("status") or {}).get("startTime")
    return datetime.fromisoformat(text) if text else None


def trouble_of(pod: Object) -> list[PodTrouble]:
    """List what keeps a pod from becoming ready by itself."""
    name = pod["metadata"]["name"]
    found = []
    for status in statuses(pod):
        waiting = (status.get("state") or {}).get("waiting") or {}
        last = (status.get("lastState") or {}).get("terminated") or {}
        if waiting.get("reason") in WAITING_FOR_GOOD:
            killed = last.get("reason") == "OOMKilled"
            word = "OOMKilled" if killed else waiting["reason"]
            found.append(PodTrouble(pod=name, word=word, message=waiting.get("message") or ""))
    for condition in (pod.get("status") or {}).get("conditions") or ():
        unplaced = condition.get("reason") == "Unschedulable" and condition["status"] == "False"
        if condition.get("type") == "PodScheduled" and unplaced:
            message = condition.get("message") or ""
            found.append(PodTrouble(pod=name, word="Unschedulable", message=message))
    return found


def _unmade(deployment: Object) -> list[PodTrouble]:
    """Say why pods can't even be made: a quota, an admission webhook, a missing account."""
    name = deployment["metadata"]["name"]
    return [
        PodTrouble(
            pod=f"of {name}",
            word="QuotaExceeded" if "exceeded quota" in said else "FailedCreate",
            message=said,
        )
        for condition in (deployment.get("status") or {}).get("conditions") or ()
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True"
        for said in (str(condition.get("message") or condition.get("reason") or ""),)
    ]


def _runs(pod: Object) -> bool:
    """Whether all its containers run, so that only a probe keeps it from being ready."""
    own = (pod.get("status") or {}).get("containerStatuses") or ()
    return bool(own) and all("running" in (status.get("state") or {}) for status in own)


def ready_endpoints(slices: Iterable[Object]) -> list[str | None]:
    """List ready endpoints by the name of their pod; None where a slice doesn't name it."""
    found: list[str | None] = []
    for item in slices:
        for endpoint in item.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            # An absent `ready` means ready (EndpointConditions in discovery/v1).
            if conditions.get("ready") is not False and not conditions.get("terminating"):
                found.append((endpoint.get("targetRef") or {}).get("name"))
    return found


def selected_slot(service: Object, label: str) -> Slot | None:
    """The slot that a Service selects."""
    return slot_named((service["spec"].get("selector") or {}).get(label))


def slot_named(value: str | None) -> Slot | None:
    """Read a label's value as a slot; None where it names neither."""
    if value == "blue":
        return "blue"
    return "green" if value == "green" else None
