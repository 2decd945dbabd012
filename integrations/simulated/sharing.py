"""Where a service's requests go in the simulated cluster: what the simulated Prometheus scrapes.

Used by the demo and the tests, which put both systems into one world.
"""

from integrations.simulated.kubernetes import seeding
from integrations.simulated.kubernetes.cluster import Cluster
from integrations.simulated.prometheus import Pod

SLOTS = ("blue", "green")


def pods_of(cluster: Cluster, namespace: str, service: str) -> list[Pod]:
    """List a service's pods with their share of its requests. A slot's ready pods share evenly."""
    weights = seeding.weights(cluster, namespace, service)
    found: list[Pod] = []
    for slot in SLOTS:
        share = weights.get(slot, 0) / 100
        if cluster.objects.find("deployments", namespace, f"{service}-{slot}") is None:
            continue
        version = seeding.image(cluster, namespace, f"{service}-{slot}").rpartition(":")[2]
        pods = cluster.pods(namespace, {"app": service, "slot": slot})
        found += [Pod(pod.name, slot, version, share / len(pods)) for _, pod in pods]
    return found
