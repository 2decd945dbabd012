"""The outside systems as one value, which `app` makes and tests wrap to break them."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.ports import Chat, Cluster, EventSink, SourceHost
from bot.ports import Metrics as Measuring
from bot.ports_calendars import CalendarSource
from bot.ports_health import Autoscalers, PodLogs
from bot.ports_namespaces import Namespaces
from bot.ports_smoke import HttpChecks, Jobs


@dataclass(frozen=True)
class Outside:
    """Each behind its port."""

    chat: Chat
    source: SourceHost
    cluster: Cluster
    events: EventSink
    namespaces: Namespaces
    autoscalers: Autoscalers
    logs: PodLogs
    jobs: Jobs
    checks: HttpChecks
    calendars: CalendarSource
    measuring: Measuring | None = None
    """None where no Prometheus is set."""


Wrap = Callable[[Outside], Outside]
