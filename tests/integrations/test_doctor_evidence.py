"""`release-bot doctor` on evidence: the issuer, tokens, and the repository's number."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.catalog import Catalog
from integrations.evidence.taking.doctor import examine
from integrations.evidence.taking.oidc import TokenChecker
from integrations.github.host import GitHubHost
from integrations.github.pool import Credentials
from integrations.simulated.issuer import SimulatedIssuer
from integrations.simulated.server import Fault
from tests.scenarios.submitting import with_sources
from tests.tester import CATALOG, REPO, World, parsed


@pytest.fixture
async def issuer(world: World) -> AsyncIterator[SimulatedIssuer]:
    made = SimulatedIssuer(world.clock.real, world.clock.sleep)
    await made.start()
    yield made
    await made.stop()


async def looked(catalog: Catalog, token: str | None) -> list[tuple[bool, str]]:
    tokens = TokenChecker(2.0)
    found = await examine(tokens, catalog, lambda _: token)
    await tokens.close()
    return [(one.good, one.sentence) for one in found.findings]


async def test_all_is_well(issuer: SimulatedIssuer) -> None:
    catalog = parsed(with_sources(issuer)).catalog
    assert await looked(catalog, "x" * 20) == [
        (True, "1 tokens are set."),
        (True, f"{issuer.url} publishes 1 keys; 1 services take evidence from workflows."),
    ]


async def test_what_is_wrong_is_said_with_what_to_do(issuer: SimulatedIssuer) -> None:
    catalog = parsed(with_sources(issuer)).catalog
    issuer.fail(Fault("status", "jwks", times=None, status=500))
    for token in (None, "short"):
        (tokens, keys) = await looked(catalog, token)
        assert tokens == (
            False,
            "PAYMENTS_EVIDENCE_TOKEN: not set, or shorter than 20 characters.",
        )
        assert keys == (False, f"The issuer {issuer.url} does not answer.")


async def test_nobody_sends_nobody_asks() -> None:
    assert await looked(parsed(CATALOG).catalog, None) == []


async def test_the_repository_s_number_is_compared(world: World) -> None:
    host = GitHubHost(world.github.url, Credentials(token="t"))
    world.github.repository(REPO).number = 4711
    good = await host.check({REPO: ()}, None, {REPO: {"4711"}})
    assert not [one for one in good.findings if "repository_id" in one.sentence]
    bad = await host.check({REPO: ()}, None, {REPO: {"4711", "12"}})
    (found,) = [one for one in bad.findings if "repository_id" in one.sentence]
    assert (found.good, found.sentence) == (
        False,
        "evidence.repository_id is 12, and this repository is 4711.",
    )
    await host.close()
