"""The line that would undo a release by hand, for the night on which the bot is down."""

import json
from shlex import quote

from bot.domain.catalog import Slot
from bot.domain.plans import Plan
from bot.domain.releases import Release
from bot.domain.targets import Target


def undo_command(release: Release) -> str | None:
    """Write the command that takes a release back, whichever way it goes; None without a plan."""
    plan = release.plan
    if plan is None:
        return None
    if plan.in_place:
        return _in_place(release, plan)
    back_to = plan.live if plan.kind == "release" else plan.goes_to
    return traffic_command(plan.target, back_to, release.hand_patch)


def _in_place(release: Release, plan: Plan) -> str:
    """Write the command that brings the version before back, by what brought the new one."""
    if plan.strategy == "workflow":
        fields = {
            "release_id": f"{release.id}-by-hand",
            "service": release.service,
            "version": plan.previous or "VERSION",
            "commit": plan.previous_commit or "COMMIT",
            "environment": release.environment,
            "slot": plan.live,
        }
        inputs = " ".join(f"-f {name}={quote(value)}" for name, value in fields.items())
        return f"gh workflow run {plan.steps[0].workflow} -R {plan.repository} {inputs}"
    target, slot = plan.target, plan.live
    image = quote(f"{target.container(slot)}={plan.previous_image or 'IMAGE'}")
    return f"{kubectl(target)} set image deployment/{target.deployment(slot)} {image}"


def kubectl(target: Target) -> str:
    """Write the command's beginning, which names cluster and namespace."""
    context = f"--context {target.cluster} " if target.cluster else ""
    return f"kubectl {context}-n {target.namespace}"


def traffic_command(target: Target, slot: Slot, route_patch: str | None) -> str:
    """Write the command that gives a slot all the traffic."""
    base = f"{kubectl(target)} patch"
    if target.is_rollout:
        # All traffic is back with the first; the second puts back what the Rollout wants.
        abort = """--subresource=status --type=merge -p '{"status":{"abort":true}}'"""
        back = f"{base} rollout {target.route} --type=json -p '{route_patch or '[]'}'"
        return f"{base} rollout {target.route} {abort} && {back}"
    if target.route is not None:
        kind = "virtualservice" if target.traffic == "istio" else "httproute"
        return f"{base} {kind} {target.route} --type=json -p '{route_patch or '[]'}'"
    patch = json.dumps({"spec": {"selector": {target.slot_label: slot}}}, separators=(",", ":"))
    return f"{base} service {target.live_service} -p '{patch}'"
