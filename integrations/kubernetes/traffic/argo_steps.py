"""Whether a Rollout is made so that the bot can move its traffic: above all, its steps.

Used by `argo`. Pure. The steps must let a new version come up without traffic, and then stop at
each weight of the catalogue, with as many pods there as that share takes.
"""

from collections.abc import Iterator

from bot.domain.targets import Target
from integrations.kubernetes.objects import Object
from integrations.kubernetes.rollouts import ALL, Rollout

KNOWN = frozenset({"setWeight", "setCanaryScale", "pause"})
"""Kinds of steps that the bot knows. Analyses, experiments and routes by header are not of them."""


def misfits(rollout: Rollout, target: Target) -> Iterator[str]:
    """Say what about its spec keeps the bot from using it; nothing where all fits."""
    what, spec = f"Rollout {rollout.name}", rollout.canary_spec
    if rollout.item["spec"].get("workloadRef"):
        yield f"{what} has its template in another object (workloadRef); write it into the Rollout."
    routing = spec.get("trafficRouting")
    if not (routing and spec.get("canaryService") and spec.get("stableService")):
        yield (
            f"{what} needs strategy.canary with trafficRouting, canaryService and stableService: "
            "without them a new version has traffic as soon as it runs."
        )
        return
    if (routing.get("maxTrafficWeight") or ALL) != ALL:
        yield f"{what}: its trafficRouting counts in other parts than per cent (maxTrafficWeight)."
    if spec.get("dynamicStableScale"):
        yield f"{what}: dynamicStableScale takes away the pods that a way back needs at once."
    if (rollout.item["spec"].get("rollbackWindow") or {}).get("revisions"):
        yield f"{what}: rollbackWindow skips the steps on the way to a version that ran before."
    if target.preview and target.preview != spec["canaryService"]:
        yield (
            f"{what}: its canaryService is {spec['canaryService']}, and kubernetes.preview of the "
            f"catalogue says {target.preview}."
        )
    weights = target.weights or (ALL,)
    problem = _misfit(rollout, weights)
    if problem is not None:
        yield f"{what}: {problem}. Its steps must be: {wanted(weights)}."


def wanted(weights: tuple[int, ...]) -> str:
    """Write the steps that the catalogue's weights ask for, as YAML in one line."""
    first, *later = weights
    steps = [
        f"setCanaryScale: {{weight: {first}}}",
        "pause: {}",
        f"setWeight: {first}",
        "setCanaryScale: {matchTrafficWeight: true}",
        "pause: {}",
    ]
    for weight in later:
        steps += [f"setWeight: {weight}", "pause: {}"]
    return "[" + ", ".join(f"{{{step}}}" for step in steps) + "]"


def _misfit(rollout: Rollout, weights: tuple[int, ...]) -> str | None:
    """Say the first thing that is wrong with the steps."""
    steps = rollout.steps
    for at, step in enumerate(steps, 1):
        if not set(step) <= KNOWN:
            return f"step {at} is {', '.join(step)}, which the bot does not know"
        if (step.get("pause") or {}).get("duration") is not None:
            return f"step {at} pauses for a time, and the bot says when it goes on"
    set_to = [int(step["setWeight"]) for step in steps if "setWeight" in step]
    stops = [share for _, share in rollout.stops()]
    if stops != [0, *weights] or set_to != list(weights):
        return f"it pauses at {_listed(stops)}, and must at {_listed([0, *weights])}"
    if "pause" not in steps[-1]:
        return "it goes on after its last pause"
    return _too_small(rollout, weights)


def _listed(shares: list[int]) -> str:
    return f"{', '.join(str(share) for share in shares)} %" if shares else "no weight"


def _too_small(rollout: Rollout, weights: tuple[int, ...]) -> str | None:
    """Say where the canary would have fewer pods than its share takes.

    What setCanaryScale says holds through all later steps, until matchTrafficWeight ends it.
    """
    scale: Object = {}
    needs = iter((weights[0], *weights))
    for (at, share), need in zip(rollout.stops(), needs, strict=True):
        for step in rollout.steps[: at + 1]:
            scale = step.get("setCanaryScale") or scale
        if _pods(scale, share, rollout.replicas) < _of(rollout.replicas, need):
            return f"at its pause at {share} % the canary has too few pods for {need} %"
    return None


def _pods(scale: Object, share: int, replicas: int) -> int:
    """How many pods a canary has there, as Argo Rollouts counts."""
    if scale.get("replicas") is not None:
        return int(scale["replicas"])
    if scale.get("weight") is not None:
        return _of(replicas, int(scale["weight"]))
    return _of(replicas, share)


def _of(replicas: int, share: int) -> int:
    return -(-replicas * share // ALL)
