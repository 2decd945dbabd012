"""What people may do to environments that come and go: extend, and call not stale.

The bot's row is what counts; the cluster is only read. Refusals are UserErrors. Used by
`commands`; each coroutine returns a `Change`, as the other decisions do.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches

from bot.domain.audit import AuditTag, stamp
from bot.domain.catalog import Catalog
from bot.domain.environments import Ephemeral
from bot.domain.namespaces import Passing, Said
from bot.domain.requests import Asker
from bot.engine import surveys
from bot.engine.deciding import Change, Deciding
from bot.engine.people import is_outsider, named_in, roles_of, who_could
from bot.engine.surveys import Surveyor
from bot.engine.world import World
from bot.ports import Message
from bot.store import namespaces
from bot.store.session import Session
from bot.views import environment_refusals as refusals
from bot.views import reports
from bot.views.refusals import no_right

LONGEST_NAME = 63
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
"""What a namespace may be called (a DNS label, RFC 1123)."""

MOST_WORDS = 100
"""Characters of a name that nothing has which are compared and shown."""

OWNER = "its owner"
"""How the catalogue's `owners` reads in a refusal that is about one environment."""


class Environments(Deciding):
    """One person's one command about environments. `seen_at`: when the button was drawn."""

    def __init__(
        self,
        world: World,
        asker: Asker,
        key: str,
        asked_at: datetime,
        surveyor: Surveyor,
        seen_at: datetime | None = None,
    ) -> None:
        super().__init__(world, asker, key, asked_at)
        self._surveyor = surveyor
        self._seen_at = seen_at

    @property
    def _rules(self) -> Ephemeral:
        rules = self._world.catalog().ephemeral
        if rules is None:
            raise refusals.not_set_up()
        return rules

    async def extend(self, name: str, duration: timedelta | None) -> Change:
        """Let it live longer, from now or from its present end. None: as the button says."""
        rules, now = self._rules, self._now
        one = await self._one(name)
        await self._may(one, rules, f"extend {one.handle}")
        more = duration or rules.extend

        async def store(session: Session) -> Message | None:
            said = await self._said(session, one)
            ends = (now, said.expires_at, one.expires_at)
            end = max(moment for moment in ends if moment is not None)
            if end - now + more > rules.longest:
                raise refusals.too_long(one.handle, end, rules.longest, now)
            until = end + more
            new = said.model_copy(update={"expires_at": until})
            await self._say(session, one, new, AuditTag.ENVIRONMENT_EXTENDED, until)
            return reports.extended(one.handle, until, now)

        return store

    async def keep(self, name: str) -> Change:
        """Call it not stale for a while."""
        rules, now = self._rules, self._now
        one = await self._one(name)
        await self._may(one, rules, f"say that {one.handle} is not stale")
        until = now + rules.keep

        async def store(session: Session) -> Message | None:
            said = await self._said(session, one)
            new = said.model_copy(update={"kept_until": until})
            await self._say(session, one, new, AuditTag.ENVIRONMENT_KEPT, until)
            return reports.kept(one.handle, until, now)

        return store

    async def _one(self, name: str) -> Passing:
        """Find the environment that is meant. Raises UserError with the nearest name."""
        cluster, slash, rest = name.rpartition("/")
        # What can't be a name no cluster need be asked for.
        asking = len(rest) <= LONGEST_NAME and _NAME.fullmatch(rest) is not None
        rules, place = self._rules, cluster if slash else None
        here = await surveys.find(self._world, rules, rest, place) if asking else ()
        if len(here) > 1:
            raise refusals.ambiguous(name, [one.handle for one in here])
        if self._seen_at is not None:
            return self._of_button(name, here, self._seen_at)
        return here[0] if here else await self._nearest(name)

    def _of_button(self, name: str, here: Sequence[Passing], seen_at: datetime) -> Passing:
        """Take the very one that the button was drawn for."""
        if not here:
            raise refusals.gone(name)
        if here[0].created_at > seen_at:
            raise refusals.made_anew(name, here[0].created_at, self._now)
        return here[0]

    async def _nearest(self, name: str) -> Passing:
        """Find what the words may mean; where that is nothing, say what is near."""
        survey = await self._surveyor.environments()
        known = [one.environment for one in survey.judged]
        meant = [one for one in known if _begins(one, name)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise refusals.ambiguous(name, [one.handle for one in meant])
        # Ten thousand names take a while to compare.
        handles = [one.handle for one in known]
        close = await asyncio.to_thread(get_close_matches, name[:MOST_WORDS], handles, 1, 0.6)
        raise refusals.no_such_environment(name[:MOST_WORDS], next(iter(close), None))

    async def _may(self, one: Passing, rules: Ephemeral, what: str) -> None:
        """Raise UserError unless the person owns it or has one of the roles."""
        catalog, user = self._world.catalog(), self._asker.user
        roles = [r for r in rules.rights if r == "everyone" or r in catalog.roles]
        owned = _as_roles(one, catalog) if "owners" in rules.rights else ()
        has = await roles_of(self._world, user, (*owned, *roles), service="", requester=one.owner)
        # Anybody may write an owner into a mark, a guest's name too.
        if has and (user in named_in(catalog) or not await is_outsider(self._world, user)):
            return
        who = await who_could(self._world, (*owned, *roles), "")
        if has:
            raise refusals.outsider(what, who)
        named = [one.owner] if owned and one.owner in named_in(catalog) else []
        needed = (OWNER, *roles) if "owners" in rules.rights else tuple(roles)
        raise no_right(what, tuple(dict.fromkeys((*named, *who))), needed)

    async def _said(self, session: Session, one: Passing) -> Said:
        """Read what was said of it. Raises UserError where that was after the button was drawn."""
        said = await namespaces.said_of(session, (one.cluster, one.name))
        if said.at is None or said.at < one.created_at:
            # Nothing; or it was said of an earlier namespace of this name.
            return Said(by=None, at=None)
        if self._seen_at is not None and said.at > self._seen_at:
            raise refusals.said_already(one.handle, said, self._now)
        return said

    async def _say(
        self, session: Session, one: Passing, new: Said, tag: AuditTag, until: datetime
    ) -> None:
        said = new.model_copy(update={"by": self._asker.user, "at": self._now})
        await namespaces.say(session, (one.cluster, one.name), said)
        subject = f"environment/{one.name}"
        await self._note(session, tag, subject, cluster=one.cluster, until=stamp(until))


def _begins(one: Passing, name: str) -> bool:
    """Whether the words name it by its number or by how its name begins: phones are small."""
    cluster, slash, rest = name.rpartition("/")
    if slash and surveys.named(one.cluster) != cluster.lower():
        return False
    return rest.lstrip("#") == str(one.number) or one.name.startswith(f"{rest}-")


def _as_roles(one: Passing, catalog: Catalog) -> tuple[str, ...]:
    """Say as which roles its owner counts: the person, or a role that owns it."""
    role = one.owner if one.owner and one.owner in catalog.roles else None
    return ("requester", role) if role else ("requester",)
