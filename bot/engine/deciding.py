"""What every decision shares: who asks, their rights, the row they speak of, the record.

Used by `decisions` and `stops`. Each public coroutine there does its asking of Slack first, and
returns a `Change`: a function that `engine.inbox` runs inside the one transaction that also marks
the command as done, so that a command which was cut short is simply done again.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from structlog.contextvars import bind_contextvars

from bot.domain.audit import AuditTag
from bot.domain.catalog import Catalog, Environment
from bot.domain.lifecycle import Event, State, advance
from bot.domain.permissions import roles_for
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.requests import Asker
from bot.domain.rules import Rules
from bot.engine import record
from bot.engine.effects import HeadStart
from bot.engine.people import roles_of, who_could
from bot.engine.world import World
from bot.errors import UserError
from bot.ports import Message
from bot.store import audit, releases, wishes
from bot.store.audit import Datum
from bot.store.session import Session
from bot.store.wishes import Wish
from bot.views import refusals

Change = Callable[[Session], Awaitable[Message | HeadStart | None]]
"""Runs inside a transaction; returns what to tell the person alone, if anything, or the work that
it has begun."""


class Deciding:
    """One person's one command: `key` is the request's own id, `asked_at` when it came."""

    def __init__(self, world: World, asker: Asker, key: str, asked_at: datetime) -> None:
        self._world = world
        self._asker = asker
        self._key = key
        self._at = asked_at

    @property
    def _now(self) -> datetime:
        return self._world.clock.now()

    def _environment(self, name: str) -> Environment:
        env = self._world.catalog().environments.get(name)
        if env is None:
            raise UserError(
                f"The catalogue has no environment {name} any more.", Reason.UNKNOWN_NAME
            )
        return env

    async def _release(self, release_id: str) -> Release:
        async with self._world.store.read() as session:
            return await self._read(session, release_id)

    async def _read(self, session: Session, release_id: str) -> Release:
        release = await releases.get(session, release_id)
        if release is None:
            raise refusals.no_such_release(release_id)
        bind_contextvars(release=release.id)
        return release

    async def _locked(self, session: Session, release_id: str) -> Release:
        release = await releases.get_locked(session, release_id)
        if release is None:
            raise refusals.no_such_release(release_id)
        return release

    async def _must(
        self,
        roles: Sequence[str],
        service: str,
        what: str,
        *,
        requester: str | None = None,
        stale_will_do: bool = False,
    ) -> tuple[str, ...]:
        have = await roles_of(
            self._world,
            self._asker.user,
            roles,
            service=service,
            requester=requester,
            stale_will_do=stale_will_do,
        )
        if not have:
            raise await self._no_right(what, roles, service)
        return have

    async def _no_right(self, what: str, roles: Sequence[str], service: str) -> UserError:
        who = await who_could(self._world, roles, service)
        return refusals.no_right(what, who, tuple(roles))

    async def _may_release(self, release: Release, verb: str) -> None:
        rights = self._environment(release.environment).rights
        own = emergency_roles(release.rules) if release.request.emergency else ()
        await self._must(
            (*rights.release, *own),
            release.service,
            f"{verb} {release.id}",
            requester=release.asker.user,
        )

    async def _waiting_for_approval(
        self, session: Session, release_id: str, digest: str | None
    ) -> Release:
        fresh = await self._locked(session, release_id)
        if fresh.state is not State.AWAITING_APPROVAL:
            raise refusals.too_late(fresh, "approve")
        refusals.check_digest(fresh, digest)
        return fresh

    async def _wish(self, session: Session, release_id: str, kind: str) -> Wish:
        wish = Wish(
            key=self._key, release_id=release_id, kind=kind, by=self._asker.user, at=self._at
        )
        await wishes.insert(session, wish)
        await releases.wake(session, release_id, self._now)
        return wish

    async def _end(
        self,
        session: Session,
        release: Release,
        event: Event,
        reason: Reason,
        said: Sequence[str],
    ) -> None:
        after = release.model_copy(
            update={
                "state": advance(release.state, event),
                "reason": reason,
                "detail": None,
                "ended_at": self._now,
                "acted_by": self._asker.user,
                "acted_at": self._at,
            }
        )
        await self._advance(session, release, after, None, said)

    async def _advance(
        self,
        session: Session,
        before: Release,
        after: Release,
        due_at: datetime | None,
        said: Sequence[str],
    ) -> None:
        """Write it over the head of a tick that may be at work on the same waiting row."""
        await releases.take_over_row(session, before.id)
        await record.advance(
            session,
            before,
            after,
            self._now,
            due_at=due_at,
            lines=said,
            by=self._asker.user,
            catalog=self._world.catalog(),
        )

    async def _note(self, session: Session, tag: AuditTag, subject: str, **data: Datum) -> None:
        """Write an entry on what this person does, with from where."""
        who = self._asker
        said = {"channel": who.channel, "via": who.via, **data}
        await audit.append(session, tag, subject, self._now, actor=who.user, **said)


def emergency_roles(rules: Rules) -> tuple[str, ...]:
    """Roles that may ask for an emergency, and carry it on; none where policy allows none."""
    return rules.emergency.roles if rules.emergency else ()


def approvers(catalog: Catalog, service: str, environment: str) -> tuple[str, ...]:
    """Roles that may say yes or no to a service in an environment, and record what runs there."""
    return tuple(roles_for(catalog, "approve", environment, service))
