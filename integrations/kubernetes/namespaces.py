"""`KubernetesNamespaces`: the `Namespaces` port. Lists in pages; reads much, writes nothing.

Made by `cluster`, which hands in its connections. Parses the API's objects into values.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import datetime

from bot.domain.namespaces import Namespace, Workload
from integrations.kubernetes.api import METADATA_LIST, KubeApi
from integrations.kubernetes.objects import Object

NAMESPACES = "/api/v1/namespaces"
DEPLOYMENTS = "/apis/apps/v1/deployments"
PAGE = 500
"""Objects of one page, as kubectl's own default, where only metadata is asked for."""

WHOLE_PAGE = 100
"""The same of whole Deployments: 500 real ones are 5 MB, and to parse that stalls the event loop
for longer than a click may wait."""


class KubernetesNamespaces:
    """Namespaces by kubeconfig context."""

    def __init__(self, api_at: Callable[[str | None], KubeApi]) -> None:
        self._api_at = api_at

    async def namespaces(
        self, cluster: str | None, marks: Collection[str], name: str | None = None
    ) -> tuple[Namespace, ...]:
        """List the namespaces that stay, or the one of that name."""
        only = {"fieldSelector": f"metadata.name={name}"} if name is not None else {}
        rows = self._api_at(cluster).pages(NAMESPACES, PAGE, accept=METADATA_LIST, **only)
        return tuple([one async for row in rows if (one := _namespace(row, marks)) is not None])

    async def deployed(self, cluster: str | None) -> Mapping[str, datetime]:
        """Give the newest roll-out of each namespace, from all its Deployments."""
        found: dict[str, datetime] = {}
        async for row in self._api_at(cluster).pages(DEPLOYMENTS, WHOLE_PAGE):
            namespace, moment = row["metadata"]["namespace"], _rolled_out(row)
            if namespace not in found or moment > found[namespace]:
                found[namespace] = moment
        return found

    async def workloads(self, cluster: str | None, namespace: str) -> tuple[Workload, ...]:
        """List the Deployments of one namespace."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        rows: AsyncIterator[Object] = self._api_at(cluster).pages(path, WHOLE_PAGE)
        return tuple([_workload(row) async for row in rows])


def _namespace(row: Object, marks: Collection[str]) -> Namespace | None:
    metadata = row["metadata"]
    if metadata.get("deletionTimestamp"):
        return None
    # An annotation goes before a label: it can hold what a label can't.
    said = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    return Namespace(
        name=metadata["name"],
        # Not left to the model: moments of its own zone compare five times slower.
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        marks={key: said[key] for key in marks if key in said},
    )


def _rolled_out(row: Object) -> datetime:
    """Tell when a Deployment was made or last got new pods: its condition is renewed then only."""
    conditions = (row.get("status") or {}).get("conditions") or ()
    renewed = (c.get("lastUpdateTime") for c in conditions if c["type"] == "Progressing")
    moments = [row["metadata"]["creationTimestamp"], *filter(None, renewed)]
    return datetime.fromisoformat(max(moments))


def _workload(row: Object) -> Workload:
    containers = row["spec"]["template"]["spec"].get("containers") or ()
    return Workload(
        name=row["metadata"]["name"],
        images={one["name"]: one["image"] for one in containers if one.get("image")},
    )
