"""Delivers charts: draws what was judged, shows it in the release's thread, or says it in words.

Called by the outbox, whose rows they are. The drawing has a thread and the upload a task of its
own, so that nothing that is said waits for a picture. No chart comes before the traffic is back.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.charts import Chart
from bot.domain.counters import Sample
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.engine import record
from bot.engine.at_work import AtWork
from bot.engine.duties import Duty
from bot.engine.faults import fault_id
from bot.engine.pace import Pace
from bot.engine.world import World
from bot.errors import PermanentError, StaleLeaseError, TemporaryError
from bot.ports import Message
from bot.store import outbox, releases
from bot.store.tables import CardRow, OutboxRow
from bot.views import chart as chart_view
from bot.views import charting

log = structlog.get_logger()

SOON = timedelta(seconds=1)
"""How soon it is looked at again whether a chart may go out."""

GRACE = timedelta(seconds=20)
"""How long a chart that was begun is left alone: Slack shows a file some seconds after taking it,
so a look that comes sooner would find nothing and show it twice."""

SKEW = timedelta(minutes=5)
"""How far Slack's clock may be from ours when a file is looked for."""

TRIES = 5
"""Tries after which the words have to do: a chart that comes late helps nobody."""

QUIET = timedelta(hours=1)
"""How often it is logged that charts are left out."""

MOST_SAMPLES = 240
"""Points of a guard's course."""


@dataclass(frozen=True)
class Drawn:
    """A chart that is ready: its file's name, the picture, the words."""

    name: str
    png: bytes
    text: str


class Charts:
    """One chart at a time. The row of one says what was begun."""

    def __init__(self, world: World, pace: Pace, duty: Duty) -> None:
        self._world = world
        self._pace = pace
        self._duty = duty
        self._quiet_until: datetime | None = None
        self.at_work: AtWork[int, OutboxRow] = AtWork(world.mail.ring)

    async def begin(self, row: OutboxRow, card: CardRow | None) -> datetime | None:
        """Begin to deliver one; or say when to come again."""
        now = self._world.clock.now()
        if row.id is None or self.at_work or card is None or card.ts is None:
            return now + SOON
        if not await self._may_go(row.release_id or ""):
            return now + SOON
        allowed = self._pace.post_at(row.channel, now)
        if allowed > now:
            return allowed
        self._pace.posted(row.channel, now)
        async with self._world.store.write() as session:
            await outbox.begin(session, row.id, row.key, now + GRACE)
        self.at_work.begin(row.id, row, self._guarded(row, card.ts))
        return None

    async def _may_go(self, release_id: str) -> bool:
        """Whether the traffic is back where it goes back, and all has been said so far.

        Where it can't go back a person is called for, and needs to see why at once.
        """
        async with self._world.store.read() as session:
            release = await releases.get(session, release_id)
            return not _goes_back(release) and not await outbox.lines_wait(session, release_id)

    async def _guarded(self, row: OutboxRow, thread: str) -> None:
        """Deliver one. Whatever becomes of it, the row says when it is due again."""
        delay = timedelta(minutes=1)
        try:
            await self._deliver(row, thread)
        except StaleLeaseError:
            log.warning("duty_lost", duty="slack")
            return
        except TemporaryError as error:
            log.warning("slack_waits", error=str(error))
            delay = max(timedelta(seconds=error.delay), SOON)
        except Exception:
            log.exception("message_failed", error_id=fault_id())
        else:
            return
        try:
            async with self._world.store.write() as session:
                await outbox.later(session, [row.id or 0], self._world.clock.now() + delay)
        except TemporaryError as error:
            # It is due again all the same, after its grace.
            log.warning("database_unreachable", error=str(error))

    async def _deliver(self, row: OutboxRow, thread: str) -> None:
        chart = Chart.model_validate_json(row.body)
        drawn = await self._drawn(chart)
        if drawn is None:
            await self._done(row)
            return
        try:
            await self._show(row, thread, drawn)
        except PermanentError as error:
            self._left_out(str(error))
            await self._done(row, instead=drawn.text)
        else:
            await self._done(row, shown=drawn.text)

    async def _show(self, row: OutboxRow, thread: str, drawn: Drawn) -> None:
        chat = self._world.chat
        if row.batch is not None:
            since = row.created_at - SKEW
            if await chat.attached(row.channel, thread, drawn.name, since):
                return
        if row.attempts >= TRIES:
            raise PermanentError(f"Slack took no chart in {TRIES} tries")
        self._duty.check()
        await chat.attach(row.channel, thread, drawn.name, drawn.png, drawn.text, self._duty.check)

    async def _drawn(self, chart: Chart) -> Drawn | None:
        """Draw it; None where a guard's course can't be had, which is no reason to wait."""
        samples: tuple[Sample, ...] = ()
        if chart.query is not None:
            samples = await self._course(chart, chart.query)
            if not samples:
                return None
        picture = charting.picture(chart, samples)
        png = await asyncio.to_thread(chart_view.draw, picture)
        return Drawn(charting.file_name(chart), png, charting.words(chart, samples))

    async def _course(self, chart: Chart, query: str) -> tuple[Sample, ...]:
        measuring = self._world.measuring
        if measuring is None:
            self._left_out("PROMETHEUS_URL is not set")
            return ()
        seconds = (chart.decided - chart.since).total_seconds()
        step = timedelta(seconds=max(1.0, seconds // MOST_SAMPLES + 1))
        try:
            async with asyncio.timeout(self._world.limits.measure):
                found = await measuring.course(query, chart.since, chart.decided, step)
        except TimeoutError:
            self._left_out(f"Prometheus did not answer in {self._world.limits.measure:g} s")
            return ()
        except (TemporaryError, PermanentError) as error:
            self._left_out(str(error))
            return ()
        if not found:
            self._left_out("Prometheus has no course of the guard's query")
        return found

    def _left_out(self, why: str) -> None:
        now = self._world.clock.now()
        if self._quiet_until is None or now >= self._quiet_until:
            self._quiet_until = now + QUIET
            log.warning("chart_left_out", why=why)

    async def _done(
        self, row: OutboxRow, *, shown: str | None = None, instead: str | None = None
    ) -> None:
        """Be done with a chart; `instead`: what the thread is told in words, if it wasn't shown."""
        now = self._world.clock.now()
        async with self._world.store.write() as session:
            if shown is not None:
                await record.note_sent(session, row, shown, now)
            await outbox.sent(session, [row.id or 0], now)
            if instead is not None:
                await outbox.put(
                    session,
                    "line",
                    f"{row.key}:words",
                    Message(text=instead),
                    now,
                    channel=row.channel,
                    release_id=row.release_id,
                )


def _goes_back(release: Release | None) -> bool:
    """Whether traffic is still on its way back, and gets there."""
    if release is None or release.state is not State.ROLLING_BACK:
        return False
    return release.progress.weight > 0 and not release.needs_attention
