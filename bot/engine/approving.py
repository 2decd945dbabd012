"""What people say to plans: yes, no, boxes of the checklist.

Used by `decisions`. Who may is looked up before the transaction; what hangs on the row (its plan,
its diff, its ticks) is looked at in it, under the row's lock.
"""

from collections.abc import Iterable

from bot.domain.approving import authorship, counting, next_look, tally
from bot.domain.audit import AuditTag
from bot.domain.checklists import Marks, Tick, marks, open_items
from bot.domain.lending import usable
from bot.domain.lifecycle import WAITING, Event, advance
from bot.domain.permissions import roles_for
from bot.domain.reasons import Reason
from bot.domain.releases import Approval, Release
from bot.engine.deciding import Change, Deciding, approvers
from bot.engine.people import every_role_of, is_outsider, who_could
from bot.errors import UserError
from bot.ports import Message
from bot.store import approvals, delegations, ticks
from bot.store.audit import Datum, written
from bot.store.session import Session
from bot.views import approval_lines, approval_refusals, refusals

LONGEST_COMMENT = 1000
"""Characters of a comment."""


class Approving(Deciding):
    """Answers to plans. Refusals are UserErrors."""

    async def approve(self, release_id: str, digest: str | None, comment: str | None) -> Change:
        """Say yes to one plan."""
        release = await self._release(release_id)
        _short(comment)
        rules = release.rules.approvals
        vote = await self._vote(release, "approve", comment)
        if release.asker.user == self._asker.user and rules.not_the_requester:
            raise refusals.own_request(await self._others(release))
        if rules.people_only:
            await self._refuse_automation("approve")

        async def store(session: Session) -> Message | None:
            fresh = await self._waiting_for_approval(session, release_id, digest)
            self._refuse_authors(fresh, vote)
            await self._refuse_open_checklist(session, fresh)
            given = vote.model_copy(update={"digest": fresh.digest or "", "at": self._now})
            await self._refuse_twice(session, given)
            if not await approvals.insert(session, given):
                raise UserError("You approved this plan already.", Reason.ALREADY_SAID)
            await self._count(session, fresh, given)
            return None

        return store

    async def _refuse_twice(self, session: Session, vote: Approval) -> None:
        """One right counts once, and one person: whether it is their own or was lent."""
        given = counting(await approvals.of(session, vote.release_id), vote.digest)
        others = [one for one in given if one.user != vote.user]
        if any({vote.user, vote.holder} & {one.user, one.holder} for one in others):
            raise approval_refusals.right_used(vote)

    async def _count(self, session: Session, fresh: Release, vote: Approval) -> None:
        """Record a yes that is stored, and move the release on where nobody more is needed."""
        votes = await approvals.of(session, fresh.id)
        found = tally(votes, vote.digest, fresh.rules.approvals)
        await self._note(
            session,
            AuditTag.RELEASE_APPROVED,
            fresh.id,
            digest=fresh.digest,
            roles=" ".join(vote.roles),
            have=found.have,
            need=found.need,
            **_also(vote),
        )
        after = fresh
        due = next_look(fresh, self._now)
        if found.complete:
            after = fresh.model_copy(update={"state": advance(fresh.state, Event.APPROVED)})
            due = self._now
        await self._advance(session, fresh, after, due, [approval_lines.approved(vote, found)])

    async def reject(self, release_id: str, digest: str | None, comment: str | None) -> Change:
        """Say no; the release ends."""
        release = await self._release(release_id)
        _short(comment)
        vote = await self._vote(release, "reject", comment)

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            refusals.check_digest(fresh, digest)
            if fresh.state not in WAITING:
                raise refusals.too_late(fresh, "reject")
            given = vote.model_copy(
                update={"digest": fresh.digest or "", "at": self._now, "yes": False}
            )
            await approvals.insert(session, given)
            await self._note(
                session,
                AuditTag.RELEASE_REJECTED,
                release_id,
                digest=fresh.digest,
                **_also(given),
            )
            said = [approval_lines.rejected(given)]
            await self._end(session, fresh, Event.REJECTED, Reason.REJECTED_BY_PERSON, said)
            return None

        return store

    async def _own_right(self, release: Release) -> tuple[str, ...]:
        """Give the roles by which the person may say yes or no to a release themselves."""
        roles = approvers(self._world.catalog(), release.service, release.environment)
        me = self._asker.user
        return await every_role_of(self._world, me, roles, service=release.service)

    async def _vote(self, release: Release, verb: str, comment: str | None) -> Approval:
        """Make the vote with the person's own right; where they have none, with one that was lent.

        Plan and time are filled in when it is stored.
        """
        roles, lender = await self._own_right(release), None
        if not roles:
            roles, lender = await self._lent(release)
        if not roles:
            wanted = approvers(self._world.catalog(), release.service, release.environment)
            raise await self._no_right(f"{verb} {release.id}", wanted, release.service)
        return Approval(
            release_id=release.id,
            digest="",
            user=self._asker.user,
            yes=True,
            at=self._now,
            roles=roles,
            comment=comment,
            for_user=lender,
        )

    async def _lent(self, release: Release) -> tuple[tuple[str, ...], str | None]:
        """Find a right that was lent to the person and that its lender still has: roles, lender.

        Nobody approves their own request, by whatever way: neither as the one to whom a right was
        lent nor through the one who lent it.
        """
        me = self._asker.user
        if me == release.asker.user:
            return (), None
        async with self._world.store.read() as session:
            found = await delegations.standing(
                session, self._now, to=me, environment=release.environment
            )
            votes = await approvals.of(session, release.id)
        spent = {vote.holder for vote in counting(votes, release.digest or "")}
        not_of = frozenset({release.asker.user, *spent})
        usable_ones = usable(found, me, release.environment, self._now, not_of=not_of)
        if not usable_ones or await is_outsider(self._world, me):
            return (), None
        wanted = approvers(self._world.catalog(), release.service, release.environment)
        for one in usable_ones:
            roles = await every_role_of(self._world, one.lender, wanted, service=release.service)
            if roles:
                return roles, one.lender
        return (), None

    async def _refuse_automation(self, what: str) -> None:
        """Let only people go on: asked of Slack also for those whom the catalogue names."""
        if self._asker.by_app or await is_outsider(self._world, self._asker.user):
            raise approval_refusals.people_only(what)

    async def _others(self, release: Release) -> list[str]:
        could = approvers(self._world.catalog(), release.service, release.environment)
        everybody = await who_could(self._world, could, release.service)
        return [user for user in everybody if user != self._asker.user]

    def _refuse_authors(self, fresh: Release, vote: Approval) -> None:
        if not fresh.rules.approvals.not_an_author:
            return
        catalog = self._world.catalog()
        for user in dict.fromkeys((vote.user, vote.holder)):
            login = catalog.github_login(user)
            found = authorship(fresh.diff, login)
            if found != "other":
                raise approval_refusals.author(found, fresh, user, login)

    async def _refuse_open_checklist(self, session: Session, fresh: Release) -> None:
        items = fresh.rules.approvals.checklist
        if not items:
            return
        left = open_items(items, await ticks.of(session, fresh.id, fresh.digest or ""))
        if left:
            raise approval_refusals.checklist_open(fresh, left)

    async def tick(
        self, release_id: str, digest: str, shown: Iterable[int], chosen: Iterable[int]
    ) -> Change:
        """Tick boxes of the checklist, or take ticks away: who may release or approve may."""
        release = await self._release(release_id)
        self._environment(release.environment)
        may = roles_for(self._world.catalog(), "checklist", release.environment, release.service)
        asker = release.asker.user
        await self._must(may, release.service, f"tick {release.id}", requester=asker)

        async def store(session: Session) -> Message | None:
            fresh = await self._waiting_for_approval(session, release_id, digest)
            found = marks(
                fresh.rules.approvals.checklist,
                await ticks.of(session, fresh.id, fresh.digest or ""),
                shown=frozenset(shown),
                chosen=frozenset(chosen),
                user=self._asker.user,
            )
            said = await self._marked(session, fresh, found)
            await self._advance(session, fresh, fresh, next_look(fresh, self._now), said)
            return None

        return store

    async def _marked(self, session: Session, fresh: Release, found: Marks) -> list[str]:
        """Store what a click on the checklist changed; give the lines that tell of it."""
        items, me = fresh.rules.approvals.checklist, self._asker.user
        on, off = [items[n] for n in found.on], [items[n] for n in found.off]
        for item in (*on, *off):
            box = Tick(
                release_id=fresh.id, digest=fresh.digest or "", item=item, user=me, at=self._now
            )
            change, tag = (
                (ticks.add, AuditTag.CHECKLIST_TICKED)
                if item in on
                else (ticks.remove, AuditTag.CHECKLIST_UNTICKED)
            )
            await change(session, box)
            await self._note(session, tag, fresh.id, digest=fresh.digest, item=item)
        left = open_items(items, await ticks.of(session, fresh.id, fresh.digest or ""))
        said = [approval_lines.ticked(me, on, len(left))] if on else []
        return [*said, approval_lines.unticked(me, off)] if off else said


def _also(vote: Approval) -> dict[str, Datum]:
    """Give what an entry holds of a vote beyond the plan."""
    found: dict[str, Datum] = {}
    if vote.comment:
        found["comment"] = written(vote.comment)
    if vote.for_user:
        found["right_of"] = f"<@{vote.for_user}>"
    return found


def _short(comment: str | None) -> None:
    if comment is not None and len(comment) > LONGEST_COMMENT:
        raise UserError(
            f"The comment is {len(comment)} characters long; {LONGEST_COMMENT} are enough.",
            Reason.TOO_LONG,
        )
