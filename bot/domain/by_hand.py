"""The `kubectl` line that would undo a release, for the night on which the bot is down."""

import json

from bot.domain.catalog import Slot
from bot.domain.releases import Release
from bot.domain.targets import Target


def undo_command(release: Release) -> str | None:
    """Write the command that takes a release back, whichever way it goes; None without a plan."""
    plan = release.plan
    if plan is None:
        return None
    back_to = plan.live if plan.kind == "release" else plan.idle
    return traffic_command(plan.target, back_to, release.hand_patch)


def traffic_command(target: Target, slot: Slot, route_patch: str | None) -> str:
    """Write the command that gives a slot all the traffic."""
    context = f"--context {target.cluster} " if target.cluster else ""
    base = f"kubectl {context}-n {target.namespace} patch"
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
