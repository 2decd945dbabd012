"""Finds what is wrong with the catalogue's freezes, windows and calendars as a whole.

Called by `catalog_checks`; what a single rule shows, its own model says.
"""

from collections.abc import Iterable, Iterator

from bot.domain.catalog import Catalog
from bot.domain.smoke import host_of, is_allowed
from bot.domain.stops import CalendarRule, Window

Path = tuple[str | int, ...]
Wrong = tuple[Path, str]
"""Where it stands, and what is wrong."""


def rules_in(catalog: Catalog) -> Iterator[tuple[Path, CalendarRule]]:
    """List every freeze and window with its place."""
    for name, env in catalog.environments.items():
        for at, freeze in enumerate(env.freezes):
            yield ("environments", name, "freezes", at), freeze
    for name, policy in catalog.policies.items():
        for at, window in enumerate(policy.windows or ()):
            yield ("policies", name, "windows", at), window


def sources(catalog: Catalog) -> dict[str, str]:
    """List each iCalendar that a rule names, with the zone that its floating times are in."""
    usual = catalog.calendars.zone
    named = ((rule.calendar, rule.zone or usual) for _, rule in rules_in(catalog))
    return {source: zone for source, zone in named if source is not None}


def wrong_times(catalog: Catalog) -> Iterable[Wrong]:
    """Find hosts that are not allowed, names twice, and names that nothing has."""
    seen: dict[str, tuple[str, str | None]] = {}
    for path, rule in rules_in(catalog):
        yield from _calendar(catalog, path, rule, seen)
        if isinstance(rule, Window):
            yield from _names(catalog, path, rule)
    for name, env in catalog.environments.items():
        names = [freeze.name for freeze in env.freezes]
        for at, one in enumerate(names):
            if one in names[:at]:
                yield ("environments", name, "freezes", at, "name"), f"{one} is there twice"


def _calendar(
    catalog: Catalog, path: Path, rule: CalendarRule, seen: dict[str, tuple[str, str | None]]
) -> Iterable[Wrong]:
    source = rule.calendar
    if source is None:
        return
    host = host_of(source) if "://" in source else None
    if host is not None and not is_allowed(host, catalog.calendars.hosts):
        yield (*path, "calendar"), f"{host} is not in calendars.hosts"
    before = seen.setdefault(source, (rule.name, rule.zone))
    if before[1] != rule.zone:
        yield (*path, "zone"), f"{source} has another zone in {before[0]}; say the same in both"


def _names(catalog: Catalog, path: Path, window: Window) -> Iterable[Wrong]:
    known = {
        "environments": (window.environments, catalog.environments),
        "tiers": (window.tiers, catalog.tiers),
        "services": (window.services, catalog.services),
    }
    for key, (names, there) in known.items():
        for name in names:
            if name not in there:
                yield (*path, key), f"there is no {key.removesuffix('s')} {name}"
