"""What the record holds of a release, what it never holds, and what people are told from it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.audit import AuditEntry, AuditTag
from bot.domain.checkpoints import read_keys, read_notes
from bot.engine import checkpoints as checkpoints_engine
from bot.engine import proof, pruning
from bot.engine.checkpoints import CheckpointFile, Keeping, checkpoint_if_due
from bot.engine.erasing import erase
from bot.store import audit, checkpoints, people
from integrations import checkpoint_file
from tests.store import records
from tests.tester import ANA, BEN, CATALOG, CHANNEL, CY, DAN, Bot, World

SLACK_ID = re.compile(r"U0[A-Z]{2,3}")
POSTED = CATALOG.replace("tiers:", "audit: {checkpoints: C0REL}\ntiers:", 1)


async def entries(bot: Bot, *tags: AuditTag) -> list[AuditEntry]:
    async with bot.app.store.read() as session:
        found = [link.entry async for link in audit.chain(session)]
    return [entry for entry in found if not tags or entry.tag in tags]


async def live(bot: Bot) -> str:
    """Ask for a release with a reason, look at its details, approve, and see it through."""
    await bot.says('/release payments v2.1.0 prod --reason "<@U0DAN> waits for it"')
    release = await bot.until("awaiting_approval")
    await bot.says(f"/release approve {release.id}", by=BEN)
    await bot.says(f'/release approve {release.id} --comment "fine by me"', by=BEN)
    await bot.clicks("Approve", by=CY)
    await bot.until("succeeded")
    return release.id


async def test_the_record_tells_who_from_where_and_on_which_facts(bot: Bot) -> None:
    release_id = await live(bot)
    [asked] = await entries(bot, AuditTag.RELEASE_REQUESTED)
    assert (asked.data["channel"], asked.data["via"]) == (CHANNEL, "command")
    [approved] = await entries(bot, AuditTag.RELEASE_APPROVED)
    assert approved.data["via"] == "click"
    viewed = await entries(bot, AuditTag.PLAN_VIEWED)
    assert [one.data["digest"] for one in viewed] == [approved.data["digest"]] * 2
    gates = (await entries(bot, AuditTag.GATES_EVALUATED))[-1]
    assert str(gates.data["fact:tag"]).startswith("v2.1.0 ")
    assert "unit-tests=success" in str(gates.data["fact:checks"])
    assert "blue=quantivista/payments:v2.0.5" in str(gates.data["fact:cluster"])
    assert len(str(gates.data["fact:digest"])) == 64
    sent = await entries(bot, AuditTag.MESSAGE_SENT)
    assert {one.data["kind"] for one in sent} == {"card", "line", "whisper"}
    assert all(one.data["ts"] for one in sent if one.data["kind"] != "whisper")
    assert {one.subject for one in sent if one.data["kind"] == "line"} == {release_id}
    async with bot.app.store.read() as session:
        names = await people.names(session)
    assert names[asked.actor or ""] == ANA


async def test_no_entry_holds_an_id_a_name_or_a_word_of_a_person(bot: Bot) -> None:
    release_id = await live(bot)
    await bot.clicks("Roll back", by=DAN)
    await bot.until("succeeded")
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("blocked")
    await bot.says(f"/release cancel {release_id} because <@U0EVE> says so")
    for entry in await entries(bot):
        text = entry.model_dump_json()
        assert not SLACK_ID.search(text), text
        assert "waits for it" not in text
        assert "fine by me" not in text


async def test_a_changed_catalogue_is_told_without_names(bot: Bot) -> None:
    from bot.engine import catalogs
    from tests.tester import parsed

    text = CATALOG.replace("{github: dan}", "{github: dan-new}").replace(
        "users: [U0DAN]", "users: [U0DAN, U0CY]"
    )
    await catalogs.take_over(bot.app.world, parsed(text).catalog)
    loaded = (await entries(bot, AuditTag.CATALOG_LOADED))[-1]
    assert not SLACK_ID.search(loaded.model_dump_json())
    assert "dan-new" not in loaded.model_dump_json()
    assert loaded.data["changes"] == 2
    async with bot.app.store.read() as session:
        names = await people.names(session)
    assert {DAN, CY} <= set(names.values())


async def test_looking_at_a_plan_is_on_record_and_changes_nothing_else(bot: Bot) -> None:
    await bot.says("/release plan payments v2.1.0 prod", by=BEN)
    await bot.says("/release payments v2.1.0 prod --dry-run", by=BEN)
    seen = await entries(bot, AuditTag.PLAN_VIEWED)
    assert [(one.subject, one.data["version"]) for one in seen] == [
        ("payments/production", "v2.1.0"),
        ("payments/production", "v2.1.0"),
    ]
    assert seen[0].data["digest"] == seen[1].data["digest"]
    assert await bot.all_releases() == []


async def test_history_tells_one_release_from_the_record(bot: Bot) -> None:
    release_id = await live(bot)
    await bot.says(f"/release history {release_id}", by=BEN)
    told = bot.told(BEN)
    for words in (
        "Asked by @ana at",
        "by command in",
        "Reason: @dan waits for it",
        "Gates asked",
        "@cy approved plan",
        "as release-managers",
        "queued → running",
        "deploy on green",
        "shift 100 % on green",
        "in Slack, from",
        "Ending succeeded (done)",
        f"release-bot audit export --release {release_id} --format html",
    ):
        assert words in told, f"{words}\n{told}"
    message = [m for m in bot.world.slack.space.ephemerals if m.user == BEN][-1]
    assert len(message.blocks) <= 50
    [seen] = await entries(bot, AuditTag.RECORD_VIEWED)
    assert seen.subject == release_id
    await bot.says("/release history rel-2222")
    assert "There is no release rel-2222." in bot.told()
    await bot.says("/release history rel-!")
    assert "is not a release id such as rel-7k3f" in bot.told()


async def test_whoever_was_erased_is_erased_everywhere(bot: Bot) -> None:
    """Ana's release is over, and its rollback window; then nothing in the database names her."""
    release_id = await live(bot)
    now = bot.world.clock.now()
    async with bot.app.store.write() as session:
        found = await erase(session, ANA, now)
    assert found.obstacles[0] == f"The catalogue in force names {ANA}. Take them out of it first."
    assert f"The bot still works on {release_id}, which names {ANA}." in found.obstacles[1]
    await bot.passes(timedelta(hours=2))
    await _leaves(bot)
    async with bot.app.store.write() as session:
        found = await erase(session, ANA, bot.world.clock.now())
    assert (found.obstacles, found.in_clear) == ((), 0)
    assert await _left(bot) == []
    await bot.says(f"/release history {release_id}", by=BEN)
    told = bot.told(BEN)
    assert "Asked by (erased) at" in told
    assert "Reason: (erased)" in told
    await bot.says("/release history payments", by=BEN)
    assert "by (erased)" in bot.told(BEN)
    async with bot.app.store.read() as session:
        proved = await proof.prove(session, {})
    assert proved.faults == []
    assert proved.erased > 0


async def _leaves(bot: Bot) -> None:
    from bot.engine import catalogs
    from tests.tester import parsed

    text = CATALOG.replace("  U0ANA: {github: ana}\n", "").replace("U0ANA, ", "")
    bot.app.catalog = parsed(text).catalog
    await catalogs.take_over(bot.app.world, bot.app.catalog)
    await bot.settles()


async def _left(bot: Bot) -> list[str]:
    """Every row of every table that still holds the id."""
    from sqlmodel import SQLModel

    found = []
    async with bot.app.store.read() as session:
        for table in SQLModel.metadata.sorted_tables:
            rows = await records.rows(session, f"SELECT * FROM {table.name}")  # noqa: S608 - our tables
            found += [f"{table.name}: {row}" for row in rows if ANA in str(row)]
    return found


async def test_history_says_that_entries_were_removed(bot: Bot) -> None:
    release_id = await live(bot)
    async with bot.app.store.write() as session:
        made = await checkpoints_engine.take(session, records.SIGNER, bot.world.clock.now(), None)
    assert made is not None
    await bot.passes(timedelta(hours=1))
    now, keys = bot.world.clock.now(), read_keys(records.PUBLIC)
    async with bot.app.store.write() as session:
        found = await pruning.look(session, now, keys)
        await pruning.remove(session, found, records.SIGNER, now, "ab" * 32, DAN)
    await bot.says(f"/release history {release_id}", by=BEN)
    told = bot.told(BEN)
    assert "were removed from the record; only their export has them." in told
    assert "Ending succeeded (done)" in told
    # The bot goes on with its work on what it has left.
    await bot.clicks("Roll back", by=DAN)
    await bot.until("succeeded")
    await bot.says("/release history " + (await bot.release()).id, by=BEN)
    assert "were removed from the record" not in bot.told(BEN)
    async with bot.app.store.read() as session:
        assert (await proof.prove(session, keys)).faults == []


# Checkpoints by the clock.


def keeping(folder: Path, entries_: int = 1000) -> Keeping:
    path = folder / "kept.txt"
    file = CheckpointFile(
        str(path),
        lambda: checkpoint_file.read(path),
        lambda text: checkpoint_file.append(path, text),
    )
    return Keeping(records.SIGNER, entries_, file)


async def test_a_checkpoint_each_hour_while_the_record_grows(bot: Bot, tmp_path: Path) -> None:
    keep = keeping(tmp_path)
    assert await checkpoint_if_due(bot.app.world, keep)
    await bot.passes(timedelta(minutes=1))
    assert not await checkpoint_if_due(bot.app.world, keep)
    await bot.says("/release plan payments v2.1.0 prod")
    assert not await checkpoint_if_due(bot.app.world, keep)
    await bot.passes(timedelta(hours=1))
    assert await checkpoint_if_due(bot.app.world, keep)
    await bot.passes(timedelta(hours=5))
    assert not await checkpoint_if_due(bot.app.world, keep), "it did not grow"
    kept, strays = read_notes((tmp_path / "kept.txt").read_text(), "kept.txt")
    assert (len(kept), strays) == (2, [])
    async with bot.app.store.read() as session:
        found = await proof.prove(session, read_keys(records.PUBLIC), kept)
    assert (found.faults, found.stored, found.kept) == ([], 2, 2)


async def test_many_entries_need_no_hour(bot: Bot, tmp_path: Path) -> None:
    keep = keeping(tmp_path, 3)
    assert await checkpoint_if_due(bot.app.world, keep)
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.passes(timedelta(minutes=1))
    assert await checkpoint_if_due(bot.app.world, keep)


async def test_two_replicas_make_it_once(world: World, database: str, tmp_path: Path) -> None:
    if database.startswith("sqlite"):
        pytest.skip("SQLite serves one process")
    bots = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        bots.append(await Bot(world, database, tmp_path / name).start())
    keep = keeping(tmp_path)
    made = [await checkpoint_if_due(bot.app.world, keep) for bot in bots]
    assert made == [True, False]
    async with bots[0].app.store.read() as session:
        assert len(await checkpoints.notes(session)) == 1
    for bot in bots:
        await bot.finish()


async def test_a_channel_gets_it_in_a_form_to_copy(
    world: World, database: str, tmp_path: Any
) -> None:
    bot = await Bot(world, database, tmp_path, catalog=POSTED).start()
    assert await checkpoint_if_due(bot.app.world, keeping(tmp_path))
    await bot.settles()
    [message] = world.slack.space.roots(CHANNEL)
    kept, strays = read_notes("\n".join(message.text.split("\n")[1:]), "Slack")
    assert (len(kept), strays) == (1, [])
    assert (tmp_path / "kept.txt").read_text().strip() == kept[0].note().strip()
    # Its own message makes no entry, or a record at rest would never rest.
    await bot.passes(timedelta(hours=2))
    assert not await checkpoint_if_due(bot.app.world, keeping(tmp_path))
    await bot.finish()


async def test_a_file_that_can_not_be_written_is_told_and_made_up_for(
    bot: Bot, tmp_path: Path
) -> None:
    (tmp_path / "kept.txt").mkdir()
    assert await checkpoint_if_due(bot.app.world, keeping(tmp_path))
    (tmp_path / "kept.txt").rmdir()
    assert not await checkpoint_if_due(bot.app.world, keeping(tmp_path))
    assert len(read_notes((tmp_path / "kept.txt").read_text(), "f")[0]) == 1
