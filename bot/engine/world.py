"""What the engine works with: the store, the clock, the outside systems, the catalogue."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import uniform

from bot.domain.catalog import Catalog
from bot.engine.metrics import Metrics
from bot.engine.polling import Polling
from bot.ports import Chat, Clock, Cluster, SourceHost
from bot.ports import Metrics as Measuring
from bot.ports_calendars import CalendarSource
from bot.ports_health import Autoscalers, PodLogs
from bot.ports_namespaces import Namespaces
from bot.ports_smoke import HttpChecks, Jobs
from bot.store.session import Store


@dataclass(frozen=True)
class Limits:
    """Times that the engine keeps to. Tests shorten some; README and docs/settings.md name them."""

    source: float = 20.0
    """Seconds of real time that GitHub has for one fact."""
    cluster: float = 10.0
    """Seconds of real time that a cluster has for one fact."""
    grace: timedelta = timedelta(seconds=60)
    """How long a dispatch whose outcome is unknown is looked for before the next (DESIGN §4.3)."""
    run_poll: timedelta = timedelta(seconds=15)
    """How often a repository's runs are looked at; webhooks make it sooner."""
    run_resync: timedelta = timedelta(seconds=60)
    """How often the same is done where webhooks arrive: some are lost."""
    pod_poll: timedelta = timedelta(seconds=2)
    """How often pods are looked at while they start."""
    bake_poll: timedelta = timedelta(seconds=5)
    """How often traffic and pods are looked at while a weight bakes."""
    bake_resync: timedelta = timedelta(seconds=60)
    """How often the same is done where the cluster tells of each change by itself."""
    unready: timedelta = timedelta(seconds=30)
    """How long fewer pods than wanted may be ready in a bake: a node may have gone."""
    unschedulable: timedelta = timedelta(minutes=2)
    """How long a pod may find no node: one may be coming."""
    autoscaler: timedelta = timedelta(seconds=60)
    """How long a slot's size must hold before traffic where an autoscaler may take pods away. It
    looks each 15 s, and new pods have no measurements at first."""
    measure: float = 10.0
    """Seconds of real time that Prometheus has for all that one look asks of it."""
    confirm: timedelta = timedelta(milliseconds=20)
    """How soon to look again whether endpoints followed the traffic."""
    attention: timedelta = timedelta(seconds=30)
    """After this long a rollback that can't finish calls for a person."""
    catalog: float = 15.0
    """Seconds of real time after which a catalogue is tried again that takes away too much."""
    survey: float = 60.0
    """Seconds of real time that a source has for all that a report asks of it."""
    sink: float = 10.0
    """Seconds of real time that a sink has to take one event."""
    event_pause: timedelta = timedelta(seconds=1)
    """How long the first try again for an event waits; each further one twice as long."""
    event_pause_most: timedelta = timedelta(minutes=5)
    """The longest that a try for an event waits."""
    event_tries: int = 300
    """Tries after which an event is dead for a sink: about a day of them."""
    event_refusals: int = 7
    """Refusals (4xx) in a row after which an event is dead for a sink: they take an hour."""
    event_refused_pause: timedelta = timedelta(minutes=1)
    """How long the first try again after a refusal waits; each further one twice as long."""


POLL_SECONDS = 1.0
"""How often a loop looks for what is due, about: in case a wake-up was lost."""


class Wake:
    """Wakes one loop of this process. Cheap to ring, and rings are not counted.

    Two loops never share one: the first to wait would take the other's ring. `publish` wakes the
    same loop of the other replicas, where there are any.
    """

    def __init__(self, publish: Callable[[], None] | None = None) -> None:
        self._bell = asyncio.Event()
        self._publish = publish
        # Each loop has its own step: those that look in the same moment, second for second, keep
        # an ack waiting for all of them.
        self._poll = POLL_SECONDS * uniform(0.8, 1.2)  # noqa: S311 - nothing secret
        self.open = True
        """Whether the loop is to go on after its present turn."""

    def ring(self) -> None:
        """Wake the loop, or keep its next wait from waiting."""
        self._bell.set()

    def tell(self) -> None:
        """Wake the loop here and in every other replica: any of them may be the one to act."""
        self.ring()
        if self._publish is not None:
            self._publish()

    def close(self) -> None:
        """Let the loop end when its present turn is over."""
        self.open = False
        self.ring()

    async def rest(self, seconds: float | None = None) -> None:
        """Wait for a ring, or until something is due, but not for long."""
        await self.wait(self._poll if seconds is None else min(self._poll, seconds))

    async def wait(self, seconds: float) -> None:
        """Wait for a ring, or that many seconds of real time."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            pass
        self._bell.clear()


@dataclass(frozen=True)
class World:
    """Handed to everything in the engine. `catalog` gives the one in force at this moment."""

    store: Store
    clock: Clock
    cluster: Cluster
    namespaces: Namespaces
    source: SourceHost
    autoscalers: Autoscalers
    logs: PodLogs
    jobs: Jobs
    checks: HttpChecks
    chat: Chat
    calendars: CalendarSource
    catalog: Callable[[], Catalog]
    owner: str
    """Names this process in leases."""
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    """What this process counts and times."""
    measuring: Measuring | None = None
    """What measures the services; None where no Prometheus is set."""
    polling: Polling = field(default_factory=Polling)
    """This process's looks at workflow runs."""
    hears_github: bool = True
    """Whether GitHub's webhooks have a way in at all."""
    raw_kept: timedelta = timedelta(days=90)
    """How long reports are kept as they came."""
    commands: Wake = field(default_factory=Wake)
    """Rings for the inbox."""
    work: Wake = field(default_factory=Wake)
    """Rings for the reconciler."""
    mail: Wake = field(default_factory=Wake)
    """Rings for the outbox."""
