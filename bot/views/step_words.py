"""Steps in words: what a plan will do, in one line, and what its present step does.

Used by the card and by the answer to `/release plan`.
"""

from itertools import pairwise

from bot.domain.plans import Plan, PlanStep
from bot.domain.releases import Release
from bot.domain.versions import bare


def doing(release: Release) -> str:
    """Say what the present step of a release does."""
    plan, steps, at = release.plan, release.steps(), release.progress.step
    return _doing(steps[at], release, plan) if plan and at < len(steps) else "Settling"


def _doing(step: PlanStep, release: Release, plan: Plan) -> str:
    where = plan.where(step.slot)
    match step.kind:
        case "dispatch":
            back = release.progress.track == "undo"
            version = bare(plan.previous if back and plan.previous else release.version)
            return f"{step.workflow} brings {version}{f' to {where}' if plan.has_pods else ''}"
        case "deploy" | "scale" | "verify" | "baseline" | "restore":
            return _on_pods(step, release, plan)
        case "smoke":
            return f"Smoke tests on {where}"
        case "shift":
            return f"Moving traffic: {step.weight} % to {step.slot}"
        case "bake":
            if plan.in_place:
                return f"Watching {bare(release.version)}{f' on {where}' if plan.has_pods else ''}"
            share = f"{release.progress.weight} % on {step.slot}"
            return f"Watching, {share}" if step.watch else share
        case "settle":
            return "Settling"


def _on_pods(step: PlanStep, release: Release, plan: Plan) -> str:
    """Say what is done to the pods of a slot, or of the baseline."""
    where = plan.where(step.slot)
    match step.kind:
        case "deploy":
            return f"Setting {bare(release.version)} on {where}"
        case "scale":
            return f"Growing {step.slot} for {step.share} %"
        case "baseline" if step.share:
            return f"Making a fresh baseline of {bare(plan.previous or 'what is live')}"
        case "baseline":
            return "Removing the baseline"
        case "restore":
            return f"Putting {where} back as it was"
        case _:
            return f"Waiting for {where}'s pods"


def listed(plan: Plan) -> str:
    """Write the steps in one line: `deploy to green · health · smoke · 10 → 25 → 50 → 100 %`."""
    words = []
    weights = [str(step.weight) for step in plan.steps if step.kind == "shift"]
    kinds = {step.kind: step for step in plan.steps}
    if plan.strategy == "workflow":
        words.append(f"{plan.steps[0].workflow} does it")
    elif plan.in_place:
        words.append(f"replaces the pods of {plan.where(plan.live)}")
    elif "deploy" in kinds:
        words.append(f"deploy to {plan.goes_to}")
    if "verify" in kinds:
        words.append("health")
    if "smoke" in kinds:
        words.append("smoke")
    if weights:
        beside = ", compared with a fresh baseline" if plan.has_baseline else ""
        words.append(f"{' → '.join(weights)} %{beside}")
    held = [step.weight for step, next_ in pairwise(plan.steps) if next_.hold]
    words += [f"waits for Promote at {weight} %" for weight in held]
    watch = next((step.seconds for step in plan.steps if step.watch), None)
    if watch:
        words.append(f"watch {_length(watch)}")
    return " · ".join(words)


def _length(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds} s"  # noqa: PLR2004 - a minute


def going_back(plan: Plan | None) -> str:
    """Say what a rollback of a release under way, or inside its window, does."""
    if plan is None:
        return "Traffic goes back to the old slot"
    previous = bare(plan.previous or "unknown")
    if plan.in_place:
        return f"{previous} takes its place again"
    return f"Traffic goes back to {plan.live} ({previous})"
