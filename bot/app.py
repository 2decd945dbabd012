"""The composition root: settings -> integrations -> engine -> commands.

The only file that names a real integration. `App` is one process of the bot.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from bot import doctor, doctor_record
from bot.domain.catalog import Catalog
from bot.engine import catalogs
from bot.engine.events import EventPost
from bot.engine.evidence import EvidenceDesk
from bot.engine.faults import kept_up
from bot.engine.health import ProcessHealth
from bot.engine.host_view import HostViews
from bot.engine.inbox import Inbox
from bot.engine.metrics import Metrics
from bot.engine.outbox import Outbox
from bot.engine.protection import GateKeeper
from bot.engine.reconciler import Reconciler, start_alone
from bot.engine.schedule import housekeeping
from bot.engine.world import Limits, Wake, World
from bot.errors import PermanentError, TemporaryError
from bot.outside import Outside as Outside  # noqa: PLC0414 - whoever wraps it finds it here
from bot.outside import Wrap as Wrap  # noqa: PLC0414 - likewise
from bot.ports import Clock, Finding
from bot.record_keeping import keeping_of
from bot.settings import Settings, revealed, secret_named
from bot.store import checkup
from bot.store.migrate import migrate
from bot.store.session import Store
from bot.store.wakeups import Wakeups
from commands._router import Router
from integrations import catalog_file, evidence
from integrations.calendars import ICalendars
from integrations.clock import ServerClock, SystemClock
from integrations.events import Sinks
from integrations.evidence.taking.client import submit
from integrations.evidence.taking.receiver import EvidenceReceiver
from integrations.github import Credentials, GitHubHost, webhook_route
from integrations.http import build_http, listen
from integrations.kubernetes import KubernetesCluster
from integrations.previews import PreviewChecks
from integrations.prometheus import Prometheus
from integrations.prometheus import doctor as measuring
from integrations.scheduler import Scheduler
from integrations.slack import SlackChat, SlackReceiver, SlackSocket

log = structlog.get_logger()

TURN_SECONDS = 5.0
"""How long a loop may take to finish its turn when the process ends."""

CLOCK_SECONDS = 10.0
"""How often the database server's time is measured."""


class App:
    """One process: made by `build`, then `start`, then `stop`."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        *,
        clock: Clock | None = None,
        limits: Limits | None = None,
        wrap: Wrap | None = None,
        io_seconds: float = 10.0,
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self.store = Store(settings.database_url)
        self._server_clock = None
        if clock is None and not self.store.is_sqlite:
            clock = self._server_clock = ServerClock(self.store.server_time)
        self.clock: Clock = clock or SystemClock()
        self.metrics = Metrics()
        self.store.ended = self.metrics.ended
        outside = self._adapters(io_seconds)
        self.outside = wrap(outside) if wrap else outside
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._wakeups = None if self.store.is_sqlite else Wakeups(self.store.url, self._owner)
        self.world = self._world(limits or Limits())
        router = Router(self.world, self.world.catalog)
        self.reconciler = Reconciler(self.world)
        self.inbox = Inbox(self.world, router.handle, self.reconciler.take_up)
        self.outbox = Outbox(self.world)
        self.events = EventPost(self.world, self.outside.events)
        self.host_views = HostViews(self.world)
        self.protection = GateKeeper(self.world)
        self._posts = (self.events, self.host_views, self.protection)
        self.health = ProcessHealth(self.world, lambda: self.github.remaining)
        self.scheduler = Scheduler()
        desk = EvidenceDesk(self.world, secret_named)
        self.evidence = EvidenceReceiver(desk, lambda: self.catalog.evidence, seconds=io_seconds)
        self._receiver = self._slack_receiver()
        self.socket = self._slack_socket()
        self._at_rest()

    def _world(self, limits: Limits) -> World:
        return World(
            store=self.store,
            clock=self.clock,
            cluster=self.outside.cluster,
            namespaces=self.outside.namespaces,
            source=self.outside.source,
            autoscalers=self.outside.autoscalers,
            logs=self.outside.logs,
            jobs=self.outside.jobs,
            checks=self.outside.checks,
            chat=self.outside.chat,
            calendars=self.outside.calendars,
            catalog=lambda: self.catalog,
            owner=self._owner,
            limits=limits,
            metrics=self.metrics,
            measuring=self.outside.measuring,
            hears_github=self.settings.github_webhook_secret is not None,
            raw_kept=timedelta(days=self.settings.evidence_raw_days),
            commands=self._wake("commands"),
            work=self._wake("work"),
            mail=self._wake("mail"),
        )

    def _at_rest(self) -> None:
        """Nothing runs yet, and nobody listens."""
        self._tasks: list[asyncio.Task[None]] = []
        self._loops: list[asyncio.Task[None]] = []
        self._sockets: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self._behind = False
        self.url = ""

    def _adapters(self, seconds: float) -> Outside:
        """Make the real integrations; nothing is connected before it is used."""
        settings, metrics = self.settings, self.metrics
        self.slack = _chat(settings, self.catalog, self.clock, seconds, metrics)
        self.github = GitHubHost(
            settings.github_api_url,
            _credentials(settings),
            seconds=seconds,
            told=metrics.calls("github"),
        )
        self.kubernetes = KubernetesCluster(
            settings.kubeconfig, self.clock, seconds=seconds, told=metrics.calls("kubernetes")
        )
        self.sinks = Sinks(secret_named, seconds=seconds)
        self.prometheus = _prometheus(settings, seconds, metrics)
        return Outside(
            self.slack,
            self.github,
            self.kubernetes,
            self.sinks,
            self.kubernetes.namespaces,
            self.kubernetes.surroundings,
            self.kubernetes.logs,
            self.kubernetes.jobs,
            PreviewChecks(seconds=seconds, told=metrics.calls("previews")),
            ICalendars(
                settings.release_bot_catalog.parent,
                seconds=seconds,
                told=metrics.calls("calendars"),
            ),
            self.prometheus,
        )

    def _wake(self, name: str) -> Wake:
        wakeups = self._wakeups
        return Wake() if wakeups is None else Wake(lambda: wakeups.publish(name))

    def _rung(self, name: str) -> None:
        """Another replica has news for a loop."""
        loops = {"commands": self.world.commands, "work": self.world.work, "mail": self.world.mail}
        if name in loops:
            loops[name].ring()

    def _slack_receiver(self) -> SlackReceiver | None:
        secret = revealed(self.settings.slack_signing_secret)
        if secret is None and self.settings.slack_app_token is None:
            return None
        return SlackReceiver(
            self.inbox,
            signing_secret=secret or "",
            token=revealed(self.settings.slack_bot_token) or "unset",
            team=self.catalog.slack.team,
            base_url=self.settings.slack_api_url,
            commands=self.settings.commands,
        )

    def _slack_socket(self) -> SlackSocket | None:
        token = revealed(self.settings.slack_app_token)
        if token is None or self._receiver is None:
            return None
        return SlackSocket(
            self._receiver.bolt, app_token=token, base_url=self.settings.slack_api_url
        )

    def routes(self) -> list[web.RouteDef]:
        """Routes of the receivers that are configured; without a secret there is no route."""
        found = [self.evidence.route()]
        if self._receiver is not None and self.settings.slack_signing_secret is not None:
            found.append(self._receiver.route())
        secret = revealed(self.settings.github_webhook_secret)
        if secret is not None:
            found.append(webhook_route(secret, self.inbox))
        return found

    async def prepare(self) -> None:
        """Bring the database up to date, and record the catalogue."""
        await migrate(self.store)
        if self._server_clock is not None:
            await self._server_clock.refresh()
        if self.store.is_sqlite:
            await start_alone(self.world)
        good = await catalogs.good_one(self.world, self.catalog)
        self._behind, self.catalog = good != self.catalog, good
        await catalogs.take_over(self.world, self.catalog)

    async def start(self, *, loops: bool = True) -> None:
        """Prepare, listen, and run the loops. Whatever is out of reach outside is waited for."""
        # A record that its operator believes to be signed must not go on unsigned: KeyFault.
        keeping = keeping_of(self.settings)
        await self.prepare()
        http = build_http(self.health, self.routes())
        self._runner, self.url = await listen(http, self.settings.host, self.settings.port)
        if loops:
            turning = (self.inbox, self.reconciler, self.outbox, *self._posts)
            self._loops = self._run(*(kept_up(one.run) for one in turning))
            self.health.watch(self._loops)
            self._run(self.health.sample(), self._know_itself())
            if self._server_clock is not None:
                self._run(self._keep_time(self._server_clock))
            if self._wakeups is not None:
                self._run(self._wakeups.run(self._rung))
            self.kubernetes.report_changes(self.reconciler.changed)
            self.scheduler.start(housekeeping(self.world, keeping, self.settings.unmanaged_every))
        if self.socket is not None:
            self._sockets = self._run(self.socket.run())
        log.info("listening", url=self.url, slack=self._receiver is not None)

    def _run(self, *work: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
        made = [asyncio.create_task(one) for one in work]
        self._tasks += made
        return made

    async def _know_itself(self) -> None:
        """Ask Slack who the bot is, until it answers."""
        while self._receiver is not None:
            try:
                said = await self.slack.auth()
            except (TemporaryError, PermanentError) as error:
                log.warning("slack_not_reached", error=str(error))
                await asyncio.sleep(30.0)
                continue
            self._receiver.knows_itself(said["user_id"])
            return

    async def _keep_time(self, clock: ServerClock) -> None:
        while True:
            await asyncio.sleep(CLOCK_SECONDS)
            await clock.refresh()

    def watch_catalog(self, path: Path) -> None:
        """Take the file over whenever it changes; a broken one is refused, the last good stays."""

        async def changed() -> None:
            try:
                good = await catalogs.settled(self.world, lambda: load_catalog(path).catalog)
            except catalog_file.CatalogError as error:
                log.error("catalog_refused", problems=str(error))
                await catalogs.refused(self.world, str(error))
                return
            self.catalog = good
            changes = await catalogs.take_over(self.world, good)
            log.info("catalog_loaded", fingerprint=good.fingerprint()[:12], changes=len(changes))

        async def follow() -> None:
            if self._behind:
                await changed()
            await catalog_file.watch(path, changed)

        self._run(follow())

    async def stop(self) -> None:
        """Stop taking requests, finish the effects under way, give the leases back."""
        self.scheduler.stop()
        for connections in self._sockets:
            connections.cancel()
        await asyncio.gather(*self._sockets, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        for loop in (self.world.commands, self.world.work, self.world.mail, *self._posts):
            loop.close()
        if self._loops:
            await asyncio.wait(self._loops, timeout=TURN_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.inbox.settle()
        await asyncio.gather(*(one.stop() for one in (*self._posts, self.outbox)))
        try:
            await self.reconciler.stop()
        except TemporaryError as error:
            log.warning("leases_left", error=str(error))
        await self.close()

    async def close(self) -> None:
        """Close every connection, and nothing more: what a crash leaves is left."""
        if self.prometheus is not None:
            await self.prometheus.close()
        closing = (self.slack, self.kubernetes, self.github, self.sinks, self.evidence)
        await asyncio.gather(*(outside.close() for outside in closing))
        await self.store.close()

    async def doctor(self) -> list[Finding]:
        """Look at every connection and permission. Changes nothing."""
        catalog, settings = self.catalog, self.settings
        app_token = revealed(settings.slack_app_token)
        everywhere = catalog.ephemeral.contexts if catalog.ephemeral else ()
        code = doctor.of_code(catalog)
        targets, with_logs = doctor.targets(catalog), doctor.with_logs(catalog)
        looks: dict[str, doctor.Look] = {
            "GitHub": lambda: self.github.check(*code),
            "Kubernetes": lambda: self.kubernetes.check(targets, everywhere, with_logs),
            "Database": lambda: checkup.examine(self.store),
            "Sinks": lambda: self.sinks.examine(catalog.events.sinks),
            "Record": lambda: doctor_record.examine(self.store, settings, self.clock.now()),
            "Evidence": lambda: self.evidence.examine(catalog, secret_named),
        }
        if settings.slack_bot_token is not None:
            topic = catalog.slack.topic
            places = (doctor.channels(catalog), doctor.usergroups(catalog))
            looks = {"Slack": lambda: self.slack.check(*places, app_token, topic=topic), **looks}
        if not _credentials(settings).given:
            del looks["GitHub"]
        if self.prometheus is not None:
            found, now = self.prometheus, self.clock.now()
            looks["Prometheus"] = lambda: measuring.examine(found, doctor.selectors(catalog), now)
        arrived = await doctor.arrivals(self.store)
        return await doctor.examine(settings, looks, arrived, self.clock.now())


def load_catalog(path: Path) -> catalog_file.Loaded:
    """Read the catalogue's file. Raises CatalogError."""
    return catalog_file.parse_catalog(catalog_file.read_text(path), path.name)


host_time = SystemClock().now
"""The host's time, for what runs beside the app: the demo's simulated systems."""


async def now_at(store: Store) -> datetime:
    """Give the time as a bot on this database has it, for commands that work without one."""
    return host_time() if store.is_sqlite else await store.server_time()


CatalogError = catalog_file.CatalogError
catalog_schema, read_mapping = catalog_file.json_schema, catalog_file.read_mapping
LARGEST_REPORT, read_report, submit_report = evidence.LARGEST, evidence.read, submit


def _chat(
    settings: Settings, catalog: Catalog, clock: Clock, seconds: float, metrics: Metrics
) -> SlackChat:
    return SlackChat(
        revealed(settings.slack_bot_token) or "unset",
        clock,
        base_url=settings.slack_api_url,
        team=catalog.slack.team,
        seconds=seconds,
        told=metrics.calls("slack"),
    )


def _prometheus(settings: Settings, seconds: float, metrics: Metrics) -> Prometheus | None:
    if settings.prometheus_url is None:
        return None
    token = revealed(settings.prometheus_token)
    told = metrics.calls("prometheus")
    return Prometheus(settings.prometheus_url, token=token, seconds=seconds, told=told)


def _credentials(settings: Settings) -> Credentials:
    return Credentials(
        token=revealed(settings.github_token),
        app_id=settings.github_app_id,
        private_key=revealed(settings.github_app_private_key),
        installation_id=settings.github_app_installation_id,
    )
