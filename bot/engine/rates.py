"""A service's traffic of the last hour, from Prometheus, so that a plan can say what its bakes see.

Called by `facts`. It is told and decides nothing: where Prometheus doesn't answer, nothing is told.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from bot.domain.facts import Rate
from bot.domain.indicators import ROLES, Indicator, filled
from bot.domain.rules import Rules
from bot.engine.world import World
from bot.errors import PermanentError, TemporaryError
from bot.ports import Metrics

HOUR = 3600

SLOTS = ("blue", "green")


async def rates(world: World, rules: Rules, now: datetime) -> Mapping[str, Rate]:
    """Read each indicator's rate; one that can't be had, or has no traffic, is left out."""
    indicators = rules.watching.indicators
    if world.measuring is None or not indicators:
        return {}
    try:
        async with asyncio.timeout(world.limits.measure):
            found = await asyncio.gather(
                *(_rate(world.measuring, one, rules, now) for one in indicators.values())
            )
    except (TemporaryError, PermanentError, TimeoutError):
        return {}
    return {name: rate for name, rate in zip(indicators, found, strict=True) if rate}


async def _rate(measuring: Metrics, one: Indicator, rules: Rules, now: datetime) -> Rate | None:
    requests, part = await asyncio.gather(
        _hour(measuring, one.requests, rules, now),
        _hour(measuring, one.failed or one.good or "", rules, now),
    )
    if requests <= 0:
        return None
    failed = part if one.failed is not None else requests - part
    return Rate(per_second=requests / HOUR, failing=min(1.0, max(0.0, failed / requests)))


async def _hour(measuring: Metrics, selector: str, rules: Rules, now: datetime) -> float:
    """Count over both slots: whichever of them was live."""
    target = rules.target
    queries = [
        filled(selector, service=target.service, namespace=target.namespace, slot=slot, role=role)
        for slot, role in zip(SLOTS, ROLES, strict=True)
    ]
    counts = await asyncio.gather(
        *(measuring.number(f"sum(increase({query}[1h]))", now) for query in queries)
    )
    return sum(count or 0.0 for count in counts)
