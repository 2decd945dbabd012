"""Writes what happened to a release: state, record and messages in one transaction (§4.6).

Every tick and decision writes through here, so what was said and what was done can't differ.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.audit import AuditTag
from bot.domain.catalog import Catalog
from bot.domain.cdevents import Happening, cdevents_of, happenings
from bot.domain.charts import chart_of
from bot.domain.events import event_of, happened
from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.domain.scores import NO_SCORES, Scores, scores_of
from bot.ports import Message
from bot.store import (
    audit,
    cards,
    events,
    evidence,
    host_views,
    outbox,
    protections,
    releases,
    stops,
)
from bot.store.audit import written
from bot.store.session import Session, note_ending
from bot.store.tables import CardRow, OutboxRow
from bot.views import host_view

CHECKPOINT = "checkpoint"
"""How the keys of messages begin that publish a checkpoint."""

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

    The caller holds the lease in this transaction, or has taken the row over. Who changes a release
    so that somebody outside hears of it hands in the catalogue: it says who is told, and how.
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
    await tell_outside(session, before, after, now, catalog)
    await say(session, after, lines, now)
    if after.run is not None:
        await protections.wake(session, after.id, now)
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


async def tell_outside(
    session: Session,
    before: Release | None,
    after: Release,
    now: datetime,
    catalog: Catalog | None,
) -> None:
    """Write the events that a change means, and a delivery of each for the sinks that take it.

    One that is there already is not written again: its id follows from what it tells of.
    """
    kinds, found = tuple(happened(before, after)), happenings(before, after)
    if not kinds and not found:
        return
    if catalog is None:
        raise RuntimeError(f"{after.id} has news for outside, and no catalogue names its service")
    place = (after.id, after.service)
    for kind in kinds:
        completed = kind == "DeploymentCompletedEvent"
        scores = await _scores(session, after, catalog) if completed else NO_SCORES
        event = event_of(kind, after, catalog, scores)
        await events.put(session, event, place, catalog.events.takers("platform"))
    takers = catalog.events.takers("cdevents")
    if takers:
        await _tell_cdevents(session, after, found, now, catalog, takers)


async def _tell_cdevents(
    session: Session,
    release: Release,
    found: tuple[Happening, ...],
    now: datetime,
    catalog: Catalog,
    takers: list[str],
) -> None:
    """Write the CDEvents; where no sink takes them there are none."""
    known = await events.told(session, release.id)
    for event in cdevents_of(found, release, catalog, now, known):
        await events.put(session, event, (release.id, release.service), takers)


async def _scores(session: Session, release: Release, catalog: Catalog) -> Scores:
    """Work out what the evidence on the commit says at this moment."""
    plan, entry = release.plan, catalog.services.get(release.service)
    if plan is None or plan.commit is None or entry is None:
        return NO_SCORES
    found = await evidence.of_commit(session, release.service, plan.commit)
    return scores_of(found, catalog.evidence.weights, entry.evidence.budgets)


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


async def note_sent(
    session: Session, row: OutboxRow, text: str, now: datetime, ts: str | None = None
) -> None:
    """Put on the record that Slack has a message. Called before the row itself is written.

    A checkpoint's own message makes no entry: then a record at rest would never rest.
    """
    if row.key.startswith(f"{CHECKPOINT}:"):
        return
    await audit.append(
        session,
        AuditTag.MESSAGE_SENT,
        row.release_id or "message",
        now,
        kind=row.kind,
        channel=row.channel,
        thread=row.thread,
        ts=ts,
        to=f"<@{row.user}>" if row.user else None,
        text=written(text, row.user),
    )


async def note_card(
    session: Session, card: CardRow, message: Message, ts: str, now: datetime
) -> None:
    """Put on the record where a release's card was posted. What it shows later follows from it."""
    await audit.append(
        session,
        AuditTag.MESSAGE_SENT,
        card.release_id,
        now,
        kind="card",
        channel=card.channel,
        ts=ts,
        text=written(message.text),
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
