"""VirtualServices of the simulated cluster: what Istio's webhook refuses, and what Istio says.

Like the real one it writes no status unless it is told to (`tells`), and then the number of the
generation as text. `messages` are its analyser's, shown from the moment at which they are set.
"""

from dataclasses import dataclass, field
from datetime import datetime

from integrations.simulated.kubernetes.objects import ApiError, Object

KIND = "virtualservices"
GATEWAYS = "gateways.networking.istio.io"
"""Istio's Gateways as they are stored here; the Gateway API has a kind of the same name."""

API = "apis/networking.istio.io/v1"
ALL = 100


@dataclass
class Istio:
    """The control surface. `lag` is seconds until proxies have followed a change."""

    tells: bool = False
    lag: float = 0.05
    messages: list[Object] = field(default_factory=list)

    def status(
        self, changed_at: datetime, generation: int, now: datetime, refused: str | None
    ) -> Object:
        """Compute a VirtualService's status; empty where nothing is said. `refused`: why."""
        status: Object = {}
        if self.messages:
            status["validationMessages"] = list(self.messages)
        if not self.tells and refused is None:
            return status
        there = (now - changed_at).total_seconds() >= self.lag
        condition = {
            "type": "Reconciled",
            "status": "True" if there and refused is None else "False",
            "message": refused or f"{2 if there else 1}/2 proxies up to date.",
        }
        return status | {"conditions": [condition], "observedGeneration": str(generation)}


def check(kind: str, item: Object) -> None:
    """Refuse what the webhook refuses: weights of several destinations that don't add up."""
    if kind != KIND:
        return
    for protocol in ("http", "tls", "tcp"):
        for route in item["spec"].get(protocol) or ():
            _check_route(route.get("route") or [])


def _check_route(entries: list[Object]) -> None:
    total = sum(entry.get("weight") or 0 for entry in entries)
    if any((entry.get("weight") or 0) < 0 for entry in entries):
        raise _denied("weight must not be negative")
    if len(entries) > 1 and total != ALL:
        raise _denied(f"total destination weight {total} != {ALL}")


def _denied(why: str) -> ApiError:
    message = (
        'admission webhook "validation.istio.io" denied the request: '
        f"configuration is invalid: {why}"
    )
    return ApiError(400, "BadRequest", message)


def virtual_service(service: str, live: str) -> Object:
    """Write a VirtualService with one http route to both slots."""
    route = [
        {"destination": {"host": f"{service}-{slot}"}, "weight": ALL if slot == live else 0}
        for slot in ("blue", "green")
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": service},
        "spec": {"hosts": [service], "gateways": ["mesh", "gateway"], "http": [{"route": route}]},
    }


def gateway() -> Object:
    """Write a Gateway. Istio says nothing of it."""
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gateway"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    }


def weights(item: Object, service: str) -> dict[str, int]:
    """Weights by slot of the first http route that leads to both."""
    for route in item["spec"].get("http") or ():
        entries = route.get("route") or []
        found = {_slot(entry["destination"], service): entry.get("weight", 0) for entry in entries}
        if found.keys() >= {"blue", "green"}:
            return found
    return {}


def _slot(destination: Object, service: str) -> str:
    host = str(destination["host"]).partition(".")[0]
    subset: str = destination.get("subset", "")
    return subset if host == service else host.removeprefix(f"{service}-")
