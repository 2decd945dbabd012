"""Health, metrics and faults over HTTP; the clocks; the scheduler."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from bot.engine.schedule import housekeeping, once
from bot.errors import TemporaryError
from integrations.clock import ServerClock, SystemClock
from integrations.http import build_http, listen
from integrations.scheduler import Scheduler
from tests.tester import Bot


class Health:
    """Answers as a test wants."""

    good = True

    def alive(self) -> bool:
        return self.good

    def ready(self) -> bool:
        return self.good

    def metrics(self) -> str:
        return "up 1\n"


async def _bug(_request: web.Request) -> web.Response:
    raise KeyError("secret inside")


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, Health]]:
    health = Health()
    runner, url = await listen(build_http(health, [web.get("/bug", _bug)]), "127.0.0.1", 0)
    yield url, health
    await runner.cleanup()


async def test_health_metrics_and_bugs(server: tuple[str, Health]) -> None:
    url, health = server
    async with aiohttp.ClientSession() as session:

        async def get(path: str) -> tuple[int, str]:
            async with session.get(url + path) as answer:
                return answer.status, await answer.text()

        assert (await get("/healthz"))[0] == 200
        assert await get("/metrics") == (200, "up 1\n")
        health.good = False
        assert (await get("/healthz"))[0] == (await get("/readyz"))[0] == 503
        status, text = await get("/bug")
        assert status == 500
        assert "err-" in text
        assert "secret inside" not in text
        assert (await get("/none"))[0] == 404
        assert (await get("/slack/events"))[0] == 404


async def test_the_running_bot_is_healthy_and_counts(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.app.health._read()
    text = bot.app.health.metrics()
    assert 'release_bot_releases{state="awaiting_approval"} 1.0' in text
    assert "release_bot_github_budget 4999.0" in text
    assert not bot.app.health.alive()


async def test_the_server_clock_follows_the_servers_time() -> None:
    ahead = timedelta(hours=3)
    answers = [datetime.now(UTC) + ahead]  # noqa: TID251 - another machine's clock

    async def read() -> datetime:
        if not answers:
            raise TemporaryError("away")
        return answers.pop()

    clock = ServerClock(read)
    await clock.refresh()
    await clock.refresh()
    off = clock.now() - SystemClock().now()
    assert abs(off - ahead) < timedelta(seconds=5)
    assert clock.real() >= clock.now() - timedelta(seconds=5)
    assert SystemClock().real().tzinfo is UTC


async def test_a_job_is_done_once_however_many_replicas(bot: Bot) -> None:
    done = []

    async def work() -> None:
        done.append(1)

    for _ in range(3):
        await once(bot.app.world, "job", work)
    assert done == [1]
    jobs = {name: run for name, _, run in housekeeping(bot.app.world)}
    assert set(jobs) == {"sweep", "report", "topics", "reviews", "calendars"}
    await jobs["sweep"]()


async def test_the_scheduler_starts_and_stops() -> None:
    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    scheduler = Scheduler()
    scheduler.start([("x", "* * * * *", run)])
    scheduler.stop()
    scheduler.stop()
    assert not ran.is_set()
