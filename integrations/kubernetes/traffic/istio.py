"""`traffic: istio`: the weights of an Istio VirtualService, in its http routes to both slots.

In the table of `traffic`. It moves the http routes that lead to the two slots and to nothing else.
What leads to a slot in any other way is told as unfit and never changed. Istio writes no status
unless it is told to; what it does write is heeded.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.catalog import Slot
from bot.domain.facts import TrafficFact
from bot.domain.targets import Target
from bot.errors import PermanentError
from integrations.kubernetes import objects
from integrations.kubernetes.kinds import ISTIO_GATEWAYS, VIRTUAL_SERVICES
from integrations.kubernetes.objects import FENCE, Object
from integrations.kubernetes.patches import Operation, pointer, replaced, same_version
from integrations.kubernetes.space import SLOTS, Parent, Said, Space, kubectl
from integrations.kubernetes.traffic.way import Shares, Weighted, agreed, per_cent

PROTOCOLS = ("http", "tls", "tcp")
"""Lists of a VirtualService that hold routes; only the first is the bot's."""

MESH = "mesh"
"""The word in `gateways` for the sidecars of the mesh, which is no object."""

ERROR = ("ERROR", "3")
"""Level of a validation message that is an error: its name, and its number (older versions)."""

PROPAGATING = re.compile(r"\d+/\d+ (proxies up to date|complete)")
"""What `Reconciled` says while proxies are still being told, which is no refusal."""


class Istio(Weighted):
    """Traffic by the weights of a VirtualService."""

    kind = VIRTUAL_SERVICES

    def name(self, target: Target) -> str:
        """Name the VirtualService."""
        return target.route or ""

    def read(self, item: Object, target: Target) -> TrafficFact:
        """Read shares, status and fence, what can't be moved, and how a person would move it."""
        routes = _routes(item, target)
        accepted, rejected = _accepted(item)
        return TrafficFact(
            weights=agreed(route.shares() for route in routes),
            serving={},
            accepted=accepted,
            rejected=rejected,
            fence=objects.fence_of(item),
            by_hand={slot: _all_to(slot, routes) for slot in SLOTS},
            unfit=tuple(_unfit(f"VirtualService {target.route}", routes, target)),
        )

    def change(
        self, item: Object, target: Target, weights: Mapping[Slot, int]
    ) -> Iterator[Operation]:
        """Set the weights of every route to both slots, each destination tested."""
        routes = _routes(item, target)
        own = [ref for route in routes for ref in route.refs() if route.is_ours]
        unfit = list(_unfit(f"VirtualService {target.route}", routes, target))
        if unfit and all(ref.weight == weights[ref.slot] for ref in own):
            # What is the bot's to move is moved, so whatever differs is somebody else's.
            raise PermanentError(" ".join(unfit).rstrip("."))
        if any(ref.weight is None for ref in own) and FENCE in objects.annotations(item):
            # A test can't say that a value is absent.
            yield same_version(item)
        for ref in own:
            path = pointer(*ref.path, "weight")
            if ref.weight is None:
                yield {"op": "add", "path": path, "value": weights[ref.slot]}
            else:
                yield from replaced(path, ref.weight, weights[ref.slot])
            # The place in the list could have become another destination's.
            place = pointer(*ref.path, "destination")
            yield {"op": "test", "path": place, "value": ref.destination}

    def parents(self, item: Object, namespace: str) -> Iterator[Parent]:
        """List the Gateways that a VirtualService is bound to; in the mesh alone it needs none."""
        for said in item["spec"].get("gateways") or ():
            if said != MESH:
                yield _gateway_named(str(said), namespace)

    def judged(self, space: Space, target: Target) -> Iterator[Said]:
        """Say what is wrong with the VirtualService, its routes and its Gateways."""
        item = space.find(VIRTUAL_SERVICES, self.name(target))
        if item is None:
            return
        what = f"VirtualService {target.route}"
        yield from _status_judged(space, what, item, target)
        fact = self.read(item, target)
        names = " and ".join(str(target.slot_service(slot)) for slot in SLOTS)
        for sentence in fact.unfit:
            yield sentence, f"Let its http routes lead to {names} and to nothing beside them."
        if not fact.unfit and not fact.weights:
            sentence = f"{what}: its routes share the traffic differently, or give weight to none."
            yield sentence, "Set the same weights in all of its http routes to the slots."
        for parent in self.parents(item, space.name):
            if space.parents.get(parent) == {}:
                sentence = f"{what}: there is no Gateway {parent.name} in {parent.namespace}."
                yield sentence, "Create it, or mend spec.gateways of the VirtualService."


@dataclass(frozen=True)
class Ref:
    """A slot as a destination: where it stands, what stands there, its weight as written."""

    path: tuple[str | int, ...]
    destination: Object
    slot: Slot
    weight: int | None


@dataclass(frozen=True)
class Route:
    """One route that leads to a slot. `slots` has a place for each destination, as `entries`."""

    protocol: str
    at: int
    entries: tuple[Object, ...]
    slots: tuple[Slot | None, ...]

    @property
    def is_ours(self) -> bool:
        """Whether it is an http route to both slots, each once, and to nothing else."""
        each_once = len(self.slots) == len(SLOTS) and set(self.slots) == set(SLOTS)
        return self.protocol == "http" and each_once

    def refs(self) -> Iterator[Ref]:
        """List the slots among its destinations."""
        for at, (entry, slot) in enumerate(zip(self.entries, self.slots, strict=True)):
            if slot is not None:
                path = ("spec", self.protocol, self.at, "route", at)
                yield Ref(path, entry["destination"], slot, entry.get("weight"))

    def shares(self) -> Shares:
        """Say what each slot gets in per cent, beside whatever others get; empty: nobody does."""
        if len(self.entries) == 1:
            # A single destination gets everything, whatever its weight (Istio, HTTPRoute).
            return {slot: 100 if slot == self.slots[0] else 0 for slot in SLOTS}
        weights = dict.fromkeys(SLOTS, 0)
        for ref in self.refs():
            # An absent weight is 0: programs in Go leave a 0 away when they write.
            weights[ref.slot] += ref.weight or 0
        total = sum(entry.get("weight") or 0 for entry in self.entries)
        if total == sum(weights.values()):
            return per_cent(weights)
        return {slot: round(100 * weight / total) for slot, weight in weights.items()}


def _routes(item: Object, target: Target) -> list[Route]:
    """Find the routes that lead to a slot, of whatever protocol."""
    found = []
    for protocol in PROTOCOLS:
        for at, route in enumerate(item["spec"].get(protocol) or ()):
            entries = tuple(route.get("route") or ())
            slots = tuple(_slot_of(entry.get("destination") or {}, target) for entry in entries)
            if any(slots):
                found.append(Route(protocol, at, entries, slots))
    return found


def _slot_of(destination: Object, target: Target) -> Slot | None:
    """Tell which slot a destination is: by the slot's Service, or by a subset of the live one."""
    host, subset = destination.get("host"), destination.get("subset")
    for slot in SLOTS:
        if host in _hosts(target.slot_service(slot), target.namespace):
            return slot
        if host in _hosts(target.live_service, target.namespace) and subset == slot:
            return slot
    return None


def _hosts(service: str | None, namespace: str) -> tuple[str, ...]:
    """Write a Service's name in the ways in which a destination may."""
    if service is None:
        return ()
    near = f"{service}.{namespace}"
    return service, near, f"{near}.svc.cluster.local"


def _unfit(what: str, routes: Iterable[Route], target: Target) -> Iterator[str]:
    """Say which routes lead to a slot in a way that the bot doesn't move."""
    routes = list(routes)
    if not any(route.is_ours for route in routes):
        names = " and ".join(str(target.slot_service(slot)) for slot in SLOTS)
        yield f"{what} has no http route that leads to {names} alone."
    for route in routes:
        which = f"{what}: {route.protocol} route {route.at + 1}"
        others = [
            str((entry.get("destination") or {}).get("host"))
            for entry, slot in zip(route.entries, route.slots, strict=True)
            if slot is None
        ]
        if route.protocol != "http":
            yield f"{which} leads to a slot, and the bot moves http routes only."
        elif others:
            yield f"{which} leads to {', '.join(others)} beside the slots; the bot leaves it alone."
        elif len(set(route.slots)) == 1:
            yield f"{which} leads to {route.slots[0]} only; the bot leaves it alone."
        elif not route.is_ours:
            yield f"{which} names a slot twice; the bot leaves it alone."


def _all_to(slot: Slot, routes: Iterable[Route]) -> str:
    """Write the JSON Patch with which a person gives a slot everything by hand."""
    operations = [
        {
            "op": "replace" if ref.weight is not None else "add",
            "path": pointer(*ref.path, "weight"),
            "value": 100 if ref.slot == slot else 0,
        }
        for route in routes
        if route.is_ours
        for ref in route.refs()
    ]
    return json.dumps(operations, separators=(",", ":"))


# What Istio says of it.


def _accepted(item: Object) -> tuple[bool, str | None]:
    """Whether nothing is said against its present generation; else what is, if it was refused."""
    status = item.get("status") or {}
    generation = int(item["metadata"].get("generation", 1))
    said = [c for c in status.get("conditions") or () if c.get("type") == "Reconciled"]
    if any(_is_old(one, generation) for one in (status, *said)):
        return False, None
    messages = status.get("validationMessages") or ()
    errors = [_words(one) for one in messages if str(one.get("level")).upper() in ERROR]
    if errors:
        return False, "; ".join(errors)
    for condition in said:
        if condition.get("status") == "False":
            return False, _refused(condition)
    return True, None


def _is_old(said: Object, generation: int) -> bool:
    """Whether it is about an earlier generation. Istio writes the number as text, or not at all."""
    observed = str(said.get("observedGeneration") or "")
    return observed.isdecimal() and int(observed) < generation


def _refused(condition: Object) -> str | None:
    message = str(condition.get("message") or condition.get("reason") or "no reason given")
    if condition.get("reason") == "stillPropagating" or PROPAGATING.match(message):
        return None
    return f"Reconciled is false: {message}"


def _words(message: Object) -> str:
    """Write a validation message: its text where it has one, and its code and page."""
    kind: Any = message.get("type")
    code = kind.get("code") if isinstance(kind, dict) else message.get("code")
    page = message.get("documentationUrl") or message.get("documentation_url")
    parts = [code, message.get("message"), page and f"({page})"]
    return " ".join(str(part) for part in parts if part) or "an error without a text"


# For the doctor.


def _status_judged(space: Space, what: str, item: Object, target: Target) -> Iterator[Said]:
    accepted, refused = _accepted(item)
    if refused is not None:
        command = kubectl(space.cluster, space.name)
        remedy = f"{command} get virtualservice {target.route} -o yaml says more, under status."
        yield f"{what} is refused. {refused.rstrip('.')}.", remedy
    elif not accepted:
        remedy = "Check that istiod runs; `istioctl proxy-status` tells who lags behind."
        yield f"{what}: Istio has not taken up its present state.", remedy


def _gateway_named(said: str, namespace: str) -> Parent:
    """Read a name in `gateways`: NAME, NAMESPACE/NAME, or the host name of old."""
    if "/" in said:
        space, _, name = said.partition("/")
        return Parent(ISTIO_GATEWAYS, namespace if space == "." else space, name)
    name, _, rest = said.partition(".")
    return Parent(ISTIO_GATEWAYS, rest.partition(".")[0] or namespace, name)
