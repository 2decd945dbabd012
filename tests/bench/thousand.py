"""A thousand releases under way in one process: its memory, and how late its ticks are."""

import asyncio
from datetime import timedelta
from pathlib import Path

from bot.app import host_time
from bot.store import releases
from tests.bench.figures import Figure, quantile
from tests.bench.rollback import Kit

RELEASES = 1000
WARM_SECONDS = 75.0
"""Until each of them had its first tick, and the watches are open."""

SAMPLES, BETWEEN_SECONDS = 300, 0.1


async def measure(folder: Path) -> list[Figure]:
    """Sample how long the release that waits the longest has waited. No tick is later than that."""
    kit = await Kit.start(folder, busy=RELEASES, clicks=1)
    await asyncio.sleep(WARM_SECONDS)
    late = []
    for _ in range(SAMPLES):
        late.append(await _longest_wait(kit))
        await asyncio.sleep(BETWEEN_SECONDS)
    memory = kit.bot.memory()
    await kit.stop()
    return [
        Figure("memory with 1,000 releases under way, MB", memory, 300),
        Figure("tick lag p99 with 1,000 releases under way, s", quantile(late, 0.99), 1),
    ]


async def _longest_wait(kit: Kit) -> float:
    async with kit.store.read() as session:
        due = await releases.next_due(session)
    if due is None:
        return 0.0
    return max(timedelta(0), host_time() - due).total_seconds()
