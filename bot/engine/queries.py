"""What people may look at: reads for status, history, details and plan. Changes nothing."""

from datetime import datetime

from bot.domain.audit import AuditEntry
from bot.domain.emergency import Review, override
from bot.domain.facts import Facts, Known, LedgerFact, LockFact
from bot.domain.gates import evaluate_all
from bot.domain.gates.result import GateResult
from bot.domain.lifecycle import UNDER_WAY, State
from bot.domain.planning import build_plan
from bot.domain.plans import Plan
from bot.domain.releases import Approval, Release
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules, rules_of
from bot.domain.scanned import Scanned
from bot.domain.standing import in_the_way
from bot.domain.story import Story
from bot.domain.versions import bare
from bot.domain.whereabouts import Whereabouts
from bot.engine import proof, scans, stop_facts, tagged
from bot.engine.facts import gather, running
from bot.engine.people import roles_of
from bot.engine.whereabouts import look
from bot.engine.world import World
from bot.errors import PermanentError, TemporaryError, UserError
from bot.store import (
    approvals,
    audit,
    audit_texts,
    cards,
    ledger,
    people,
    releases,
    reviews,
    targets,
)
from bot.views import refusals
from bot.views.card import Card


class Queries:
    """Reads from the store and, where the question is about now, from the outside."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def release(self, release_id: str) -> Release:
        """Read one release. Raises UserError where there is none such."""
        async with self._world.store.read() as session:
            found = await releases.get(session, release_id)
        if found is None:
            raise refusals.no_such_release(release_id)
        return found

    async def details(
        self, release_id: str
    ) -> tuple[Release, tuple[Approval, ...], list[AuditEntry], dict[str, str]]:
        """Read all of one release: its votes, its part of the record, and names for that."""
        release = await self.release(release_id)
        async with self._world.store.read() as session:
            votes = await approvals.of(session, release_id)
            record = await audit.of_subject(session, release_id)
            names = await people.names(session)
        return release, votes, record, names

    async def story(self, release_id: str) -> Story:
        """Read all that the record has on one release, and what stands beside it."""
        release = await self.release(release_id)
        async with self._world.store.read() as session:
            votes = await approvals.of(session, release_id)
            entries = await audit.of_subject(session, release_id)
            names = await people.names(session)
            texts = await audit_texts.on(session, release_id)
            newest = (await proof.read_anchors(session))[0].newest
        return Story(
            release=release,
            votes=votes,
            entries=entries,
            names=names,
            texts=texts,
            removed_until=datetime.fromisoformat(newest.until) if newest else None,
        )

    async def review(self, release_id: str) -> Review | None:
        """Read the review that an emergency asks for; None: it is none."""
        async with self._world.store.read() as session:
            return await reviews.get(session, release_id)

    async def under_way(self) -> list[Release]:
        """List all that has not ended, oldest first."""
        async with self._world.store.read() as session:
            return await releases.unfinished(session)

    async def where(self, environment: str) -> Whereabouts:
        """Read what can be released in an environment, and what is in the way."""
        return await look(self._world, environment)

    async def stops_of(self, service: str, environment: str) -> tuple[GateResult, ...]:
        """Say what stops releases of one service in an environment now."""
        request = ReleaseRequest(service=service, version="v0", environment=environment)
        rules, now = self.rules(request), self._world.clock.now()
        async with self._world.store.read() as session:
            known = await stop_facts.read(session, request, rules, now, None)
        return in_the_way(request, rules, known, now)

    async def latest(
        self, service: str | None, environment: str | None, limit: int = 10
    ) -> list[Release]:
        """List releases, newest first."""
        async with self._world.store.read() as session:
            return await releases.latest(
                session, service=service, environment=environment, limit=limit
            )

    async def undoable(self, service: str, environment: str, user: str) -> Card | None:
        """Find what that person's rollback of a place would take back; None where nothing is.

        What is under way has its own buttons, on its card.
        """
        async with self._world.store.read() as session:
            newest = await releases.latest(
                session,
                service=service,
                environment=environment,
                states=[*UNDER_WAY, State.SUCCEEDED],
                limit=1,
            )
            if not newest or newest[0].state is not State.SUCCEEDED:
                return None
            newer = await releases.newer_started(session, newest[0])
        if not await self._may_roll_back(service, environment, user):
            return None
        return Card(release=newest[0], now=self._world.clock.now(), newer=newer)

    async def _may_roll_back(self, service: str, environment: str, user: str) -> bool:
        env = self._world.catalog().environments.get(environment)
        roles = env.rights.rollback if env else ()
        try:
            have = await roles_of(self._world, user, roles, service=service, stale_will_do=True)
        except UserError:
            # Slack doesn't say who is in a group: the button is left away, and the verb says why.
            return False
        return bool(have)

    async def place(
        self, service: str, environment: str
    ) -> tuple[LedgerFact | None, str, LockFact | None, list[Release]]:
        """Read what the ledger and the cluster say of one place, its lock, its last releases."""
        async with self._world.store.read() as session:
            entry = await ledger.current(session, service, environment)
            lock = await targets.lock_on(session, (service, environment))
            latest = await releases.latest(
                session, service=service, environment=environment, limit=3
            )
        seen = await self._seen(service, environment)
        return entry.fact() if entry else None, seen, lock, latest

    async def _seen(self, service: str, environment: str) -> str:
        try:
            now_there = await running(self._world, service, environment)
        except (TemporaryError, PermanentError) as error:
            return f"What runs in the cluster is not known: {error}."
        if not now_there.deployed:
            return "It isn't in the cluster."
        if now_there.version is None:
            return "It runs in the cluster, and nothing tells in which version."
        return f"The cluster runs {bare(now_there.version)}."

    def rules(self, request: ReleaseRequest) -> Rules:
        """Collect the rules that a release would be judged by."""
        return rules_of(self._world.catalog(), request)

    async def plan(
        self, request: ReleaseRequest, now: datetime, by: str
    ) -> tuple[ReleaseRequest, tuple[GateResult, ...], Plan | None, Facts]:
        """Gather facts and ask every gate, as that person's release would. Stores nothing.

        Raises UserError where the version has no tag.
        """
        rules = rules_of(self._world.catalog(), request)
        facts = await gather(self._world, request, rules, now)
        tagged.check_fact(request, rules, facts.tag)
        if isinstance(facts.tag, Known) and facts.tag.value.tag is not None:
            version = tagged.as_tagged(request, rules, facts.tag.value.tag)
            request = request.model_copy(update={"version": version})
        gates = evaluate_all(request, facts, rules)
        if request.emergency:
            gates = override(gates, rules, by, request.reason or "")
        return (
            request,
            gates,
            build_plan(request, rules, facts),
            facts,
        )

    async def scan(self, service: str, version: str) -> Scanned:
        """Look at what proves a version. Raises UserError where it has no tag."""
        return await scans.look(self._world, service, version)

    async def release_of_thread(self, channel: str, thread: str | None) -> str | None:
        """Find the release whose card is the root of this thread."""
        if thread is None:
            return None
        async with self._world.store.read() as session:
            return await cards.by_message(session, channel, thread)
