"""Reads what else acts on a target: autoscalers, disruption budgets, owners of its objects.

Used by `cluster` for a look, by the steps through the `Autoscalers` port, and by `doctor`, which
has read the objects itself. What may not be listed is left out: the doctor tells of that right.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from bot.domain.catalog import Owner, Slot
from bot.domain.surroundings import Autoscaler, Budget, Owned, Surroundings
from bot.domain.targets import Target
from bot.errors import ForbiddenError, MissingError
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.kinds import (
    AUTOSCALERS,
    BUDGETS,
    DEPLOYMENTS,
    ROLLOUTS,
    SERVICES,
    Kind,
)
from integrations.kubernetes.objects import Object, annotations, match_labels
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.space import SLOTS
from integrations.kubernetes.traffic import way_of

PAGE = 500

OWNERS: dict[str, Owner] = {
    "argocd.argoproj.io/tracking-id": "argocd",
    "argocd.argoproj.io/instance": "argocd",
    "kustomize.toolkit.fluxcd.io/name": "flux",
    "helm.toolkit.fluxcd.io/name": "flux",
}
"""Annotations and labels by which controllers mark what they own."""

KUSTOMIZED = "kustomize.toolkit.fluxcd.io/name"
APPLIES = "kustomize.toolkit.fluxcd.io/ssa"
"""Flux's kustomize-controller: how it applies an object. `Merge` keeps only fields that are not in
git, and the image is; an object made once or passed over is left as it is."""
RECONCILES = "kustomize.toolkit.fluxcd.io/reconcile"

SCALED_OBJECT = "ScaledObject"


class KubernetesSurroundings:
    """Surroundings by target: the `Autoscalers` port, and all of it for a look."""

    def __init__(self, api_at: Callable[[str | None], KubeApi], reader: Reader) -> None:
        self._api_at = api_at
        self._reader = reader

    async def autoscaler(self, target: Target, slot: Slot) -> Autoscaler | None:
        """Find what sets the slot's size; None where nothing does, or it may not be read."""
        found = autoscalers_of(target, await self._listed(target, AUTOSCALERS))
        return next((one for one in found if one.slot == slot), None)

    async def around(
        self, target: Target, deployments: Mapping[Slot, Object], baseline: Object | None
    ) -> Surroundings:
        """Read all of it. The Deployments were read already."""
        scalers, budgets, moved = await asyncio.gather(
            self._listed(target, AUTOSCALERS), self._listed(target, BUDGETS), self._moved(target)
        )
        runner = ROLLOUTS if target.is_rollout else DEPLOYMENTS
        own = [(runner, item) for item in (*deployments.values(), baseline) if item is not None]
        return Surroundings(
            autoscalers=autoscalers_of(target, scalers),
            budgets=budgets_of(deployments, budgets),
            owned=owned_of([*own, *moved]),
        )

    async def _listed(self, target: Target, kind: Kind) -> list[Object]:
        pages = self._api_at(target.cluster).pages(kind.path(target.namespace), PAGE)
        try:
            return [item async for item in pages]
        except (ForbiddenError, MissingError):
            return []

    async def _moved(self, target: Target) -> list[tuple[Kind, Object]]:
        """Read what a release patches besides the Deployments, as far as it is there."""
        way = way_of(target)
        named = {(way.kind, way.name(target)): None}
        if target.preview is not None and not target.is_rollout:
            named[SERVICES, target.preview] = None
        found = await asyncio.gather(*(self._there(target, *one) for one in named))
        return [(kind, item) for (kind, _), item in zip(named, found, strict=True) if item]

    async def _there(self, target: Target, kind: Kind, name: str) -> Object | None:
        try:
            return await self._reader.item(target, kind, name)
        except MissingError:
            return None


def autoscalers_of(target: Target, items: Iterable[Object]) -> tuple[Autoscaler, ...]:
    """Read the autoscalers whose target is a slot's Deployment.

    Where Argo Rollouts says how many pods each version has, an autoscaler has no slot to itself.
    """
    if target.is_rollout:
        return ()
    slots = {target.deployment(slot): slot for slot in SLOTS}
    found = []
    for item in items:
        aim = item["spec"]["scaleTargetRef"]
        if aim.get("kind") == "Deployment" and aim.get("name") in slots:
            found.append(_autoscaler(slots[aim["name"]], item))
    return tuple(sorted(found, key=lambda one: (one.slot, one.name)))


def _autoscaler(slot: Slot, item: Object) -> Autoscaler:
    spec, status = item["spec"], item.get("status") or {}
    scales_down = (spec.get("behavior") or {}).get("scaleDown") or {}
    scaled = status.get("lastScaleTime")
    owners = item["metadata"].get("ownerReferences") or ()
    maker = next((one["name"] for one in owners if one.get("kind") == SCALED_OBJECT), None)
    return Autoscaler(
        slot=slot,
        kind="ScaledObject" if maker else "HorizontalPodAutoscaler",
        name=maker or item["metadata"]["name"],
        # Left out, it is 1 (HorizontalPodAutoscalerSpec in autoscaling/v2).
        least=int(spec.get("minReplicas") or 1),
        most=int(spec["maxReplicas"]),
        shrinks=scales_down.get("selectPolicy") != "Disabled",
        wants=status.get("desiredReplicas"),
        scaled_at=datetime.fromisoformat(scaled) if scaled else None,
    )


def budgets_of(deployments: Mapping[Slot, Object], items: Iterable[Object]) -> tuple[Budget, ...]:
    """Read the budgets that select a slot's pods, where their status is of the present spec."""
    found = []
    for item in items:
        spec, status = item["spec"], item.get("status") or {}
        # Where both slots are one Deployment there is one copy, and nothing idle to be covered.
        one_each = {deployments[s]["metadata"]["name"]: s for s in SLOTS if s in deployments}
        slots = tuple(s for s in one_each.values() if _covers(spec, deployments[s]))
        fresh = status.get("observedGeneration") == item["metadata"].get("generation")
        if slots and fresh:
            found.append(
                Budget(
                    name=item["metadata"]["name"],
                    slots=slots,
                    allowed=int(status.get("disruptionsAllowed") or 0),
                    healthy=int(status.get("currentHealthy") or 0),
                    needed=int(status.get("desiredHealthy") or 0),
                    expected=int(status.get("expectedPods") or 0),
                )
            )
    return tuple(found)


def _covers(spec: Object, deployment: Object) -> bool:
    selector = spec.get("selector")
    # A Rollout may take its template from elsewhere; its own selector is in it too.
    template = deployment["spec"].get("template") or {}
    own = (template.get("metadata") or {}).get("labels") or {}
    labels = {**match_labels(deployment), **own}
    # An empty selector takes every pod of the namespace, one that is absent takes none (policy/v1).
    return selector is not None and selects(selector, labels)


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector takes these labels."""
    same = all(labels.get(k) == v for k, v in (selector.get("matchLabels") or {}).items())
    return same and all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }.get(expression["operator"], False)


def owned_of(items: Iterable[tuple[Kind, Object]]) -> tuple[Owned, ...]:
    """List the objects that a controller has marked as its own."""
    found = []
    for kind, item in items:
        marks = {**(item["metadata"].get("labels") or {}), **annotations(item)}
        owner = next((owner for mark, owner in OWNERS.items() if mark in marks), None)
        if owner is not None:
            found.append(
                Owned(
                    owner=owner,
                    kind=kind.word,
                    name=item["metadata"]["name"],
                    left_alone=_left_alone(marks),
                )
            )
    return tuple(dict.fromkeys(found))


def _left_alone(marks: Mapping[str, str]) -> bool:
    """Whether the object itself says so, which only Flux's kustomize-controller reads there."""
    once = marks.get(APPLIES, "").casefold() in ("ifnotpresent", "ignore")
    never = marks.get(RECONCILES, "").casefold() == "disabled"
    argo = any(mark in marks for mark, owner in OWNERS.items() if owner == "argocd")
    return KUSTOMIZED in marks and not argo and (once or never)
