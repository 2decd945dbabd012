"""The kinds of objects that the bot reads and writes: their words, their paths, their rights.

Used by everything in this package. Pure: names only.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object, as the API server knows it."""

    word: str
    """As people write it: `HTTPRoute`."""
    plural: str
    """As paths and rights write it: `httproutes`."""
    group: str = ""
    """Its API group; empty for the core's."""
    version: str = "v1"
    rights: str = "rbac.yaml"
    """The file of deploy/kubernetes that lets the bot read it, and change it where it does."""

    def path(self, namespace: str, name: str | None = None) -> str:
        """Write the path of one object, or of the list of all in a namespace."""
        base = f"/apis/{self.group}" if self.group else "/api"
        listed = f"{base}/{self.version}/namespaces/{namespace}/{self.plural}"
        return f"{listed}/{name}" if name is not None else listed

    def right(self, verb: str) -> dict[str, str]:
        """Write a verb on it as reviews of rights name it."""
        resource, _, part = self.plural.partition("/")
        right = {"verb": verb, "group": self.group, "resource": resource}
        return right | ({"subresource": part} if part else {})


DEPLOYMENTS = Kind("Deployment", "deployments", "apps")
PODS = Kind("Pod", "pods")
SERVICES = Kind("Service", "services")
ENDPOINT_SLICES = Kind("EndpointSlice", "endpointslices", "discovery.k8s.io")
HTTP_ROUTES = Kind("HTTPRoute", "httproutes", "gateway.networking.k8s.io")
GATEWAYS = Kind("Gateway", "gateways", "gateway.networking.k8s.io", rights="rbac-gateways.yaml")
VIRTUAL_SERVICES = Kind(
    "VirtualService", "virtualservices", "networking.istio.io", rights="rbac-istio.yaml"
)
ISTIO_GATEWAYS = Kind("Gateway", "gateways", "networking.istio.io", rights="rbac-gateways.yaml")
ROLLOUTS = Kind("Rollout", "rollouts", "argoproj.io", "v1alpha1", "rbac-argo.yaml")
ROLLOUT_STATUS = Kind("Rollout", "rollouts/status", "argoproj.io", "v1alpha1", "rbac-argo.yaml")
"""For rights only: a Rollout's status is patched apart from the rest."""
REPLICA_SETS = Kind("ReplicaSet", "replicasets", "apps", rights="rbac-argo.yaml")
POD_LOGS = Kind("log", "pods/log", rights="rbac-logs.yaml")
AUTOSCALERS = Kind("HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2")
BUDGETS = Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy")
CRONJOBS = Kind("CronJob", "cronjobs", "batch", rights="rbac-smoke.yaml")
JOBS = Kind("Job", "jobs", "batch", rights="rbac-smoke.yaml")

_TOLD = (
    DEPLOYMENTS, SERVICES, HTTP_ROUTES, VIRTUAL_SERVICES, ROLLOUTS, REPLICA_SETS, CRONJOBS, JOBS,
    POD_LOGS,
)  # fmt: skip
NAMED = {kind.plural: kind for kind in _TOLD}
"""Kinds of which an error tells in their own word, by their plural."""
