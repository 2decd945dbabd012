"""A plan with 50 and with 5,000 services in the catalogue."""

from pathlib import Path
from time import perf_counter

from bot.domain.catalog import Catalog
from bot.domain.requests import ReleaseRequest
from bot.engine.queries import Queries
from tests.bench.figures import Figure, quantile
from tests.tester import Bot, World

REQUEST = ReleaseRequest(service="payments", version="v2.1.0", environment="production")


def grown(catalog: Catalog, size: int) -> Catalog:
    """Add services that depend on the first ones, up to that size."""
    model = catalog.services["payments"]
    more = {f"service-{n}": model for n in range(size - len(catalog.services))}
    return catalog.model_copy(update={"services": {**catalog.services, **more}})


async def measure(folder: Path) -> list[Figure]:
    """Plan again and again; the first rounds are not counted."""
    world = await World.made()
    world.seed()
    bot = await Bot(world, f"sqlite:///{folder}/bot.db", folder).start()
    small = bot.app.catalog
    medians = {}
    for size in (50, 5000):
        bot.app.catalog = grown(small, size)
        times = []
        for _ in range(40):
            begun = perf_counter()
            await Queries(bot.app.world).plan(REQUEST, world.clock.now())
            times.append((perf_counter() - begun) * 1000)
        medians[size] = quantile(times[10:], 0.5)
    await bot.app.close()
    await world.stop()
    return [
        Figure("plan with 50 services, ms", medians[50], 50),
        Figure("plan with 5,000 services, ms", medians[5000], 50),
        Figure("plan with 5,000 / with 50 services", medians[5000] / medians[50], 2),
    ]
