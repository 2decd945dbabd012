"""The port to the namespaces of a cluster: what comes and goes there. Part of `ports`.

Used by the surveys of environments.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from bot.domain.namespaces import Namespace, Workload


class Namespaces(Protocol):
    """The namespaces of a cluster, as a whole and in pages: what comes and goes there.

    `cluster` is a kubeconfig context; None is the current one. Nothing is ever written.
    """

    async def namespaces(
        self, cluster: str | None, marks: Collection[str], name: str | None = None
    ) -> tuple[Namespace, ...]:
        """List namespaces that are not being deleted, with those annotations or labels.

        `name`: only the one of that name.
        """

    async def deployed(self, cluster: str | None) -> Mapping[str, datetime]:
        """Say for each namespace when something in it was last rolled out."""

    async def workloads(self, cluster: str | None, namespace: str) -> tuple[Workload, ...]:
        """List the Deployments of one namespace with their images."""
