"""Seeds a cluster with what a catalogue entry with the default names expects, and looks into it."""

from typing import Any, Literal

from integrations.simulated.kubernetes import istio, rollouts
from integrations.simulated.kubernetes.cluster import Cluster
from integrations.simulated.kubernetes.objects import Object

VERSION_LABEL = "app.kubernetes.io/version"
LONG_AGO = 30 * 3600.0
GATEWAY = "gateway"
Traffic = Literal["service", "gateway", "istio", "argo-rollouts"]


def other(slot: str) -> str:
    """Name the other slot."""
    return "green" if slot == "blue" else "blue"


def seed_blue_green(  # noqa: PLR0913 - a service has these parts
    cluster: Cluster,
    namespace: str,
    service: str,
    image: str,
    *,
    live: str = "blue",
    other_image: str | None = None,
    replicas: int = 3,
    idle_replicas: int | None = None,
    traffic: Traffic = "service",
    version: str | None = None,
    other_version: str | None = None,
    age: float = LONG_AGO,
) -> None:
    """Make two Deployments, the Services and what holds the weights; all ready, `age` old."""
    if traffic == "argo-rollouts":
        seed_rollout(cluster, namespace, service, image, replicas=replicas, age=age)
        return
    idle = other(live)
    idle_count = replicas if idle_replicas is None else idle_replicas
    plan = {
        live: (image, replicas, version),
        idle: (other_image or image, idle_count, other_version or version),
    }
    for slot, (slot_image, count, label) in sorted(plan.items()):
        name = f"{service}-{slot}"
        made = _deployment(name, service, slot, slot_image, count, label)
        cluster.create("deployments", namespace, made)
        cluster.age(namespace, name, age)
        cluster.create("services", namespace, _service(name, service, slot))
    cluster.create("services", namespace, _service(service, service, live))
    cluster.create("services", namespace, _service(f"{service}-preview", service, idle))
    if traffic == "gateway":
        if cluster.objects.find("gateways", namespace, GATEWAY) is None:
            cluster.create("gateways", namespace, _gateway())
        cluster.create("httproutes", namespace, _route(service, live))
    if traffic == "istio":
        if cluster.objects.find(istio.GATEWAYS, namespace, GATEWAY) is None:
            cluster.create(istio.GATEWAYS, namespace, istio.gateway())
        cluster.create(istio.KIND, namespace, istio.virtual_service(service, live))


def seed_one(cluster: Cluster, namespace: str, service: str, image: str, replicas: int = 3) -> None:
    """Make the one Deployment of a service that has no slots; all ready, for long."""
    made = _deployment(service, service, None, image, replicas, None)
    cluster.create("deployments", namespace, made)
    cluster.age(namespace, service, LONG_AGO)


def seed_baseline(
    cluster: Cluster, namespace: str, service: str, image: str, version: str | None = None
) -> None:
    """Make a third Deployment without pods, by a label of its own; they are behind no Service yet.

    Given a slot's label, they stand behind that slot's.
    """
    made = _deployment(f"{service}-baseline", service, None, image, 0, version)
    for labels in (made["spec"]["selector"]["matchLabels"], *_labels_of(made)):
        labels["track"] = "baseline"
    cluster.create("deployments", namespace, made)


def _labels_of(deployment: Object) -> list[dict[str, str]]:
    return [deployment["metadata"]["labels"], deployment["spec"]["template"]["metadata"]["labels"]]


def deployment_of(service: str, slot: str, image: str, replicas: int = 3) -> Object:
    """Make a slot's Deployment as it was seeded, for whoever creates it anew."""
    return _deployment(f"{service}-{slot}", service, slot, image, replicas, None)


def seed_rollout(  # noqa: PLR0913 - a service has these parts
    cluster: Cluster,
    namespace: str,
    service: str,
    image: str,
    *,
    replicas: int = 3,
    shares: tuple[int, ...] = (10, 25, 50, 100),
    age: float = LONG_AGO,
) -> None:
    """Make a Rollout and both its Services; its pods are ready, and `age` old."""
    for name in (service, f"{service}-preview"):
        item = _service(name, service, "")
        del item["spec"]["selector"]["slot"]
        cluster.create("services", namespace, item)
    cluster.create(rollouts.KIND, namespace, rollouts.rollout(service, image, replicas, shares))
    cluster.argo.started(namespace, service, age)


def _deployment(
    name: str, service: str, slot: str | None, image: str, replicas: int, version: str | None
) -> Object:
    labels = {"app": service} | ({"slot": slot} if slot else {})
    marked = labels | ({VERSION_LABEL: version} if version else {})
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": marked},
                "spec": {"containers": [{"name": service, "image": image}]},
            },
        },
    }


def _service(name: str, service: str, slot: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": service, "slot": slot}, "ports": [{"port": 80}]},
    }


def _route(service: str, live: str) -> Object:
    refs = [
        {"name": f"{service}-{slot}", "port": 80, "weight": 100 if slot == live else 0}
        for slot in ("blue", "green")
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": service},
        "spec": {"parentRefs": [{"name": GATEWAY}], "rules": [{"backendRefs": refs}]},
    }


def _gateway() -> Object:
    conditions = [{"type": kind, "status": "True"} for kind in ("Accepted", "Programmed")]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": GATEWAY},
        "spec": {"gatewayClassName": "example"},
        "status": {"conditions": conditions},
    }


def weights(cluster: Cluster, namespace: str, service: str) -> dict[str, int]:
    """Shares of traffic by slot: from the route where there is one, else from the selector."""
    cluster.argo.follow(namespace)
    rollout = cluster.objects.find(rollouts.KIND, namespace, service)
    if rollout is not None:
        return rollouts.weights(rollout)
    virtual = cluster.objects.find(istio.KIND, namespace, service)
    if virtual is not None:
        return istio.weights(virtual, service)
    route = cluster.objects.find("httproutes", namespace, service)
    if route is None:
        slot = cluster.objects.get("services", namespace, service)["spec"]["selector"]["slot"]
        return {slot: 100, other(slot): 0}
    refs: list[dict[str, Any]] = route["spec"]["rules"][0]["backendRefs"]
    return {ref["name"].removeprefix(f"{service}-"): ref.get("weight", 1) for ref in refs}


def live_slot(cluster: Cluster, namespace: str, service: str) -> str | None:
    """The slot that has all the traffic; None while it is split."""
    shares = weights(cluster, namespace, service)
    return next((slot for slot, share in shares.items() if share == 100), None)  # noqa: PLR2004 - per cent


def image(cluster: Cluster, namespace: str, deployment: str) -> str:
    """Image that a Deployment's template names."""
    item = cluster.objects.get("deployments", namespace, deployment)
    found: str = item["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def replicas(cluster: Cluster, namespace: str, deployment: str) -> int:
    """Replicas that a Deployment wants."""
    return int(cluster.objects.get("deployments", namespace, deployment)["spec"]["replicas"])
