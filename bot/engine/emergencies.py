"""What an emergency writes: that it was asked for, what it passed over, who was told, the review.

Used where a release is asked for, by its ticks, and each minute by `schedule` for what is due: an
announcement that no tick made, and reminders. Reviews are rows; a reminder is sent by whoever
writes its row, so once across replicas.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from bot.domain.applying import emergency_of
from bot.domain.audit import AuditTag, stamp
from bot.domain.emergency import Review, may_pass, next_nag, overridden, passed_over, set_over
from bot.domain.gates.result import GateResult
from bot.domain.releases import Release
from bot.domain.standing import recorded
from bot.engine.world import World
from bot.ports import Message
from bot.store import audit, outbox, releases, reviews
from bot.store.audit import written
from bot.store.session import Session
from bot.views import emergency_lines as words

log = structlog.get_logger()

PATIENCE = timedelta(minutes=2)
"""How long the gates may take to answer before the channel hears of the emergency without them."""


async def asked(session: Session, release: Release) -> None:
    """Write that the glass was broken, and ask for its review. With the release's first row."""
    rules, now = release.rules.emergency, release.created_at
    if rules is None:
        raise RuntimeError(f"{release.id} is an emergency that no policy allows")
    review = Review(
        release_id=release.id,
        channel=rules.channel,
        roles=rules.review.roles,
        asked_at=now,
        due_at=now + rules.review.within,
        next_at=now + PATIENCE,
    )
    await reviews.insert(session, review)
    await audit.append(
        session,
        AuditTag.EMERGENCY_ASKED,
        release.id,
        now,
        actor=release.asker.user,
        passes=" ".join(rules.passes),
        approvals=rules.approvals,
        reason=written(release.request.reason),
    )
    await audit.append(
        session,
        AuditTag.REVIEW_ASKED,
        release.id,
        now,
        due=stamp(review.due_at),
        roles=" ".join(review.roles),
        channel=review.channel,
    )


async def settled(session: Session, before: Release, after: Release, now: datetime) -> list[str]:
    """Write which gates are overridden now, and tell security; give the lines for the thread."""
    if not after.request.emergency:
        return []
    over, had = passed_over(after.gates), passed_over(before.gates)
    if over and over != had:
        await audit.append(
            session,
            AuditTag.GATES_OVERRIDDEN,
            after.id,
            now,
            actor=after.asker.user,
            digest=after.digest,
            **{gate.gate: recorded(gate) for gate in after.gates if gate.gate in over},
        )
    review = await reviews.get_locked(session, after.id)
    if review is not None:
        await _announce(session, after, review, now, asked=True)
    new = [name for name in over if name not in had]
    return [words.overridden(after.asker.user, new)] if new else []


async def _announce(
    session: Session, release: Release, review: Review, now: datetime, *, asked: bool
) -> None:
    """Announce it, or what was overridden since; whatever the channel knows isn't repeated."""
    over = passed_over(release.gates)
    new = {name: said for name, said in over.items() if name not in review.told}
    if review.announced_at is None:
        message = words.announced(release, review, now, asked=asked)
    elif new:
        message = words.also_overridden(release, new)
    else:
        return
    key = f"emergency:{release.id}:{'+'.join(over)}"
    await post(session, review, key, message, now)
    known: dict[str, object] = {"told": tuple(dict.fromkeys((*review.told, *over)))}
    if review.announced_at is None:
        known |= {"announced_at": now, "next_at": next_nag(review, now)}
    await reviews.change(session, review.model_copy(update=known))


async def post(session: Session, review: Review, key: str, message: Message, now: datetime) -> None:
    """Say something in the channel of a review; once for each key."""
    await outbox.put(
        session,
        "post",
        key,
        message,
        now,
        channel=review.channel,
        release_id=review.release_id,
    )


def at_start(release: Release, found: Sequence[GateResult]) -> tuple[Release, GateResult | None]:
    """Pass over what the start's last look found, where that may be; what stays stops it."""
    why = release.request.reason or ""
    for problem in found:
        if not (release.request.emergency and may_pass(problem.gate, release.rules)):
            return release, problem
        one = overridden(problem, release.asker.user, why)
        release = release.model_copy(update={"gates": set_over(release.gates, one)})
    return release, None


async def remind(world: World) -> int:
    """Announce and nag where it is time; count the words. Raises TemporaryError."""
    async with world.store.read() as session:
        due = await reviews.due(session, world.clock.now())
    for release_id in due:
        async with world.store.write() as session:
            await _remind(world, session, release_id)
    if due:
        world.mail.tell()
    return len(due)


async def _remind(world: World, session: Session, release_id: str) -> None:
    now = world.clock.now()
    review = await reviews.get_locked(session, release_id)
    release = await releases.get(session, release_id)
    if review is None or release is None or review.next_at is None or review.next_at > now:
        return
    review = present(world, release, review)
    if review.announced_at is None:
        await _announce(session, release, review, now, asked=bool(release.gates))
        return
    nags = review.nags + 1
    await post(session, review, f"nag:{release_id}:{nags}", words.nag(release, review, now), now)
    after = {"nags": nags, "next_at": next_nag(review, now)}
    await reviews.change(session, review.model_copy(update=after))
    await audit.append(
        session,
        AuditTag.REVIEW_NAGGED,
        release_id,
        now,
        number=nags,
        due=stamp(review.due_at),
        channel=review.channel,
    )
    log.info("review_nagged", release=release_id, number=nags)


def present(world: World, release: Release, review: Review) -> Review:
    """Give the review as the policy of now has it: roles and channels change in the meantime."""
    catalog = world.catalog()
    if release.service not in catalog.services or release.environment not in catalog.environments:
        return review
    rules = emergency_of(catalog, release.service, release.environment)
    if rules is None:
        return review
    return review.model_copy(update={"roles": rules.review.roles, "channel": rules.channel})
