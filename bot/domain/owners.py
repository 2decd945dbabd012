"""Objects that Argo CD or Flux own: which fields the bot sets, and how those are left alone.

Used by the cluster gate and by `doctor`. Argo CD's word on it stands in its Application, which the
bot does not read, so the team says it in the catalogue; Flux's may stand on the object itself.
"""

from collections.abc import Iterable

from bot.domain.surroundings import OWNER_NAMES, Owned
from bot.domain.targets import Target


def undeclared(owned: Iterable[Owned], target: Target) -> tuple[Owned, ...]:
    """List what an owner would set back: neither the object nor the catalogue says otherwise."""
    shared = target.shared_with or ()
    return tuple(one for one in owned if not one.left_alone and one.owner not in shared)


def said_of(owned: tuple[Owned, ...], target: Target) -> str:
    """Say whose objects they are, and what would be undone."""
    by_owner: dict[str, list[str]] = {}
    for one in owned:
        by_owner.setdefault(OWNER_NAMES[one.owner], []).append(f"{one.kind} {one.name}")
    whose = "; ".join(f"{owner} owns {', '.join(names)}" for owner, names in by_owner.items())
    fields = ", ".join(dict.fromkeys(f for one in owned for f in _words(one.kind, target)))
    return f"{whose}. It would undo what a release sets: {fields}."


def leave_alone(owned: tuple[Owned, ...], target: Target) -> str:
    """Say how each owner is told to leave the fields alone, and where the team declares it."""
    kinds = dict.fromkeys(one.kind for one in owned if one.owner == "argocd")
    said = []
    if kinds:
        rules = ", ".join(_argo_rule(kind, target) for kind in kinds)
        said.append(
            f"In Argo CD's Application: `ignoreDifferences: [{rules}]` and "
            "`syncPolicy.syncOptions: [RespectIgnoreDifferences=true]`."
        )
    if any(one.owner == "flux" for one in owned):
        said.append(
            "For Flux: annotate them in git with `kustomize.toolkit.fluxcd.io/ssa: IfNotPresent`, "
            "which the bot reads, or name the fields in the Kustomization's `driftIgnoreRules`."
        )
    words = ", ".join(dict.fromkeys(one.owner for one in owned))
    said.append(
        f"Then say `kubernetes: {{shared_with: [{words}]}}` for the service (docs/others.md)"
    )
    return " ".join(said)


def _words(kind: str, target: Target) -> tuple[str, ...]:
    if kind == "Deployment":
        slot = [f"the pods' {target.slot_label} label (the baseline's)"] if target.baseline else []
        own = ("image", "replicas", "the pods' version label", *slot)
        return (*own, "the release-bot annotations")
    if kind == "Rollout":
        return ("image", "the pods' version label", "the release-bot annotations")
    if kind == "Service":
        return (f"selector ({target.slot_label})", "the release-bot annotations")
    return ("weights", "the release-bot annotations")


def _argo_rule(kind: str, target: Target) -> str:
    group, paths = {
        "Deployment": ("apps", [".spec.replicas", *_pod_paths(target)]),
        "Rollout": ("argoproj.io", _pod_paths(target)),
        "Service": ("", [f'.spec.selector["{target.slot_label}"]']),
        "HTTPRoute": ("gateway.networking.k8s.io", [".spec.rules[].backendRefs[].weight"]),
        "VirtualService": ("networking.istio.io", [".spec.http[].route[].weight"]),
    }[kind]
    # The bot's annotations are in no file in git: they stay, unless the owner replaces objects.
    listed = ", ".join(f"'{path}'" for path in paths)
    return f'{{group: "{group}", kind: {kind}, jqPathExpressions: [{listed}]}}'


def _pod_paths(target: Target) -> list[str]:
    names = dict.fromkeys(target.containers)
    images = [f'.spec.template.spec.containers[] | select(.name == "{n}") | .image' for n in names]
    labels = ["app.kubernetes.io/version", *([target.slot_label] if target.baseline else [])]
    return [*images, *(f'.spec.template.metadata.labels["{label}"]' for label in labels)]
