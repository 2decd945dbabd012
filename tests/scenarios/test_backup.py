"""An old backup is restored: what happened since is found, held, and gone on from (operate.md)."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.simulated.kubernetes import seeding
from tests.tester import ANA, BEN, Bot, World


@pytest.fixture
async def bot(world: World, migrated_file: Path, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot on a SQLite file: of these a test can make a backup."""
    path = tmp_path / "bot.db"
    shutil.copy(migrated_file, path)
    made = await Bot(world, f"sqlite:///{path}", tmp_path).start()
    yield made
    await made.finish()


def _copied(source: Path, target: Path) -> None:
    """What `.backup` of the sqlite3 program does, while the bot runs."""
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)


async def _restored(bot: Bot, backup: Path) -> None:
    await bot._drop()
    path = bot.folder / "bot.db"
    for file in (path, path.with_name("bot.db-wal"), path.with_name("bot.db-shm")):
        file.unlink(missing_ok=True)
    _copied(backup, path)
    await bot.start()


async def test_a_release_of_the_backup_is_held_and_resume_lifts_the_fence(bot: Bot) -> None:
    backup = bot.folder / "backup.db"
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight == 10, release)
    _copied(bot.folder / "bot.db", backup)
    await bot.until("succeeded", release)
    writes = len(bot.traffic_changes())
    await _restored(bot, backup)
    held = await bot.until("paused", release)
    assert held.reason == "held"
    assert len(bot.traffic_changes()) == writes
    assert bot.live("orders") == "green"
    await bot.clicks("Resume", by=ANA)
    await bot.until("succeeded", release)
    assert bot.live("orders") == "green"
    assert await bot.runs("orders") == "v2.1.0"
    # Nothing was dispatched again.
    started = [run.inputs["release_id"] for run in bot.world.github.dispatches]
    assert sorted(started) == [release] * len(started)
    assert len(started) == 2


async def test_a_new_release_after_an_old_backup_is_held_once(bot: Bot) -> None:
    backup = bot.folder / "backup.db"
    _copied(bot.folder / "bot.db", backup)
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")
    # As if many more releases had followed: the backup is far behind.
    mark = {"metadata": {"annotations": {"release-bot/fence": "500"}}}
    bot.world.kubernetes.cluster.edit("services", "production", "payments", mark)
    await _restored(bot, backup)
    assert await bot.all_releases() == []
    bot.world.github.seed_release("quantivista/platform", "v2.2.0", checks=("unit-tests", "e2e"))
    cluster = bot.world.kubernetes.cluster
    cluster.deploy("staging", "payments-blue", "quantivista/payments:v2.2.0")
    cluster.age("staging", "payments-blue", 30 * 3600)
    await bot.says("/release payments v2.2.0 prod")
    release = (await bot.until("awaiting_approval")).id
    # What is live is read from the cluster: the backup knows nothing of 2.1.0.
    assert "2.1.0 → 2.2.0" in bot.card(release)
    await bot.clicks("Approve", by=BEN, release=release)
    held = await bot.until("paused", release)
    assert "bears fence 500" in (held.detail or "")
    await bot.clicks("Resume", by=ANA, release=release)
    done = await bot.until(lambda r: r.ended or r.reason == "held", release)
    assert done.state == "succeeded"
    assert seeding.live_slot(cluster, "production", "payments") == "blue"
