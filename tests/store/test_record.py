"""The record in its database: every change is found, and most of them the database refuses."""

import random
import sqlite3
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy.exc import DBAPIError

from bot.domain.audit import AuditTag
from bot.domain.checkpoints import read_keys, read_notes
from bot.engine import proof
from bot.engine.signing import Signer, new_pair
from bot.errors import StoreError
from bot.store import audit, checkup
from bot.store.migrate import config, migrate
from bot.store.session import Store
from migrations import guard
from tests.conftest import fresh_database
from tests.store import records
from tests.tester import BEN, Bot, World

ENTRIES = 30


async def test_a_thousand_random_changes_are_all_found(database: str) -> None:
    store, dice = Store(database), random.Random(7)  # noqa: S311 - a test's dice
    await records.fill(store, ENTRIES)
    await records.checkpointed(store)
    kinds: Counter[str] = Counter()
    async with store.read() as session:
        assert (await records.proven(session)).faults == []
    for number in range(1000):
        change = dice.choice(records.CHANGES)
        async with records.tampering(store) as session:
            done = await change(session, dice, ENTRIES)
            found = await records.proven(session)
            assert found.faults, f"{number}: {change.__name__}: {done}"
        kinds[change.__name__] += 1
    assert set(kinds) == {change.__name__ for change in records.CHANGES}
    async with store.read() as session:
        assert (await records.proven(session)).faults == []
    await store.close()


async def test_the_first_bad_entry_is_named(database: str) -> None:
    store = Store(database)
    await records.fill(store, ENTRIES)
    async with store.write() as session:
        await records.unguarded(session)
        await records.run(session, "UPDATE audit SET tag = 'y' WHERE seq IN (7, 9)")
        fault = (await records.proven(session)).faults[0]
        assert (fault.seq, fault.what) == (7, "its content was changed after it was written")
        await records.run(session, "UPDATE audit SET body = 'x' WHERE seq = 4")
        fault = (await records.proven(session)).faults[0]
        assert (fault.seq, fault.what) == (4, "it can't be read")
    await store.close()


async def test_what_is_cut_off_or_rewritten_shows_up_to_the_last_checkpoint_kept(
    database: str,
) -> None:
    store = Store(database)
    await records.fill(store, 10)
    first = await records.checkpointed(store)
    await records.fill(store, 10, begin=10)
    second = await records.checkpointed(store, records.START + timedelta(hours=1))
    await records.fill(store, 3, begin=20)
    kept, strays = read_notes(f"{first}\n{second}\n", "kept.txt")
    assert (len(kept), strays) == (2, [])
    keys = read_keys(records.PUBLIC)
    async with store.read() as session:
        found = await proof.prove(session, keys, kept)
        assert (found.faults, found.stored, found.kept, found.signatures) == ([], 2, 2, True)
    for doing, what in (
        (_truncate, "the record was truncated after entry 15: the checkpoint in kept.txt covers"),
        (_rewrite, "the record was rewritten between entry 1 and 10: its hash isn't that of the"),
    ):
        async with records.tampering(store) as session:
            await records.run(session, "DELETE FROM audit_checkpoints")
            await doing(session)
            # By itself it is right: only what was kept elsewhere tells.
            assert (await proof.prove(session, keys)).faults == []
            faults = (await proof.prove(session, keys, kept)).faults
            assert what in faults[0].what
    # What came after the last checkpoint may be cut off, and nobody can tell: that is the limit.
    async with store.write() as session:
        await records.unguarded(session)
        await _cut(session, 20)
        assert (await proof.prove(session, keys, kept)).faults == []
    await store.close()


async def _cut(session: Any, last: int) -> None:
    await records.run(session, "DELETE FROM audit_texts WHERE seq > :s", s=last)
    await records.run(session, "DELETE FROM audit WHERE seq > :s", s=last)
    await records.run(
        session,
        "UPDATE audit_head SET seq = :s, hash = (SELECT hash FROM audit WHERE seq = :t)",
        s=last,
        t=last,
    )


async def _truncate(session: Any) -> None:
    await _cut(session, 15)


async def _rewrite(session: Any) -> None:
    await records.rewrite(session, 23)


async def test_a_forged_checkpoint_and_a_change_of_keys_are_told(database: str) -> None:
    store = Store(database)
    await records.fill(store, 5)
    note = await records.checkpointed(store)
    pem, public = new_pair()
    [signed], _ = read_notes(note, "kept.txt")
    forged = signed.model_copy(update={"signature": bytes(64)})
    async with store.read() as session:
        wrong = await proof.prove(session, read_keys(records.PUBLIC), [forged])
        assert "bears a wrong signature" in wrong.faults[0].what
        unknown = await proof.prove(session, read_keys(public), [])
        assert f"an unknown key, {signed.key_id}" in unknown.faults[0].what
        both = {**read_keys(public), **read_keys(records.PUBLIC)}
        later = Signer(pem).sign(signed.checkpoint)
        assert (await proof.prove(session, both, [signed, later])).faults == []
    await store.close()


REFUSED = [
    "UPDATE audit SET body = 'x' WHERE seq = 3",
    "DELETE FROM audit WHERE seq = 5",
    "DELETE FROM audit",
    "UPDATE audit_checkpoints SET note = 'x'",
    "DELETE FROM audit_checkpoints",
    "UPDATE audit_texts SET text = 'x'",
    "UPDATE audit_head SET seq = seq - 1",
    "UPDATE audit_head SET hash = 'x'",
    "DELETE FROM audit_head",
]
REPLACED = [
    "REPLACE INTO audit SELECT seq, previous, hash, tag, subject, 'x' FROM audit WHERE seq = 3",
    "REPLACE INTO audit SELECT 99, previous, hash, tag, subject, 'x' FROM audit WHERE seq = 3",
    "REPLACE INTO audit_head (id, seq, hash) VALUES (1, 0, 'x')",
    "REPLACE INTO audit_texts SELECT seq, field, salt, 'x', owner FROM audit_texts",
    "REPLACE INTO audit_checkpoints SELECT seq, at, 'x' FROM audit_checkpoints",
]
EMPTIED = ["TRUNCATE audit", "TRUNCATE audit_head", "TRUNCATE audit_texts"]


async def test_the_database_refuses_what_no_record_needs(database: str) -> None:
    store = Store(database)
    await records.fill(store, 6)
    await records.checkpointed(store)
    for statement in [*REFUSED, *(REPLACED if store.is_sqlite else EMPTIED)]:
        with pytest.raises((StoreError, DBAPIError)):
            async with store.write() as session:
                await records.run(session, statement)
    await records.fill(store, 1, begin=6)
    async with store.read() as session:
        assert (await records.proven(session)).faults == []
        assert await checkup.missing_guards(session) == []
    await store.close()


async def test_guards_stand_after_every_migration_of_a_filled_database(
    postgres: Any, tmp_path: Path, database: str
) -> None:
    """From the first schema to the newest and back and forth again, with entries in it."""
    url = (
        f"sqlite:///{tmp_path}/filled.db"
        if database.startswith("sqlite")
        else fresh_database(postgres)
    )
    store = Store(url)
    await _to(store, "0003")
    async with store.write() as session:
        await records.rewrite_old(session)
    assert await _guards(store) is None
    for _ in range(2):
        await migrate(store)
        assert await _guards(store) == []
        with pytest.raises((StoreError, DBAPIError)):
            async with store.write() as session:
                await records.run(session, "DELETE FROM audit")
        await _to(store, "0003", down=True)
        assert await _guards(store) is None
    await migrate(store)
    await records.fill(store, 2, begin=4)
    async with store.read() as session:
        found = await records.proven(session)
        assert (found.entries, found.faults) == (6, [])
    # A migration that makes the record's table anew, as SQLite must to change it.
    async with store.write() as session:
        connection = await session.connection()
        await connection.run_sync(_made_anew)
    assert await _guards(store) == []
    await store.close()


def _made_anew(connection: Any) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    operations = Operations(MigrationContext.configure(connection))
    guard.take_down(connection)
    with operations.batch_alter_table("audit", recreate="always"):
        pass
    guard.put_up(connection)


async def _to(store: Store, revision: str, *, down: bool = False) -> None:
    async with store.write() as session:
        connection = await session.connection()
        way = command.downgrade if down else command.upgrade
        await connection.run_sync(lambda sync: way(config(sync), revision))


async def _guards(store: Store) -> list[str] | None:
    async with store.read() as session:
        return await checkup.missing_guards(session)


def test_the_guards_of_sqlite_count_for_any_program(migrated_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bot.db"
    copy.write_bytes(migrated_file.read_bytes())
    with sqlite3.connect(copy) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="only moves forward"):
            connection.execute("UPDATE audit_head SET seq = 0")
        with pytest.raises(sqlite3.IntegrityError, match="the record only grows"):
            connection.execute("REPLACE INTO audit_head VALUES (1, 0, 'x')")


async def test_the_last_entry_of_a_transaction_is_the_head(database: str) -> None:
    store = Store(database)
    async with store.write() as session:
        for number in range(3):
            await audit.append(session, AuditTag.STEP_DONE, "rel-1", records.START, number=number)
    async with store.read() as session:
        assert (await audit.head(session))[0] == 3
        assert (await records.proven(session)).faults == []
    await store.close()


async def test_a_user_who_may_only_add_to_the_record_can_do_the_work(
    postgres: Any, migrated_database: str, world: World, tmp_path: Path
) -> None:
    """The grants of docs/operate.md, as they stand there."""
    url = fresh_database(postgres, migrated_database)
    page = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
    grants = page.split("```sql\n")[1].split("```")[0]
    name = url.split("?")[0].rsplit("/", 1)[1]
    owner = Store(url)
    async with owner.writer.begin() as connection:
        await connection.exec_driver_sql("DROP OWNED BY bot" if await _has_bot(owner) else "SELECT")
        await connection.exec_driver_sql("DROP ROLE IF EXISTS bot")
        for statement in grants.replace("DATABASE release_bot", f"DATABASE {name}").split(";"):
            if statement.strip():
                await connection.exec_driver_sql(statement)
    weak = url.replace("postgresql://postgres:@", "postgresql://bot:@")
    bot = await Bot(world, weak, tmp_path).start()
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")
    store = Store(weak)
    await records.checkpointed(store)
    async with store.read() as session:
        found = await records.proven(session)
        assert (found.entries > 20, found.stored, found.faults) == (True, 1, [])
    for statement in [*REFUSED, *EMPTIED, "DROP TRIGGER audit_no_update ON audit"]:
        with pytest.raises((StoreError, DBAPIError)):
            async with store.write() as session:
                await records.run(session, statement)
    said = [f.sentence for f in (await checkup.examine(store)).findings if not f.good]
    assert not [sentence for sentence in said if "may not SELECT" in sentence]
    assert not [sentence for sentence in said if "may not INSERT" in sentence]
    assert not [sentence for sentence in said if "may not UPDATE" in sentence]
    await store.close()
    await bot.finish()
    async with owner.writer.begin() as connection:
        await connection.exec_driver_sql("DROP OWNED BY bot")
        await connection.exec_driver_sql("DROP ROLE bot")
    await owner.close()


async def _has_bot(store: Store) -> bool:
    async with store.read() as session:
        return bool(await records.rows(session, "SELECT 1 FROM pg_roles WHERE rolname = 'bot'"))
