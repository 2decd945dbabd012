"""Votes after they were given: who still has the role, which are used again, who is reminded.

Called by the ticks of a release that waits (`waiting`). Slack is asked before the transaction; what
came of it is written in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.approving import counting, next_look, tally
from bot.domain.audit import AuditTag
from bot.domain.facts import Unknown
from bot.domain.gates.result import GateResult, unknown
from bot.domain.lifecycle import State
from bot.domain.policies import Approvals
from bot.domain.releases import Again, Approval, Release
from bot.domain.reusing import Earlier, candidate, judge
from bot.engine import record
from bot.engine.deciding import approvers
from bot.engine.people import every_role_of, is_outsider, named_in, who_could
from bot.engine.world import World
from bot.errors import UserError
from bot.store import approvals, audit, leases, releases
from bot.store.leases import Lease
from bot.store.session import Session
from bot.views import approval_lines

HISTORY = 10
"""Releases of a target that are looked through for an approval that might be used again."""


@dataclass(frozen=True)
class Looked:
    """What Slack and the catalogue say of those who voted: the roles that each still has."""

    roles: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """By plan and person."""
    earlier: Earlier | None = None
    unreadable: GateResult | None = None

    def now(self, vote: Approval) -> Approval:
        """Give a vote with the roles that its holder still has; without any it is void."""
        still = self.roles.get((vote.digest, vote.user), vote.roles)
        if still == vote.roles:
            return vote
        why = None if still else approval_lines.LOST
        return vote.model_copy(update={"roles": still, "void": why})


async def look(world: World, release: Release, rules: Approvals) -> Looked:
    """Ask who of those who voted still has the role. What can't be read is a gate that fails."""
    if not rules.total:
        return Looked()
    async with world.store.read() as session:
        given = await approvals.of(session, release.id)
        own = tuple(vote for vote in given if vote.counts)
        earlier = None if own else await _earlier(session, release)
    asked = own or (earlier.yes if earlier else ())
    roles: dict[tuple[str, str], tuple[str, ...]] = {}
    try:
        for vote in asked:
            roles[vote.digest, vote.user] = await _still_has(world, release, vote)
    except UserError as error:
        return Looked(earlier=earlier, unreadable=unknown("approval", Unknown(why=error.sentence)))
    looked = Looked(roles=roles, earlier=earlier)
    if earlier is None:
        return looked
    votes = tuple(looked.now(vote) for vote in earlier.votes)
    return Looked(roles=roles, earlier=earlier.model_copy(update={"votes": votes}))


async def _still_has(world: World, release: Release, vote: Approval) -> tuple[str, ...]:
    """Say which of the roles seen at the click the right's holder has now.

    A vote without any is of a version of the bot that did not tell: it keeps what it has.
    """
    stranger = vote.for_user and vote.user not in named_in(world.catalog())
    if stranger and await is_outsider(world, vote.user):
        return ()
    has = await every_role_of(world, vote.holder, vote.roles, service=release.service)
    wanted = approvers(world.catalog(), release.service, release.environment)
    return tuple(role for role in vote.roles if role in has and role in wanted)


async def _earlier(session: Session, release: Release) -> Earlier | None:
    """Find the newest earlier release of this version that people had said yes to."""
    history = await releases.latest(
        session, service=release.service, environment=release.environment, limit=HISTORY
    )
    rejected: str | None = None
    for one in candidate(release, history):
        votes = await approvals.of(session, one.id)
        found = Earlier(release=one, votes=votes, rejected_by=rejected)
        if found.yes:
            used_by = await approvals.used_by(session, one.id)
            return found.model_copy(update={"used_by": used_by})
        if one.state is State.REJECTED:
            rejected = rejected or one.id
    return None


async def settle(
    session: Session,
    release: Release,
    looked: Looked,
    gates: tuple[GateResult, ...],
    now: datetime,
) -> tuple[Release, tuple[Approval, ...], list[str]]:
    """Write what became of the votes; give them, and what to say in the thread."""
    given = await approvals.of(session, release.id)
    digest = release.digest or ""
    said: list[str] = []
    for vote in given:
        seen = looked.now(vote) if vote.counts and vote.digest == digest else vote
        if seen.void != vote.void:
            await _void(session, release, seen, now)
            said.append(approval_lines.void(seen))
        elif seen.roles != vote.roles:
            await approvals.keep_roles(session, vote, seen.roles)
    if not any(vote.counts for vote in given) and looked.earlier is not None:
        release, more = await _used_again(session, release, looked, gates, now)
        said += more
    return release, await approvals.of(session, release.id), said


async def _void(session: Session, release: Release, vote: Approval, now: datetime) -> None:
    await approvals.void(session, vote, vote.void or "")
    await audit.append(
        session,
        AuditTag.APPROVAL_VOIDED,
        release.id,
        now,
        actor=vote.user,
        digest=vote.digest,
        why=vote.void,
    )


async def _used_again(
    session: Session,
    release: Release,
    looked: Looked,
    gates: tuple[GateResult, ...],
    now: datetime,
) -> tuple[Release, list[str]]:
    earlier = looked.earlier
    if earlier is None:
        return release, []
    again = judge(earlier, release.model_copy(update={"gates": gates}), now)
    if again is not None and again.covers and looked.unreadable is not None:
        why = "who approved it can't be checked now"
        again = Again(release_id=again.release_id, differs=(why,))
    if again is None or not again.covers:
        return release.model_copy(update={"again": again}), []
    if not await approvals.use_again(session, earlier.release.id, release.id):
        late = Again(release_id=again.release_id, differs=("another release used it just now",))
        return release.model_copy(update={"again": late}), []
    for vote in earlier.yes:
        await approvals.insert(session, _copied(vote, release))
    await audit.append(
        session,
        AuditTag.APPROVAL_REUSED,
        release.id,
        now,
        earlier=earlier.release.id,
        digest=release.digest,
        votes=len(earlier.yes),
    )
    ends = [one for one in (release.expires_at, earlier.release.expires_at) if one is not None]
    # It is good for the time that it was given for, and no longer.
    changes = {"again": again, "expires_at": min(ends, default=None)}
    said = approval_lines.used_again(earlier.release.id, [vote.user for vote in earlier.yes])
    return release.model_copy(update=changes), [said]


def _copied(vote: Approval, release: Release) -> Approval:
    return vote.model_copy(
        update={
            "release_id": release.id,
            "reused_from": vote.release_id,
            "comment": None,
        }
    )


async def remind(world: World, lease: Lease, release: Release, moment: datetime) -> None:
    """Say in the thread who could approve, before its time is over."""
    async with world.store.read() as session:
        votes = await approvals.of(session, release.id)
    count = tally(votes, release.digest or "", release.rules.approvals)
    could = await could_approve(world, release, votes)
    now = world.clock.now()
    after = release.model_copy(update={"reminded": moment})
    async with world.store.write() as session:
        await leases.hold(session, lease, None)
        said = [] if count.complete else [approval_lines.reminder(release, count, could, now)]
        if said:
            await audit.append(
                session, AuditTag.APPROVAL_REMINDED, release.id, now, have=count.have
            )
        due = next_look(after, now)
        await record.advance(session, release, after, now, due_at=due, lines=said)


async def could_approve(
    world: World, release: Release, votes: Sequence[Approval]
) -> tuple[str, ...]:
    """List who could still say yes, as far as Slack tells; for sentences only."""
    catalog, rules = world.catalog(), release.rules.approvals
    roles = approvers(catalog, release.service, release.environment)
    everybody = await who_could(world, roles, release.service)
    given = counting(votes, release.digest or "")
    out = {vote.user for vote in given} | {vote.holder for vote in given}
    if rules.not_the_requester:
        out.add(release.asker.user)
    if rules.not_an_author and release.diff is not None:
        authors = {author.lower() for author in release.diff.authors}
        out |= {u for u, p in catalog.people.items() if p.github and p.github.lower() in authors}
    return tuple(user for user in everybody if user not in out)
