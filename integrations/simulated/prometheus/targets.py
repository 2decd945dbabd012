"""One pod as a target of Prometheus: its counters, its scrapes, and the series that they make.

Called by `streams`, which says what traffic the pod gets; read by `evaluation`. Times are whole
milliseconds since 1970, as Prometheus keeps them.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from integrations.simulated.prometheus.draws import binomial, poisson
from integrations.simulated.prometheus.loads import BOUNDS, Flow

Row = tuple[float, ...]
"""What one scrape found, a number a column."""

BAD = 1
"""Column of the requests that failed."""


def _bound(seconds: float) -> str:
    return "+Inf" if math.isinf(seconds) else f"{seconds:g}"


COLUMNS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("http_requests_total", {"code": "200"}),
    ("http_requests_total", {"code": "500"}),
    *(("http_request_duration_seconds_bucket", {"le": _bound(bound)}) for bound in BOUNDS),
    ("http_request_duration_seconds_count", {}),
    ("http_request_duration_seconds_sum", {}),
    ("process_open_connections", {}),
)
"""Each series of a pod: its name, and its labels beside those of the pod."""

NOT_A_NUMBER: Row = (math.nan,) * len(COLUMNS)


@dataclass
class Scrapes:
    """The scrapes of one pod that are kept. A row None: a scrape failed, the series are stale."""

    ats: list[int] = field(default_factory=list)
    rows: list[Row | None] = field(default_factory=list)

    def add(self, at: int, row: Row | None) -> None:
        """Keep a scrape. Only the first of many that fail is a marker."""
        if row is None and (not self.rows or self.rows[-1] is None):
            return
        self.ats.append(at)
        self.rows.append(row)

    def trim(self, oldest: int) -> None:
        """Drop what is older."""
        many = bisect_left(self.ats, oldest)
        if many:
            del self.ats[:many], self.rows[:many]

    def clear(self) -> None:
        """Drop all."""
        self.ats.clear()
        self.rows.clear()


@dataclass(frozen=True)
class Stored:
    """One series in the store."""

    labels: Mapping[str, str]
    scrapes: Scrapes
    column: int
    zeroes: bool = True

    def between(self, after: int, until: int) -> list[tuple[int, float]]:
        """Its samples later than `after` and not later than `until`, markers left out."""
        kept = self.scrapes
        low, high = bisect_right(kept.ats, after), bisect_right(kept.ats, until)
        found = zip(kept.ats[low:high], kept.rows[low:high], strict=True)
        return [(at, row[self.column]) for at, row in found if row is not None and self._shows(row)]

    def newest(self, after: int, until: int) -> float | None:
        """Its last value in that time; None where there is none, or it went stale since."""
        kept = self.scrapes
        last = bisect_right(kept.ats, until) - 1
        if last < 0 or kept.ats[last] <= after:
            return None
        row = kept.rows[last]
        return row[self.column] if row is not None and self._shows(row) else None

    def _shows(self, row: Row) -> bool:
        return self.zeroes or row[self.column] != 0


class Target:
    """One pod. Counts are drawn at each scrape only, so it is the same however often one looks.

    Raises nothing. `since` is when it began, with all counters at 0.
    """

    def __init__(self, labels: Mapping[str, str], rng: Random, scrape: int, since: int) -> None:
        self.scrapes = Scrapes()
        self._labels = labels
        self._rng = rng
        self._scrape = scrape
        self._offset = rng.randrange(scrape)
        """Prometheus spreads its targets over the interval."""
        self._until = since
        self.restart()

    def restart(self) -> None:
        """Begin at 0 again, as a container does that crashed."""
        self._counts = [0] * (2 + len(BOUNDS))
        self._seconds = 0.0
        self._expected = [0.0] * (3 + len(BOUNDS))

    def series(self, *, zeroes: bool) -> Iterator[Stored]:
        """Every series of the pod; `zeroes` False hides the failures until there is one."""
        for column, (name, more) in enumerate(COLUMNS):
            labels = {"__name__": name, **self._labels, **more}
            yield Stored(labels, self.scrapes, column, zeroes or column != BAD)

    def advance(self, flow: Flow, now: int, oldest: int) -> None:
        """Go on to `now` with that traffic; what is older than `oldest` is not kept."""
        if self._until < oldest:
            self._pass(flow, oldest)
        for at in self._due(now):
            self._pass(flow, at)
            self._take(flow, at)
        self._pass(flow, now)
        self.scrapes.trim(oldest)

    def end(self, now: int, oldest: int) -> None:
        """Be gone until `now`: the series goes stale at the scrape that would have come next."""
        for at in self._due(now)[:1]:
            self.scrapes.add(at, None)
        self._until = now
        self.restart()
        self.scrapes.trim(oldest)

    def _due(self, now: int) -> range:
        turns = (self._until - self._offset) // self._scrape + 1
        return range(turns * self._scrape + self._offset, now + 1, self._scrape)

    def _pass(self, flow: Flow, until: int) -> None:
        """Expect the traffic until then. What is expected adds up; it is drawn at the scrape."""
        seconds = (until - self._until) / 1000
        rates = (flow.good, flow.bad, flow.seconds, *flow.buckets)
        sums = zip(self._expected, rates, strict=True)
        self._expected = [sum_ + rate * seconds for sum_, rate in sums]
        self._until = until

    def _take(self, flow: Flow, at: int) -> None:
        self._draw()
        if flow.forgotten:
            return
        if flow.silent:
            self.scrapes.add(at, None)
        else:
            self.scrapes.add(at, NOT_A_NUMBER if flow.nan else self._row(flow))

    def _draw(self) -> None:
        good, bad, seconds, *buckets = self._expected
        if good + bad <= 0:
            return
        drawn = [poisson(self._rng, good), poisson(self._rng, bad)]
        left, weight = sum(drawn), sum(buckets)
        self._seconds += seconds * left / (good + bad)
        for bucket in buckets[:-1]:
            here = binomial(self._rng, left, bucket / weight if weight > 0 else 0.0)
            drawn.append(here)
            left, weight = left - here, weight - bucket
        drawn.append(left)
        self._counts = [count + more for count, more in zip(self._counts, drawn, strict=True)]
        self._expected = [0.0] * len(self._expected)

    def _row(self, flow: Flow) -> Row:
        good, bad, *buckets = self._counts
        below = [float(sum(buckets[: upto + 1])) for upto in range(len(buckets))]
        connections = float(poisson(self._rng, flow.connections))
        return (float(good), float(bad), *below, below[-1], self._seconds, connections)
