"""Plans: same facts, same bytes; another commit, slot, version or rule, another plan."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.admission import ASK_AGAIN, admit, what_changed, yes_votes
from bot.domain.by_hand import traffic_command
from bot.domain.catalog import Slot, Strategy, other_slot
from bot.domain.facts import Known, SlotFact, Tag, TagFact, TrafficFact
from bot.domain.gates.result import GateResult, failed, passed, waiting
from bot.domain.lifecycle import Event
from bot.domain.planning import build_plan, build_rollback
from bot.domain.plans import Plan, plan_digest, short_digest
from bot.domain.reasons import Reason
from bot.domain.releases import Approval
from bot.domain.smoke import CheckList, HttpCheck
from bot.domain.strategies import steps_for, undo_steps
from bot.errors import UserError
from tests.domain.facts import REQUEST, SILENT, cluster, facts, rules, slot
from tests.virtual import START


def plan(**changes: Any) -> Plan:
    made = build_plan(REQUEST, rules(), facts(**changes))
    assert made is not None
    return made


def test_the_same_facts_make_the_same_bytes() -> None:
    assert plan().text() == plan().text()
    assert Plan.model_validate_json(plan().text()) == plan()
    assert len(short_digest(plan_digest(plan().text()))) == 8


def test_what_changes_on_its_own_does_not_change_the_plan() -> None:
    scaled = Known(value=cluster(blue=slot("blue", wanted=9, ready=9)))
    assert plan(cluster=scaled).text() == plan().text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tag": Known(value=TagFact(tag=Tag(name="v2.1.0", commit="f" * 40)))}, "moved from"),
        ({"live_version": "v2.0.6"}, "the live version changed from v2.0.5 to v2.0.6"),
        (
            {"cluster": Known(value=cluster(traffic=TrafficFact(
                weights={"blue": 0, "green": 100}, serving={})))},
            "the live version changed",
        ),
    ],
)  # fmt: skip
def test_another_world_makes_another_plan(changes: dict[str, Any], words: str) -> None:
    other = plan(**changes)
    assert plan_digest(other.text()) != plan_digest(plan().text())
    assert words in what_changed(plan(), other)


def test_ways_to_smoke_test_are_in_the_plan_where_they_are_used_and_only_there() -> None:
    unused = ("smoke_cronjob", "cronjob", "checks", "hosts")
    assert not any(f'"{name}"' in plan().text() for name in unused)
    checks = CheckList(
        checks=(HttpCheck(url="http://p.example.com/{version}", within="500ms"),),
        tries=3,
        pause=timedelta(seconds=5),
        hosts=("p.example.com",),
    )
    target = rules().target.model_copy(update={"smoke_cronjob": "payments-smoke"})
    without = rules().model_copy(update={"smoke_workflow": None})
    made = []
    for one in (
        without,
        without.model_copy(update={"smoke_checks": checks}),
        without.model_copy(
            update={"smoke_checks": checks.model_copy(update={"hosts": ("q.example.com",)})}
        ),
        without.model_copy(update={"target": target}),
    ):
        found = build_plan(REQUEST, one, facts())
        assert found is not None
        assert Plan.model_validate_json(found.text()) == found
        made.append(found)
    smokes = [[s for s in p.steps if s.kind == "smoke"] for p in made]
    assert smokes[0] == []
    assert smokes[1][0].checks == checks
    assert smokes[3][0].cronjob == "payments-smoke"
    assert len({plan_digest(p.text()) for p in made}) == len({p.rules for p in made}) == 4


def test_another_rule_makes_another_plan() -> None:
    stricter = rules().model_copy(update={"soak": timedelta(hours=2)})
    other = build_plan(REQUEST, stricter, facts())
    assert other is not None
    assert other.text() != plan().text()
    assert what_changed(plan(), other) == "the catalogue changed what applies to it"
    slots = plan().model_copy(update={"live": "green"})
    assert what_changed(plan(), slots) == "the live slot changed from blue to green"


def test_without_facts_there_is_no_plan() -> None:
    for missing in (
        {"tag": SILENT},
        {"tag": Known(value=TagFact(tag=None))},
        {"cluster": SILENT},
        {"cluster": Known(value=cluster(traffic=TrafficFact(weights={}, serving={})))},
    ):
        assert build_plan(REQUEST, rules(), facts(**missing)) is None


@given(st.lists(st.integers(1, 99), unique=True, max_size=5))
def test_steps_rise_to_a_hundred_and_settle(weights: list[int]) -> None:
    strategy = Strategy(traffic="gateway", weights=(*sorted(weights), 100))
    steps = steps_for("blue-green", rules().model_copy(update={"strategy": strategy}), "blue")
    shares = [step.weight for step in steps if step.kind == "shift"]
    assert shares == [*sorted(weights), 100]
    assert steps[-1].kind == "settle"
    kinds = [step.kind for step in steps]
    assert kinds.index("verify") < kinds.index("shift")
    assert [s.watch for s in steps if s.kind == "bake"] == [False] * len(weights) + [True]


def in_place(kind: Any, **changes: Any) -> Plan:
    made = build_plan(REQUEST.model_copy(update={"strategy": kind}), rules(), facts(**changes))
    assert made is not None
    return made


@pytest.mark.parametrize("live", ["blue", "green"])
@pytest.mark.parametrize("kind", ["rolling", "workflow"])
def test_in_place_every_step_is_where_the_old_version_serves(kind: Any, live: Slot) -> None:
    traffic = TrafficFact(weights={live: 100, other_slot(live): 0}, serving={})
    made = in_place(kind, cluster=Known(value=cluster(traffic=traffic)))
    assert (made.goes_to, made.window) == (live, 0)
    assert {step.slot for step in (*made.steps, *undo_steps(made, moved=True))} == {live}
    assert not any(step.kind in ("shift", "scale") for step in made.steps)
    assert not any(step.judged for step in made.steps)


def test_a_rolling_release_goes_back_as_it_came() -> None:
    made = in_place("rolling")
    kinds = [step.kind for step in made.steps]
    assert kinds == ["dispatch", "deploy", "verify", "smoke", "bake", "settle"]
    assert [s.kind for s in undo_steps(made, moved=True)] == ["restore", "verify", "settle"]


def test_what_only_a_workflow_does_only_it_takes_back() -> None:
    gone = cluster(
        blue=SlotFact(slot="blue", exists=False),
        green=SlotFact(slot="green", exists=False),
        traffic=TrafficFact(weights={}, serving={}),
    )
    there, elsewhere = in_place("workflow"), in_place("workflow", cluster=Known(value=gone))
    assert [s.kind for s in there.steps] == ["dispatch", "verify", "smoke", "bake", "settle"]
    assert [s.kind for s in elsewhere.steps] == ["dispatch", "smoke", "bake", "settle"]
    back = [s.kind for s in undo_steps(elsewhere, moved=True)]
    assert back == ["restore", "dispatch", "settle"]
    assert [s.kind for s in undo_steps(elsewhere, moved=False)] == ["restore", "settle"]


def test_what_the_service_is_not_made_for_is_refused_in_words() -> None:
    one = rules().target.model_copy(update={"traffic": "whole"})
    with pytest.raises(UserError, match="has one Deployment, and canary needs two slots"):
        steps_for("canary", rules().model_copy(update={"target": one}), "blue")
    with pytest.raises(UserError, match="has no deploy workflow"):
        steps_for("workflow", rules().model_copy(update={"deploy_workflow": None}), "blue")
    cronjob = rules().target.model_copy(update={"smoke_cronjob": "smoke", "preview": "preview"})
    with pytest.raises(UserError, match="would try the wrong version"):
        steps_for("rolling", rules().model_copy(update={"target": cronjob}), "blue")


@given(st.lists(st.integers(1, 99), min_size=1, unique=True))
def test_a_canary_grows_before_each_shift(weights: list[int]) -> None:
    strategy = Strategy(kind="canary", traffic="gateway", weights=(*sorted(weights), 100))
    steps = steps_for("canary", rules().model_copy(update={"strategy": strategy}), "blue")
    shifts = [i for i, step in enumerate(steps) if step.kind == "shift"]
    assert [steps[i].weight for i in shifts] == [*sorted(weights), 100]
    for at in shifts:
        before = [step for step in steps[:at] if step.kind in ("deploy", "scale")]
        assert before[-1].share == steps[at].share == steps[at].weight
        assert steps[at - 1].kind in ("verify", "smoke")


def test_the_way_back_depends_on_whether_traffic_moved() -> None:
    assert [s.kind for s in undo_steps(plan(), moved=True)] == ["shift", "verify", "settle"]
    assert [s.kind for s in undo_steps(plan(), moved=False)] == ["restore", "settle"]
    back = build_rollback(plan(), rules())
    assert (back.kind, back.version, back.previous, back.live) == (
        "rollback", "v2.0.5", "v2.1.0", "green",
    )  # fmt: skip
    assert undo_steps(back, moved=True) == back.steps
    assert back.steps[0].slot == "blue"


def test_the_line_by_hand() -> None:
    target = rules().target
    line = traffic_command(target, "blue", None)
    assert line == (
        "kubectl --context main -n production patch service payments "
        """-p '{"spec":{"selector":{"slot":"blue"}}}'"""
    )
    here = target.model_copy(update={"cluster": None, "route": "payments"})
    assert traffic_command(here, "blue", "[]").startswith(
        "kubectl -n production patch httproute payments --type=json"
    )


def gate(kind: str) -> GateResult:
    if kind == "passed":
        return passed("a", "good")
    if kind == "failed":
        return failed("b", Reason.LOCKED, "locked", "mend it")
    if kind == "silent":
        return failed("c", Reason.SOURCE_UNKNOWN, "silent", "wait")
    return waiting("d", Reason.SOAKING, "soaking", next_step="wait", until=START)


@given(st.lists(st.sampled_from(["passed", "failed", "silent", "waiting"])), st.booleans())
def test_admission(kinds: list[str], approved: bool) -> None:  # noqa: FBT001
    verdict = admit([gate(kind) for kind in kinds], START, approved=approved)
    if "failed" in kinds or "silent" in kinds:
        assert verdict.event is Event.GATES_REFUSED
        assert verdict.reason == ("locked" if "failed" in kinds else "source_unknown")
        assert (verdict.again_at == START + ASK_AGAIN) == ("silent" in kinds)
    elif not approved:
        assert verdict.event is Event.APPROVAL_NEEDED
    elif "waiting" in kinds:
        assert (verdict.event, verdict.again_at) == (Event.GATES_REFUSED, START)
    else:
        assert verdict.event is Event.GATES_PASSED


def test_votes_count_for_one_digest_only() -> None:
    def vote(digest: str, *, yes: bool) -> Approval:
        return Approval(release_id="r", digest=digest, user="U", yes=yes, at=START)

    votes = [vote("a", yes=True), vote("b", yes=True), vote("a", yes=False)]
    assert len(yes_votes(votes, "a")) == 1
