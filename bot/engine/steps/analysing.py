"""Looks at a service's metrics while it takes traffic: asks Prometheus, judges, asks for nothing.

Called by the step `bake`, on its way and while a person is asked. A look that can't be had is left
out whole and its time counts in the next one; it never reads as 0, nor as healthy.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.domain import analysis as judging
from bot.domain.analysis import Analysis
from bot.domain.catalog import Slot, other_slot
from bot.domain.counters import GapError, Span, rise
from bot.domain.indicators import Indicator, filled
from bot.domain.judge import Look
from bot.engine.steps.work import Work
from bot.errors import PermanentError, TemporaryError
from bot.ports import Metrics

LATE = timedelta(seconds=5)
"""How long a scrape may take to be found, besides the time between two: then nothing of a look
changes any more."""


async def look(work: Work) -> Analysis:
    """Ask for what is due, and judge it. Nothing due, or nothing to ask: as it was."""
    watching, before = work.release.rules.watching, work.progress.analysis
    measuring = work.world.measuring
    if not (watching.indicators or watching.guards):
        return before
    if measuring is None:
        return before.model_copy(update={"left_out": "PROMETHEUS_URL is not set"})
    try:
        async with asyncio.timeout(work.world.limits.measure):
            after = await _compared(work, measuring, before)
            return await _guarded(work, measuring, after)
    except TimeoutError:
        why = f"Prometheus did not answer in {work.world.limits.measure:g} s"
        return before.model_copy(update={"left_out": why})
    except (TemporaryError, PermanentError) as error:
        return before.model_copy(update={"left_out": str(error)})


async def _compared(work: Work, measuring: Metrics, before: Analysis) -> Analysis:
    """Compare both slots since the last look that counted; nothing where it is not due."""
    span = _span(work, before)
    if span is None:
        return before
    watching = work.release.rules.watching
    names = list(watching.indicators)
    found = await asyncio.gather(
        *(_counted(work, measuring, watching.indicators[name], span) for name in names),
        return_exceptions=True,
    )
    looks: dict[str, Look] = {}
    for name, one in zip(names, found, strict=True):
        if isinstance(one, GapError):
            return before.model_copy(update={"left_out": f"{name}: {one}"})
        if isinstance(one, BaseException):
            raise one
        looks[name] = one
    weight = work.progress.weight
    return judging.judged(before, looks, span.until, watching, weight)


def _span(work: Work, before: Analysis) -> Span | None:
    """Say which time the next look covers; None where there is none yet, or nothing to compare."""
    watching = work.release.rules.watching
    if not work.step.judged or not watching.indicators:
        return None
    warm = work.since + watching.warm_up
    since = max(before.until, warm) if before.until else warm
    until = work.now - watching.scrape - LATE
    if until - since < watching.every:
        return None
    return Span(since=since, until=until, scrape=watching.scrape)


async def _counted(work: Work, measuring: Metrics, indicator: Indicator, span: Span) -> Look:
    new = work.step.slot
    (n_c, f_c), (n_s, f_s) = await asyncio.gather(
        _slot_counts(work, measuring, indicator, new, span),
        _slot_counts(work, measuring, indicator, other_slot(new), span),
    )
    try:
        return Look(dt=span.seconds, n_c=n_c, f_c=f_c, n_s=n_s, f_s=f_s)
    except ValueError:
        raise GapError("more requests failed than there were") from None


async def _slot_counts(
    work: Work, measuring: Metrics, indicator: Indicator, slot: Slot, span: Span
) -> tuple[float, float]:
    """Count one slot's requests and failures in the span."""
    whole, part = await asyncio.gather(
        *(
            measuring.counters(_named(work, selector, slot), span.until, span.reach)
            for selector in (indicator.requests, indicator.failed or indicator.good or "")
        )
    )
    requests = rise(whole, span)
    if indicator.failed is None:
        return requests, max(0.0, requests - rise(part, span))
    # A counter of failures is often made with the first of them: none there means none failed.
    failed = rise(part, span) if any(series.samples for series in part) else 0.0
    return requests, failed


async def _guarded(work: Work, measuring: Metrics, before: Analysis) -> Analysis:
    """Ask the guards' queries. One that gives no number leaves open how it stands."""
    watching = work.release.rules.watching
    names = list(watching.guards)
    values = await asyncio.gather(
        *(measuring.number(_named(work, watching.guards[name].query), work.now) for name in names)
    )
    readings: Mapping[str, float] = {
        name: value for name, value in zip(names, values, strict=True) if value is not None
    }
    return judging.guarded(before, readings, work.now, watching)


def _named(work: Work, query: str, slot: str = "") -> str:
    target = work.plan.target
    return filled(query, service=target.service, namespace=target.namespace, slot=slot)


def next_look(work: Work, after: Analysis) -> datetime | None:
    """Say when the metrics are to be looked at again; None where nothing is measured."""
    watching = work.release.rules.watching
    if work.world.measuring is None or not (watching.indicators or watching.guards):
        return None
    if not work.step.judged or not watching.indicators:
        return work.now + watching.every
    since = max(after.until or work.since, work.since + watching.warm_up)
    due = since + watching.every + watching.scrape + LATE
    return max(work.now + watching.every, due) if due > work.now else work.now + watching.every
