"""What a chart in a release's thread shows: the values, as they were known at the decision. Pure.

Made by `record` in the transaction of the decision and stored with the message, so that what is
drawn later is what was judged. `views.charting` makes a picture and words of it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from bot.domain.analysis import Analysis, Move, Point, broken, telling
from bot.domain.baselines import compared_share
from bot.domain.catalog import Slot
from bot.domain.indicators import filled
from bot.domain.plans import Plan
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.value import Value

CHARTED = (
    Reason.METRICS_UNHEALTHY,
    Reason.METRICS_MARGINAL,
    Reason.METRICS_UNDECIDED,
    Reason.NO_TRAFFIC,
    Reason.GUARD_BROKEN,
)
"""Reasons that come from the metrics: to go back, or to ask a person."""

BEFORE = timedelta(minutes=5)
"""How long before traffic moved a guard's course begins, so that one sees what was usual."""


class Chart(Value):
    """One chart. `number`: which of the release's, from 1 on."""

    release: str
    number: int = 1
    kind: Literal["failures", "traffic", "guard"]
    """An indicator's failures on both slots, the new slot's share of the requests, or a guard."""
    what: str
    """The indicator's or the guard's name."""
    service: str
    version: str
    previous: str | None
    new: Slot
    live: Slot
    control: str | None = None
    """What the new slot was compared with; None: the live slot (older rows don't say)."""
    decided: datetime
    moves: tuple[Move, ...] = ()
    course: tuple[Point, ...] = ()
    """Empty for a guard: its course is asked for when the chart is drawn."""
    query: str | None = None
    since: datetime
    limit: float | None = None
    """For failures the share that may fail, for traffic the share that was promised."""
    low: bool = False
    """Whether what is below the limit is bad, not what is above it."""


def chart_of(release: Release, now: datetime) -> Chart | None:
    """Say what the chart for the release's reason shows; None where there is nothing to draw."""
    plan, analysis = release.plan, release.progress.analysis
    if plan is None or release.reason not in CHARTED:
        return None
    if release.reason is Reason.GUARD_BROKEN:
        return _of_guard(release, plan, now)
    if release.reason is Reason.NO_TRAFFIC:
        return _of_traffic(release, plan, now)
    name = telling(analysis, release.rules.watching)
    course = analysis.courses.get(name or "", ())
    if name is None or not course:
        return None
    limit = release.rules.watching.indicators[name].budget
    chart = _blank(release, plan, now, "failures", name)
    return chart.model_copy(update={"course": course, "limit": limit})


def _of_traffic(release: Release, plan: Plan, now: datetime) -> Chart | None:
    """Show the looks since traffic last moved: before it something else was promised."""
    moves = release.progress.moves
    since = moves[-1].at if moves else None
    courses = release.progress.analysis.courses.values()
    busiest = max(courses, key=_requests, default=())
    course = tuple(point for point in busiest if since is None or point.at > since)
    if not course:
        return None
    chart = _blank(release, plan, now, "traffic", "traffic")
    return chart.model_copy(
        update={
            "course": course,
            "moves": moves[-1:],
            "since": since or course[0].at,
            "limit": compared_share(release.progress.weight, release.progress.beside) / 100,
            "low": True,
        }
    )


def _of_guard(release: Release, plan: Plan, now: datetime) -> Chart | None:
    past = broken(release.progress.analysis, now, release.rules.watching)
    if past is None:
        return None
    name, guard = past
    target = plan.target
    chart = _blank(release, plan, now, "guard", name)
    return chart.model_copy(
        update={
            "query": filled(guard.query, service=target.service, namespace=target.namespace),
            "since": chart.since - BEFORE,
            "limit": guard.above if guard.above is not None else guard.below,
            "low": guard.above is None,
        }
    )


def _blank(
    release: Release,
    plan: Plan,
    now: datetime,
    kind: Literal["failures", "traffic", "guard"],
    what: str,
) -> Chart:
    moves = release.progress.moves
    return Chart(
        release=release.id,
        kind=kind,
        what=what,
        service=release.service,
        version=plan.version,
        previous=plan.previous,
        new=plan.goes_to,
        live=plan.live,
        control=plan.control if plan.has_baseline else None,
        decided=now,
        moves=moves,
        since=moves[0].at if moves else _begun(release.progress.analysis, now),
    )


def _begun(analysis: Analysis, now: datetime) -> datetime:
    """Say from when there is something to see, for a release that an older version moved."""
    return min((course[0].at for course in analysis.courses.values() if course), default=now)


def _requests(course: Iterable[Point]) -> float:
    return sum(point.n_c + point.n_s for point in course)
