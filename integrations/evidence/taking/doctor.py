"""Looks at what evidence comes in by, for `release-bot doctor`. Only reads."""

from collections.abc import Callable

from bot.domain.catalog import Catalog
from bot.domain.sources import SHORTEST_TOKEN
from bot.errors import TemporaryError
from bot.ports import Checkup, Finding
from integrations.evidence.taking.oidc import TokenChecker

SUBJECT = "Evidence"
NAMED = 5


async def examine(
    tokens: TokenChecker, catalog: Catalog, secret: Callable[[str], str | None]
) -> Checkup:
    """Say whether the issuer answers, and whether the tokens that the catalogue names are set."""
    services = catalog.services.items()
    by_workflow = [name for name, one in services if one.evidence.workflows]
    by_token = [name for name, one in services if one.evidence.tokens]
    if not by_workflow and not by_token:
        return Checkup()
    found = _tokens(catalog, secret)
    if by_workflow:
        found.append(await _issuer(tokens, catalog, len(by_workflow)))
    return Checkup(findings=tuple(found))


async def _issuer(tokens: TokenChecker, catalog: Catalog, services: int) -> Finding:
    issuer = catalog.evidence.issuer
    try:
        number = await tokens.keys(issuer)
    except TemporaryError as error:
        remedy = f"Let the bot reach {issuer}/.well-known/jwks; until then no run can submit."
        return Finding(
            good=False, subject=SUBJECT, sentence=f"{str(error).capitalize()}.", remedy=remedy
        )
    said = f"{issuer} publishes {number} keys; {services} services take evidence from workflows."
    return Finding(good=True, subject=SUBJECT, sentence=said)


def _tokens(catalog: Catalog, secret: Callable[[str], str | None]) -> list[Finding]:
    names = {name for one in catalog.services.values() for name in one.evidence.tokens}
    bad = sorted(name for name in names if len(secret(name) or "") < SHORTEST_TOKEN)
    if not names:
        return []
    if not bad:
        return [Finding(good=True, subject=SUBJECT, sentence=f"{len(names)} tokens are set.")]
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    said = f"{', '.join(bad[:NAMED])}{more}: not set, or shorter than {SHORTEST_TOKEN} characters."
    remedy = f"Set each to {SHORTEST_TOKEN} random characters or more, here and at its sender."
    return [Finding(good=False, subject=SUBJECT, sentence=said, remedy=remedy)]
