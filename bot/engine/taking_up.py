"""Makes a release of a job that waits at GitHub, as if its starter had asked for it in Slack.

Used by `gatekeeping`. Who started it must be known by the catalogue and have the right; what can't
be told is answered no, with what to type instead.
"""

from datetime import datetime, timedelta

from structlog.contextvars import bind_contextvars

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import UNDER_WAY, State
from bot.domain.protection import (
    Case,
    Meant,
    Verdict,
    WaitingRun,
    channel_of,
    identify,
    no,
    person_of,
)
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.requests import Asker
from bot.domain.rules import rules_of
from bot.domain.titles import named_release
from bot.engine import record
from bot.engine.people import roles_of
from bot.engine.world import World
from bot.errors import TemporaryError, UserError
from bot.store import audit, cards, protections, releases
from bot.store.protections import Held
from bot.store.session import Session
from bot.views import gate_answers


async def taken_up(world: World, held: Held, soon: timedelta) -> tuple[Case, Verdict | None]:
    """Make a release of it, or say no. None: the release is made, and looked at `soon`.

    Raises MissingError where the run is gone, TemporaryError where something gave no answer.
    """
    case, ask = held.case, held.case.ask
    seen = await world.source.waiting_run(ask.repository, ask.run)
    if await _may_be_own(world, seen):
        return case, Verdict(kind="wait")
    meant = await _identified(world, case, seen)
    if isinstance(meant, Verdict):
        return case, meant
    case = case.model_copy(update={"meant": meant})
    asker = await _asker(world, seen.actor or ask.actor, meant)
    if isinstance(asker, Verdict):
        return case, asker
    async with world.store.write() as session:
        after = await _made(world, session, case, asker, seen)
        await protections.save(session, held, after, world.clock.now() + soon)
    world.work.tell()
    return after, None


async def _may_be_own(world: World, seen: WaitingRun) -> bool:
    """Whether a release has started such a run, and does not know yet that it is this one.

    It starts them on the default branch only.
    """
    name = named_release(seen.run.title) if seen.on_default else None
    if name is None:
        return False
    async with world.store.read() as session:
        release = await releases.get(session, name)
        if release is None or release.state not in UNDER_WAY:
            return False
        return await protections.looks_for_run(session, name)


async def _identified(world: World, case: Case, seen: WaitingRun) -> Meant | Verdict:
    """Tell which release it would be; tags are read only where the title does not tell."""
    catalog, ask = world.catalog(), case.ask
    found = identify(catalog, ask, seen, ())
    if isinstance(found, Meant) or found.reason is not Reason.DEPLOYMENT_UNCLEAR:
        return found
    tags = await world.source.tags_at(ask.repository, ask.ref, seen.commit)
    return identify(catalog, ask, seen, tags)


async def _asker(world: World, login: str, meant: Meant) -> Asker | Verdict:
    """Find who asks, where they are to be answered, and whether they may."""
    catalog = world.catalog()
    about = (login, meant.service, meant.version, meant.environment)
    user = person_of(catalog, login) if login else None
    if user is None:
        return no(Reason.REQUESTER_UNKNOWN, *about)
    channel = channel_of(catalog, meant.service)
    if channel is None:
        return no(Reason.NOT_SET_UP, meant.service)
    rights = catalog.environments[meant.environment].rights.release
    try:
        roles = await roles_of(world, user, rights, service=meant.service)
    except UserError as error:
        raise TemporaryError(error.sentence, 60.0) from error
    return Asker(user=user, channel=channel) if roles else no(Reason.NO_RIGHT, *about)


async def _made(world: World, session: Session, case: Case, asker: Asker, seen: WaitingRun) -> Case:
    """Insert the release with its card, its line and its entry; once for each job."""
    key, now = f"github:{case.ask.key}", world.clock.now()
    there = await releases.by_request(session, key)
    if there is not None:
        return case.model_copy(update={"release": there.id})
    release = await _release(world, session, case, asker, now)
    bind_contextvars(release=release.id)
    await releases.insert(session, release, key, now)
    await cards.want(session, release.id, asker.channel, now, urgent=True)
    request = release.request
    await audit.append(
        session,
        AuditTag.RELEASE_REQUESTED,
        release.id,
        now,
        actor=asker.user,
        channel=asker.channel,
        via="github",
        service=request.service,
        version=request.version,
        environment=request.environment,
        run=case.ask.run,
        strategy=None,
        reason=None,
    )
    said = gate_answers.taken_up(case, seen.run.url, seen.actor or case.ask.actor)
    await record.say(session, release, [said], now)
    return case.model_copy(update={"release": release.id})


async def _release(
    world: World, session: Session, case: Case, asker: Asker, now: datetime
) -> Release:
    meant = case.meant
    if meant is None:
        raise RuntimeError(f"{case.ask.key} is taken up, and nobody knows for which release")
    rules = rules_of(world.catalog(), meant.request())
    return Release(
        id=await releases.free_id(session),
        kind="release",
        request=meant.request(),
        asker=asker,
        created_at=now,
        state=State.GATHERING,
        rules=rules,
        expires_at=now + rules.approvals.expires,
        run=case.ask.run,
    )
