"""Gathers all that a report on environments is made of, source by source, and judges it.

Used by `/env list`, `/env report` and the report by the clock. A survey asks each cluster for two
lists and each repository for a few pages, however many environments there are. Changes nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from bot.domain import stale
from bot.domain.behind import Late
from bot.domain.catalog import Catalog
from bot.domain.environments import Behind, Ephemeral
from bot.domain.facts import Known, Unknown
from bot.domain.namespaces import Branches, Knowing, Passing, known_as, told_apart
from bot.domain.value import Value
from bot.engine.asking import asked
from bot.engine.people import named_in
from bot.engine.standings import Standings, falling_behind
from bot.engine.world import World
from bot.errors import PermanentError, TemporaryError
from bot.store import namespaces

T = TypeVar("T")

MOST_REPOSITORIES = 50
"""Repositories that one look asks: a mark may name any, and each costs some calls."""


class Seen(Value):
    """What the outside said, before anything is judged; good for a moment."""

    at: datetime
    passing: tuple[Passing, ...] = ()
    deployed: Mapping[str | None, Known[Mapping[str, datetime]] | Unknown] = {}
    branches: Mapping[str, Known[Branches] | Unknown] = {}
    silent: tuple[str, ...] = ()
    """Clusters that didn't list their namespaces, in words."""

    @property
    def whole(self) -> bool:
        """Whether every source answered, be it that it won't tell."""
        answers = (*self.deployed.values(), *self.branches.values())
        return not self.silent and all(isinstance(one, Known) or one.for_good for one in answers)


class Survey(Value):
    """All that a report is drawn from."""

    at: datetime
    judged: tuple[stale.Judged, ...] = ()
    late: tuple[Late, ...] = ()
    silent: tuple[str, ...] = ()
    """What is not known because a source was silent, in words."""
    whole: bool = True
    """Every source answered."""


class Surveyor:
    """Looks, and remembers for a minute what it saw, so that pages need no new look.

    Who asks while a look is under way waits for that one.
    """

    FRESH = timedelta(minutes=1)

    def __init__(self, world: World) -> None:
        self._world = world
        self._turn, self._turn_of_standings = asyncio.Lock(), asyncio.Lock()
        self._looks = self._looks_at_services = 0
        """Looks that have ended: who waited for one takes it, be it that a source was silent."""
        self._seen: tuple[Seen, Ephemeral] | None = None
        self._standings: tuple[datetime, Behind, Standings] | None = None

    async def environments(self) -> Survey:
        """Judge the environments that come and go. What people said is always read anew."""
        rules, now = self._world.catalog().ephemeral, self._world.clock.now()
        if rules is None:
            return Survey(at=now)
        came = self._looks
        async with self._turn:
            seen = await self._look(rules, now, waited=self._looks > came)
        async with self._world.store.read() as session:
            said = await namespaces.all_said(session)
        sources = stale.Sources(deployed=seen.deployed, branches=seen.branches, said=said)
        # Beside the loop: ten thousand take a while, and a rollback must not wait for them.
        judged = await asyncio.to_thread(stale.judge_all, seen.passing, sources, rules, now)
        return Survey(at=now, judged=judged, silent=seen.silent, whole=seen.whole)

    async def _look(self, rules: Ephemeral, now: datetime, *, waited: bool) -> Seen:
        if self._seen is not None:
            seen, by = self._seen
            if by == rules and (waited or seen.whole) and now - seen.at <= self.FRESH:
                return seen
        seen = await look(self._world, rules, now)
        self._seen, self._looks = (seen, rules), self._looks + 1
        return seen

    async def whole(self) -> Survey:
        """Judge those, and the services of the lasting environments too."""
        passing, behind = await asyncio.gather(self.environments(), self._behind())
        silent = tuple(dict.fromkeys((*passing.silent, *behind.silent)))
        whole = passing.whole and behind.whole
        return passing.model_copy(update={"late": behind.late, "silent": silent, "whole": whole})

    async def _behind(self) -> Standings:
        limits, now = _limits(self._world.catalog()), self._world.clock.now()
        came = self._looks_at_services
        async with self._turn_of_standings:
            waited = self._looks_at_services > came
            if self._standings is not None:
                at, by, found = self._standings
                if by == limits and (waited or found.whole) and now - at <= self.FRESH:
                    return found
            found = await falling_behind(self._world, limits)
            self._standings = (now, limits, found)
            self._looks_at_services += 1
            return found


def _limits(catalog: Catalog) -> Behind:
    report = catalog.reports.stale
    return report.behind if report else Behind()


async def look(world: World, rules: Ephemeral, now: datetime) -> Seen:
    """Ask every cluster and every repository that has to do with them, side by side."""
    answers = await asyncio.gather(*(_cluster(world, rules, one) for one in rules.contexts))
    passing: list[Passing] = []
    deployed: dict[str | None, Known[Mapping[str, datetime]] | Unknown] = {}
    silent: list[str] = []
    for cluster, (found, rolled_out) in zip(rules.contexts, answers, strict=True):
        deployed[cluster] = rolled_out
        if isinstance(found, Unknown):
            silent.append(found.why)
        else:
            passing += found.value
    branches = await _branches(world, passing)
    return Seen(
        at=now,
        passing=told_apart(passing),
        deployed=deployed,
        branches=branches,
        silent=tuple(silent),
    )


async def _cluster(
    world: World, rules: Ephemeral, cluster: str | None
) -> tuple[Known[tuple[Passing, ...]] | Unknown, Known[Mapping[str, datetime]] | Unknown]:
    knowing, port = knowing_of(world.catalog(), rules, cluster), world.namespaces
    listed, deployed = await asyncio.gather(
        _answer(world, _name(cluster), port.namespaces(cluster, rules.labels.all())),
        _answer(world, _name(cluster), port.deployed(cluster)),
    )
    if isinstance(listed, Unknown):
        return listed, deployed
    return Known(value=await asyncio.to_thread(known_as, knowing, listed.value)), deployed


def knowing_of(catalog: Catalog, rules: Ephemeral, cluster: str | None) -> Knowing:
    """Collect by what the environments of a cluster are known."""
    lasting = (env.namespace for env in catalog.environments.values() if env.cluster == cluster)
    people = catalog.people.items()
    logins = {person.github.lower(): user for user, person in people if person.github}
    return Knowing(
        rules=rules,
        cluster=cluster,
        lasting=frozenset(lasting),
        logins=logins,
        people=named_in(catalog),
    )


async def _branches(
    world: World, passing: Iterable[Passing]
) -> Mapping[str, Known[Branches] | Unknown]:
    named = Counter(one.repository for one in passing if one.repository and _tells(one))
    # Those that most environments name: one that invents names keeps nobody else's from being read.
    wanted = sorted(named, key=lambda name: (-named[name], name))
    asking, left = wanted[:MOST_REPOSITORIES], wanted[MOST_REPOSITORIES:]
    answers = await asyncio.gather(
        *(
            _answer(world, f"GitHub ({name})", world.source.branches(name), whose=name)
            for name in asking
        )
    )
    why = f"{len(wanted)} repositories are marked, and {MOST_REPOSITORIES} are asked"
    return dict(zip(asking, answers, strict=True)) | {
        name: Unknown(why=why, for_good=True) for name in left
    }


def _tells(one: Passing) -> bool:
    """Whether a repository could tell anything of it."""
    return one.branch is not None or one.number is not None


async def _answer(
    world: World, source: str, call: Awaitable[T], whose: str = ""
) -> Known[T] | Unknown:
    """Ask a source. `whose` is put before what it says, where that names nothing."""
    answer = await asked(source, call, world.limits.survey)
    if isinstance(answer, Unknown) and whose and whose not in answer.why:
        return answer.model_copy(update={"why": f"{whose}: {answer.why}"})
    return answer


def _name(cluster: str | None) -> str:
    return f"Kubernetes ({cluster})" if cluster else "Kubernetes"


async def find(
    world: World, rules: Ephemeral, name: str, cluster: str | None = None
) -> tuple[Passing, ...]:
    """Find the environments of that name, one a cluster at the most; `cluster`: in that one only.

    A cluster that is away keeps nobody from what another one has. Raises TemporaryError where
    nothing was found and one was silent.
    """
    contexts = [one for one in rules.contexts if cluster is None or named(one) == cluster.lower()]
    answers = await asyncio.gather(
        *(world.namespaces.namespaces(one, rules.labels.all(), name) for one in contexts),
        return_exceptions=True,
    )
    found: list[Passing] = []
    silent: list[TemporaryError | PermanentError] = []
    for context, rows in zip(contexts, answers, strict=True):
        if isinstance(rows, TemporaryError | PermanentError):
            silent.append(rows)
        elif isinstance(rows, BaseException):
            raise rows
        else:
            found += known_as(knowing_of(world.catalog(), rules, context), rows)
    if silent and not found:
        raise silent[0]
    if cluster is not None:
        # Whoever named the cluster is answered with it.
        return tuple(one.model_copy(update={"twin": True}) for one in found)
    return told_apart(found)


def named(cluster: str | None) -> str:
    """How people name a cluster before a name: whatever its letters' case."""
    return (cluster or "current").lower()
