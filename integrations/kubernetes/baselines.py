"""`KubernetesBaselines`: reads and changes the Deployment for fresh copies of what is live.

Made by `cluster`. Its pods stand behind the live slot's Service by the labels that they share with
that slot's; a label of its own, which never changes, is how the Deployment knows them.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from bot.domain.facts import BaselineFact
from bot.domain.targets import Target
from bot.errors import ConflictError, MissingError, PermanentError
from bot.ports_baseline import BaselinePatch
from integrations.kubernetes import objects, patches
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.kinds import DEPLOYMENTS, SERVICES
from integrations.kubernetes.objects import Object
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.space import Said


class KubernetesBaselines:
    """Baselines by target: the `Baselines` port, and what a look at all of a target tells."""

    def __init__(self, api_at: Callable[[str | None], KubeApi], reader: Reader) -> None:
        self._api_at = api_at
        self._reader = reader

    async def look(self, target: Target) -> BaselineFact:
        """Read it; one that is gone is a fact."""
        try:
            return await self._read(target)
        except MissingError:
            return BaselineFact(exists=False)

    async def _read(self, target: Target) -> BaselineFact:
        name = target.baseline or ""
        deployment, pods = await self._reader.with_pods(
            target, name, self._deployment(target), objects.match_labels
        )
        return objects.baseline_fact(target, deployment, pods)

    async def _deployment(self, target: Target) -> Object:
        return await self._reader.item(target, DEPLOYMENTS, target.baseline or "")

    async def judge(
        self, target: Target, slots: Iterable[Object]
    ) -> tuple[BaselineFact | None, Object | None]:
        """Read it with what keeps it from being a baseline, and its Deployment.

        None where the catalogue names none. `slots`: the slots' Deployments, as far as they are
        there.
        """
        if target.baseline is None:
            return None, None
        try:
            deployment = await self._deployment(target)
        except MissingError:
            return BaselineFact(exists=False), None
        unfit = tuple(
            sentence
            for sentence, _ in judged(deployment, target, await self._services(target), slots)
        )
        try:
            fact = await self.look(target)
        except PermanentError:
            # It has no container of that name, as `unfit` tells.
            fact = BaselineFact(exists=True)
        return fact.model_copy(update={"unfit": unfit}), deployment

    async def _services(self, target: Target) -> list[Object]:
        found = await asyncio.gather(
            *(self._service(target, n) for n in target.slot_services or ())
        )
        return [item for item in found if item is not None]

    async def _service(self, target: Target, name: str) -> Object | None:
        try:
            return await self._reader.item(target, SERVICES, name)
        except MissingError:
            return None

    async def change(
        self, target: Target, seen: BaselineFact, patch: BaselinePatch, fence: int, release: str
    ) -> None:
        """Change it in one patch. Raises ConflictError if it isn't as seen."""
        deployment = await self._deployment(target)
        if objects.fence_of(deployment) != seen.fence:
            raise ConflictError(f"Deployment {target.baseline} changed in between")
        operations = [
            *patches.marks(deployment, fence, release),
            *patches.baseline_change(deployment, target, seen, patch),
        ]
        path = DEPLOYMENTS.path(target.namespace, target.baseline)
        await self._api_at(target.cluster).patch(path, operations)


def judged(
    deployment: Object, target: Target, services: Iterable[Object], slots: Iterable[Object]
) -> Iterator[Said]:
    """Say what keeps a Deployment from being a baseline: for the gate and for `doctor`. Pure."""
    what, label = f"Deployment {target.baseline}", target.slot_label
    try:
        objects.container_index(deployment, target.container("blue"))
    except PermanentError as error:
        yield f"{error}.", "Name the service's container so in it too."
    own, labels = objects.match_labels(deployment), objects.pod_labels(deployment)
    if label in own:
        remedy = f"Make it anew with a selector by a label of its own, such as {_own(own, label)}."
        yield f"{what}: its selector names {label}, which changes with the live slot.", remedy
    elif any(_selects(own, objects.pod_labels(slot)) for slot in slots):
        remedy = "Make it anew with a label of its own in its selector, such as track: baseline."
        yield f"{what}: its selector takes the slots' pods too.", remedy
    for service in services:
        name = service["metadata"]["name"]
        for key, value in objects.labels_beside(service, label).items():
            if labels.get(key) != value:
                remedy = "Add it to the pod template."
                yield f"{what}: its pods lack {key}: {value}, by which {name} selects.", remedy


def _own(selector: Mapping[str, str], label: str) -> str:
    return ", ".join(f"{key}: {value}" for key, value in selector.items() if key != label) or (
        "track: baseline"
    )


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
