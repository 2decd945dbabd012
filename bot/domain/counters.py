"""Counters as Prometheus scraped them, and how much they rose between two moments. Pure.

Raw samples are compared, never `rate()` times seconds: that extrapolates, and both slots must be
counted over exactly the same time (docs/analysis.md).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bot.domain.value import Value

OVER_AFTER = 4
"""Scrapes that a series may miss before it counts as ended: its pod is gone."""

MISSED_AFTER = 2
"""Scrapes after which a sample is late: one comes with a little jitter, a whole one is a gap."""

MEMORY = timedelta(minutes=15)
"""How far before a look a series is remembered. What begins later than that began at 0."""


class Sample(Value):
    """A value at the moment of its scrape."""

    at: datetime
    value: float


class Series(Value):
    """One series: its labels, and its samples from the oldest on."""

    labels: Mapping[str, str] = {}
    samples: tuple[Sample, ...] = ()


class Span(Value):
    """The time that a look covers, and how often the counters are scraped."""

    since: datetime
    until: datetime
    scrape: timedelta

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.until - self.since).total_seconds()

    @property
    def reach(self) -> timedelta:
        """How far before `until` samples are needed: a silent series may have been there before."""
        return self.until - self.since + max(MEMORY, self.scrape * (OVER_AFTER + 1))


class GapError(Exception):
    """The counters don't cover the time; the sentence says why. The look is left out whole."""


def rise(series: Iterable[Series], span: Span, *, fresh: bool = True) -> float:
    """Add up how much the counters rose in the span, a series each, restarts handled.

    A series that begins in the span began at 0. One that has missed a few scrapes may come back:
    GapError, so that its time counts in the next look; after that its pod is gone. Raises GapError
    too where no series at all is fresh: no data is not nothing. Where something else tells that
    the scrapes come, a series may have ended without another in its place: `fresh` False.
    """
    found = [one for one in series if one.samples]
    if not found:
        raise GapError("no data")
    if fresh and min(_silent(one, span) for one in found) > span.scrape * MISSED_AFTER:
        raise GapError("nothing was scraped lately")
    return sum(_rise_of(one, span) for one in found)


def _silent(series: Series, span: Span) -> timedelta:
    """How long before the end of the span the last sample was."""
    return max(span.until - series.samples[-1].at, timedelta(0))


def _rise_of(series: Series, span: Span) -> float:
    if any(sample.value != sample.value or sample.value < 0 for sample in series.samples):
        raise GapError("a counter is not a number")
    before = [s for s in series.samples if s.at <= span.since]
    within = [s for s in series.samples if span.since < s.at <= span.until]
    if span.scrape * MISSED_AFTER < _silent(series, span) < span.scrape * OVER_AFTER:
        raise GapError("a scrape is missing")
    total, last = 0.0, before[-1].value if before else 0.0
    for sample in within:
        total += sample.value - last if sample.value >= last else sample.value
        last = sample.value
    return total
