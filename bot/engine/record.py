"""Writes what happened to a release: state, record and messages in one transaction (§4.6).

Every tick and decision writes through here, so what was said and what was done can't differ.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.releases import Release
from bot.ports import Message
from bot.store import audit, cards, outbox, releases
from bot.store.session import Session

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
) -> None:
    """Store a release's new value; its change of state, its lines and its card follow from it.

    The caller holds the lease in this transaction, or has taken the row over.
    """
    await releases.update_row(session, after, due_at)
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
    await say(session, after, lines, now)
    if looks_different(before, after) or lines:
        urgent = by is not None or after.state is not before.state
        await cards.want(session, after.id, after.asker.channel, now, urgent=urgent)


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
