"""Gathers all that a report on environments is made of, source by source, and judges it.

Used by `/env list`, `/env report` and the report by the clock. A survey asks each cluster for two
lists and each repository for a few pages, however many environments there are. Changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from bot.domain import stale
from bot.domain.behind import Late
from bot.domain.catalog import Catalog
from bot.domain.environments import Behind, Ephemeral
from bot.domain.facts import Known, Unknown
from bot.domain.namespaces import Branches, Knowing, Namespace, Passing, known_as, told_apart
from bot.domain.value import Value
from bot.engine.facts import asked
from bot.engine.standings import falling_behind
from bot.engine.world import World
from bot.store import namespaces

T = TypeVar("T")


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
        """Whether every source answered."""
        answers = (*self.deployed.values(), *self.branches.values())
        return not self.silent and all(isinstance(one, Known) for one in answers)


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
    """Looks, and remembers for a minute what it saw, so that pages need no new look."""

    FRESH = timedelta(minutes=1)

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: Seen | None = None
        self._rules: Ephemeral | None = None

    async def environments(self, *, fresh: bool = False) -> Survey:
        """Judge the environments that come and go. What people said is always read anew."""
        rules, now = self._world.catalog().ephemeral, self._world.clock.now()
        if rules is None:
            return Survey(at=now)
        seen = self._seen
        if fresh or seen is None or rules != self._rules or now - seen.at > self.FRESH:
            seen = await look(self._world, rules, now)
            self._seen, self._rules = (seen if seen.whole else None), rules
        async with self._world.store.read() as session:
            said = await namespaces.all_said(session)
        sources = stale.Sources(deployed=seen.deployed, branches=seen.branches, said=said)
        # Beside the loop: ten thousand take a while, and a rollback must not wait for them.
        judged = await asyncio.to_thread(stale.judge_all, seen.passing, sources, rules, now)
        return Survey(at=now, judged=judged, silent=seen.silent, whole=seen.whole)

    async def whole(self) -> Survey:
        """Judge those, and the services of the lasting environments too."""
        limits = _limits(self._world.catalog())
        passing, (late, silent) = await asyncio.gather(
            self.environments(fresh=True), falling_behind(self._world, limits)
        )
        both = tuple(dict.fromkeys((*passing.silent, *silent)))
        whole = passing.whole and not silent
        return passing.model_copy(update={"late": late, "silent": both, "whole": whole})


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
    logins = {person.github: user for user, person in catalog.people.items() if person.github}
    return Knowing(rules=rules, cluster=cluster, lasting=frozenset(lasting), logins=logins)


async def _branches(
    world: World, passing: Iterable[Passing]
) -> Mapping[str, Known[Branches] | Unknown]:
    wanted = sorted({one.repository for one in passing if one.repository and _tells(one)})
    answers = await asyncio.gather(
        *(_answer(world, "GitHub", world.source.branches(name)) for name in wanted)
    )
    return dict(zip(wanted, answers, strict=True))


def _tells(one: Passing) -> bool:
    """Whether a repository could tell anything of it."""
    return one.branch is not None or one.number is not None


async def _answer(world: World, source: str, call: Awaitable[T]) -> Known[T] | Unknown:
    return await asked(source, call, world.limits.survey)


def _name(cluster: str | None) -> str:
    return f"Kubernetes ({cluster})" if cluster else "Kubernetes"


async def find(world: World, rules: Ephemeral, name: str) -> tuple[Passing, ...]:
    """Find the environments of that name, one a cluster at the most. Raises TemporaryError."""
    found: list[Passing] = []
    for cluster in rules.contexts:
        rows: tuple[Namespace, ...] = await world.namespaces.namespaces(
            cluster, rules.labels.all(), name
        )
        found += known_as(knowing_of(world.catalog(), rules, cluster), rows)
    return told_apart(found)
