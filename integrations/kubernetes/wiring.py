"""Judges whether a target's objects are there and fit together, for `release-bot doctor`.

Used by `doctor`, which has read them. Pure: objects in, findings out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.domain.catalog import Slot
from bot.domain.targets import Target
from bot.errors import PermanentError
from bot.ports import Finding
from integrations.kubernetes import objects
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.objects import Object

SLOTS: tuple[Slot, Slot] = ("blue", "green")
KINDS = {"deployments": "Deployment", "services": "Service", "httproutes": "HTTPRoute"}

CREATE = "Create it, or name the right one in the service's kubernetes: part of the catalogue."
LEAVE_ALONE = (
    "Tell it to leave image, replicas, selector and weights alone (Argo CD: ignoreDifferences; "
    "Flux: kustomize.toolkit.fluxcd.io/ssa: IfNotPresent)."
)

Said = tuple[str, str]
"""What is wrong, and what to do about it."""


@dataclass
class Space:
    """What one namespace holds, by kind and name; and the Gateways that its routes name."""

    api: KubeApi
    cluster: str | None
    """The kubeconfig's context."""
    name: str
    items: dict[str, dict[str, Object]] = field(default_factory=dict)
    """A kind that may not be read is not in here."""
    gateways: dict[tuple[str, str], Object | None] = field(default_factory=dict)
    """By namespace and name. Empty: there is none. None: it may not be read."""

    def find(self, kind: str, name: str) -> Object | None:
        """Look an object up."""
        return self.items.get(kind, {}).get(name)


def kubectl(cluster: str | None, namespace: str | None = None) -> str:
    """Begin a command that people can copy: `kubectl --context main -n production`."""
    context = f" --context {cluster}" if cluster else ""
    return f"kubectl{context}{f' -n {namespace}' if namespace else ''}"


def examined(space: Space, target: Target) -> list[Finding]:
    """Say what is wrong with one target; nothing where all is well."""
    subject = f"{target.service} in {target.environment}"
    said = [
        *_absent(space, target),
        *_deployments(space, target),
        *_services(space, target),
        *_route(space, target),
        *_owners(space, target),
    ]
    return [
        Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
        for sentence, remedy in dict.fromkeys(said)
    ]


def is_known(space: Space, target: Target) -> bool:
    """Tell whether all that the target needs could be read, the Gateways of its route too."""
    if any(kind not in space.items for kind, _ in _names(target)):
        return False
    route = space.find("httproutes", target.route) if target.route else None
    places = gateways_named(space, route) if route is not None else ()
    return all(space.gateways.get(place) is not None for place in places)


def gateways_named(space: Space, route: Object) -> Iterator[tuple[str, str]]:
    """List the Gateways that a route names as its parents, by namespace and name."""
    for parent in route["spec"].get("parentRefs") or ():
        if parent.get("kind", "Gateway") == "Gateway":
            yield parent.get("namespace") or space.name, parent["name"]


def _names(target: Target) -> Iterator[tuple[str, str]]:
    """List what the target needs, as kind and name."""
    for name in target.deployments:
        yield "deployments", name
    for service in (target.live_service, *(target.slot_services or ()), target.preview):
        if service is not None:
            yield "services", service
    if target.route is not None:
        yield "httproutes", target.route


def _absent(space: Space, target: Target) -> Iterator[Said]:
    for kind, name in _names(target):
        if kind in space.items and name not in space.items[kind]:
            yield f"There is no {KINDS[kind]} {name}.", CREATE


def _deployments(space: Space, target: Target) -> Iterator[Said]:
    for slot in SLOTS:
        name = target.deployment(slot)
        item = space.find("deployments", name)
        if item is None:
            continue
        try:
            objects.container_index(item, target.container(slot))
        except PermanentError as error:
            yield f"{error}.", "Name it in kubernetes.container of the catalogue."
        labels = item["spec"]["template"]["metadata"].get("labels") or {}
        if labels.get(target.slot_label) != slot:
            sentence = f"Deployment {name}: its pods carry no label {target.slot_label}: {slot}."
            yield sentence, "Add it to the pod template, or set kubernetes.slot_label."


def _services(space: Space, target: Target) -> Iterator[Said]:
    label = target.slot_label
    for slot in SLOTS:
        name = target.slot_service(slot)
        item = space.find("services", name) if name else None
        if item is not None and objects.selected_slot(item, label) != slot:
            remedy = f"Put {label}: {slot} into its selector."
            yield f"Service {name} does not select the {slot} slot.", remedy
    moved = [target.preview, *([] if target.route else [target.live_service])]
    for name in moved:
        item = space.find("services", name) if name else None
        if item is not None and objects.selected_slot(item, label) is None:
            remedy = f"Put {label}: blue (or green) into its selector; the bot moves it from then."
            yield f"Service {name} selects neither slot.", remedy


def _route(space: Space, target: Target) -> Iterator[Said]:
    route = space.find("httproutes", target.route) if target.route else None
    if route is None:
        return
    what = f"HTTPRoute {target.route}"
    accepted, refused = objects.route_accepted(route)
    if refused is not None:
        command = kubectl(space.cluster, space.name)
        remedy = f"{command} describe httproute {target.route} says more."
        yield f"{what} is refused. {refused.rstrip('.')}.", remedy
    elif not accepted:
        remedy = "Check its parentRefs, and that the Gateway's controller runs."
        yield f"{what}: no Gateway has taken it up.", remedy
    yield from _backends(what, route, target)
    yield from _parents(space, what, route)


def _backends(what: str, route: Object, target: Target) -> Iterator[Said]:
    refs = objects.slot_refs(route, target)
    rules: dict[int, set[Slot]] = {}
    for rule, _, slot, _ in refs:
        rules.setdefault(rule, set()).add(slot)
    names = " and ".join(str(target.slot_service(slot)) for slot in SLOTS)
    remedy = f"Give each rule that leads to it both as backendRefs, {names}, with a weight."
    if not rules:
        yield f"{what} leads to neither slot.", remedy
    for rule, slots in rules.items():
        for slot in SLOTS:
            if slot not in slots:
                name = target.slot_service(slot)
                yield f"{what}: rule {rule + 1} has no backend {name} ({slot}).", remedy
    whole = rules and all(len(slots) == len(SLOTS) for slots in rules.values())
    if whole and not objects.route_weights(refs):
        sentence = f"{what}: its rules share the traffic differently, or give weight to none."
        yield sentence, "Set the same weights in all of its rules."


def _parents(space: Space, what: str, route: Object) -> Iterator[Said]:
    for place in gateways_named(space, route):
        gateway = space.gateways.get(place)
        if gateway is None:
            # Of what may not be read `doctor` tells once, however many routes name it.
            continue
        name = f"Gateway {place[1]} in {place[0]}"
        if not gateway:
            yield f"{what}: there is no {name}.", "Create it, or mend the route's parentRefs."
            continue
        said = {c["type"]: c for c in (gateway.get("status") or {}).get("conditions") or ()}
        for kind in ("Accepted", "Programmed"):
            condition = said.get(kind)
            if condition is None or condition["status"] != "True":
                why = (condition or {}).get("message") or (condition or {}).get("reason")
                told = f": {why.rstrip('.')}" if why else ""
                command = kubectl(space.cluster, place[0])
                remedy = f"{command} describe gateway {place[1]} says more."
                yield f"{name}: {kind} is not true{told}.", remedy


def _owners(space: Space, target: Target) -> Iterator[Said]:
    for kind, name in _names(target):
        item = space.find(kind, name)
        owner = objects.owner_of(item) if item is not None else None
        if owner is not None:
            sentence = f"{owner} owns {KINDS[kind]} {name} and may undo what the bot sets."
            yield sentence, LEAVE_ALONE
