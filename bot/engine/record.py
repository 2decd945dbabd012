"""Writes what happened to a release: state, record and messages in one transaction (§4.6).

Every tick and decision writes through here, so what was said and what was done can't differ.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.audit import AuditTag
from bot.domain.catalog import Catalog
from bot.domain.charts import chart_of
from bot.domain.events import event_of, happened
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.ports import Message
from bot.store import audit, cards, events, host_views, outbox, releases, stops
from bot.store.session import Session, note_ending
from bot.views import host_view

VIEW_REST = timedelta(seconds=1)
"""How long GitHub's view of a release waits: what follows at once is shown in its stead."""

Data = dict[str, str | int | bool | None]


async def advance(  # noqa: PLR0913 - what was, what is, and what to say of it
    session: Session,
    before: Release,
    after: Release,
    now: datetime,
    *,
    due_at: datetime | None,
    lines: Sequence[str] = (),
    by: str | None = None,
    catalog: Catalog | None = None,
) -> None:
    """Store a release's new value; its change of state, its lines and its card follow from it.

    The caller holds the lease in this transaction, or has taken the row over. Who starts or ends
    a release that had started hands in the catalogue: it says how the platform is told of it.
    """
    await releases.update_row(session, after, due_at)
    await show_on_host(session, before, after, now)
    if after.ended and not before.ended:
        note_ending(session, after)
        await _free(session, after, now)
    if after.state is not before.state:
        await audit.append(
            session,
            AuditTag.STATE_CHANGED,
            after.id,
            now,
            actor=by,
            before=before.state.value,
            after=after.state.value,
            reason=after.reason.value if after.reason else None,
        )
    # After the record's entry, whose chain lets one transaction at a time through: so the events of
    # a service become visible in the order of their numbers.
    await tell_platform(session, before, after, catalog)
    await say(session, after, lines, now)
    if after.reason is not before.reason:
        await show_metric(session, after, now)
    if looks_different(before, after) or lines:
        urgent = by is not None or after.state is not before.state
        await cards.want(session, after.id, after.asker.channel, now, urgent=urgent)


async def _free(session: Session, release: Release, now: datetime) -> None:
    """End the locks that belong to a release which ends; nobody else's."""
    for lock in await stops.lift_of_release(session, release.id, now):
        await audit.append(
            session, AuditTag.LOCK_ENDED, lock.id, now, release=release.id, scope=lock.scope
        )
        await releases.wake_blocked(session, release.environment, now)


async def tell_platform(
    session: Session, before: Release | None, after: Release, catalog: Catalog | None
) -> None:
    """Write the event that a change means, if it means one, and a delivery for each sink."""
    kind = happened(before, after)
    if kind is None:
        return
    if catalog is None:
        raise RuntimeError(f"{after.id} starts or ends, and no catalogue names its service")
    event = event_of(kind, after, catalog)
    await events.put(session, event, (after.id, after.service), catalog.events.sinks)


async def show_on_host(session: Session, before: Release, after: Release, now: datetime) -> None:
    """Ask for GitHub's own view to follow where the change means anything to it."""
    if after.plan_text is None or not host_view.looks_different(before, after):
        return
    at = now + VIEW_REST
    await host_views.want(session, after.id, after.rules.repository, at)
    if after.state is State.SUCCEEDED and before.state is not State.SUCCEEDED:
        place = (after.service, after.environment)
        await host_views.want_superseded(session, place, after.id, at)


async def say(session: Session, release: Release, lines: Sequence[str], now: datetime) -> None:
    """Add lines to the release's thread."""
    for line in lines:
        await outbox.put(
            session,
            "line",
            outbox.line_key(release.id),
            Message(text=line),
            now,
            channel=release.asker.channel,
            release_id=release.id,
        )


async def show_metric(session: Session, release: Release, now: datetime) -> None:
    """Let the thread show the metric that the release's reason hangs on, if one does."""
    chart = chart_of(release, now)
    if chart is None:
        return
    number = 1 + await outbox.count_charts(session, release.id)
    await outbox.put(
        session,
        "chart",
        f"chart:{release.id}:{number}",
        chart.model_copy(update={"number": number}),
        now,
        channel=release.asker.channel,
        release_id=release.id,
    )


def looks_different(before: Release, after: Release) -> bool:
    """Whether people would see another card."""
    return _seen(before) != _seen(after)


def _seen(release: Release) -> tuple[object, ...]:
    progress = release.progress
    return (
        release.state,
        release.reason,
        release.detail,
        release.plan_text,
        release.gates,
        release.needs_attention,
        release.locks,
        release.undone_by,
        release.live_since,
        progress.track,
        progress.step,
        progress.note,
        progress.trouble,
        progress.weight,
    )
