"""APScheduler as the clock: in memory, no job store. A job claims its run through a row."""

from collections.abc import Awaitable, Callable, Iterable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

LATE = 3600
"""Seconds by which a run may be late and still happens."""


class Scheduler:
    """Starts jobs at their times, in this process."""

    def __init__(self) -> None:
        self._scheduler: AsyncIOScheduler | None = None

    def start(self, jobs: Iterable[tuple[str, str, Callable[[], Awaitable[None]]]]) -> None:
        """Start the clock with these jobs: name, crontab line in UTC, what to call."""
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        for name, crontab, run in jobs:
            self._scheduler.add_job(
                run,
                CronTrigger.from_crontab(crontab, timezone="UTC"),
                id=name,
                misfire_grace_time=LATE,
                coalesce=True,
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Stop the clock; a job that runs is let be."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None
