"""A look at a service's metrics: over which time it counts, when the next is due, what it adds.

Pure. Called by `engine.steps.analysing` with what Prometheus answers, and by `domain.replaying`
with what was recorded: both must look alike, or a replay would prove nothing. Asks nobody.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.analysis import Analysis, judged
from bot.domain.catalog import Slot
from bot.domain.counters import GapError, Series, Span, rise
from bot.domain.indicators import Indicator, Watching
from bot.domain.judge import Look
from bot.domain.value import Value


class Bake(Value):
    """A weight that is held: since when, for how long, and whether the slots are compared.

    `slot` is the new one, `weight` its share of the traffic in per cent. `hold`: at the end it
    waits for a person's Promote.
    """

    since: datetime
    seconds: float
    slot: Slot
    weight: int
    judged: bool
    hold: bool = False

    @property
    def end(self) -> datetime:
        """When its time is over."""
        return self.since + timedelta(seconds=self.seconds)


class Counters(NamedTuple):
    """One slot's raw samples: all requests, and those that failed (or were good)."""

    requests: tuple[Series, ...]
    part: tuple[Series, ...]


def span(watching: Watching, bake: Bake, before: Analysis, now: datetime) -> Span | None:
    """Say which time the next look covers; None where there is none yet, or nothing to compare."""
    if not bake.judged or not watching.indicators:
        return None
    warm = bake.since + watching.warm_up
    since = max(before.until, warm) if before.until else warm
    until = now - watching.scrape - watching.late
    if until - since < watching.every:
        return None
    return Span(since=since, until=until, scrape=watching.scrape)


def next_look(watching: Watching, bake: Bake, after: Analysis, now: datetime) -> datetime | None:
    """Say when the metrics are to be looked at again; None where nothing is measured."""
    if not (watching.indicators or watching.guards):
        return None
    soon = now + watching.every
    if watching.guards or not bake.judged:
        return soon
    since = max(after.until or bake.since, bake.since + watching.warm_up)
    return max(soon, since + watching.every + watching.scrape + watching.late)


def compared(
    before: Analysis,
    found: Iterable[tuple[str, Look | GapError]],
    covered: Span,
    watching: Watching,
    share: float,
) -> Analysis:
    """Add a look at every indicator. With a gap in one of them the look is left out whole.

    `share`: per cent that the new slot is promised of the requests that are compared.
    """
    looks: dict[str, Look] = {}
    for name, one in found:
        if isinstance(one, GapError):
            return before.model_copy(update={"left_out": f"{name}: {one}"})
        looks[name] = one
    return judged(before, looks, covered.until, watching, share)


def counted(indicator: Indicator, new: Counters, live: Counters, covered: Span) -> Look:
    """Count both slots over the same time. Raises GapError where the samples don't cover it."""
    n_c, f_c = slot_counts(indicator, new, covered)
    n_s, f_s = slot_counts(indicator, live, covered)
    try:
        return Look(dt=covered.seconds, n_c=n_c, f_c=f_c, n_s=n_s, f_s=f_s)
    except ValueError:
        raise GapError("more requests failed than there were") from None


def slot_counts(indicator: Indicator, slot: Counters, covered: Span) -> tuple[float, float]:
    """Count one slot's requests and failures in the time. Raises GapError."""
    requests = rise(slot.requests, covered)
    if indicator.failed is None:
        return requests, max(0.0, requests - rise(slot.part, covered))
    # A counter of failures is often made with the first of them: none there means none failed, and
    # the pod that had them all may be gone.
    some = any(one.samples for one in slot.part)
    failed = rise(slot.part, covered, fresh=False) if some else 0.0
    return requests, failed
