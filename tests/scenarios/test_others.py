"""Other people's controllers: autoscalers, disruption budgets, Argo CD and Flux, in a release."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.simulated.kubernetes import autoscaling, budgets, seeding
from tests.scenarios.conftest import Given
from tests.scenarios.test_failures import approved
from tests.tester import BEN, CATALOG, Bot

SPACE, GREEN = "production", "payments-green"
HPA = f"HorizontalPodAutoscaler {GREEN}"
NAMES = 'kubernetes: {slot_service: "{service}-{slot}"'
OWNED = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop"}}}


def scale(bot: Bot, least: int, most: int, **more: Any) -> None:
    item = autoscaling.autoscaler(GREEN, least, most, **more)
    bot.world.kubernetes.cluster.create(autoscaling.KIND, SPACE, item)


def size(bot: Bot) -> int:
    return seeding.replicas(bot.world.kubernetes.cluster, SPACE, GREEN)


async def blocked(bot: Bot) -> str:
    await bot.says("/release payments v2.1.0 prod")
    return (await bot.until("blocked")).id


async def test_an_idle_slot_that_can_never_take_all_traffic_is_refused(bot: Bot) -> None:
    scale(bot, 1, 2)
    release = await blocked(bot)
    said = f"{HPA} lets green have 2 pods at the most, and blue takes the traffic with 3."
    assert said in bot.card(release)
    assert "Set its maxReplicas to 3 or more, then press Retry." in bot.card(release)
    gates = {gate.gate: gate for gate in (await bot.release(release)).gates}
    assert gates["cluster"].reason == "autoscaler_limit"
    bot.world.kubernetes.cluster.edit(
        autoscaling.KIND, SPACE, GREEN, {"spec": {"minReplicas": 3, "maxReplicas": 3}}
    )
    await bot.clicks("Retry")
    await bot.until("awaiting_approval", release)


async def test_what_an_autoscaler_takes_away_is_said_by_name_until_people_mend_it(
    bot: Bot,
) -> None:
    scale(bot, 1, 9, wants=1)
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    assert f"{HPA} may take green down to 1 before its traffic comes" in bot.card(release)
    await bot.clicks("Approve", by=BEN)
    watched = await bot.until(lambda r: "looking for a minute" in (r.progress.note or ""), release)
    assert watched.progress.note == (
        f"3 of 3 pods ready; looking for a minute whether {HPA} leaves them"
    )
    await bot.until(lambda r: "took green back" in (r.progress.note or ""), release)
    said = f"{HPA} took green back to 1 pod, and it needs 3: set its minReplicas to 3"
    assert said in bot.card(release)
    changes = [e for e in bot.world.kubernetes.cluster.effects if e.name == GREEN]
    # It is not a game that the bot plays: the size is not set again and again.
    await bot.passes(timedelta(minutes=5))
    later = [e for e in bot.world.kubernetes.cluster.effects if e.name == GREEN]
    assert len(later) == len(changes)
    assert bot.live("payments") == "blue"
    bot.world.kubernetes.cluster.edit(autoscaling.KIND, SPACE, GREEN, {"spec": {"minReplicas": 3}})
    await bot.until("succeeded", release)
    assert size(bot) == 3


async def test_at_the_deadline_the_autoscaler_is_named(bot: Bot) -> None:
    scale(bot, 1, 9, wants=1)
    done = await bot.until("failed", await approved(bot))
    assert done.reason == "deadline"
    assert f"{HPA} took green back to 1 pod, and it needs 3" in (done.detail or "")
    assert bot.traffic_changes() == []


async def test_an_autoscaler_that_leaves_the_pods_costs_a_minute(bot: Bot) -> None:
    scale(bot, 1, 9)
    release = await approved(bot)
    before = await bot.until(lambda r: "looking for" in (r.progress.note or ""), release)
    after = await bot.until(lambda r: r.progress.step > before.progress.step, release)
    assert before.progress.since is not None
    assert after.progress.since is not None
    held = after.progress.since - before.progress.since
    assert timedelta(minutes=1) <= held < timedelta(minutes=2)
    await bot.until("succeeded", release)


@pytest.mark.parametrize("least", [3, 5])
async def test_an_autoscaler_that_keeps_enough_costs_nothing(bot: Bot, least: int) -> None:
    scale(bot, least, 9)
    release = await approved(bot)
    await bot.until("succeeded", release)
    assert "looking for a minute" not in bot.thread(release)
    assert size(bot) == least


async def test_the_most_may_be_made_too_small_while_it_runs(bot: Bot) -> None:
    scale(bot, 3, 9)
    release = await approved(bot)
    await bot.until(lambda r: r.state == "running", release)
    bot.world.kubernetes.cluster.edit(
        autoscaling.KIND, SPACE, GREEN, {"spec": {"minReplicas": 1, "maxReplicas": 2}}
    )
    await bot.until(lambda r: "at the most" in (r.progress.note or ""), release)
    assert f"{HPA} lets green have 2 pods at the most, and it needs 3" in bot.card(release)


async def test_a_budget_is_told_and_stops_nothing(bot: Bot) -> None:
    item = budgets.budget("payments", {"app": "payments", "slot": "blue"}, minAvailable=3)
    bot.world.kubernetes.cluster.create(budgets.KIND, SPACE, item)
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    assert "PodDisruptionBudget payments wants all 3 pods healthy" in bot.card(release)
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)


async def test_what_argo_cd_owns_waits_for_the_teams_word(given: Given) -> None:
    bot = await given()
    bot.world.kubernetes.cluster.edit("deployments", SPACE, GREEN, OWNED)
    release = await blocked(bot)
    card = bot.card(release)
    assert f"Argo CD owns Deployment {GREEN}. It would undo what a release sets: image," in card
    assert "RespectIgnoreDifferences=true" in card
    assert "shared_with: [argocd]" in card
    assert bot.world.kubernetes.cluster.effects[-1].by_hand


async def test_what_is_shared_is_released(given: Given) -> None:
    shared = CATALOG.replace(NAMES, NAMES.replace("{slot", "{shared_with: [argocd], slot", 1))
    assert shared != CATALOG
    bot = await given(catalog=shared)
    bot.world.kubernetes.cluster.edit("deployments", SPACE, GREEN, OWNED)
    await bot.until("succeeded", await approved(bot))


async def test_what_says_itself_that_flux_leaves_it_is_released(bot: Bot) -> None:
    marks = {
        "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"},
        "annotations": {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"},
    }
    bot.world.kubernetes.cluster.edit("deployments", SPACE, GREEN, {"metadata": marks})
    await bot.until("succeeded", await approved(bot))
