"""Lists of namespaces, Deployments, branches and tags: in pages, over real HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import ForbiddenError, PermanentError, TemporaryError
from integrations.github import Credentials, GitHubHost
from integrations.github.references import MOST_BRANCHES
from integrations.kubernetes import KubernetesCluster
from integrations.kubernetes import namespaces as adapter
from integrations.simulated.github import SimulatedGitHub
from integrations.simulated.kubernetes import SimulatedKubernetes, seeding
from integrations.simulated.kubernetes.namespaces import seed_passing
from integrations.simulated.server import Fault
from tests.patience import PATIENT
from tests.virtual import START, VirtualClock

REPO = "quantivista/platform"
MARKS = ("release-bot/owner", "release-bot/branch", "release-bot/expires")


class Kit:
    """A cluster, a code host, their adapters and their clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self.kubernetes = SimulatedKubernetes(self.clock.now, self.clock.sleep)
        self.github = SimulatedGitHub(self.clock.now, self.clock.sleep)
        self.folder = folder

    async def start(self) -> "Kit":
        await self.kubernetes.start()
        await self.github.start()
        config = self.kubernetes.kubeconfig(self.folder / "kubeconfig", ["main"])
        self.cluster = KubernetesCluster(str(config), self.clock, seconds=PATIENT)
        self.port = self.cluster.namespaces
        self.host = GitHubHost(self.github.url, Credentials(token="t"), seconds=PATIENT, workers=2)
        self.github.repository(REPO)
        return self

    def seed(
        self, name: str, age: float = 1, deployed: float | None = None, **more: object
    ) -> None:
        rolled_out = None if deployed is None else timedelta(days=deployed)
        seed_passing(
            self.kubernetes.cluster, name, age=timedelta(days=age), deployed=rolled_out,
            **more,  # type: ignore[arg-type]
        )  # fmt: skip

    def asked(self, path: str) -> int:
        return sum(path in entry.path for entry in self.kubernetes.journal)


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    made = await Kit(tmp_path).start()
    yield made
    await made.cluster.close()
    await made.host.close()
    await made.kubernetes.stop()
    await made.github.stop()


async def test_namespaces_come_with_the_marks_that_were_wanted(kit: Kit) -> None:
    kit.seed("pr-1", age=2, labels={"release-bot/owner": "ana", "team": "x"},
             annotations={"release-bot/branch": "feature/x", "other": "y"})  # fmt: skip
    (one,) = await kit.port.namespaces("main", MARKS)
    assert one.name == "pr-1"
    assert one.created_at == START - timedelta(days=2)
    assert one.marks == {"release-bot/owner": "ana", "release-bot/branch": "feature/x"}


async def test_an_annotation_goes_before_a_label(kit: Kit) -> None:
    kit.seed("pr-1", labels={"release-bot/branch": "feature-x"},
             annotations={"release-bot/branch": "feature/x"})  # fmt: skip
    (one,) = await kit.port.namespaces(None, MARKS)
    assert one.marks["release-bot/branch"] == "feature/x"


async def test_what_is_being_deleted_is_left_out_and_one_can_be_asked_for(kit: Kit) -> None:
    for name in ("pr-1", "pr-2"):
        kit.seed(name)
    kit.seed("pr-3", terminating=True)
    assert [one.name for one in await kit.port.namespaces("main", MARKS)] == ["pr-1", "pr-2"]
    assert [one.name for one in await kit.port.namespaces("main", MARKS, "pr-2")] == ["pr-2"]
    assert await kit.port.namespaces("main", MARKS, "pr-9") == ()
    assert await kit.port.namespaces("main", MARKS, "pr-3") == ()


async def test_lists_are_read_in_pages_with_metadata_only(kit: Kit) -> None:
    for number in range(2 * adapter.PAGE + 1):
        kit.seed(f"pr-{number:04}")
    found = await kit.port.namespaces("main", MARKS)
    assert [one.name for one in found] == [f"pr-{n:04}" for n in range(2 * adapter.PAGE + 1)]
    assert kit.asked("/api/v1/namespaces") == 3
    assert kit.asked("continue=") == 2


async def test_the_newest_roll_out_of_a_namespace(kit: Kit) -> None:
    kit.seed("pr-1", age=9, deployed=4)
    kit.seed("pr-2", age=9)
    deployed = await kit.port.deployed("main")
    assert deployed == {"pr-1": START - timedelta(days=4)}
    seeding.seed_blue_green(kit.kubernetes.cluster, "pr-1", "web", "q/web:1")
    assert (await kit.port.deployed("main"))["pr-1"] == START
    kit.clock.moment += timedelta(days=1)
    kit.kubernetes.cluster.deploy("pr-1", "app", "quantivista/app:dev2")
    kit.clock.moment += timedelta(days=1)
    assert (await kit.port.deployed("main"))["pr-1"] == START + timedelta(days=1)


async def test_images_of_one_namespace(kit: Kit) -> None:
    seeding.seed_blue_green(
        kit.kubernetes.cluster, "staging", "web", "q/web:1", other_image="q/web:0"
    )
    kit.seed("pr-1", deployed=1)
    found = {one.name: one.images for one in await kit.port.workloads("main", "staging")}
    assert found == {"web-blue": {"web": "q/web:1"}, "web-green": {"web": "q/web:0"}}


async def test_a_list_that_changed_while_it_was_read_is_read_again_later(kit: Kit) -> None:
    for number in range(adapter.PAGE + 1):
        kit.seed(f"pr-{number:04}")
    kit.kubernetes.fail(Fault("status", path="continue=", status=410))
    with pytest.raises(TemporaryError, match="changed while they were being read"):
        await kit.port.namespaces("main", MARKS)
    assert len(await kit.port.namespaces("main", MARKS)) == adapter.PAGE + 1


async def test_a_right_that_is_missing_names_the_file_that_gives_it(kit: Kit) -> None:
    kit.kubernetes.cluster.deny("list", "namespaces")
    with pytest.raises(ForbiddenError, match=r"may not get namespaces; .*rbac-environments\.yaml"):
        await kit.port.namespaces("main", MARKS)
    kit.kubernetes.cluster.deny("list", "deployments")
    with pytest.raises(ForbiddenError, match=r"rbac-environments\.yaml"):
        await kit.port.deployed("main")
    with pytest.raises(ForbiddenError, match=r"deploy/kubernetes/rbac\.yaml"):
        await kit.port.workloads("main", "staging")


async def test_nothing_is_ever_written(kit: Kit) -> None:
    kit.seed("pr-1", deployed=1)
    await kit.port.namespaces("main", MARKS)
    await kit.port.deployed("main")
    assert {entry.method for entry in kit.kubernetes.journal} == {"GET"}


async def test_branches_and_pull_requests_take_a_few_pages(kit: Kit) -> None:
    branching = kit.github.branching
    for number in range(1, 151):
        branching.open(REPO, number, f"feature/{number}")
    branching.open(REPO, 200, "login", fork=True)
    kit.clock.moment += timedelta(hours=1)
    branching.close(REPO, 7, merge=True, delete=True)
    branching.close(REPO, 8, merge=False)
    found = await kit.host.branches(REPO)
    assert len(found.heads) == 150
    assert "feature/7" not in found.heads
    assert found.whole
    assert found.by_number[7].state == "merged"
    assert found.by_number[7].merged_at == START + timedelta(hours=1)
    assert (found.by_number[8].state, found.by_number[9].state) == ("closed", "open")
    assert found.by_number[200].foreign
    # Two pages of pull requests, and two of branches that are read twice.
    assert len(kit.github.journal) == 6


async def test_what_is_deleted_between_two_pages_hides_no_other_branch(kit: Kit) -> None:
    branching = kit.github.branching
    for number in range(1, 151):
        branching.open(REPO, number, f"feature/{number}")
    gone = min(f"feature/{number}" for number in range(1, 151))
    branching.meanwhile(lambda: branching.delete(REPO, gone))
    found = await kit.host.branches(REPO)
    # The other 149, and main.
    assert len(found.heads - {gone}) == 150


async def test_tags_lead_to_commits(kit: Kit) -> None:
    plain = kit.github.seed_release(REPO, "v1.0.0")
    annotated = kit.github.seed_release(REPO, "api/v1.1.0", annotated=True)
    found = await kit.host.tags(REPO)
    assert found.commits == {"v1.0.0": plain, "api/v1.1.0": annotated}
    assert found.whole


async def test_what_lies_beyond_the_limits_is_said(kit: Kit) -> None:
    for number in range(MOST_BRANCHES):
        kit.github.branching.branch(REPO, f"feature/{number}")
    found = await kit.host.branches(REPO)
    assert (len(found.heads), found.whole) == (MOST_BRANCHES, False)


async def test_a_repository_that_is_not_there(kit: Kit) -> None:
    for asking in (kit.host.branches("q/none"), kit.host.tags("q/none")):
        with pytest.raises(PermanentError):
            await asking
