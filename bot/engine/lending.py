"""Lending the right to approve, and taking it back. Refusals are UserErrors.

Only who has the right by the catalogue can lend it: what was lent is not lent further.
"""

from collections.abc import Iterator
from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.catalog import Catalog
from bot.domain.lending import LONGEST, Delegation
from bot.domain.permissions import roles_for
from bot.domain.reasons import Reason
from bot.domain.rules import runs_in
from bot.engine.deciding import Change, Deciding
from bot.engine.people import is_outsider, roles_of
from bot.errors import UserError
from bot.ports import Message
from bot.store import delegations, outbox
from bot.store.audit import written
from bot.store.session import Session
from bot.views import answers, approval_lines, approval_refusals, refusals


class Lending(Deciding):
    """One person's one command about lent rights."""

    async def listed(self) -> Message:
        """List what is lent now, everywhere."""
        async with self._world.store.read() as session:
            found = await delegations.standing(session, self._now)
        return answers.plain(approval_lines.delegations(found, self._now))

    async def lend(self, to: str, environment: str, until: datetime, reason: str | None) -> Change:
        """Lend one's right to approve in an environment to another person until then."""
        me = self._asker.user
        if to == me:
            raise approval_refusals.not_lendable("you have it yourself.")
        if until <= self._now:
            raise approval_refusals.not_lendable("that time is over already.")
        if until - self._now > LONGEST:
            raise approval_refusals.not_lendable(f"{LONGEST.days} days are the most.")
        await self._must_have(environment)
        if await is_outsider(self._world, to):
            raise approval_refusals.not_lendable(
                "guests, apps and people from elsewhere have no rights."
            )
        one = Delegation(
            key=self._key,
            lender=me,
            to=to,
            environment=environment,
            since=self._now,
            until=until,
            reason=reason,
        )

        async def store(session: Session) -> Message | None:
            if await delegations.insert(session, one):
                await self._recorded(session, one)
                await self._tell(session, approval_lines.lent(one, self._now))
            return None

        return store

    async def _recorded(self, session: Session, one: Delegation) -> None:
        await self._note(
            session,
            AuditTag.RIGHT_LENT,
            one.environment,
            to=f"<@{one.to}>",
            until=one.until.isoformat(),
            reason=written(one.reason),
        )

    async def _tell(self, session: Session, text: str) -> None:
        """Say it where it was said: those who rely on the right are there."""
        await outbox.put(
            session,
            "post",
            f"lending:{self._key}",
            Message(text=text),
            self._now,
            channel=self._asker.channel,
        )

    async def end(self, to: str, environment: str) -> Change:
        """Take back what one has lent to a person in an environment."""
        me = self._asker.user

        async def store(session: Session) -> Message | None:
            if not await delegations.end(session, me, to, environment, self._now):
                raise UserError(
                    f"You have lent <@{to}> nothing in {environment}. "
                    "`/release delegate` lists what is lent.",
                    Reason.NOTHING_TO_DO,
                )
            await self._note(session, AuditTag.RIGHT_TAKEN_BACK, environment, to=f"<@{to}>")
            await self._tell(session, approval_lines.taken_back(me, to, environment))
            return None

        return store

    async def _must_have(self, environment: str) -> None:
        """Raise UserError where the person may approve no service there by the catalogue."""
        catalog, me = self._world.catalog(), self._asker.user
        everybody: list[str] = []
        for service, roles in _rights(catalog, environment):
            if await roles_of(self._world, me, roles, service=service):
                return
            everybody += roles
        raise refusals.no_right(
            f"lend the right to approve in {environment}", (), tuple(dict.fromkeys(everybody))
        )


def _rights(catalog: Catalog, environment: str) -> Iterator[tuple[str, list[str]]]:
    """Give each way in which one may approve something there, once: a service and the roles."""
    seen = set()
    for name, service in catalog.services.items():
        if not runs_in(service, environment):
            continue
        roles = roles_for(catalog, "approve", environment, name)
        owners = service.owners if "owners" in roles else None
        mark = (tuple(roles), repr(owners))
        if mark not in seen:
            seen.add(mark)
            yield name, roles
