"""Secret scanning, Dependabot and attestations, as the real client reads them over HTTP."""

import pytest

from bot.domain.severities import Severity
from bot.errors import ForbiddenError
from integrations.github.host import GitHubHost
from integrations.github.pool import Credentials
from tests.tester import REPO, World


@pytest.fixture
def host(world: World) -> GitHubHost:
    return GitHubHost(world.github.url, Credentials(token="t"))


async def test_what_is_not_enabled_says_so(host: GitHubHost) -> None:
    assert (await host.secret_alerts(REPO, None)).status == "not_enabled"
    assert (await host.dependency_alerts(REPO, None)).status == "not_enabled"


async def test_a_missing_right_is_not_taken_for_not_enabled(world: World, host: GitHubHost) -> None:
    world.github.watching.enable(REPO)
    world.github.rights.granted["vulnerability_alerts"] = "none"
    with pytest.raises(ForbiddenError):
        await host.dependency_alerts(REPO, None)


async def test_nothing_open_is_known(world: World, host: GitHubHost) -> None:
    world.github.watching.enable(REPO)
    found = await host.secret_alerts(REPO, None)
    assert (found.status, found.counts, found.url) == ("enabled", {}, None)


async def test_secrets_by_whether_they_work_and_where_they_are(
    world: World, host: GitHubHost
) -> None:
    for path, validity in (("a/x", "active"), ("/a/y", "inactive"), ("b/z", "unknown")):
        world.github.watching.leak(REPO, path, validity)
    found = await host.secret_alerts(REPO, "a")
    assert found.counts == {Severity.CRITICAL: 1, Severity.MEDIUM: 1}
    assert found.elsewhere == 1
    assert found.url == f"https://github.example/{REPO}/security/secret-scanning"


async def test_what_is_resolved_does_not_count(world: World, host: GitHubHost) -> None:
    world.github.watching.leak(REPO, "a")
    world.github.watching.secrets[REPO][0]["state"] = "resolved"
    assert (await host.secret_alerts(REPO, None)).counts == {}


async def test_dependencies_are_read_page_by_page_with_the_cursor(
    world: World, host: GitHubHost
) -> None:
    for number in range(230):
        world.github.watching.advise(REPO, "services/a/pom.xml" if number % 2 else "pom.xml")
    found = await host.dependency_alerts(REPO, "services/a")
    assert (found.counts, found.elsewhere, found.whole) == ({Severity.HIGH: 115}, 115, True)


async def test_more_than_are_read_is_said(world: World, host: GitHubHost) -> None:
    for _ in range(1100):
        world.github.watching.advise(REPO, "pom.xml")
    assert not (await host.dependency_alerts(REPO, None)).whole


async def test_attestations(world: World, host: GitHubHost) -> None:
    digest = f"sha256:{'a' * 64}"
    assert not await host.attested(REPO, digest)
    world.github.watching.attest(REPO, digest)
    assert await host.attested(REPO, digest)
