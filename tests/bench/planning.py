"""A plan with 50 and with 5,000 services in the catalogue."""

from pathlib import Path
from time import perf_counter

from bot.app import App
from bot.domain.catalog import Catalog
from bot.domain.requests import ReleaseRequest
from bot.engine.queries import Queries
from bot.settings import Settings
from integrations.catalog_file import parse_catalog
from tests.bench.figures import Figure, quantile
from tests.bench.world_process import another_world
from tests.tester import CATALOG

REQUEST = ReleaseRequest(service="payments", version="v2.1.0", environment="production")


def grown(catalog: Catalog, size: int) -> Catalog:
    """Add services that depend on the first ones, up to that size."""
    model = catalog.services["payments"]
    more = {f"service-{n}": model for n in range(size - len(catalog.services))}
    return catalog.model_copy(update={"services": {**catalog.services, **more}})


async def measure(folder: Path) -> list[Figure]:
    """Plan again and again; the first rounds are not counted."""
    small = parse_catalog(CATALOG).catalog
    medians = {}
    async with another_world(folder) as settings:
        database = {"database_url": f"sqlite:///{folder}/bot.db", "port": 0}
        app = App(Settings.model_validate(settings | database), small)
        await app.start(loops=False)
        for size in (50, 5000):
            app.catalog = grown(small, size)
            times = []
            for _ in range(40):
                begun = perf_counter()
                await Queries(app.world).plan(REQUEST, app.clock.now(), "U0ANA")
                times.append((perf_counter() - begun) * 1000)
            medians[size] = quantile(times[10:], 0.5)
        await app.stop()
    return [
        Figure("plan with 50 services, ms", medians[50], 50),
        Figure("plan with 5,000 services, ms", medians[5000], 50),
        Figure("plan with 5,000 / with 50 services", medians[5000] / medians[50], 2),
    ]
