"""Each way of moving traffic keeps one contract, against the simulated API server over HTTP."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.by_hand import traffic_command
from bot.errors import ConflictError, ForbiddenError, MissingError
from integrations.kubernetes.traffic import WAYS, Move
from integrations.simulated.kubernetes import seeding
from integrations.simulated.kubernetes.pods import Behaviour
from integrations.simulated.kubernetes.seeding import Traffic
from tests.ways import BLUE, GREEN, SPACE, Kit, made


@pytest.fixture(params=list(WAYS))
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kit]:
    async for ready in made(request.param, tmp_path):
        yield ready


async def test_a_look_tells_shares_endpoints_and_fence(kit: Kit) -> None:
    seen = await kit.look()
    assert seen.weights == BLUE
    assert seen.serving["blue"] == 3
    assert (seen.accepted, seen.rejected, seen.fence) == (True, None, None)
    assert (kit.planned or seen).unfit == ()
    assert seen.preview == "green"
    fact = await kit.cluster.look(kit.target)
    assert (fact.missing, fact.forbidden, fact.traffic.live) == ((), (), "blue")
    glance = await kit.cluster.glance(kit.target, "blue")
    assert (glance.traffic.weights, glance.traffic.serving) == (BLUE, {})


async def test_a_move_is_one_patch_with_marks_and_holds(kit: Kit) -> None:
    seen = await kit.look()
    await kit.shift(seen, GREEN)
    effects = kit.effects()
    assert len(effects) == kit.writes
    assert {(e.kind, e.name) for e in effects} == {(kit.plural, kit.target.service)}
    assert kit.item["metadata"]["annotations"] == {
        "release-bot/fence": "5", "release-bot/release": "rel-1",
    }  # fmt: skip
    after = await kit.look_when_settled()
    assert (after.weights, after.accepted, after.fence) == (GREEN, True, 5)
    assert after.serving["green"] == 3
    assert seeding.live_slot(kit.sim.cluster, SPACE, kit.target.service) == "green"
    await kit.shift(after, BLUE, fence=6)
    assert len(kit.effects()) == 2 * kit.writes
    assert (await kit.look_when_settled()).weights == BLUE


@pytest.mark.parametrize("fence", [None, "5"])
async def test_a_change_in_between_wins(kit: Kit, fence: str | None) -> None:
    """With the mark there already, and without it."""
    if fence:
        kit.annotate(fence=fence)
    seen = await kit.look()
    other = moved_by_hand(kit)
    before = copy.deepcopy(kit.item)
    with pytest.raises(ConflictError, match="changed in between"):
        await kit.shift(seen, other, fence=6)
    assert kit.item == before


def moved_by_hand(kit: Kit) -> dict[str, int]:
    """Somebody gives green everything by hand; the shares that a stale process still wants."""

    def change(item: dict[str, Any]) -> None:
        if kit.target.is_rollout:
            item["status"]["promoteFull"] = True
            return
        if kit.word == "service":
            item["spec"]["selector"]["slot"] = "green"
            return
        rules = item["spec"]["rules" if kit.word == "gateway" else "http"]
        for ref, weight in zip(rules[0][_LIST[kit.word]], (0, 100), strict=True):
            ref["weight"] = weight

    kit.edit(change)
    return GREEN


_LIST = {"gateway": "backendRefs", "istio": "route"}


@pytest.mark.parametrize("fence", [None, "5"])
async def test_a_change_between_its_own_look_and_its_patch_wins(
    kit: Kit, fence: str | None
) -> None:
    if fence:
        kit.annotate(fence=fence)
    way, place = WAYS[kit.word], (SPACE, kit.target.service)
    move = Move(await kit.look(), GREEN, 6, "rel-1")  # type: ignore[arg-type]
    operations = await way.patch(kit.cluster._reader, kit.target, move)
    moved_by_hand(kit)
    before = copy.deepcopy(kit.item)

    async def both_patches() -> None:
        after = await kit.cluster._api(kit.target).patch(way.kind.path(*place), operations)
        # What a test can't see, the look at the patched object does: only the mark is set by then.
        way.follow_up(after, kit.target, move)

    with pytest.raises(ConflictError):
        await both_patches()
    assert (kit.item["spec"], kit.item.get("status")) == (before["spec"], before.get("status"))


async def test_the_same_value_under_a_newer_fence_is_not_what_was_seen(kit: Kit) -> None:
    """Even where the old value is back (ABA): the fence tells."""
    first = await kit.look()
    await kit.shift(first, GREEN, fence=1)
    second = await kit.look()
    await kit.shift(second, BLUE, fence=2)
    before = copy.deepcopy(kit.item)
    for stale in (first, second.model_copy(update={"weights": BLUE})):
        with pytest.raises(ConflictError):
            await kit.shift(stale, GREEN, fence=3)
    assert kit.item == before
    kit.annotate(fence="9")
    third = second.model_copy(update={"weights": BLUE, "fence": 2})
    with pytest.raises(ConflictError):
        await kit.shift(third, GREEN, fence=3)


async def test_what_is_not_there_comes_in_words(kit: Kit) -> None:
    kind = WAYS[kit.word].kind
    kit.sim.cluster.delete(kit.plural, SPACE, kit.target.service)
    fact = await kit.cluster.look(kit.target)
    assert fact.missing == (f"{kind.word} {kit.target.service}",)
    assert (fact.traffic.weights, fact.traffic.accepted) == ({}, False)
    with pytest.raises(MissingError, match=f"there is no {kind.word} {kit.target.service}"):
        await kit.look()


async def test_the_right_that_is_missing_is_named_with_its_file(kit: Kit) -> None:
    kit.sim.cluster.deny("patch", kit.plural)
    assert (await kit.cluster.look(kit.target)).forbidden == (f"patch {kit.plural}",)
    seen = await kit.look()
    files = {"istio": "rbac-istio.yaml", "argo-rollouts": "rbac-argo.yaml"}
    file = files.get(kit.word, "rbac.yaml")
    with pytest.raises(ForbiddenError, match=f"apply deploy/kubernetes/{file}$"):
        await kit.shift(seen, GREEN)


async def test_who_owns_no_ready_pod_does_not_serve(kit: Kit) -> None:
    seen = await kit.look()
    kit.sim.cluster.behaves(":2$", Behaviour("never_ready"))
    name = f"{kit.target.service}-green"
    if not kit.target.is_rollout:
        kit.sim.cluster.edit("deployments", SPACE, name, {"spec": {"replicas": 0}})
    await kit.shift(seen, GREEN)
    assert (await kit.look_when_settled()).serving["green"] == 0


async def test_the_line_by_hand_does_what_it_says(kit: Kit) -> None:
    await kit.shift(await kit.look(), GREEN)
    seen = await kit.look_when_settled()
    line = traffic_command(kit.target, "blue", (kit.planned or seen).by_hand.get("blue"))
    words = {
        "service": "service",
        "gateway": "httproute",
        "istio": "virtualservice",
        "argo-rollouts": "rollout",
    }
    begin = f"kubectl --context main -n {SPACE} patch {words[kit.word]} {kit.target.service} "
    for command in line.split(" && "):
        assert command.startswith(begin)
        types = {"--type=json": "json-patch", "--type=merge": "merge-patch"}
        [content] = [t for word, t in types.items() if word in command] or ["merge-patch"]
        kit.sim.cluster.patch(
            kit.plural,
            SPACE,
            kit.target.service,
            f"application/{content}+json",
            json.loads(command.split("-p ", 1)[1].strip("'")),
            status="--subresource=status" in command,
        )
    after = await kit.look_when_settled()
    assert (after.weights, after.rest) == (BLUE, None)


@pytest.mark.parametrize("word", ["gateway", "istio"])
async def test_weights_split_and_a_refusal_is_told(word: Traffic, tmp_path: Path) -> None:
    async for kit in made(word, tmp_path):
        await kit.shift(await kit.look(), {"blue": 75, "green": 25})
        kit.settle()
        assert (await kit.look()).weights == {"blue": 75, "green": 25}
        kit.sim.cluster.rejects_routes = "weights are not supported"
        refused = await kit.look()
        assert not refused.accepted
        assert "is false: weights are not supported" in (refused.rejected or "")


async def test_a_change_of_it_is_reported(kit: Kit) -> None:
    told: list[tuple[str, str]] = []
    kit.cluster.report_changes(told.append)
    async with asyncio.timeout(60):
        while not kit.cluster.follow(kit.target):  # noqa: ASYNC110 - no bell
            await asyncio.sleep(0.01)
        told.clear()
        moved_by_hand(kit)
        while (kit.target.service, SPACE) not in told:  # noqa: ASYNC110 - no bell
            await asyncio.sleep(0.01)
