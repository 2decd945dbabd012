"""What is said of a baseline: on the card while it comes, in the thread, and where it went wrong.

Used by `engine.steps.baseline`. A baseline runs what is live, so its faults are not the new
version's, and the words keep the two apart.
"""

from datetime import timedelta

from bot.domain.by_hand import kubectl
from bot.domain.catalog import Slot
from bot.domain.facts import BaselineFact, PodTrouble, SlotFact
from bot.domain.plans import Plan
from bot.domain.targets import Target
from bot.domain.versions import bare
from bot.views import lines
from bot.views.words import count, safe, took


def clearing(seen: BaselineFact) -> str:
    """It had pods before this release began."""
    return f"the baseline had {count(max(seen.wanted, seen.total), 'pod')}; they go first"


def growing(size: int) -> str:
    """Its size was set."""
    return f"the baseline gets {count(size, 'pod')}"


def waiting(seen: BaselineFact) -> str:
    """Its pods come up."""
    return f"baseline: {lines.unready(seen)}"


def going() -> str:
    """It is being taken away."""
    return "the baseline goes"


def ready(plan: Plan, seen: BaselineFact) -> str:
    """It stands beside the live slot."""
    return (
        f"✓ A fresh baseline of {_version(plan)} serves beside {plan.live}: {lines.ready(seen)}. "
        f"{plan.goes_to.capitalize()} is compared with it."
    )


def removed() -> str:
    """It has no pods any more."""
    return "✓ The baseline is at 0 pods again."


def left(target: Target, seen: BaselineFact | None, why: str) -> str:
    """It could not be taken away on the way back, which waits for it no longer.

    `seen`: None where nobody could even look.
    """
    has = f"still has {count(seen.wanted, 'pod')}" if seen else "may still have pods"
    return f"! The baseline {has} of the old version: {safe(why.rstrip('.'))}. {_by_hand(target)}"


def stays(plan: Plan, seen: BaselineFact | None) -> str | None:
    """Say that a person who repaired it has to look after it too. None: it has no pods."""
    if not plan.has_baseline or seen is None or not (seen.wanted or seen.unfit):
        return None
    # Where its pods can't be read its size isn't known.
    known = seen if seen.wanted else None
    return left(plan.target, known, "this release takes them away no more")


def _by_hand(target: Target) -> str:
    command = f"{kubectl(target)} scale deployment {target.baseline} --replicas=0"
    return f"By hand: `{safe(command)}`"


def gone(name: str) -> str:
    """There is nothing to compare with."""
    return f"{name} is gone: there is nothing to compare with."


def live_changed(live: SlotFact, image: str | None) -> str:
    """The live slot runs something else than when the plan was made."""
    return f"{live.slot.capitalize()} runs {live.image}, not {image}, which was live when it began."


def other_image(seen: BaselineFact, image: str | None) -> str:
    """Somebody set another image on it."""
    return f"The baseline runs {seen.image}, not {image}, which is live."


def other_slot(seen: BaselineFact, label: str, live: Slot) -> str:
    """Somebody put it beside another slot, or beside none."""
    has = f"{label}: {seen.slot}" if seen.slot else f"no {label}"
    return f"The baseline's pods carry {has}, not {label}: {live}, which is live."


def smaller(seen: BaselineFact, given: int) -> str:
    """Somebody took pods away."""
    return f"The baseline is set to {count(seen.wanted, 'pod')}; this release gave it {given}."


def trouble(found: PodTrouble) -> str:
    """One of its pods won't come up."""
    return lines.pod_trouble("baseline", found)


def stalled(seen: BaselineFact) -> str:
    """Its rollout made no progress in the Deployment's own time."""
    return f"The baseline's rollout made no progress in time: {lines.unready(seen)}."


def late(plan: Plan, seen: BaselineFact) -> str:
    """It was not whole in the time that a step has."""
    limit = took(timedelta(seconds=plan.timeout))
    return f"The baseline was not ready after {limit}: {lines.unready(seen)}."


def same(plan: Plan) -> str:
    """It is no fault of the new version."""
    return (
        f"It runs {_version(plan)}, as {plan.live} does: new pods of what is live can't start now."
    )


def _version(plan: Plan) -> str:
    return bare(plan.previous or "what is live")
