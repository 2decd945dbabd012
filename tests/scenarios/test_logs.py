"""What the log says of a conversation with bad luck in it: the release, and never a secret."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from bot import logs
from bot.app import Outside
from bot.domain.facts import ClusterFact
from bot.domain.targets import Target
from bot.engine.reconciler import AFTER_A_BUG
from bot.ports import Cluster, Invocation
from bot.settings import Settings
from bot.store.session import Store
from bot.store.tables import JOBS
from integrations.simulated.server import Fault
from integrations.simulated.sink import SimulatedSink
from tests.scenarios.telling import approved, with_sinks
from tests.tester import ANA, BEN, CHANNEL, REPO, Bot, World
from tests.virtual import START

SECRETS = {
    "slack_bot_token": "xoxb-botsecret-71",
    "slack_signing_secret": "signingsecret-72",
    "github_token": "ghp_githubsecret-73",
    "github_webhook_secret": "webhooksecret-74",
}
SINK_KEY, KUBE_TOKEN = "sinksecret-75", "kubesecret-76"
WORDS = "words-that-ana-typed-77"
BODIES = (WORDS, "inside-of-an-answer-78", "value-of-a-variable-79")


class Log:
    """What was logged, line by line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def lines(self, *events: str) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.text.splitlines()]
        return [row for row in rows if not events or row["event"] in events]


@pytest.fixture
def log() -> Log:
    """Log as a process does, as much as there is."""
    made = Log()
    logging.getLogger().handlers.clear()
    logs.set_up(Settings(log_level="DEBUG", log_format="json"), made.stream)
    return made


class Buggy:
    """A cluster whose adapter has a bug; the fault's own words hold what nobody may read."""

    def __init__(self, inner: Cluster) -> None:
        self._inner = inner
        self.broken = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def look(self, target: Target) -> ClusterFact:
        if self.broken:
            body = {"token": "value-of-a-variable-79"}
            raise KeyError(len(body))
        return await self._inner.look(target)


@pytest.fixture
async def buggy(
    log: Log, world: World, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Bot, list[Buggy]]]:
    """A bot with secrets that stand out, and nobody at the other end of its sink."""
    assert log.text == ""
    monkeypatch.setenv("PLATFORM_KEY", SINK_KEY)
    world.slack.token = SECRETS["slack_bot_token"]
    world.slack.app._secret = SECRETS["slack_signing_secret"]
    world.github.token, world.kubernetes.token = SECRETS["github_token"], KUBE_TOKEN
    made: list[Buggy] = []

    def wrap(outside: Outside) -> Outside:
        made.append(Buggy(outside.cluster))
        return replace(outside, cluster=made[-1])

    sink = SimulatedSink(world.clock.now, world.clock.sleep, key=SINK_KEY)
    await sink.start()
    catalog = with_sinks(platform=sink)
    await sink.stop()
    given: dict[str, object] = {name: SecretStr(value) for name, value in SECRETS.items()}
    bot = Bot(world, database, tmp_path, catalog=catalog, wrap=wrap, settings=given)
    await bot.start()
    world.github.hooks.secret = SECRETS["github_webhook_secret"]
    yield bot, made
    await bot.finish()


async def test_a_conversation_with_bad_luck(buggy: tuple[Bot, list[Buggy]], log: Log) -> None:
    bot, clusters = buggy
    await bot.says(f"/release payments v2.1.0 prod --reason '{WORDS}'")
    waiting = await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=ANA)
    await bot.says(f"/release {WORDS} v1 prod")
    await bot.says(f"@releasebot status {WORDS}", thread=bot.card_message().ts)
    # Forged, unreadable, refused and broken requests.
    body = json.dumps({"text": WORDS}).encode()
    await bot.world.slack.app.send(body, "application/json", secret="forged")
    await bot.world.slack.app.send(body, "application/json")
    bot.world.github.hooks.forge = True
    bot.world.github.push_tag(REPO, "v3.0.0", bot.world.github.add_commit(REPO, message=WORDS))
    await bot.passes(bot.limits.grace)
    bot.world.github.hooks.forge = False
    said = {"message": "inside-of-an-answer-78", "error": "inside-of-an-answer-78"}
    bot.world.slack.fail(Fault("status", path="chat", status=500, body=said, times=4))
    bot.world.github.fail(Fault("status", status=500, body=said, times=6))
    bot.world.kubernetes.fail(Fault("status", status=500, body=said, times=6))
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")
    clusters[-1].broken = True
    await bot.says("/release orders v2.1.0 prod")
    clusters[-1].broken = False
    broken = await bot.release()
    await bot.world.clock.advance_to(bot.world.clock.now() + AFTER_A_BUG)
    # The failed tick's lease runs out in real time, however fast the turns are.
    async with asyncio.timeout(60):
        while (await bot.release(broken.id)).state.value == "gathering":
            await bot.works()
            await asyncio.sleep(0.05)
    await bot.until("awaiting_approval", broken.id)
    _check(log, waiting.id, broken.id)


def _check(log: Log, waiting: str, broken: str) -> None:
    for secret in (*SECRETS.values(), SINK_KEY, KUBE_TOKEN, *BODIES):
        assert secret not in log.text
    assert "slack_request_refused" in log.text or "slack_waits" in log.text
    [failed, *_] = log.lines("tick_failed")
    assert failed["release"] == broken
    assert "KeyError" in failed["exception"]
    refused = log.lines("refused")
    assert {row.get("release") for row in refused} >= {waiting}
    assert all(row["key"] for row in refused)
    waits = log.lines("slack_waits")
    assert waits
    assert {row["release"] for row in waits} == {waiting}
    for row in log.lines():
        assert {"event", "level", "timestamp"} <= row.keys()
    assert log.lines("webhook_forged")
    assert log.lines("event_waits")


async def test_a_task_that_outlives_a_tick_bears_no_release(bot: Bot, log: Log) -> None:
    bot.app.kubernetes.report_changes(bot.app.reconciler.changed)
    bot.world.kubernetes.cluster.deny("watch", "services")
    await approved(bot)
    await bot.until("succeeded")
    denied = log.lines("watch_denied")
    assert denied
    assert not any("release" in row for row in denied)


def test_a_library_writes_a_line_like_ours(log: Log) -> None:
    other = logging.getLogger("somebodys.library")
    other.warning("token=%s", "ghp_githubsecret-73")
    try:
        int("odd")
    except ValueError:
        other.exception("it broke")
    [line] = log.lines()
    assert line["event"] == logs.LIBRARY_EVENT
    assert (line["library"], line["said"], line["level"]) == (
        "somebodys.library",
        "it broke",
        "error",
    )
    assert "ValueError: invalid literal" in line["exception"]


def test_an_error_of_a_value_hides_what_was_sent() -> None:
    with pytest.raises(ValidationError) as caught:
        Invocation.model_validate({"key": {"secret": WORDS}, "channel": CHANNEL})
    assert WORDS not in str(caught.value)


async def test_an_error_of_the_database_hides_what_was_written(database: str) -> None:
    store = Store(database)
    row = insert(JOBS).values(name=WORDS, due=START)

    async def twice() -> None:
        async with store.write() as session:
            await session.exec(row)
            await session.exec(row)

    with pytest.raises(IntegrityError) as caught:
        await twice()
    # PostgreSQL's own detail names the key; the rest of the row stays hidden.
    assert "hidden due to hide_parameters" in str(caught.value)
    await store.close()


def test_a_library_with_a_handler_of_its_own_writes_nothing_beside(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    library = logging.getLogger("github.GithubRetry")
    library.info("Request GET /repos/quantivista/platform failed")
    library.error("it broke")
    assert [row["said"] for row in log.lines(logs.LIBRARY_EVENT)] == ["it broke"]
    assert capsys.readouterr().err == ""
