"""Any single fault at any step of a release by Argo Rollouts: the end is lawful, and it rests.

As `test_any_fault` does it for the other ways.
"""

import itertools
from typing import Any

import pytest

from bot.domain.lifecycle import State
from bot.domain.releases import Release
from integrations.simulated.kubernetes import Behaviour, rollouts
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.scenarios.test_any_fault import AWAY, LAWFUL, Fate, Strike, Subject, killed
from tests.scenarios.test_argo import NEW, OLD, SPACE, by_hand, image, seed, serves
from tests.tester import BEN, DAN, Bot, World
from tests.ways import ARGO

QUICK = ARGO.replace("weights: [10, 25, 50, 100]", "weights: [10, 100]")
STEPS = ("deploy", "verify", "smoke", "shift", "bake", "scale", "settle")


def lost(kind: Any) -> Strike:
    """The next patch is lost before it is done, or its answer after."""

    def strike(bot: Bot, _subject: Subject) -> None:
        bot.world.kubernetes.faults.append(Fault(kind, method="PATCH", times=1))

    return strike


def status_lost(bot: Bot, _subject: Subject) -> None:
    fault = Fault("drop_before", path="rollouts/orders/status", method="PATCH", times=1)
    bot.world.kubernetes.faults.append(fault)


def away(bot: Bot, _subject: Subject) -> None:
    bot.world.kubernetes.faults.append(Fault("status", times=None, status=503))


def controller_away(bot: Bot, _subject: Subject) -> None:
    bot.world.kubernetes.cluster.argo.is_down = True


def pods_crash(bot: Bot, _subject: Subject) -> None:
    bot.world.kubernetes.cluster.behaves("v2.1.0", Behaviour("crashes"))


def told(**status: object) -> Strike:
    def strike(bot: Bot, _subject: Subject) -> None:
        by_hand(bot, status=status)

    return strike


def paused(bot: Bot, _subject: Subject) -> None:
    by_hand(bot, spec={"paused": True})


def image_by_hand(bot: Bot, _subject: Subject) -> None:
    set_image(bot, "somebody/else:1")


def set_image(bot: Bot, name: str) -> None:
    containers = [{"name": "orders", "image": name}]
    by_hand(bot, spec={"template": {"spec": {"containers": containers}}})


FAULTS: dict[str, Strike] = {
    "a patch is lost": lost("drop_before"),
    "a patch is done and nobody hears of it": lost("drop_after"),
    "the second of two patches is lost": status_lost,
    "the cluster is away": away,
    "the controller is away": controller_away,
    "the process dies": killed,
    "the pods crash": pods_crash,
    "somebody aborts it": told(abort=True),
    "somebody promotes it": told(pauseConditions=None),
    "somebody promotes it in full": told(promoteFull=True),
    "somebody pauses it": paused,
    "somebody sets the image": image_by_hand,
}
ALL = [f"{step}: {fault}" for step, fault in itertools.product(STEPS, FAULTS)]
SOME = ALL[::5]
"""Coprime to the numbers of steps and of faults: each of them comes up."""


async def meets(world: World, given: Given, case: str) -> None:
    step, _, fault = case.partition(": ")
    seed(world)
    steps = [{"setCanaryScale": {"weight": 100}}, {"pause": {}}]
    for weight in (10, 100):
        steps += [{"setWeight": weight}, {"pause": {}}]  # type: ignore[dict-item]
    for space in ("staging", SPACE):
        body = {"spec": {"strategy": {"canary": {"steps": steps}}}}
        world.kubernetes.cluster.edit(rollouts.KIND, space, "orders", body)
    fate = Fate(step, FAULTS[fault], Subject(QUICK, "orders", STEPS))
    bot = await given(catalog=QUICK, wrap=fate.wrap)
    await bot.says("/release orders v2.1.0 prod")
    release_id = (await bot.until("awaiting_approval")).id
    fate.arm(bot, release_id)
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda release: fate.struck or release.ended, release_id)
    assert fate.struck
    if FAULTS[fault] is killed:
        await bot.crashes_and_restarts()
    await bot.passes(AWAY)
    world.kubernetes.faults.clear()
    world.kubernetes.cluster.argo.is_down = False
    release = await ended(bot, release_id)
    assert release.state in LAWFUL
    # Somebody's own pause is theirs to end, whatever became of the release.
    by_hand(bot, spec={"paused": False})
    await bot.passes(AWAY)
    by_state = NEW if release.state is State.SUCCEEDED else OLD
    assert (serves(bot), image(bot)) == (by_state, by_state), release


async def ended(bot: Bot, release_id: str) -> Release:
    """Let it go on to its end, with a person who goes back whenever they are asked."""
    asked = False
    for _ in range(12):
        release = await bot.release(release_id)
        if release.ended:
            return release
        if release.state is State.PAUSED and not asked:
            asked = True
            await bot.presses_old("release:rollback", release_id, by=DAN)
        elif release.needs_attention:
            mend_by_hand(bot)
        for _ in range(15):
            await bot.passes(AWAY / 2)
    raise AssertionError(f"no end: {release}\n{bot.thread(release_id)}")


def mend_by_hand(bot: Bot) -> None:
    """Do what the card's kubectl line says; where that only begins an update, end it."""
    if image(bot) == OLD:
        by_hand(bot, status={"promoteFull": True})
        return
    by_hand(bot, spec={"paused": False}, status={"abort": True})
    set_image(bot, OLD)


@pytest.mark.parametrize("case", SOME)
async def test_some_of_them(world: World, given: Given, case: str) -> None:
    await meets(world, given, case)


@pytest.mark.chaos_full
@pytest.mark.either
@pytest.mark.parametrize("case", [case for case in ALL if case not in SOME])
async def test_all_of_them(world: World, given: Given, case: str) -> None:
    await meets(world, given, case)
