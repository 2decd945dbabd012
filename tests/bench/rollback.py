"""A click on Roll back to endpoints moved, alone against a bare PATCH, and with 100 under way."""

import asyncio
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from bot.app import App, host_time
from bot.domain.catalog import Catalog
from bot.domain.facts import ClusterFact, Facts, Known, Scan, SlotFact, Tag, TagFact, TrafficFact
from bot.domain.lifecycle import State
from bot.domain.planning import build_plan
from bot.domain.releases import Progress, Release
from bot.domain.requests import Asker, ReleaseRequest
from bot.domain.rules import rules_for
from bot.domain.targets import target_of
from bot.settings import Settings
from bot.store import cards, leases, releases
from integrations.catalog_file import parse_catalog
from integrations.simulated.kubernetes import seeding
from tests.bench.figures import Figure, quantile
from tests.chaos.driver import RealClock
from tests.tester import ANA, CATALOG, CHANNEL, World

CLICKS = 60
PATIENCE = 60.0
WARM_SECONDS = 8.0
SPREAD_SECONDS = 0.05
BUSY = 100


def named(kind: str, count: int) -> list[str]:
    """Names of services."""
    return [f"{kind}-{number}" for number in range(count)]


def with_services(catalog: Catalog, names: list[str]) -> Catalog:
    """Add copies of `payments` under these names."""
    model = catalog.services["payments"]
    more = {
        name: model.model_copy(update={"image": f"quantivista/{name}:{{version}}"})
        for name in names
    }
    return catalog.model_copy(update={"services": {**catalog.services, **more}})


class Kit:
    """A bot with its loops running, and services whose releases are live."""

    def __init__(self, world: World, app: App) -> None:
        self.world = world
        self.app = app

    @classmethod
    async def start(cls, folder: Path, *, busy: int) -> "Kit":
        """Seed everything, store the releases, start the loops."""
        world = await World.made(RealClock())  # type: ignore[arg-type]
        world.slack.rates.on = False
        names = named("done", CLICKS) + named("busy", busy)
        # Who is under way stays so until the last click.
        catalog = with_services(
            parse_catalog(CATALOG.replace("watch: 30s", "watch: 30m")).catalog, names
        )
        for name in names:
            image = f"quantivista/{name}:v2.1.0"
            old = f"quantivista/{name}:v2.0.5"
            # Live on green since the release; blue still has the old version.
            seeding.seed_blue_green(
                world.kubernetes.cluster, "production", name, image, live="green", other_image=old
            )
        config = world.kubernetes.kubeconfig(folder / "kubeconfig", ["main"])
        settings = Settings.model_validate(
            {
                "slack_bot_token": world.slack.token,
                "slack_signing_secret": "shh",
                "slack_api_url": f"{world.slack.url}/api/",
                "github_token": "t",
                "github_api_url": world.github.url,
                "kubeconfig": str(config),
                "database_url": f"sqlite:///{folder}/bot.db",
                "port": 0,
            }
        )
        app = App(settings, catalog)
        await app.start()
        world.slack.app.url = f"{app.url}/slack/events"
        kit = cls(world, app)
        for name in names:
            await kit._store(name, live=name.startswith("done"))
        await asyncio.sleep(1.0)
        return kit

    async def _store(self, name: str, *, live: bool) -> None:
        request = ReleaseRequest(service=name, version="v2.1.0", environment="production")
        rules = rules_for(self.app.catalog, name, "production")
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
            progress=Progress(step=bake, since=now, moved=True, weight=100),
        )
        async with self.app.store.write() as session:
            await releases.insert(session, release, name, None if live else now + _spread(name))
            await leases.ensure_target(session, name, "production")
            if live:
                await cards.want(session, release.id, CHANNEL, now, urgent=True)

    async def click_to_moved(self, name: str) -> float:
        """Milliseconds from the click until the endpoints are those of blue."""
        ts = await self._card(release_id(name))
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
        async with self.app.store.read() as session:
            found = await releases.get(session, release)
        return found is not None and found.undone_by is not None

    async def patch_to_moved(self, name: str) -> float:
        """Milliseconds from a bare PATCH by the same client until the endpoints followed."""
        target = target_of(self.app.catalog, name, "production")
        seen = await self.app.kubernetes.look_at_traffic(target)
        begun = perf_counter()
        await self.app.kubernetes.shift(
            target, seen, {"blue": 100, "green": 0}, fence=0, release="bare"
        )
        await self._moved(name, "blue")
        return (perf_counter() - begun) * 1000

    async def _moved(self, name: str, slot: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self._on(name, slot):  # noqa: ASYNC110 - endpoints ring no bell
                await asyncio.sleep(0.001)

    def _on(self, name: str, slot: str) -> bool:
        cluster = self.world.kubernetes.cluster
        service = cluster.objects.get("services", "production", name)
        pods = cluster.endpoints("production", service)
        return bool(pods) and all(f"-{slot}-" in pod for pod in pods)

    async def _card(self, release: str) -> str:
        while True:
            for message in self.world.slack.space.roots(CHANNEL):
                if message.text.split("\n")[0].endswith(release):
                    return message.ts
            async with self.app.store.read() as session:
                card = await cards.get(session, release)
            if card is not None and card.ts is not None:
                return card.ts
            # Slack takes one message a second a channel; any message will do for a click.
            roots = self.world.slack.space.roots(CHANNEL)
            if roots:
                return roots[0].ts
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop the bot, then the world."""
        await self.app.stop()
        await self.world.stop()


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
        await asyncio.sleep(0.2)
    await alone.stop()
    busy = await Kit.start(folder / "busy", busy=BUSY)
    # All of them were stored at once; let them find their own times.
    await asyncio.sleep(WARM_SECONDS)
    among = []
    for number in range(CLICKS):
        among.append(await busy.click_to_moved(f"done-{number}"))
        await asyncio.sleep(0.1)
    await busy.stop()
    mine, bare = quantile(clicks, 0.5), quantile(patches, 0.5)
    return [
        Figure("click to endpoints moved / a bare PATCH", mine / bare, 1.5),
        Figure("the bot's own share of it, ms", mine - bare, 20),
        Figure("roll back with 100 under way p50, ms", quantile(among, 0.5), 150),
        Figure("roll back with 100 under way p99, ms", quantile(among, 0.99), 500),
    ]
