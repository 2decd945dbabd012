"""The vocabulary of the tests: `bot.says`, `bot.clicks`, `bot.until`, … (DESIGN §8).

The real app with its real clients, over real HTTP, against the simulated systems; only the time
is virtual. Nothing is patched. `finish` checks what must hold at the end of every test.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy import func, select
from sqlmodel import col

from bot.app import App, Wrap
from bot.domain.audit import verify
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.engine import proof
from bot.engine.world import Limits
from bot.settings import Settings
from bot.store import (
    approvals,
    audit,
    events,
    host_views,
    inbox,
    ledger,
    protections,
    releases,
)
from bot.store.protection_tables import PROTECTIONS
from bot.store.tables import (
    DELIVERIES,
    HOST_VIEWS,
    CardRow,
    InboxRow,
    OutboxRow,
    ReleaseRow,
    WishRow,
)
from integrations.catalog_file import parse_catalog
from integrations.simulated.github import SimulatedGitHub, Workflow
from integrations.simulated.github.world import RunFailedError
from integrations.simulated.kubernetes import SimulatedKubernetes, seeding
from integrations.simulated.prometheus import Pod, SimulatedPrometheus
from integrations.simulated.sharing import pods_of
from integrations.simulated.slack import Message, SimulatedSlack
from integrations.simulated.slack.app_side import AppReply
from tests.patience import PATIENT
from tests.virtual import VirtualClock

ANA, BEN, CY, DAN, EVE = "U0ANA", "U0BEN", "U0CY", "U0DAN", "U0EVE"
NAMES = {ANA: "ana", BEN: "ben", CY: "cy", DAN: "dan", EVE: "eve"}
CHANNEL = "C0REL"
Traffic = Literal["service", "gateway", "istio", "argo-rollouts"]
REPO = "quantivista/platform"
CATALOG = (Path(__file__).parent / "catalog.yaml").read_text()

QUICK = Limits(
    source=PATIENT,
    cluster=PATIENT,
    measure=PATIENT,
    pod_poll=timedelta(seconds=5),
    bake_poll=timedelta(seconds=15),
    # A little more than the simulated cluster's endpoints and routes lag behind.
    confirm=timedelta(milliseconds=60),
)
"""Few looks: a tick costs real time, whatever the virtual clock says."""

parsed = cache(parse_catalog)
"""Catalogues are values; most tests share one."""

LEASE_LOOK = 0.005
"""Seconds; `STUCK` of them are longer than any lease."""

STUCK = 2000
"""Turns after which a test is told that nothing happens any more."""


class Due(NamedTuple):
    """When the next of each kind is due, and whether a wish to go back waits for nobody."""

    command: datetime | None
    release: datetime | None
    card: datetime | None
    message: datetime | None
    back: int
    event: datetime | None
    view: datetime | None
    gate: datetime | None

    @property
    def mail(self) -> datetime | None:
        return soonest(self.card, self.message)


def soonest(*times: datetime | None) -> datetime | None:
    return min((t for t in times if t is not None), default=None)


# One statement, since the tester asks it before and after each turn.
DUE = select(
    select(func.min(InboxRow.due_at)).scalar_subquery(),
    select(func.min(ReleaseRow.due_at)).scalar_subquery(),
    select(func.min(CardRow.due_at)).scalar_subquery(),
    select(func.min(OutboxRow.due_at)).scalar_subquery(),
    select(func.count())
    .select_from(WishRow)
    .where(col(WishRow.kind) == "rollback", col(WishRow.taken_at).is_(None))
    .scalar_subquery(),
    select(func.min(DELIVERIES.c.due_at)).where(events.IS_HEAD).scalar_subquery(),
    select(func.min(HOST_VIEWS.c.due_at)).scalar_subquery(),
    select(func.min(PROTECTIONS.c.due_at)).scalar_subquery(),
)


@dataclass
class World:
    """The simulated systems, which outlive the bot's crashes."""

    clock: VirtualClock
    slack: SimulatedSlack
    github: SimulatedGitHub
    kubernetes: SimulatedKubernetes
    prometheus: SimulatedPrometheus
    starved: set[tuple[str, str, str]] = field(default_factory=set)
    """Slots, by namespace and service, that get no requests, whatever the route says."""

    def _pods(self, namespace: str, service: str) -> list[Pod]:
        found = pods_of(self.kubernetes.cluster, namespace, service)
        return [
            replace(pod, share=0.0) if (namespace, service, pod.slot) in self.starved else pod
            for pod in found
        ]

    @classmethod
    async def made(cls, clock: VirtualClock | None = None) -> "World":
        clock = clock or VirtualClock()
        slack = SimulatedSlack(clock.now, clock.sleep, signing_secret="shh")
        kubernetes = SimulatedKubernetes(clock.now, clock.sleep)
        world = cls(
            clock,
            slack,
            SimulatedGitHub(clock.now, clock.sleep),
            kubernetes,
            SimulatedPrometheus(clock.now, clock.sleep, lambda *place: world._pods(*place)),  # noqa: PLW0108 - it is being made
        )
        for user, name in NAMES.items():
            slack.add_user(user, name, guest=user == EVE)
        slack.add_channel(CHANNEL, "releases")
        slack.add_group("S0MAN", [BEN, CY])
        for system in (slack, world.github, world.kubernetes, world.prometheus):
            await system.start()
        return world

    def seed(self) -> None:
        """Two services in two environments, all well."""
        github, cluster = self.github, self.kubernetes.cluster
        for tag in ("v1.9.0", "v2.0.5"):
            github.seed_release(REPO, tag, commits=[("ana", tag)], checks=("unit-tests", "e2e"))
        commits = [("ana", "Faster"), ("dan", "Safer")]
        github.seed_release(
            REPO, "v2.1.0", commits=commits, checks=("unit-tests", "e2e"), annotated=True
        )
        github.add_workflow(REPO, Workflow("deploy.yml", duration=30, on_success=self._deployed))
        github.add_workflow(REPO, Workflow("smoke.yml", duration=10, junit=(42, 0, 0)))
        for namespace in ("staging", "production"):
            running = "v2.1.0" if namespace == "staging" else "v2.0.5"
            kinds: tuple[tuple[str, Traffic], ...] = (
                ("payments", "service"),
                ("orders", "gateway"),
            )
            for service, kind in kinds:
                seeding.seed_blue_green(
                    cluster,
                    namespace,
                    service,
                    f"quantivista/{service}:{running}",
                    other_image=f"quantivista/{service}:v1.9.0",
                    traffic=kind,
                )
            seeding.seed_blue_green(cluster, namespace, "config", "quantivista/config:v1.9.0")

    def _deployed(self, run: object) -> None:
        inputs: dict[str, str] = run.inputs  # type: ignore[attr-defined]
        service, slot = inputs["service"], inputs["slot"]
        image = f"quantivista/{service}:{inputs['version']}"
        cluster, name = self.kubernetes.cluster, f"{service}-{slot}"
        if cluster.objects.find("deployments", inputs["environment"], name) is None:
            raise RunFailedError
        cluster.deploy(inputs["environment"], name, image)

    async def stop(self) -> None:
        await self.slack.app.close()
        for system in (self.slack, self.github, self.kubernetes, self.prometheus):
            await system.stop()


@dataclass
class Bot:
    """One bot on one world and one database."""

    world: World
    database: str
    folder: Path
    catalog: str = CATALOG
    limits: Limits = field(default_factory=lambda: QUICK)
    wrap: Wrap | None = None
    io_seconds: float = PATIENT
    by_socket: bool = False
    """Socket Mode, and nothing that comes inward: no webhooks either."""
    settings: dict[str, object] = field(default_factory=dict)
    """Settings that differ from the usual ones."""
    app: App = field(init=False)

    async def start(self) -> "Bot":
        kubeconfig = self.world.kubernetes.kubeconfig(self.folder / "kubeconfig", ["main"])
        settings = Settings(
            slack_bot_token=self.world.slack.token,
            slack_app_token=self.world.slack.app_token if self.by_socket else None,
            slack_signing_secret=None if self.by_socket else "shh",
            slack_api_url=f"{self.world.slack.url}/api/",
            github_token="t",
            github_api_url=self.world.github.url,
            github_webhook_secret=None if self.by_socket else "hook",
            kubeconfig=str(kubeconfig),
            prometheus_url=self.world.prometheus.url,
            database_url=self.database,
            port=0,
        ).model_copy(update=self.settings)
        catalog = parsed(self.catalog).catalog
        self.app = App(
            settings,
            catalog,
            clock=self.world.clock,
            limits=self.limits,
            wrap=self.wrap,
            io_seconds=self.io_seconds,
        )
        await self.app.start(loops=False)
        self.world.slack.app.url = f"{self.app.url}/slack/events"
        if self.by_socket:
            await self._connected()
            return self
        hooks = self.world.github.hooks
        hooks.url, hooks.secret = f"{self.app.url}/github/webhooks", "hook"
        return self

    async def _connected(self, connections: int = 2) -> None:
        """Wait, in real time, until the bot has opened its connections to Slack."""
        self.world.slack.app.by_socket = True
        async with asyncio.timeout(60):
            while len(self.world.slack.app.sockets.open) < connections:  # noqa: ASYNC110 - no bell
                await asyncio.sleep(0.01)

    async def crashes_and_restarts(self) -> None:
        """Drop the process as it is, and start another on the same database."""
        await self._drop()
        async with self.app.store.write() as session:
            await inbox.release_all(session)
            await events.release_all(session)
            await host_views.release_all(session)
            await protections.release_all(session)
        await self.start()

    async def _drop(self) -> None:
        runner = self.app._runner
        if runner is not None:
            await runner.cleanup()
        for connections in self.app._sockets:
            connections.cancel()
        await asyncio.gather(*self.app._sockets, return_exceptions=True)
        tasks = [*self.app.reconciler._at_work.values(), *self.app.reconciler._back.values()]
        for task in [*tasks, *self.app.inbox._at_work]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        app = self.app
        for loop in (app.events, app.host_views, app.protection, app.outbox):
            await loop.at_work.end(0)
        await self.app.close()

    # People.

    async def says(self, text: str, by: str = ANA, *, thread: str | None = None) -> AppReply:
        """Somebody says it: a slash command, or with a thread a mention there."""
        if text.startswith("/"):
            command, _, words = text.partition(" ")
            reply = await self.world.slack.app.slash(by, command, words, CHANNEL)
        else:
            reply = await self.world.slack.app.mention(by, CHANNEL, text, thread)
        await self.works()
        return reply

    async def clicks(
        self, label: str, by: str = ANA, *, release: str | None = None, settle: bool = True
    ) -> AppReply:
        """Somebody presses the button of the newest card, or of a release's."""
        message = self.card_message(release)
        found = [b for b in message.buttons() if b.label == label]
        assert found, f"no button {label!r} on:\n{message.rendered()}"
        button = found[0]
        reply = await self.world.slack.app.click(
            by, CHANNEL, message.ts, button.action_id, button.value
        )
        if settle:
            await self.works()
        return reply

    async def presses_old(self, action: str, value: str, by: str = ANA) -> AppReply:
        """Somebody presses a button that the card no longer shows."""
        ts = self.card_message().ts
        reply = await self.world.slack.app.click(by, CHANNEL, ts, action, value)
        await self.works()
        return reply

    # The work.

    async def works(self) -> Due:
        """Do all that is due at this moment; say what is due next."""
        for _ in range(STUCK):
            due = await self._due()
            if not await self._turn(due) and not await self._gate(due):
                break
        while self._has_come(due.event) and await self.app.events.send_due():
            await self.app.events.settle()
            due = await self._due()
        while self._has_come(due.view) and await self.app.host_views.send_due():
            await self.app.host_views.settle()
            due = await self._due()
        if not self._has_come(due.mail):
            return due
        await self._mails()
        return await self._due()

    async def _mails(self) -> None:
        await self.app.outbox.send_due()
        await self.app.outbox.settle()

    async def _turn(self, due: Due) -> int:
        """Let the commands and the releases that are due have a turn; count what began."""
        begun = await self.app.inbox.start_due() if self._has_come(due.command) else 0
        await self.app.inbox.settle()
        # Whatever a command was, it may have made a release due.
        if begun or due.back or self._has_come(due.release):
            begun += await self.app.reconciler.start_due()
        await self.app.reconciler.settle()
        return begun

    async def _gate(self, due: Due) -> int:
        """Let what waits at GitHub's gate be looked at; that may make a release due."""
        begun = await self.app.protection.send_due() if self._has_come(due.gate) else 0
        await self.app.protection.settle()
        return begun

    def _has_come(self, moment: datetime | None) -> bool:
        return moment is not None and moment <= self.world.clock.now()

    async def _due(self) -> Due:
        async with self.app.store.read() as session:
            connection = await session.connection()
            return Due(*await connection.run_sync(lambda sync: sync.execute(DUE).one()))

    def _times(self, due: Due) -> tuple[datetime | None, ...]:
        """When each kind of thing is due next, in the bot and in the world."""
        next_sleeper = self.world.clock.next_sleeper()
        return due.command, due.release, due.mail, due.event, due.view, due.gate, next_sleeper

    async def _blocked(self, due: Due) -> datetime:
        """Say when something may go on where what is due did not begin.

        After a fault a release is left alone for a while. Else a lease is in the way, and those
        are real time.
        """
        now = self.world.clock.now()
        async with self.app.store.read() as session:
            waiting = [release for release, _, _ in await releases.due(session, now)]
        rests = [self.app.reconciler._bugs.get(release, now) for release in waiting]
        if rests and min(rests) > now:
            return min(rests + [t for t in self._times(due) if t is not None and t > now])
        await asyncio.sleep(LEASE_LOOK)
        return now

    async def step(
        self, limit: timedelta = timedelta(hours=2), due: Due | None = None
    ) -> Due | None:
        """Go to the next moment at which something is due; None where nothing is.

        `due`: what the turn before this one said, if nothing happened since.
        """
        due = due or await self._due()
        moment = soonest(*self._times(due))
        if moment is None:
            return None
        clock = self.world.clock
        if moment <= clock.now():
            moment = await self._blocked(due)
        target = max(moment, clock.now() + timedelta(milliseconds=1))
        if target - clock.now() > limit:
            return None
        await clock.advance_to(target)
        while self.world.github.delivering:  # noqa: ASYNC110 - a webhook rings no bell
            await asyncio.sleep(0.001)
        return await self.works()

    async def until(
        self, what: str | Callable[[Release], bool], release: str | None = None
    ) -> Release:
        """Let time pass until the newest release is in that state, or satisfies that."""
        due: Due | None = await self.works()
        for _ in range(STUCK):
            found = await self.release(release)
            if found.state.value == what if isinstance(what, str) else what(found):
                await self.settles()
                return await self.release(release)
            due = await self.step(due=due)
            if due is None:
                break
        found = await self.release(release)
        raise AssertionError(
            f"{found.id} is {found.state} ({found.reason}: {found.detail}; "
            f"{found.progress}), not {what}\n{self.thread(found.id)}"
        )

    async def settles(self, seconds: float = 10.0) -> None:
        """Let what is said reach Slack."""
        end = self.world.clock.now() + timedelta(seconds=seconds)
        for _ in range(STUCK):
            due = (await self._due()).mail
            if due is None or due > end:
                return
            await self.world.clock.advance_to(max(due, self.world.clock.now()))
            await self._mails()

    async def passes(self, duration: timedelta) -> None:
        """Let that much time pass, doing what falls due on the way."""
        clock = self.world.clock
        end = clock.now() + duration
        for _ in range(STUCK):
            if clock.now() >= end or await self.step(end - clock.now()) is None:
                break
        await clock.advance_to(max(end, clock.now()))
        await self.works()

    # Looking.

    async def all_releases(self) -> list[Release]:
        async with self.app.store.read() as session:
            return await releases.latest(session, limit=100)

    async def release(self, release_id: str | None = None) -> Release:
        """The newest release, or a given one."""
        async with self.app.store.read() as session:
            if release_id is None:
                found = next(iter(await releases.latest(session, limit=1)), None)
            else:
                found = await releases.get(session, release_id)
        assert found, "there is no such release"
        return found

    def card_message(self, release: str | None = None) -> Message:
        roots = self._cards()
        if release is not None:
            roots = [m for m in roots if release in m.text.split("\n")[0]]
        assert roots, "there is no card"
        return roots[-1]

    def _cards(self) -> list[Message]:
        roots = self.world.slack.space.roots(CHANNEL)
        return [m for m in roots if m.author == "bot" and "· rel-" in m.text.split("\n")[0]]

    def card(self, release: str | None = None) -> str:
        """The newest card as a person reads it."""
        return self.card_message(release).rendered(self.world.slack.space.name_of)

    def thread(self, release: str | None = None) -> str:
        """The thread under a card."""
        roots = self._cards()
        if release is not None:
            roots = [m for m in roots if release in m.text.split("\n")[0]]
        if not roots:
            return "(no card)"
        replies = self.world.slack.space.replies(CHANNEL, roots[-1].ts)
        said = [m for m in replies if m.author == "bot"]
        return "\n".join(m.rendered(self.world.slack.space.name_of) for m in said)

    def told(self, user: str = ANA) -> str:
        """What was shown to one person only, last."""
        own = [m for m in self.world.slack.space.ephemerals if m.user == user]
        return own[-1].rendered(self.world.slack.space.name_of) if own else ""

    def live(self, service: str, namespace: str = "production") -> str | None:
        return seeding.live_slot(self.world.kubernetes.cluster, namespace, service)

    def image(self, deployment: str, namespace: str = "production") -> str:
        return seeding.image(self.world.kubernetes.cluster, namespace, deployment)

    async def runs(self, service: str, environment: str = "production") -> str | None:
        async with self.app.store.read() as session:
            entry = await ledger.current(session, service, environment)
        return entry.version if entry else None

    async def votes(self, release_id: str) -> int:
        async with self.app.store.read() as session:
            return len(await approvals.of(session, release_id))

    def traffic_changes(self) -> list[object]:
        """Every write to what carries traffic that the cluster accepted from the bot."""
        return [
            e
            for e in self.world.kubernetes.cluster.effects
            if e.kind in ("services", "httproutes", "virtualservices", "rollouts")
            and not e.name.endswith("-preview")
            and not e.by_hand
        ]

    async def finish(self) -> None:
        """What must hold at the end of every test."""
        async with self.app.store.read() as session:
            chain = [link async for link in audit.chain(session)]
            head = await audit.head(session)
            anchors, _ = await proof.read_anchors(session)
        fault = verify(chain, head, anchors.begin)
        assert fault is None, fault
        await self.app.reconciler.settle()
        await self.app.inbox.settle()
        await self.app.stop()


def ended(release: Release) -> bool:
    return release.ended


__all__ = ["ANA", "BEN", "CHANNEL", "CY", "DAN", "EVE", "REPO", "Bot", "State", "World", "ended"]
