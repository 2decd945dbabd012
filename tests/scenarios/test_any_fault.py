"""Any strategy, any single fault, any step: the end is lawful, and traffic is where it says.

Each case is one release that meets one fault as it reaches one step. Where the bot asks, a person
rolls back; where it can't go back by itself, a person mends what they broke by hand.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.domain.lifecycle import State
from bot.domain.releases import Release
from integrations.simulated.kubernetes import Behaviour, seeding
from integrations.simulated.prometheus import Load
from integrations.simulated.server import Fault, SimulatedServer
from tests.scenarios.conftest import Given
from tests.scenarios.test_analysis import CATALOGUE, PLACE
from tests.tester import BEN, DAN, REPO, Bot

SHORTER = CATALOGUE.replace("weights: [10, 100], bake: 10m", "weights: [10, 50, 100], bake: 4m")
CANARY = SHORTER.replace("{kind: blue-green, traffic: gateway", "{kind: canary, traffic: gateway")
STRATEGIES = {
    "blue-green at once": (SHORTER, "payments"),
    "blue-green by weights": (SHORTER, "orders"),
    "canary": (CANARY, "orders"),
}
STEPS = ("dispatch", "deploy", "verify", "smoke", "shift", "bake", "settle")

LAWFUL = {State.SUCCEEDED, State.ROLLED_BACK, State.FAILED, State.CANCELLED}

Break = Callable[[Bot, str], Awaitable[None]]


async def away(bot: Bot, system: SimulatedServer) -> None:
    system.faults.append(Fault("status", times=None, status=503))
    await bot.passes(timedelta(minutes=2))
    system.faults.clear()


async def cluster_away(bot: Bot, _service: str) -> None:
    await away(bot, bot.world.kubernetes)


async def github_away(bot: Bot, _service: str) -> None:
    await away(bot, bot.world.github)


async def slack_away(bot: Bot, _service: str) -> None:
    await away(bot, bot.world.slack)


async def prometheus_away(bot: Bot, _service: str) -> None:
    bot.world.prometheus.faults.append(Fault("status", times=None, status=503))


async def patch_that_nobody_heard_of(bot: Bot, _service: str) -> None:
    bot.world.kubernetes.faults.append(Fault("drop_after", method="PATCH", times=1))


async def killed(bot: Bot, _service: str) -> None:
    await bot.crashes_and_restarts()


async def deployment_gone(bot: Bot, service: str) -> None:
    bot.world.kubernetes.cluster.delete("deployments", "production", f"{service}-green")


async def pods_crash(bot: Bot, service: str) -> None:
    bot.world.kubernetes.cluster.behaves(rf"{service}:v2\.1\.0$", Behaviour("crashes"))


async def image_by_hand(bot: Bot, service: str) -> None:
    bot.world.kubernetes.cluster.deploy("production", f"{service}-green", "somebody/else:1")


async def runs_fail(bot: Bot, _service: str) -> None:
    for name in ("deploy.yml", "smoke.yml"):
        bot.world.github.repository(REPO).workflows[name].conclusion = "failure"


async def metrics_bad(bot: Bot, _service: str) -> None:
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.2)


async def traffic_by_hand(bot: Bot, service: str) -> None:
    cluster = bot.world.kubernetes.cluster
    if service == "payments":
        cluster.edit("services", "production", service, {"spec": {"selector": {"slot": "green"}}})
    else:
        cluster.edit("httproutes", "production", service, _route(service, 70))


def _route(service: str, blue: int) -> dict[str, object]:
    refs = [
        {"name": f"{service}-blue", "port": 80, "weight": blue},
        {"name": f"{service}-green", "port": 80, "weight": 100 - blue},
    ]
    return {"spec": {"rules": [{"backendRefs": refs}]}}


FAULTS: dict[str, Break] = {
    "the cluster is away": cluster_away,
    "GitHub is away": github_away,
    "Slack is away": slack_away,
    "Prometheus is away": prometheus_away,
    "a patch is done and nobody hears of it": patch_that_nobody_heard_of,
    "the process dies": killed,
    "the Deployment is deleted": deployment_gone,
    "the pods crash": pods_crash,
    "somebody sets the image": image_by_hand,
    "workflow runs fail": runs_fail,
    "the version fails more often": metrics_bad,
    "somebody moves the traffic": traffic_by_hand,
}


@dataclass(frozen=True)
class Case:
    strategy: str
    step: str
    fault: str

    def __str__(self) -> str:
        return f"{self.strategy}, {self.step}: {self.fault}"


ALL = [Case(s, step, f) for s in STRATEGIES for step in STEPS for f in FAULTS]
SOME = ALL[::19]
"""Coprime to the number of steps and of faults: each of them comes up."""


async def meets(given: Given, case: Case) -> None:
    catalog, service = STRATEGIES[case.strategy]
    bot = await given(catalog=catalog)
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=200.0, failing=0.001))
    await bot.says(f"/release {service} v2.1.0 prod")
    release_id = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda release: release.ended or _at(release) == case.step, release_id)
    await FAULTS[case.fault](bot, service)
    release = await ended(bot, release_id, service)
    assert release.state in LAWFUL
    weights = seeding.weights(bot.world.kubernetes.cluster, "production", service)
    served = "green" if release.state is State.SUCCEEDED else "blue"
    assert weights == {"blue": 0, "green": 0} | {served: 100}, release


def _at(release: Release) -> str | None:
    steps = release.steps()
    running = release.state is State.RUNNING and release.progress.step < len(steps)
    return steps[release.progress.step].kind if running else None


async def ended(bot: Bot, release_id: str, service: str) -> Release:
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
            mend_by_hand(bot, service)
        await bot.passes(timedelta(minutes=15))
    raise AssertionError(f"no end: {release}\n{bot.thread(release_id)}")


def mend_by_hand(bot: Bot, service: str) -> None:
    """Do what the card's kubectl line says."""
    cluster = bot.world.kubernetes.cluster
    if service == "payments":
        cluster.edit("services", "production", service, {"spec": {"selector": {"slot": "blue"}}})
    else:
        cluster.edit("httproutes", "production", service, _route(service, 100))


@pytest.mark.parametrize("case", SOME, ids=str)
async def test_some_of_them(given: Given, case: Case) -> None:
    await meets(given, case)


@pytest.mark.chaos_full
@pytest.mark.either
@pytest.mark.parametrize("case", [case for case in ALL if case not in SOME], ids=str)
async def test_all_of_them(given: Given, case: Case) -> None:
    await meets(given, case)
