"""What this process counts and times, for Prometheus. One `Metrics` each, handed through World.

docs/operate.md says what each means. Labels hold names from the catalogue, the code or a closed
list, never of a release, a person or an object, so that there are few of them.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.domain.gates.result import GateResult
from bot.domain.releases import Release

STEP_BUCKETS = (0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
LAG_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60)
CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)


class Metrics:
    """Counters and histograms of this process, and gauges as `health` last read them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._count()
        self._time()
        self._show()

    def _count(self) -> None:
        own = self._registry
        self._endings = Counter(
            "release_bot_endings", "Releases that ended",
            ["environment", "outcome", "reason"], registry=own,
        )  # fmt: skip
        self._gates = Counter("release_bot_gates", "Gate results", ["gate", "status"], registry=own)
        self._takeovers = Counter(
            "release_bot_takeovers", "Leases taken from another process", registry=own
        )
        self._calls = Counter(
            "release_bot_calls", "Calls to outside systems",
            ["system", "kind", "result"], registry=own,
        )  # fmt: skip

    def _time(self) -> None:
        own = self._registry
        self._steps = Histogram(
            "release_bot_step_seconds", "From a step's beginning until it was done",
            ["kind"], buckets=STEP_BUCKETS, registry=own,
        )  # fmt: skip
        self._lag = Histogram(
            "release_bot_tick_lag_seconds", "From a release's being due until its tick began",
            buckets=LAG_BUCKETS, registry=own,
        )  # fmt: skip
        self._call_seconds = Histogram(
            "release_bot_call_seconds", "Calls to outside systems, answered or not",
            ["system", "kind"], buckets=CALL_BUCKETS, registry=own,
        )  # fmt: skip

    def _show(self) -> None:
        own = self._registry
        self._releases = Gauge(
            "release_bot_releases", "Releases that have not ended", ["state"], registry=own
        )
        self._mail = Gauge(
            "release_bot_outbox_age_seconds", "Age of the oldest unsent message", registry=own
        )
        self._cards = Gauge(
            "release_bot_cards_unsent", "Cards not shown in their newest state", registry=own
        )
        self._events = Gauge(
            "release_bot_events_age_seconds", "Age of the oldest undelivered event", registry=own
        )
        self._dead = Gauge(
            "release_bot_events_dead", "Events that were given up for a sink", registry=own
        )
        self._github = Gauge(
            "release_bot_github_budget", "GitHub requests left this hour", registry=own
        )

    # What happens.

    def ended(self, release: Release) -> None:
        """Count an ending."""
        reason = release.reason.value if release.reason else ""
        self._endings.labels(release.environment, release.state.value, reason).inc()

    def gates(self, results: Iterable[GateResult]) -> None:
        """Count what the gates said; each look counts."""
        for result in results:
            self._gates.labels(result.gate, result.status).inc()

    def claimed(self, taken_from: str | None, owner: str) -> None:
        """Count a takeover, if the claim was one."""
        if taken_from not in (None, owner):
            self._takeovers.inc()

    def step_done(self, kind: str, took: timedelta) -> None:
        """Time a step that is done."""
        self._steps.labels(kind).observe(took.total_seconds())

    def tick_began(self, lag: timedelta) -> None:
        """Time how late a tick began."""
        self._lag.observe(max(0.0, lag.total_seconds()))

    def calls(self, system: str) -> Callable[[str, str, float], None]:
        """Make what an adapter tells of its calls: kind, result, seconds."""

        def told(kind: str, result: str, seconds: float) -> None:
            self._calls.labels(system, kind, result).inc()
            self._call_seconds.labels(system, kind).observe(seconds)

        return told

    # What is.

    def show(
        self, releases: Mapping[str, int], cards: int, mail: timedelta, events: timedelta
    ) -> None:
        """Take what the database says at this moment."""
        self._releases.clear()
        for state, number in releases.items():
            self._releases.labels(state).set(number)
        self._cards.set(cards)
        self._mail.set(max(0.0, mail.total_seconds()))
        self._events.set(max(0.0, events.total_seconds()))

    def show_dead(self, count: int) -> None:
        """Take how many deliveries of events were given up."""
        self._dead.set(count)

    def show_budget(self, left: int) -> None:
        """Take what GitHub last said."""
        self._github.set(left)

    def text(self) -> str:
        """Write all of it in Prometheus' text format."""
        return generate_latest(self._registry).decode()
