"""What can be released in an environment now, and what is in the way, worked out. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.calendar import Span, covering, free_from, next_start
from bot.domain.catalog import Catalog
from bot.domain.facts import LockFact
from bot.domain.gates.freeze import AHEAD
from bot.domain.lifecycle import UNDER_WAY
from bot.domain.releases import Release
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules, rules_for, runs_in
from bot.domain.standing import in_the_way
from bot.domain.stops import CalendarFact, CalendarRule, Stop, StopFacts, in_zone, timed


@dataclass(frozen=True)
class Timed:
    """A rule of the catalogue at this moment. `until`: when what is now is over.

    `unread`: why its calendar was never read. `passed`: a person lets releases pass it.
    """

    rule: CalendarRule
    zone: str = "UTC"
    """The zone in which its times are told."""
    inside: Span | None = None
    until: datetime | None = None
    next: Span | None = None
    unread: str | None = None
    passed: bool = False
    services: tuple[str, ...] = ()
    """Of a window: for whom it is; empty: for all there."""


@dataclass(frozen=True)
class Whereabouts:
    """All that is said of one environment at one moment."""

    environment: str
    now: datetime
    stops: tuple[Stop, ...]
    freezes: tuple[Timed, ...]
    windows: tuple[Timed, ...]
    held_back: tuple[tuple[str, LockFact], ...]
    under_way: tuple[Release, ...]
    waiting: tuple[Release, ...]
    free: tuple[str, ...]
    services: int


def whereabouts(
    catalog: Catalog,
    environment: str,
    facts: StopFacts,
    held_back: Sequence[tuple[str, LockFact]],
    unfinished: Sequence[Release],
    now: datetime,
) -> Whereabouts:
    """Work it out from what the store has of that environment."""
    under_way = tuple(r for r in unfinished if r.state in UNDER_WAY)
    taken = {service for service, _ in held_back} | {r.service for r in under_way}
    here = {
        name: rules_for(catalog, name, environment)
        for name, entry in catalog.services.items()
        if runs_in(entry, environment)
    }
    usual = catalog.calendars.zone
    freezes = [in_zone(freeze, usual) for freeze in catalog.environments[environment].freezes]
    return Whereabouts(
        environment=environment,
        now=now,
        stops=facts.stops,
        freezes=tuple(_timed(rule, facts, now) for rule in freezes),
        windows=_windows(here, facts, now),
        held_back=tuple(held_back),
        under_way=under_way,
        waiting=tuple(r for r in unfinished if r.state not in UNDER_WAY),
        free=tuple(
            name
            for name, rules in here.items()
            if name not in taken and _is_free(name, environment, rules, facts, now)
        ),
        services=len(here),
    )


def _windows(here: Mapping[str, Rules], facts: StopFacts, now: datetime) -> tuple[Timed, ...]:
    """Tell of each window for whom it is, where it isn't for all."""
    whose: dict[CalendarRule, list[str]] = {}
    for name, rules in here.items():
        for window in rules.windows:
            whose.setdefault(window, []).append(name)
    return tuple(
        replace(_timed(rule, facts, now), services=() if len(names) == len(here) else tuple(names))
        for rule, names in whose.items()
    )


def _is_free(service: str, environment: str, rules: Rules, facts: StopFacts, now: datetime) -> bool:
    mine = [stop for stop in facts.stops if stop.concerns(service, rules.tier, environment)]
    known = facts.model_copy(update={"stops": tuple(mine)})
    request = ReleaseRequest(service=service, version="v0", environment=environment)
    return not in_the_way(request, rules, known, now)


def _timed(rule: CalendarRule, facts: StopFacts, now: datetime) -> Timed:
    when = timed(rule, facts)
    if when is None:
        read = facts.calendars.get(rule.calendar or "", CalendarFact())
        return Timed(rule, unread=read.problem or "it is read within a minute")
    inside = next(iter(covering([when], now)), None)
    return Timed(
        rule,
        zone=when.zone,
        inside=inside,
        until=free_from([when], now) if inside else None,
        next=next_start([when], now, AHEAD),
        passed=any(s.name == rule.name and s.stands(now) for s in facts.of("pass")),
    )
