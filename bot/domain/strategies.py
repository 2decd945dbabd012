"""Strategies as ordered steps, and the steps that undo them. Read this to know what happens."""

from collections.abc import Sequence
from typing import assert_never

from bot.domain.catalog import IN_PLACE, Slot, other_slot
from bot.domain.plans import Plan, PlanStep, StepKind
from bot.domain.policies import StrategyKind
from bot.domain.reasons import Reason
from bot.domain.rules import Rules
from bot.errors import UserError


def steps_for(
    kind: StrategyKind, rules: Rules, live: Slot, *, has_pods: bool = True
) -> tuple[PlanStep, ...]:
    """List the steps of a release, where that slot is live.

    `has_pods`: the service has a Deployment in the cluster; only `workflow` does without. Raises
    UserError for what the service isn't made for, and what its policy does not let one ask for.
    """
    allowed = rules.strategies
    if allowed is not None and kind not in (*allowed, rules.strategy.kind):
        raise UserError(
            f"The policy of {rules.target.environment} allows {' and '.join(allowed)} only, not "
            f"{kind}. Leave --strategy away.",
            Reason.NO_RIGHT,
        )
    _refuse_unfit(kind, rules)
    match kind:
        case "blue-green":
            return _blue_green(rules, other_slot(live))
        case "canary":
            return _canary(rules, other_slot(live))
        case "rolling":
            return _rolling(rules, live)
        case "workflow":
            return _workflow(rules, live, has_pods=has_pods)
        case _:
            assert_never(kind)


def _refuse_unfit(kind: StrategyKind, rules: Rules) -> None:
    """Refuse what the service has no copy, no workflow or no way of testing for."""
    target, leave = rules.target, "Leave --strategy away."
    if target.is_rollout and kind != "canary":
        raise UserError(
            f"Argo Rollouts runs {target.service}, and goes by canary only, not {kind}. {leave}",
            Reason.NOT_UNDERSTOOD,
        )
    if kind not in IN_PLACE:
        if target.one_copy:
            raise UserError(
                f"{target.service} has one Deployment, and {kind} needs two slots. {leave}",
                Reason.NOT_UNDERSTOOD,
            )
        return
    if kind == "workflow" and rules.deploy_workflow is None:
        raise UserError(
            f"{target.service} has no deploy workflow in the catalogue to do it. {leave}",
            Reason.NOT_UNDERSTOOD,
        )
    if target.preview is not None and (target.smoke_cronjob or rules.smoke_checks):
        raise UserError(
            f"The smoke test of {target.service} asks Service {target.preview}, which leads to "
            f"the other slot: with {kind} it would try the wrong version. {leave}",
            Reason.NOT_UNDERSTOOD,
        )


def _blue_green(rules: Rules, idle: Slot) -> tuple[PlanStep, ...]:
    """All of the new slot first, then the traffic: at once, or weight by weight."""
    *below, last = rules.strategy.weights
    steps = _onto_the_slot(rules, idle, 100, _baseline(rules, idle, 0) if below else ())
    steps += _baseline(rules, idle, 100) if below else []
    for weight in below:
        steps += _moved(rules, idle, weight, 100)
    steps += _baseline(rules, idle, 0) if below else []
    return (*steps, *_moved(rules, idle, last, 100), PlanStep(kind="settle", slot=idle))


def _canary(rules: Rules, idle: Slot) -> tuple[PlanStep, ...]:
    """As much of the new slot as its share of the traffic takes, made larger before each shift."""
    first, *later = rules.strategy.weights
    if not later:
        raise UserError(
            "A canary needs a weight below 100 in the catalogue's strategy, such as "
            "weights: [10, 50, 100].",
            Reason.NOT_UNDERSTOOD,
        )
    steps = _onto_the_slot(rules, idle, first, _baseline(rules, idle, 0))
    steps += _baseline(rules, idle, first)
    steps += _moved(rules, idle, first, first)
    for weight in later:
        grown = [PlanStep(kind=kind, slot=idle, share=weight) for kind in SIZING]
        if weight == later[-1]:
            # At 100 % there is nothing to compare with; before the slot grows, its room is free.
            steps += [*_baseline(rules, idle, 0), *grown]
        else:
            steps += [*grown, *_baseline(rules, idle, weight)]
        steps += _moved(rules, idle, weight, weight)
    return (*steps, PlanStep(kind="settle", slot=idle))


def _baseline(rules: Rules, idle: Slot, share: int) -> list[PlanStep]:
    """Make as much of the live version anew, beside the slot's share; or take it away (0)."""
    if rules.target.baseline is None:
        return []
    return [PlanStep(kind="baseline", slot=idle, share=share)]


def _rolling(rules: Rules, live: Slot) -> tuple[PlanStep, ...]:
    """The cluster replaces the pods that serve, some at a time; there is no other copy beside."""
    return (*_onto_the_slot(rules, live, 100), *_watched(rules, live))


def _workflow(rules: Rules, live: Slot, *, has_pods: bool) -> tuple[PlanStep, ...]:
    """All is done by the team's workflow; the bot gates it, follows it and watches what it did."""
    steps = [PlanStep(kind="dispatch", slot=live, workflow=rules.deploy_workflow)]
    if has_pods:
        steps.append(PlanStep(kind="verify", slot=live))
    return (*steps, *_tried(rules, live), *_watched(rules, live))


def _watched(rules: Rules, live: Slot) -> list[PlanStep]:
    """Watch what serves; there is nothing to compare it with."""
    seconds = int(rules.strategy.watch.total_seconds())
    return [
        PlanStep(kind="bake", slot=live, seconds=seconds, watch=True),
        PlanStep(kind="settle", slot=live),
    ]


SIZING: tuple[StepKind, ...] = ("scale", "verify")
"""How a canary grows: more pods, and the wait until they are well."""


def _onto_the_slot(
    rules: Rules, idle: Slot, share: int, cleared: Sequence[PlanStep] = ()
) -> list[PlanStep]:
    """Bring the version onto the slot, with so much of the live slot's size, and try it.

    `cleared`: takes away what a baseline left behind this slot, or its pods would be tried too.
    """
    steps = [
        *cleared,
        PlanStep(kind="deploy", slot=idle, workflow=rules.deploy_workflow, share=share),
        PlanStep(kind="verify", slot=idle, share=share),
    ]
    if rules.deploy_workflow is not None:
        steps.insert(0, PlanStep(kind="dispatch", slot=idle, workflow=rules.deploy_workflow))
    return [*steps, *_tried(rules, idle)]


def _tried(rules: Rules, slot: Slot) -> list[PlanStep]:
    """Try the version by one of three ways, or none: a service need not have a smoke test."""
    test = PlanStep(
        kind="smoke",
        slot=slot,
        workflow=rules.smoke_workflow,
        cronjob=rules.target.smoke_cronjob,
        checks=rules.smoke_checks,
    )
    return [test] if test.workflow or test.cronjob or test.checks else []


def _moved(rules: Rules, idle: Slot, weight: int, share: int) -> list[PlanStep]:
    """Move the traffic to a weight, and watch it there."""
    strategy = rules.strategy
    last = weight == strategy.weights[-1]
    pause = strategy.watch if last else strategy.bake
    return [
        PlanStep(kind="shift", slot=idle, weight=weight, share=share),
        PlanStep(
            kind="bake",
            slot=idle,
            seconds=int(pause.total_seconds()),
            watch=last,
            judged=not last and bool(rules.watching.indicators),
            hold=weight in strategy.hold_at,
        ),
    ]


def undo_steps(plan: Plan, *, moved: bool) -> tuple[PlanStep, ...]:
    """List the steps back. Traffic first, where any moved; else the idle slot as it was before."""
    if plan.kind == "rollback":
        return plan.steps
    if plan.in_place:
        return _undo_in_place(plan, moved=moved)
    # Until the old slot is whole its baseline serves beside it.
    gone = [PlanStep(kind="baseline", slot=plan.live, share=0)] if plan.has_baseline else []
    if moved:
        return (
            PlanStep(kind="shift", slot=plan.live, weight=100),
            PlanStep(kind="verify", slot=plan.live),
            *gone,
            PlanStep(kind="settle", slot=plan.live),
        )
    return (
        PlanStep(kind="restore", slot=plan.goes_to),
        *gone,
        PlanStep(kind="settle", slot=plan.live),
    )


def _undo_in_place(plan: Plan, *, moved: bool) -> tuple[PlanStep, ...]:
    """Put the version before in its place again, by whatever brought the new one."""
    steps = [PlanStep(kind="restore", slot=plan.live)]
    if plan.strategy == "workflow" and moved:
        steps.append(PlanStep(kind="dispatch", slot=plan.live, workflow=plan.steps[0].workflow))
    if plan.has_pods:
        steps.append(PlanStep(kind="verify", slot=plan.live))
    return (*steps, PlanStep(kind="settle", slot=plan.live))


def rollback_steps(live: Slot) -> tuple[PlanStep, ...]:
    """List the steps of a rollback inside the window: a switch to the slot that still runs."""
    old = other_slot(live)
    return (
        PlanStep(kind="shift", slot=old, weight=100),
        PlanStep(kind="verify", slot=old),
        PlanStep(kind="settle", slot=old),
    )
