"""Where a service's requests go in the simulated cluster: what the simulated Prometheus scrapes.

Used by the demo and the tests, which put both systems into one world.
"""

from integrations.simulated.kubernetes import rollouts, seeding
from integrations.simulated.kubernetes.cluster import Cluster
from integrations.simulated.prometheus import Pod

SLOTS = ("blue", "green")


def _of_rollout(cluster: Cluster, namespace: str, service: str) -> list[Pod]:
    """List a Rollout's pods, with the role of each as its slot."""
    cluster.argo.follow(namespace)
    item = cluster.objects.find(rollouts.KIND, namespace, service)
    if item is None:
        return []
    canary = rollouts.weight_told(item["status"]) / 100
    stable, current = item["status"]["stableRS"], item["status"]["currentPodHash"]
    digests = {"stable": stable, "canary": current if current != stable else None}
    found: list[Pod] = []
    for role, share in (("stable", 1 - canary), ("canary", canary)):
        pods = [
            pod
            for owner, pod in cluster.argo.pods(namespace, {"app": service})
            if owner == service and pod.template == digests[role]
        ]
        versions = [pod.image.rpartition(":")[2] for pod in pods]
        found += [
            Pod(pod.name, role, version, share / len(pods))
            for pod, version in zip(pods, versions, strict=True)
        ]
    return found


def pods_of(cluster: Cluster, namespace: str, service: str) -> list[Pod]:
    """List a service's pods with their share of its requests. A slot's ready pods share evenly.

    Whichever Deployment made them: a slot's are those behind its Service.
    """
    weights = seeding.weights(cluster, namespace, service)
    found = _of_rollout(cluster, namespace, service)
    for slot in SLOTS:
        share = weights.get(slot, 0) / 100
        if cluster.objects.find("deployments", namespace, f"{service}-{slot}") is None:
            continue
        own = seeding.image(cluster, namespace, f"{service}-{slot}")
        pods = cluster.pods(namespace, {"app": service, "slot": slot})
        for owner, pod in pods:
            version = (own if owner == f"{service}-{slot}" else pod.image).rpartition(":")[2]
            found.append(Pod(pod.name, slot, version, share / len(pods)))
    return found
