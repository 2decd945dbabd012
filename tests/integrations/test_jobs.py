"""Jobs from CronJobs: what is sent, what is there already, how they end, what the doctor says."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.domain.targets import Target, target_of
from bot.errors import ConflictError, ForbiddenError, MissingError, TemporaryError
from bot.ports_smoke import Job
from integrations.catalog_file import parse_catalog
from integrations.kubernetes import KubernetesCluster
from integrations.simulated.kubernetes import SimulatedKubernetes, jobs, seeding
from integrations.simulated.server import Fault
from tests.patience import PATIENT
from tests.tester import CATALOG
from tests.virtual import VirtualClock

SPACE, CRONJOB, NAME, RELEASE = "production", "payments-smoke", "rel-7k3f-smoke-3", "rel-7k3f"
BY_CRONJOB = CATALOG.replace(
    "smoke: {workflow: smoke.yml}", "smoke: {cronjob: '{service}-smoke'}\n    timeout: 5m"
)
"""The shared catalogue, whose services are tested by a Job."""


@dataclass
class Kit:
    target: Target
    clock: VirtualClock
    sim: SimulatedKubernetes
    cluster: KubernetesCluster

    async def start(self, release: str = RELEASE) -> Job:
        source = await self.cluster.jobs.cronjob(self.target, CRONJOB)
        return await self.cluster.jobs.start_job(self.target, source, NAME, release)

    async def job(self) -> Job:
        found = await self.cluster.jobs.job(self.target, NAME)
        assert found is not None
        return found

    @property
    def stored(self) -> list[dict[str, Any]]:
        return list(self.sim.cluster.objects.list(jobs.JOBS, SPACE))

    async def wrong(self) -> list[str]:
        found = (await self.cluster.check([self.target])).findings
        assert all(f.remedy for f in found if not f.good)
        return [f.sentence for f in found if not f.good]


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    clock = VirtualClock()
    sim = SimulatedKubernetes(clock.now, clock.sleep)
    await sim.start()
    target = target_of(parse_catalog(BY_CRONJOB).catalog, "payments", SPACE)
    seeding.seed_blue_green(sim.cluster, SPACE, "payments", "quantivista/payments:1")
    sim.cluster.create(jobs.CRONJOBS, SPACE, jobs.cronjob(CRONJOB))
    config = str(sim.kubeconfig(tmp_path / "kubeconfig", ["main"]))
    cluster = KubernetesCluster(config, clock, seconds=PATIENT)
    yield Kit(target, clock, sim, cluster)
    await cluster.close()
    await sim.stop()


async def test_the_template_is_sent_as_it_is_with_a_name_an_owner_and_a_mark(kit: Kit) -> None:
    template = kit.sim.cluster.objects.get(jobs.CRONJOBS, SPACE, CRONJOB)["spec"]["jobTemplate"]
    uid = kit.sim.cluster.objects.get(jobs.CRONJOBS, SPACE, CRONJOB)["metadata"]["uid"]
    made = await kit.start()
    [stored] = kit.stored
    assert stored["spec"] == template["spec"]
    mark = {"release-bot/release": RELEASE}
    assert stored["metadata"]["labels"] == {"team": "trading", **mark}
    by_hand = {"cronjob.kubernetes.io/instantiate": "manual"}
    assert stored["metadata"]["annotations"] == {"about": "smoke", **by_hand, **mark}
    # As kubectl does, without blockOwnerDeletion.
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": CRONJOB, "uid": uid}
    assert stored["metadata"]["ownerReferences"] == [owner | {"controller": True}]
    assert made == await kit.job()
    assert (made.name, made.phase, made.owner, made.release) == (NAME, "running", uid, RELEASE)


async def test_a_job_that_is_there_comes_back_whoever_made_it(kit: Kit) -> None:
    first = await kit.start()
    assert await kit.start() == first
    assert (await kit.start("rel-other")).release == RELEASE
    assert len(kit.stored) == 1


async def test_an_answer_that_is_lost_is_unknown(kit: Kit) -> None:
    kit.sim.fail(Fault("drop_after", path="/jobs$", method="POST"))
    with pytest.raises(TemporaryError) as caught:
        await kit.start()
    assert caught.value.unknown
    assert (await kit.start()).release == RELEASE
    assert len(kit.stored) == 1


async def test_a_conflict_with_nothing_there_stays_one(kit: Kit) -> None:
    kit.sim.fail(Fault("status", path="/jobs$", method="POST", status=409))
    with pytest.raises(ConflictError):
        await kit.start()


@pytest.mark.parametrize(
    ("ends", "phase", "reason"),
    [
        ("succeeds", "complete", None),
        ("fails", "failed", "DeadlineExceeded"),
        ("hangs", "running", None),
    ],
)
async def test_how_a_job_ends(kit: Kit, ends: Any, phase: str, reason: str | None) -> None:
    kit.sim.jobs.ends, kit.sim.jobs.reason = ends, "DeadlineExceeded"
    await kit.start()
    assert (await kit.job()).phase == "running"
    kit.clock.moment = kit.clock.moment.replace(minute=kit.clock.moment.minute + 1)
    found = await kit.job()
    assert (found.phase, found.reason) == (phase, reason)


async def test_what_is_not_there(kit: Kit) -> None:
    assert await kit.cluster.jobs.job(kit.target, "none") is None
    with pytest.raises(MissingError, match="there is no CronJob none in production"):
        await kit.cluster.jobs.cronjob(kit.target, "none")


async def test_the_job_that_was_seen_is_deleted_with_its_pods_and_no_other(kit: Kit) -> None:
    seen = await kit.start()
    with pytest.raises(ConflictError):
        await kit.cluster.jobs.delete_job(kit.target, seen.model_copy(update={"uid": "another"}))
    assert len(kit.stored) == 1
    await kit.cluster.jobs.delete_job(kit.target, seen)
    assert kit.stored == []
    wanted = {"propagationPolicy": "Background", "preconditions": {"uid": seen.uid}}
    assert kit.sim.jobs.deleted == [wanted]
    with pytest.raises(MissingError):
        await kit.cluster.jobs.delete_job(kit.target, seen)


async def test_a_right_that_is_missing_names_its_file(kit: Kit) -> None:
    kit.sim.cluster.deny("create", "jobs")
    with pytest.raises(ForbiddenError, match=r"apply deploy/kubernetes/rbac-smoke\.yaml"):
        await kit.start()
    kit.sim.cluster.deny("get", "cronjobs")
    fact = await kit.cluster.look(kit.target)
    assert (fact.forbidden, fact.missing) == (("get cronjobs", "create jobs"), ())


async def test_a_cronjob_that_is_missing_is_seen_before_anything_begins(kit: Kit) -> None:
    assert (await kit.cluster.look(kit.target)).missing == ()
    kit.sim.cluster.delete(jobs.CRONJOBS, SPACE, CRONJOB)
    assert (await kit.cluster.look(kit.target)).missing == (f"CronJob {CRONJOB}",)


async def test_the_doctor_counts_the_rights_where_a_cronjob_is_used(kit: Kit) -> None:
    found = (await kit.cluster.check([kit.target])).findings
    assert [f.sentence for f in found] == [
        "All 17 rights are there.",
        "1 of 1 services have all of their objects.",
    ]
    by_workflow = target_of(parse_catalog(CATALOG).catalog, "payments", SPACE)
    found = (await kit.cluster.check([by_workflow])).findings
    assert found[0].sentence == "All 13 rights are there."


async def test_the_doctor_looks_at_the_cronjob(kit: Kit) -> None:
    world = kit.sim.cluster
    spec = {"suspend": False, "failedJobsHistoryLimit": 0}
    world.edit(jobs.CRONJOBS, SPACE, CRONJOB, {"spec": spec})
    flux = {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}
    world.edit(jobs.CRONJOBS, SPACE, CRONJOB, {"metadata": flux})
    assert await kit.wrong() == [
        f"CronJob {CRONJOB} is not suspended, so its schedule starts it too.",
        f"CronJob {CRONJOB}: failedJobsHistoryLimit is 0, so nobody sees how a Job ended.",
    ]
    world.delete(jobs.CRONJOBS, SPACE, CRONJOB)
    assert await kit.wrong() == [f"There is no CronJob {CRONJOB}."]
    world.delete("services", SPACE, "payments-preview")
    assert "There is no Service payments-preview." in await kit.wrong()


async def test_the_doctor_reads_it_by_its_name_as_the_role_allows(kit: Kit) -> None:
    kit.sim.cluster.deny("list", "cronjobs")
    assert await kit.wrong() == []
    kit.sim.cluster.denied |= {("get", "cronjobs"), ("delete", "jobs")}
    assert await kit.wrong() == [
        f"The bot may not get cronjobs in {SPACE}.",
        f"The bot may not delete jobs in {SPACE}.",
        "CronJobs: not known, the bot may not read them.",
    ]
    found = (await kit.cluster.check([kit.target])).findings
    remedies = {f.remedy for f in found if not f.good}
    apply = f"kubectl --context main -n {SPACE} apply -f deploy/kubernetes"
    assert remedies == {f"{apply}/rbac-smoke.yaml"}
