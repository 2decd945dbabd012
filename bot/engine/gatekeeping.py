"""One look at one job that waits at GitHub for the bot's word (docs/protection.md).

Used by the loop in `protection`, which holds the row. A job that is no release's own is made one,
with the same gates, approvals and record as any other; its run is that release's first step. A
no is stored before it is said; a yes is judged anew right before it is said.
"""

from datetime import datetime, timedelta
from time import monotonic

import structlog

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import WAITING, Event, State, advance
from bot.domain.protection import (
    PATIENCE,
    Answer,
    Case,
    Verdict,
    ended,
    judge,
    judge_own,
    place_of,
)
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.standing import recorded
from bot.engine import record, unmanaged
from bot.engine.taking_up import taken_up
from bot.engine.world import World
from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from bot.store import audit, protections, releases
from bot.store.audit import written
from bot.store.protections import Held
from bot.store.session import Session
from bot.views import gate_answers

log = structlog.get_logger()

EFFECT_SECONDS = 30.0
"""After so much of a claim nothing more is begun: what is under way ends before the claim does."""

SOON = timedelta(seconds=5)
"""How soon a release that is about to go on is looked at again."""

SLOWLY = timedelta(minutes=2)
"""How often a release that waits for people or for a time is looked at, besides when it changes."""

NO_RIGHT_PAUSE = 600.0
"""Seconds after which an answer is tried again that the bot has no right to give."""

REFUSED_PAUSE = 60.0
"""Seconds after which an answer is tried again that GitHub took not, though the run goes on."""


async def look(world: World, held: Held, claimed_at: float) -> None:
    """Look once. Raises TemporaryError where something gave no answer: it is looked at again."""
    case, now = held.case, world.clock.now()
    if now - case.at >= PATIENCE:
        await _close(world, held, case.model_copy(update={"outcome": "timed_out"}))
        log.error("protection_timed_out", repository=case.ask.repository, run=case.ask.run)
        return
    verdict = case.verdict
    # An answer was tried before: how the run stands tells more than another try.
    if verdict is not None and await _run_has_ended(world, held, case):
        return
    if verdict is None or verdict.kind == "approve":
        case, verdict = await _judged(world, held)
    if verdict is None:
        return
    release = await _release(world, case)
    if verdict.kind == "wait":
        await _wait(world, held, case, verdict, release)
        return
    if case.verdict != verdict:
        settled = await _settle(world, held, case, verdict)
        if settled is None:
            return
        case = settled
        release = await _release(world, case)
    await _answer(world, held, case, verdict, release, claimed_at)


async def _release(world: World, case: Case) -> Release | None:
    if case.release is None:
        return None
    async with world.store.read() as session:
        return await releases.get(session, case.release)


async def _judged(world: World, held: Held) -> tuple[Case, Verdict | None]:
    """Judge it by the release that it belongs to; None: the row is written, and that is all."""
    case, ask = held.case, held.case.ask
    async with world.store.read() as session:
        works = await protections.works_with(session, ask.repository, ask.run)
        own = next(((release, part) for release, part in works if not release.ended), None)
        meant = await protections.meant_by(session, own[0].id, ask.run) if own else None
    if own is not None:
        release, part = own
        place = place_of(world.catalog(), ask.environment)
        case = case.model_copy(update={"release": case.release or release.id})
        return case, judge_own(release, place, part, meant)
    made = await _release(world, case)
    if made is not None:
        return case, judge(made, case.meant)
    try:
        return await taken_up(world, held, SOON)
    except MissingError:
        await _close(world, held, case.model_copy(update={"outcome": "gone"}))
        return case, None


async def _wait(
    world: World, held: Held, case: Case, verdict: Verdict, release: Release | None
) -> None:
    """Say at GitHub what it waits for, and look whether anybody still does."""
    waiting = release is not None and release.state in WAITING
    shown = waiting and release is not None and release.state is not State.GATHERING
    if waiting and await _run_has_ended(world, held, case):
        return
    said = gate_answers.comment(case, verdict, release)
    if shown and said != case.told:
        await _say(world, case, said)
        case = case.model_copy(update={"told": said})
    after = case.model_copy(update={"verdict": None})
    async with world.store.write() as session:
        due_at = world.clock.now() + (SLOWLY if waiting else SOON)
        await protections.save(session, held, after, due_at)


async def _say(world: World, case: Case, said: str) -> None:
    """Comment without an answer. It is a courtesy: what goes wrong with it is nobody's trouble."""
    ask = case.ask
    try:
        await world.source.answer_gate(ask.repository, ask.run, ask.environment, said)
    except (TemporaryError, PermanentError) as error:
        log.info("protection_not_commented", run=ask.run, error=str(error))


async def _run_has_ended(world: World, held: Held, case: Case, refused: str | None = None) -> bool:
    """Close the case where the run has ended, by itself or past the bot; its release ends too.

    `refused`: GitHub's words where it took no answer.
    """
    ask = case.ask
    try:
        seen = await world.source.waiting_run(ask.repository, ask.run)
    except MissingError:
        seen = None
    if seen is not None and seen.run.status != "completed":
        return False
    now = world.clock.now()
    after = ended(case, passed=seen is not None and seen.run.conclusion == "success")
    async with world.store.write() as session:
        if case.release is not None:
            await _let_go(world, session, case, Reason.RUN_ENDED, Event.CANCELLED)
        await _note_answered(session, after, now, refused=refused)
        await protections.close(session, held, after, now)
        if after.outcome == "bypassed" and seen is not None:
            await unmanaged.note_deployed(world, session, unmanaged.past_the_gate(case, seen), now)
    return True


async def _let_go(
    world: World, session: Session, case: Case, reason: Reason | None, event: Event
) -> Release | None:
    """End the release that waits, over the head of a tick; None where it waits no more."""
    release = await releases.get_locked(session, case.release or "")
    if release is None or release.state not in WAITING:
        return None
    now = world.clock.now()
    after = release.model_copy(
        update={
            "state": advance(release.state, event),
            "reason": reason or release.reason,
            "ended_at": now,
        }
    )
    said = [gate_answers.run_ended(case)] if reason is Reason.RUN_ENDED else []
    await releases.take_over_row(session, release.id)
    catalog = world.catalog()
    await record.advance(session, release, after, now, due_at=None, lines=said, catalog=catalog)
    return after


async def _settle(world: World, held: Held, case: Case, verdict: Verdict) -> Case | None:
    """Store the decision with its gates; a release that is refused ends with it.

    None: the release is another by now, and is looked at again.
    """
    now = world.clock.now()
    after = case.model_copy(update={"verdict": verdict})
    async with world.store.write() as session:
        # What is no longer its release's run ends no release.
        over = verdict.reason is Reason.RUN_ENDED
        refuses = verdict.kind == "reject" and case.meant is not None and not over
        if refuses and not await _refused(world, session, case, verdict):
            await protections.save(session, held, case, now)
            return None
        await audit.append(
            session,
            AuditTag.DEPLOYMENT_JUDGED,
            case.release or case.ask.key,
            now,
            run=case.ask.run,
            environment=case.ask.environment,
            verdict=verdict.kind,
            reason=verdict.reason.value if verdict.reason else None,
            **{gate.gate: recorded(gate) for gate in verdict.gates},
        )
        await protections.keep(session, held, after)
    return after


async def _refused(world: World, session: Session, case: Case, verdict: Verdict) -> bool:
    """End what is refused. False where the verdict, asked anew, is no refusal any more."""
    release = await releases.get_locked(session, case.release or "")
    if release is None or release.ended:
        return True
    if judge(release, case.meant) != verdict:
        return False
    if release.state is State.BLOCKED:
        await _let_go(world, session, case, verdict.reason, Event.TURNED_AWAY)
    elif release.state in WAITING:
        await _let_go(world, session, case, verdict.reason, Event.CANCELLED)
    return True


async def _answer(
    world: World,
    held: Held,
    case: Case,
    verdict: Verdict,
    release: Release | None,
    claimed_at: float,
) -> None:
    """Say it to GitHub, and note that it was said; the same answer twice is one there."""
    ask = case.ask
    state: Answer = "approved" if verdict.kind == "approve" else "rejected"
    said = gate_answers.comment(case, verdict, release)
    if monotonic() - claimed_at > EFFECT_SECONDS:
        raise TemporaryError("the claim is too old to begin anything under it", delay=1.0)
    if not await _sent(world, held, case, said, state):
        return
    after = case.model_copy(update={"outcome": state, "sent": state, "verdict": verdict})
    now = world.clock.now()
    async with world.store.write() as session:
        await _note_answered(session, after, now, said)
        if release is not None:
            await record.say(session, release, [gate_answers.answered(case, verdict)], now)
        await protections.close(session, held, after, now)
    log.info("protection_answered", run=ask.run, state=state, release=case.release)


async def _sent(world: World, held: Held, case: Case, said: str, state: Answer) -> bool:
    """Send it; False where GitHub took none and the run has ended: then the case is closed.

    That GitHub may have it is noted before, and taken back where it certainly has not.
    """
    ask = case.ask
    # A yes that may be there is there whatever is said after it.
    maybe = case.sent if case.sent == "approved" else state
    await _keep(world, held, case.model_copy(update={"sent": maybe}))
    try:
        await world.source.answer_gate(ask.repository, ask.run, ask.environment, said, state)
    except TemporaryError as error:
        if not error.unknown:
            await _keep(world, held, case)
        raise
    except ForbiddenError as error:
        await _keep(world, held, case)
        log.error("protection_not_allowed", repository=ask.repository, error=str(error))
        raise TemporaryError(str(error), NO_RIGHT_PAUSE) from error
    except PermanentError as error:
        case = case.model_copy(update={"sent": await _known(world, case)})
        await _keep(world, held, case)
        log.info("protection_refused", run=ask.run, error=str(error))
        if await _run_has_ended(world, held, case, str(error)):
            return False
        raise TemporaryError(str(error), REFUSED_PAUSE) from error
    return True


async def _known(world: World, case: Case) -> Answer | None:
    """Say which answer GitHub may have: one is for all jobs of a run and an environment."""
    yes = case.verdict is not None and case.verdict.kind == "approve"
    if case.sent is not None or case.release is None or not yes:
        return case.sent
    async with world.store.read() as session:
        cases = await protections.of_run(session, case.release, case.ask.run)
    place = case.ask.environment.casefold()
    others = (other for other in cases if other.ask.key != case.ask.key)
    given = any(o.sent == "approved" and o.ask.environment.casefold() == place for o in others)
    return "approved" if given else None


async def _keep(world: World, held: Held, case: Case) -> None:
    async with world.store.write() as session:
        await protections.keep(session, held, case)


async def _note_answered(
    session: Session,
    after: Case,
    now: datetime,
    said: str | None = None,
    refused: str | None = None,
) -> None:
    """Write into the record what GitHub was told, or why it was told nothing."""
    verdict = after.verdict
    await audit.append(
        session,
        AuditTag.DEPLOYMENT_ANSWERED,
        after.release or after.ask.key,
        now,
        run=after.ask.run,
        environment=after.ask.environment,
        outcome=after.outcome,
        reason=verdict.reason.value if verdict and verdict.reason else None,
        comment=written(said),
        refused=refused,
    )


async def _close(world: World, held: Held, after: Case) -> None:
    now = world.clock.now()
    async with world.store.write() as session:
        await _note_answered(session, after, now)
        await protections.close(session, held, after, now)
