"""What /metrics says of a whole conversation: endings, gates, steps, calls, takeovers, lags."""

import re
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from bot.store import leases
from bot.store.session import note_ending
from integrations.simulated.kubernetes import Behaviour
from integrations.simulated.server import Fault
from integrations.simulated.sink import SimulatedSink
from tests.scenarios.telling import Make, approved
from tests.tester import BEN, DAN, QUICK, Bot

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
MOST_SERIES = 1500
"""Lines of one process: what Prometheus has to keep, for a whole conversation and more."""


async def read(bot: Bot) -> dict[str, float]:
    """What Prometheus would get: values by name and labels."""
    await bot.app.health._read()
    async with aiohttp.ClientSession() as session, session.get(f"{bot.app.url}/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    found = SAMPLE.findall(text)
    return {f"{name}{{{labels}}}" if labels else name: float(v) for name, labels, v in found}


async def test_a_release_and_its_rollback_are_counted_and_timed(bot: Bot) -> None:
    await approved(bot)
    await bot.until("succeeded")
    await bot.clicks("Roll back", by=DAN)
    await bot.until("succeeded")
    seen = await read(bot)
    done = 'release_bot_endings_total{environment="production",outcome="succeeded",reason="done"}'
    assert seen[done] == 2
    for gate in ("version", "order", "checks", "scans", "cluster"):
        assert seen[f'release_bot_gates_total{{gate="{gate}",status="passed"}}'] >= 1
    assert seen['release_bot_step_seconds_count{kind="dispatch"}'] == 1
    assert seen['release_bot_step_seconds_sum{kind="dispatch"}'] >= 31
    assert seen['release_bot_step_seconds_count{kind="shift"}'] == 2
    assert seen["release_bot_tick_lag_seconds_count"] > 5
    assert seen["release_bot_takeovers_total"] == 0
    calls = "release_bot_calls_total"
    assert seen[f'{calls}{{kind="chat.postMessage",result="ok",system="slack"}}'] > 3
    assert seen[f'{calls}{{kind="write dispatches",result="ok",system="github"}}'] == 2
    patched = seen[f'{calls}{{kind="patch services",result="ok",system="kubernetes"}}']
    assert patched == len([e for e in bot.world.kubernetes.cluster.effects if e.kind == "services"])
    timed = seen['release_bot_call_seconds_count{kind="write dispatches",system="github"}']
    assert timed == 2
    assert seen["release_bot_github_budget"] == 4999
    assert len(seen) < MOST_SERIES
    # No label names a release, a person or an object.
    assert not [key for key in seen if "rel-" in key or "U0" in key or "payments" in key]


async def test_what_was_refused_failed_and_blocked(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Reject", by=BEN)
    await bot.until("rejected")
    bot.world.kubernetes.cluster.behaves("v2.1.0", Behaviour("crashes"))
    await approved(bot)
    await bot.until("failed")
    bot.world.kubernetes.fail(Fault("status", times=None))
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("blocked")
    seen = await read(bot)
    ended = 'release_bot_endings_total{environment="production",outcome="'
    assert seen[f'{ended}rejected",reason="rejected_by_person"}}'] == 1
    assert seen[f'{ended}failed",reason="pods_crash"}}'] == 1
    assert seen['release_bot_gates_total{gate="cluster",status="failed"}'] >= 1
    assert seen['release_bot_releases{state="blocked"}'] == 1
    temporary = [key for key in seen if 'result="temporary",system="kubernetes"' in key]
    assert sum(seen[key] for key in temporary) > 0


async def test_the_ages_of_what_waits(make: Make, sink: SimulatedSink) -> None:
    bot = await make({"platform": sink})
    sink.fail(Fault("status", status=500, times=None))
    await approved(bot)
    bot.world.slack.fail(Fault("status", path="chat", times=None))
    await bot.until(lambda release: release.ended)
    started = (await bot.release()).started_at
    seen = await read(bot)
    assert started
    since = (bot.world.clock.now() - started) / timedelta(seconds=1)
    assert seen["release_bot_events_age_seconds"] == pytest.approx(since, abs=0.1)
    assert seen["release_bot_outbox_age_seconds"] > 10
    assert seen["release_bot_cards_unsent"] == 1
    assert seen["release_bot_events_dead"] == 0
    sink.heal()
    bot.world.slack.heal()


async def test_what_was_given_up_shows_until_it_is_sent_again(
    make: Make, sink: SimulatedSink
) -> None:
    bot = await make({"platform": sink}, limits=replace(QUICK, event_refusals=1))
    sink.fail(Fault("status", status=410, times=1))
    await approved(bot)
    await bot.until("succeeded")
    assert (await read(bot))["release_bot_events_dead"] == 1


async def test_what_is_not_stored_is_not_counted(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = await bot.until("awaiting_approval")

    async def breaks_off() -> None:
        async with bot.app.store.write() as session:
            note_ending(session, release)
            raise LookupError

    with pytest.raises(LookupError):
        await breaks_off()
    seen = await read(bot)
    assert not [key for key in seen if key.startswith("release_bot_endings_total{")]


async def test_a_lease_that_its_holder_left_is_a_takeover(bot: Bot) -> None:
    await approved(bot)
    release = await bot.until("running")
    place = (release.service, release.environment)
    real = bot.world.clock.real() - timedelta(minutes=1)
    async with bot.app.store.write() as session:
        dead = await leases.claim(session, release.id, place, "another:1", real)
        assert dead is not None
        assert dead.taken_from is None
        # It still runs for that moment: nobody else gets it, unless by force.
        assert await leases.claim(session, release.id, place, "third", real) is None
        taken = await leases.claim(session, release.id, place, "third", real, force=True)
        assert taken is not None
        assert (taken.taken_from, taken.fence) == ("another:1", dead.fence + 1)
    await bot.until("succeeded")
    assert (await read(bot))["release_bot_takeovers_total"] == 1
