"""Three replicas on one PostgreSQL, many releases, and all kinds of bad luck at once.

Replicas are killed, frozen for longer than their leases, and the database is restarted under
them. People and the simulated systems live in this process, on real time. What must hold is read
from the simulated systems' own logs and from the record.
"""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bot.domain.audit import verify
from bot.domain.lifecycle import ENDINGS, State
from bot.domain.releases import Release
from bot.store import audit, releases
from bot.store.session import Store
from integrations.simulated.github import Workflow
from integrations.simulated.kubernetes import seeding
from integrations.simulated.slack import Message
from integrations.simulated.slack.app_side import AppReply
from tests.chaos.driver import FORK, RealClock, free_port
from tests.chaos.victim import Orders, run
from tests.conftest import start_again
from tests.tester import ANA, CATALOG, REPO, World

REPLICAS = 3
FROZEN_SECONDS = 6.0
"""Longer than a lease and a renewal."""

MEASURED = 0.5
"""Share of the kills after which nothing else strikes until the work was taken over."""

PATIENCE = 1500.0

MORE_ROUNDS = 40
"""So many releases may follow, a service, where a fast machine met too little bad luck."""


@dataclass
class Fleet:
    """The replicas and what they are put through. `takeovers`: seconds from a death to the next.

    `least`: how often bad luck strikes at least.
    """

    folder: Path
    server: Any
    database: str
    services: int
    rounds: int
    seed: int
    least: int = 2
    luck: Counter[str] = field(default_factory=Counter)
    takeovers: list[float] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    world: World = field(init=False)
    _processes: list[Any] = field(default_factory=list)
    _ports: list[int] = field(default_factory=list)
    _frozen: set[int] = field(default_factory=set)

    async def play(self) -> None:
        """Let every release happen, with bad luck all the time; then look what really happened."""
        self.chance = random.Random(self.seed)  # noqa: S311 - chance, not secrets
        self.store = Store(self.database)
        self.world = await World.made(RealClock())  # type: ignore[arg-type]
        self.names = [f"svc-{number}" for number in range(self.services)]
        self._seed()
        for _ in range(REPLICAS):
            self._ports.append(free_port())
            self._processes.append(self._born(len(self._ports) - 1))
        await self._answering()
        trouble = asyncio.create_task(self._trouble())
        try:
            async with asyncio.timeout(PATIENCE):
                owners = asyncio.gather(*(self._owner_of(name) for name in self.names))
                # Bad luck never ends by itself: where it broke, nobody need wait for the releases.
                both: tuple[asyncio.Future[Any], ...] = (owners, trouble)
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if trouble.done():
                    await trouble
                await owners
        finally:
            trouble.cancel()
            await asyncio.gather(trouble, return_exceptions=True)
        await self._thaw_all()
        await self._quiet()
        await self._check()
        await self._end()

    # The world.

    def _seed(self) -> None:
        github, cluster = self.world.github, self.world.kubernetes.cluster
        cluster.ready_after = 0.2
        self.world.slack.rates.on = True
        github.budget = {"limit": 10**6, "remaining": 10**6}
        for tag in (self._tag(number) for number in range(self.rounds + MORE_ROUNDS + 1)):
            github.seed_release(REPO, tag, commits=[("ana", tag)], checks=())
        github.add_workflow(
            REPO,
            Workflow("deploy.yml", queue=0.1, duration=0.3, on_success=self.world._deployed),
        )
        github.repository(REPO).workflows["deploy.yml"].dedupes = False
        for name in self.names:
            self.world.slack.add_channel(self._channel(name), name)
            image = f"quantivista/{name}:{self._tag(0)}"
            seeding.seed_blue_green(cluster, "staging", name, image)

    def _tag(self, number: int) -> str:
        return f"v3.{number}.0"

    def _channel(self, name: str) -> str:
        return "C" + name.upper().replace("-", "0")

    def _catalog(self) -> str:
        channels = ", ".join(self._channel(name) for name in self.names)
        head = CATALOG.replace("channels: [C0REL]", f"channels: [{channels}]")
        entries = [
            f'  {name}:\n    image: "quantivista/{name}:{{version}}"\n    smoke:\n'
            + ("    deploy: {kubernetes: set-image}\n" if number % 2 else "")
            + "    strategy: {kind: blue-green, traffic: service, watch: 1s}\n"
            for number, name in enumerate(self.names)
        ]
        return head + "".join(entries)

    # The replicas.

    def _born(self, number: int) -> Any:
        world = self.world
        config = world.kubernetes.kubeconfig(self.folder / f"kubeconfig-{number}", ["main"])
        settings = {
            "slack_bot_token": world.slack.token,
            "slack_signing_secret": "shh",
            "slack_api_url": f"{world.slack.url}/api/",
            "github_token": "t",
            "github_api_url": world.github.url,
            "github_webhook_secret": "hook",
            "kubeconfig": str(config),
            "database_url": self.database,
            "port": self._ports[number],
        }
        orders = Orders(settings, self._catalog(), None, str(self.folder / f"trace-{number}"))
        process: Any = FORK.Process(target=run, args=(orders,), daemon=True)
        process.start()
        return process

    async def _answering(self) -> None:
        while not self._able():  # noqa: ASYNC110 - a process rings no bell
            await asyncio.sleep(0.1)

    def _able(self) -> list[int]:
        """Replicas that a load balancer would send to: alive, not frozen, listening."""
        return [
            number
            for number, process in enumerate(self._processes)
            if process.is_alive() and number not in self._frozen and _listens(self._ports[number])
        ]

    def _aim(self) -> bool:
        """Send the next request to one of them, whichever."""
        able = self._able()
        if not able:
            return False
        url = f"http://127.0.0.1:{self._ports[self.chance.choice(able)]}"
        self.world.slack.app.url = f"{url}/slack/events"
        hooks = self.world.github.hooks
        hooks.url, hooks.secret = f"{url}/github/webhooks", "hook"
        return True

    # Bad luck.

    async def _trouble(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(1.0, 3.0))
            await self._answering()
            what = self.chance.choices(["kill", "freeze", "database"], [60, 30, 10])[0]
            self.luck[what] += 1
            number = self.chance.choice(self._able() or [0])
            if what == "kill":
                await self._kill(number)
            elif what == "freeze":
                await self._freeze(number)
            else:
                await asyncio.to_thread(self._restart_database)

    async def _kill(self, number: int) -> None:
        pid = self._processes[number].pid
        held = await self._held_by(pid)
        self._processes[number].kill()
        died = time.monotonic()
        await asyncio.to_thread(self._processes[number].join)
        if self.chance.random() < MEASURED:
            await self._taken_over(held, died)
        await asyncio.sleep(self.chance.uniform(0.0, 5.0))
        self._processes[number] = self._born(number)

    async def _freeze(self, number: int) -> None:
        pid = self._processes[number].pid
        self._frozen.add(number)
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(FROZEN_SECONDS)
        os.kill(pid, signal.SIGCONT)
        self._frozen.discard(number)

    def _restart_database(self) -> None:
        self.server.stop()
        time.sleep(1.0)
        start_again(self.server)

    async def _thaw_all(self) -> None:
        for number in list(self._frozen):
            os.kill(self._processes[number].pid, signal.SIGCONT)
            self._frozen.discard(number)

    async def _held_by(self, pid: int) -> list[tuple[str, str, int]]:
        """Targets at which that process is at work now, with their fences."""
        try:
            async with self.store.read() as session:
                connection = await session.connection()
                found = await connection.execute(
                    text(
                        "SELECT service, environment, fence FROM targets "
                        "WHERE lease_owner LIKE :who AND lease_until > clock_timestamp()"
                    ),
                    {"who": f"%:{pid}:%"},
                )
                return [(row.service, row.environment, row.fence) for row in found]
        except Exception:  # noqa: BLE001 - the database may be away just now: nothing to measure
            return []

    async def _taken_over(self, held: list[tuple[str, str, int]], died: float) -> None:
        """Note how long each target was nobody's."""
        left = set(held)
        while left and time.monotonic() - died < 30:
            await asyncio.sleep(0.05)
            try:
                async with self.store.read() as session:
                    connection = await session.connection()
                    rows = await connection.execute(
                        text("SELECT service, environment, fence FROM targets")
                    )
                    fences = {(row.service, row.environment): row.fence for row in rows}
            except Exception:  # noqa: BLE001 - away just now
                return
            gone = {item for item in left if fences.get(item[:2], 0) > item[2]}
            self.takeovers += [time.monotonic() - died] * len(gone)
            left -= gone

    # The people.

    async def _owner_of(self, name: str) -> None:
        """Release every version in turn; now and then go back, and say that it is mended."""
        for number in range(1, self.rounds + MORE_ROUNDS + 1):
            if number > self.rounds and self.luck.total() >= self.least:
                break
            release = await self._release(name, self._tag(number))
            back = self.chance.random() < 0.15
            if back and release.state is State.SUCCEEDED:
                await self._go_back(name, release)

    async def _release(self, name: str, version: str) -> Release:
        before = await self._newest(name)
        words = f"{name} {version} stage"
        await self._insist(
            lambda: self.world.slack.app.slash(ANA, "/release", words, self._channel(name))
        )
        return await self._ended(name, before.id if before else None)

    async def _go_back(self, name: str, release: Release) -> None:
        await self._press(name, "release:rollback", release.id)
        back = await self._ended(name, release.id)
        if back.locks:
            await self._press(name, "release:mended", back.id)
            while (await self._by_id(back.id)).locks:  # noqa: ASYNC110 - a row rings no bell
                await asyncio.sleep(0.2)

    async def _press(self, name: str, action: str, value: str) -> None:
        channel = self._channel(name)
        space = self.world.slack.space
        ts = space.next_ts(self.world.slack.now())
        # Any message carries a click; what counts is the action and its value.
        space.channel(channel).messages[ts] = Message(channel=channel, ts=ts, text="-", author=ANA)
        await self._insist(lambda: self.world.slack.app.click(ANA, channel, ts, action, value))

    async def _insist(self, send: Any) -> None:
        """Send until it is acknowledged, the very bytes, as Slack does; at any replica."""
        while not self._aim():  # noqa: ASYNC110 - a process rings no bell
            await asyncio.sleep(0.1)
        reply: AppReply = await send()
        body = self.world.slack.app.last
        while reply.status != 200 or reply.text.startswith("Could not confirm"):
            await asyncio.sleep(0.3)
            if self._aim() and body is not None:
                reply = await self.world.slack.app._post(*body)

    async def _newest(self, name: str) -> Release | None:
        found = await self._read(lambda s: releases.latest(s, service=name, limit=1))
        return found[0] if found else None

    async def _by_id(self, release_id: str) -> Release:
        found = await self._read(lambda s: releases.get(s, release_id))
        assert found is not None
        return found  # type: ignore[no-any-return]

    async def _read(self, query: Any) -> Any:
        """Read from the database, which may be away."""
        while True:
            try:
                async with self.store.read() as session:
                    return await query(session)
            except Exception:  # noqa: BLE001 - it comes back
                await asyncio.sleep(0.5)

    async def _ended(self, name: str, before: str | None) -> Release:
        """Wait until there is a newer release than that one, and it has ended."""
        while True:
            await asyncio.sleep(0.3)
            newest = await self._newest(name)
            if newest is not None and newest.id != before and newest.state in ENDINGS:
                self.made.append(newest.id)
                return newest

    async def _quiet(self) -> None:
        """Wait until all that was to be said in threads has been said."""
        waiting = text("SELECT count(*) FROM outbox WHERE due_at IS NOT NULL")

        async def left(session: Any) -> int:
            connection = await session.connection()
            return int((await connection.execute(waiting)).scalar_one())

        async with asyncio.timeout(300):
            while await self._read(left):  # noqa: ASYNC110 - a row rings no bell
                await asyncio.sleep(1.0)

    async def _end(self) -> None:
        for process in self._processes:
            process.kill()
            await asyncio.to_thread(process.join)
        await self.store.close()
        await self.world.stop()

    # What must hold.

    async def _check(self) -> None:
        async with self.store.read() as session:
            found = await releases.latest(session, limit=10_000)
            chain = [link async for link in audit.chain(session)]
            head = await audit.head(session)
        assert verify(chain, head) is None
        assert all(release.ended for release in found)
        assert len(found) == len(self.made) == len(set(self.made)), "lost, or made twice"
        self._check_dispatches()
        for name in self.names:
            self._check_traffic(name, [r for r in found if r.service == name])
            self._check_channel(name, {r.id for r in found if r.service == name})

    def _check_dispatches(self) -> None:
        started = Counter(r.inputs["release_id"] for r in self.world.github.dispatches)
        assert all(count == 1 for count in started.values()), started.most_common(3)
        made = self.world.github.repository(REPO).deployments.values()
        shown = Counter(row["payload"].get("release_bot") for row in made)
        assert all(count == 1 for count in shown.values()), shown.most_common(3)

    def _check_traffic(self, name: str, found: list[Release]) -> None:
        cluster = self.world.kubernetes.cluster
        moves = [
            effect
            for effect in cluster.effects
            if effect.kind == "services" and effect.name == name and not effect.by_hand
        ]
        specs = [str(effect.after["spec"]) for effect in moves if effect.after]
        assert all(a != b for a, b in itertools.pairwise(specs)), f"{name}: moved twice"
        switched = [r for r in found if r.state is State.SUCCEEDED]
        went_back = [r for r in found if r.state is State.ROLLED_BACK]
        assert len(moves) == len(switched) + 2 * len(went_back), (name, len(moves))
        newest = max(switched, key=lambda r: r.ended_at or r.created_at)
        live = seeding.live_slot(cluster, "staging", name)
        image = seeding.image(cluster, "staging", f"{name}-{live}")
        assert image == f"quantivista/{name}:{newest.version}"

    def _check_channel(self, name: str, ids: set[str]) -> None:
        space = self.world.slack.space
        roots = space.roots(self._channel(name))
        cards = [m for m in roots if m.author == "bot" and "· rel-" in m.text]
        shown = Counter(next(i for i in ids if i in m.text.split("\n")[0]) for m in cards)
        assert set(shown) == ids, f"{name}: cards of {ids - set(shown)} are missing"
        assert all(count == 1 for count in shown.values()), shown
        for card in cards:
            replies = space.replies(self._channel(name), card.ts)
            said = "\n".join(m.text for m in replies).splitlines()
            doubled = [line for line, count in Counter(said).items() if count > 1]
            assert not doubled, doubled


def _listens(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
