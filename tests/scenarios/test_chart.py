"""A chart in the thread where metrics decide: once, after the traffic, and never in its way."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.domain.reasons import Reason
from bot.domain.releases import Release
from integrations.simulated.server import Fault
from integrations.simulated.slack import Message
from tests.scenarios.conftest import Given
from tests.scenarios.test_analysis import CATALOGUE, GUARDED, PLACE, POLICY, approved
from tests.tester import CHANNEL, Bot

STRICT = POLICY.replace("high: 0}", "high: 0}, analysis: {guard: rollback}")
COMPLETE = "files.completeUploadExternal"


def charts(bot: Bot) -> list[Message]:
    """What the channel has of pictures, oldest first."""
    messages = bot.world.slack.space.channels[CHANNEL].messages.values()
    return [message for message in messages if message.files]


def uploads(bot: Bot) -> int:
    return sum("/upload/v1/" in entry.path for entry in bot.world.slack.journal)


async def goes_bad(bot: Bot) -> Release:
    """Let the new version fail until the traffic is back and all is said."""
    await approved(bot)
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.05)
    release = await bot.until("rolled_back")
    await bot.passes(timedelta(seconds=40))
    return release


async def test_an_unhealthy_release_has_one_chart_after_the_traffic_is_back(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    release = await goes_bad(bot)
    [message] = charts(bot)
    [file] = message.files
    assert file.name == f"{release.id}-errors-1.png"
    assert file.content.startswith(b"\x89PNG")
    assert message.text.startswith("Errors over ")
    assert "Green 2.1.0: " in message.text
    assert "The objective allows 1 %." in file.alt
    thread = bot.thread()
    assert thread.count("[chart: ") == 1
    assert 0 < thread.index("Traffic is back on blue") < thread.index(f"[chart: {file.name}]")
    assert bot.world.slack.uploads.waiting == {}
    # The very counts that the judge had, and nothing that came later.
    evidence = release.progress.analysis.evidence["errors"]
    course = release.progress.analysis.courses["errors"]
    assert sum(point.n_c for point in course) == pytest.approx(evidence.n_c)
    assert f"{evidence.n_c:,.0f} requests failed" in message.text
    assert [move.weight for move in release.progress.moves] == [10]


async def test_without_the_scope_the_thread_has_words_and_the_log_a_line(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    bot.world.slack.scopes.discard("files:write")
    with capture_logs() as logged:
        release = await goes_bad(bot)
    assert release.reason is Reason.METRICS_UNHEALTHY
    assert charts(bot) == []
    assert bot.thread().count("Errors over ") == 1
    [line] = [row for row in logged if row["event"] == "chart_left_out"]
    assert "missing_scope" in line["why"]
    assert line["log_level"] == "warning"


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_lost_answer_shows_it_once(given: Given, kind: str) -> None:
    bot = await given(catalog=CATALOGUE)
    bot.world.slack.fail(Fault(kind, path=COMPLETE))  # type: ignore[arg-type]
    await goes_bad(bot)
    assert len(charts(bot)) == 1
    assert uploads(bot) == (2 if kind == "drop_before" else 1)


@pytest.mark.parametrize("kind", ["hang", "slow"])
async def test_a_crash_between_upload_and_end_shows_it_once(given: Given, kind: str) -> None:
    """`hang`: Slack did not hear of the end before the process was gone; `slow`: it did."""
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    slack = bot.world.slack
    slack.fail(Fault(kind, path=COMPLETE, seconds=0.2))  # type: ignore[arg-type]
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.05)
    working = asyncio.create_task(bot.until("rolled_back"))
    async with asyncio.timeout(120):
        while not uploads(bot):  # noqa: ASYNC110 - no bell
            await asyncio.sleep(0.005)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await bot.crashes_and_restarts()
    await asyncio.sleep(0.3)
    await bot.until("rolled_back")
    await bot.passes(timedelta(minutes=1))
    assert len(charts(bot)) == 1
    assert bot.thread().count("Errors over ") == 1


async def test_a_guard_has_its_course_with_its_limit(given: Given) -> None:
    bot = await given(catalog=GUARDED)
    await approved(bot)
    bot.world.prometheus.streams.fails(*PLACE, share=0.2)
    release = await bot.until("paused")
    assert release.reason is Reason.GUARD_BROKEN
    [message] = charts(bot)
    assert message.files[0].name == f"{release.id}-failing-1.png"
    assert message.text.startswith("Failing over ")
    assert message.text.endswith("Its limit: not above 0.1.")


async def test_with_prometheus_away_a_guard_is_not_drawn_and_nothing_waits(given: Given) -> None:
    bot = await given(catalog=GUARDED.replace(POLICY, STRICT))
    await approved(bot)
    away = Fault("status", path="query_range", times=None, status=503)
    bot.world.prometheus.fail(away)
    bot.world.prometheus.streams.fails(*PLACE, share=0.2)
    with capture_logs() as logged:
        release = await bot.until("rolled_back")
        await bot.passes(timedelta(minutes=2))
    assert release.reason is Reason.GUARD_BROKEN
    assert charts(bot) == []
    assert "Failing over" not in bot.thread()
    assert [row["event"] for row in logged].count("chart_left_out") == 1
    bot.world.prometheus.heal()
    await bot.passes(timedelta(minutes=2))
    assert charts(bot) == []


async def test_whoever_is_asked_has_a_chart_for_each_question(given: Given) -> None:
    policy = POLICY.replace("high: 0}", "high: 0}, analysis: {undecided: ask}")
    bot = await given(catalog=CATALOGUE.replace(POLICY, policy))
    await approved(bot, rate=0.5)
    release = await bot.until("paused")
    assert release.reason is Reason.METRICS_UNDECIDED
    assert len(charts(bot)) == 1
    await bot.clicks("Resume")
    await bot.passes(timedelta(minutes=11))
    first, second = (message.files[0].name for message in charts(bot))
    assert first.endswith("-1.png")
    assert second.endswith("-2.png")


async def test_a_slot_without_traffic_is_shown_with_what_was_promised(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    await bot.passes(timedelta(minutes=1))
    bot.world.starved.add((*PLACE, "green"))
    release = await bot.until("paused")
    assert release.reason is Reason.NO_TRAFFIC
    [message] = charts(bot)
    assert message.files[0].name.endswith("-traffic-1.png")
    assert "green got 0 % of them at the last look; 10 % were promised." in message.text


async def test_a_way_back_that_is_stuck_does_not_keep_the_chart_from_people(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    await approved(bot)
    kubernetes = bot.world.kubernetes
    kubernetes.fail(Fault("status", path="httproutes", method="PATCH", times=None, status=503))
    bot.world.prometheus.streams.fails(*PLACE, version="v2.1.0", share=0.05)
    await bot.until("rolling_back")
    assert charts(bot) == []
    await bot.until(lambda release: release.needs_attention)
    await bot.passes(timedelta(seconds=5))
    assert len(charts(bot)) == 1
    kubernetes.heal()
    await bot.until("rolled_back")
    assert len(charts(bot)) == 1


async def test_a_slack_that_takes_no_files_gets_the_words_at_last(given: Given) -> None:
    bot = await given(catalog=CATALOGUE)
    bot.world.slack.fail(Fault("status", path="/upload/v1/", times=None, status=503))
    await goes_bad(bot)
    await bot.passes(timedelta(minutes=5))
    assert charts(bot) == []
    assert bot.thread().count("Errors over ") == 1
    assert uploads(bot) == 5
