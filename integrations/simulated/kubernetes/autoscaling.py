"""Autoscalers of the simulated cluster: each looks every 15 s, and sets a Deployment's size.

Computed when somebody looks, like all here. What the measurements call for is an annotation of the
HorizontalPodAutoscaler, `simulated/wants`; without it they call for as many pods as there are.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integrations.simulated.kubernetes.cluster import Cluster
from integrations.simulated.kubernetes.objects import Object
from integrations.simulated.kubernetes.pods import stamp

KIND = "horizontalpodautoscalers"
API = "apis/autoscaling/v2"
WANTS = "simulated/wants"
PERIOD = timedelta(seconds=15)


@dataclass
class _Seen:
    """What one autoscaler remembers."""

    due: datetime
    wants: int | None = None
    scaled: datetime | None = None


@dataclass
class Autoscalers:
    """All of them, by uid."""

    _seen: dict[str, _Seen] = field(default_factory=dict)

    def act(self, cluster: Cluster, namespace: str) -> None:
        """Let each that is due decide, once however late: what it decides is the same."""
        for item in cluster.objects.list(KIND, namespace):
            now = cluster.now()
            seen = self._seen.setdefault(item["metadata"]["uid"], _Seen(now + PERIOD))
            if now >= seen.due:
                seen.due = now + PERIOD
                _decide(cluster, namespace, item, seen)

    def status(self, item: Object) -> Object:
        """Write an autoscaler's status."""
        seen = self._seen.get(item["metadata"]["uid"])
        if seen is None or seen.wants is None:
            return {"currentMetrics": None}
        moved: Object = {"lastScaleTime": stamp(seen.scaled)} if seen.scaled else {}
        return {"desiredReplicas": seen.wants, "currentReplicas": seen.wants, **moved}


def _decide(cluster: Cluster, namespace: str, item: Object, seen: _Seen) -> None:
    spec, name = item["spec"], item["spec"]["scaleTargetRef"]["name"]
    deployment = cluster.objects.find("deployments", namespace, name)
    if deployment is None or spec["scaleTargetRef"]["kind"] != "Deployment":
        return
    size = int(deployment["spec"].get("replicas", 1))
    if size == 0:
        # A target of no pods is left alone.
        return
    least, most = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
    called_for = int((item["metadata"].get("annotations") or {}).get(WANTS, size))
    if _never_down(spec) and size <= most:
        called_for = max(called_for, size)
    seen.wants = min(most, max(least, called_for))
    if seen.wants != size:
        seen.scaled = cluster.now()
        cluster.edit("deployments", namespace, name, {"spec": {"replicas": seen.wants}})


def _never_down(spec: Object) -> bool:
    down = (spec.get("behavior") or {}).get("scaleDown") or {}
    return bool(down.get("selectPolicy") == "Disabled")


def autoscaler(
    deployment: str, least: int, most: int, *, wants: int | None = None, keda: str | None = None
) -> Object:
    """Write an autoscaler as a team does, or as KEDA makes one of the ScaledObject of that name."""
    metadata: Object = {"name": f"keda-hpa-{keda}" if keda else deployment}
    if wants is not None:
        metadata["annotations"] = {WANTS: str(wants)}
    if keda is not None:
        owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": keda}
        metadata["ownerReferences"] = [owner | {"controller": True}]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}
    return {"apiVersion": "autoscaling/v2", "metadata": metadata, "spec": spec}
