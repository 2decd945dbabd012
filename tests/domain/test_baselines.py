"""The fresh baseline in plans: when it comes and goes, its share, and what one can see by it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.analysis import FEW, Analysis, judged
from bot.domain.baselines import Beside, beside, compared_share, control_words, most_pods
from bot.domain.catalog import Strategy
from bot.domain.facts import BaselineFact, Known, Rate
from bot.domain.foresight import foresee
from bot.domain.gates import cluster as cluster_gate
from bot.domain.judge import Look
from bot.domain.planning import build_plan, build_rollback
from bot.domain.plans import Plan
from bot.domain.rules import Rules
from bot.domain.strategies import steps_for, undo_steps
from tests.domain.facts import REQUEST, cluster, facts, rules, slot
from tests.domain.test_analysis import WATCHING
from tests.virtual import START


def based(kind: Any = "blue-green", weights: tuple[int, ...] = (10, 50, 100)) -> Rules:
    strategy = Strategy(kind=kind, traffic="gateway", weights=weights)
    target = rules().target.model_copy(update={"traffic": "gateway", "baseline": "p-baseline"})
    changes = {"target": target, "strategy": strategy, "watching": WATCHING}
    return rules().model_copy(update=changes)


def plan(kind: Any = "blue-green") -> Plan:
    made = build_plan(REQUEST, based(kind), facts())
    assert made is not None
    return made


def listed(plan: Plan) -> list[str]:
    return [
        f"{step.kind} {step.weight}"
        if step.kind == "shift"
        else f"{step.kind} {step.share}"
        if step.kind in ("baseline", "scale")
        else step.kind
        for step in plan.steps
    ]


def test_beside_all_of_the_new_slot_it_stands_from_the_first_weight_to_the_last() -> None:
    assert listed(plan()) == [
        "dispatch", "baseline 0", "deploy", "verify", "smoke", "baseline 100", "shift 10", "bake",
        "shift 50", "bake", "baseline 0", "shift 100", "bake", "settle",
    ]  # fmt: skip


def test_beside_a_canary_it_grows_and_goes_before_the_last_growth() -> None:
    assert listed(plan("canary")) == [
        "dispatch", "baseline 0", "deploy", "verify", "smoke", "baseline 10", "shift 10", "bake",
        "scale 50", "verify", "baseline 50", "shift 50", "bake", "baseline 0", "scale 100",
        "verify", "shift 100", "bake", "settle",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["blue-green", "canary"])
def test_on_the_way_back_it_goes_when_the_old_slot_is_whole(kind: Any) -> None:
    moved = undo_steps(plan(kind), moved=True)
    assert [s.kind for s in moved] == ["shift", "verify", "baseline", "settle"]
    unmoved = undo_steps(plan(kind), moved=False)
    assert [s.kind for s in unmoved] == ["restore", "baseline", "settle"]
    assert {s.share for s in (*moved, *unmoved) if s.kind == "baseline"} == {0}


def test_a_switch_back_and_what_is_replaced_in_place_know_none() -> None:
    back = build_rollback(plan(), based())
    assert not back.has_baseline
    for kind in ("rolling", "workflow"):
        assert not any(s.kind == "baseline" for s in steps_for(kind, based(), "blue"))


def test_a_plan_without_one_is_written_as_it_always_was() -> None:
    made = build_plan(REQUEST, rules(), facts())
    assert made is not None
    assert "baseline" not in made.text()
    assert (made.control, plan().control) == ("blue", "baseline")
    assert (control_words("blue"), control_words("baseline")) == ("blue's", "the baseline's")


def test_what_was_left_of_it_is_gone_before_the_new_slot_is_tried() -> None:
    """Its label may be the idle slot's now: behind its Service old pods would answer the test."""
    for kind in ("blue-green", "canary"):
        steps = listed(plan(kind))
        assert steps.index("baseline 0") < steps.index("deploy") < steps.index("smoke")
    alone = steps_for("blue-green", based("blue-green", (100,)), "blue")
    assert not any(step.kind == "baseline" for step in alone)


@given(st.lists(st.integers(1, 99), min_size=1, unique=True), st.sampled_from(["g", "c"]))
def test_each_weight_but_the_last_is_compared_with_one(weights: list[int], which: str) -> None:
    kind: Any = {"g": "blue-green", "c": "canary"}[which]
    steps = steps_for(kind, based(kind, (*sorted(weights), 100)), "blue")
    stands = 0
    for step in steps:
        if step.kind == "baseline":
            stands = step.share
        if step.kind == "shift":
            whole = kind == "blue-green"
            assert step.weight is not None
            below = step.weight < 100
            assert stands == ((100 if whole else step.weight) if below else 0)
    assert stands == 0


@given(st.integers(0, 100), st.integers(1, 500))
def test_it_is_as_large_as_the_canary_and_never_without_a_pod(share: int, live: int) -> None:
    found = beside(share, live)
    if share == 0:
        assert found is None
        return
    assert found is not None
    assert max(1, live * share / 100) <= found.pods < live * share / 100 + 1
    assert 0 < found.part <= 0.5


@given(st.integers(1, 99), st.integers(1, 100), st.integers(1, 100))
def test_the_promised_share_is_that_of_the_pods(weight: int, pods: int, live: int) -> None:
    share = compared_share(weight, Beside(pods=pods, live=live))
    new, old = weight, (100 - weight) * pods / (pods + live)
    assert share == pytest.approx(100 * new / (new + old))
    assert compared_share(weight, None) == pytest.approx(weight)
    assert share > weight


def test_a_slot_with_its_weights_traffic_is_not_thin_beside_a_small_baseline() -> None:
    """At 50 % and ten live pods one baseline pod has 4.5 %: the new slot's half is most of it."""
    share = compared_share(50, Beside(pods=1, live=10))
    total = 20 * FEW

    def thin(got: float) -> int:
        row = Look(dt=15, n_c=got, f_c=0, n_s=total * 0.5 / 11, f_s=0)
        looks = dict.fromkeys(WATCHING.indicators, row)
        return judged(Analysis(), looks, START, WATCHING, share).thin

    assert thin(total * 0.5) == 0
    assert thin(total * 0.02) == 1
    # By its weight alone it would pass with a twelfth of what it was promised.
    row = Look(dt=15, n_c=total * 0.05, f_c=0, n_s=total * 0.5 / 11, f_s=0)
    looks = dict.fromkeys(WATCHING.indicators, row)
    assert judged(Analysis(), looks, START, WATCHING, 50).thin == 0


def test_beside_a_smaller_control_the_bakes_see_less() -> None:
    rates = {"errors": Rate(per_second=100, failing=0.005)}
    plain = steps_for("canary", based("canary").model_copy(
        update={"target": rules().target.model_copy(update={"traffic": "gateway"})}), "blue",
    )  # fmt: skip
    [alone] = foresee(plain, WATCHING, rates, 10)
    [control] = foresee(plan("canary").steps, WATCHING, rates, 10)
    assert alone.ratio is not None
    assert control.ratio is not None
    assert control.ratio > alone.ratio


def test_how_many_pods_it_takes() -> None:
    assert most_pods("blue-green", (10, 50, 100), 10) == 10
    assert most_pods("canary", (10, 50, 100), 10) == 5
    assert most_pods("canary", (10, 100), 3) == 1


@pytest.mark.parametrize(
    ("baseline", "status", "sentence"),
    [
        (BaselineFact(exists=False), "failed", "There is no Deployment p-baseline, the baseline."),
        (BaselineFact(exists=True, unfit=("Its pods lack app: p.",)), "failed",
         "Its pods lack app: p."),
        (BaselineFact(exists=True), "passed",
         "The baseline takes up to 3 pods besides while it is compared with"),
        (BaselineFact(exists=True, wanted=2), "passed",
         "Deployment p-baseline is not at 0 pods now: those go first"),
    ],
)  # fmt: skip
def test_the_gate_says_what_keeps_it_from_being_one_and_what_room_it_takes(
    baseline: BaselineFact, status: str, sentence: str
) -> None:
    seen = facts(cluster=Known(value=cluster(baseline=baseline)))
    result = cluster_gate.evaluate(REQUEST, seen, based())
    assert result.status == status
    assert sentence in result.sentence
    larger = cluster(baseline=BaselineFact(exists=True), green=slot("green", wanted=5))
    told = cluster_gate.evaluate(REQUEST, facts(cluster=Known(value=larger)), based()).sentence
    assert "takes up to 5 pods besides" in told
    in_place = REQUEST.model_copy(update={"strategy": "rolling"})
    assert cluster_gate.evaluate(in_place, seen, based()).status == "passed"
