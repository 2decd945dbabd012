"""Versions and their tags: how a version may be spelled, which tag it has, and whether it has one.

Used where facts are gathered, where evidence is taken, and before a release is stored.
"""

from bot.domain.facts import Known, Tag, TagFact, Unknown
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.engine.asking import asked
from bot.engine.world import World
from bot.views import refusals

NEWEST = 50
"""Of how many tags the one that may have been meant is sought."""

FIRST_SECONDS = 2.0
"""How long a request waits for GitHub before it is stored: its card then says what is silent."""


def spellings(version: str) -> tuple[str, ...]:
    """List how a version may be tagged: as typed, and with or without the `v`."""
    other = version[1:] if version.startswith("v") else f"v{version}"
    return (version, other)


def as_tagged(request: ReleaseRequest, rules: Rules, tag: Tag) -> str:
    """Spell the version as its tag does, so that images and inputs name what is there."""
    for version in spellings(request.version):
        if rules.tag.format(version=version) == tag.name:
            return version
    return request.version


async def look_up(
    world: World, repository: str, pattern: str, version: str
) -> tuple[str, Tag] | None:
    """Find a version's tag, and how it spells the version; `pattern`: the catalogue's."""
    for spelling in spellings(version):
        found = await world.source.tag(repository, pattern.format(version=spelling))
        if found is not None:
            return spelling, found
    return None


async def find(
    world: World, request: ReleaseRequest, rules: Rules, seconds: float
) -> Known[TagFact] | Unknown:
    """Find the tag of the version asked for; where it has none, the newest that there are."""

    async def fact() -> TagFact:
        found = await look_up(world, rules.repository, rules.tag, request.version)
        if found is not None:
            return TagFact(tag=found[1])
        newest = await world.source.newest_tags(rules.repository, rules.tag, NEWEST)
        return TagFact(tag=None, newest=newest)

    return await asked("GitHub", fact(), seconds)


async def check(world: World, request: ReleaseRequest, rules: Rules) -> None:
    """Raise UserError where the version has no tag. A GitHub that is silent raises nothing.

    What it can't be asked now the release's gates ask again, and wait for.
    """
    found = await find(world, request, rules, min(FIRST_SECONDS, world.limits.source))
    check_fact(request, rules, found)


def check_fact(request: ReleaseRequest, rules: Rules, found: Known[TagFact] | Unknown) -> None:
    """Raise UserError where it is known that the version has no tag."""
    if isinstance(found, Known) and found.value.tag is None:
        name = rules.tag.format(version=request.version)
        raise refusals.no_such_version(request.service, request.version, name, found.value.newest)
