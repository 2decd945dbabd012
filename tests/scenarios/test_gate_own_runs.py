"""GitHub's own gate: which runs are a release's own, and which only look like it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.simulated.github.world import Run
from tests.scenarios.gated import SOON, asks, at_the_gate, guarded
from tests.scenarios.test_github_view import approved
from tests.tester import BEN, REPO, Bot, World

STAGING = "staging"
"""Where nobody has to approve."""


@pytest.fixture
async def bot(world: World, database: str, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot that GitHub asks before a job may deploy."""
    guarded(world)
    world.github.gates.protect(REPO, STAGING)
    world.github.seed_release(REPO, "v2.2.0")
    made = await Bot(world, database, tmp_path).start()
    yield made
    await made.finish()


async def test_where_nobody_approves_the_slot_that_serves_is_kept_all_the_same(bot: Bot) -> None:
    run = await asks(bot, version="v2.2.0", environment=STAGING, slot="blue")
    ended = await bot.until(lambda r: r.ended)
    await bot.passes(SOON)
    (said,) = bot.world.github.gates.said("rejected")
    assert said.startswith("It has to go to green, the idle slot, and the run's title names blue.")
    assert said.endswith("(slot_differs)")
    assert bot.world.github.gates.said("approved") == []
    assert (run.conclusion, ended.reason) == ("failure", "slot_differs")


async def test_a_run_of_a_release_that_is_started_anew_is_none_of_its_own(bot: Bot) -> None:
    release = await approved(bot)
    await bot.until(lambda r: r.progress.step > 0, release)
    run = next(run for run in bot.world.github.runs if run.workflow == "deploy.yml")
    await is_started_anew(bot, run)
    await bot.until("succeeded", release)
    (said,) = bot.world.github.gates.said("rejected")
    assert said.startswith(f"Run {run.id} of {release} is over")
    assert said.endswith("(run_ended)")
    assert len(bot.world.github.gates.said("approved")) == 1


@pytest.mark.parametrize(
    ("words", "branch"),
    [("(by-hand) {id}, please (mine)", None), ("({id})", "mine"), ("({id}-back)", None)],
)
async def test_a_run_that_only_names_the_release_is_not_adopted(
    bot: Bot, words: str, branch: str | None
) -> None:
    github = bot.world.github
    github.repository(REPO).workflows["deploy.yml"].run_details = False
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    inputs = {"release_id": "by-hand", "service": "payments", "environment": "production"}
    foreign = github.start_run(REPO, "deploy.yml", inputs, "mallory", branch)
    foreign.title = f"deploy {words.format(id=release)}"
    await bot.clicks("Approve", by=BEN)
    begun = await bot.until(lambda r: r.progress.run_url is not None, release)
    assert f"/{foreign.id}" not in (begun.progress.run_url or "")
    await bot.until("succeeded", release)


async def is_started_anew(bot: Bot, run: Run) -> None:
    """Somebody clicks *Re-run all jobs*."""
    bot.world.github.run_again(run, "mallory")
    await at_the_gate(bot, run)
    await bot.works()


async def test_a_title_on_a_tag_that_is_called_like_the_branch_is_not_believed(bot: Bot) -> None:
    github = bot.world.github
    tip = github.repository(REPO).order[-1]
    github.add_tag(REPO, "main", github.history.commit(REPO, message="Forge it", on=tip))
    await asks(bot, ref="refs/tags/main")
    assert github.gates.said("rejected")[0].endswith("(deployment_unclear)")
    assert await bot.all_releases() == []
