"""kill -9 at any statement of a removal from the record: all of it is gone, or nothing."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.checkpoints import read_keys
from bot.engine import checkpoints, proof
from bot.engine.signing import Signer, new_pair
from bot.store import anchors
from bot.store.session import Store
from tests.chaos.driver import FORK
from tests.chaos.pruner import run
from tests.store import records

ENTRIES, COVERED = 30, 12


@pytest.mark.chaos
@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_removal_is_whole_or_did_not_happen(database: str, tmp_path: Path) -> None:
    pem, public = new_pair()
    await _fill(database, pem)
    trace = tmp_path / "trace"
    for kill_at in range(1, 100):
        folder = tmp_path / f"export{kill_at}"
        victim = FORK.Process(target=run, args=(database, pem, str(folder), kill_at, str(trace)))
        victim.start()
        await asyncio.to_thread(victim.join)
        assert (folder / "manifest.json").exists()
        gone = await _removed(database, public)
        if gone:
            break
        assert victim.exitcode == -9
    struck = trace.read_text().splitlines()
    assert struck[-2:] == ["before commit", "after commit"]
    assert "INSERT INTO audit_anchors" in struck
    assert "DELETE FROM audit" in struck


async def _fill(database: str, pem: str) -> None:
    store, signer = Store(database), Signer(pem)
    for begin, end in ((0, COVERED), (COVERED, ENTRIES)):
        await records.fill(store, end - begin, begin=begin)
        async with store.write() as session:
            await checkpoints.take(session, signer, records.START, None)
    await store.close()


async def _removed(database: str, public: str) -> bool:
    """Whether the entries are gone; either way what is left is whole."""
    store = Store(database)
    async with store.read() as session:
        found = await proof.prove(session, read_keys(public))
        told = await anchors.notes(session)
    await store.close()
    assert found.faults == []
    if told:
        assert (found.entries, len(told)) == (ENTRIES - COVERED + 1, 1)
    else:
        assert found.entries == ENTRIES
    return bool(told)
