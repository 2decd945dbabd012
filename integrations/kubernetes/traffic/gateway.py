"""`traffic: gateway`: the weights of a Gateway API HTTPRoute, for each slot's Service.

In the table of `traffic`. Accepted is what the route's conditions say of its present generation.
"""

import json
from collections.abc import Iterable, Iterator, Mapping

from bot.domain.catalog import Slot
from bot.domain.facts import TrafficFact
from bot.domain.targets import Target
from integrations.kubernetes import objects
from integrations.kubernetes.kinds import GATEWAYS, HTTP_ROUTES
from integrations.kubernetes.objects import Object
from integrations.kubernetes.patches import Operation, pointer, replaced
from integrations.kubernetes.space import SLOTS, Parent, Said, Space, kubectl
from integrations.kubernetes.traffic.way import Shares, Weighted, agreed, per_cent

Ref = tuple[int, int, Slot, int | None]
"""A slot's backendRef in a route: rule, place in the rule, slot, weight as written."""


class Gateway(Weighted):
    """Traffic by the weights of an HTTPRoute, in all of its rules."""

    kind = HTTP_ROUTES

    def name(self, target: Target) -> str:
        """Name the HTTPRoute."""
        return target.route or ""

    def read(self, item: Object, target: Target) -> TrafficFact:
        """Read shares, conditions and fence, and how a person would set the weights."""
        refs = slot_refs(item, target)
        accepted, rejected = _accepted(item)
        return TrafficFact(
            weights=_shares(refs),
            serving={},
            accepted=accepted,
            rejected=rejected,
            fence=objects.fence_of(item),
            by_hand={"blue": _all_to("blue", refs), "green": _all_to("green", refs)},
        )

    def change(
        self, item: Object, target: Target, weights: Mapping[Slot, int]
    ) -> Iterator[Operation]:
        """Set all weights of a step in every rule, each with the old one tested."""
        for rule, at, slot, weight in slot_refs(item, target):
            path = pointer("spec", "rules", rule, "backendRefs", at, "weight")
            if weight is None:
                yield {"op": "add", "path": path, "value": weights[slot]}
            else:
                yield from replaced(path, weight, weights[slot])
            name = pointer("spec", "rules", rule, "backendRefs", at, "name")
            # The place in the list could have become another backend's.
            yield {"op": "test", "path": name, "value": target.slot_service(slot)}

    def parents(self, item: Object, namespace: str) -> Iterator[Parent]:
        """List the Gateways that a route names as its parents."""
        for parent in item["spec"].get("parentRefs") or ():
            if parent.get("kind", "Gateway") == "Gateway":
                yield Parent(GATEWAYS, parent.get("namespace") or namespace, parent["name"])

    def judged(self, space: Space, target: Target) -> Iterator[Said]:
        """Say what is wrong with the route, its rules and its Gateways."""
        route = space.find(HTTP_ROUTES, self.name(target))
        if route is None:
            return
        what = f"HTTPRoute {target.route}"
        accepted, refused = _accepted(route)
        if refused is not None:
            command = kubectl(space.cluster, space.name)
            remedy = f"{command} describe httproute {target.route} says more."
            yield f"{what} is refused. {refused.rstrip('.')}.", remedy
        elif not accepted:
            remedy = "Check its parentRefs, and that the Gateway's controller runs."
            yield f"{what}: no Gateway has taken it up.", remedy
        yield from _backends(what, route, target)
        for parent in self.parents(route, space.name):
            yield from _gateway(space, what, parent)


def slot_refs(route: Object, target: Target) -> list[Ref]:
    """Find the slots' backendRefs in all rules of a route."""
    names: dict[str | None, Slot] = {
        target.slot_service("blue"): "blue",
        target.slot_service("green"): "green",
    }
    found: list[Ref] = []
    for rule_at, rule in enumerate(route["spec"].get("rules") or ()):
        for ref_at, ref in enumerate(rule.get("backendRefs") or ()):
            if ref.get("name") in names:
                found.append((rule_at, ref_at, names[ref["name"]], ref.get("weight")))
    return found


def _shares(refs: Iterable[Ref]) -> Shares:
    """Shares in per cent; empty where no slot is named or the rules disagree."""
    rules: dict[int, dict[Slot, int]] = {}
    for rule_at, _, slot, weight in refs:
        shares = rules.setdefault(rule_at, {"blue": 0, "green": 0})
        # An absent weight is 1 (Gateway API, BackendRef).
        shares[slot] += 1 if weight is None else weight
    return agreed(per_cent(shares) for shares in rules.values())


def _accepted(route: Object) -> tuple[bool, str | None]:
    """Whether every parent accepted the route's present generation; else why not, if refused."""
    generation = route["metadata"].get("generation", 1)
    parents = (route.get("status") or {}).get("parents") or []
    fresh = True
    for parent in parents:
        said = {c["type"]: c for c in parent.get("conditions") or ()}
        for kind in ("Accepted", "ResolvedRefs"):
            condition = said.get(kind)
            if condition is None or condition.get("observedGeneration", 0) < generation:
                fresh = False
            elif condition["status"] != "True":
                why = condition.get("message") or condition.get("reason") or "no reason given"
                return False, f"{kind} is false: {why}"
    return bool(parents) and fresh, None


def _all_to(slot: Slot, refs: Iterable[Ref]) -> str:
    """Write the JSON Patch with which a person gives a slot everything by hand."""
    return json.dumps(
        [
            {
                "op": "replace" if weight is not None else "add",
                "path": f"/spec/rules/{rule}/backendRefs/{at}/weight",
                "value": 100 if name == slot else 0,
            }
            for rule, at, name, weight in refs
        ],
        separators=(",", ":"),
    )


# For the doctor.


def _backends(what: str, route: Object, target: Target) -> Iterator[Said]:
    refs = slot_refs(route, target)
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
    if whole and not _shares(refs):
        sentence = f"{what}: its rules share the traffic differently, or give weight to none."
        yield sentence, "Set the same weights in all of its rules."


def _gateway(space: Space, what: str, parent: Parent) -> Iterator[Said]:
    gateway = space.parents.get(parent)
    if gateway is None:
        # Of what may not be read `doctor` tells once, however many routes name it.
        return
    name = f"Gateway {parent.name} in {parent.namespace}"
    if not gateway:
        yield f"{what}: there is no {name}.", "Create it, or mend the route's parentRefs."
        return
    said = {c["type"]: c for c in (gateway.get("status") or {}).get("conditions") or ()}
    for kind in ("Accepted", "Programmed"):
        condition = said.get(kind)
        if condition is None or condition["status"] != "True":
            why = (condition or {}).get("message") or (condition or {}).get("reason")
            told = f": {why.rstrip('.')}" if why else ""
            command = kubectl(space.cluster, parent.namespace)
            remedy = f"{command} describe gateway {parent.name} says more."
            yield f"{name}: {kind} is not true{told}.", remedy
