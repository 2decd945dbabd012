"""In place: the new version replaces the old one where it serves; `rolling` and `workflow`."""

from datetime import timedelta

import pytest

from bot.domain.releases import Release
from integrations.simulated.github import Workflow
from integrations.simulated.github.world import Run
from integrations.simulated.kubernetes import Behaviour, seeding
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.tester import ANA, BEN, CATALOG, CHANNEL, DAN, REPO, Bot, World

IN_PLACE = (
    CATALOG
    + """
  billing:
    image: "quantivista/billing:{version}"
    deploy: {kubernetes: set-image}
    smoke:
    kubernetes: {deployment: "{service}"}
    strategy: {kind: rolling, watch: 1m}
  rates:
    image: "quantivista/rates:{version}"
    smoke:
    deploy: {workflow: rates.yml}
    strategy: {kind: workflow, watch: 1m}
  clearing:
    image: "quantivista/clearing:{version}"
    smoke:
    kubernetes: {deployment: "{service}"}
    strategy: {kind: workflow, watch: 1m}
"""
)


def seeded(world: World) -> None:
    """Two services with one Deployment each, and one that is in no cluster."""
    cluster = world.kubernetes.cluster
    for service in ("billing", "clearing"):
        for namespace, tag in (("staging", "v2.1.0"), ("production", "v2.0.5")):
            seeding.seed_one(cluster, namespace, service, f"quantivista/{service}:{tag}")

    def deploys(run: object) -> None:
        inputs: dict[str, str] = run.inputs  # type: ignore[attr-defined]
        service = inputs["service"]
        cluster.deploy(inputs["environment"], service, f"quantivista/{service}:{inputs['version']}")

    world.github.add_workflow(REPO, Workflow("rates.yml", duration=20))
    world.github.add_workflow(REPO, Workflow("deploy.yml", duration=20, on_success=deploys))


async def begun(bot: Bot, words: str) -> str:
    await bot.says(words)
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    return release


@pytest.fixture
async def bot(given: Given, world: World) -> Bot:
    """A bot with those services; what runs in no cluster was recorded by a person."""
    seeded(world)
    made = await given(catalog=IN_PLACE)
    await made.says("/release rates v2.1.0 stage")
    await made.until("succeeded")
    await made.says("/release adopt rates v2.0.5 prod", by=BEN)
    await made.passes(timedelta(hours=1, minutes=1))
    return made


def pods(bot: Bot, service: str) -> str:
    return bot.image(service)


async def test_one_deployment_is_rolled_and_watched(bot: Bot) -> None:
    release = await begun(bot, "/release billing v2.1.0 prod")
    running = await bot.until(lambda r: r.state == "running" and r.progress.weight == 100)
    assert running.progress.moved
    assert "Watching 2.1.0 on Deployment billing: 3 of 3 pods ready" in bot.card(release)
    done = await bot.until("succeeded")
    assert pods(bot, "billing") == "quantivista/billing:v2.1.0"
    assert done.window_until is None
    thread = bot.thread(release)
    assert "✓ Started: 2.1.0 replaces 2.0.5 on Deployment billing." in thread
    assert "✓ 2.1.0 is on Deployment billing, 3 of 3 pods ready." in thread
    assert "Going back to 2.0.5 takes a release now" in bot.card(release)
    assert await bot.runs("billing") == "v2.1.0"
    assert bot.traffic_changes() == []


async def test_what_crashes_while_it_rolls_is_rolled_back(bot: Bot) -> None:
    bot.world.kubernetes.cluster.behaves("billing:v2.1.0", Behaviour("crashes"))
    release = await begun(bot, "/release billing v2.1.0 prod")
    done = await bot.until("rolled_back", release)
    assert done.reason == "pods_crash"
    assert done.locks
    assert pods(bot, "billing") == "quantivista/billing:v2.0.5"
    thread = bot.thread(release)
    assert "2.0.5 comes back in its place." in thread
    assert "✓ Deployment billing serves: 3 of 3 pods ready." in thread
    assert "2.0.5 serves on Deployment billing." in bot.card(release)


async def test_a_click_in_the_middle_brings_the_old_version_back(bot: Bot) -> None:
    release = await begun(bot, "/release billing v2.1.0 prod")
    await bot.until(lambda r: r.progress.moved)
    labels = [button.label for button in bot.card_message(release).buttons()]
    assert "Roll back" in labels
    assert "Cancel" not in labels
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)
    assert pods(bot, "billing") == "quantivista/billing:v2.0.5"


async def test_the_card_has_the_line_that_would_undo_it(bot: Bot) -> None:
    release = await begun(bot, "/release billing v2.1.0 prod")
    await bot.until(lambda r: r.progress.moved)
    await bot.world.slack.app.click(
        ANA, CHANNEL, bot.card_message(release).ts, "release:details", release
    )
    await bot.works()
    line = "kubectl --context main -n production set image deployment/billing"
    assert f"{line} billing=quantivista/billing:v2.0.5" in bot.told(ANA)
    await bot.until("succeeded")


async def test_after_the_end_a_rollback_is_a_release_of_what_ran(bot: Bot) -> None:
    await begun(bot, "/release billing v2.1.0 prod")
    await bot.until("succeeded")
    await bot.clicks("Roll back", by=DAN)
    back = await bot.until("succeeded")
    assert (back.kind, back.version) == ("rollback", "v2.0.5")
    assert pods(bot, "billing") == "quantivista/billing:v2.0.5"


async def test_a_service_with_slots_may_be_rolled_where_it_serves(bot: Bot) -> None:
    def deploys(run: object) -> None:
        inputs: dict[str, str] = run.inputs  # type: ignore[attr-defined]
        image = f"quantivista/payments:{inputs['version']}"
        name = f"payments-{inputs['slot']}"
        bot.world.kubernetes.cluster.deploy(inputs["environment"], name, image)

    bot.world.github.add_workflow(REPO, Workflow("deploy.yml", duration=5, on_success=deploys))
    release = await begun(bot, "/release payments v2.1.0 prod --strategy rolling")
    await bot.until("succeeded", release)
    assert bot.live("payments") == "blue"
    assert bot.image("payments-blue") == "quantivista/payments:v2.1.0"
    assert bot.image("payments-green") == "quantivista/payments:v1.9.0"


async def test_somebody_elses_image_is_shown_and_not_overwritten(bot: Bot) -> None:
    release = await begun(bot, "/release billing v2.1.0 prod")
    await bot.until(lambda r: r.progress.weight == 100)
    bot.world.kubernetes.cluster.deploy("production", "billing", "somebody/else:1")
    held = await bot.until("paused", release)
    assert held.reason == "held"
    assert "Deployment billing runs somebody/else:1" in bot.card(release)
    assert pods(bot, "billing") == "somebody/else:1"


# All by a workflow.


def runs_of(bot: Bot, workflow: str) -> list[Run]:
    """What was started for production."""
    own = [run for run in bot.world.github.runs if run.workflow == workflow]
    return [run for run in own if run.inputs["environment"] == "production"]


def asked(bot: Bot) -> list[tuple[str, str]]:
    return [(r.inputs["release_id"], r.inputs["version"]) for r in runs_of(bot, "rates.yml")]


async def test_a_workflow_serves_what_is_in_no_cluster(bot: Bot) -> None:
    release = await begun(bot, "/release rates v2.1.0 prod")
    gates = {gate.gate: gate.sentence for gate in (await bot.release(release)).gates}
    assert gates["cluster"] == "no Deployment here: rates.yml does everything"
    await bot.until("succeeded", release)
    assert asked(bot) == [(release, "v2.1.0")]
    assert "✓ Started: rates.yml brings 2.1.0." in bot.thread(release)
    assert await bot.runs("rates") == "v2.1.0"


async def test_a_run_that_fails_is_answered_by_one_with_what_ran_before(bot: Bot) -> None:
    workflow = bot.world.github.repository(REPO).workflows["rates.yml"]
    workflow.conclusion = "failure"
    release = await begun(bot, "/release rates v2.1.0 prod")
    await bot.until("rolling_back", release)
    workflow.conclusion = "success"
    done = await bot.until("rolled_back", release)
    assert done.reason == "workflow_failed"
    assert asked(bot) == [(release, "v2.1.0"), (f"{release}-back", "v2.0.5")]
    assert await bot.runs("rates") == "v2.0.5"


async def test_a_click_stops_the_run_and_starts_the_one_back(bot: Bot) -> None:
    release = await begun(bot, "/release rates v2.1.0 prod")
    await bot.until(lambda r: r.progress.run_url is not None)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("rolled_back", release)
    first, second = runs_of(bot, "rates.yml")
    assert (first.conclusion, second.inputs["version"]) == ("cancelled", "v2.0.5")


async def test_a_run_back_that_fails_calls_for_a_person_with_the_line(bot: Bot) -> None:
    bot.world.github.repository(REPO).workflows["rates.yml"].conclusion = "failure"
    release = await begun(bot, "/release rates v2.1.0 prod")
    stuck = await bot.until(lambda r: r.needs_attention, release)
    assert stuck.state == "rolling_back"
    assert "gh workflow run rates.yml -R quantivista/platform" in bot.card(release)
    assert "-f version=v2.0.5" in bot.card(release)
    await bot.clicks("Repaired by hand", by=DAN)
    done = await bot.until("rolled_back", release)
    assert done.locks


async def test_what_the_workflow_says_is_believed_when_the_pods_say_it_too(bot: Bot) -> None:
    release = await begun(bot, "/release clearing v2.1.0 prod")
    await bot.until("succeeded", release)
    assert pods(bot, "clearing") == "quantivista/clearing:v2.1.0"


async def test_a_workflow_that_lies_is_sent_back(bot: Bot) -> None:
    workflow = bot.world.github.repository(REPO).workflows["deploy.yml"]
    does, workflow.on_success = workflow.on_success, None
    release = await begun(bot, "/release clearing v2.1.0 prod")
    await bot.until("rolling_back", release)
    workflow.on_success = does
    done = await bot.until("rolled_back", release)
    assert done.reason == "image_mismatch"
    assert pods(bot, "clearing") == "quantivista/clearing:v2.0.5"


async def test_a_dispatch_that_surely_had_no_effect_moved_nothing(bot: Bot) -> None:
    del bot.world.github.repository(REPO).workflows["rates.yml"]
    release = await begun(bot, "/release rates v2.1.0 prod")
    done = await bot.until("failed", release)
    assert done.reason == "workflow_missing"
    assert "before anything was replaced" in bot.card(release)
    assert asked(bot) == []


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
async def test_an_answer_that_is_lost_starts_one_run_all_the_same(bot: Bot, fault: str) -> None:
    lost = Fault(fault, method="POST", path=r"dispatches", times=1)  # type: ignore[arg-type]
    bot.world.github.faults.append(lost)
    release = await begun(bot, "/release rates v2.1.0 prod")
    await bot.until("succeeded", release)
    assert asked(bot) == [(release, "v2.1.0")]


async def test_the_order_gate_knows_what_is_in_no_cluster(given: Given, world: World) -> None:
    seeded(world)
    needing = IN_PLACE.replace("  billing:\n", '  billing:\n    depends_on: {rates: ">=2.1"}\n')
    bot = await given(catalog=needing)

    def is_blocked(release: Release) -> bool:
        return release.state == "blocked"

    await bot.says("/release adopt rates v2.0.5 prod", by=BEN)
    await bot.says("/release billing v2.1.0 prod")
    blocked = await bot.until(is_blocked)
    assert "rates" in str(blocked.detail)
    assert "2.0.5" in str(blocked.detail)
