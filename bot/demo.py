"""The demo: the main job on the simulated systems, by hand or as a play-through.

Starts `integrations.simulated`, points the settings at it, and runs `bot.app` unchanged. The
catalogue is a copy of QuantiVista's (`demo_catalog`); clusters, tags, evidence and ledger are
seeded.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp

from bot.app import App, host_time, load_catalog
from bot.demo_catalog import JUDGED, short
from bot.demo_evidence import (
    UNPROVEN,
    DemoError,
    Pipeline,
    at_the_beginning,
    issued_by,
    the_last_one,
)
from bot.demo_world import CHANNEL, PEOPLE, seed, seed_metrics
from bot.domain.catalog import Catalog
from bot.domain.releases import Release
from bot.domain.sinks import Events, HttpSink
from bot.engine.world import Limits
from bot.settings import Settings
from bot.store import ledger, releases
from integrations.simulated.github import SimulatedGitHub
from integrations.simulated.issuer import SimulatedIssuer
from integrations.simulated.kubernetes import SimulatedKubernetes
from integrations.simulated.prometheus import SimulatedPrometheus
from integrations.simulated.sharing import pods_of
from integrations.simulated.sink import SimulatedSink
from integrations.simulated.slack import Message, SimulatedSlack
from integrations.simulated.terminal import Narrator, Terminal

EXAMPLE = Path(__file__).parent.parent / "examples" / "quantivista" / "catalog.yaml"
CONTEXTS = ["quantivista-dev", "quantivista-staging", "quantivista-production"]

LIMITS = Limits(
    run_poll=timedelta(seconds=2),
    pod_poll=timedelta(seconds=0.3),
    bake_poll=timedelta(seconds=0.5),
    grace=timedelta(seconds=5),
)

READING = 0.6
"""Seconds that a person looks at something before they go on."""

KEY = "RELEASE_BOT_DEMO_KEY"
"""The variable that holds the key which signs the demo's events."""

WELCOME = """\
QuantiVista's release channel, played on this machine. Nothing outside it is touched.
57 services in three environments run in a simulated cluster; bakes last seconds instead of
minutes, the market is closed whatever the hour, and ledger and evidence are seeded. Slack, GitHub,
Kubernetes and Prometheus are simulated, the bot is real. You are ana, who owns the services, as
dan does; ben and cyn manage releases, dora is security, dan is called at night.

Try:  /scan trading-decision v2.1.0              what scanners and tests say of it
      /release trading-decision v2.1.0 prod      then  /as ben  and press 1,  /as dora  and press 1
      /release position-sizing v1.10.0 prod      refused: it says what to release first
      /release reporting v1.10.0 prod            refused: a proof is missing
      /release alerts v1.10.0 prod               refused: its image has a critical vulnerability
      … --emergency --reason "what burns"        behind either, as dan: passes it, is reviewed after
      /release order-management v2.0.0 prod      its metrics take it back
      /release reconciliation v1.10.0 prod       its checklist comes before anybody's yes
      /release where prod                        what can be released now, what is in the way
      /env report    /env list                   environments that everybody forgot
      /release status    /release help           ?  for the terminal's own words
      /quit to leave"""


class PlayError(DemoError):
    """The play-through did not go as it should."""


@dataclass
class Stage:
    """The simulated systems and the bot on them."""

    slack: SimulatedSlack
    github: SimulatedGitHub
    kubernetes: SimulatedKubernetes
    prometheus: SimulatedPrometheus
    sink: SimulatedSink
    issuer: SimulatedIssuer
    app: App
    pipeline: Pipeline

    @classmethod
    async def set_up(cls, data: Path) -> "Stage":
        """Start everything on loopback; the database and the kubeconfig go into `data`."""
        slack = SimulatedSlack(host_time, asyncio.sleep, signing_secret="demo", team="T123")  # noqa: S106 - the demo's
        github = SimulatedGitHub(host_time, asyncio.sleep)
        kubernetes = SimulatedKubernetes(host_time, asyncio.sleep)
        prometheus = SimulatedPrometheus(
            host_time, asyncio.sleep, lambda *place: pods_of(kubernetes.cluster, *place), scrape=1.0
        )
        sink = SimulatedSink(host_time, asyncio.sleep, key="demo")
        issuer = SimulatedIssuer(host_time, asyncio.sleep)
        for system in (slack, github, kubernetes, prometheus, sink, issuer):
            await system.start()
        catalog = issued_by(
            issuer, _told_to(sink, short(load_catalog(EXAMPLE).catalog, host_time()))
        )
        versions = seed(catalog, slack, github, kubernetes)
        seed_metrics(catalog, prometheus)
        settings = _settings(slack, github, prometheus, data).model_copy(
            update={"kubeconfig": str(kubernetes.kubeconfig(data / "kubeconfig", CONTEXTS))}
        )
        app = App(settings, catalog, limits=LIMITS)
        await app.start()
        slack.app.url = f"{app.url}/slack/events"
        github.hooks.url, github.hooks.secret = f"{app.url}/github/webhooks", "demo"
        await _seed_ledger(app, versions, host_time())
        pipeline = Pipeline(app.url, catalog, issuer, github)
        await pipeline.hand_in(at_the_beginning())
        return cls(slack, github, kubernetes, prometheus, sink, issuer, app, pipeline)

    async def take_down(self) -> None:
        """Stop the bot, then the simulated systems."""
        await self.app.stop()
        await self.slack.app.close()
        behind = (self.kubernetes, self.prometheus, self.sink, self.issuer)
        for system in (self.slack, self.github, *behind):
            await system.stop()


def _told_to(sink: SimulatedSink, catalog: Catalog) -> Catalog:
    """Name the simulated platform as the one that is told of deployments."""
    os.environ[KEY] = sink.key
    sinks = {"platform": HttpSink(url=f"{sink.url}/deployments", secret=KEY)}
    return catalog.model_copy(update={"events": Events(sinks=sinks)})


def _settings(
    slack: SimulatedSlack, github: SimulatedGitHub, prometheus: SimulatedPrometheus, data: Path
) -> Settings:
    return Settings.model_validate(
        {
            "slack_bot_token": slack.token,
            "slack_signing_secret": "demo",
            "slack_api_url": f"{slack.url}/api/",
            "github_token": "demo",
            "github_api_url": github.url,
            "github_webhook_secret": "demo",
            "prometheus_url": prometheus.url,
            "database_url": f"sqlite:///{data}/release-bot.db",
            "host": "127.0.0.1",
            "port": 0,
        }
    )


async def _seed_ledger(
    app: App, versions: dict[tuple[str, str], tuple[str, str]], now: datetime
) -> None:
    """Write down what runs where, as if the bot had been here for a day and more."""
    async with app.store.write() as session:
        for (service, environment), (version, image) in versions.items():
            if await ledger.current(session, service, environment) is not None:
                continue
            entry = ledger.Entry(
                service=service,
                environment=environment,
                version=version,
                slot="blue",
                image=image,
                since=now - timedelta(hours=26),
                source="observed",
            )
            await ledger.replace(session, entry, ended_by="release")


async def by_hand(data: Path) -> None:
    """Let a person use it in a terminal."""
    stage = await Stage.set_up(data)
    try:
        sys.stdout.write(WELCOME + "\n\n")
        colour = sys.stdout.isatty()
        await Terminal(stage.slack.url, CHANNEL, PEOPLE, colour=colour).run()
    finally:
        await stage.take_down()


async def play(data: Path) -> None:
    """Tell the whole story unattended. Raises PlayError where it does not go as it should."""
    stage = await Stage.set_up(data)
    try:
        await Play(stage).run()
    finally:
        await stage.take_down()


class Play:
    """The play-through: six releases, told as the channel shows them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._narrator = Narrator(stage.slack.url, colour=sys.stdout.isatty())

    async def run(self) -> None:
        """Play every scene."""
        async with aiohttp.ClientSession() as session:
            telling = asyncio.create_task(self._tell(session))
            try:
                await self._release_and_roll_back()
                await self._refused_for_its_order()
                await self._stopped_for_a_proof()
                await self._undone_before_traffic()
                await self._taken_back_by_its_metrics()
                await asyncio.sleep(1.2)
                await self._narrator.look(session)
                await self._heard_on_the_platform()
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
        sys.stdout.write("\nThat was the main job. `make demo` lets you try it yourself.\n")

    async def _tell(self, session: aiohttp.ClientSession) -> None:
        while True:
            await self._narrator.look(session)
            await asyncio.sleep(0.1)

    def _scene(self, title: str) -> None:
        sys.stdout.write(f"\n{'─' * 78}\n{title}\n")
        sys.stdout.flush()

    async def _says(self, who: str, text: str) -> None:
        self._narrator.say(who, text)
        command, _, words = text.partition(" ")
        reply = await self._stage.slack.app.slash(PEOPLE[who], command, words, CHANNEL)
        self._expect(reply.status == 200, f"Slack got {reply.status} for {text}")  # noqa: PLR2004 - HTTP

    async def _clicks(self, who: str, label: str, card: Message) -> None:
        button = next((b for b in card.buttons() if b.label == label), None)
        if button is None:
            raise PlayError(f"there is no button {label} on: {card.rendered()}")
        self._narrator.say(who, f"[{label}]")
        reply = await self._stage.slack.app.click(
            PEOPLE[who], CHANNEL, card.ts, button.action_id, button.value
        )
        self._expect(reply.status == 200, f"Slack got {reply.status} for [{label}]")  # noqa: PLR2004 - HTTP

    async def _card(self, words: str, *, button: str | None = None) -> Message:
        """Wait for a card that says this (and has that button)."""
        for _ in range(300):
            for message in reversed(self._stage.slack.space.roots(CHANNEL)):
                labels = [b.label for b in message.buttons()]
                if words in message.rendered() and (button is None or button in labels):
                    # A person reads before they press.
                    await asyncio.sleep(READING)
                    return message
            await asyncio.sleep(0.1)
        raise PlayError(f"no card said {words!r} within 30 s")

    async def _approved(self, headline: str, *people: str) -> None:
        asked = await self._card(headline, button="Approve")
        for person in people:
            await self._clicks(person, "Approve", asked)

    async def _told(self, words: str) -> None:
        """Wait until something was shown to one person alone."""
        for _ in range(100):
            if any(words in m.rendered() for m in self._stage.slack.space.ephemerals):
                await asyncio.sleep(READING)
                return
            await asyncio.sleep(0.1)
        raise PlayError(f"nobody was told {words!r} within 10 s")

    def _expect(self, holds: bool, what: str) -> None:  # noqa: FBT001 - an assertion
        if not holds:
            raise PlayError(what)

    async def _last(self, service: str) -> Release:
        async with self._stage.app.store.read() as session:
            return (await releases.latest(session, service=service, limit=1))[0]

    async def _ended_as(self, service: str, state: str) -> None:
        release = await self._last(service)
        self._expect(release.state.value == state, f"{release.id} is {release.state}, not {state}")

    async def _release_and_roll_back(self) -> None:
        self._scene(
            "1. A release: its proofs, plan, gates, two people's yes, step by step to 100 %."
        )
        await self._says("ana", "/scan trading-decision v2.1.0")
        await self._told("Security score 0.95")
        await self._says("ana", "/release trading-decision v2.1.0 prod")
        asked = await self._card("trading-decision 2.0.5 → 2.1.0", button="Approve")
        await self._clicks("ben", "Approve", asked)
        asked = await self._card("Waiting for security (1 of 2)", button="Approve")
        await self._clicks("dora", "Approve", asked)
        live = await self._card("Live since", button="Roll back")
        await self._ended_as("trading-decision", "succeeded")
        self._scene("2. One click, and the traffic is back.")
        await self._clicks("dan", "Roll back", live)
        await self._card("rollback", button="Cause is mended")
        await self._ended_as("trading-decision", "succeeded")
        self._expect((await self._last("trading-decision")).kind == "rollback", "no rollback")

    async def _refused_for_its_order(self) -> None:
        self._scene("3. A release that the dependency gate refuses: it says what comes first.")
        await self._says("ana", "/release position-sizing v1.10.0 prod")
        card = await self._card("Release it first: /release risk-limits", button="Cancel")
        await self._clicks("ana", "Cancel", card)
        await self._card("Cancelled by", button="⋯ Details")
        await self._ended_as("position-sizing", "cancelled")

    async def _stopped_for_a_proof(self) -> None:
        service, version = UNPROVEN
        self._scene(
            "4. A release that lacks a proof: it says which, and goes on when that has come."
        )
        await self._says("ana", f"/release {service} {version} prod")
        await self._card(f"There is no compliance evidence for {version}", button="Retry")
        report = the_last_one()
        self._narrator.say(report.workflow, f"POST /evidence/{service}/{version}?kind=compliance")
        await self._stage.pipeline.hand_in([report])
        card = await self._card(f"{service} 1.9.2 → 1.10.0", button="Approve")
        await self._clicks("ana", "Cancel", card)
        await self._card("Cancelled by", button="⋯ Details")
        await self._ended_as(service, "cancelled")

    async def _undone_before_traffic(self) -> None:
        self._scene("5. A version that crashes: undone before it takes traffic.")
        await self._says("ana", "/release web-ui v2.0.0 prod")
        await self._approved("web-ui 1.9.2 → 2.0.0", "cyn", "dora")
        await self._card("before traffic moved")
        await self._ended_as("web-ui", "failed")

    async def _taken_back_by_its_metrics(self) -> None:
        self._scene("6. A version that fails more often than the one before: its metrics tell.")
        await self._says("ana", "/release order-management v2.0.0 prod")
        await self._approved("order-management 1.9.2 → 2.0.0", "ben", "dora")
        await self._card("Rolled back at")
        await self._ended_as(JUDGED, "rolled_back")

    async def _heard_on_the_platform(self) -> None:
        self._scene("7. What the platform heard: each scan, start and ending, signed.")
        # Three releases and one rollback began; each is told of twice.
        for _ in range(100):
            if len(self._stage.sink.told) == 8:  # noqa: PLR2004 - see above
                break
            await asyncio.sleep(0.1)
        self._expect(len(self._stage.sink.told) == 8, f"heard {self._stage.sink.told}")  # noqa: PLR2004 - likewise
        for got in self._stage.sink.received:
            said = got.data.get("deployment") or got.data["scan"]
            ending = said.get("status") or said.get("overallScore") or ""
            sys.stdout.write(
                f"    {got.attributes['type']}  {said['serviceName']} {said['version']}  {ending}\n"
            )
