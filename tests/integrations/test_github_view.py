"""GitHub's own view over real HTTP: Deployments, statuses, runs of a repository, webhooks."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.domain.hosting import CommitStatus, DeploymentRequest, DeploymentSearch, DeploymentStatus
from bot.errors import ForbiddenError, PermanentError, TemporaryError
from integrations.github import Credentials, GitHubHost
from integrations.github.pool import kind_of
from integrations.github.webhooks import parsed
from integrations.simulated.github import SimulatedGitHub, Workflow
from integrations.simulated.server import Fault
from tests.patience import PATIENT
from tests.virtual import START, VirtualClock

REPO = "quantivista/platform"


class Kit:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.sim = SimulatedGitHub(self.clock.now, self.clock.sleep, token="t")

    async def start(self) -> "Kit":
        await self.sim.start()
        self.host = GitHubHost(self.sim.url, Credentials(token="t"), seconds=PATIENT, workers=2)
        self.commit = self.sim.seed_release(REPO, "v1.0.0")
        return self

    def request(self, release: str = "rel-1") -> DeploymentRequest:
        return DeploymentRequest(
            repository=REPO,
            commit=self.commit,
            environment="production",
            description="x" * 200,
            release=release,
        )

    def search(self, release: str = "rel-1", run: int | None = None) -> DeploymentSearch:
        names = ("production", "prod")
        return DeploymentSearch(
            repository=REPO, environments=names, release=release, since=START, run=run
        )


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    made = await Kit().start()
    yield made
    await made.host.close()
    await made.sim.stop()


def status(state: str, *, auto_inactive: bool = False) -> DeploymentStatus:
    return DeploymentStatus.model_validate(
        {"state": state, "description": "y" * 200, "link": "l", "auto_inactive": auto_inactive}
    )


async def test_a_deployment_is_made_without_merging_and_found_by_its_release(kit: Kit) -> None:
    assert await kit.host.find_deployment(kit.search()) is None
    number = await kit.host.create_deployment(kit.request())
    other = await kit.host.create_deployment(kit.request("rel-2"))
    body = json.loads(kit.sim.journal[-2].body)
    assert (body["auto_merge"], body["required_contexts"]) == (False, [])
    assert len(body["description"]) == 140
    found = await kit.host.find_deployment(kit.search("rel-2"))
    assert found is not None
    assert (found.id, found.ours) == (other, True)
    kit.sim.repository(REPO).deployments[number]["payload"] = '{"release_bot": "rel-1"}'
    as_text = await kit.host.find_deployment(kit.search())
    assert as_text is not None
    assert as_text.id == number


async def test_a_deployment_of_before_is_not_looked_at(kit: Kit) -> None:
    await kit.host.create_deployment(kit.request())
    later = kit.search().model_copy(update={"since": START + timedelta(minutes=5)})
    assert await kit.host.find_deployment(later) is None


async def test_the_job_of_this_very_run_is_adopted(kit: Kit) -> None:
    kit.sim.add_workflow(REPO, Workflow("deploy.yml", environment=True))
    inputs = {"environment": "Production"}
    runs = [await kit.host.dispatch(REPO, "deploy.yml", inputs) for _ in range(2)]
    await kit.clock.advance_to(START + timedelta(seconds=3))
    second = runs[1]
    assert second is not None
    found = await kit.host.find_deployment(kit.search(run=second.id))
    assert found is not None
    assert (found.id, found.ours) == (kit.sim.runs[1].deployment, False)
    assert await kit.host.find_deployment(kit.search(run=second.id * 10)) is None
    elsewhere = kit.search(run=second.id).model_copy(update={"environments": ("staging",)})
    assert await kit.host.find_deployment(elsewhere) is None


async def test_statuses_are_added_and_the_newest_is_read(kit: Kit) -> None:
    number = await kit.host.create_deployment(kit.request())
    assert await kit.host.shown_deployment(REPO, number) is None
    for state in ("in_progress", "success"):
        await kit.host.show_deployment(REPO, number, status(state))
    assert await kit.host.shown_deployment(REPO, number) == ("success", "y" * 140)
    sent = json.loads(kit.sim.journal[-2].body)
    assert sent["target_url"] == "l"
    assert "log_url" not in sent


async def test_older_ones_go_inactive_only_where_that_is_asked_for(kit: Kit) -> None:
    ids = []
    for release, alone in (("rel-1", False), ("rel-2", False), ("rel-3", True)):
        wanted = kit.request(release).model_copy(update={"environment": "staging"})
        ids.append(await kit.host.create_deployment(wanted))
        await kit.host.show_deployment(REPO, ids[-1], status("success", auto_inactive=alone))
        states = [await kit.host.shown_deployment(REPO, number) for number in ids]
        kinds = [state[0] for state in states if state]
        assert kinds == (["inactive", "inactive", "success"] if alone else ["success"] * len(ids))


async def test_a_commit_status_is_set_and_is_no_check_of_anything(kit: Kit) -> None:
    def status(context: str) -> CommitStatus:
        return CommitStatus(context=context, state="pending", description="d", link="l")

    await kit.host.show_commit(REPO, kit.commit, status("ci/jenkins"))
    for number in range(110):
        # A repository of many services fills more than a page of them.
        shown = status(f"release-bot/production/s{number}")
        await kit.host.show_commit(REPO, kit.commit, shown)
    checks = {c.name: c.conclusion for c in await kit.host.checks(REPO, kit.commit)}
    assert checks["ci/jenkins"] is None
    assert not any(name.startswith("release-bot/") for name in checks)
    with pytest.raises(PermanentError, match="No commit found"):
        await kit.host.show_commit(REPO, "f" * 40, shown)


@pytest.mark.parametrize("kind", ["status", "drop_before", "drop_after"])
async def test_writes_are_sent_once(kit: Kit, kind: str) -> None:
    kit.sim.fail(Fault(kind, method="POST"))  # type: ignore[arg-type]
    with pytest.raises(TemporaryError) as caught:
        await kit.host.create_deployment(kit.request())
    assert caught.value.unknown
    assert sum(1 for entry in kit.sim.journal if entry.method == "POST") == 1


async def test_a_right_that_is_missing_is_told_by_the_doctor_and_makes_nothing(kit: Kit) -> None:
    assert await kit.host.check_view(REPO) == []
    kit.sim.shown.denied |= {"deployments", "statuses"}
    found = await kit.host.check_view(REPO)
    assert [f.good for f in found] == [False, False]
    assert "Give the token or App Deployments: write" in (found[0].remedy or "")
    assert "Commit statuses: write" in (found[1].remedy or "")
    with pytest.raises(ForbiddenError):
        await kit.host.create_deployment(kit.request())
    kit.sim.shown.denied.clear()
    kit.sim.fail(Fault("status", path="deployments", times=None))
    unsure = await kit.host.check_view(REPO)
    assert "not known" in unsure[0].sentence
    assert not kit.sim.repository(REPO).deployments
    assert not kit.sim.repository(REPO).statuses


async def test_all_runs_of_a_repository_in_one_request(kit: Kit) -> None:
    for file in ("deploy.yml", "smoke.yml"):
        kit.sim.add_workflow(REPO, Workflow(file))
        await kit.host.dispatch(REPO, file, {"release_id": "rel-7"})
    before = len(kit.sim.journal)
    runs = await kit.host.runs(REPO, START)
    assert len(kit.sim.journal) == before + 1
    assert [run.workflow for run in runs] == ["smoke.yml", "deploy.yml"]
    assert all("rel-7" in run.title for run in runs)
    assert await kit.host.runs(REPO, START + timedelta(hours=1)) == ()


async def test_requests_are_counted_by_kind_and_the_budget_is_known(kit: Kit) -> None:
    assert kit.host.budget() is None
    await kit.host.create_deployment(kit.request())
    await kit.host.tag(REPO, "v1.0.0")
    kit.sim.budget["remaining"] = 17
    await kit.host.runs(REPO, START)
    assert kit.host.calls == {"write deployments": 1, "read tags": 1, "read runs": 1}
    budget = kit.host.budget()
    assert budget is not None
    assert (budget.limit, budget.remaining) == (5000, 17)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/repos/o/r", "repositories"),
        ("/repos/o/r/git/ref/tags/deployments/1", "tags"),
        ("/repos/o/r/commits/abc/check-runs", "checks"),
        ("/repos/o/r/commits/abc/status", "checks"),
        ("/repos/o/r/compare/a...b", "compare"),
        ("/repos/o/r/code-scanning/alerts", "code-scanning"),
        ("/repos/o/r/actions/workflows/runs/dispatches", "dispatches"),
        ("/repos/o/r/actions/runs/1", "runs"),
        ("/repos/o/r/actions/runs/1/artifacts", "artifacts"),
        ("/repos/o/r/deployments/1/statuses", "deployments"),
        ("/repos/o/r/statuses/abc", "statuses"),
    ],
)
def test_kinds_hold_no_names(path: str, kind: str) -> None:
    assert kind_of(path) == kind


ABOUT = {"repository": {"full_name": "o/r"}}


@pytest.mark.parametrize(
    ("event", "payload", "told"),
    [
        ("workflow_run", {"workflow_run": {"display_title": "x rel-7k3f"}},
         {"release_marker": "x rel-7k3f"}),
        ("workflow_run", {"workflow_run": {"display_title": None}}, {"release_marker": ""}),
        ("check_suite", {"action": "completed", "check_suite": {"head_sha": "abc"}},
         {"commit": "abc"}),
        ("create", {"ref": "v1", "ref_type": "tag"}, {"tag": "v1"}),
        ("push", {"ref": "refs/tags/payments/v1", "deleted": True}, {"tag": "payments/v1"}),
    ],
)  # fmt: skip
def test_what_a_webhook_tells(event: str, payload: dict[str, object], told: dict[str, str]) -> None:
    assert parsed(event, {**payload, **ABOUT}) == {"repository": "o/r", **told}


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("check_suite", {"action": "requested", "check_suite": {"head_sha": "abc"}, **ABOUT}),
        ("check_suite", {"action": "completed", "check_suite": {"head_sha": 1}, **ABOUT}),
        ("create", {"ref": "main", "ref_type": "branch", **ABOUT}),
        ("push", {"ref": "refs/heads/refs/tags/v1", **ABOUT}),
        ("push", {"ref": ["refs/tags/v1"], **ABOUT}),
        ("push", {"ref": "refs/tags/v1"}),
        ("push", {"ref": "refs/tags/v1", "repository": "o/r"}),
        ("workflow_run", {"workflow_run": "x", **ABOUT}),
        ("status", {"sha": "abc", **ABOUT}),
        ("push", ["refs/tags/v1"]),
    ],
)
def test_what_is_no_hint_is_ignored(event: str, payload: object) -> None:
    assert parsed(event, payload) is None
