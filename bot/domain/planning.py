"""Planning: request, rules and facts in, plan out. Pure; the engine stores what comes out."""

from bot.domain.catalog import IN_PLACE, Slot
from bot.domain.facts import Facts, Known
from bot.domain.plans import Plan
from bot.domain.requests import ReleaseRequest
from bot.domain.returning import Former
from bot.domain.rules import Rules
from bot.domain.strategies import rollback_steps, steps_for
from bot.domain.targets import image_of


def build_plan(
    request: ReleaseRequest, rules: Rules, facts: Facts, former: Former | None = None
) -> Plan | None:
    """Make the plan, or None where the facts don't suffice (a gate says why).

    `former`: what ran here before is brought back, with that deployment's own commit and image;
    that this is a rollback is the release's kind, not the plan's. Raises UserError where the
    strategy asked for isn't built.
    """
    goal = former or _tagged(request, rules, facts)
    if goal is None:
        return None
    if not isinstance(facts.cluster, Known):
        return None
    cluster, kind = facts.cluster.value, rules.kind_for(request)
    # A workflow may serve what is in no cluster at all; then there is one place, by whatever name.
    elsewhere = kind == "workflow" and not cluster.has_pods
    live: Slot | None = "blue" if elsewhere else cluster.traffic.live
    if live is None:
        return None
    keeps_old = rules.target.keeps_old_slot and kind not in IN_PLACE
    return Plan(
        kind="release",
        target=rules.target,
        version=goal.version,
        tag=None if former else _tag_name(facts),
        commit=goal.commit,
        image=goal.image,
        previous=facts.live_version,
        previous_commit=facts.live_commit,
        previous_image=cluster.slot(live).image,
        strategy=kind,
        repository=rules.repository,
        live=live,
        steps=steps_for(kind, rules, live, has_pods=not elsewhere),
        rules=rules.fingerprint(),
        # Else nothing of the version before is left to switch back to.
        window=int(rules.rollback_window.total_seconds()) if keeps_old else 0,
        timeout=int(rules.timeout.total_seconds()),
        emergency=request.emergency,
    )


def _tagged(request: ReleaseRequest, rules: Rules, facts: Facts) -> Former | None:
    """What the version's tag leads to; None where there is no such tag, or nobody knows."""
    if not isinstance(facts.tag, Known) or facts.tag.value.tag is None:
        return None
    commit = facts.tag.value.tag.commit
    image = image_of(rules.target.image_pattern, request.version, commit)
    return Former(version=request.version, commit=commit, image=image)


def _tag_name(facts: Facts) -> str | None:
    tag = facts.tag.value.tag if isinstance(facts.tag, Known) else None
    return tag.name if tag else None


def build_rollback(undone: Plan, rules: Rules) -> Plan:
    """Plan the switch back from a finished release, whose old version still runs on its slot.

    Deliberately from the undone release's own plan and nothing gathered: a rollback waits for
    nothing but the cluster.
    """
    return undone.model_copy(
        update={
            "kind": "rollback",
            "version": undone.previous or "unknown",
            "tag": None,
            "commit": undone.previous_commit,
            "image": undone.previous_image,
            "previous": undone.version,
            "previous_commit": undone.commit,
            "previous_image": undone.image,
            "live": undone.goes_to,
            "steps": rollback_steps(undone.goes_to),
            "rules": rules.fingerprint(),
            "emergency": False,
        }
    )
