"""Lets a release happen while its bot is killed again and again; then looks what really happened.

The simulated systems and the people live in this process, on real time; the bot in another.
What must hold is read from the simulated systems' own logs, never from the bot's.
"""

import asyncio
import contextlib
import itertools
import multiprocessing
import random
import socket
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.domain.audit import verify
from bot.domain.releases import Release
from bot.store import audit, releases
from bot.store.session import Store
from integrations.simulated.kubernetes import Behaviour, seeding
from integrations.simulated.slack import Message
from integrations.simulated.slack.app_side import AppReply
from tests.chaos.victim import Orders, run
from tests.tester import ANA, BEN, CATALOG, CHANNEL, DAN, REPO, World

FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tests.chaos.victim"])

QUICK = CATALOG.replace("bake: 30s, watch: 1m", "bake: 1s, watch: 1s").replace(
    "watch: 30s", "watch: 1s"
)
PATIENCE = 120.0


class RealClock:
    """Real time for the simulated systems."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - these processes share real time

    def real(self) -> datetime:
        return self.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Scene:
    """One release and its bot, which dies every few boundaries until `kills` is used up."""

    folder: Path
    database: str
    seed: int
    service: str
    story: str
    """`success`, `rollback` (after success), `back` (while it runs) or `crash`."""
    kills: int
    killed: int = 0
    world: World = field(init=False)
    _process: Any = None
    _port: int = 0

    async def play(self) -> None:
        """Live through it and check what must hold."""
        self.world = await World.made(RealClock())  # type: ignore[arg-type]
        self.world.seed()
        self._quicken()
        self._port = free_port()
        self.world.slack.app.url = f"http://127.0.0.1:{self._port}/slack/events"
        hooks = self.world.github.hooks
        hooks.url, hooks.secret = f"http://127.0.0.1:{self._port}/github/webhooks", "hook"
        chance = random.Random(self.seed)  # noqa: S311 - chance, not secrets
        keeper = asyncio.create_task(self._keep_alive(chance))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._tell()
        except TimeoutError:
            pytest.fail(f"nothing more happens after {self.killed} kills:\n{self._seen()}")
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            self._end_process()
            await self.world.stop()
        await self._check()

    def _quicken(self) -> None:
        cluster, github = self.world.kubernetes.cluster, self.world.github
        cluster.ready_after = 0.2
        github.budget = {"limit": 10**6, "remaining": 10**6}
        for workflow in github.repository(REPO).workflows.values():
            workflow.queue, workflow.duration = 0.1, 0.3
            workflow.listing_delay, workflow.dedupes = 0.3, False
        if self.story == "crash":
            cluster.behaves(f"^quantivista/{self.service}:v2.1.0$", Behaviour("crashes"))
            # What runs in staging was there before it was bad.
            cluster.deploy(
                "staging", f"{self.service}-blue", f"mirror/quantivista/{self.service}:v2.1.0"
            )
            cluster.age("staging", f"{self.service}-blue", 7200)

    # The process.

    async def _keep_alive(self, chance: random.Random) -> None:
        """Start the bot whenever it is dead; let it die at some boundary soon."""
        while True:
            kill_at = chance.randint(1, 14) if self.killed < self.kills else None
            process: Any = FORK.Process(target=run, args=(self._orders(kill_at),), daemon=True)
            process.start()
            self._process = process
            while process.is_alive():  # noqa: ASYNC110 - a process rings no bell
                await asyncio.sleep(0.01)
            assert process.exitcode == -9, f"the bot ended by itself: {process.exitcode}"
            self.killed += 1

    def _orders(self, kill_at: int | None) -> Orders:
        world = self.world
        settings = {
            "slack_bot_token": world.slack.token,
            "slack_signing_secret": "shh",
            "slack_api_url": f"{world.slack.url}/api/",
            "github_token": "t",
            "github_api_url": world.github.url,
            "github_webhook_secret": "hook",
            "kubeconfig": str(world.kubernetes.kubeconfig(self.folder / "kubeconfig", ["main"])),
            "database_url": self.database,
            "port": self._port,
        }
        return Orders(settings, QUICK, kill_at, str(self.folder / "trace"))

    def _end_process(self) -> None:
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join()

    # The people. What Slack got no answer to is sent again, as Slack does: the very bytes.

    async def _tell(self) -> None:
        await self._insist(self._says(f"{self.service} v2.1.0 prod"))
        await self._press("Approve", BEN)
        if self.story == "back":
            await self._press("Roll back", DAN)
        elif self.story == "rollback":
            await self._until(lambda text: "Live since" in text)
            await self._press("Roll back", DAN)
            await self._until(lambda text: "· rollback ·" in text and "held back" in text)
        ending = {"success": "Live since", "back": "Rolled back", "crash": "Failed at"}
        if self.story in ending:
            await self._until(lambda text: ending[self.story] in text)
        # Those kills that are left may strike while the last words are said.
        await asyncio.sleep(1.5)
        await self._silence()

    def _says(self, words: str) -> Any:
        return lambda: self.world.slack.app.slash(ANA, "/release", words, CHANNEL)

    async def _insist(self, send: Any) -> None:
        reply: AppReply = await send()
        while reply.status != 200:
            await asyncio.sleep(0.05)
            if self._listening():
                reply = await self.world.slack.app.again()

    def _listening(self) -> bool:
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    async def _press(self, label: str, by: str) -> None:
        message = await self._until(lambda _: True, label)
        button = next(b for b in message.buttons() if b.label == label)
        slack = self.world.slack.app
        await self._insist(
            lambda: slack.click(by, CHANNEL, message.ts, button.action_id, button.value)
        )

    async def _until(self, says: Any, label: str | None = None) -> Message:
        while True:
            for message in reversed(self.world.slack.space.roots(CHANNEL)):
                labels = [b.label for b in message.buttons()]
                if says(message.text) and (label is None or label in labels):
                    return message
            await asyncio.sleep(0.02)

    async def _silence(self) -> None:
        """Wait until nothing is left to say."""
        while True:
            before = self.world.slack.space.serial
            await asyncio.sleep(2.5)
            if self.world.slack.space.serial == before and self._listening():
                return

    def _seen(self) -> str:
        space = self.world.slack.space
        roots = space.roots(CHANNEL)
        told = [m.text for root in roots for m in (root, *space.replies(CHANNEL, root.ts))]
        return "\n".join(told)

    # What must hold.

    async def _check(self) -> None:
        found = await self._stored()
        ids = {r.id for r in found}
        # A click that comes after the end of the release makes a rollback of its own.
        expected = {"success": {1}, "rollback": {2}, "back": {1, 2}, "crash": {1}}[self.story]
        assert len(ids) in expected, [(r.id, r.state) for r in found]
        assert all(r.ended for r in found), [(r.id, r.state) for r in found]
        self._check_dispatches()
        self._check_traffic()
        self._check_slack(ids)

    async def _stored(self) -> list[Release]:
        store = Store(self.database)
        async with store.read() as session:
            found = await releases.latest(session)
            chain = [link async for link in audit.chain(session)]
            head = await audit.head(session)
        await store.close()
        assert verify(chain, head) is None
        return found

    def _check_dispatches(self) -> None:
        started = Counter(
            (r.workflow, r.inputs["release_id"]) for r in self.world.github.dispatches
        )
        assert all(count == 1 for count in started.values()), started
        made = self.world.github.repository(REPO).deployments.values()
        shown = Counter(row["payload"].get("release_bot") for row in made)
        assert all(count == 1 for count in shown.values()), shown

    def _check_traffic(self) -> None:
        cluster = self.world.kubernetes.cluster
        live = seeding.live_slot(cluster, "production", self.service)
        assert live == ("green" if self.story == "success" else "blue")
        moves = [
            e
            for e in cluster.effects
            if e.namespace == "production"
            and e.kind in ("services", "httproutes")
            and e.name == self.service
        ]
        specs = [str(e.after["spec"]) if e.after else "" for e in moves]
        assert all(a != b for a, b in itertools.pairwise(specs)), "moved twice"
        images = Counter(
            seeding.other("") + str(e.after["spec"]["template"]["spec"]["containers"][0]["image"])
            for e in cluster.effects
            if e.kind == "deployments" and not e.by_hand and e.after
        )
        assert all(count <= 2 for count in images.values()), images

    def _check_slack(self, ids: set[str]) -> None:
        space = self.world.slack.space
        cards = [m for m in space.roots(CHANNEL) if m.author == "bot" and "· rel-" in m.text]
        shown = Counter(next(i for i in ids if i in m.text.split("\n")[0]) for m in cards)
        assert all(count == 1 for count in shown.values()), shown
        for card in cards:
            said = "\n".join(m.text for m in space.replies(CHANNEL, card.ts)).splitlines()
            # A route may be retried in words, but no turn of the story is told twice.
            doubled = [line for line, count in Counter(said).items() if count > 1]
            assert not doubled, doubled


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
