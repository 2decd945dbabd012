"""Gathers all facts of one release side by side, each with its own time limit (DESIGN §3).

Called by the gathering tick and by `/release plan`. Decides nothing, changes nothing.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.facts import (
    CheckRun,
    ClusterFact,
    Diff,
    Facts,
    Known,
    LedgerFact,
    LockFact,
    Promotion,
    Running,
    Scan,
    SlotFact,
    TagFact,
    Unknown,
)
from bot.domain.held_back import BadRange, Seen
from bot.domain.live import live_commit, live_version
from bot.domain.packages import PackageChange
from bot.domain.policies import StrategyKind
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.sources import Pulled
from bot.domain.stops import StopFacts
from bot.domain.targets import Target, target_of
from bot.domain.versions import Version, VersionError, same_version
from bot.engine import held_back, stop_facts, tagged
from bot.engine.asking import asked
from bot.engine.proofs import Evidence, alerts_of, attested, evidence_of
from bot.engine.rates import rates
from bot.engine.world import World
from bot.errors import MissingError
from bot.store import ledger, releases, targets


async def gather(
    world: World,
    request: ReleaseRequest,
    rules: Rules,
    now: datetime,
    *,
    release_id: str | None = None,
    going_back: bool = False,
) -> Facts:
    """Ask every source what it knows of this release. Sources that fail come back as Unknown.

    `going_back`: bad commits stop no rollback, so nobody is asked for them.
    """
    stored = await _from_store(world, request, rules, now, release_id)
    bad = () if going_back else stored.held_back
    tag, cluster, promotion, dependencies, dependents, traffic = await asyncio.gather(
        tagged.find(world, request, rules, world.limits.source),
        asked("Kubernetes", world.cluster.look(rules.target), world.limits.cluster),
        _promotion(world, request, rules, now),
        _neighbours(world, request, rules.depends_on, stored.under_way),
        _neighbours(world, request, _would_break(request, rules), stored.under_way),
        rates(world, rules, now),
    )
    running = _live_version(cluster, rules.target, stored.seen, by=rules.kind_for(request))
    commit = await _commit_of(world, rules, running, stored.seen)
    of_commit = await _all_of_commit(world, request, rules, (tag, commit), bad)
    return Facts(
        at=now,
        tag=tag,
        cluster=cluster,
        live_version=running,
        live_commit=commit,
        dependencies=dependencies,
        dependents=dependents,
        promotion=promotion,
        ledger=stored.seen[0] if stored.seen else None,
        lock=stored.lock,
        held_back=bad,
        under_way=stored.own,
        stops=stored.stops,
        rates=traffic,
        **of_commit,
    )


async def _all_of_commit(
    world: World,
    request: ReleaseRequest,
    rules: Rules,
    commits: tuple[Known[TagFact] | Unknown, str | None],
    bad: tuple[BadRange, ...],
) -> dict[str, Any]:
    """Ask what hangs on the tag's commit and on the live one, side by side; by `Facts`' fields."""
    (diff, checks, scan), packages, seen, proof, alerts = await asyncio.gather(
        _of_commit(world, rules, *commits),
        _packages(world, rules, *commits),
        _bad_commits(world, request, rules, commits[0], bad),
        _evidence(world, request.service, rules, *commits),
        alerts_of(world, rules.repository, rules.path, _pulled(world, request.service)),
    )
    return {
        "diff": diff,
        "checks": checks,
        "scan": scan,
        "packages": packages,
        "seen": seen,
        "evidence": proof,
        "alerts": alerts,
        "attested": await attested(world, rules.repository, proof),
    }


def _pulled(world: World, service: str) -> tuple[Pulled, ...]:
    entry = world.catalog().services.get(service)
    return entry.evidence.alerts if entry else ()


async def _evidence(
    world: World, service: str, rules: Rules, tag: Known[TagFact] | Unknown, live: str | None
) -> Evidence | None:
    if isinstance(tag, Unknown):
        return tag
    if tag.value.tag is None:
        return None
    waived = {waiver.rule for waiver in rules.waivers if waiver.rule}
    return await evidence_of(world, service, tag.value.tag.commit, live, waived)


class _Stored:
    """What our own database knows of the target."""

    def __init__(self, under_way: dict[str, str], seen: list[LedgerFact]) -> None:
        self.under_way = under_way
        self.seen = seen
        self.own: str | None = None
        self.lock: LockFact | None = None
        self.held_back: tuple[BadRange, ...] = ()
        self.stops = StopFacts()


async def _from_store(
    world: World, request: ReleaseRequest, rules: Rules, now: datetime, release_id: str | None
) -> _Stored:
    async with world.store.read() as session:
        busy = await releases.under_way(session, request.environment)
        stays = await ledger.history(
            session, service=request.service, environment=request.environment, limit=50
        )
        stored = _Stored(busy, [stay.fact() for stay in stays])
        stored.lock = await targets.lock_on(session, (request.service, request.environment))
        stored.stops = await stop_facts.read(session, request, rules, now, release_id)
        stored.held_back = await held_back.ranges(session, rules.repository)
    own = busy.get(request.service)
    stored.own = own if own != release_id else None
    return stored


def _live_version(
    cluster: Known[ClusterFact] | Unknown,
    target: Target,
    seen: list[LedgerFact],
    *,
    by: StrategyKind,
) -> str | None:
    if isinstance(cluster, Unknown):
        return None
    if by == "workflow" and not cluster.value.has_pods:
        # In no cluster: what this bot recorded is all that there is to know.
        return seen[0].version if seen else None
    if cluster.value.live is None:
        return None
    return live_version(cluster.value.live, target.image_pattern, seen)


async def _commit_of(
    world: World, rules: Rules, version: str | None, seen: list[LedgerFact]
) -> str | None:
    known = live_commit(version, seen)
    if known is not None or version is None:
        return known

    look = tagged.look_up(world, rules.repository, rules.tag, version)
    answer = await asked("GitHub", look, world.limits.source)
    return answer.value[1].commit if isinstance(answer, Known) and answer.value else None


async def _of_commit(
    world: World, rules: Rules, tag: Known[TagFact] | Unknown, live: str | None
) -> tuple[
    Known[Diff | None] | Unknown, Known[tuple[CheckRun, ...]] | Unknown, Known[Scan] | Unknown
]:
    if isinstance(tag, Unknown):
        return tag, tag, tag
    if tag.value.tag is None:
        nothing = Unknown(why="there is no commit to ask about")
        return Known(value=None), nothing, nothing
    commit, repository = tag.value.tag.commit, rules.repository
    source, limit = world.source, world.limits.source

    async def diff() -> Diff | None:
        return await source.diff(repository, live, commit) if live else None

    return await asyncio.gather(
        asked("GitHub", diff(), limit),
        asked("GitHub", source.checks(repository, commit), limit),
        asked("GitHub", source.scan(repository, commit, rules.path), limit),
    )


async def _packages(
    world: World, rules: Rules, tag: Known[TagFact] | Unknown, live: str | None
) -> tuple[PackageChange, ...]:
    """Read which packages change, for those who are to approve; where it can't be read, none."""
    if not rules.approvals.total or live is None:
        return ()
    if isinstance(tag, Unknown) or tag.value.tag is None:
        return ()
    reading = world.source.packages(rules.repository, live, tag.value.tag.commit)
    answer = await asked("GitHub", reading, world.limits.source)
    return (answer.value or ()) if isinstance(answer, Known) else ()


async def _bad_commits(
    world: World,
    request: ReleaseRequest,
    rules: Rules,
    tag: Known[TagFact] | Unknown,
    bad: tuple[BadRange, ...],
) -> Known[tuple[Seen, ...]] | Unknown:
    if not bad:
        return Known(value=())
    if isinstance(tag, Unknown):
        return tag
    if tag.value.tag is None:
        return Unknown(why="there is no commit to ask about")
    looking = held_back.look(world, request, rules, tag.value.tag.commit, bad)
    return await asked("GitHub", looking, world.limits.source)


def _would_break(request: ReleaseRequest, rules: Rules) -> list[str]:
    """Name the dependents whose constraint the version does not satisfy: only they matter."""
    try:
        version = Version(request.version)
    except VersionError:
        return list(rules.dependents)
    return [name for name, constraint in rules.dependents.items() if not constraint.allows(version)]


async def _neighbours(
    world: World, request: ReleaseRequest, names: Iterable[str], busy: dict[str, str]
) -> tuple[Known[Running] | Unknown, ...]:
    found = await asyncio.gather(
        *(
            asked(
                f"Kubernetes ({name})",
                running(world, name, request.environment),
                world.limits.cluster,
            )
            for name in names
        )
    )
    return tuple(
        Known(value=answer.value.model_copy(update={"under_way": busy.get(answer.value.service)}))
        if isinstance(answer, Known)
        else answer
        for answer in found
    )


async def running(world: World, service: str, environment: str) -> Running:
    """Read from the cluster which version of a service has the traffic in an environment."""
    target = target_of(world.catalog(), service, environment)
    slot: SlotFact | None = None
    try:
        traffic = await world.cluster.look_at_traffic(target)
        if traffic.live is None:
            return Running(service=service, version=None, deployed=True)
        slot = await world.cluster.look_at_slot(target, traffic.live)
    except MissingError:
        pass
    is_here = slot is not None and slot.exists
    if not is_here and not target.may_be_elsewhere:
        return Running(service=service, version=None, deployed=False)
    async with world.store.read() as session:
        stays = await ledger.history(session, service=service, environment=environment)
    seen = [stay.fact() for stay in stays]
    if slot is None or not is_here:
        known = seen[0].version if seen else None
        return Running(service=service, version=known, deployed=bool(seen))
    version = live_version(slot, target.image_pattern, seen)
    return Running(service=service, version=version, deployed=True)


async def _promotion(
    world: World, request: ReleaseRequest, rules: Rules, now: datetime
) -> Known[Promotion] | Unknown | None:
    if rules.after is None:
        return None
    return await asked(
        f"Kubernetes ({rules.after})",
        _promoted(world, world.catalog(), request, rules.after, now),
        world.limits.cluster,
    )


async def _promoted(
    world: World, catalog: Catalog, request: ReleaseRequest, before: str, now: datetime
) -> Promotion:
    now_there = await running(world, request.service, before)
    is_live = same_version(now_there.version, request.version)
    async with world.store.read() as session:
        stay = await ledger.longest_stay(session, request.service, before, request.version, now)
    if stay is None and is_live:
        # Released without the bot, or before its first day: its pods tell since when it runs.
        stay = await _age_of_pods(world, target_of(catalog, request.service, before), now)
    return Promotion(environment=before, live=is_live, seconds=stay, running=now_there.version)


async def _age_of_pods(world: World, target: Target, now: datetime) -> int:
    traffic = await world.cluster.look_at_traffic(target)
    if traffic.live is None:
        return 0
    slot = await world.cluster.look_at_slot(target, traffic.live)
    return max(0, int((now - slot.since).total_seconds())) if slot.since else 0
