"""The cluster behind the API: reconciles pods with Deployments, computes endpoints and statuses.

Everything is computed when somebody looks, from the clock. Also the control surface that the
demo and the tests use to seed it, to break it, and to look into it.
"""

import copy
import re
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from integrations.simulated.kubernetes import argo, istio, rollouts, routes
from integrations.simulated.kubernetes.objects import (
    Effect,
    Object,
    Objects,
    agree,
    check_changed,
    patched,
    selects,
)
from integrations.simulated.kubernetes.pods import (
    DEADLINE,
    GOOD,
    Behaviour,
    Health,
    Pod,
    as_object,
    health,
    kept_out,
    stamp,
)
from integrations.simulated.kubernetes.templates import template_hash
from integrations.simulated.server import Now


class Cluster:
    """One cluster's state. `ready_after`, `endpoints_lag`, `route_lag` are seconds of its clock."""

    def __init__(self, now: Now) -> None:
        self.now = now
        self.objects = Objects()
        self.effects: list[Effect] = []
        self.ready_after = 2.0
        self.endpoints_lag = 0.05
        self.route_lag = 0.05
        self.quotas: dict[str, int] = {}
        """Pods that a namespace may have at the most; one that isn't named has no limit."""
        self.rejects_routes: str | None = None
        self.istio = istio.Istio()
        self.argo = argo.Argo(self)
        self.denied: set[tuple[str, str]] = set()
        self._behaviours: list[tuple[re.Pattern[str], re.Pattern[str], Behaviour]] = []
        self._pods: dict[tuple[str, str], list[Pod]] = {}
        self._changed: dict[tuple[str, str, str], tuple[datetime, int]] = {}
        self._shown: dict[tuple[str, str], tuple[str, ...]] = {}
        self._differs: dict[tuple[str, str], datetime] = {}
        self._digests: dict[tuple[str, str], tuple[Object, str]] = {}
        self._owners: dict[tuple[str, frozenset[tuple[str, str]]], list[str]] = {}
        self._serial = 0

    # Faults on demand.

    def behaves(self, image_pattern: str, behaviour: Behaviour, pods: str = "") -> None:
        """From now on pods of matching images (and names) behave so; the newest rule wins."""
        self._behaviours.insert(0, (re.compile(image_pattern), re.compile(pods), behaviour))

    def deny(self, verb: str, resource: str) -> None:
        """Refuse that verb on that resource, in reviews and for real."""
        self.denied.add((verb, resource))

    # Writes.

    def create(self, kind: str, namespace: str, item: Object) -> Object:
        """Store a new object."""
        made = copy.deepcopy(item)
        istio.check(kind, made)
        made["metadata"] |= {
            "namespace": namespace,
            "generation": 1,
            "creationTimestamp": stamp(self.now()),
            "uid": f"uid-{self.objects.version}",
        }
        self.objects.put(kind, namespace, made)
        self._note_change(kind, namespace, made)
        if kind == "deployments":
            self._owners.clear()
            self._reconcile(namespace, made)
        return made

    def change(
        self, kind: str, namespace: str, name: str, after: Object, *, by_hand: bool = False
    ) -> Object:
        """Store a changed object, if a real server would."""
        before = self.objects.get(kind, namespace, name)
        check_changed(kind, before, after)
        istio.check(kind, after)
        self._freeze_endpoints(kind, namespace, name)
        changed_spec = before["spec"] != after["spec"]
        self.objects.put(kind, namespace, after)
        if changed_spec:
            self._note_change(kind, namespace, after)
        if kind == "deployments":
            self._reconcile(namespace, after)
        if kind == rollouts.KIND:
            self.argo.touched(namespace, name)
        effect = Effect(self.now(), "patch", kind, namespace, name, before, after, by_hand)
        self.effects.append(effect)
        return after

    def patch(
        self,
        kind: str,
        namespace: str,
        name: str,
        content_type: str,
        body: Any,
        *,
        status: bool = False,
    ) -> Object:
        """Patch an object, or its status, as a client does."""
        before = self.objects.get(kind, namespace, name)
        after = rollouts.kept(kind, before, patched(before, content_type, body), status=status)
        return self.change(kind, namespace, name, after)

    def edit(self, kind: str, namespace: str, name: str, body: Object) -> Object:
        """Change an object as somebody with kubectl does, past the bot."""
        item = self.objects.get(kind, namespace, name)
        after = patched(item, "application/merge-patch+json", body)
        return self.change(kind, namespace, name, after, by_hand=True)

    def delete(self, kind: str, namespace: str, name: str) -> Object:
        """Delete an object."""
        item = self.objects.remove(kind, namespace, name)
        self._pods.pop((namespace, name), None)
        self._owners.clear()
        if kind == rollouts.KIND:
            self.argo.removed(namespace, name)
        self.effects.append(Effect(self.now(), "delete", kind, namespace, name, item, None))
        return item

    def deploy(
        self, namespace: str, deployment: str, image: str, version: str | None = None
    ) -> None:
        """Do what a deploying workflow does: set the image, and the version label if given."""
        item = copy.deepcopy(self.objects.get("deployments", namespace, deployment))
        template = item["spec"]["template"]
        template["spec"]["containers"][0]["image"] = image
        if version is not None:
            template["metadata"]["labels"]["app.kubernetes.io/version"] = version
        self.change("deployments", namespace, deployment, item, by_hand=True)

    def _note_change(self, kind: str, namespace: str, item: Object) -> None:
        key = (kind, namespace, item["metadata"]["name"])
        generation = item["metadata"]["generation"]
        self._changed[key] = (self.now(), generation)

    # Pods.

    def _reconcile(self, namespace: str, deployment: Object) -> list[Pod]:
        """Make and remove pods so that they follow the spec, as far as time has gone."""
        name = deployment["metadata"]["name"]
        spec, pods = deployment["spec"], self._pods.setdefault((namespace, name), [])
        wanted = int(spec.get("replicas", 1))
        current = self._digest(namespace, deployment)
        fresh = [pod for pod in pods if pod.template == current]
        missing = range(min(wanted - len(fresh), self._room(namespace)))
        fresh += [self.new_pod(name, spec["template"], current) for _ in missing]
        fresh = fresh[:wanted]
        now = self.now()
        if all(self.health(pod, now).ready for pod in fresh):
            kept = fresh
        else:
            kept = [pod for pod in pods if pod.template != current][:wanted] + fresh
        self._pods[namespace, name] = kept
        return kept

    def _room(self, namespace: str) -> int:
        """Say how many more pods the namespace's quota lets in."""
        if namespace not in self.quotas:
            return sys.maxsize
        there = sum(len(pods) for (space, _), pods in self._pods.items() if space == namespace)
        return max(0, self.quotas[namespace] - there)

    def _digest(self, namespace: str, deployment: Object) -> str:
        """Hash the template, once: a stored object is replaced and never changed."""
        key, template = (namespace, deployment["metadata"]["name"]), deployment["spec"]["template"]
        known = self._digests.get(key)
        if known is None or known[0] is not template:
            known = self._digests[key] = (template, template_hash(template))
        return known[1]

    def new_pod(self, owner: str, template: Object, digest: str) -> Pod:
        """Make a pod of a Deployment or a Rollout."""
        self._serial += 1
        container = template["spec"]["containers"][0]
        return Pod(
            name=f"{owner}-{digest}-{self._serial:05d}",
            template=digest,
            image=container["image"],
            labels=dict(template["metadata"]["labels"]),
            born=self.now(),
            container=container["name"],
        )

    def age(self, namespace: str, deployment: str, seconds: float) -> None:
        """Make a Deployment's pods older: they have run for that long."""
        for pod in self._pods[namespace, deployment]:
            pod.born = self.now() - timedelta(seconds=seconds)
            pod.old = True

    def rolled_out(self, namespace: str, name: str, created: datetime, at: datetime) -> None:
        """Say when a Deployment was made, and when it was rolled out last."""
        item = self.objects.get("deployments", namespace, name)
        item["metadata"]["creationTimestamp"] = stamp(created)
        key = ("deployments", namespace, name)
        self._changed[key] = (at, self._changed[key][1])

    def health(self, pod: Pod, now: datetime) -> Health:
        """State of a pod at a moment."""
        rules = self._behaviours
        found = (b for image, name, b in rules if image.search(pod.image) and name.match(pod.name))
        return health(pod, next(found, GOOD), now, self.ready_after)

    def pods(self, namespace: str, selector: dict[str, str] | None) -> list[tuple[str, Pod]]:
        """List pods with the name of their Deployment; no selector: all."""
        found = self.argo.pods(namespace, selector)
        for name in self._owning(namespace, selector or {}):
            deployment = self.objects.get("deployments", namespace, name)
            found += [
                (name, pod)
                for pod in self._reconcile(namespace, deployment)
                if selector is None or selects(selector, pod.labels)
            ]
        return found

    def _owning(self, namespace: str, selector: dict[str, str]) -> list[str]:
        """Name the Deployments whose pods such a selector may match.

        Pods may carry other labels than today's template, but a Deployment's own selector never
        changes: what contradicts it matches none of them, and the answer is good for long.
        """
        key = (namespace, frozenset(selector.items()))
        if key not in self._owners:
            self._owners[key] = [
                item["metadata"]["name"]
                for item in self.objects.list("deployments", namespace)
                if agree(selector, item["spec"]["selector"]["matchLabels"])
            ]
        return self._owners[key]

    def pod_objects(self, namespace: str, selector: dict[str, str] | None) -> list[Object]:
        """List pods as the API writes them."""
        now = self.now()
        return [
            as_object(pod, self.health(pod, now), namespace, owner)
            for owner, pod in self.pods(namespace, selector)
        ]

    # Statuses.

    def deployment_status(self, namespace: str, item: Object) -> Object:
        """Compute a Deployment's status; truthful at every moment."""
        now, name = self.now(), item["metadata"]["name"]
        pods = self._reconcile(namespace, item)
        current = self._digest(namespace, item)
        ready = [pod for pod in pods if self.health(pod, now).ready]
        updated = [pod for pod in pods if pod.template == current]
        changed_at, generation = self._changed["deployments", namespace, name]
        wanted = int(item["spec"].get("replicas", 1))
        complete = len(updated) == len(pods) == wanted and len(ready) == wanted
        deadline = timedelta(seconds=item["spec"].get("progressDeadlineSeconds", 600))
        late = not complete and now - changed_at > (deadline or DEADLINE)
        reason = (
            "NewReplicaSetAvailable"
            if complete
            else "ProgressDeadlineExceeded"
            if late
            else "ReplicaSetUpdated"
        )
        return {
            "observedGeneration": generation,
            "replicas": len(pods),
            "updatedReplicas": len(updated),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready),
            "unavailableReplicas": max(0, wanted - len(ready)),
            "conditions": [
                {
                    "type": "Progressing",
                    "status": "False" if late else "True",
                    "reason": reason,
                    "lastUpdateTime": stamp(changed_at),
                },
                {"type": "Available", "status": "True" if ready else "False"},
                *([kept_out(name)] if len(updated) < wanted and not self._room(namespace) else []),
            ],
        }

    def route_status(self, namespace: str, item: Object) -> Object:
        """Compute a route's conditions; they follow a change after `route_lag`."""
        changed_at, generation = self._changed["httproutes", namespace, item["metadata"]["name"]]
        fresh = (self.now() - changed_at).total_seconds() >= self.route_lag
        observed = generation if fresh else generation - 1
        missing = [
            ref["name"]
            for rule in item["spec"].get("rules", [])
            for ref in rule.get("backendRefs", [])
            if self.objects.find("services", namespace, ref["name"]) is None
        ]
        return routes.status(item, observed, self.rejects_routes, missing)

    def istio_status(self, namespace: str, item: Object) -> Object:
        """Compute what Istio says of a VirtualService; empty where it says nothing."""
        changed = self._changed[istio.KIND, namespace, item["metadata"]["name"]]
        return self.istio.status(*changed, self.now(), self.rejects_routes)

    # Endpoints.

    def _wanted_endpoints(self, namespace: str, service: Object) -> tuple[str, ...]:
        selector = service["spec"].get("selector") or {}
        if not selector:
            return ()
        now = self.now()
        pods = self.pods(namespace, selector)
        return tuple(pod.name for _, pod in pods if self.health(pod, now).ready)

    def _freeze_endpoints(self, kind: str, namespace: str, name: str) -> None:
        """Before a change: what is shown now stays shown until the lag is over."""
        for service in self._moved_by(kind, namespace, name):
            if (namespace, service["metadata"]["name"]) in self._shown:
                self.endpoints(namespace, service)

    def _moved_by(self, kind: str, namespace: str, name: str) -> Iterable[Object]:
        """List the Services whose endpoints a change of that object may move."""
        if kind == "services":
            return [self.objects.get(kind, namespace, name)]
        if kind != "deployments":
            return []
        return [
            service
            for service in self.objects.list("services", namespace)
            if name in self._owning(namespace, service["spec"].get("selector") or {})
        ]

    def endpoints(self, namespace: str, service: Object) -> tuple[str, ...]:
        """Names of the ready pods behind a Service, as its EndpointSlices show them."""
        key = (namespace, service["metadata"]["name"])
        wanted = self._wanted_endpoints(namespace, service)
        shown = self._shown.setdefault(key, wanted)
        if shown == wanted:
            self._differs.pop(key, None)
            return shown
        changed = self._changed.get(("services", *key))
        since = self._differs.setdefault(key, self.now())
        if changed and changed[0] > since:
            since = self._differs[key] = changed[0]
        if (self.now() - since).total_seconds() < self.endpoints_lag:
            return shown
        self._shown[key] = wanted
        self._differs.pop(key, None)
        return wanted

    def slice_of(self, namespace: str, service: Object) -> Object:
        """Write a Service's EndpointSlice."""
        return routes.endpoint_slice(service, namespace, self.endpoints(namespace, service))
