"""`KubernetesCluster`: the `Cluster` port. Reads side by side, writes with preconditions."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from bot.domain.catalog import Slot, other_slot
from bot.domain.facts import BaselineFact, ClusterFact, SlotFact, TrafficFact
from bot.domain.targets import Target
from bot.errors import ConflictError, ForbiddenError, MissingError
from bot.ports import Checkup, Clock, Glance, SlotPatch
from bot.ports_baseline import BaselinePatch
from integrations.calls import Told, untold
from integrations.kubernetes import objects, patches
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.baselines import KubernetesBaselines
from integrations.kubernetes.doctor import SMOKE_RIGHTS, examine
from integrations.kubernetes.jobs import KubernetesJobs
from integrations.kubernetes.kinds import (
    CRONJOBS,
    DEPLOYMENTS,
    REPLICA_SETS,
    ROLLOUT_STATUS,
    ROLLOUTS,
    SERVICES,
    Kind,
)
from integrations.kubernetes.logs import KubernetesLogs
from integrations.kubernetes.namespaces import KubernetesNamespaces
from integrations.kubernetes.objects import Object
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.rollout_slots import RolloutSlots
from integrations.kubernetes.rollouts import Rollout
from integrations.kubernetes.surroundings import KubernetesSurroundings
from integrations.kubernetes.traffic import Move, way_of
from integrations.kubernetes.watches import STREAM_SECONDS, Watches

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
        self.jobs = KubernetesJobs(self._api_at)
        self._reader = Reader(self._api_at)
        self._rollouts = RolloutSlots(self._reader)
        self._baselines = KubernetesBaselines(self._api_at, self._reader)
        self.surroundings = KubernetesSurroundings(self._api_at, self._reader)
        self.logs = KubernetesLogs(self._api_at, self._reader)

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
        seen: dict[Slot, Object] = {}
        blue, green, traffic, _, forbidden = await asyncio.gather(
            self._slot_or_missing(target, "blue", missing, seen),
            self._slot_or_missing(target, "green", missing, seen),
            self._traffic_or_missing(target, missing),
            self._rest_there(target, missing),
            self._forbidden(target),
        )
        baseline, its = await self._baselines.judge(target, seen.values())
        return ClusterFact(
            blue=blue,
            green=green,
            traffic=traffic,
            missing=tuple(dict.fromkeys(missing)),
            forbidden=tuple(forbidden),
            around=await self.surroundings.around(target, seen, its),
            baseline=baseline,
        )

    async def look_at_baseline(self, target: Target) -> BaselineFact:
        """Read the baseline; one that is gone is a fact, not an error."""
        return await self._baselines.look(target)

    async def look_at_slot(self, target: Target, slot: Slot) -> SlotFact:
        """Read one slot; a Deployment that is gone is a fact, not an error."""
        return await self._slot_or_missing(target, slot, [], {})

    async def _slot_or_missing(
        self, target: Target, slot: Slot, missing: list[str], seen: dict[Slot, Object]
    ) -> SlotFact:
        if target.one_copy and slot != "blue":
            return SlotFact(slot=slot, exists=False)
        try:
            fact, runner = await self._slot(target, slot)
        except MissingError:
            missing.append(target.runner(slot))
            return SlotFact(slot=slot, exists=False)
        seen[slot] = runner
        return fact

    async def _slot(self, target: Target, slot: Slot) -> tuple[SlotFact, Object]:
        """Read one slot, and what runs its pods."""
        if target.is_rollout:
            return await self._rollouts.slot(target, slot)
        deployment, pods = await self._reader.with_pods(
            target, target.deployment(slot), self._deployment(target, slot), objects.match_labels
        )
        return objects.slot_fact(slot, target, deployment, pods), deployment

    async def _deployment(self, target: Target, slot: Slot) -> Object:
        return await self._reader.item(target, DEPLOYMENTS, target.deployment(slot))

    async def _traffic_or_missing(self, target: Target, missing: list[str]) -> TrafficFact:
        try:
            return await self.look_at_traffic(target)
        except MissingError:
            way = way_of(target)
            missing.append(f"{way.kind.word} {way.name(target)}")
            return TrafficFact(weights={}, serving={}, accepted=False)

    async def glance(self, target: Target, slot: Slot) -> Glance:
        """Read what holds the shares, and the slot, in one round."""
        traffic, fact = await asyncio.gather(
            self._shares(target), self._slot_at_a_glance(target, slot)
        )
        return Glance(traffic=traffic, slot=fact)

    async def _slot_at_a_glance(self, target: Target, slot: Slot) -> SlotFact:
        """Read a slot without its pods, where the Deployment itself says that it is whole."""
        if target.is_rollout:
            return await self.look_at_slot(target, slot)
        try:
            deployment = await self._deployment(target, slot)
        except MissingError:
            return SlotFact(slot=slot, exists=False)
        return objects.whole_slot(slot, target, deployment) or await self.look_at_slot(target, slot)

    async def _shares(self, target: Target) -> TrafficFact:
        way = way_of(target)
        return way.read(await self._reader.item(target, way.kind, way.name(target)), target)

    async def look_at_traffic(self, target: Target) -> TrafficFact:
        """Read what holds the shares, the ready endpoints, and the preview."""
        fact, preview = await asyncio.gather(
            way_of(target).look(self._reader, target), self._preview(target)
        )
        return fact if target.is_rollout else fact.model_copy(update={"preview": preview})

    async def _preview(self, target: Target) -> Slot | None:
        if target.preview is None or target.is_rollout:
            return None
        try:
            service = await self._service(target, target.preview)
        except MissingError:
            return None
        return objects.selected_slot(service, target.slot_label)

    async def _service(self, target: Target, name: str) -> Object:
        return await self._reader.item(target, SERVICES, name)

    async def _rest_there(self, target: Target, missing: list[str]) -> None:
        """Look whether the objects are there that nothing else reads."""
        services = [*(target.slot_services or ()), target.preview]
        named = [*((SERVICES, name) for name in services), (CRONJOBS, target.smoke_cronjob)]
        await asyncio.gather(
            *(self._is_there(target, kind, name, missing) for kind, name in named if name)
        )

    async def _is_there(self, target: Target, kind: Kind, name: str, missing: list[str]) -> None:
        try:
            await self._reader.item(target, kind, name)
        except MissingError:
            missing.append(f"{kind.word} {name}")
        except ForbiddenError:
            # What nobody else may read, `_forbidden` tells of.
            if kind is not CRONJOBS:
                raise

    async def _forbidden(self, target: Target) -> list[str]:
        moved = () if target.one_copy else (SERVICES, way_of(target).kind)
        patched = dict.fromkeys((DEPLOYMENTS, *moved))
        needed = [("patch", kind) for kind in patched]
        if target.is_rollout:
            needed = [("patch", ROLLOUTS), ("patch", ROLLOUT_STATUS), ("get", REPLICA_SETS)]
        if target.smoke_cronjob is not None:
            needed += [(verb, kind) for kind, verbs in SMOKE_RIGHTS.items() for verb in verbs]
        denied = await asyncio.gather(*(self._denied(target, *right) for right in needed))
        return [
            f"{verb} {kind.plural}" for (verb, kind), no in zip(needed, denied, strict=True) if no
        ]

    async def _denied(self, target: Target, verb: str, kind: Kind) -> bool:
        key = (target.cluster, f"{target.namespace} {verb} {kind.group} {kind.plural}")
        now = self._clock.real()
        if key in self._granted and now - self._granted[key] < RIGHTS_LAST:
            return False
        attributes = {"namespace": target.namespace, **kind.right(verb)}
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
        if target.is_rollout:
            operations = await self._rollouts.set_image(target, seen, patch, fence, release)
            if operations:
                await self._patch(target, ROLLOUTS, target.route or "", operations)
            return
        deployment = await self._deployment(target, seen.slot)
        if objects.fence_of(deployment) != seen.fence:
            raise ConflictError(f"Deployment {target.deployment(seen.slot)} changed in between")
        operations = [
            *patches.marks(deployment, fence, release),
            *patches.slot_change(deployment, target.container(seen.slot), seen, patch),
        ]
        await self._patch(target, DEPLOYMENTS, target.deployment(seen.slot), operations)

    async def change_baseline(
        self,
        target: Target,
        seen: BaselineFact,
        patch: BaselinePatch,
        *,
        fence: int,
        release: str,
    ) -> None:
        """Change the baseline in one patch. Raises ConflictError if it isn't as seen."""
        await self._baselines.change(target, seen, patch, fence, release)

    async def _patch(
        self, target: Target, kind: Kind, name: str, operations: list[patches.Operation]
    ) -> Object:
        return await self._api(target).patch(kind.path(target.namespace, name), operations)

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
        await self._move(target, Move(seen, weights, fence, release))

    async def _move(self, target: Target, move: Move) -> None:
        way = way_of(target)
        name = way.name(target)
        operations = await way.patch(self._reader, target, move)
        after = await self._patch(target, way.kind, name, operations)
        status = way.follow_up(after, target, move)
        if status:
            await self._patch(target, way.kind, f"{name}/status", status)

    async def rest(self, target: Target, seen: TrafficFact, *, fence: int, release: str) -> None:
        """End a Rollout's update, or set its template back to what serves."""
        if seen.rest != "needed" or seen.live is None:
            return
        rollout = Rollout(await self._rollouts.rollout(target))
        if rollout.stable_slot != seen.live:
            await self._move(target, Move(seen, seen.weights, fence, release, to_end=True))
            return
        live, idle = await asyncio.gather(
            self.look_at_slot(target, seen.live), self.look_at_slot(target, other_slot(seen.live))
        )
        back = SlotPatch(image=live.image, version=live.version)
        await self.change_slot(target, idle, back, fence=fence, release=release)

    async def point_preview(
        self, target: Target, seen: TrafficFact, slot: Slot, *, fence: int, release: str
    ) -> None:
        """Point the preview Service at the slot, if it still points where it was seen to."""
        if target.preview is None or target.is_rollout:
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
        await self._patch(target, SERVICES, target.preview, operations)

    # For `release-bot doctor`.

    async def check(
        self,
        targets: Iterable[Target],
        everywhere: Iterable[str | None] = (),
        with_logs: Collection[Target] = (),
    ) -> Checkup:
        """Look at every target, and at the clusters that are listed as a whole.

        `with_logs`: those of which a policy lets people ask for lines of pods.
        """
        return await examine(self._api_at, targets, everywhere, with_logs)
