"""Strategies as ordered steps, and the steps that undo them. Read this to know what happens."""

from typing import assert_never

from bot.domain.catalog import Slot, other_slot
from bot.domain.plans import Plan, PlanStep, StepKind
from bot.domain.policies import StrategyKind
from bot.domain.reasons import Reason
from bot.domain.rules import Rules
from bot.errors import UserError


def steps_for(kind: StrategyKind, rules: Rules, idle: Slot) -> tuple[PlanStep, ...]:
    """List the steps of a release onto the idle slot.

    Raises UserError for what isn't built, and for what the policy does not let a release ask for.
    """
    allowed = rules.strategies
    if allowed is not None and kind not in (*allowed, rules.strategy.kind):
        raise UserError(
            f"The policy of {rules.target.environment} allows {' and '.join(allowed)} only, not "
            f"{kind}. Leave --strategy away.",
            Reason.NO_RIGHT,
        )
    match kind:
        case "blue-green":
            return _blue_green(rules, idle)
        case "canary":
            return _canary(rules, idle)
        case "rolling" | "workflow":
            raise UserError(
                f"Strategy {kind} isn't built yet. blue-green and canary are.",
                Reason.NOT_BUILT,
            )
        case _:
            assert_never(kind)


def _blue_green(rules: Rules, idle: Slot) -> tuple[PlanStep, ...]:
    """All of the new slot first, then the traffic: at once, or weight by weight."""
    steps = _onto_the_slot(rules, idle, 100)
    for weight in rules.strategy.weights:
        steps += _moved(rules, idle, weight, 100)
    return (*steps, PlanStep(kind="settle", slot=idle))


def _canary(rules: Rules, idle: Slot) -> tuple[PlanStep, ...]:
    """As much of the new slot as its share of the traffic takes, made larger before each shift."""
    first, *later = rules.strategy.weights
    if not later:
        raise UserError(
            "A canary needs a weight below 100 in the catalogue's strategy, such as "
            "weights: [10, 50, 100].",
            Reason.NOT_UNDERSTOOD,
        )
    steps = [*_onto_the_slot(rules, idle, first), *_moved(rules, idle, first, first)]
    for weight in later:
        steps += [PlanStep(kind=kind, slot=idle, share=weight) for kind in SIZING]
        steps += _moved(rules, idle, weight, weight)
    return (*steps, PlanStep(kind="settle", slot=idle))


SIZING: tuple[StepKind, ...] = ("scale", "verify")
"""How a canary grows: more pods, and the wait until they are well."""


def _onto_the_slot(rules: Rules, idle: Slot, share: int) -> list[PlanStep]:
    """Bring the version onto the slot, with so much of the live slot's size, and try it."""
    steps = [
        PlanStep(kind="deploy", slot=idle, workflow=rules.deploy_workflow, share=share),
        PlanStep(kind="verify", slot=idle, share=share),
    ]
    if rules.deploy_workflow is not None:
        steps.insert(0, PlanStep(kind="dispatch", slot=idle, workflow=rules.deploy_workflow))
    test = PlanStep(
        kind="smoke",
        slot=idle,
        workflow=rules.smoke_workflow,
        cronjob=rules.target.smoke_cronjob,
        checks=rules.smoke_checks,
    )
    # One of the three, or none: a service need not have a smoke test.
    return [*steps, test] if test.workflow or test.cronjob or test.checks else steps


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
