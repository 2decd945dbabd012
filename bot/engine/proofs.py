"""Gathers what proves a version: evidence from the store, and what GitHub watches by itself.

Used by `facts` and by `/scan`. Sources that fail come back as Unknown. Changes nothing.
"""

import asyncio
from collections.abc import Collection, Mapping

from bot.domain.alerts import Alerts
from bot.domain.facts import Known, Unknown
from bot.domain.sources import Pulled
from bot.domain.submitted import Submitted
from bot.engine.asking import asked
from bot.engine.world import World
from bot.errors import TemporaryError
from bot.store import evidence

Evidence = Known[tuple[Submitted, ...]] | Unknown

MOST_DIGESTS = 5
"""Image digests that are asked for; evidence on one commit names one, as a rule."""


async def evidence_of(
    world: World, service: str, commit: str, live: str | None, rules: Collection[str] = ()
) -> Evidence:
    """Read the evidence on a commit that stands, compared with that on the live commit.

    Findings of `rules` are counted apart: waivers name them.
    """
    try:
        async with world.store.read() as session:
            found = await evidence.compared(session, service, commit, live)
            return Known(value=await evidence.by_rule(session, found, rules))
    except TemporaryError as error:
        return Unknown(why=str(error))


async def alerts_of(
    world: World, repository: str, path: str | None, wanted: Collection[Pulled]
) -> Mapping[Pulled, Known[Alerts] | Unknown]:
    """Read the repository's open alerts of the kinds that are wanted, by path."""
    calls = {
        "secrets": world.source.secret_alerts,
        "dependencies": world.source.dependency_alerts,
    }
    found = await asyncio.gather(
        *(asked("GitHub", calls[kind](repository, path), world.limits.source) for kind in wanted)
    )
    return dict(zip(wanted, found, strict=True))


async def attested(
    world: World, repository: str, found: Evidence | None
) -> Known[Mapping[str, bool]] | Unknown | None:
    """Ask whether GitHub lists attestations of the images that the evidence names."""
    if found is None or isinstance(found, Unknown):
        return None
    named = (one.image_digest for one in found.value if one.image_digest)
    digests = list(dict.fromkeys(named))[:MOST_DIGESTS]
    if not digests:
        return None

    async def ask() -> Mapping[str, bool]:
        answers = (world.source.attested(repository, digest) for digest in digests)
        return dict(zip(digests, await asyncio.gather(*answers), strict=True))

    return await asked("GitHub", ask(), world.limits.source)
