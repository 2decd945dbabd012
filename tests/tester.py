"""The vocabulary of the tests: `bot.says`, `bot.clicks`, `bot.until`, … (DESIGN §8).

The real app with its real clients, over real HTTP, against the simulated systems; only the time
is virtual. Nothing is patched. `finish` checks what must hold at the end of every test.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from bot.app import App, Wrap
from bot.domain.audit import verify
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.engine.world import Limits
from bot.settings import Settings
from bot.store import approvals, audit, cards, inbox, ledger, outbox, releases
from integrations.catalog_file import parse_catalog
from integrations.simulated.github import SimulatedGitHub, Workflow
from integrations.simulated.kubernetes import SimulatedKubernetes, seeding
from integrations.simulated.slack import Message, SimulatedSlack
from integrations.simulated.slack.app_side import AppReply
from tests.virtual import VirtualClock

ANA, BEN, CY, DAN, EVE = "U0ANA", "U0BEN", "U0CY", "U0DAN", "U0EVE"
NAMES = {ANA: "ana", BEN: "ben", CY: "cy", DAN: "dan", EVE: "eve"}
CHANNEL = "C0REL"
Traffic = Literal["service", "gateway"]
REPO = "quantivista/platform"
CATALOG = (Path(__file__).parent / "catalog.yaml").read_text()

QUICK = Limits(
    source=2.0, cluster=2.0, pod_poll=timedelta(seconds=5), bake_poll=timedelta(seconds=15)
)
"""Few looks: a tick costs real time, whatever the virtual clock says."""

STUCK = 2000
"""Turns after which a test is told that nothing happens any more."""


@dataclass
class World:
    """The simulated systems, which outlive the bot's crashes."""

    clock: VirtualClock
    slack: SimulatedSlack
    github: SimulatedGitHub
    kubernetes: SimulatedKubernetes

    @classmethod
    async def made(cls, clock: VirtualClock | None = None) -> "World":
        clock = clock or VirtualClock()
        slack = SimulatedSlack(clock.now, clock.sleep, signing_secret="shh")
        world = cls(
            clock,
            slack,
            SimulatedGitHub(clock.now, clock.sleep),
            SimulatedKubernetes(clock.now, clock.sleep),
        )
        for user, name in NAMES.items():
            slack.add_user(user, name, guest=user == EVE)
        slack.add_channel(CHANNEL, "releases")
        slack.add_group("S0MAN", [BEN, CY])
        for system in (slack, world.github, world.kubernetes):
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
        self.kubernetes.cluster.deploy(inputs["environment"], f"{service}-{slot}", image)

    async def stop(self) -> None:
        await self.slack.app.close()
        for system in (self.slack, self.github, self.kubernetes):
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
    io_seconds: float = 2.0
    app: App = field(init=False)

    async def start(self) -> "Bot":
        kubeconfig = self.world.kubernetes.kubeconfig(self.folder / "kubeconfig", ["main"])
        settings = Settings(
            slack_bot_token=self.world.slack.token,
            slack_signing_secret="shh",
            slack_api_url=f"{self.world.slack.url}/api/",
            github_token="t",
            github_api_url=self.world.github.url,
            github_webhook_secret="hook",
            kubeconfig=str(kubeconfig),
            database_url=self.database,
            port=0,
        )
        catalog = parse_catalog(self.catalog).catalog
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
        hooks = self.world.github.hooks
        hooks.url, hooks.secret = f"{self.app.url}/github/webhooks", "hook"
        return self

    async def crashes_and_restarts(self) -> None:
        """Drop the process as it is, and start another on the same database."""
        await self._drop()
        async with self.app.store.write() as session:
            await inbox.release_all(session)
        await self.start()

    async def _drop(self) -> None:
        runner = self.app._runner
        if runner is not None:
            await runner.cleanup()
        tasks = [*self.app.reconciler._at_work.values(), *self.app.reconciler._back.values()]
        for task in [*tasks, *self.app.inbox._at_work]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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

    async def works(self) -> None:
        """Do all that is due at this moment."""
        for _ in range(STUCK):
            done = await self.app.inbox.start_due()
            await self.app.inbox.settle()
            done += await self.app.reconciler.start_due()
            await self.app.reconciler.settle()
            if not done:
                break
        await self.app.outbox.send_due()

    async def _next(self) -> datetime | None:
        async with self.app.store.read() as session:
            times = [
                await releases.next_due(session),
                await inbox.next_due(session),
                await cards.next_due(session),
                await outbox.next_due(session),
            ]
        times.append(self.world.clock.next_sleeper())
        return min((t for t in times if t is not None), default=None)

    async def step(self, limit: timedelta = timedelta(hours=2)) -> bool:
        """Go to the next moment at which something is due; False where nothing is."""
        due = await self._next()
        if due is None:
            return False
        clock = self.world.clock
        target = max(due, clock.now() + timedelta(milliseconds=1))
        if target - clock.now() > limit:
            return False
        await clock.advance_to(target)
        while self.world.github.delivering:  # noqa: ASYNC110 - a webhook rings no bell
            await asyncio.sleep(0.001)
        await self.works()
        return True

    async def until(
        self, what: str | Callable[[Release], bool], release: str | None = None
    ) -> Release:
        """Let time pass until the newest release is in that state, or satisfies that."""
        await self.works()
        for _ in range(STUCK):
            found = await self.release(release)
            if found.state.value == what if isinstance(what, str) else what(found):
                await self.settles()
                return await self.release(release)
            if not await self.step():
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
            async with self.app.store.read() as session:
                times = [await cards.next_due(session), await outbox.next_due(session)]
            due = min((t for t in times if t is not None), default=None)
            if due is None or due > end:
                return
            await self.world.clock.advance_to(max(due, self.world.clock.now()))
            await self.app.outbox.send_due()

    async def passes(self, duration: timedelta) -> None:
        """Let that much time pass, doing what falls due on the way."""
        end = self.world.clock.now() + duration
        for _ in range(STUCK):
            due = await self._next()
            if due is None or due > end:
                break
            await self.step(duration)
        await self.world.clock.advance_to(end)
        await self.works()

    # Looking.

    async def all_releases(self) -> list[Release]:
        async with self.app.store.read() as session:
            return await releases.latest(session, limit=100)

    async def release(self, release_id: str | None = None) -> Release:
        """The newest release, or a given one."""
        found = await self.all_releases()
        assert found, "there is no release"
        if release_id is None:
            return found[0]
        return next(r for r in found if r.id == release_id)

    def card_message(self, release: str | None = None) -> Message:
        roots = self._cards()
        if release is not None:
            roots = [m for m in roots if release in m.text.split("\n")[0]]
        assert roots, "there is no card"
        return roots[-1]

    def _cards(self) -> list[Message]:
        roots = self.world.slack.space.roots(CHANNEL)
        return [m for m in roots if m.author == "bot" and "· rel-" in m.text]

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
            if e.kind in ("services", "httproutes")
            and not e.name.endswith("-preview")
            and not e.by_hand
        ]

    async def finish(self) -> None:
        """What must hold at the end of every test."""
        async with self.app.store.read() as session:
            chain = [link async for link in audit.chain(session)]
            head = await audit.head(session)
        fault = verify(chain, head)
        assert fault is None, fault
        await self.app.reconciler.settle()
        await self.app.inbox.settle()
        await self.app.stop()


def ended(release: Release) -> bool:
    return release.ended


__all__ = ["ANA", "BEN", "CHANNEL", "CY", "DAN", "EVE", "REPO", "Bot", "State", "World", "ended"]
