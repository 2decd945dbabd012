"""GitHub's own gate: answers that are lost or refused, and what the record says came of them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.audit import AuditTag
from integrations.simulated.server import Fault
from tests.scenarios.gated import SOON, asks, cases, entries, guarded, passes_by, posts
from tests.tester import BEN, Bot, World

RULE = "deployment_protection_rule"
LATER = timedelta(minutes=6)


@pytest.fixture
async def bot(world: World, database: str, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot that GitHub asks before a job may deploy to production."""
    guarded(world)
    made = await Bot(world, database, tmp_path).start()
    yield made
    await made.finish()


def refuses(bot: Bot, times: int | None = 1, status: int = 422) -> None:
    fault = Fault("status", path=RULE, method="POST", times=times, status=status)
    bot.world.github.fail(fault)


async def approved_by_ben(bot: Bot) -> None:
    await bot.until("awaiting_approval")
    await bot.passes(SOON)
    await bot.clicks("Approve", by=BEN, settle=False)


async def outcomes(bot: Bot) -> list[str | None]:
    found = await entries(bot, AuditTag.DEPLOYMENT_ANSWERED)
    assert [case.outcome for case in await cases(bot)] == [e.data["outcome"] for e in found]
    return [case.outcome for case in await cases(bot)]


async def test_a_yes_that_was_lost_on_its_way_back_is_said_once_and_is_no_bypass(bot: Bot) -> None:
    run = await asks(bot)
    bot.world.github.fail(Fault("drop_after", path=RULE, method="POST"))
    await approved_by_ben(bot)
    await bot.until("succeeded")
    await bot.passes(LATER)
    assert len(bot.world.github.gates.said("approved")) == 1
    assert run.conclusion == "success"
    assert await outcomes(bot) == ["unknown"], "GitHub has confirmed none"
    assert posts(bot) == []
    assert await entries(bot, AuditTag.CHANGE_SEEN) == []


@pytest.mark.parametrize("status", [404, 409, 422])
async def test_a_yes_that_is_refused_while_the_job_waits_is_said_again(
    bot: Bot, status: int
) -> None:
    run = await asks(bot)
    refuses(bot, 2, status)
    await approved_by_ben(bot)
    await bot.until("succeeded")
    assert await outcomes(bot) == ["approved"]
    assert run.conclusion == "success"


async def test_a_no_that_is_refused_while_the_job_waits_is_said_again(bot: Bot) -> None:
    refuses(bot, 2)
    run = await asks(bot, service="ledger")
    assert (run.status, (await cases(bot))[0].outcome) == ("waiting", None)
    await bot.passes(LATER)
    assert await outcomes(bot) == ["rejected"]
    assert run.conclusion == "failure"


async def test_a_refused_yes_that_an_admin_forces_is_a_bypass(bot: Bot) -> None:
    run = await asks(bot)
    refuses(bot, None)
    await approved_by_ben(bot)
    await bot.until(lambda r: r.progress.run_url is not None)
    await passes_by(bot, run)
    await bot.until("succeeded")
    await bot.passes(LATER)
    assert await outcomes(bot) == ["bypassed"]
    (change,) = await entries(bot, AuditTag.CHANGE_SEEN)
    assert change.data["bypassed"] is True
    assert bot.world.github.gates.said("approved") == []


@pytest.mark.parametrize("forced", [True, False])
async def test_a_no_that_github_did_not_take_is_never_recorded_as_given(
    bot: Bot, *, forced: bool
) -> None:
    refuses(bot, None)
    run = await asks(bot, actor="mallory")
    run.cancelling = not forced
    await passes_by(bot, run)
    await bot.passes(LATER)
    assert bot.world.github.gates.said("rejected") == []
    assert await outcomes(bot) == ["bypassed" if forced else "gone"]
    assert (await entries(bot, AuditTag.DEPLOYMENT_ANSWERED))[0].data["comment"] is None
