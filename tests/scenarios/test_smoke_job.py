"""A smoke test before traffic, by a Job from the team's CronJob: one, whatever is lost."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.simulated.kubernetes import jobs
from integrations.simulated.server import Fault
from tests.integrations.test_jobs import BY_CRONJOB
from tests.scenarios.conftest import Given
from tests.tester import ANA, BEN, Bot, World

SPACE, CRONJOB = "production", "payments-smoke"


async def approved(bot: Bot) -> str:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    return release


@pytest.fixture
async def jobbed(given: Given, world: World) -> Bot:
    """A bot whose services are tested by a Job, on a world with their CronJobs."""
    for space in ("staging", SPACE):
        for service in ("payments", "orders"):
            world.kubernetes.cluster.create(jobs.CRONJOBS, space, jobs.cronjob(f"{service}-smoke"))
    return await given(catalog=BY_CRONJOB)


def made(bot: Bot) -> list[dict[str, Any]]:
    return list(bot.world.kubernetes.cluster.objects.list(jobs.JOBS, SPACE))


def started(bot: Bot) -> int:
    """Jobs that the cluster made, whatever the bot was told."""
    journal = bot.world.kubernetes.journal
    return sum(e.method == "POST" and e.path.endswith("/jobs") and e.status < 300 for e in journal)


async def test_a_job_that_passes(jobbed: Bot) -> None:
    done = await jobbed.until("succeeded", await approved(jobbed))
    [job] = made(jobbed)
    name = job["metadata"]["name"]
    assert name == f"{done.id}-smoke-{[s.kind for s in done.steps()].index('smoke')}"
    assert len(name) <= 63
    thread = jobbed.thread(done.id)
    assert f"✓ Job {name} was started from CronJob {CRONJOB}." in thread
    assert f"✓ Smoke: Job {name} passed. It left no test counts." in thread
    assert (done.progress.tests_run, done.progress.tests_passed) == (None, None)
    assert jobbed.world.github.dispatches[-1].workflow == "deploy.yml"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("BackoffLimitExceeded", "its pods failed as often as it lets them (BackoffLimitExceeded)"),
        ("DeadlineExceeded", "longer than its own activeDeadlineSeconds (DeadlineExceeded)"),
        ("OddReason", "failed: OddReason."),
    ],
)
async def test_a_job_that_fails_stops_it_before_traffic(
    jobbed: Bot, reason: str, said: str
) -> None:
    jobbed.world.kubernetes.jobs.ends = "fails"
    jobbed.world.kubernetes.jobs.reason = reason
    done = await jobbed.until("failed", await approved(jobbed))
    assert done.reason == "smoke_failed"
    assert said in jobbed.thread(done.id)
    assert jobbed.traffic_changes() == []
    # It has ended: the CronJob's own limits clean up, when somebody has read its log.
    assert len(made(jobbed)) == 1


async def test_a_job_that_hangs_meets_the_deadline_and_is_deleted(jobbed: Bot) -> None:
    jobbed.world.kubernetes.jobs.ends = "hangs"
    done = await jobbed.until("failed", await approved(jobbed))
    assert done.reason == "deadline"
    assert made(jobbed) == []
    [options] = jobbed.world.kubernetes.jobs.deleted
    assert options["propagationPolicy"] == "Background"


async def test_a_job_is_deleted_when_somebody_cancels(jobbed: Bot) -> None:
    jobbed.world.kubernetes.jobs.ends = "hangs"
    release = await approved(jobbed)
    await jobbed.until(lambda r: "Job" in (r.progress.note or ""), release)
    assert len(made(jobbed)) == 1
    jobbed.world.kubernetes.fail(Fault("status", path="/jobs/", method="DELETE"))
    await jobbed.clicks("Cancel", by=ANA)
    await jobbed.until("cancelled", release)
    assert made(jobbed) == []


async def test_a_job_that_may_not_be_deleted_holds_nothing_up(jobbed: Bot) -> None:
    jobbed.world.kubernetes.jobs.ends = "hangs"
    release = await approved(jobbed)
    await jobbed.until(lambda _: bool(made(jobbed)), release)
    jobbed.world.kubernetes.cluster.deny("delete", "jobs")
    await jobbed.clicks("Cancel", by=ANA)
    await jobbed.until("cancelled", release)
    assert len(made(jobbed)) == 1
    thread = jobbed.thread(release)
    assert thread.count("may still run, and could not be deleted") == 1
    assert "apply deploy/kubernetes/rbac-smoke.yaml" in thread


async def test_a_right_that_is_taken_away_meanwhile_is_named(jobbed: Bot) -> None:
    release = await approved(jobbed)
    jobbed.world.kubernetes.cluster.denied = {("create", "jobs"), ("get", "jobs")}
    await jobbed.until("failed", release)
    thread = jobbed.thread(release)
    assert "the bot may not post Job in production; apply deploy/kubernetes/rbac-smoke" in thread
    assert "could not be deleted" not in thread


@pytest.mark.parametrize("kind", ["status", "drop_before", "drop_after"])
async def test_a_start_whose_answer_is_lost_makes_one_job(jobbed: Bot, kind: Any) -> None:
    jobbed.world.kubernetes.fail(Fault(kind, path="/jobs$", method="POST"))
    await jobbed.until("succeeded", await approved(jobbed))
    assert len(made(jobbed)) == 1


async def test_a_crash_between_start_and_record_makes_one_job(jobbed: Bot) -> None:
    fault = jobbed.world.kubernetes.fail(Fault("drop_after", path="/jobs$", method="POST"))
    release = await approved(jobbed)
    await jobbed.until(lambda _: fault.times == 0, release)
    [job] = made(jobbed)
    await jobbed.crashes_and_restarts()
    await jobbed.until("succeeded", release)
    assert made(jobbed) == [job]
    # The one whose answer was lost, and none beside it.
    assert started(jobbed) == 1


async def test_the_cluster_away_in_the_middle_is_waited_for(jobbed: Bot) -> None:
    jobbed.world.kubernetes.jobs.seconds = 90
    release = await approved(jobbed)
    await jobbed.until(lambda _: bool(made(jobbed)), release)
    jobbed.world.kubernetes.fail(Fault("status", times=None))
    await jobbed.passes(timedelta(minutes=2))
    await jobbed.settles()
    assert "Kubernetes (main) answered 503; it goes on by itself." in jobbed.card(release)
    jobbed.world.kubernetes.heal()
    await jobbed.until("succeeded", release)
    assert started(jobbed) == 1


async def test_a_job_that_goes_away_tells_nobody_how_it_ended(jobbed: Bot) -> None:
    release = await approved(jobbed)
    await jobbed.until(lambda _: bool(made(jobbed)), release)
    cluster = jobbed.world.kubernetes.cluster
    cluster.delete(jobs.JOBS, SPACE, made(jobbed)[0]["metadata"]["name"])
    done = await jobbed.until("failed", release)
    assert done.reason == "object_missing"
    assert "is gone, so nobody knows how it ended" in jobbed.thread(release)
    assert started(jobbed) == 1


async def somebodys_job(bot: Bot, release: str, mark: str) -> str:
    steps = (await bot.release(release)).steps()
    name = f"{release}-smoke-{[step.kind for step in steps].index('smoke')}"
    annotations = {"release-bot/release": mark}
    item = {"metadata": {"name": name, "annotations": annotations}, "spec": {}}
    bot.world.kubernetes.cluster.create(jobs.JOBS, SPACE, item)
    return name


@pytest.mark.parametrize("mark", ["rel-else", "ours"])
async def test_somebodys_job_of_that_name_holds_it(jobbed: Bot, mark: str) -> None:
    """Whoever made it: it is not from the CronJob, even where it bears the release's mark."""
    release = await approved(jobbed)
    name = await somebodys_job(jobbed, release, release if mark == "ours" else mark)
    held = await jobbed.until("paused", release)
    assert held.reason == "held"
    assert f"There is a Job {name} already, and this release did not start it." in (
        jobbed.thread(release)
    )
    jobbed.world.kubernetes.cluster.delete(jobs.JOBS, SPACE, name)
    await jobbed.clicks("Resume", by=ANA)
    await jobbed.until("succeeded", release)
    assert started(jobbed) == 1


async def test_another_job_in_its_place_holds_it(jobbed: Bot) -> None:
    jobbed.world.kubernetes.jobs.ends = "hangs"
    release = await approved(jobbed)
    await jobbed.until(lambda _: bool(made(jobbed)), release)
    name = made(jobbed)[0]["metadata"]["name"]
    jobbed.world.kubernetes.cluster.delete(jobs.JOBS, SPACE, name)
    await somebodys_job(jobbed, release, "rel-else")
    await jobbed.until("paused", release)
    assert f"Job {name} is another one than this release started." in jobbed.thread(release)
    await jobbed.clicks("Cancel", by=ANA)
    await jobbed.until("cancelled", release)
    # It bears another release's mark, so it is left.
    assert len(made(jobbed)) == 1


async def test_a_cronjob_that_its_schedule_starts_too_is_refused(jobbed: Bot) -> None:
    cluster = jobbed.world.kubernetes.cluster
    cluster.edit(jobs.CRONJOBS, SPACE, CRONJOB, {"spec": {"suspend": False}})
    done = await jobbed.until("failed", await approved(jobbed))
    assert done.reason == "smoke_failed"
    assert f"CronJob {CRONJOB} is not suspended, so its schedule starts it too." in (
        jobbed.thread(done.id)
    )
    assert made(jobbed) == []


async def test_no_job_is_started_while_the_preview_leads_to_the_live_slot(jobbed: Bot) -> None:
    cluster = jobbed.world.kubernetes.cluster
    where = ("services", SPACE, "payments-preview")
    cluster.edit(*where, {"spec": {"selector": {"slot": "blue"}}})
    release = await approved(jobbed)
    held = await jobbed.until("paused", release)
    assert "Service payments-preview leads to blue, not to green" in (held.detail or "")
    assert made(jobbed) == []
    cluster.edit(*where, {"spec": {"selector": {"slot": "green"}}})
    await jobbed.clicks("Resume", by=ANA)
    await jobbed.until("succeeded", release)


async def test_a_cronjob_that_goes_away(jobbed: Bot) -> None:
    release = await approved(jobbed)
    jobbed.world.kubernetes.cluster.delete(jobs.CRONJOBS, SPACE, CRONJOB)
    done = await jobbed.until("failed", release)
    assert done.reason == "object_missing"
    assert f"There is no CronJob {CRONJOB}." in jobbed.thread(release)


async def test_what_is_missing_is_said_before_anything_begins(jobbed: Bot) -> None:
    cluster = jobbed.world.kubernetes.cluster
    cluster.deny("create", "jobs")
    await jobbed.says("/release payments v2.1.0 prod")
    blocked = await jobbed.until("blocked")
    assert blocked.reason == "cluster_forbidden"
    assert "The bot may not create jobs in production." in jobbed.card()
    assert "rbac.yaml and rbac-smoke.yaml there" in jobbed.card()
    cluster.denied.clear()
    cluster.delete(jobs.CRONJOBS, SPACE, CRONJOB)
    await jobbed.clicks("Retry", by=ANA)
    await jobbed.until(lambda r: r.reason == "cluster_not_ready")
    assert f"There is no CronJob {CRONJOB}." in jobbed.card()
