"""The report over 10,000 environments: all of it, and what is computed and drawn of it alone."""

from pathlib import Path
from time import perf_counter

from bot.app import App
from bot.domain import stale
from bot.engine.surveys import Surveyor, look
from bot.settings import Settings
from bot.views import reports
from integrations.catalog_file import parse_catalog
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.namespaces import NAMESPACES, PAGE
from tests.bench.figures import Figure
from tests.bench.world_process import another_world
from tests.tester import CATALOG

ENVIRONMENTS = 10_000
ROUNDS = 3

WITH_ENVIRONMENTS = CATALOG + 'ephemeral: {clusters: [main], pattern: "pr-{number}-{name}"}\n'


async def measure(folder: Path) -> list[Figure]:
    """Take the best of a few rounds: this machine does other things too."""
    catalog = parse_catalog(WITH_ENVIRONMENTS).catalog
    async with another_world(folder, ENVIRONMENTS) as settings:
        database = {"database_url": f"sqlite:///{folder}/bot.db", "port": 0}
        app = App(Settings.model_validate(settings | database), catalog, io_seconds=60.0)
        await app.start(loops=False)
        listed = min([await _bare_list(settings["kubeconfig"]) for _ in range(ROUNDS)])
        whole = min([await _report(app) for _ in range(ROUNDS)])
        drawn = await _computed(app)
        await app.stop()
    return [
        Figure("report over 10,000 environments, s", whole, 10),
        Figure("the same computed and drawn, s", drawn, 1),
        Figure("the same / a bare list of the namespaces in pages", whole / listed, 10),
    ]


async def _bare_list(kubeconfig: str) -> float:
    api = KubeApi("main", kubeconfig, 60.0)
    begun = perf_counter()
    rows = [row async for row in api.pages(NAMESPACES, PAGE)]
    took = perf_counter() - begun
    assert len(rows) >= ENVIRONMENTS
    await api.close()
    return took


async def _report(app: App) -> float:
    """Everything: the cluster, the code host, the database, and the message."""
    begun = perf_counter()
    survey = await Surveyor(app.world).whole()
    counted = stale.tally(survey.judged, survey.silent)
    now, rules = survey.at, app.catalog.ephemeral
    message = reports.report(reports.Report(counted, now, rules, survey.late))
    took = perf_counter() - begun
    assert survey.whole, survey.silent
    assert message is not None
    assert len(counted.stale) > ENVIRONMENTS / 5
    return took


async def _computed(app: App) -> float:
    rules = app.catalog.ephemeral
    assert rules is not None
    now = app.clock.now()
    seen = await look(app.world, rules, now)
    sources = stale.Sources(deployed=seen.deployed, branches=seen.branches)
    times = []
    for _ in range(ROUNDS):
        begun = perf_counter()
        judged = stale.judge_all(seen.passing, sources, rules, now)
        counted = stale.tally(judged)
        assert reports.report(reports.Report(counted, now, rules)) is not None
        assert reports.environments(judged, 2, now).text
        times.append(perf_counter() - begun)
    return min(times)
