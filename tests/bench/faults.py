"""From a fault to its detection, and to the traffic back; and how much of the traffic met it.

On virtual time: what is measured is what the bot's rules and looks take, not the machine. Beside it
stands what Slack published of its own deployments: put right by itself in under ten minutes, before
a tenth of the fleet had it.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from bot.domain.lifecycle import State
from bot.engine.world import Limits
from integrations.simulated.kubernetes import Behaviour, seeding
from integrations.simulated.prometheus import Load
from tests.bench.figures import Figure
from tests.scenarios.test_analysis import CATALOGUE, PLACE
from tests.tester import BEN, Bot, World

PEER_MINUTES = 10.0
PEER_SHARE = 10.0
"""Per cent of the fleet."""

WEIGHT = 10
"""Per cent of the traffic that the new slot has when the fault begins."""

STEP = timedelta(seconds=1)
PATIENCE = timedelta(minutes=30)

Break = Callable[[Bot], Awaitable[None]]


async def _fails_more(bot: Bot) -> None:
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.05)


async def _gets_slow(bot: Bot) -> None:
    bot.world.prometheus.streams.slows(*PLACE, version="v2.1.0", factor=8)


async def _crashes(bot: Bot) -> None:
    bot.world.kubernetes.cluster.behaves(r"orders:v2\.1\.0$", Behaviour("crashes"))


async def _runs_out_of_memory(bot: Bot) -> None:
    bot.world.kubernetes.cluster.behaves(r"orders:v2\.1\.0$", Behaviour("oom"))


async def _turns_unready(bot: Bot) -> None:
    bot.world.kubernetes.cluster.behaves(r"orders:v2\.1\.0$", Behaviour("never_ready"))


async def _is_deleted(bot: Bot) -> None:
    bot.world.kubernetes.cluster.delete("deployments", "production", "orders-green")


FAULTS: dict[str, Break] = {
    "errors 0.1 to 5 %": _fails_more,
    "eight times slower": _gets_slow,
    "pods crash": _crashes,
    "pods run out of memory": _runs_out_of_memory,
    "pods turn unready": _turns_unready,
    "the Deployment is deleted": _is_deleted,
}


async def measure(folder: Path) -> list[Figure]:
    """Break one release after the other as it has a tenth of the traffic."""
    found = []
    for number, (name, break_) in enumerate(FAULTS.items()):
        place = folder / str(number)
        place.mkdir()
        seen, back, share = await _one(place, break_)
        found += [
            Figure(f"fault: {name}, seconds to detection", seen * 60, PEER_MINUTES * 60),
            Figure(f"fault: {name}, time to traffic back / Slack", back / PEER_MINUTES, 1),
            Figure(f"fault: {name}, share of the traffic / Slack", share / PEER_SHARE, 1),
        ]
    return found


async def _one(folder: Path, break_: Break) -> tuple[float, float, float]:
    """Say after how many minutes it was seen and the traffic was back, and what share met it."""
    world = await World.made()
    world.seed()
    world.prometheus.streams.serves(*PLACE, Load(rate=100.0, failing=0.001))
    database = f"sqlite:///{folder}/bot.db"
    bot = await Bot(world, database, folder, catalog=CATALOGUE, limits=Limits()).start()
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda release: release.progress.weight == WEIGHT)
    await bot.passes(timedelta(minutes=2))
    begun = world.clock.now()
    await break_(bot)
    seen, back = await _watched(bot, begun)
    await bot.until("rolled_back")
    await bot.finish()
    await world.stop()
    # A tenth of the requests met it from the fault until the traffic was back, of all those that
    # came in the ten minutes that the peer has.
    return seen, back, WEIGHT * min(1.0, back / PEER_MINUTES)


async def _watched(bot: Bot, begun: datetime) -> tuple[float, float]:
    seen = None
    while bot.world.clock.now() - begun < PATIENCE:
        release = await bot.release()
        minutes = (bot.world.clock.now() - begun).total_seconds() / 60
        if seen is None and release.state in (State.ROLLING_BACK, State.ROLLED_BACK):
            seen = minutes
        weights = seeding.weights(bot.world.kubernetes.cluster, "production", "orders")
        if seen is not None and weights["green"] == 0:
            return seen, minutes
        await bot.passes(STEP)
    raise RuntimeError("the fault was not seen")
