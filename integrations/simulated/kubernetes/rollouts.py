"""Rollouts of the simulated cluster: how one is written, and what its steps amount to. Pure."""

import copy

from integrations.simulated.kubernetes.objects import Object
from integrations.simulated.kubernetes.templates import template_hash

KIND = "rollouts"
SETS = "replicasets"
API = "apis/argoproj.io/v1alpha1"
HASH = "rollouts-pod-template-hash"
MARK = "release-bot/slots"
ALL = 100


def progress_of(status: Object) -> Object:
    """What of a status shows that it goes on."""
    keys = ("currentStepIndex", "currentPodHash", "pauseConditions", "canary", "stableRS")
    return {key: status.get(key) for key in keys}


def canary_of(item: Object) -> Object:
    """Its strategy."""
    found: Object = item["spec"]["strategy"]["canary"]
    return found


def services_of(item: Object) -> tuple[str | None, str | None]:
    """Name the stable and the canary Service, where it has any."""
    canary: Object = (item["spec"].get("strategy") or {}).get("canary") or {}
    return canary.get("stableService"), canary.get("canaryService")


def steps_of(item: Object) -> list[Object]:
    """Its steps."""
    return list(canary_of(item).get("steps") or ())


def steps_hash(item: Object) -> str:
    """Hash its steps."""
    return template_hash({"steps": steps_of(item)})


def wanted_of(item: Object) -> int:
    """How many pods it wants in all."""
    return int(item["spec"].get("replicas", 1))


def weight_told(status: Object) -> int:
    """The canary's share as the router was told."""
    weights: Object = (status.get("canary") or {}).get("weights") or {}
    return int((weights.get("canary") or {}).get("weight") or 0)


def weight_set(item: Object, status: Object) -> int:
    """Share of the last setWeight up to the present step; all of it after the last step."""
    steps, at = steps_of(item), status["currentStepIndex"]
    if at >= len(steps):
        return ALL
    return next((int(s["setWeight"]) for s in reversed(steps[: at + 1]) if "setWeight" in s), 0)


def canary_pods(item: Object, status: Object) -> int:
    """How many pods the present version is to have. What setCanaryScale says holds until undone."""
    steps, at, wanted = steps_of(item), status["currentStepIndex"], wanted_of(item)
    whole = status.get("promoteFull") or status["currentPodHash"] == status.get("stableRS")
    if whole or status.get("stableRS") is None or at >= len(steps):
        return wanted
    if status.get("abort"):
        return 0
    share = weight_set(item, status)
    scales = [s["setCanaryScale"] for s in steps[: at + 1] if "setCanaryScale" in s]
    if scales and "replicas" in scales[-1]:
        return int(scales[-1]["replicas"])
    if scales and "weight" in scales[-1]:
        share = int(scales[-1]["weight"])
    return -(-wanted * share // ALL)


def replica_set(item: Object, name: str, template: Object, count: int) -> Object:
    """Write a ReplicaSet of it."""
    digest = name.removeprefix(f"{item['metadata']['name']}-")
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": item["metadata"]["namespace"],
            "generation": 1,
            "labels": {"rollout": item["metadata"]["name"], HASH: digest},
        },
        "spec": {"replicas": count, "template": copy.deepcopy(template)},
    }


# For tests and the demo.


def kept(kind: str, before: Object, after: Object, *, status: bool) -> Object:
    """Keep what a patch does not reach: the status, or all but the status."""
    if kind != KIND:
        return after
    base, told = (before, after) if status else (after, before)
    merged = {key: value for key, value in base.items() if key != "status"}
    return merged | ({"status": told["status"]} if "status" in told else {})


def weights(item: Object) -> dict[str, int]:
    """Shares by slot: a mark names the slot that was stable, and by which hash."""
    status = item["status"]
    slot, _, digest = (item["metadata"].get("annotations") or {}).get(MARK, "").partition("=")
    named = slot or "blue"
    other = {"blue": "green", "green": "blue"}
    stable = named if not digest or digest == status["stableRS"] else other[named]
    share = weight_told(status) if status["currentPodHash"] != status["stableRS"] else 0
    return {stable: ALL - share, other[stable]: share}


def rollout(service: str, image: str, replicas: int, shares: tuple[int, ...]) -> Object:
    """Write a Rollout that stops at those shares."""
    first, *later = shares
    steps: list[Object] = [
        {"setCanaryScale": {"weight": first}},
        {"pause": {}},
        {"setWeight": first},
        {"setCanaryScale": {"matchTrafficWeight": True}},
        {"pause": {}},
    ]
    for share in later:
        steps += [{"setWeight": share}, {"pause": {}}]
    labels = {"app": service}
    canary = {
        "stableService": service,
        "canaryService": f"{service}-preview",
        "trafficRouting": {"nginx": {"stableIngress": service}},
        "steps": steps,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": service},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"canary": canary},
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {"containers": [{"name": service, "image": image}]},
            },
        },
    }


def is_set(step: Object, status: Object) -> bool:
    """Whether the router was told the weight of a step, if it has one."""
    return "setWeight" not in step or weight_told(status) == step["setWeight"]
