"""A click on Roll back to endpoints moved, alone against a bare PATCH, and with 100 under way.

The bot is a process of its own, `release-bot serve`, as it is in production; the simulated systems
and the person who clicks are in this one.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import update

from bot.app import host_time
from bot.domain.catalog import Catalog
from bot.domain.facts import ClusterFact, Facts, Known, Scan, SlotFact, Tag, TagFact, TrafficFact
from bot.domain.lifecycle import State
from bot.domain.planning import build_plan
from bot.domain.releases import Progress, Release
from bot.domain.requests import Asker, ReleaseRequest
from bot.domain.rules import rules_for
from bot.domain.targets import target_of
from bot.store import leases, releases
from bot.store.migrate import migrate
from bot.store.session import Store
from bot.store.tables import TARGETS
from integrations.catalog_file import parse_catalog
from integrations.kubernetes import KubernetesCluster
from integrations.simulated.kubernetes import seeding
from integrations.simulated.kubernetes.cluster import Cluster as SimulatedCluster
from tests.bench.bot_process import BotProcess
from tests.bench.figures import Figure, quantile
from tests.chaos.driver import RealClock
from tests.crowd import named, with_services
from tests.tester import ANA, CATALOG, CHANNEL, Traffic, World

CLICKS = 60
ALONE_SECONDS = 0.7
"""Between two clicks that are to be alone: what the first had to tell has been told."""
PATIENCE = 60.0
ARGO: Traffic = "argo-rollouts"
LOOK_SECONDS = (0.001, 0.02)
"""How often it is looked whether traffic has moved; for Argo, whose controller works whenever
somebody looks, seldom enough to leave the cluster time for the bot."""
AFTER_THE_FIRST_PAUSE = 2
"""Step of a seeded Rollout that gives the new version its first share."""
WARM_SECONDS = 8.0
SPREAD_SECONDS = 0.05
BUSY = 100
CARRIES: dict[Traffic, str] = {
    "service": "services",
    "gateway": "httproutes",
    "istio": "virtualservices",
    "argo-rollouts": "rollouts",
}
"""Which object holds the shares, by the way of moving traffic."""

FENCE = 7
"""Fence of the releases that are there at the start."""


class Kit:
    """A bot with its loops running, and services whose releases are live."""

    def __init__(self, world: World, bot: BotProcess, store: Store, catalog: Catalog) -> None:
        self.traffic: Traffic = "service"
        self.world = world
        self.bot = bot
        self.store = store
        self.catalog = catalog
        self.cluster = KubernetesCluster(bot.environment["KUBECONFIG"], RealClock(), seconds=10.0)

    @classmethod
    async def start(
        cls, folder: Path, *, busy: int, clicks: int = CLICKS, traffic: Traffic = "service"
    ) -> "Kit":
        """Seed everything, store the releases, start the bot."""
        world = await World.made(RealClock())  # type: ignore[arg-type]
        world.slack.rates.on = False
        names = named("done", clicks) + named("busy", busy)
        # Who is under way stays so until the last click.
        long = CATALOG.replace("watch: 30s", "watch: 30m")
        text = with_services(long, names, watch="30m", traffic=traffic)
        for name in names:
            _seed(world.kubernetes.cluster, name, traffic)
        if traffic == ARGO:
            await _shared(world.kubernetes.cluster, names)
        bot = BotProcess(world, folder, text)
        kit = cls(world, bot, Store(bot.environment["DATABASE_URL"]), parse_catalog(text).catalog)
        kit.traffic = traffic
        await migrate(kit.store)
        for name in names:
            # A settled Rollout keeps no old slot: a way back from there is a release.
            await kit._store(name, live=name.startswith("done") and traffic != ARGO)
        await bot.start()
        return kit

    async def _store(self, name: str, *, live: bool) -> None:
        request = ReleaseRequest(service=name, version="v2.1.0", environment="production")
        rules = rules_for(self.catalog, name, "production")
        now = host_time()
        plan = build_plan(request, rules, _facts(name))
        assert plan is not None
        bake = next(i for i, step in enumerate(plan.steps) if step.kind == "bake")
        release = Release(
            id=release_id(name),
            kind="release",
            request=request,
            asker=Asker(user=ANA, channel=CHANNEL),
            created_at=now,
            state=State.SUCCEEDED if live else State.RUNNING,
            rules=rules,
            plan_text=plan.text(),
            started_at=now,
            live_since=now,
            ended_at=now if live else None,
            window_until=now + timedelta(hours=1) if live else None,
            progress=Progress(step=bake, since=now, moved=True, weight=plan.steps[bake - 1].weight),
        )
        async with self.store.write() as session:
            await releases.insert(session, release, name, None if live else now + _spread(name))
            await leases.ensure_target(session, name, "production")
            await session.exec(update(TARGETS).values(fence=FENCE))

    async def click_to_moved(self, name: str) -> float:
        """Milliseconds from the click until the endpoints are those of blue."""
        ts = self.world.slack.space.roots(CHANNEL)[0].ts
        begun = perf_counter()
        reply = await self.world.slack.app.click(
            ANA, CHANNEL, ts, "release:rollback", release_id(name)
        )
        assert (reply.status, reply.text) == (200, "")
        await self._moved(name, "blue")
        took = (perf_counter() - begun) * 1000
        await self._settled(release_id(name))
        return took

    async def _settled(self, release: str) -> None:
        """Wait until its rollback has ended, so that the next click finds nobody at work."""
        async with asyncio.timeout(PATIENCE):
            while not await self._undone(release):  # noqa: ASYNC110 - a row rings no bell
                await asyncio.sleep(0.05)

    async def _undone(self, release: str) -> bool:
        async with self.store.read() as session:
            found = await releases.get(session, release)
        back = found is not None and found.state is State.ROLLED_BACK
        return found is not None and (back or found.undone_by is not None)

    async def patch_to_moved(self, name: str) -> float:
        """Milliseconds from a bare PATCH by the same client until the endpoints followed."""
        target = target_of(self.catalog, name, "production")
        seen = await self.cluster.look_at_traffic(target)
        begun = perf_counter()
        await self.cluster.shift(
            target, seen, {"blue": 100, "green": 0}, fence=FENCE + 1, release="bare"
        )
        await self._moved(name, "blue")
        return (perf_counter() - begun) * 1000

    async def _moved(self, name: str, slot: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self._on(name, slot):  # noqa: ASYNC110 - endpoints ring no bell
                await asyncio.sleep(LOOK_SECONDS[self.traffic == ARGO])

    def _on(self, name: str, slot: str) -> bool:
        cluster = self.world.kubernetes.cluster
        if self.traffic != "service":
            return seeding.live_slot(cluster, "production", name) == slot
        service = cluster.objects.get("services", "production", name)
        pods = cluster.endpoints("production", service)
        return bool(pods) and all(f"-{slot}-" in pod for pod in pods)

    async def stop(self) -> None:
        """Stop the bot, then the world."""
        await self.bot.stop()
        await self.cluster.close()
        await self.store.close()
        await self.world.stop()


def _seed(cluster: SimulatedCluster, name: str, traffic: Traffic) -> None:
    """Let the new version have the traffic, or a part of it, and leave the release's mark."""
    new, old = f"quantivista/{name}:v2.1.0", f"quantivista/{name}:v2.0.5"
    image, other = (old, None) if traffic == ARGO else (new, old)
    seeding.seed_blue_green(
        cluster, "production", name, image, live="green", other_image=other, traffic=traffic
    )
    change: dict[str, Any] = {"metadata": {"annotations": {"release-bot/fence": f"{FENCE}"}}}
    if traffic == ARGO:
        containers = [{"name": name, "image": new}]
        change["spec"] = {"template": {"spec": {"containers": containers}}}
    cluster.edit(CARRIES[traffic], "production", name, change)


async def _shared(cluster: SimulatedCluster, names: list[str]) -> None:
    """Let Argo bring each to the first share of its steps, as a release would."""
    async with asyncio.timeout(PATIENCE):
        for name in names:
            while not _is_paused(cluster, name):  # noqa: ASYNC110 - a controller rings no bell
                await asyncio.sleep(0.05)
            on = {"currentStepIndex": AFTER_THE_FIRST_PAUSE, "pauseConditions": None}
            cluster.edit(CARRIES[ARGO], "production", name, {"status": on})
        while any(seeding.live_slot(cluster, "production", n) for n in names):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _is_paused(cluster: SimulatedCluster, name: str) -> bool:
    cluster.argo.follow("production")
    status = cluster.objects.get(CARRIES[ARGO], "production", name)["status"]
    return bool(status.get("pauseConditions"))


def release_id(name: str) -> str:
    """Make a valid id of a service's name."""
    kind, number = name.split("-")
    return f"rel-{kind[0]}{int(number):03d}"


def _spread(name: str) -> timedelta:
    """Releases don't begin in the same second; nor do those that are under way here."""
    return timedelta(seconds=int(name.split("-")[1]) * SPREAD_SECONDS)


def _facts(name: str) -> Facts:
    def slot(which: str, image: str) -> SlotFact:
        return SlotFact(slot=which, exists=True, image=image, wanted=3, ready=3)  # type: ignore[arg-type]

    cluster = ClusterFact(
        blue=slot("blue", f"quantivista/{name}:v2.0.5"),
        green=slot("green", f"quantivista/{name}:v2.0.5"),
        traffic=TrafficFact(weights={"blue": 100, "green": 0}, serving={}),
    )
    nothing = Known(value=None)
    return Facts(
        at=host_time(),
        tag=Known(value=TagFact(tag=Tag(name="v2.1.0", commit="a" * 40))),
        diff=nothing,
        checks=Known(value=()),
        scan=Known(value=Scan(status="missing")),
        cluster=Known(value=cluster),
        live_version="v2.0.5",
    )


async def measure(folder: Path) -> list[Figure]:
    """Click through the finished releases, alone and among a hundred that are under way."""
    for name in ("alone", "busy"):
        (folder / name).mkdir()
    alone = await Kit.start(folder / "alone", busy=0)
    half = CLICKS // 2
    clicks, patches = [], []
    for number in range(half):
        clicks.append(await alone.click_to_moved(f"done-{number}"))
        patches.append(await alone.patch_to_moved(f"done-{half + number}"))
        await asyncio.sleep(ALONE_SECONDS)
    await alone.stop()
    mine, bare = quantile(clicks, 0.5), quantile(patches, 0.5)
    found = [
        Figure("click to endpoints moved / a bare PATCH", mine / bare, 1.5),
        Figure("the bot's own share of it, ms", mine - bare, 20),
    ]
    for traffic in CARRIES:
        place = folder / "busy" / traffic
        place.mkdir()
        among, how = await _among(place, traffic), f"by {traffic}, with {BUSY} under way"
        found += [
            Figure(f"roll back {how} p50, ms", quantile(among, 0.5), 150),
            Figure(f"roll back {how} p99, ms", quantile(among, 0.99), 500),
        ]
    return found


async def _among(folder: Path, traffic: Traffic) -> list[float]:
    """Milliseconds of each click while so many releases are under way."""
    busy = await Kit.start(folder, busy=BUSY, traffic=traffic)
    # All of them were stored at once; let them find their own times.
    await asyncio.sleep(WARM_SECONDS)
    among = []
    for number in range(CLICKS):
        among.append(await busy.click_to_moved(f"done-{number}"))
        await asyncio.sleep(0.1)
    await busy.stop()
    return among
