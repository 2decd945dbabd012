"""A service whose traffic is moved in one of the ways, and the adapter, on a simulated cluster.

`ISTIO` is the shared catalogue with `orders` moved by Istio, `ARGO` with `orders` as a Rollout.
"""

import copy
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.domain.facts import TrafficFact
from bot.domain.targets import Target, target_of
from integrations.catalog_file import parse_catalog
from integrations.kubernetes import KubernetesCluster
from integrations.kubernetes.traffic import WAYS
from integrations.simulated.kubernetes import SimulatedKubernetes, seeding
from integrations.simulated.kubernetes.objects import Effect
from integrations.simulated.kubernetes.seeding import Traffic
from tests.patience import PATIENT
from tests.tester import CATALOG
from tests.virtual import VirtualClock

ISTIO = CATALOG.replace("traffic: gateway", "traffic: istio").replace(
    'route: "{service}"', 'virtual_service: "{service}"'
)
ARGO = (
    CATALOG.replace('route: "{service}"', 'rollout: "{service}"')
    .replace("kind: blue-green, traffic: gateway", "kind: canary, traffic: argo-rollouts")
    .replace(
        'image: "quantivista/orders:{version}"',
        'image: "quantivista/orders:{version}"\n    deploy: {kubernetes: set-image}',
    )
)
CATALOGS = {"istio": ISTIO, "argo-rollouts": ARGO}
BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}
SPACE = "production"


@dataclass
class Kit:
    """A service whose traffic is moved in one of the ways, and the adapter."""

    word: Traffic
    target: Target
    clock: VirtualClock
    sim: SimulatedKubernetes
    cluster: KubernetesCluster
    planned: TrafficFact | None = None
    """What a Rollout said before its update began."""

    @property
    def writes(self) -> int:
        """How many patches a move takes: a Rollout's status is patched apart."""
        return 2 if self.target.is_rollout else 1

    def effects(self) -> list[Effect]:
        """What the bot wrote: what a controller or a person did is by hand."""
        return [effect for effect in self.sim.cluster.effects if not effect.by_hand]

    @property
    def plural(self) -> str:
        return WAYS[self.word].kind.plural

    @property
    def item(self) -> dict[str, Any]:
        return self.sim.cluster.objects.get(self.plural, SPACE, self.target.service)

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Somebody changes the object with kubectl."""
        item = copy.deepcopy(self.item)
        change(item)
        self.sim.cluster.change(self.plural, SPACE, self.target.service, item, by_hand=True)

    def annotate(self, **marks: str) -> None:
        self.sim.cluster.edit(
            self.plural,
            SPACE,
            self.target.service,
            {"metadata": {"annotations": {f"release-bot/{k}": v for k, v in marks.items()}}},
        )

    def settle(self, seconds: int = 1) -> None:
        """Let time pass, a second after the other: controllers act when somebody looks."""
        for _ in range(seconds):
            self.clock.moment += timedelta(seconds=1)
            self.sim.cluster.argo.follow(SPACE)

    def set_image(self, image: str) -> None:
        """Somebody sets a Rollout's image."""

        def change(item: dict[str, Any]) -> None:
            item["spec"]["template"]["spec"]["containers"][0]["image"] = image

        self.edit(change)

    async def look(self) -> TrafficFact:
        return await self.cluster.look_at_traffic(self.target)

    async def look_when_settled(self) -> TrafficFact:
        """Endpoints begin to follow when somebody looks."""
        await self.look()
        self.settle(10 if self.target.is_rollout else 1)
        await self.look()
        self.settle()
        return await self.look()

    async def shift(self, seen: TrafficFact, weights: Any, fence: int = 5) -> None:
        await self.cluster.shift(self.target, seen, weights, fence=fence, release="rel-1")


async def made(word: Traffic, folder: Path) -> AsyncIterator[Kit]:
    clock = VirtualClock()
    sim = SimulatedKubernetes(clock.now, clock.sleep)
    await sim.start()
    service = "payments" if word == "service" else "orders"
    target = target_of(parse_catalog(CATALOGS.get(word, CATALOG)).catalog, service, SPACE)
    seeding.seed_blue_green(sim.cluster, SPACE, service, f"quantivista/{service}:1", traffic=word)
    config = str(sim.kubeconfig(folder / "kubeconfig", ["main"]))
    cluster = KubernetesCluster(config, clock, seconds=PATIENT)
    kit = Kit(word, target, clock, sim, cluster)
    kit.settle()
    if target.is_rollout:
        kit.planned = await kit.look()
        kit.set_image(f"quantivista/{service}:2")
        kit.settle(10)
    yield kit
    await cluster.close()
    await sim.stop()
