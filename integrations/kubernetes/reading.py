"""Reads a target's objects, pods and ready endpoints. Changes nothing.

Made by `cluster`, and handed to each way of moving traffic in `traffic`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from bot.domain.targets import Target
from integrations.kubernetes import objects
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.kinds import ENDPOINT_SLICES, PODS, Kind
from integrations.kubernetes.objects import Object


class Reader:
    """Reads by target. `api_at` gives the connection to a cluster."""

    def __init__(self, api_at: Callable[[str | None], KubeApi]) -> None:
        self._api_at = api_at
        self._labels: dict[tuple[str | None, str, str], dict[str, str]] = {}

    async def item(self, target: Target, kind: Kind, name: str) -> Object:
        """Read one object of the target's namespace. Raises MissingError where it isn't there."""
        return await self._api_at(target.cluster).get(kind.path(target.namespace, name))

    async def with_pods(
        self,
        target: Target,
        name: str,
        reading: Awaitable[Object],
        labels_of: Callable[[Object], dict[str, str]],
    ) -> tuple[Object, list[Object]]:
        """Read an object and its pods side by side, by the labels that it had the last time.

        Labels hardly ever change. Where they did, the pods are read again by the new ones. A
        baseline's pods bear the labels of a slot's: they are the baseline's only.
        """
        key = (target.cluster, target.namespace, name)
        guess = self._labels.get(key)
        pods: list[Object] = []
        if guess is None:
            item = await reading
        else:
            item, pods = await asyncio.gather(reading, self.pods(target, guess))
        labels = labels_of(item)
        if labels != guess:
            self._labels[key] = labels
            pods = await self.pods(target, labels)
        baseline = target.baseline
        if baseline is None:
            return item, pods
        return item, [p for p in pods if objects.made_by(p, baseline) == (name == baseline)]

    async def pods(self, target: Target, labels: Mapping[str, str]) -> list[Object]:
        """List the pods with those labels."""
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        path = PODS.path(target.namespace)
        found = await self._api_at(target.cluster).get(path, labelSelector=selector)
        items: list[Object] = found.get("items") or []
        return items

    async def endpoints(self, target: Target, service: str) -> list[str | None]:
        """List the ready endpoints behind a Service, by the name of their pod.

        A baseline's are left out: they are there for a while, and no slot rests on them.
        """
        path = ENDPOINT_SLICES.path(target.namespace)
        label = f"kubernetes.io/service-name={service}"
        found = await self._api_at(target.cluster).get(path, labelSelector=label)
        ready = objects.ready_endpoints(found.get("items") or ())
        baseline = target.baseline
        return [pod for pod in ready if not baseline or not objects.is_named_by(pod, baseline)]
