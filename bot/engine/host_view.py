"""Shows releases on GitHub, each by a row that says which state is wanted (DESIGN §4.6).

A loop of its own: GitHub away, or a right that is missing, holds no release up. The newest state
wins. What is done for one release is in `showing`.
"""

from datetime import datetime, timedelta
from time import monotonic

import structlog

from bot.domain.hosting import current
from bot.engine.at_work import AtWork
from bot.engine.faults import fault_id
from bot.engine.showing import Showing, show_deployment, show_plan
from bot.engine.world import Wake, World
from bot.errors import (
    ForbiddenError,
    MissingError,
    PermanentError,
    StaleLeaseError,
    TemporaryError,
)
from bot.store import host_views, intents, releases
from bot.store.host_views import Wanted
from bot.views import host_view
from bot.views.host_view import DeploymentView, PlanView

log = structlog.get_logger()

AT_ONCE = 3
"""Most releases that are shown at a time: gates and runs ask GitHub too, and go first."""

CLAIM = timedelta(seconds=60)
"""How long a claim lasts, in real time; a process that is killed leaves it behind."""

REFUSED = timedelta(hours=1)
"""How long a repository is left alone that does not let the bot show releases."""

LONGEST_PAUSE = 300.0
"""Seconds that a try waits at the most while GitHub is away."""

MOST_TRIES = 300
"""Tries in a row for one release: with the longest pause between them, a day."""

SCARCE = 0.1
"""With less than this share of the hour's budget left nothing is shown: gates and runs need it."""

SCARCE_PAUSE = timedelta(minutes=5)

RUN = "forward:0:run"
"""Effect of the deploying run, where the first step is a workflow."""


class HostViews:
    """Sends what is due, a few at a time; the row says who is at it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wake = Wake()
        self.at_work: AtWork[str, Wanted] = AtWork(self._wake.ring)
        self._refused: dict[tuple[str, str], datetime] = {}
        self._told: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Work until the process ends."""
        while self._wake.open:
            pause: float | None = None
            try:
                await self.send_due()
                pause = await self._till_next()
            except TemporaryError as error:
                log.warning("database_unreachable", error=str(error))
            await self._wake.rest(pause)

    def close(self) -> None:
        """Let the loop end when its present turn is over."""
        self._wake.close()

    async def _till_next(self) -> float | None:
        now = self._world.clock.now()
        async with self._world.store.read() as session:
            due = await host_views.next_due(session, now)
        return (due - now).total_seconds() if due else None

    async def send_due(self) -> int:
        """Begin to show what is due; count it."""
        clock, room = self._world.clock, AT_ONCE - len(self.at_work)
        async with self._world.store.read() as session:
            if room <= 0 or not await host_views.anything_due(session, clock.now(), clock.real()):
                return 0
        claimed_at = monotonic()
        async with self._world.store.write() as session:
            real = clock.real()
            rows = await host_views.claim(session, clock.now(), real, real + CLAIM, room)
        for row in rows:
            self.at_work.begin(row.release_id, row, self._guarded(row, claimed_at))
        return len(rows)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self.at_work.settle()

    async def stop(self) -> None:
        """Let what is under way end soon; give the rest back: whoever lives on looks first."""
        left = await self.at_work.end()
        if not left:
            return
        try:
            async with self._world.store.write() as session:
                for row in left:
                    await host_views.later(session, row, self._world.clock.now(), tried=True)
        except TemporaryError as error:
            log.warning("claims_left", error=str(error))

    async def _guarded(self, row: Wanted, claimed_at: float) -> None:
        """Show it; whatever happens, nobody but the log hears of it."""
        try:
            await self._show(row, claimed_at)
        except StaleLeaseError:
            log.info("claim_lost", release=row.release_id)
        except TemporaryError as error:
            log.warning("view_outcome_lost", release=row.release_id, error=str(error))
        except Exception:
            log.exception("view_failed", release=row.release_id, error_id=fault_id())
            await self._again(row, self._world.clock.now() + REFUSED)

    async def _show(self, row: Wanted, claimed_at: float) -> None:
        now = self._world.clock.now()
        if self._scarce():
            await self._again(row, now + SCARCE_PAUSE, tried=False)
            return
        async with self._world.store.read() as session:
            release = await releases.get(session, row.release_id)
            intent = await intents.get(session, row.release_id, RUN)
            newer = await host_views.superseded_by(session, release) if release else None
        view = host_view.draw(release, superseded_by=newer) if release else None
        again = None
        if release is not None and view is not None:
            run = int(intent.result) if intent and intent.result else None
            showing = Showing(row, release, claimed_at, run)
            again = soonest(
                await self._tried(showing, "statuses", view.plan),
                await self._tried(showing, "deployments", view.deployment),
            )
        if again is not None and row.attempts < MOST_TRIES:
            await self._again(row, again)
            return
        if again is not None:
            log.error("view_given_up", release=row.release_id, attempts=row.attempts)
        async with self._world.store.write() as session:
            await host_views.sent(session, row)

    def _scarce(self) -> bool:
        budget = current(self._world.source.budget(), self._world.clock.now())
        return budget is not None and budget.remaining < budget.limit * SCARCE

    async def _again(self, row: Wanted, at: datetime, *, tried: bool = True) -> None:
        async with self._world.store.write() as session:
            await host_views.later(session, row, at, tried=tried)

    async def _tried(
        self, showing: Showing, right: str, part: PlanView | DeploymentView | None
    ) -> datetime | None:
        """Show one part; say when to try it again, or None when it is done with."""
        row, now = showing.row, self._world.clock.now()
        until = self._refused.get((row.repository, right))
        if part is None or (until is not None and until > now):
            return until if part is not None else None
        try:
            if isinstance(part, PlanView):
                await show_plan(self._world, showing, part)
            else:
                await show_deployment(self._world, showing, part)
        except MissingError as error:
            if row.deployment_id is None or isinstance(part, PlanView):
                return self._not_allowed(row.repository, right, str(error))
            # Somebody deleted this very Deployment: another one is made, if one is due.
            async with self._world.store.write() as session:
                await host_views.forget(session, row)
            return now + timedelta(seconds=LONGEST_PAUSE)
        except ForbiddenError as error:
            return self._not_allowed(row.repository, right, str(error))
        except PermanentError as error:
            # What was refused for what it is will be refused again; the next state may not be.
            log.warning("view_refused", release=row.release_id, error=str(error))
        except TemporaryError as error:
            log.info("view_waits", release=row.release_id, error=str(error))
            pause = max(error.delay, min(2.0 ** min(row.attempts, 9), LONGEST_PAUSE))
            return now + timedelta(seconds=pause)
        return None

    def _not_allowed(self, repository: str, right: str, error: str) -> datetime:
        """Leave the repository alone for an hour; the log hears of it once."""
        until = self._world.clock.now() + REFUSED
        self._refused[repository, right] = until
        if (repository, right) not in self._told:
            self._told.add((repository, right))
            log.error("view_not_allowed", repository=repository, right=right, error=error)
        return until


def soonest(*times: datetime | None) -> datetime | None:
    """Pick the earliest of those that are known."""
    return min((t for t in times if t is not None), default=None)
