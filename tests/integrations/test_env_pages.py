"""Lists of a code host that change while they are read, page by page."""

from integrations.kubernetes import namespaces as adapter
from tests.integrations.test_namespaces import REPO, Kit, kit

__all__ = ["kit"]

PAGE = 100


async def test_a_branch_that_moves_onto_the_page_before_is_not_lost(kit: Kit) -> None:
    # With main there are 101: the last is alone on the second page, and moves to the first.
    branching = kit.github.branching
    for number in range(PAGE):
        branching.branch(REPO, f"feature/{number:03}")
    branching.meanwhile(lambda: branching.delete(REPO, "feature/000"))
    found = await kit.host.branches(REPO)
    assert "main" in found.heads
    assert f"feature/{PAGE - 1:03}" in found.heads


async def test_a_tag_that_moves_onto_the_page_before_is_not_lost(kit: Kit) -> None:
    for number in range(PAGE + 1):
        kit.github.seed_release(REPO, f"v1.{number:03}.0")
    tags = kit.github.repository(REPO).tags
    kit.github.branching.meanwhile(lambda: tags.pop("v1.100.0"))
    assert "v1.000.0" in (await kit.host.tags(REPO)).commits


async def test_whole_deployments_come_in_pages_that_stall_nobody(kit: Kit) -> None:
    for number in range(adapter.WHOLE_PAGE + 1):
        kit.seed(f"pr-{number:03}", deployed=1)
    assert len(await kit.port.deployed("main")) == adapter.WHOLE_PAGE + 1
    assert kit.asked("limit=100") == kit.asked("/apis/apps/v1/deployments") == 2
