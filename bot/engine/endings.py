"""How a release ends: state, ledger, lock, record, messages, all in one transaction.

Called by the working tick when the last step of a track is done, and by `repaired`.
"""

from datetime import datetime, timedelta

from bot.domain.audit import AuditTag
from bot.domain.catalog import Catalog
from bot.domain.lifecycle import Event, State, advance
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.engine import held_back, record
from bot.store import audit, cards, ledger, releases
from bot.store.session import Session
from bot.views import lines, words

UNDO_EVENTS = {
    State.ROLLED_BACK: Event.UNDONE_AFTER_TRAFFIC,
    State.FAILED: Event.UNDONE_BEFORE_TRAFFIC,
    State.CANCELLED: Event.UNDONE_ON_CANCEL,
    State.SUCCEEDED: Event.VERSION_SERVES,
}
"""What ends a way back, by the ending that it leads to."""


async def end_forward(
    session: Session,
    before: Release,
    release: Release,
    now: datetime,
    said: list[str],
    catalog: Catalog,
) -> None:
    """End a release whose version is live and settled. `before` is what the store holds."""
    plan = release.plan
    since = release.live_since or now
    window = timedelta(seconds=plan.window if plan else 0)
    after = release.model_copy(
        update={
            "state": advance(release.state, Event.STEPS_DONE),
            "reason": Reason.DONE,
            "detail": None,
            "ended_at": now,
            "live_since": since,
            "window_until": since + window if plan and plan.previous and window else None,
        }
    )
    if release.kind == "rollback":
        after = after.model_copy(update={"locks": True, "window_until": None})
        await _live_now(session, after, since, "rollback", now)
        await _tell_undone(session, after, now)
        after = await held_back.hold(session, after, now)
        said = [*said, lines.held_back(after, authors(catalog, after))]
    else:
        await _live_now(session, after, since, "release", now)
    said = [*said, lines.succeeded(after, now)]
    due_at = after.window_until
    await record.advance(session, before, after, now, due_at=due_at, lines=said, catalog=catalog)
    await releases.wake_blocked(session, release.environment, now)


async def end_undo(
    session: Session,
    before: Release,
    release: Release,
    now: datetime,
    said: list[str],
    catalog: Catalog,
) -> None:
    """End a way back: rolled back, failed or cancelled, or a rollback that succeeded.

    A release that a person repaired by hand may end as succeeded too: its version serves.
    """
    goal = release.ends_as or State.FAILED
    switched = release.kind == "rollback" and goal is State.SUCCEEDED
    rolled_back = goal is State.ROLLED_BACK or switched
    serves = goal is State.SUCCEEDED
    after = release.model_copy(
        update={
            "state": advance(release.state, UNDO_EVENTS[goal]),
            "ended_at": now,
            "needs_attention": False,
            "locks": rolled_back,
            "live_since": (release.live_since or now) if serves else None,
        }
    )
    if serves:
        await _live_now(session, after, now, "rollback" if switched else "release", now)
    if switched:
        if after.reason is not Reason.REPAIRED_BY_PERSON:
            after = after.model_copy(update={"reason": Reason.DONE})
        await _tell_undone(session, after, now)
    if rolled_back:
        after = await held_back.hold(session, after, now)
        said = [*said, lines.held_back(after, authors(catalog, after))]
    await record.advance(session, before, after, now, due_at=None, lines=said, catalog=catalog)
    await releases.wake_blocked(session, release.environment, now)


async def _live_now(
    session: Session, release: Release, since: datetime, ended_by: str, now: datetime
) -> None:
    plan = release.plan
    if plan is None:
        return
    entry = ledger.Entry(
        service=release.service,
        environment=release.environment,
        version=release.version,
        commit=plan.commit,
        slot=plan.goes_to,
        image=plan.image,
        since=since,
        source="released",
        release_id=release.id,
    )
    how = "rollback" if ended_by == "rollback" else "release"
    await ledger.replace(session, entry, ended_by=how)  # type: ignore[arg-type]
    await audit.append(
        session,
        AuditTag.LEDGER_CHANGED,
        release.id,
        now,
        service=release.service,
        environment=release.environment,
        version=release.version,
        commit=plan.commit,
        slot=plan.goes_to,
    )


async def _tell_undone(session: Session, rollback: Release, now: datetime) -> None:
    if rollback.undoes is None:
        return
    undone = await releases.get_locked(session, rollback.undoes)
    if undone is None:
        return
    marked = undone.model_copy(update={"undone_by": rollback.id, "window_until": None})
    await releases.update_row(session, marked, None)
    await record.show_on_host(session, undone, marked, now)
    line = lines.undone(rollback.id, rollback.acted_by)
    await record.say(session, marked, [line], now)
    await cards.want(session, marked.id, marked.asker.channel, now, urgent=True)


def authors(catalog: Catalog, release: Release) -> list[str]:
    """Mention the people whose commits are in the release, as far as the catalogue ties them."""
    logins = release.diff.authors if release.diff else ()
    users = {p.github: user for user, p in catalog.people.items() if p.github}
    return [words.person(users[login]) for login in logins if login in users][:10]
