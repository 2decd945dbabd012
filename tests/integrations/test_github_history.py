"""Commits between two others, over HTTP: pages, parents, reverts by pull request, files."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.held_back import BadRange, Seen, held
from bot.errors import MissingError, TemporaryError
from integrations.github import Credentials, GitHubHost
from integrations.simulated.github import SimulatedGitHub
from integrations.simulated.server import Fault
from tests.patience import PATIENT
from tests.virtual import VirtualClock

REPO = "quantivista/platform"


class Kit:
    def __init__(self) -> None:
        clock = VirtualClock()
        self.sim = SimulatedGitHub(clock.now, clock.sleep, token="t")

    async def start(self) -> "Kit":
        await self.sim.start()
        self.host = GitHubHost(self.sim.url, Credentials(token="t"), seconds=PATIENT, workers=2)
        self.good = self.sim.add_commit(REPO)
        return self

    async def standing(self, bad: str, head: str) -> list[str]:
        """The bad commits that stand in head."""
        about = BadRange(
            release="rel-2222",
            service="payments",
            environment="production",
            repository=REPO,
            version="v2",
            back_to="v1",
            good=self.good,
            bad=bad,
        )
        seen = Seen(
            range=about,
            commits=await self.host.commits(REPO, self.good, bad, 250),
            since=await self.host.commits(REPO, self.good, head, 250),
        )
        return [commit.sha for commit in held(seen)[0]]

    def reverting(self, number: int, home: str = "") -> str:
        """A squashed pull request of GitHub's Revert button, whose message is its description."""
        words = f'Revert "Work (#{number})"\n\nReverts {home}#{number}'
        return self.sim.add_commit(REPO, "ben", words)


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    made = await Kit().start()
    yield made
    await made.host.close()
    await made.sim.stop()


async def test_pages_are_read_to_the_end_and_kept(kit: Kit) -> None:
    shas = [kit.sim.add_commit(REPO, "dan", f"Work {n}\n\nbody") for n in range(230)]
    found = await kit.host.commits(REPO, kit.good, shas[-1], 250)
    assert [commit.sha for commit in found.commits] == shas
    assert found.whole
    first, second = found.commits[:2]
    assert (first.author, first.title, first.parents) == ("dan", "Work 0", (kit.good,))
    assert second.parents == (first.sha,)
    asked = len(kit.sim.journal)
    assert asked == 3
    assert await kit.host.commits(REPO, kit.good, shas[-1], 250) == found
    assert len(kit.sim.journal) == asked


async def test_beyond_the_bound_it_says_so_and_reads_no_further(kit: Kit) -> None:
    shas = [kit.sim.add_commit(REPO) for _ in range(230)]
    found = await kit.host.commits(REPO, kit.good, shas[-1], 150)
    assert (len(found.commits), found.whole) == (150, False)
    assert len(kit.sim.journal) == 2


async def test_what_is_on_another_branch_is_not_in_it(kit: Kit) -> None:
    bad = kit.sim.history.commit(REPO, on=kit.good)
    other = kit.sim.history.commit(REPO, message="Other")
    found = await kit.host.commits(REPO, bad, other, 250)
    assert [commit.sha for commit in found.commits] == [other]
    assert (await kit.host.commits(REPO, other, kit.good, 250)).commits == ()
    assert await kit.standing(bad, other) == []
    assert await kit.standing(bad, kit.sim.history.merge(REPO, bad)) == [bad]


async def test_git_reverts_are_followed_of_merges_too(kit: Kit) -> None:
    side = kit.sim.history.commit(REPO, on=kit.good)
    merge = kit.sim.history.merge(REPO, side)
    undone = kit.sim.history.revert(REPO, merge)
    assert await kit.standing(merge, merge) == [side]
    assert await kit.standing(merge, undone) == []
    assert await kit.standing(merge, kit.sim.history.revert(REPO, undone)) == [side]
    picked = kit.sim.history.pick(REPO, side, on=kit.good)
    assert await kit.standing(merge, picked) == [side]


@pytest.mark.parametrize("home", ["", REPO])
async def test_a_revert_by_pull_request_is_followed_to_its_commit(kit: Kit, home: str) -> None:
    bad = kit.sim.add_commit(REPO, "dan", "Work (#7)")
    kit.sim.branching.open(REPO, 7, "work")
    kit.sim.branching.close(REPO, 7, merge=True, merged_as=bad)
    assert await kit.standing(bad, kit.reverting(7, home)) == []


async def test_a_pull_request_that_leads_nowhere_reverts_nothing(kit: Kit) -> None:
    bad = kit.sim.add_commit(REPO, "dan", "Work (#7)")
    kit.sim.branching.open(REPO, 7, "work")
    assert await kit.standing(bad, kit.reverting(7)) == [bad]
    assert await kit.standing(bad, kit.reverting(8)) == [bad]
    assert await kit.standing(bad, kit.reverting(7, "somebody/else")) == [bad]


async def test_a_right_that_is_given_later_is_noticed(kit: Kit) -> None:
    bad = kit.sim.add_commit(REPO, "dan", "Work (#7)")
    kit.sim.branching.open(REPO, 7, "work")
    kit.sim.branching.close(REPO, 7, merge=True, merged_as=bad)
    undone = kit.reverting(7)
    denied = {"message": "Resource not accessible by integration"}
    kit.sim.fail(Fault("status", path="/pulls/", times=None, status=403, body=denied))
    assert await kit.standing(bad, undone) == [bad]
    kit.sim.heal()
    assert await kit.standing(bad, undone) == []


async def test_the_files_of_a_commit_page_by_page(kit: Kit) -> None:
    names = tuple(f"services/a/{n}.py" for n in range(700))
    many = kit.sim.add_commit(REPO, files=names)
    assert await kit.host.files(REPO, many) == names
    assert len(kit.sim.journal) == 3
    none = kit.sim.add_commit(REPO)
    assert await kit.host.files(REPO, none) == ()
    endless = kit.sim.add_commit(REPO, files=tuple(f"{n}" for n in range(3100)))
    assert await kit.host.files(REPO, endless) is None


async def test_silence_and_commits_that_are_gone_are_not_nothing(kit: Kit) -> None:
    kit.sim.fail(Fault("status", times=None, status=502))
    with pytest.raises(TemporaryError):
        await kit.host.commits(REPO, kit.good, kit.good, 250)
    kit.sim.heal()
    assert (await kit.host.commits(REPO, kit.good, kit.good, 250)).commits == ()
    with pytest.raises(MissingError):
        await kit.host.commits(REPO, kit.good, "f" * 40, 250)
