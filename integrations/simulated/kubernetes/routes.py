"""What the simulated gateway says of an HTTPRoute, and how an EndpointSlice is written. Pure."""

from collections.abc import Iterable

from integrations.simulated.kubernetes.objects import Object


def status(item: Object, observed: int, refused: str | None, missing: list[str]) -> Object:
    """Write a route's status. `missing`: backends that are no Services."""
    accepted = _condition("Accepted", observed, refused)
    resolved = _condition(
        "ResolvedRefs", observed, f"no such service: {missing[0]}" if missing else None
    )
    parents = item["spec"].get("parentRefs") or [{"name": "gateway"}]
    return {
        "parents": [
            {
                "parentRef": parent,
                "controllerName": "example.net/gateway-controller",
                "conditions": [accepted, resolved],
            }
            for parent in parents
        ]
    }


def _condition(kind: str, generation: int, problem: str | None) -> Object:
    return {
        "type": kind,
        "status": "False" if problem else "True",
        "reason": "Refused" if problem else kind,
        "message": problem or "",
        "observedGeneration": generation,
    }


def endpoint_slice(service: Object, namespace: str, pods: Iterable[str]) -> Object:
    """Write a Service's EndpointSlice."""
    name = service["metadata"]["name"]
    return {
        "metadata": {
            "name": f"{name}-abcde",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": ["10.0.0.1"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "targetRef": {"kind": "Pod", "name": pod, "namespace": namespace},
            }
            for pod in pods
        ],
    }
