"""What else acts on a slot: autoscalers, disruption budgets, controllers that own its objects.

Facts that the cluster's adapter reads. `gates/cluster` judges them before a release, the steps ask
for the autoscaler while one runs. What each does is Kubernetes' own behaviour (docs/others.md).
"""

from datetime import datetime
from typing import Literal

from bot.domain.catalog import Owner, Slot
from bot.domain.value import Value

OWNER_NAMES: dict[Owner, str] = {"argocd": "Argo CD", "flux": "Flux"}
"""Controllers that set objects back to what is in git, by the catalogue's word."""


class Autoscaler(Value):
    """What sets a slot's size by itself, and will do so whatever the bot sets.

    `kind` and `name` are of what people edit: KEDA makes a HorizontalPodAutoscaler of each
    ScaledObject, and sets that back too.
    """

    slot: Slot
    kind: Literal["HorizontalPodAutoscaler", "ScaledObject"] = "HorizontalPodAutoscaler"
    name: str
    least: int
    most: int
    shrinks: bool = True
    """Whether it ever makes the slot smaller: not where its scaleDown is disabled."""
    wants: int | None = None
    """The size that it last decided on."""
    scaled_at: datetime | None = None
    """When it last changed the slot's size."""

    @property
    def words(self) -> str:
        """Name it: `HorizontalPodAutoscaler payments-green`."""
        return f"{self.kind} {self.name}"

    @property
    def least_key(self) -> str:
        """Name its field for the smallest size."""
        return "minReplicas" if self.kind == "HorizontalPodAutoscaler" else "minReplicaCount"

    @property
    def most_key(self) -> str:
        """Name its field for the largest size."""
        return "maxReplicas" if self.kind == "HorizontalPodAutoscaler" else "maxReplicaCount"

    def may_undercut(self, size: int) -> bool:
        """Whether it may take pods away from a slot of that size."""
        return self.shrinks and self.least < size

    def undercut(self, slot_size: int, since: datetime) -> bool:
        """Whether that size of the slot is its own doing, since then."""
        moved = self.scaled_at is not None and self.scaled_at >= since.replace(microsecond=0)
        return moved and self.wants == slot_size


class Budget(Value):
    """A PodDisruptionBudget that selects pods of a slot. Counts are pods, as its status has them.

    It holds up evictions, such as a node's drain. Rollouts and changes of size don't ask it.
    """

    name: str
    slots: tuple[Slot, ...]
    allowed: int
    """Evictions that it allows now."""
    healthy: int
    needed: int
    """Healthy pods that must stay."""
    expected: int


class Owned(Value):
    """An object that a controller sets back to what is in git."""

    owner: Owner
    kind: str
    name: str
    left_alone: bool = False
    """The object itself says that its owner changes nothing in it."""


class Surroundings(Value):
    """All of it for one target. What may not be read is empty: `doctor` tells of the right."""

    autoscalers: tuple[Autoscaler, ...] = ()
    budgets: tuple[Budget, ...] = ()
    owned: tuple[Owned, ...] = ()

    def autoscaler(self, slot: Slot) -> Autoscaler | None:
        """Look up what sets a slot's size."""
        return next((one for one in self.autoscalers if one.slot == slot), None)


def budget_cautions(budgets: tuple[Budget, ...]) -> list[str]:
    """Say where evictions will hang, or count pods that serve nobody."""
    said = []
    for one in budgets:
        if one.expected and not one.allowed:
            said.append(_hangs(one))
        if len(one.slots) > 1:
            said.append(
                f"PodDisruptionBudget {one.name} covers both slots, so the idle slot's pods count "
                "in it as if they served"
            )
    for slot in ("blue", "green"):
        names = [one.name for one in budgets if slot in one.slots]
        if len(names) > 1:
            said.append(
                f"PodDisruptionBudgets {', '.join(sorted(names))} select the same pods of {slot}: "
                "Kubernetes then evicts none of them"
            )
    return said


def _hangs(budget: Budget) -> str:
    drain = "a node's drain would hang"
    if budget.healthy >= budget.expected:
        return (
            f"PodDisruptionBudget {budget.name} wants all {budget.needed} pods healthy, and they "
            f"are: it allows no eviction, and {drain}"
        )
    return (
        f"PodDisruptionBudget {budget.name} allows no eviction while {budget.healthy} of "
        f"{budget.expected} pods are healthy: {drain}"
    )


def autoscaler_cautions(around: Surroundings, live: Slot, size: int) -> list[str]:
    """Say which slot an autoscaler may take below the size that has the traffic now."""
    said = []
    for one in around.autoscalers:
        if not one.may_undercut(size):
            continue
        when = "once its traffic has left" if one.slot == live else "before its traffic comes"
        said.append(
            f"{one.words} may take {one.slot} down to {one.least} {when}: "
            f"{one.least_key} {size} keeps it able to take all traffic"
        )
    return said


def too_small(one: Autoscaler, live: Slot, size: int) -> tuple[str, str] | None:
    """Say why a slot could never take all traffic, and what to change; None where it could."""
    if one.most >= size:
        return None
    sentence = (
        f"{one.words} lets {one.slot} have {one.most} pods at the most, and {live} takes the "
        f"traffic with {size}."
    )
    return sentence, f"Set its {one.most_key} to {size} or more"
