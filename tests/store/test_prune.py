"""Old entries are removed behind an anchor: the rest verifies, and every change is still found."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from bot.domain.anchors import Anchor, Removal, SignedAnchor, read_anchor
from bot.domain.audit import GENESIS, AuditEntry, AuditTag
from bot.domain.checkpoints import read_keys, read_notes
from bot.engine import proof, pruning
from bot.engine.signing import Signer, new_pair
from bot.errors import StoreError
from bot.store import anchors, audit, checkpoints, checkup, people
from bot.store.session import Session, Store
from tests.conftest import fresh_database
from tests.store import records

ENTRIES, GONE = 30, 12
KEYS = read_keys(records.PUBLIC)
EXPORT = "ab" * 32
NOW = datetime(2033, 4, 1, 12, tzinfo=UTC)


def hour(number: int) -> datetime:
    """When entry `number` + 1 was written."""
    return records.START + timedelta(hours=number)


async def filled(store: Store) -> None:
    """Thirty entries; a checkpoint of the first twelve, and one of all."""
    await records.fill(store, GONE)
    await records.checkpointed(store, hour(GONE))
    await records.fill(store, ENTRIES - GONE, begin=GONE)
    await records.checkpointed(store, hour(ENTRIES))


async def looked(store: Store, before: datetime) -> Removal:
    async with store.read() as session:
        await audit.snapshot(session)
        return await pruning.look(session, before, KEYS)


async def prune(store: Store, before: datetime | None = None) -> Removal:
    found = await looked(store, before or hour(20))
    async with store.write() as session:
        await pruning.remove(session, found, records.SIGNER, NOW, EXPORT, "U0CY")
    return found


async def test_the_chain_goes_on_from_the_anchor(database: str) -> None:
    store = Store(database)
    await filled(store)
    found = await prune(store)
    # Entries up to the 20th are old enough; the last checkpoint before that covers 12.
    assert (found.first, found.last, found.count) == (1, GONE, GONE)
    async with store.read() as session:
        left = [row async for row in audit.rows(session)]
        assert [left[0].seq, left[-1].seq] == [GONE + 1, ENTRIES + 1]
        assert await records.rows(session, f"SELECT * FROM audit_texts WHERE seq <= {GONE}") == []  # noqa: S608 - a number
        proved = await records.proven(session)
        assert (proved.entries, proved.faults) == (ENTRIES - GONE + 1, [])
        anchor = proved.anchors.newest
        assert anchor is not None
        assert (anchor.seq, anchor.hash, anchor.export) == (GONE, left[0].previous, EXPORT)
        assert (anchor.since, anchor.until) == (stamp(0), stamp(GONE - 1))
        told = AuditEntry.model_validate_json(left[-1].body)
        assert (told.tag, told.actor) == (AuditTag.RECORD_PRUNED, anchor.by)
        assert (told.data["anchor"], told.data["entries"]) == (anchor.digest(), GONE)
        assert (await people.names(session))[anchor.by] == "U0CY"
        assert await checkup.missing_guards(session) == []
    await store.close()


def stamp(number: int) -> str:
    return hour(number).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def test_it_can_be_done_again_and_the_anchors_are_a_chain(database: str) -> None:
    store = Store(database)
    await filled(store)
    await prune(store)
    again = await prune(store, hour(ENTRIES))
    assert (again.first, again.last) == (GONE + 1, ENTRIES)
    async with store.read() as session:
        proved = await records.proven(session)
        assert (proved.entries, proved.faults) == (2, [])
        first, second = (one.anchor for one in proved.anchors.signed)
        assert (first.after, second.after) == (GENESIS, first.digest())
    with pytest.raises(pruning.PruneFault, match="no signed checkpoint is among them"):
        await looked(store, NOW + timedelta(days=1))
    async with records.tampering(store) as session:
        # The older of two anchors goes: the newer one names it.
        await records.run(session, "DELETE FROM audit_anchors WHERE seq = :s", s=GONE)
        faults = [fault.what for fault in (await records.proven(session)).faults]
        assert any("does not follow from the one before" in what for what in faults)
    await store.close()


async def test_who_is_told_of_nowhere_else_is_forgotten(database: str) -> None:
    store = Store(database)
    async with store.write() as session:
        for number, (actor, word) in enumerate([("U0EVE", "<@U0FAY>"), ("U0ANA", "<@U0DAN>")]):
            at = hour(number)
            data = {"gate": f"held by {word}", "reason": audit.written("because")}
            await audit.append(session, AuditTag.STEP_DONE, "rel-1", at, actor=actor, **data)
    await records.checkpointed(store)
    await records.fill(store, 10, begin=2)
    found = await looked(store, hour(2))
    assert found.users == ("U0EVE", "U0FAY")
    # Meanwhile Fay is told of again: she stays.
    async with store.write() as session:
        await audit.append(session, AuditTag.STEP_DONE, "rel-9", NOW, actor="U0FAY")
        await pruning.remove(session, found, records.SIGNER, NOW, EXPORT, "U0CY")
    async with store.read() as session:
        assert set((await people.names(session)).values()) == {"U0ANA", "U0CY", "U0DAN", "U0FAY"}
        assert (await records.proven(session)).faults == []
    await store.close()


async def test_what_changed_since_the_export_stops_it(database: str) -> None:
    store = Store(database)
    await filled(store)
    found = await looked(store, hour(20))
    async with store.write() as session:
        await audit.append(session, AuditTag.PERSON_ERASED, "person", NOW, erased="")
    with pytest.raises(pruning.PruneFault, match="Somebody was erased while"):
        async with store.write() as session:
            await pruning.remove(session, found, records.SIGNER, NOW, EXPORT, "U0CY")
    found = await looked(store, hour(20))
    await prune(store)
    with pytest.raises(pruning.PruneFault, match="Somebody else has removed entries meanwhile"):
        async with store.write() as session:
            await pruning.remove(session, found, records.SIGNER, NOW, EXPORT, "U0CY")
    async with store.read() as session:
        assert (await records.proven(session)).faults == []
    await store.close()


async def test_a_record_that_is_not_whole_loses_nothing(database: str) -> None:
    store = Store(database)
    await filled(store)
    async with records.tampering(store) as session:
        await records.run(session, "UPDATE audit SET tag = 'y' WHERE seq = 25")
        with pytest.raises(pruning.PruneFault, match="Entry 25 is bad"):
            await pruning.look(session, hour(20), KEYS)
    for before, what in (
        (records.START, "There are no entries from before 2026-03-02 09:00 UTC"),
        (hour(5), "5 entries from before .* no signed checkpoint is among them"),
    ):
        with pytest.raises(pruning.PruneFault, match=what):
            await looked(store, before)
    await store.close()


# Changes behind the anchor, and to it.


async def forge(session: Session, dice: random.Random, _last: int) -> str:
    """Remove one entry more, with an anchor that somebody else signed."""
    return await _anchored_anew(session, Signer(new_pair()[0]), dice)


async def forge_signature(session: Session, dice: random.Random, _last: int) -> str:
    """The same, with the right key's name and no signature of it."""
    return await _anchored_anew(session, None, dice)


async def _anchored_anew(session: Session, signer: Signer | None, dice: random.Random) -> str:
    [(note,)] = await records.rows(session, "SELECT note FROM audit_anchors")
    one = read_anchor(note)
    assert one is not None
    last = dice.randint(GONE + 1, ENTRIES)
    [(link,)] = await records.rows(session, f"SELECT hash FROM audit WHERE seq = {last}")  # noqa: S608 - a number
    anchor = one.anchor.model_copy(update={"seq": last, "hash": link})
    new = signer.sign_anchor(anchor) if signer else one.model_copy(update={"anchor": anchor})
    await records.run(session, "DELETE FROM audit_texts WHERE seq <= :s", s=last)
    await records.run(session, "DELETE FROM audit WHERE seq <= :s", s=last)
    await records.run(session, "UPDATE audit_anchors SET seq = :s, note = :n", s=last, n=new.note())
    return f"anchor at {last}"


async def one_more(session: Session, _dice: random.Random, _last: int) -> str:
    """Remove the next entry too, texts and all."""
    await records.run(session, "DELETE FROM audit_texts WHERE seq = :s", s=GONE + 1)
    await records.run(session, "DELETE FROM audit WHERE seq = :s", s=GONE + 1)
    return f"{GONE + 1} gone too"


async def no_anchor(session: Session, _dice: random.Random, _last: int) -> str:
    await records.run(session, "DELETE FROM audit_anchors")
    return "anchor gone"


async def put_back(session: Session, dice: random.Random, _last: int) -> str:
    """Put an entry where one was removed."""
    seq = dice.randint(1, GONE)
    entry = AuditEntry(seq=seq, at="t", tag="x", subject="s", actor=None, data={}, previous="p")
    values = {"s": seq, "p": "p", "h": entry.hash(), "t": "x", "u": "s"}
    await records.run(session, records.INSERT, **values, b=entry.model_dump_json())
    return f"{seq} is back"


async def text_put_back(session: Session, dice: random.Random, _last: int) -> str:
    seq = dice.randint(1, GONE)
    statement = "INSERT INTO audit_texts (seq, field, salt, text) VALUES (:s, 'reason', 'x', 'y')"
    await records.run(session, statement, s=seq)
    return f"a text of {seq} is back"


AT_THE_ANCHOR = (
    *(forge, forge_signature, one_more, no_anchor, put_back, text_put_back),
    *(records.edit_anchor, records.edit_anchor),
)


async def test_a_thousand_random_changes_after_it_are_all_found(database: str) -> None:
    store, dice = Store(database), random.Random(8)  # noqa: S311 - a test's dice
    await filled(store)
    await prune(store)
    kinds: Counter[str] = Counter()
    changes = (*records.CHANGES, *AT_THE_ANCHOR)
    for number in range(1000):
        change = dice.choice(changes)
        async with records.tampering(store) as session:
            done = await change(session, dice, ENTRIES + 1)
            found = await records.proven(session)
            assert found.faults, f"{number}: {change.__name__}: {done}"
        kinds[change.__name__] += 1
    assert set(kinds) == {change.__name__ for change in changes}
    async with store.read() as session:
        assert (await records.proven(session)).faults == []
    await store.close()


NO_KEY = "can't be checked without its public key"


async def test_a_forged_anchor_that_fits_is_found_by_its_signature_alone(database: str) -> None:
    """Its hash is the true one, and an entry tells of it: without a key nothing is called whole."""
    store = Store(database)
    await filled(store)
    async with records.tampering(store) as session:
        [link] = [one async for one in audit.chain(session) if one.entry.seq == GONE]
        anchor = Anchor(
            seq=GONE, hash=link.hash, first=1, since=stamp(0), until=stamp(GONE - 1),
            export=EXPORT, by="ef" * 16, at=stamp(ENTRIES),
        )  # fmt: skip
        forged = SignedAnchor(anchor=anchor, key_id=next(iter(KEYS)), signature=bytes(64))
        await records.run(
            session,
            "INSERT INTO audit_anchors (seq, first, at, note) "
            "VALUES (:s, 1, '2033-01-01 00:00:00', :n)",
            s=GONE,
            n=forged.note(),
        )
        await records.run(session, "DELETE FROM audit_texts WHERE seq <= :s", s=GONE)
        await records.run(session, "DELETE FROM audit WHERE seq <= :s", s=GONE)
        await audit.append(
            session, AuditTag.RECORD_PRUNED, "record", NOW, anchor=anchor.digest(), entries=GONE
        )
        [fault] = (await proof.prove(session, {})).faults
        assert (fault.seq, NO_KEY in fault.what) == (GONE, True)
        [fault] = (await proof.prove(session, KEYS)).faults
        assert "bears a wrong signature" in fault.what
    await store.close()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (forge, "the anchor that says it was removed was signed by an unknown key"),
        (forge_signature, "the anchor that says it was removed bears a wrong signature"),
        (one_more, f"entry {GONE + 1} is missing; {GONE + 2} stands in its place"),
        (no_anchor, f"entry 1 is missing; {GONE + 1} stands in its place"),
        (put_back, "it is there, and an anchor says it was removed"),
        (text_put_back, "a text of it is there, and there is no such entry"),
    ],
)
async def test_what_was_done_to_the_anchor_is_named(database: str, change: Any, what: str) -> None:
    store, dice = Store(database), random.Random(9)  # noqa: S311 - a test's dice
    await filled(store)
    await prune(store)
    async with records.tampering(store) as session:
        await change(session, dice, ENTRIES + 1)
        faults = [fault.what for fault in (await records.proven(session)).faults]
        assert any(what in fault for fault in faults), faults
        # Whoever has no key finds it too: an entry of the chain names the anchor.
        without = [fault.what for fault in (await proof.prove(session, {})).faults]
        assert [what for what in without if NO_KEY not in what]
    await store.close()


async def test_checkpoints_of_removed_entries_need_an_export_of_them(database: str) -> None:
    """Their signatures are checked all the same; with the export's hashes all of it is."""
    store = Store(database)
    await records.fill(store, 4)
    early = await records.checkpointed(store)
    await records.fill(store, 8, begin=4)
    await records.checkpointed(store, hour(12))
    async with store.read() as session:
        hashes = {link.entry.seq: link.hash async for link in audit.chain(session)}
    await prune(store, hour(20))
    kept, _ = read_notes(early, "kept.txt")
    async with store.read() as session:
        assert (await proof.prove(session, KEYS, kept)).faults == []
        assert (await proof.prove(session, KEYS, kept, hashes)).faults == []
        other = await proof.prove(session, KEYS, kept, {**hashes, 4: "0" * 64})
        assert "rewritten between entry 1 and 4" in other.faults[0].what
        other = await proof.prove(session, KEYS, kept, {**hashes, 12: "0" * 64})
        assert "the export of it has another hash than the anchor" in other.faults[0].what
        forged = [kept[0].model_copy(update={"signature": bytes(64)})]
        assert (await proof.prove(session, KEYS, forged)).faults
    await store.close()


# Guards.

ANCHOR = "INSERT INTO audit_anchors (seq, first, at, note) VALUES ({}, '2033-01-01 00:00:00', 'x')"
REFUSED = [
    "DELETE FROM audit WHERE seq = 13",
    "DELETE FROM audit",
    "UPDATE audit SET body = 'x' WHERE seq = 14",
    "UPDATE audit_anchors SET seq = seq + 1",
    "UPDATE audit_anchors SET note = 'x'",
    "DELETE FROM audit_anchors",
    # It lies behind the one before, goes on from it, and is where an entry and a checkpoint are.
    ANCHOR.format(f"{GONE}, 1"),
    ANCHOR.format(f"{GONE - 2}, {GONE - 3}"),
    ANCHOR.format(f"{ENTRIES}, 1"),
    ANCHOR.format(f"{ENTRIES}, {GONE + 2}"),
    ANCHOR.format(f"{ENTRIES - 1}, {GONE + 1}"),
    ANCHOR.format(f"{ENTRIES + 9}, {GONE + 1}"),
]


async def test_the_guards_let_nothing_else_go(database: str) -> None:
    store = Store(database)
    await filled(store)
    for statement in ("DELETE FROM audit WHERE seq = 1", ANCHOR.format("5, 1")):
        with pytest.raises((StoreError, DBAPIError)):
            async with store.write() as session:
                await records.run(session, statement)
    await prune(store)
    replaced = "REPLACE INTO audit_anchors SELECT seq, first, at, 'x' FROM audit_anchors"
    for statement in [*REFUSED, replaced if store.is_sqlite else "TRUNCATE audit_anchors"]:
        with pytest.raises((StoreError, DBAPIError)):
            async with store.write() as session:
                await records.run(session, statement)
    # That last one would have been right, but for the signature: which is what verifying is for.
    async with store.write() as session:
        await records.run(session, ANCHOR.format(f"{ENTRIES}, {GONE + 1}"))
        assert "was changed" in (await records.proven(session)).faults[0].what
        await session.rollback()
    await store.close()


async def test_only_the_owner_sets_an_anchor(postgres: Any, migrated_database: str) -> None:
    """Whatever else was granted: the guard itself asks who it is."""
    url = fresh_database(postgres, migrated_database)
    owner = Store(url)
    await filled(owner)
    found = await looked(owner, hour(20))
    async with owner.writer.begin() as connection:
        for statement in (
            "DROP ROLE IF EXISTS anybody",
            "CREATE ROLE anybody LOGIN",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO anybody",
        ):
            await connection.exec_driver_sql(statement)
    anybody = Store(url.replace("postgresql://postgres:@", "postgresql://anybody:@"))
    with pytest.raises(pruning.PruneFault, match="Only the owner of the record's tables"):
        await looked(anybody, hour(20))
    with pytest.raises(StoreError):
        async with anybody.write() as session:
            await pruning.remove(session, found, records.SIGNER, NOW, EXPORT, "U0CY")
    # A table of the same name that is found first gives no way either.
    async with anybody.write() as session:
        await records.run(session, "CREATE TEMP TABLE audit_anchors (seq integer)")
        await records.run(session, "INSERT INTO audit_anchors VALUES (99)")
        with pytest.raises(DBAPIError, match="the record only grows"):
            await records.run(session, "DELETE FROM audit WHERE seq = 1")
        await session.rollback()
    await anybody.close()
    async with owner.read() as session:
        assert len(await checkpoints.notes(session)) == 2
        assert await anchors.notes(session) == []
    async with owner.writer.begin() as connection:
        await connection.exec_driver_sql("DROP OWNED BY anybody")
        await connection.exec_driver_sql("DROP ROLE anybody")
    await owner.close()
