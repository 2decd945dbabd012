"""Any strategy, any single fault, any step: the end is lawful, and traffic is where it says.

Each case is one release that meets one fault as it reaches one step. Where the bot asks, a person
rolls back; where it can't go back by itself, a person mends what they broke by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any

import pytest

from bot.app import Outside
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from integrations.simulated.kubernetes import Behaviour, seeding
from integrations.simulated.prometheus import Load
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.scenarios.test_analysis import CATALOGUE, PLACE
from tests.tester import BEN, DAN, REPO, Bot

SHORTER = CATALOGUE.replace("weights: [10, 100], bake: 10m", "weights: [10, 50, 100], bake: 4m")
CANARY = SHORTER.replace("{kind: blue-green, traffic: gateway", "{kind: canary, traffic: gateway")


BASELINE = "orders-baseline"
BASED = CANARY.replace('slot="{slot}"', 'pod=~"{service}-{slot}-.+"').replace(
    "    metrics:\n", '    kubernetes: {baseline: "{service}-baseline"}\n    metrics:\n', 1
)


@dataclass(frozen=True)
class Subject:
    """A service that is released by one strategy, and the steps that this takes."""

    catalog: str
    service: str
    steps: tuple[str, ...] = ("dispatch", "deploy", "verify", "smoke", "shift", "bake", "settle")
    words: str = ""
    slot: str = "green"
    """Where the new version goes to; blue is live."""
    struck: str | None = None
    """The Deployment that hands and faults strike, where it isn't the slot's."""

    @property
    def deployment(self) -> str:
        return self.struck or f"{self.service}-{self.slot}"

    @property
    def has_baseline(self) -> bool:
        return self.struck == BASELINE


ROLLING = ("dispatch", "deploy", "verify", "smoke", "bake", "settle")
WORKFLOW = ("dispatch", "verify", "smoke", "bake", "settle")
STRATEGIES = {
    "blue-green at once": Subject(SHORTER, "payments"),
    "blue-green by weights": Subject(SHORTER, "orders"),
    "canary": Subject(CANARY, "orders"),
    "rolling": Subject(SHORTER, "payments", ROLLING, " --strategy rolling", "blue"),
    "workflow": Subject(SHORTER, "payments", WORKFLOW, " --strategy workflow", "blue"),
    "canary with a baseline": Subject(BASED, "orders", ("baseline", "bake"), struck=BASELINE),
}

LAWFUL = {State.SUCCEEDED, State.ROLLED_BACK, State.FAILED, State.CANCELLED}

Strike = Callable[[Bot, Subject], None]


def cluster_away(bot: Bot, _subject: Subject) -> None:
    bot.world.kubernetes.faults.append(Fault("status", times=None, status=503))


def github_away(bot: Bot, _subject: Subject) -> None:
    bot.world.github.faults.append(Fault("status", times=None, status=503))


def slack_away(bot: Bot, _subject: Subject) -> None:
    bot.world.slack.faults.append(Fault("status", times=None, status=503))


def prometheus_away(bot: Bot, _subject: Subject) -> None:
    bot.world.prometheus.faults.append(Fault("status", times=None, status=503))


def patch_that_nobody_heard_of(bot: Bot, _subject: Subject) -> None:
    bot.world.kubernetes.faults.append(Fault("drop_after", method="PATCH", times=1))


def killed(_bot: Bot, _subject: Subject) -> None:
    """The test does it: a process can't be dropped from inside."""


def deployment_gone(bot: Bot, subject: Subject) -> None:
    bot.world.kubernetes.cluster.delete("deployments", "production", subject.deployment)


def pods_crash(bot: Bot, subject: Subject) -> None:
    bot.world.kubernetes.cluster.behaves(rf"{subject.service}:v2\.1\.0$", Behaviour("crashes"))


def image_by_hand(bot: Bot, subject: Subject) -> None:
    bot.world.kubernetes.cluster.deploy("production", subject.deployment, "somebody/else:1")


def runs_fail(bot: Bot, _subject: Subject) -> None:
    for name in ("deploy.yml", "smoke.yml"):
        bot.world.github.repository(REPO).workflows[name].conclusion = "failure"


def metrics_bad(bot: Bot, _subject: Subject) -> None:
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.2)


def traffic_by_hand(bot: Bot, subject: Subject) -> None:
    cluster, service = bot.world.kubernetes.cluster, subject.service
    if service == "payments":
        to = {"spec": {"selector": {"slot": "green"}}}
        cluster.edit("services", "production", service, to)
    else:
        cluster.edit("httproutes", "production", service, _route(service, 70))


def _route(service: str, blue: int) -> dict[str, object]:
    refs = [
        {"name": f"{service}-blue", "port": 80, "weight": blue},
        {"name": f"{service}-green", "port": 80, "weight": 100 - blue},
    ]
    return {"spec": {"rules": [{"backendRefs": refs}]}}


FAULTS: dict[str, Strike] = {
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

AWAY = timedelta(minutes=2)
"""How long a system is away, but for Prometheus, which does not come back."""


@dataclass(frozen=True)
class Case:
    strategy: str
    step: str
    fault: str

    def __str__(self) -> str:
        return f"{self.strategy}, {self.step}: {self.fault}"


ALL = [
    Case(s, step, f) for s, subject in STRATEGIES.items() for step in subject.steps for f in FAULTS
]
SOME = ALL[::19]
"""Coprime to the number of faults: each of them comes up, and each step and strategy."""


class Fate:
    """Strikes when the release asks something of the outside in the step that is to meet it."""

    def __init__(self, step: str, strike: Strike, subject: Subject) -> None:
        self.struck = False
        self._step = step
        self._strike = strike
        self._subject = subject
        self._bot: Bot | None = None
        self._release = ""

    def arm(self, bot: Bot, release: str) -> None:
        self._bot, self._release = bot, release

    async def look(self) -> None:
        if self.struck or self._bot is None:
            return
        if _at(await self._bot.release(self._release)) == self._step:
            self.struck = True
            self._strike(self._bot, self._subject)

    def wrap(self, outside: Outside) -> Outside:
        source, cluster = Watched(outside.source, self), Watched(outside.cluster, self)
        return replace(outside, source=source, cluster=cluster)  # type: ignore[arg-type]


class Watched:
    """A port before each of whose questions fate has a look."""

    def __init__(self, port: object, fate: Fate) -> None:
        self._port = port
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not iscoroutinefunction(found):
            return found

        async def asked(*args: Any, **kwargs: Any) -> Any:
            await self._fate.look()
            return await found(*args, **kwargs)

        return asked


async def meets(given: Given, case: Case) -> None:
    subject = STRATEGIES[case.strategy]
    service = subject.service
    fate = Fate(case.step, FAULTS[case.fault], subject)
    bot = await given(catalog=subject.catalog, wrap=fate.wrap)
    if subject.has_baseline:
        seeding.seed_baseline(
            bot.world.kubernetes.cluster, "production", service, "quantivista/orders:v1.9.0"
        )
    bot.world.prometheus.streams.serves(*PLACE, Load(rate=200.0, failing=0.001))
    await bot.says(f"/release {service} v2.1.0 prod{subject.words}")
    release_id = (await bot.until("awaiting_approval")).id
    fate.arm(bot, release_id)
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda release: fate.struck or release.ended, release_id)
    assert fate.struck
    if FAULTS[case.fault] is killed:
        await bot.crashes_and_restarts()
    await bot.passes(AWAY)
    for system in (bot.world.kubernetes, bot.world.github, bot.world.slack):
        system.faults.clear()
    release = await ended(bot, release_id, subject)
    assert release.state in LAWFUL
    serves(bot, subject, release)


def serves(bot: Bot, subject: Subject, release: Release) -> None:
    """Exactly the slot has the traffic that the ending says; in place, exactly that version."""
    service, succeeded = subject.service, release.state is State.SUCCEEDED
    weights = seeding.weights(bot.world.kubernetes.cluster, "production", service)
    served = subject.slot if succeeded else "blue"
    assert weights == {"blue": 0, "green": 0} | {served: 100}, release
    version = "v2.1.0" if succeeded else "v2.0.5"
    assert bot.image(f"{service}-{served}") == f"quantivista/{service}:{version}", release
    cluster = bot.world.kubernetes.cluster
    if subject.has_baseline and cluster.objects.find("deployments", "production", BASELINE):
        assert seeding.replicas(cluster, "production", BASELINE) == 0, release


def _at(release: Release) -> str | None:
    steps = release.steps()
    running = release.state is State.RUNNING and release.progress.step < len(steps)
    return steps[release.progress.step].kind if running else None


async def ended(bot: Bot, release_id: str, subject: Subject) -> Release:
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
            mend_by_hand(bot, subject)
            if subject.steps is WORKFLOW:
                # No run that failed is started again: a person has, and says so when it is whole.
                await bot.passes(AWAY)
                await bot.presses_old("release:repaired", release_id, by=DAN)
        await bot.passes(timedelta(minutes=15))
    raise AssertionError(f"no end: {release}\n{bot.thread(release_id)}")


def mend_by_hand(bot: Bot, subject: Subject) -> None:
    """Do what the card's line says, and put back what somebody deleted."""
    cluster, service = bot.world.kubernetes.cluster, subject.service
    if subject.slot == "blue":
        image = f"quantivista/{service}:v2.0.5"
        if cluster.objects.find("deployments", "production", subject.deployment) is None:
            cluster.create(
                "deployments", "production", seeding.deployment_of(service, "blue", image)
            )
        cluster.deploy("production", subject.deployment, image)
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
