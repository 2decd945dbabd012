"""What is special about `traffic: argo-rollouts`: slots, shares, steps, two patches, rest."""

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.facts import SlotFact
from bot.domain.targets import target_of
from bot.errors import ConflictError, PermanentError
from bot.ports import SlotPatch
from integrations.catalog_file import CatalogError, parse_catalog
from integrations.kubernetes.rollouts import Rollout
from integrations.kubernetes.traffic import Move
from integrations.kubernetes.traffic.argo import ArgoRollouts
from integrations.kubernetes.traffic.argo_steps import misfits, wanted
from integrations.simulated.kubernetes import rollouts as simulated
from integrations.simulated.kubernetes.pods import Behaviour
from tests.ways import ARGO, BLUE, GREEN, SPACE, Kit, made

ONE, TWO, THREE = (f"quantivista/orders:{number}" for number in (1, 2, 3))
TARGET = target_of(parse_catalog(ARGO).catalog, "orders", SPACE)
WHAT = "Rollout orders"


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    """A Rollout at its first pause: an update to TWO, without traffic yet."""
    async for ready in made("argo-rollouts", tmp_path):
        yield ready


async def slots(kit: Kit) -> tuple[SlotFact, SlotFact]:
    blue = await kit.cluster.look_at_slot(kit.target, "blue")
    return blue, await kit.cluster.look_at_slot(kit.target, "green")


async def put_back(kit: Kit) -> None:
    """Nothing is under way any more."""
    kit.set_image(ONE)
    kit.settle(3)


# Slots.


async def test_both_slots_of_an_update(kit: Kit) -> None:
    blue, green = await slots(kit)
    assert (blue.image, blue.wanted, blue.ready, blue.rolled_out) == (ONE, 3, 3, True)
    assert (green.image, green.wanted, green.ready, green.rolled_out) == (TWO, 1, 1, True)
    assert blue.since is not None
    assert (await kit.look()).preview == "green"


async def test_without_an_update_the_idle_slot_has_no_pods(kit: Kit) -> None:
    await put_back(kit)
    blue, green = await slots(kit)
    assert (blue.image, blue.ready) == (ONE, 3)
    assert (green.exists, green.image, green.wanted, green.rolled_out) == (True, ONE, 0, False)


async def test_an_image_that_the_controller_has_not_seen_is_the_idle_slots(kit: Kit) -> None:
    await put_back(kit)
    kit.sim.cluster.argo.is_down = True
    kit.set_image(THREE)
    blue, green = await slots(kit)
    assert (blue.image, green.image, green.wanted, green.rolled_out) == (ONE, THREE, 0, False)
    seen = await kit.look()
    assert (seen.weights, seen.accepted, seen.rest) == (BLUE, False, "under way")


async def test_pods_that_crash_and_an_update_without_progress(kit: Kit) -> None:
    kit.sim.cluster.behaves(":3$", Behaviour("crashes"))
    kit.edit(lambda item: item["spec"].update(progressDeadlineSeconds=20))
    kit.set_image(THREE)
    kit.settle(15)
    _, green = await slots(kit)
    assert [t.word for t in green.trouble] == ["CrashLoopBackOff"]
    assert (green.restarts, green.deadline_exceeded) == (2, False)
    kit.settle(15)
    blue, green = await slots(kit)
    assert (blue.deadline_exceeded, green.deadline_exceeded) == (False, True)
    assert "has timed out progressing" in ((await kit.look()).rejected or "")


async def test_an_abort_is_trouble_of_the_idle_slot(kit: Kit) -> None:
    kit.edit(lambda item: item["status"].update(abort=True))
    kit.settle(2)
    blue, green = await slots(kit)
    assert [(t.pod, t.word, t.message) for t in green.trouble] == [
        ("of orders", "RolloutAborted", "Rollout aborted update to revision 2")
    ]
    assert (blue.trouble, green.rolled_out) == ((), False)


async def test_a_rollout_that_is_gone_is_a_fact(kit: Kit) -> None:
    kit.sim.cluster.delete(kit.plural, SPACE, "orders")
    assert [slot.exists for slot in await slots(kit)] == [False, False]


async def test_which_slot_is_stable_stands_in_the_patch_that_sets_the_image(kit: Kit) -> None:
    await put_back(kit)
    for turn, (image, idle) in enumerate(((TWO, "green"), (THREE, "blue"), (ONE, "green")), 5):
        seen = await kit.cluster.look_at_slot(kit.target, idle)  # type: ignore[arg-type]
        await kit.cluster.change_slot(
            kit.target, seen, SlotPatch(image=image, replicas=9), fence=turn, release="rel-1"
        )
        kit.settle(10)
        all_on_it = {"blue": 0, "green": 0} | {idle: 100}
        await kit.shift(await kit.look(), all_on_it, fence=turn)
        kit.settle(10)
        seen_there = await kit.look()
        assert (seen_there.weights, seen_there.accepted) == (all_on_it, True)
        await kit.cluster.rest(kit.target, seen_there, fence=turn, release="rel-1")
        # The shares say the same while the canary becomes the stable version, and after.
        for _ in range(3):
            now = await kit.look()
            assert now.weights == all_on_it
            kit.settle(1)
        assert now.rest is None
        assert kit.item["spec"]["replicas"] == 3
    assert kit.item["metadata"]["annotations"]["release-bot/slots"].startswith("blue=")


async def test_a_size_alone_is_no_patch(kit: Kit) -> None:
    _, green = await slots(kit)
    await kit.cluster.change_slot(
        kit.target, green, SlotPatch(replicas=5), fence=5, release="rel-1"
    )
    assert kit.effects() == []


@pytest.mark.parametrize("fence", [None, "4"])
async def test_an_image_that_somebody_else_set_meanwhile_wins(kit: Kit, fence: str | None) -> None:
    if fence:
        kit.annotate(fence=fence)
    _, green = await slots(kit)
    kit.set_image(THREE)
    for seen in (green, green.model_copy(update={"image": THREE, "fence": 3})):
        with pytest.raises(ConflictError):
            await kit.cluster.change_slot(
                kit.target, seen, SlotPatch(image=ONE), fence=5, release="rel-1"
            )
    assert kit.effects() == []


# Two patches.


async def first_of_two(kit: Kit, fence: int) -> tuple[list[Any], Move]:
    """A process does the first patch of a move, and is frozen before the second."""
    way, move = ArgoRollouts(), Move(await kit.look(), {"blue": 90, "green": 10}, fence, "rel-1")
    operations = await way.patch(kit.cluster._reader, kit.target, move)
    api = kit.cluster._api(kit.target)
    after = await api.patch(way.kind.path(SPACE, "orders"), operations)
    return way.follow_up(after, kit.target, move), move


async def second(kit: Kit, operations: list[Any]) -> None:
    api = kit.cluster._api(kit.target)
    await api.patch(f"{ArgoRollouts.kind.path(SPACE, 'orders')}/status", operations)


async def test_a_process_that_was_frozen_between_both_patches_does_nothing(kit: Kit) -> None:
    frozen, _ = await first_of_two(kit, fence=5)
    await kit.shift(await kit.look(), {"blue": 75, "green": 25}, fence=6)
    kit.settle(5)
    await kit.shift(await kit.look(), BLUE, fence=7)
    before = copy.deepcopy(kit.item)
    with pytest.raises(ConflictError):
        await second(kit, frozen)
    assert kit.item == before


@pytest.mark.parametrize(
    "by_hand",
    [
        {"status": {"pauseConditions": None}},
        {"status": {"currentStepIndex": 7}},
        {"status": {"currentPodHash": "abc"}},
        {"spec": {"paused": True}},
    ],
)
async def test_somebody_between_both_patches_wins(kit: Kit, by_hand: Any) -> None:
    frozen, _ = await first_of_two(kit, fence=5)
    kit.sim.cluster.edit(kit.plural, SPACE, "orders", by_hand)
    before = copy.deepcopy(kit.item)
    with pytest.raises(ConflictError):
        await second(kit, frozen)
    assert kit.item == before


async def test_after_the_first_patch_alone_the_next_try_begins_anew(kit: Kit) -> None:
    await first_of_two(kit, fence=5)
    seen = await kit.look()
    assert (seen.weights, seen.fence) == (BLUE, 5)
    await kit.shift(seen, {"blue": 90, "green": 10}, fence=6)
    assert (await kit.look_when_settled()).accepted


async def test_a_patch_of_the_status_changes_nothing_else(kit: Kit) -> None:
    before = copy.deepcopy(kit.item)
    await kit.shift(await kit.look(), {"blue": 90, "green": 10})
    assert kit.item["spec"] == before["spec"]
    body = [{"op": "add", "path": "/spec/paused", "value": True}]
    await second(kit, body)
    assert kit.item["spec"] == before["spec"]


# Shares.


async def test_an_abort_gives_all_back_even_from_a_promotion_in_full(kit: Kit) -> None:
    kit.edit(lambda item: item["status"].update(promoteFull=True))
    seen = await kit.look()
    assert seen.weights == GREEN
    with pytest.raises(PermanentError, match="aborted or promoted by somebody else"):
        await kit.shift(seen, {"blue": 75, "green": 25})
    await kit.shift(seen, BLUE)
    after = await kit.look_when_settled()
    assert (after.weights, after.accepted, after.rest) == (BLUE, True, "needed")
    await kit.cluster.rest(kit.target, after, fence=6, release="rel-1")
    kit.settle(2)
    assert (await kit.look()).rest is None
    assert [slot.image for slot in await slots(kit)] == [ONE, ONE]


async def test_without_an_update_nothing_can_be_moved(kit: Kit) -> None:
    await put_back(kit)
    with pytest.raises(PermanentError, match="has no update under way"):
        await kit.shift(await kit.look(), GREEN)
    kit.set_image(TWO)
    kit.settle(10)
    seen = await kit.look()
    with pytest.raises(PermanentError, match="no step that pauses at 33 %"):
        await kit.shift(seen, {"blue": 67, "green": 33})


async def test_nothing_is_done_where_it_rests_or_comes_to_rest(kit: Kit) -> None:
    await put_back(kit)
    await kit.cluster.rest(kit.target, await kit.look(), fence=5, release="rel-1")
    assert kit.effects() == []


STOPPED = {"pauseConditions": [{"reason": "CanaryPauseStep"}], "controllerPause": True}


def told(share: int, **more: Any) -> dict[str, Any]:
    return {"canary": {"weights": {"canary": {"weight": share}, **more}}}


@pytest.mark.parametrize(
    ("status", "weights", "accepted"),
    [
        (STOPPED | {"currentStepIndex": 1}, BLUE, True),
        (STOPPED | {"currentStepIndex": 4} | told(10), {"blue": 90, "green": 10}, True),
        (STOPPED | {"currentStepIndex": 4} | told(0), {"blue": 90, "green": 10}, False),
        (STOPPED | {"currentStepIndex": 4} | told(10, verified=False),
         {"blue": 90, "green": 10}, False),
        # The pause is over, and the controller has not followed.
        ({"currentStepIndex": 1, "pauseConditions": [], "controllerPause": True},
         {"blue": 90, "green": 10}, False),
        # It has only just come to the pause.
        ({"currentStepIndex": 4, "pauseConditions": None, "controllerPause": False} | told(10),
         {"blue": 90, "green": 10}, False),
        ({"currentStepIndex": 5, "pauseConditions": []} | told(10),
         {"blue": 75, "green": 25}, False),
        ({"currentStepIndex": 11, "pauseConditions": []} | told(100), GREEN, False),
        ({"abort": True} | told(25), BLUE, False),
        ({"abort": True} | told(0), BLUE, True),
        ({"stableRS": ""}, {}, True),
        ({"observedGeneration": "1", "currentStepIndex": 4} | told(10),
         {"blue": 90, "green": 10}, False),
        ({"observedGeneration": "6df79499bc"}, BLUE, True),
    ],
)  # fmt: skip
async def test_each_form_of_a_status(
    kit: Kit, status: dict[str, Any], weights: dict[str, int], *, accepted: bool
) -> None:
    item = copy.deepcopy(kit.item)
    item["status"] |= status
    seen = ArgoRollouts().read(item, TARGET)
    assert (seen.weights, seen.accepted) == (weights, accepted)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": {"phase": "Degraded", "message": "InvalidSpec: steps"}}, None),
        ({"spec": {"paused": True}}, f"{WHAT} is paused by hand (spec.paused)."),
        ({"status": {"stableRS": None}}, f"{WHAT} has no stable version yet."),
        ({}, f"{WHAT} has an update under way (Paused: CanaryPauseStep)."),
    ],
)
async def test_what_somebody_should_know_is_said(
    kit: Kit, change: dict[str, Any], sentence: str | None
) -> None:
    kit.sim.cluster.argo.is_down = True
    kit.sim.cluster.edit(kit.plural, SPACE, "orders", change)
    item = copy.deepcopy(kit.item)
    item["status"]["observedGeneration"] = str(item["metadata"]["generation"])
    seen = ArgoRollouts().read(item, TARGET)
    if sentence is None:
        assert seen.rejected == "InvalidSpec: steps"
    else:
        assert sentence in seen.unfit


# Whether it is made for this.

WEIGHTS = (10, 25, 50, 100)
FULL = [{"setCanaryScale": {"weight": 100}}, {"pause": {}}] + [
    step for weight in WEIGHTS for step in ({"setWeight": weight}, {"pause": {}})
]


def rollout(**canary: Any) -> dict[str, Any]:
    item = simulated.rollout("orders", ONE, 10, WEIGHTS)
    item["spec"]["strategy"]["canary"] |= canary
    return item


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (rollout(), None),
        (rollout(steps=FULL), None),
        (rollout(steps=[]), "it pauses at no weight, and must at 0, 10, 25, 50, 100 %"),
        (rollout(steps=FULL[2:]), "it pauses at 10, 25, 50, 100 %, and must at 0, 10, 25"),
        (rollout(steps=FULL[:-1]), "it pauses at 0, 10, 25, 50 %"),
        (rollout(steps=[*FULL, {"setWeight": 100}]), "it pauses at 0, 10, 25, 50, 100 %, and"),
        (rollout(steps=[*FULL, {"setCanaryScale": {"weight": 5}}]), "goes on after its last pause"),
        (rollout(steps=[{"analysis": {}}, *FULL]), "step 1 is analysis, which the bot does not"),
        (rollout(steps=[*FULL[:1], {"pause": {"duration": 10}}]), "step 2 pauses for a time"),
        # What setCanaryScale says holds until matchTrafficWeight ends it.
        (rollout(steps=[{"setCanaryScale": {"weight": 10}}, *FULL[1:]]),
         "at its pause at 25 % the canary has too few pods for 25 %"),
        (rollout(steps=[{"setCanaryScale": {"replicas": 1}}, *FULL[1:]]),
         "at its pause at 25 % the canary has too few pods for 25 %"),
        (rollout(steps=FULL[1:]), "at its pause at 0 % the canary has too few pods for 10 %"),
        (rollout(trafficRouting=None), "needs strategy.canary with trafficRouting"),
        (rollout(canaryService=None), "needs strategy.canary with trafficRouting"),
        (rollout(trafficRouting={"maxTrafficWeight": 1000}), "(maxTrafficWeight)"),
        (rollout(dynamicStableScale=True), "dynamicStableScale takes away the pods"),
        (rollout(canaryService="other"), "its canaryService is other, and kubernetes.preview of"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(item: dict[str, Any], said: str | None) -> None:
    found = list(misfits(Rollout(item), TARGET))
    assert (found == []) if said is None else (said in found[0])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"rollbackWindow": {"revisions": 3}}, "rollbackWindow skips the steps"),
        ({"workloadRef": {"kind": "Deployment", "name": "x"}}, "in another object (workloadRef)"),
        ({"strategy": {"blueGreen": {"activeService": "x"}}}, "needs strategy.canary"),
    ],
)
async def test_a_spec_that_does_not_fit_can_be_read(
    kit: Kit, spec: dict[str, Any], said: str
) -> None:
    item = copy.deepcopy(kit.item)
    item["spec"] |= spec
    assert said in ArgoRollouts().read(item, TARGET).unfit[0]
    kit.sim.cluster.argo.is_down = True
    kit.sim.cluster.objects.put(kit.plural, SPACE, item)
    assert said in (await kit.cluster.look(kit.target)).traffic.unfit[0]


SHARES = st.lists(st.integers(1, 99), min_size=1, max_size=6, unique=True).map(
    lambda found: (*sorted(found), 100)
)


@given(SHARES, st.integers(1, 40))
def test_the_steps_that_are_asked_for_fit_whatever_the_weights(
    weights: tuple[int, ...], replicas: int
) -> None:
    item = simulated.rollout("orders", ONE, replicas, weights)
    target = TARGET.model_copy(update={"weights": weights})
    assert list(misfits(Rollout(item), target)) == []
    said = wanted(weights)
    assert said.count("pause: {}") == len(weights) + 1
    assert all(f"{{setWeight: {weight}}}" in said for weight in weights)


# The catalogue and the doctor.


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: canary, traffic", "kind: blue-green, traffic", "needs kind: canary"),
        ("watch: 1m}", "watch: 1m, idle: 1}", "needs kind: canary, and knows no idle"),
        ('rollout: "{service}"', 'route: "{service}"', "needs kubernetes.rollout"),
        ("deploy: {kubernetes: set-image}\n    depends_on: {config", "depends_on: {config",
         "needs kubernetes.rollout, and deploy by set-image"),
        ("watch: 1m}", """watch: 1m}
    metrics: {indicators: {errors: {requests: 'r{x="{slot}"}', failed: 'f{x="{slot}"}',
      objective: 99}}}""", "metrics.indicators.errors: write {role} instead of {slot}"),
        ("traffic: service, watch: 30s}\n  orders", """traffic: service, watch: 30s}
    metrics: {indicators: {errors: {requests: 'r{x="{role}"}', failed: 'f{x="{role}"}',
      objective: 99}}}
  orders""", "metrics.indicators.errors: write {slot} instead of {role}"),
    ],
)  # fmt: skip
def test_a_catalogue_that_does_not_fit_is_refused(old: str, new: str, said: str) -> None:
    assert old in ARGO
    with pytest.raises(CatalogError) as caught:
        parse_catalog(ARGO.replace(old, new, 1))
    assert said in str(caught.value)


async def wrong(kit: Kit) -> list[tuple[str, str | None]]:
    found = (await kit.cluster.check([kit.target])).findings
    return [(f.sentence, f.remedy) for f in found if not f.good]


async def test_the_doctor_counts_rights_and_objects(kit: Kit) -> None:
    found = (await kit.cluster.check([kit.target])).findings
    assert [f.sentence for f in found] == [
        "All 19 rights are there.",
        "1 of 1 services have all of their objects.",
    ]


async def test_the_doctor_names_what_is_missing(kit: Kit) -> None:
    apply = f"kubectl --context main -n {SPACE} apply -f deploy/kubernetes/rbac-argo.yaml"
    kit.sim.cluster.deny("patch", "rollouts/status")
    kit.sim.cluster.deny("get", "replicasets")
    assert await wrong(kit) == [
        (f"The bot may not patch rollouts/status in {SPACE}.", apply),
        (f"The bot may not get replicasets in {SPACE}.", apply),
    ]
    kit.sim.cluster.denied.clear()
    kit.sim.cluster.delete("services", SPACE, "orders")
    assert [s for s, _ in await wrong(kit)] == [f"{WHAT}: there is no Service orders."]
    kit.sim.cluster.delete(kit.plural, SPACE, "orders")
    assert [s for s, _ in await wrong(kit)] == [f"There is no {WHAT}."]


async def test_the_doctor_says_what_does_not_fit(kit: Kit) -> None:
    kit.edit(lambda item: item["spec"]["strategy"]["canary"].update(steps=FULL[2:]))
    kit.edit(lambda item: item["spec"]["template"]["spec"]["containers"][0].update(name="app"))
    kit.edit(lambda item: item["status"].update(phase="Degraded", message="InvalidSpec: no."))
    kit.sim.cluster.argo.is_down = True
    kit.edit(lambda item: item["status"].update(observedGeneration="4", controllerPause=False))
    said = [sentence for sentence, remedy in await wrong(kit) if remedy]
    assert "Its steps must be: [{setCanaryScale: {weight: 10}}, {pause: {}}" in said[0]
    assert said[1:] == [
        f"{WHAT} has no container orders.",
        f"{WHAT} is degraded. InvalidSpec: no.",
    ]
