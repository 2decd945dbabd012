"""Judges whether a target's objects are there and fit together, for `release-bot doctor`.

Used by `doctor`, which has read them. Pure: objects in, findings out.
"""

from collections.abc import Iterator

from bot.domain import owners
from bot.domain.catalog import Slot, other_slot
from bot.domain.surroundings import OWNER_NAMES, budget_cautions
from bot.domain.targets import Target
from bot.errors import PermanentError
from bot.ports import Finding
from integrations.kubernetes import baselines, objects
from integrations.kubernetes.kinds import (
    AUTOSCALERS,
    BUDGETS,
    CRONJOBS,
    DEPLOYMENTS,
    SERVICES,
    Kind,
)
from integrations.kubernetes.space import SLOTS, Said, Space
from integrations.kubernetes.surroundings import autoscalers_of, budgets_of, owned_of
from integrations.kubernetes.traffic import way_of

CREATE = "Create it, or name the right one in the service's kubernetes: part of the catalogue."


def examined(space: Space, target: Target) -> list[Finding]:
    """Say what is wrong with one target; nothing where all is well."""
    subject = f"{target.service} in {target.environment}"
    if _is_elsewhere(space, target):
        return []
    said = [
        *_absent(space, target),
        *_deployments(space, target),
        *_baseline(space, target),
        *_services(space, target),
        *way_of(target).judged(space, target),
        *_cronjob(space, target),
        *_owners(space, target),
        *_autoscalers(space, target),
        *_budgets(space, target),
    ]
    return [
        Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
        for sentence, remedy in dict.fromkeys(said)
    ]


def _is_elsewhere(space: Space, target: Target) -> bool:
    """Tell whether a workflow serves something that is in no cluster."""
    known = space.items.get(DEPLOYMENTS)
    absent = known is not None and not any(name in known for name in target.deployments)
    return target.may_be_elsewhere and absent


def is_known(space: Space, target: Target) -> bool:
    """Tell whether all that the target needs could be read, what it is bound to as well."""
    if any(kind not in space.items for kind, _ in names(target)):
        return False
    if _is_elsewhere(space, target):
        return True
    way = way_of(target)
    item = space.find(way.kind, way.name(target))
    parents = way.parents(item, space.name) if item is not None else ()
    return all(space.parents.get(parent) is not None for parent in parents)


def names(target: Target) -> Iterator[tuple[Kind, str]]:
    """List what the target needs, as kind and name."""
    way = way_of(target)
    for name in dict.fromkeys(target.deployments) if not target.is_rollout else ():
        yield DEPLOYMENTS, name
    if target.baseline is not None:
        yield DEPLOYMENTS, target.baseline
    # What has one copy need not have a Service: nothing is moved by it.
    live = None if target.is_rollout or target.one_copy else target.live_service
    for service in (live, *(target.slot_services or ()), target.preview):
        if service is not None:
            yield SERVICES, service
    if way.kind not in (SERVICES, DEPLOYMENTS):
        yield way.kind, way.name(target)
    if target.smoke_cronjob is not None:
        yield CRONJOBS, target.smoke_cronjob


def _absent(space: Space, target: Target) -> Iterator[Said]:
    for kind, name in names(target):
        if kind in space.items and name not in space.items[kind]:
            yield f"There is no {kind.word} {name}.", CREATE


def _deployments(space: Space, target: Target) -> Iterator[Said]:
    for slot in SLOTS if not target.is_rollout else ():
        name = target.deployment(slot)
        item = space.find(DEPLOYMENTS, name)
        if item is None:
            continue
        try:
            objects.container_index(item, target.container(slot))
        except PermanentError as error:
            yield f"{error}.", "Name it in kubernetes.container of the catalogue."
        if target.one_copy:
            return
        labels = item["spec"]["template"]["metadata"].get("labels") or {}
        if labels.get(target.slot_label) != slot:
            sentence = f"Deployment {name}: its pods carry no label {target.slot_label}: {slot}."
            yield sentence, "Add it to the pod template, or set kubernetes.slot_label."


def _baseline(space: Space, target: Target) -> Iterator[Said]:
    item = space.find(DEPLOYMENTS, target.baseline) if target.baseline else None
    if item is None:
        return
    named = [space.find(SERVICES, name) for name in target.slot_services or ()]
    services = [service for service in named if service is not None]
    yield from baselines.judged(item, target, services, _deployed(space, target).values())
    if int(item["spec"].get("replicas", 1)):
        given = objects.annotations(item).get(objects.RELEASE)
        whose = f"from {given}" if given else "from no release"
        sentence = f"Deployment {target.baseline} has pods, {whose}, and takes traffic."
        yield sentence, "Unless that release is under way, set its replicas to 0."


def _services(space: Space, target: Target) -> Iterator[Said]:
    label = target.slot_label
    for slot in SLOTS:
        name = target.slot_service(slot)
        item = space.find(SERVICES, name) if name else None
        if item is not None and objects.selected_slot(item, label) != slot:
            remedy = f"Put {label}: {slot} into its selector."
            yield f"Service {name} does not select the {slot} slot.", remedy
    selects = way_of(target).kind == SERVICES
    # Whatever a Rollout names, Argo points.
    preview = None if target.is_rollout else target.preview
    moved = [preview, *([target.live_service] if selects else [])]
    for name in moved:
        item = space.find(SERVICES, name) if name else None
        if item is not None and objects.selected_slot(item, label) is None:
            remedy = f"Put {label}: blue (or green) into its selector; the bot moves it from then."
            yield f"Service {name} selects neither slot.", remedy


def _cronjob(space: Space, target: Target) -> Iterator[Said]:
    name = target.smoke_cronjob
    item = space.find(CRONJOBS, name) if name else None
    if item is None:
        return
    spec = item["spec"]
    if not spec.get("suspend"):
        sentence = f"CronJob {name} is not suspended, so its schedule starts it too."
        yield sentence, "Set suspend: true in it; a release starts it when it is time."
    for limit in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        if spec.get(limit) == 0:
            sentence = f"CronJob {name}: {limit} is 0, so nobody sees how a Job ended."
            yield sentence, f"Set {limit} to 1 or more, or leave it away."


def _owners(space: Space, target: Target) -> Iterator[Said]:
    way = way_of(target)
    # What is only read, whoever owns it has nothing of the bot's to undo.
    deployments = target.deployments if not target.is_rollout else ()
    if target.baseline is not None:
        deployments = (*deployments, target.baseline)
    patched = [*((DEPLOYMENTS, name) for name in deployments), (way.kind, way.name(target))]
    if target.preview is not None and not target.is_rollout:
        patched.append((SERVICES, target.preview))
    there = [(kind, item) for kind, name in patched if (item := space.find(kind, name)) is not None]
    for one in owners.undeclared(owned_of(there), target):
        name = OWNER_NAMES[one.owner]
        sentence = f"{name} owns {one.kind} {one.name} and may undo what the bot sets."
        yield sentence, f"{owners.leave_alone((one,), target)}."


def _deployed(space: Space, target: Target) -> dict[Slot, objects.Object]:
    found = {slot: space.find(DEPLOYMENTS, target.deployment(slot)) for slot in SLOTS}
    return {slot: item for slot, item in found.items() if item is not None}


def _autoscalers(space: Space, target: Target) -> Iterator[Said]:
    """Say which slot could not take what the other one takes now."""
    sizes = {s: int(d["spec"].get("replicas", 1)) for s, d in _deployed(space, target).items()}
    items = space.items.get(AUTOSCALERS, {}).values()
    for one in autoscalers_of(target, items):
        other = other_slot(one.slot)
        if one.most < sizes.get(other, 0):
            sentence = (
                f"{one.words} lets {one.slot} have {one.most} pods at the most, and {other} has "
                f"{sizes[other]}."
            )
            yield sentence, f"Set its {one.most_key} to {sizes[other]} or more."


def _budgets(space: Space, target: Target) -> Iterator[Said]:
    items = space.items.get(BUDGETS, {}).values()
    for sentence in budget_cautions(budgets_of(_deployed(space, target), items)):
        yield f"{sentence}.", "docs/others.md says what a budget does, and how one suits two slots."
