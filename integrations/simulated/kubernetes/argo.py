"""Argo Rollouts of the simulated cluster: the controller that moves a Rollout through its steps.

Like the real one it reads spec and status, makes ReplicaSets, points both Services, tells the
traffic router its weights, and writes the status: only what it has seen (`observedGeneration`, as
text). It acts when somebody looks, on what they look at, `lag` seconds after a change. It knows
canaries with a traffic router and steps by setWeight, setCanaryScale and pause.
"""

import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from integrations.simulated.kubernetes.objects import Object, Objects, agree, selects
from integrations.simulated.kubernetes.pods import Health, Pod, stamp
from integrations.simulated.kubernetes.rollouts import (
    ALL,
    HASH,
    KIND,
    SETS,
    canary_pods,
    is_set,
    progress_of,
    replica_set,
    services_of,
    steps_hash,
    steps_of,
    wanted_of,
    weight_set,
    weight_told,
)
from integrations.simulated.kubernetes.templates import template_hash
from integrations.simulated.server import Now

DEADLINE = 600
"""Default of progressDeadlineSeconds."""
Place = tuple[str, str]
"""Namespace and name."""


class Host(Protocol):
    """The cluster that it runs in."""

    now: Now
    objects: Objects

    def new_pod(self, owner: str, template: Object, digest: str) -> Pod:
        """Make a pod."""

    def health(self, pod: Pod, now: datetime) -> Health:
        """State of a pod at a moment."""

    def change(
        self, kind: str, namespace: str, name: str, after: Object, *, by_hand: bool = False
    ) -> Object:
        """Store a changed object."""


@dataclass
class _Own:
    """What the controller keeps of a Rollout beside its status."""

    changed: datetime
    """When somebody else last changed it."""
    progress: datetime
    done: datetime | None = None
    """Since when nothing is left to do but to make the canary stable."""
    left: dict[str, datetime] = field(default_factory=dict)
    """ReplicaSets that nobody needs any more, since when."""
    digests: list[str] = field(default_factory=list)
    """Its ReplicaSets, by the hash in their names, in the order in which they were made."""
    hashed: tuple[Object, str, str] | None = None
    """The spec that was hashed last, and the hashes of its template and of its steps."""

    def hashes(self, item: Object) -> tuple[str, str]:
        """Hash template and steps, once: a stored object is replaced and never changed."""
        spec = item["spec"]
        if self.hashed is None or self.hashed[0] is not spec:
            self.hashed = (spec, template_hash(spec["template"]), steps_hash(item))
        return self.hashed[1], self.hashed[2]


class Argo:
    """The controller, and the control surface. Times are seconds."""

    def __init__(self, cluster: Host) -> None:
        self._cluster = cluster
        self.lag = 0.05
        self.handover = 0.5
        """How long it takes, after the last step, until the canary is called stable."""
        self.scale_down_after = 30.0
        """How long pods that are not needed any more live on."""
        self.is_down = False
        """The controller does not run."""
        self.router_fails: str | None = None
        """Why the traffic router takes no weights."""
        self._own: dict[Place, _Own] = {}
        self._pods: dict[Place, list[Pod]] = {}
        self._busy = False

    # What the cluster tells it.

    def started(self, namespace: str, name: str, age: float) -> None:
        """A Rollout is there and has been running for that long."""
        self.touched(namespace, name)
        self._own[namespace, name].changed -= timedelta(seconds=self.lag)
        item = self._cluster.objects.get(KIND, namespace, name)
        self._scale(namespace, item, template_hash(item["spec"]["template"]), wanted_of(item))
        for pod in self._pods[namespace, f"{name}-{template_hash(item['spec']['template'])}"]:
            pod.born, pod.old = self._cluster.now() - timedelta(seconds=age), True
        self.follow(namespace)

    def touched(self, namespace: str, name: str) -> None:
        """Somebody changed a Rollout."""
        now = self._cluster.now()
        own = self._own.setdefault((namespace, name), _Own(now, now))
        own.changed = now

    def removed(self, namespace: str, name: str) -> None:
        """A Rollout is gone, and all that it owned."""
        self._own.pop((namespace, name), None)
        for item in list(self._cluster.objects.list(SETS, namespace)):
            if item["metadata"]["labels"].get("rollout") == name:
                self._cluster.objects.remove(SETS, namespace, item["metadata"]["name"])
                self._pods.pop((namespace, item["metadata"]["name"]), None)

    def follow(self, namespace: str) -> None:
        """Do what is due for the Rollouts of a namespace."""
        self._follow(namespace, [name for space, name in self._own if space == namespace])

    def follow_object(self, kind: str, namespace: str, name: str) -> None:
        """Do what is due for the Rollouts on which an object hangs."""
        self._follow(namespace, self._behind(kind, namespace, name))

    def _behind(self, kind: str, namespace: str, name: str) -> list[str]:
        if kind == SETS:
            name = name.rpartition("-")[0]
        if kind in (SETS, KIND):
            return [name] if (namespace, name) in self._own else []
        if kind != "services":
            return []
        found = self._cluster.objects.get
        return [
            rollout
            for space, rollout in self._own
            if space == namespace and name in services_of(found(KIND, space, rollout))
        ]

    def _follow(self, namespace: str, names: list[str]) -> None:
        if self._busy or self.is_down:
            return
        self._busy = True
        try:
            for name in names:
                while self._is_due(namespace, name) and self._turn(namespace, name):
                    pass
        finally:
            self._busy = False

    def _is_due(self, namespace: str, name: str) -> bool:
        changed = self._own[namespace, name].changed
        return (self._cluster.now() - changed).total_seconds() >= self.lag

    # Pods.

    def pods(self, namespace: str, selector: dict[str, str] | None) -> list[tuple[str, Pod]]:
        """List pods with the name of their Rollout; no selector: all."""
        if selector is None:
            self.follow(namespace)
        else:
            self._follow(namespace, self._selected(namespace, selector))
        return [
            (name.rpartition("-")[0], pod)
            for (space, name), pods in self._pods.items()
            if space == namespace
            for pod in pods
            if selector is None or selects(selector, pod.labels)
        ]

    def _selected(self, namespace: str, selector: dict[str, str]) -> list[str]:
        """Name the Rollouts whose pods such a selector may match."""
        found = self._cluster.objects.get
        return [
            name
            for space, name in self._own
            if space == namespace
            and agree(selector, found(KIND, space, name)["spec"]["selector"]["matchLabels"])
        ]

    def set_status(self, namespace: str, item: Object) -> Object:
        """Compute a ReplicaSet's status."""
        name = item["metadata"]["name"]
        ready = self._ready(namespace, name)
        counts = {"replicas": len(self._pods.get((namespace, name), ()))}
        return counts | {"readyReplicas": ready, "availableReplicas": ready}

    def _ready(self, namespace: str, name: str) -> int:
        now = self._cluster.now()
        pods = self._pods.get((namespace, name), ())
        return sum(self._cluster.health(pod, now).ready for pod in pods)

    def _scale(self, namespace: str, item: Object, digest: str, count: int) -> None:
        """Make or remove pods of a ReplicaSet, and write how many it wants."""
        name = f"{item['metadata']['name']}-{digest}"
        found = self._cluster.objects.find(SETS, namespace, name)
        template = item["spec"]["template"] if found is None else found["spec"]["template"]
        if found is None or found["spec"]["replicas"] != count:
            self._cluster.objects.put(SETS, namespace, replica_set(item, name, template, count))
            if found is None:
                self._own[namespace, item["metadata"]["name"]].digests.append(digest)
        pods = self._pods.setdefault((namespace, name), [])
        del pods[count:]
        while len(pods) < count:
            pod = self._cluster.new_pod(item["metadata"]["name"], template, digest)
            pod.labels[HASH] = digest
            pods.append(pod)

    # The controller.

    def _turn(self, namespace: str, name: str) -> bool:
        """Do one thing, as one reconciliation does; whether there may be more to do."""
        item = self._cluster.objects.get(KIND, namespace, name)
        before: Object = item.get("status") or {}
        # What stands in it is replaced below, and never changed.
        status = dict(before)
        own = self._own[namespace, name]
        hashes = own.hashes(item)
        status["observedGeneration"] = str(item["metadata"]["generation"])
        if (status.get("currentPodHash"), status.get("currentStepHash")) != hashes:
            self._begin(item, status, hashes)
        else:
            self._go_on(namespace, item, status)
        # What is only told later is no progress: the deadline runs on.
        if progress_of(status) != progress_of(before):
            own.progress = self._cluster.now()
        self._judge(namespace, item, status)
        if status == before:
            return False
        self._cluster.objects.put(KIND, namespace, item | {"status": status})
        return True

    def _begin(self, item: Object, status: Object, hashes: tuple[str, str]) -> None:
        """Spec or steps changed: an update begins, or the stable version is wanted again."""
        for key in ("pauseConditions", "controllerPause", "abort", "promoteFull"):
            status.pop(key, None)
        steps = steps_of(item)
        back = status.get("stableRS") == hashes[0]
        status["currentPodHash"], status["currentStepHash"] = hashes
        status["currentStepIndex"] = len(steps) if back else 0

    def _go_on(self, namespace: str, item: Object, status: Object) -> None:
        name, own = item["metadata"]["name"], self._own[namespace, item["metadata"]["name"]]
        current, stable = status["currentPodHash"], status.get("stableRS")
        if status.get("abort") and not status.get("promoteFull"):
            status["currentStepIndex"] = len(steps_of(item)) if current == stable else 0
            status.pop("pauseConditions", None)
            status.pop("controllerPause", None)
        if status.get("promoteFull"):
            for key in ("pauseConditions", "controllerPause", "abort"):
                status.pop(key, None)
        self._size(namespace, item, status)
        self._point(namespace, item, status)
        self._route(namespace, item, status)
        if item["spec"].get("paused") or (status.get("abort") and current != stable):
            return
        ready = self._ready(namespace, f"{name}-{current}")
        past = status["currentStepIndex"] >= len(steps_of(item)) or status.get("promoteFull")
        if current != stable and ready == wanted_of(item) and (past or stable is None):
            own.done = own.done or self._cluster.now()
            late = (self._cluster.now() - own.done).total_seconds()
            if stable is None or late >= self.handover:
                status |= {"stableRS": current, "currentStepIndex": len(steps_of(item))}
                status.pop("promoteFull", None)
            return
        own.done = None
        if current != stable and not past:
            self._step(namespace, item, status)

    def _step(self, namespace: str, item: Object, status: Object) -> None:
        """Finish the present step, if it can be."""
        step = steps_of(item)[status["currentStepIndex"]]
        if "pause" in step:
            if status.get("pauseConditions"):
                return
            if not status.get("controllerPause"):
                since = stamp(self._cluster.now())
                status["pauseConditions"] = [{"reason": "CanaryPauseStep", "startTime": since}]
                status["controllerPause"] = True
                return
        elif not self._is_sized(namespace, item, status) or not is_set(step, status):
            return
        status.pop("controllerPause", None)
        status["currentStepIndex"] += 1

    def _size(self, namespace: str, item: Object, status: Object) -> None:
        """Give each ReplicaSet its pods."""
        name, own = item["metadata"]["name"], self._own[namespace, item["metadata"]["name"]]
        current, stable = status["currentPodHash"], status.get("stableRS")
        wanted = {current: canary_pods(item, status)}
        if stable:
            wanted[stable] = wanted_of(item)
        wanted = dict.fromkeys(own.digests, 0) | wanted
        now = self._cluster.now()
        for digest, count in wanted.items():
            there = len(self._pods.get((namespace, f"{name}-{digest}"), ()))
            leaves = count == 0 and there
            since = own.left.setdefault(digest, now) if leaves else own.left.pop(digest, now)
            if leaves and (now - since).total_seconds() < self.scale_down_after:
                continue
            self._scale(namespace, item, digest, count)

    def _is_sized(self, namespace: str, item: Object, status: Object) -> bool:
        ready = self._ready(namespace, f"{item['metadata']['name']}-{status['currentPodHash']}")
        return ready == canary_pods(item, status)

    def _point(self, namespace: str, item: Object, status: Object) -> None:
        """Let both Services select their pods; a canary's only once one of them is ready."""
        stable, canary = services_of(item)
        current = status["currentPodHash"]
        there = self._ready(namespace, f"{item['metadata']['name']}-{current}") > 0
        goals = {
            stable: status.get("stableRS") or current,
            canary: current if there else None,
        }
        for name, digest in goals.items():
            service = self._cluster.objects.find("services", namespace, name) if name else None
            if service is None or digest in (None, service["spec"]["selector"].get(HASH)):
                continue
            after = copy.deepcopy(service)
            after["spec"]["selector"][HASH] = digest
            self._cluster.change("services", namespace, str(name), after, by_hand=True)

    def _route(self, namespace: str, item: Object, status: Object) -> None:
        """Tell the traffic router what share the canary has."""
        if self.router_fails:
            return
        share = self._share(namespace, item, status)
        stable, canary = services_of(item)
        status["canary"] = {
            "weights": {
                "canary": {
                    "weight": share,
                    "podTemplateHash": status["currentPodHash"],
                    "serviceName": canary,
                },
                "stable": {
                    "weight": ALL - share,
                    "podTemplateHash": status.get("stableRS") or status["currentPodHash"],
                    "serviceName": stable,
                },
            }
        }

    def _share(self, namespace: str, item: Object, status: Object) -> int:
        current = status["currentPodHash"]
        if current == status.get("stableRS") or status.get("abort"):
            return 0
        if self._ready(namespace, f"{item['metadata']['name']}-{current}") == 0:
            return 0
        if status.get("promoteFull"):
            return weight_told(status)
        if self._is_sized(namespace, item, status):
            return weight_set(item, status)
        # Until it has its pods, the share of the step before holds.
        return weight_set(item, status | {"currentStepIndex": status["currentStepIndex"] - 1})

    def _judge(self, namespace: str, item: Object, status: Object) -> None:
        """Write phase, message and the condition Progressing."""
        name, revision = item["metadata"]["name"], item["metadata"]["generation"]
        canary = status["currentPodHash"] != status.get("stableRS")
        paused = bool(status.get("pauseConditions")) or item["spec"].get("paused")
        late = self._cluster.now() - self._own[namespace, name].progress
        deadline = item["spec"].get("progressDeadlineSeconds", DEADLINE)
        reason, phase, message = "NewReplicaSetAvailable", "Healthy", ""
        if canary and status.get("abort"):
            reason, phase = "RolloutAborted", "Degraded"
            message = f"RolloutAborted: Rollout aborted update to revision {revision}"
        elif paused:
            reason, phase = "RolloutPaused", "Paused"
            message = "manually paused" if item["spec"].get("paused") else "CanaryPauseStep"
        elif canary and late.total_seconds() > deadline:
            reason, phase = "ProgressDeadlineExceeded", "Degraded"
            message = f'{reason}: ReplicaSet "{name}" has timed out progressing.'
        elif canary:
            reason, phase = "ReplicaSetUpdated", "Progressing"
            message = "more replicas need to be updated"
        flag = "False" if phase == "Degraded" else "Unknown" if paused else "True"
        status |= {"phase": phase, "message": message}
        status["conditions"] = [{"type": "Progressing", "status": flag, "reason": reason}]
