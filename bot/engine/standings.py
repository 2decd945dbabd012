"""Judges every service in every lasting environment: which fall behind, which run what no tag has.

Used by `engine.surveys`. Reads the ledger, each repository's tags, and one list of Deployments for
each environment; changes nothing.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from bot.domain import behind
from bot.domain.behind import Late, Standing, Stay, Tags
from bot.domain.catalog import Catalog
from bot.domain.environments import Behind
from bot.domain.facts import Known, Unknown
from bot.domain.namespaces import Workload
from bot.domain.rules import runs_in
from bot.domain.targets import Target, target_of
from bot.engine.asking import asked
from bot.engine.world import World
from bot.store import ledger
from bot.store.ledger import Entry

LOOK_BACK = timedelta(days=90)
"""How far back stays of the environment before are read."""


class Standings(NamedTuple):
    """Services that fall behind; what is not known, in words; whether every source answered."""

    late: tuple[Late, ...]
    silent: tuple[str, ...]
    whole: bool


async def falling_behind(world: World, limits: Behind) -> Standings:
    """Judge each service in each lasting environment."""
    catalog = world.catalog()
    repositories = sorted({service.repository for service in catalog.services.values()})
    tags, shown, history = await asyncio.gather(
        _tags(world, repositories), _shown(world, catalog), _history(world, catalog)
    )
    late = []
    for environment in catalog.environments:
        for name, service in catalog.services.items():
            if not runs_in(service, environment):
                continue
            standing = _standing(catalog, name, environment, history, shown)
            found = behind.judge(standing, tags[service.repository], limits, world.clock.now())
            late += [found] if found else []
    silent = [a for a in (*tags.values(), *shown.values()) if isinstance(a, Unknown)]
    words = tuple(dict.fromkeys(answer.why for answer in silent))
    return Standings(tuple(late), words, all(answer.for_good for answer in silent))


async def _tags(world: World, repositories: list[str]) -> Mapping[str, Known[Tags] | Unknown]:
    answers = await asyncio.gather(
        *(asked("GitHub", world.source.tags(name), world.limits.survey) for name in repositories)
    )
    return dict(zip(repositories, answers, strict=True))


async def _shown(
    world: World, catalog: Catalog
) -> Mapping[str, Known[Mapping[str, Workload]] | Unknown]:
    """List what the cluster runs, for each lasting environment."""
    answers = await asyncio.gather(
        *(
            asked(
                f"Kubernetes ({environment})",
                _by_name(world, env.cluster, env.namespace),
                world.limits.survey,
            )
            for environment, env in catalog.environments.items()
        )
    )
    return dict(zip(catalog.environments, answers, strict=True))


async def _by_name(world: World, cluster: str | None, namespace: str) -> Mapping[str, Workload]:
    found = await world.namespaces.workloads(cluster, namespace)
    return {workload.name: workload for workload in found}


History = Mapping[str, Mapping[str, list[Entry]]]
"""Stays by environment and service, oldest first."""


async def _history(world: World, catalog: Catalog) -> History:
    found: dict[str, dict[str, list[Entry]]] = {}
    after = world.clock.now() - LOOK_BACK
    async with world.store.read() as session:
        for environment in catalog.environments:
            by_service = found.setdefault(environment, {})
            for entry in await ledger.stays(session, environment, after):
                by_service.setdefault(entry.service, []).append(entry)
    return found


def _standing(
    catalog: Catalog,
    service: str,
    environment: str,
    history: History,
    shown: Mapping[str, Known[Mapping[str, Workload]] | Unknown],
) -> Standing:
    entry, before = catalog.services[service], catalog.environments[environment].after
    before = before if before and runs_in(entry, before) else None
    current = next((e for e in history[environment].get(service, ()) if e.until is None), None)
    target, answer = target_of(catalog, service, environment), shown[environment]
    running = answer.value if isinstance(answer, Known) else {}
    images = _images(target, running)
    return Standing(
        service=service,
        environment=environment,
        before=before,
        runs=_stay(current) if current else None,
        ahead=tuple(map(_stay, history[before].get(service, ()))) if before else (),
        image=_live_image(images, current),
        # What Argo Rollouts runs is no Deployment: of it the ledger knows.
        there=bool(images) or isinstance(answer, Unknown) or target.is_rollout,
        tag=entry.tag,
        pattern=entry.image,
    )


def _images(target: Target, running: Mapping[str, Workload]) -> dict[str, str]:
    """Give the service's images by slot, as far as its Deployments are there."""
    found = {}
    for slot in ("blue", "green"):
        workload = running.get(target.deployment(slot))
        image = workload.images.get(target.container(slot)) if workload else None
        if image is not None:
            found[slot] = image
    return found


def _live_image(images: Mapping[str, str], current: Entry | None) -> str | None:
    """Tell which image has the traffic: by the ledger's slot, or because there is but one."""
    if current is not None and current.slot is not None:
        return images.get(current.slot)
    return next(iter(images.values())) if len(set(images.values())) == 1 else None


def _stay(entry: Entry) -> Stay:
    return Stay(version=entry.version, since=entry.since, until=entry.until)
