"""Going back: people's wishes for a release under way, and what turns it round.

Called by the working tick before it acts. A rollback waits for nothing but the cluster.
"""

from datetime import datetime

from bot.domain.applying import shows_logs
from bot.domain.audit import AuditTag
from bot.domain.by_hand import undo_command
from bot.domain.catalog import Catalog
from bot.domain.lifecycle import Event, State, advance
from bot.domain.outcomes import Failed, Held
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.engine import held_back, record, stop_facts
from bot.engine.steps.work import Work
from bot.store import audit, leases, wishes
from bot.store.session import Session
from bot.store.wishes import Wish
from bot.views import lines, log_lines


def turned_back(
    release: Release, now: datetime, *, ends_as: State, reason: Reason, detail: str | None
) -> Release:
    """Put a release on its way back. The steps back follow from whether traffic had moved."""
    progress = release.progress.model_copy(
        update={
            "track": "undo",
            "step": 0,
            "since": now,
            "note": None,
            "trouble": None,
            "promoted": False,
            "paused_by": None,
            "short_since": None,
            "pause_since": None,
            "pause_until": None,
        }
    )
    return release.model_copy(
        update={
            "state": advance(release.state, Event.UNDO_STARTED),
            "reason": reason,
            "detail": detail,
            "progress": progress,
            "ends_as": ends_as,
        }
    )


async def fail(work: Work, before: Release, outcome: Failed) -> bool:
    """Take a release back because a step failed; there is more to do at once."""
    moved, now = work.progress.moved, work.now
    if moved and work.release.kind == "rollback":
        # The machine never takes a rollback back: both versions have been found bad now.
        return await hold(work, before, Held(outcome.sentence, changes=outcome.changes))
    after = turned_back(
        work.release.progressed(outcome.changes),
        now,
        ends_as=State.ROLLED_BACK if moved else State.FAILED,
        reason=outcome.reason,
        detail=outcome.sentence,
    )
    async with work.world.store.write() as session:
        await leases.hold(session, work.lease, work.world.clock.real() + leases.LEASE)
        await audit.append(
            session,
            AuditTag.STEP_FAILED,
            before.id,
            now,
            step=work.step.kind,
            reason=outcome.reason.value,
            sentence=outcome.sentence,
        )
        if moved:
            await held_back.note_passed(session, before.id, _place(before), now)
        await stop_facts.note_passed(session, before, now)
        said = [*work.said, _why_back(work, after, outcome)]
        catalog = work.world.catalog()
        await record.advance(session, before, after, now, due_at=now, lines=said, catalog=catalog)
    return True


def _why_back(work: Work, after: Release, outcome: Failed) -> str:
    """Say what failed and what follows, and where it was a pod, how to see what it wrote."""
    said = lines.undoing(outcome.sentence, work.plan, moved=work.progress.moved)
    allowed = shows_logs(work.world.catalog(), after.service, after.environment)
    shown = allowed and log_lines.is_worth_asking(after)
    return f"{said} {log_lines.hint(after.id)}" if shown else said


async def hold(work: Work, before: Release, outcome: Held) -> bool:
    """Stop where it is until a person has looked. Nobody acts meanwhile."""
    release = work.release.progressed({**outcome.changes, "pause_until": None})
    state = State.PAUSED if release.state is State.PAUSED else advance(release.state, Event.HELD)
    after = release.model_copy(
        update={"state": state, "reason": Reason.HELD, "detail": outcome.sentence}
    )
    async with work.world.store.write() as session:
        await leases.hold(session, work.lease, None)
        await audit.append(
            session, AuditTag.RELEASE_HELD, before.id, work.now, why=outcome.sentence
        )
        said = [*work.said, lines.held(outcome.sentence)]
        await record.advance(session, before, after, work.now, due_at=None, lines=said)
    return False


def by_hand(release: Release) -> str:
    """Write the kubectl line that would do what the bot can't."""
    return undo_command(release) or "kubectl"


async def turn_back(
    session: Session, release: Release, wish: Wish, now: datetime, catalog: Catalog
) -> Release:
    """Put a release on its way back because a person wishes it. The caller holds its lease."""
    moved = release.progress.moved
    after = turned_back(
        release,
        now,
        ends_as=State.ROLLED_BACK if moved else State.CANCELLED,
        reason=Reason.ROLLED_BACK_BY_PERSON if moved else Reason.CANCELLED_BY_PERSON,
        detail=None,
    ).model_copy(update={"acted_by": wish.by, "acted_at": wish.at})
    line = lines.rollback_asked(wish.by) if moved else lines.cancelling(wish.by)
    if moved:
        await held_back.note_passed(session, release.id, _place(release), now, by=wish.by)
    await wishes.take_all(session, release.id, now)
    await stop_facts.note_passed(session, release, now, wish.by)
    await record.advance(
        session, release, after, now, due_at=now, lines=[line], by=wish.by, catalog=catalog
    )
    return after


def _place(release: Release) -> tuple[str, str]:
    return release.service, release.environment
