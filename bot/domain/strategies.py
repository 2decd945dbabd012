"""Strategies as ordered steps, and the steps that undo them. Read this to know what happens."""

from typing import assert_never

from bot.domain.catalog import Slot, StrategyKind, other_slot
from bot.domain.plans import Plan, PlanStep
from bot.domain.reasons import Reason
from bot.domain.rules import Rules
from bot.errors import UserError


def steps_for(kind: StrategyKind, rules: Rules, idle: Slot) -> tuple[PlanStep, ...]:
    """List the steps of a release onto the idle slot. Raises UserError for what isn't built."""
    match kind:
        case "blue-green":
            return _blue_green(rules, idle)
        case "canary" | "rolling" | "workflow":
            raise UserError(
                f"Strategy {kind} isn't built yet. blue-green is: leave --strategy away.",
                Reason.NOT_BUILT,
            )
        case _:
            assert_never(kind)


def _blue_green(rules: Rules, idle: Slot) -> tuple[PlanStep, ...]:
    return (
        *_onto_the_slot(rules, idle),
        PlanStep(kind="verify", slot=idle),
        *(
            [PlanStep(kind="smoke", slot=idle, workflow=rules.smoke_workflow)]
            if rules.smoke_workflow
            else []
        ),
        *_traffic(rules, idle),
        PlanStep(kind="settle", slot=idle),
    )


def _onto_the_slot(rules: Rules, idle: Slot) -> list[PlanStep]:
    deploy = PlanStep(kind="deploy", slot=idle, workflow=rules.deploy_workflow)
    if rules.deploy_workflow is None:
        return [deploy]
    return [PlanStep(kind="dispatch", slot=idle, workflow=rules.deploy_workflow), deploy]


def _traffic(rules: Rules, idle: Slot) -> list[PlanStep]:
    strategy = rules.strategy
    steps = []
    for weight in strategy.weights:
        last = weight == strategy.weights[-1]
        pause = strategy.watch if last else strategy.bake
        steps.append(PlanStep(kind="shift", slot=idle, weight=weight))
        steps.append(
            PlanStep(
                kind="bake",
                slot=idle,
                seconds=int(pause.total_seconds()),
                watch=last,
                judged=not last and bool(rules.watching.indicators),
                hold=weight in strategy.hold_at,
            )
        )
    return steps


def undo_steps(plan: Plan, *, moved: bool) -> tuple[PlanStep, ...]:
    """List the steps back. Traffic first, where any moved; else the idle slot as it was before."""
    if plan.kind == "rollback":
        return plan.steps
    if moved:
        return (
            PlanStep(kind="shift", slot=plan.live, weight=100),
            PlanStep(kind="verify", slot=plan.live),
            PlanStep(kind="settle", slot=plan.live),
        )
    return (
        PlanStep(kind="restore", slot=plan.idle),
        PlanStep(kind="settle", slot=plan.live),
    )


def rollback_steps(live: Slot) -> tuple[PlanStep, ...]:
    """List the steps of a rollback inside the window: a switch to the slot that still runs."""
    old = other_slot(live)
    return (
        PlanStep(kind="shift", slot=old, weight=100),
        PlanStep(kind="verify", slot=old),
        PlanStep(kind="settle", slot=old),
    )
