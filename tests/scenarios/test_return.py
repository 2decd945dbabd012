"""Rollbacks of what is finished: what must not happen twice, nor be written down the wrong way."""

from datetime import timedelta

import pytest

from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from integrations.simulated.kubernetes import Behaviour, seeding
from integrations.simulated.prometheus import Load
from tests.scenarios.conftest import Given
from tests.scenarios.test_analysis import CATALOGUE, LONGER, PLACE
from tests.tester import BEN, CATALOG, DAN, REPO, Bot

ORDERS = CATALOG.replace(LONGER, "weights: [10, 50, 100], bake: 1m, watch: 1m}")
WINDOW = timedelta(hours=1, minutes=2)


async def live(bot: Bot, service: str = "orders") -> str:
    await bot.says(f"/release {service} v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)
    return release


async def finished(bot: Bot, service: str = "orders") -> str:
    """A release that is live, with its window over."""
    release = await live(bot, service)
    await bot.passes(WINDOW)
    await bot.settles()
    return release


async def at_ten(bot: Bot, release: str) -> str:
    """The rollback of it, with a tenth of the traffic."""
    await bot.clicks("Roll back", by=DAN, release=release)
    return (await bot.until(lambda r: r.kind == "rollback" and r.progress.weight == 10)).id


async def test_two_clicks_at_the_same_time_are_one_rollback(given: Given) -> None:
    bot = await given(catalog=ORDERS)
    release = await finished(bot)
    await bot.clicks("Roll back", by=DAN, release=release, settle=False)
    await bot.clicks("Roll back", by=BEN, release=release, settle=False)
    await bot.until("succeeded")
    await bot.passes(timedelta(minutes=20))
    backs = [r for r in await bot.all_releases() if r.kind == "rollback"]
    assert len(backs) == 1
    # Whichever came second is told.
    assert f"{backs[0].id} takes {release} back already." in bot.told(BEN) + bot.told(DAN)
    assert await bot.runs("orders") == "v2.0.5"


async def test_a_rollback_that_waited_does_not_begin_over_another_version(given: Given) -> None:
    bot = await given(catalog=ORDERS)
    release = await finished(bot)
    cluster = bot.world.kubernetes.cluster
    cluster.edit("httproutes", "production", "orders", _route(50))
    await bot.clicks("Roll back", by=DAN, release=release)
    back = (await bot.until("blocked")).id
    cluster.edit("httproutes", "production", "orders", _route(0))
    cluster.deploy("production", "orders-green", "quantivista/orders:v2.2.0")
    await bot.clicks("Retry", release=back)
    blocked = await bot.until("blocked", back)
    assert "2.2.0 runs there now, and 2.1.0 was to be taken back." in bot.card(back)
    assert blocked.progress.weight == 0


async def test_what_was_withdrawn_before_it_started_closes_nothing(given: Given) -> None:
    bot = await given(catalog=ORDERS)
    release = await live(bot, "payments")
    bot.world.github.seed_release(REPO, "v2.2.0", commits=[("ana", "x")], checks=("e2e",))
    await bot.says("/release payments v2.2.0 prod")
    withdrawn = (await bot.until("blocked")).id
    await bot.clicks("Cancel", release=withdrawn)
    await bot.until("cancelled", withdrawn)
    await bot.clicks("Roll back", by=DAN, release=release)
    back = await bot.until("succeeded")
    assert (back.kind, back.former) == ("rollback", None)
    assert bot.live("payments") == "blue"


async def test_a_return_that_failed_can_be_tried_again(given: Given) -> None:
    bot = await given(catalog=ORDERS)
    release = await finished(bot)
    cluster = bot.world.kubernetes.cluster
    cluster.deploy("production", "orders-blue", "quantivista/orders:x")
    cluster.behaves(r"orders:v2\.0\.5$", Behaviour("crashes"))
    await bot.clicks("Roll back", by=DAN, release=release)
    await bot.until("failed")
    cluster._behaviours.clear()
    await bot.clicks("Roll back", by=DAN, release=release)
    back = await bot.until("succeeded")
    assert await bot.runs("orders") == "v2.0.5"
    assert back.former is not None


async def test_taken_back_by_a_person_it_is_the_former_that_is_held_back(given: Given) -> None:
    bot = await given(catalog=ORDERS)
    back = await at_ten(bot, await finished(bot))
    await bot.clicks("Roll back", by=DAN, release=back)
    await bot.until("rolled_back", back)
    assert "! 2.0.5 is held back in production, and its commits elsewhere." in bot.thread(back)
    assert "! 2.0.5 is held back in production, and its commits elsewhere." in bot.card(back)
    assert bot.live("orders") == "green"
    assert await bot.runs("orders") == "v2.1.0"


@pytest.mark.parametrize(
    ("blue", "state", "serves", "held"),
    [(0, "rolled_back", "v2.1.0", "2.0.5"), (100, "succeeded", "v2.0.5", "2.1.0")],
)
async def test_repaired_by_hand_it_ends_as_what_is_true(
    given: Given, blue: int, state: str, serves: str, held: str
) -> None:
    bot = await given(catalog=ORDERS)
    release = await finished(bot)
    back = await at_ten(bot, release)
    cluster = bot.world.kubernetes.cluster
    cluster.deploy("production", "orders-green", "quantivista/orders:hotfix")
    await bot.clicks("Roll back", by=DAN, release=back)
    await bot.until(lambda r: r.needs_attention, back)
    cluster.edit("httproutes", "production", "orders", _route(blue))
    await bot.passes(timedelta(seconds=8))
    await bot.clicks("Repaired by hand", by=DAN, release=back)
    ended = await bot.until(state, back)
    assert ended.state.value == state
    assert await bot.runs("orders") == serves
    assert f"! {held} is held back in production, and its commits elsewhere." in bot.thread(back)
    assert bool((await bot.release(release)).undone_by) is (state == "succeeded")


def _route(blue: int) -> dict[str, object]:
    refs = [
        {"name": "orders-blue", "port": 80, "weight": blue},
        {"name": "orders-green", "port": 80, "weight": 100 - blue},
    ]
    return {"spec": {"rules": [{"backendRefs": refs}]}}


async def test_a_rollback_that_was_held_goes_on_when_a_person_says_so(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=200.0, failing=0.001))
    back = await at_ten(bot, await finished(bot))
    bot.world.prometheus.streams.fails(*PLACE, version="v2.0.5", share=0.05)
    held = await bot.until("paused", back)
    assert held.reason is Reason.HELD
    bot.world.prometheus.streams.heals(*PLACE)
    await bot.passes(timedelta(minutes=5))
    await bot.clicks("Resume", by=BEN, release=back)
    await bot.passes(timedelta(minutes=5))
    assert (await bot.release(back)).state is State.RUNNING
    # What it was is not forgotten: at the end of the bake a person is asked once more.
    asked = await bot.until("paused", back)
    assert asked.reason is Reason.METRICS_MARGINAL
    await bot.clicks("Promote", by=BEN, release=back)
    await bot.until("succeeded", back)
    assert seeding.live_slot(bot.world.kubernetes.cluster, *PLACE) == "blue"
