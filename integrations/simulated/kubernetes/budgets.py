"""PodDisruptionBudgets of the simulated cluster: their status, from the pods that there are."""

from integrations.simulated.kubernetes.cluster import Cluster
from integrations.simulated.kubernetes.objects import Object, selects

KIND = "poddisruptionbudgets"
API = "apis/policy/v1"


def status(cluster: Cluster, namespace: str, item: Object) -> Object:
    """Count the pods that a budget selects, and say how many may be evicted."""
    spec, now = item["spec"], cluster.now()
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    found = [
        (owner, cluster.health(pod, now).ready)
        for owner, pod in cluster.pods(namespace, None)
        if not labels or selects(labels, pod.labels)
    ]
    owners = {name for name, _ in found}
    deployments = [cluster.objects.get("deployments", namespace, name) for name in owners]
    expected = sum(int(one["spec"].get("replicas", 1)) for one in deployments)
    healthy = sum(ready for _, ready in found)
    needed = _needed(spec, expected)
    return {
        "observedGeneration": item["metadata"]["generation"],
        "expectedPods": expected,
        "currentHealthy": healthy,
        "desiredHealthy": needed,
        "disruptionsAllowed": max(0, healthy - needed),
    }


def _needed(spec: Object, expected: int) -> int:
    """Read `minAvailable` or `maxUnavailable`; a share is rounded up, as the real one does."""
    if "minAvailable" in spec:
        return _scaled(spec["minAvailable"], expected)
    return max(0, expected - _scaled(spec.get("maxUnavailable", 0), expected))


def _scaled(value: int | str, expected: int) -> int:
    if isinstance(value, int):
        return value
    return -(-expected * int(value.removesuffix("%")) // 100)


def budget(name: str, labels: dict[str, str], **bounds: int | str) -> Object:
    """Write a budget as a team does."""
    spec = {"selector": {"matchLabels": labels}, **bounds}
    return {"apiVersion": "policy/v1", "metadata": {"name": name}, "spec": spec}
