"""Namespaces of the simulated cluster, and lists across all of them, in pages.

A namespace is there once somebody made it here, or put something into it. Also seeds the ones
that come and go.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from integrations.simulated.kubernetes.cluster import Cluster
from integrations.simulated.kubernetes.objects import ApiError, Object, parse_selector
from integrations.simulated.kubernetes.pods import stamp

KIND = "namespaces"
Check = Callable[[str, str, str], None]
"""Raises 403 for a verb, a resource and a namespace that were denied."""


class Namespaces:
    """Answers for lists of namespaces, and of Deployments in all of them."""

    def __init__(self, cluster: Cluster, check: Check) -> None:
        self._cluster = cluster
        self._check = check
        self._born = cluster.now()
        self._known: dict[str, tuple[int, list[Object]]] = {}

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths of the real API."""
        return [
            ("GET", "/api/v1/namespaces", self._list),
            ("GET", "/apis/apps/v1/deployments", self._deployments),
        ]

    async def _list(self, request: web.Request) -> Object:
        self._check("list", KIND, "")
        labels = parse_selector(request.query.get("labelSelector", ""))
        field = parse_selector(request.query.get("fieldSelector", ""))
        found = [
            item
            for item in self._all(KIND, self._namespaces)
            if field.get("metadata.name", item["metadata"]["name"]) == item["metadata"]["name"]
            and _matches(item, labels)
        ]
        return self._page(request, "NamespaceList", found)

    def _all(self, kind: str, make: Callable[[], list[Object]]) -> list[Object]:
        """List all of a kind; from a copy while nothing was written, for lists are long."""
        version = self._cluster.objects.version
        if kind not in self._known or self._known[kind][0] != version:
            self._known[kind] = (version, make())
        return self._known[kind][1]

    def _namespaces(self) -> list[Object]:
        objects = self._cluster.objects
        items = {item["metadata"]["name"]: item for item in objects.list(KIND, "")}
        for name in objects.spaces() - items.keys():
            items[name] = namespace_object(name, self._born)
        return [item for _, item in sorted(items.items())]

    def _everywhere(self) -> list[Object]:
        objects = self._cluster.objects
        return [item for space in sorted(objects.spaces()) for item in _in(objects, space)]

    async def _deployments(self, request: web.Request) -> Object:
        self._check("list", "deployments", "")
        found = self._all("deployments", self._everywhere)
        listed = self._page(request, "DeploymentList", found)
        for item in listed["items"]:
            if "spec" in item:
                space = item["metadata"]["namespace"]
                item["status"] = self._cluster.deployment_status(space, item)
        return listed

    def _page(self, request: web.Request, kind: str, items: list[Object]) -> Object:
        """Cut a page out, as a server with `limit` and `continue` does."""
        limit = int(request.query.get("limit", "0")) or len(items)
        at = _read_token(request.query.get("continue"))
        end = at + limit
        metadata: Object = {"resourceVersion": str(self._cluster.objects.version)}
        if end < len(items):
            metadata |= {"continue": _token(end), "remainingItemCount": len(items) - end}
        page = items[at:end]
        if "PartialObjectMetadataList" in request.headers.get("Accept", ""):
            return {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": [{"metadata": item["metadata"]} for item in page],
            }
        return {
            "kind": kind,
            "apiVersion": "v1",
            "metadata": metadata,
            "items": [dict(item) for item in page],
        }


def _in(objects: Any, space: str) -> Iterable[Object]:
    return sorted(objects.list("deployments", space), key=lambda item: item["metadata"]["name"])


def _matches(item: Object, labels: dict[str, str]) -> bool:
    own = item["metadata"].get("labels") or {}
    return all(own.get(key) == value for key, value in labels.items())


def _token(at: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"at": at}).encode()).decode()


def _read_token(token: str | None) -> int:
    if token is None:
        return 0
    try:
        at: int = json.loads(base64.urlsafe_b64decode(token))["at"]
    except (ValueError, KeyError) as error:
        raise ApiError(400, "BadRequest", "continue key is not valid") from error
    return at


def namespace_object(
    name: str,
    created: datetime,
    *,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    terminating: bool = False,
) -> Object:
    """Write a namespace as the API does."""
    metadata: Object = {
        "name": name,
        "uid": f"uid-{name}",
        "creationTimestamp": stamp(created),
        "labels": {"kubernetes.io/metadata.name": name, **(labels or {})},
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    if terminating:
        metadata["deletionTimestamp"] = stamp(created)
    phase = "Terminating" if terminating else "Active"
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": metadata,
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": phase},
    }


def seed_passing(  # noqa: PLR0913 - an environment has these parts
    cluster: Cluster,
    name: str,
    *,
    age: timedelta,
    deployed: timedelta | None = None,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    terminating: bool = False,
) -> None:
    """Make a namespace of that age; with `deployed`, one Deployment that was rolled out then."""
    now = cluster.now()
    made = namespace_object(
        name, now - age, annotations=annotations, labels=labels, terminating=terminating
    )
    cluster.objects.put(KIND, "", made)
    if deployed is None:
        return
    labels_of_pods = {"app": "app"}
    cluster.create(
        "deployments",
        name,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "app", "labels": dict(labels_of_pods)},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels_of_pods},
                "template": {
                    "metadata": {"labels": labels_of_pods},
                    "spec": {"containers": [{"name": "app", "image": "quantivista/app:dev"}]},
                },
            },
        },
    )
    cluster.age(name, "app", deployed.total_seconds())
    cluster.rolled_out(name, "app", now - age, now - deployed)
