"""Looks at a service's metrics while it takes traffic: asks Prometheus, judges, asks for nothing.

Called by the step `bake`, on its way and while a person is asked. A look that can't be had is left
out whole and its time counts in the next one; it never reads as 0, nor as healthy. Over which time
a look counts and what it adds is `domain.looking`.
"""

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain import analysis as judging
from bot.domain import looking
from bot.domain.analysis import Analysis
from bot.domain.baselines import compared_share
from bot.domain.catalog import other_slot
from bot.domain.clumps import clump_size, without
from bot.domain.counters import GapError, Span
from bot.domain.indicators import ROLES, Indicator, filled
from bot.domain.judge import Look
from bot.domain.looking import Bake, Counters
from bot.engine.steps.work import Work
from bot.errors import PermanentError, TemporaryError
from bot.ports import Metrics

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
"""How much of the past is looked at for clumps of failures, and in which pieces."""


def bake_of(work: Work) -> Bake:
    """Give what a look must know of the step."""
    return Bake(
        since=work.since,
        seconds=work.step.seconds or 0,
        slot=work.step.slot,
        weight=work.progress.weight,
        judged=work.step.judged,
        hold=work.step.hold,
    )


async def look(work: Work) -> Analysis:
    """Ask for what is due, and judge it. Nothing due, or nothing to ask: as it was."""
    watching, before = work.release.rules.watching, work.progress.analysis
    measuring = work.world.measuring
    if not (watching.indicators or watching.guards):
        return before
    if measuring is None:
        return before.model_copy(update={"left_out": "PROMETHEUS_URL is not set"})
    # One after the other, each by itself: a guard that can't be asked costs no comparison.
    compared = await _asked(work, _compared(work, measuring, before), before)
    return await _asked(work, _guarded(work, measuring, compared), compared)


async def _asked(work: Work, looking: Awaitable[Analysis], before: Analysis) -> Analysis:
    """Wait for a look, so long and no longer; one that fails is left out, and that is said."""
    try:
        async with asyncio.timeout(work.world.limits.measure):
            return await looking
    except TimeoutError:
        why = f"Prometheus did not answer in {work.world.limits.measure:g} s"
        return before.model_copy(update={"left_out": why})
    except (TemporaryError, PermanentError) as error:
        return before.model_copy(update={"left_out": str(error)})


async def _compared(work: Work, measuring: Metrics, before: Analysis) -> Analysis:
    """Compare both sides since the last look that counted; nothing where it is not due."""
    watching = work.release.rules.watching
    span = looking.span(watching, bake_of(work), before, work.now)
    if span is None:
        return before
    if before.clumps is None:
        before = before.model_copy(update={"clumps": await _clumps(work, measuring)})
    names = list(watching.indicators)
    found = await asyncio.gather(
        *(_counted(work, measuring, watching.indicators[name], span) for name in names),
        return_exceptions=True,
    )
    share = compared_share(work.progress.weight, work.progress.beside)
    return looking.compared(before, _each(names, found), span, watching, share)


def _each(
    names: Sequence[str], found: Sequence[Look | BaseException]
) -> Iterator[tuple[str, Look | GapError]]:
    """Give what was found of each indicator; raise where Prometheus did not answer."""
    for name, one in zip(names, found, strict=True):
        if isinstance(one, BaseException) and not isinstance(one, GapError):
            raise one
        yield name, one


async def _counted(work: Work, measuring: Metrics, indicator: Indicator, span: Span) -> Look:
    new, control = await asyncio.gather(
        _counters(work, measuring, indicator, work.step.slot, span),
        _counters(work, measuring, indicator, work.plan.control, span),
    )
    return looking.counted(indicator, new, control, span)


async def _counters(
    work: Work, measuring: Metrics, indicator: Indicator, slot: str, span: Span
) -> Counters:
    """Ask for the raw samples of a slot, or of the baseline."""
    whole, part = await asyncio.gather(
        *(
            measuring.counters(_named(work, selector, slot), span.until, span.reach)
            for selector in (indicator.requests, indicator.failed or indicator.good or "")
        )
    )
    return Counters(requests=whole, part=part)


async def _clumps(work: Work, measuring: Metrics) -> Mapping[str, float]:
    """Measure how many failures come together, from the day before the release."""
    indicators = work.release.rules.watching.indicators
    until = work.release.started_at or work.now
    sizes = await asyncio.gather(
        *(_clump(work, measuring, indicator, until) for indicator in indicators.values())
    )
    return dict(zip(indicators, sizes, strict=True))


async def _clump(work: Work, measuring: Metrics, indicator: Indicator, until: datetime) -> float:
    """Measure it on the slot that is live."""
    queries = [
        f"sum by (pod) (increase({_named(work, selector, other_slot(work.step.slot))}[1m]))"
        for selector in (indicator.requests, indicator.failed or indicator.good or "")
    ]
    requests, part = await asyncio.gather(
        *(measuring.courses(query, until - DAY, until, MINUTE) for query in queries)
    )
    return clump_size(requests, part if indicator.failed else without(requests, part))


async def _guarded(work: Work, measuring: Metrics, before: Analysis) -> Analysis:
    """Ask the guards' queries. One that gives no number leaves open how it stands."""
    watching = work.release.rules.watching
    names = list(watching.guards)
    due = before.guarded_at is None or work.now - before.guarded_at >= watching.every
    if not names or not due:
        return before
    values = await asyncio.gather(
        *(measuring.number(_named(work, watching.guards[name].query), work.now) for name in names)
    )
    readings: Mapping[str, float] = {
        name: value for name, value in zip(names, values, strict=True) if value is not None
    }
    return judging.guarded(before, readings, work.now, watching)


def _named(work: Work, query: str, slot: str = "") -> str:
    target = work.plan.target
    stable, canary = ROLES
    role = canary if slot == work.plan.goes_to else stable
    return filled(query, service=target.service, namespace=target.namespace, slot=slot, role=role)


def next_look(work: Work, after: Analysis) -> datetime | None:
    """Say when the metrics are to be looked at again; None where nothing is measured."""
    if work.world.measuring is None:
        return None
    return looking.next_look(work.release.rules.watching, bake_of(work), after, work.now)
