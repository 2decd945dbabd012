"""`KubernetesCluster`: the `Cluster` port. Reads side by side, writes with preconditions."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta

from bot.domain.catalog import Slot
from bot.domain.facts import ClusterFact, SlotFact, TrafficFact
from bot.domain.targets import Target
from bot.errors import ConflictError, MissingError, PermanentError
from bot.ports import Checkup, Clock, Glance, SlotPatch
from integrations.calls import Told, untold
from integrations.kubernetes import objects, patches
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.doctor import examine
from integrations.kubernetes.namespaces import KubernetesNamespaces
from integrations.kubernetes.objects import Object
from integrations.kubernetes.watches import STREAM_SECONDS, Watches

APPS = "/apis/apps/v1/namespaces"
CORE = "/api/v1/namespaces"
DISCOVERY = "/apis/discovery.k8s.io/v1/namespaces"
GATEWAY = "/apis/gateway.networking.k8s.io/v1/namespaces"

RIGHTS_LAST = timedelta(minutes=5)
"""How long a granted right is believed before it is asked for again."""


class KubernetesCluster:
    """Clusters by kubeconfig context, connected when first used."""

    def __init__(
        self,
        kubeconfig: str | None,
        clock: Clock,
        *,
        seconds: float = 10.0,
        watch_seconds: int = STREAM_SECONDS,
        told: Told = untold,
    ) -> None:
        self._told = told
        self._kubeconfig = kubeconfig
        self._clock = clock
        self._seconds = seconds
        self._apis: dict[str | None, KubeApi] = {}
        self._granted: dict[tuple[str | None, str], datetime] = {}
        self._watches = Watches(self._api_at, watch_seconds)
        self.namespaces = KubernetesNamespaces(self._api_at)
        self._labels: dict[tuple[str | None, str, str], dict[str, str]] = {}

    def report_changes(self, report: Callable[[tuple[str, str]], None]) -> None:
        """Say from now on which of the targets that are followed has changed."""
        self._watches.start(report)

    def follow(self, target: Target) -> bool:
        """Ask for the changes of a target; whether they are being reported."""
        return self._watches.follow(target)

    async def close(self) -> None:
        """Close every connection."""
        await self._watches.stop()
        await asyncio.gather(*(api.close() for api in self._apis.values()))

    def _api(self, target: Target) -> KubeApi:
        return self._api_at(target.cluster)

    def _api_at(self, cluster: str | None) -> KubeApi:
        if cluster not in self._apis:
            self._apis[cluster] = KubeApi(cluster, self._kubeconfig, self._seconds, self._told)
        return self._apis[cluster]

    # Reading.

    async def look(self, target: Target) -> ClusterFact:
        """Read all of a target. What isn't there comes back in words, not as an error."""
        missing: list[str] = []
        owners: list[str] = []
        blue, green, traffic, _, forbidden = await asyncio.gather(
            self._slot_or_missing(target, "blue", missing, owners),
            self._slot_or_missing(target, "green", missing, owners),
            self._traffic_or_missing(target, missing),
            self._rest_there(target, missing),
            self._forbidden(target),
        )
        cautions = [f"{owner} owns it and may undo what the bot sets" for owner in set(owners)]
        return ClusterFact(
            blue=blue,
            green=green,
            traffic=traffic,
            missing=tuple(dict.fromkeys(missing)),
            forbidden=tuple(forbidden),
            cautions=tuple(sorted(cautions)),
        )

    async def look_at_slot(self, target: Target, slot: Slot) -> SlotFact:
        """Read one slot; a Deployment that is gone is a fact, not an error."""
        return await self._slot_or_missing(target, slot, [], [])

    async def _slot_or_missing(
        self, target: Target, slot: Slot, missing: list[str], owners: list[str]
    ) -> SlotFact:
        name = target.deployment(slot)
        try:
            deployment, pods = await self._with_pods(
                target, name, self._deployment(target, slot), objects.match_labels
            )
        except MissingError:
            missing.append(f"Deployment {name}")
            return SlotFact(slot=slot, exists=False)
        owner = objects.owner_of(deployment)
        if owner:
            owners.append(owner)
        return objects.slot_fact(slot, target, deployment, pods)

    async def _with_pods(
        self,
        target: Target,
        name: str,
        reading: Awaitable[Object],
        labels_of: Callable[[Object], dict[str, str]],
    ) -> tuple[Object, list[Object]]:
        """Read an object and its pods side by side, by the labels that it had the last time.

        Labels hardly ever change. Where they did, the pods are read again by the new ones.
        """
        key = (target.cluster, target.namespace, name)
        guess = self._labels.get(key)
        pods: list[Object] = []
        if guess is None:
            item = await reading
        else:
            item, pods = await asyncio.gather(reading, self._pods(target, guess))
        labels = labels_of(item)
        if labels != guess:
            self._labels[key] = labels
            pods = await self._pods(target, labels)
        return item, pods

    async def _deployment(self, target: Target, slot: Slot) -> Object:
        name = target.deployment(slot)
        return await self._api(target).get(f"{APPS}/{target.namespace}/deployments/{name}")

    async def _pods(self, target: Target, labels: Mapping[str, str]) -> list[Object]:
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        path = f"{CORE}/{target.namespace}/pods"
        found = await self._api(target).get(path, labelSelector=selector)
        items: list[Object] = found.get("items") or []
        return items

    async def _traffic_or_missing(self, target: Target, missing: list[str]) -> TrafficFact:
        try:
            return await self.look_at_traffic(target)
        except MissingError:
            kind = f"HTTPRoute {target.route}" if target.route else f"Service {target.live_service}"
            missing.append(kind)
            return TrafficFact(weights={}, serving={}, accepted=False)

    async def glance(self, target: Target, slot: Slot) -> Glance:
        """Read the selector or the route, and the slot, in one round."""
        traffic, fact = await asyncio.gather(
            self._shares(target), self._slot_at_a_glance(target, slot)
        )
        return Glance(traffic=traffic, slot=fact)

    async def _slot_at_a_glance(self, target: Target, slot: Slot) -> SlotFact:
        """Read a slot without its pods, where the Deployment itself says that it is whole."""
        try:
            deployment = await self._deployment(target, slot)
        except MissingError:
            return SlotFact(slot=slot, exists=False)
        return objects.whole_slot(slot, target, deployment) or await self.look_at_slot(target, slot)

    async def _shares(self, target: Target) -> TrafficFact:
        if target.route:
            return objects.traffic_by_route(await self._route(target), target)
        service = await self._service(target, target.live_service)
        return objects.traffic_by_selector(service, target)

    async def look_at_traffic(self, target: Target) -> TrafficFact:
        """Read the route or the selector, the ready endpoints, and the preview."""
        if target.route:
            fact, preview = await asyncio.gather(self._by_route(target), self._preview(target))
        else:
            fact, preview = await asyncio.gather(self._by_selector(target), self._preview(target))
        return fact.model_copy(update={"preview": preview})

    async def _preview(self, target: Target) -> Slot | None:
        if target.preview is None:
            return None
        try:
            service = await self._service(target, target.preview)
        except MissingError:
            return None
        return objects.selected_slot(service, target.slot_label)

    async def _service(self, target: Target, name: str) -> Object:
        return await self._api(target).get(f"{CORE}/{target.namespace}/services/{name}")

    async def _route(self, target: Target) -> Object:
        return await self._api(target).get(
            f"{GATEWAY}/{target.namespace}/httproutes/{target.route}"
        )

    async def _endpoints(self, target: Target, service: str) -> list[str | None]:
        path = f"{DISCOVERY}/{target.namespace}/endpointslices"
        label = f"kubernetes.io/service-name={service}"
        found = await self._api(target).get(path, labelSelector=label)
        return objects.ready_endpoints(found.get("items") or ())

    async def _by_selector(self, target: Target) -> TrafficFact:
        name, label = target.live_service, target.slot_label
        (service, pods), endpoints = await asyncio.gather(
            self._with_pods(
                target,
                name,
                self._service(target, name),
                lambda service: objects.labels_beside(service, label),
            ),
            self._endpoints(target, name),
        )
        serving = _by_slot(endpoints, pods, label)
        return objects.traffic_by_selector(service, target).model_copy(update={"serving": serving})

    async def _by_route(self, target: Target) -> TrafficFact:
        route, blue, green = await asyncio.gather(
            self._route(target),
            self._endpoints(target, target.slot_service("blue") or ""),
            self._endpoints(target, target.slot_service("green") or ""),
        )
        serving = {"blue": len(blue), "green": len(green)}
        return objects.traffic_by_route(route, target).model_copy(update={"serving": serving})

    async def _rest_there(self, target: Target, missing: list[str]) -> None:
        """Look whether the Services are there that nothing else reads."""
        names = [*(target.slot_services or ()), target.preview]
        await asyncio.gather(
            *(self._is_there(target, name, missing) for name in names if name is not None)
        )

    async def _is_there(self, target: Target, name: str, missing: list[str]) -> None:
        try:
            await self._service(target, name)
        except MissingError:
            missing.append(f"Service {name}")

    async def _forbidden(self, target: Target) -> list[str]:
        wanted = [("patch", "apps", "deployments"), ("patch", "", "services")]
        if target.route:
            wanted.append(("patch", "gateway.networking.k8s.io", "httproutes"))
        denied = await asyncio.gather(*(self._denied(target, *right) for right in wanted))
        return [f"{verb} {kind}" for (verb, _, kind), no in zip(wanted, denied, strict=True) if no]

    async def _denied(self, target: Target, verb: str, group: str, resource: str) -> bool:
        key = (target.cluster, f"{target.namespace} {verb} {group} {resource}")
        now = self._clock.real()
        if key in self._granted and now - self._granted[key] < RIGHTS_LAST:
            return False
        attributes = {
            "namespace": target.namespace,
            "verb": verb,
            "group": group,
            "resource": resource,
        }
        answer = await self._api(target).post(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            },
        )
        allowed = bool((answer.get("status") or {}).get("allowed"))
        if allowed:
            self._granted[key] = now
        return not allowed

    # Writing.

    async def change_slot(
        self, target: Target, seen: SlotFact, patch: SlotPatch, *, fence: int, release: str
    ) -> None:
        """Change image and size in one patch. Raises ConflictError if it isn't as seen."""
        deployment = await self._deployment(target, seen.slot)
        if objects.fence_of(deployment) != seen.fence:
            raise ConflictError(f"Deployment {target.deployment(seen.slot)} changed in between")
        operations = [
            *patches.marks(deployment, fence, release),
            *patches.slot_change(deployment, target, seen, patch),
        ]
        name = target.deployment(seen.slot)
        await self._api(target).patch(f"{APPS}/{target.namespace}/deployments/{name}", operations)

    async def shift(
        self,
        target: Target,
        seen: TrafficFact,
        weights: Mapping[Slot, int],
        *,
        fence: int,
        release: str,
    ) -> None:
        """Set the shares in one patch. Raises ConflictError if they aren't as seen."""
        if target.route:
            await self._shift_route(target, seen, weights, fence, release)
            return
        slot = next((slot for slot, share in weights.items() if share == 100), None)  # noqa: PLR2004 - per cent
        if slot is None:
            raise PermanentError(f"Service {target.live_service} can't split traffic: {weights}")
        await self._select(target, target.live_service, seen, slot, fence=fence, release=release)

    async def _shift_route(
        self,
        target: Target,
        seen: TrafficFact,
        weights: Mapping[Slot, int],
        fence: int,
        release: str,
    ) -> None:
        route = await self._route(target)
        refs = objects.slot_refs(route, target)
        same = objects.route_weights(refs) == dict(seen.weights)
        if not same or objects.fence_of(route) != seen.fence:
            raise ConflictError(f"HTTPRoute {target.route} changed in between")
        operations = [
            *patches.marks(route, fence, release),
            *patches.route_change(route, target, weights),
        ]
        path = f"{GATEWAY}/{target.namespace}/httproutes/{target.route}"
        await self._api(target).patch(path, operations)

    async def _select(
        self,
        target: Target,
        name: str,
        seen: TrafficFact,
        slot: Slot,
        *,
        fence: int,
        release: str,
    ) -> None:
        old = next((s for s, share in seen.weights.items() if share == 100), None)  # noqa: PLR2004 - per cent
        if seen.fence is not None:
            marks = patches.marks_on_seen(seen.fence, fence, release)
        else:
            service = await self._service(target, name)
            unchanged = objects.selected_slot(service, target.slot_label) == old
            if not unchanged or objects.fence_of(service) is not None:
                raise ConflictError(f"Service {name} changed in between")
            marks = patches.marks(service, fence, release)
        path = patches.pointer("spec", "selector", target.slot_label)
        operations = [*marks, *patches.replaced(path, old, slot)]
        await self._api(target).patch(f"{CORE}/{target.namespace}/services/{name}", operations)

    async def point_preview(
        self, target: Target, seen: TrafficFact, slot: Slot, *, fence: int, release: str
    ) -> None:
        """Point the preview Service at the slot, if it still points where it was seen to."""
        if target.preview is None:
            return
        service = await self._service(target, target.preview)
        now_at = objects.selected_slot(service, target.slot_label)
        if now_at != seen.preview:
            raise ConflictError(f"Service {target.preview} changed in between")
        if now_at is None or now_at == slot:
            return
        path = patches.pointer("spec", "selector", target.slot_label)
        operations = [
            *patches.marks(service, fence, release),
            *patches.replaced(path, now_at, slot),
        ]
        where = f"{CORE}/{target.namespace}/services/{target.preview}"
        await self._api(target).patch(where, operations)

    # For `release-bot doctor`.

    async def check(
        self, targets: Iterable[Target], everywhere: Iterable[str | None] = ()
    ) -> Checkup:
        """Look at every target, and at the clusters that are listed as a whole."""
        return await examine(self._api_at, targets, everywhere)


def _by_slot(
    endpoints: Iterable[str | None], pods: Iterable[Object], label: str
) -> dict[Slot, int]:
    """Count ready endpoints by the slot label of their pods."""
    slots = {pod["metadata"]["name"]: (pod["metadata"].get("labels") or {}) for pod in pods}
    counts: dict[Slot, int] = {"blue": 0, "green": 0}
    for name in endpoints:
        slot = slots.get(name or "", {}).get(label)
        if slot in counts:
            counts[slot] += 1
    return counts
